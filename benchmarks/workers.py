"""Trials a minute of `search` with several workers, beside one process; on an idle machine.

Both sides train the same MLPs on digits: the random engine draws the same configurations whoever
asks. One process is left all cores, as TensorFlow does by itself. "from the first trial" leaves out
what a search pays once, above all the import of TensorFlow in every worker.

    python -m benchmarks workers [workers] [trials] [epochs]
"""

import tempfile
import time

import optuna

from benchmarks import _data, _measure
from benchmarks.searching import KNOBS
from recipes import build_mlp
from tuning import Widths, search
from tuning._ledger import sqlite_url

SPACE = {
    "units": Widths(32, 256, step=32, depth=(1, 3)),
    **KNOBS,
}


def measure(workers, trials, epochs):
    """(trials a minute of the whole search, the same from its first trial on)."""
    x, y = _data.digits()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        search(
            build_mlp,
            x,
            y,
            space=SPACE,
            engine="random",
            pruner="none",
            objective="val_accuracy",
            max_trials=trials,
            epochs=epochs,
            workers=workers,
            seed=0,
            directory=folder,
            verbose=False,
        )
        taken = time.perf_counter() - start
        rows = optuna.load_study(study_name="build_mlp", storage=sqlite_url(folder)).trials
    ended = [row for row in rows if row.state.name == "COMPLETE"]
    if len(ended) != trials:
        raise RuntimeError(f"{len(ended)} of {trials} trials ended.")
    first = min(row.datetime_start for row in rows)
    steady = (max(row.datetime_complete for row in ended) - first).total_seconds()
    return 60 * trials / taken, 60 * trials / steady


def main(workers=2, trials=40, epochs=20):
    _measure.versions()
    workers, trials, epochs = int(workers), int(trials), int(epochs)
    measure(1, 1, 1)  # the first training of a process is slower
    rates = {number: measure(number, trials, epochs) for number in (1, workers)}
    rows = [(number, f"{whole:.1f}", f"{steady:.1f}") for number, (whole, steady) in rates.items()]
    gains = (many / one for one, many in zip(*rates.values(), strict=True))
    rows.append(("times as many", *(f"{gain:.2f}" for gain in gains)))
    _measure.table(("workers", "trials a minute", "from the first trial"), rows)
    return 0
