"""Memory of a long search: how much the process grows with every trial, beside Keras Tuner.

Small MLPs on digits, one epoch a trial, in one process. "new graphs" searches the dropout rate, so
that every trial is traced anew; "one graph" searches the learning rate only. Growth is the slope of
a line through the resident size behind every trial from the tenth on. Linux only.

    python -m benchmarks memory [trials] [side, such as "new"]
"""

import os
import tempfile
from pathlib import Path

import keras
import keras_tuner
import numpy as np

from benchmarks import _data, _measure
from recipes import build_mlp
from tuning import Float, hypermodel, search

WARM_UP = 10  # trials that are not counted: what is loaded once is no growth
MB = 1e6


class Size(keras.callbacks.Callback):
    """Resident MB of the process behind every training."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __deepcopy__(self, memo):
        return self  # Keras Tuner copies callbacks, and this one is to be seen afterwards

    def on_train_end(self, logs=None):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / MB)
        if len(self.sizes) % WARM_UP == 0:
            print(f"trial {len(self.sizes)}: {self.sizes[-1]:.0f} MB", flush=True)


def main(trials=200, only=""):
    _measure.versions()
    trials = int(trials)
    images, labels = _data.digits()
    x, y = images.reshape(len(images), -1)[:400], labels[:400]
    rate = Float(1e-4, 1e-2, log=True)
    spaces = {
        "new graphs": {"units": (16,), "dropout": Float(0.0, 0.5), "learning_rate": rate},
        "one graph": {"units": (16,), "learning_rate": rate},
    }

    def ours(space, size):
        search(
            build_mlp,
            x,
            y,
            space=space,
            pruner="none",
            max_trials=trials,
            epochs=1,
            callbacks=[size],
            seed=0,
            verbose=False,
        )

    def theirs(space, size):
        model = hypermodel(build_mlp, space, input_shape=x.shape[1:], outputs=10)
        with tempfile.TemporaryDirectory() as folder:
            tuner = keras_tuner.RandomSearch(model, "val_loss", max_trials=trials, directory=folder)
            tuner.search(x, y, validation_split=0.2, epochs=1, verbose=0, callbacks=[size])

    sides = {name: (ours, space) for name, space in spaces.items()}
    sides["Keras Tuner's RandomSearch"] = theirs, spaces["new graphs"]
    rows = []
    for name, (side, space) in sides.items():
        if only not in name:
            continue
        size = Size()
        side(space, size)
        counted = np.array(size.sizes[WARM_UP:])
        slope = np.polyfit(np.arange(len(counted)), counted, 1)[0]
        ends = f"{counted[0]:.0f}", f"{counted[-1]:.0f}"
        rows.append((name, len(size.sizes), *ends, f"{slope:.2f}"))
    _measure.table(("search", "trials", "MB at first", "MB at last", "MB a trial"), rows)
    return 0
