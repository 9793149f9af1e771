"""How long a model takes to answer: `latency`, for `max_latency` and as an objective."""

import statistics
import time

import keras

ROWS = 32  # Keras's own batch of `predict`
WARM_UPS, CALLS = 3, 15


def latency(model, x):
    """Milliseconds in which the compiled model predicts one batch of 32 rows.

    It traces or compiles the prediction in calls that do not count, then takes the median of 15:
    what a server that keeps the model in memory waits for. Other work on the machine lengthens it.

    Args:
        model: a `keras.Model`, trained or not.
        x: rows, an array or several of them; where there are fewer than 32 all are taken.

    Returns:
        float, milliseconds.
    """
    rows = keras.tree.map_structure(lambda part: part[:ROWS], x)
    seconds = []
    for call in range(WARM_UPS + CALLS):
        start = time.perf_counter()
        model.predict_on_batch(rows)
        if call >= WARM_UPS:
            seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)
