"""Seconds per epoch of `build_rnn`, LSTM(64), 50 steps, batches of 64, beside Keras and PyTorch.

Every way to make a recurrent epoch faster is a row: an execution of 32 steps, the batches of
`recipes`, an unrolled loop, a compiled graph, one operation over all steps. Sides take turns. Run
it again with KERAS_BACKEND=jax for that backend; PyTorch is measured where it is installed.
"""

import functools
import importlib.util
import statistics
import time

import keras
import numpy as np

import recipes
from benchmarks import _measure
from recipes import _heads

ROWS, STEPS, FEATURES, UNITS, CLASSES, BATCH_SIZE = 2560, 50, 8, 64, 3, 64


def keras_model(layer=keras.layers.LSTM, execution=1, jit_compile="auto", **options):
    model = keras.Sequential(
        [
            keras.Input((STEPS, FEATURES)),
            layer(UNITS, **options),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=execution,
        jit_compile=jit_compile,
    )
    return model


def recipe(cell):
    options = {"units": (UNITS,), "batch_norm": False, "dropout": 0.0}
    return recipes.build_rnn((STEPS, FEATURES), CLASSES, cell=cell, **options)


def torch_epoch(x, y):
    """One epoch of the same in PyTorch: shuffled batches, loss and accuracy, Adam."""
    import torch

    torch.set_num_threads(max(torch.get_num_threads() // 2, 1))  # 2 threads on 2 busy cores crawl
    cell = torch.nn.LSTM(FEATURES, UNITS, batch_first=True)
    head = torch.nn.Linear(UNITS, CLASSES)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=1e-3)
    x, y = torch.as_tensor(x), torch.as_tensor(y).long()

    def epoch():
        right = 0.0
        for rows in torch.randperm(len(x)).split(BATCH_SIZE):
            optimizer.zero_grad()
            scores = head(cell(x[rows])[0][:, -1])
            torch.nn.functional.cross_entropy(scores, y[rows]).backward()
            optimizer.step()
            right += float((scores.argmax(-1) == y[rows]).sum())

    return epoch


def main(repeats=5):
    _measure.versions()
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, STEPS, FEATURES)).astype("float32")
    y = random.integers(0, CLASSES, ROWS)
    feed = recipes.batches(x, y, BATCH_SIZE, seed=0)
    execution = _heads.STEPS_PER_EXECUTION

    def plain(model):
        return functools.partial(model.fit, x, y, batch_size=BATCH_SIZE, verbose=0)

    def fed(model):
        return functools.partial(model.fit, feed, shuffle=False, verbose=0)

    sides = {
        "keras.layers.LSTM, default compile and fit": plain(keras_model()),
        f"+ steps_per_execution={execution}": plain(keras_model(execution=execution)),
        "+ recipes.batches": fed(keras_model(execution=execution)),
        "  and unrolled": fed(keras_model(execution=execution, unroll=True)),
        "  and jit_compile": fed(keras_model(execution=execution, jit_compile=True)),
        "build_rnn": fed(recipe("lstm")),
        "keras.layers.GRU, default compile and fit": plain(keras_model(keras.layers.GRU)),
        "build_rnn, cell='gru'": fed(recipe("gru")),
    }
    if importlib.util.find_spec("torch"):
        sides["PyTorch LSTM"] = torch_epoch(x, y)
    first = []
    for side in sides.values():
        start = time.perf_counter()
        side()
        first.append(time.perf_counter() - start)
    seconds = dict(
        zip(sides, _measure.alternate(*sides.values(), repeats=int(repeats)), strict=True)
    )
    rows = []
    for (name, taken), begin in zip(seconds.items(), first, strict=True):
        base = "GRU" if "gru" in name.lower() else "LSTM"
        slow = seconds[f"keras.layers.{base}, default compile and fit"]
        times = f"{_measure.ratio(slow, taken):.2f}"
        rows.append((name, f"{begin:.1f}", f"{statistics.median(taken):.3f}", times))
    _measure.table(("", "first epoch, s", "epoch, s", "times faster"), rows)
