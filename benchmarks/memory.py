"""Memory of a long search: how much its process grows with every trial, beside Keras Tuner.

Small MLPs on digits, one epoch a trial. "new graphs" searches the dropout rate, so that every trial
is traced anew; "one graph" searches the learning rate only. "two workers" is "new graphs" with
`workers=2`, whose processes make room for fresh ones.
Growth is the slope of a line through the resident size behind every trial, in a process of our own
from the tenth on. Linux only.

    python -m benchmarks memory [trials] [side, such as "new"] [trials a worker's process, else 50]
"""

import functools
import os
import tempfile
from pathlib import Path

import keras
import keras_tuner
import numpy as np

from benchmarks import _data, _measure
from recipes import build_mlp
from tuning import Float, _workers, hypermodel, search

WARM_UP = 10  # trials that are not counted: what is loaded once is no growth
MB = 1e6


class Size(keras.callbacks.Callback):
    """Writes the resident MB of its process behind every training into a file, a line each."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_end(self, logs=None):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        with open(self.path, "a") as file:
            print(pages * os.sysconf("SC_PAGE_SIZE") / MB, file=file)


def main(trials=200, only="", a_process=_workers.TRIALS_A_PROCESS):
    _measure.versions()
    trials, _workers.TRIALS_A_PROCESS = int(trials), int(a_process)
    images, labels = _data.digits()
    x, y = images.reshape(len(images), -1)[:400], labels[:400]
    rate = Float(1e-4, 1e-2, log=True)
    spaces = {
        "new graphs": {"units": (16,), "dropout": Float(0.0, 0.5), "learning_rate": rate},
        "one graph": {"units": (16,), "learning_rate": rate},
    }

    def ours(space, size, workers=1):
        search(
            build_mlp,
            x,
            y,
            space=space,
            pruner="none",
            max_trials=trials,
            epochs=1,
            callbacks=[size],
            workers=workers,
            seed=0,
            verbose=False,
        )

    def theirs(space, size):
        model = hypermodel(build_mlp, space, input_shape=x.shape[1:], outputs=10)
        with tempfile.TemporaryDirectory() as folder:
            tuner = keras_tuner.RandomSearch(model, "val_loss", max_trials=trials, directory=folder)
            tuner.search(x, y, validation_split=0.2, epochs=1, verbose=0, callbacks=[size])

    sides = {name: (ours, space) for name, space in spaces.items()}
    sides["two workers"] = functools.partial(ours, workers=2), spaces["new graphs"]
    sides["Keras Tuner's RandomSearch"] = theirs, spaces["new graphs"]
    rows = []
    for name, (side, space) in sides.items():
        if only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "sizes")
            side(space, Size(path))
            sizes = np.loadtxt(path)
        counted = sizes if name == "two workers" else sizes[WARM_UP:]
        slope = np.polyfit(np.arange(len(counted)), counted, 1)[0]
        figures = (counted[0], counted[-1], counted.max())
        rows.append((name, len(sizes), *(f"{mb:.0f}" for mb in figures), f"{slope:.2f}"))
    _measure.table(("search", "trials", "MB at first", "at last", "at most", "MB a trial"), rows)
    return 0
