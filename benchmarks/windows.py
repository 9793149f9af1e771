"""Lazy windows beside `timeseries_dataset_from_array`: seconds an epoch, and memory by length."""

import functools
import os
import statistics
import tracemalloc

import keras
import numpy as np

import recipes
from benchmarks import _measure

WINDOW, HORIZON, BATCH = 48, 12, 64


def keras_windows(series):
    """The same windows by Keras; its targets are one array for all of them, its shapes unknown."""
    import tensorflow as tf

    targets = np.lib.stride_tricks.sliding_window_view(series[WINDOW:, 0], HORIZON)
    dataset = keras.utils.timeseries_dataset_from_array(
        series[: len(series) - HORIZON], targets, WINDOW, batch_size=BATCH, shuffle=True
    )
    shapes = (None, WINDOW, series.shape[1]), (None, HORIZON)
    return dataset.map(lambda x, y: (tf.ensure_shape(x, shapes[0]), tf.ensure_shape(y, shapes[1])))


def model(features):
    net = keras.Sequential([keras.Input((WINDOW, features)), keras.layers.Flatten()])
    net.add(keras.layers.Dense(HORIZON))
    net.compile("adam", "mse", steps_per_execution=32)
    return net


def lazy(series):
    return recipes.make_windows(
        series, WINDOW, HORIZON, targets=0, validation=0, test=0, batch_size=BATCH, seed=0
    ).train


def main(repeats=5, rows=20_000):
    _measure.versions()
    table = []
    for features in (1, 8):
        series = np.random.default_rng(0).normal(size=(int(rows), features)).astype("float32")
        ours, theirs = lazy(series), keras_windows(series)
        # A model each: the targets differ in rank.
        nets = [model(features) for _ in range(2)]
        for net, windows in zip(nets, (theirs, ours), strict=True):
            net.fit(windows, shuffle=False, verbose=0)  # traced before the clock runs
        seconds = _measure.alternate(
            functools.partial(nets[0].fit, theirs, shuffle=False, verbose=0),
            functools.partial(nets[1].fit, ours, shuffle=False, verbose=0),
            repeats=int(repeats),
        )
        medians = (f"{statistics.median(taken):.3f}" for taken in seconds)
        name = f"{features} features, {ours.windows} windows, fit of a linear layer"
        table.append((name, *medians, f"{_measure.ratio(*seconds):.2f}"))
    _measure.table(("one epoch", "Keras, s", "make_windows, s", "times faster"), table)

    rows = []
    for length in (100_000, 1_000_000, 10_000_000):
        path = f"/tmp/series-{os.getpid()}.npy"
        on_disk = np.lib.format.open_memmap(path, "w+", "float32", (length, 1))
        on_disk[:] = np.random.default_rng(0).normal(size=(length, 1))
        tracemalloc.start()
        train = lazy(np.load(path, mmap_mode="r"))
        for step in range(200):
            train[step]
        train.on_epoch_end()
        rows.append((f"{train.windows:,}", f"{tracemalloc.get_traced_memory()[1] / 1e6:.1f}"))
        tracemalloc.stop()
        os.remove(path)
    print()
    _measure.table(("windows on disk", "peak of memory, MB"), rows)
