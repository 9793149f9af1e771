"""Seconds a trial of a search: every engine of `search`, beside Keras Tuner's RandomSearch.

The same recipe, knobs and rows of digits on all sides; depth and widths are fixed, so that a trial
costs the same everywhere. "outside training" is what remains of a trial without its epochs, each
counted as long as the median one: proposing, building, tracing, checkpoints, files, garbage.
Keras Tuner's side gives `fit` arrays, as its users do.

    python -m benchmarks searching [trials] [epochs] [knobs, such as learning_rate] [recipe] [sides]

With the learning rate as the only knob all trials share one traced step.
"""

import itertools
import statistics
import tempfile
import time
from contextlib import contextmanager

import keras
import keras_tuner
from sklearn.model_selection import train_test_split

from benchmarks import _data, _measure
from recipes import build_cnn, build_mlp
from tuning import Float, hypermodel, search
from tuning.oracle import ENGINES as KERAS_ENGINES

ENGINES = ("tpe", "random", *KERAS_ENGINES)
KNOBS = {"dropout": Float(0.0, 0.5), "learning_rate": Float(1e-4, 1e-2, log=True)}


class Epochs(keras.callbacks.Callback):
    """Seconds between the ends of epochs, so that none but the first holds a tracing."""

    def __init__(self, clock=time.perf_counter):
        super().__init__()
        self.clock, self.ends = clock, []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(self.clock())

    def steady(self):
        """Seconds of all epochs, had each been as long as the median one."""
        epochs = [end - start for start, end in itertools.pairwise(self.ends)]
        return len(self.ends) * statistics.median(epochs) if epochs else 0.0


@contextmanager
def fit_clock():
    """A list that gathers the seconds that each `Model.fit` needs for its epochs alone."""
    seconds, fit = [], keras.Model.fit

    def timed(self, *args, callbacks=(), **kwargs):
        epochs = Epochs()
        history = fit(self, *args, callbacks=[*callbacks, epochs], **kwargs)
        seconds.append(epochs.steady())
        return history

    keras.Model.fit = timed
    try:
        yield seconds
    finally:
        keras.Model.fit = fit


def main(trials=12, epochs=10, knobs="dropout,learning_rate", recipe="", only=""):
    """`recipe` and `only` are parts of the names; `only` may be several, such as "tpe,Keras"."""
    _measure.versions()
    chosen = {name: KNOBS[name] for name in knobs.split(",")}
    header = ("recipe", "engine", "trials a minute", "seconds", "outside training")
    _measure.table(header, _rows(int(trials), int(epochs), chosen, recipe, only.split(",")))
    return 0


def _rows(trials, epochs, knobs, recipe, only):
    """A row a side, each as soon as it is measured."""
    images, labels = _data.digits()
    x, x_val, y, y_val = train_test_split(images, labels, test_size=0.2, random_state=0)
    for build, arguments in (
        (build_mlp, {"units": (128, 64)}),
        (build_cnn, {"filters": (16, 32)}),
    ):
        if recipe not in build.__name__:
            continue
        space = {**arguments, **knobs}
        # A function of hp is trained with `fit(x, y)`.
        model = hypermodel(build, space, input_shape=x.shape[1:], outputs=10).build

        def theirs(model=model):
            with tempfile.TemporaryDirectory() as folder:
                tuner = keras_tuner.RandomSearch(
                    model, "val_loss", max_trials=trials, seed=1, directory=folder
                )
                tuner.search(x, y, validation_data=(x_val, y_val), epochs=epochs, verbose=0)
                return len(tuner.oracle.trials)

        def ours(engine, build=build, space=space):
            study = search(
                build,
                x,
                y,
                space=space,
                engine=engine,
                pruner="none" if engine in ("tpe", "random") else None,
                validation=(x_val, y_val),
                max_trials=trials,
                epochs=epochs,
                seed=0,
                verbose=False,
            )
            return study.leaderboard()["rank"].count()

        sides = {engine: lambda engine=engine: ours(engine) for engine in ENGINES}
        sides["Keras Tuner's RandomSearch"] = theirs
        theirs()  # the first training of a process is slower for whoever does it
        for name, side in sides.items():
            if not any(part in name for part in only):
                continue
            with fit_clock() as in_training:
                start = time.perf_counter()
                done = side()
                taken = time.perf_counter() - start
            outside = (taken - sum(in_training)) / done
            figures = (f"{60 * done / taken:.0f}", f"{taken / done:.2f}", f"{outside:.2f}")
            yield build.__name__, name, *figures
