"""Seconds a trial of a search by five folds: `search(folds=5)` beside five fits a trial.

The other side is what a user of Keras Tuner writes, a hypermodel whose `fit` builds and trains a
model for each fold and returns the mean of their best epochs. Both have the same folds, knobs,
epochs and batches, the same random engine and no pruning, and try the same configurations.
"""

import functools
import statistics

import keras_tuner
import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks import _data, _measure
from benchmarks.searching import KNOBS
from recipes import batches, build_cnn, build_mlp
from tuning import hypermodel, search

FOLDS = 5
BATCH_SIZE = 32
# Widths are fixed, so that a trial costs the same everywhere.
TASKS = {
    "MLP, digits": (build_mlp, {"units": (128, 64), **KNOBS}),
    "CNN, digits": (build_cnn, {"filters": (16, 32), **KNOBS}),
}
OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


class FiveFits(keras_tuner.HyperModel):
    """A model a fold, one after the other."""

    def __init__(self, model, x, y, folds):
        super().__init__(name="FiveFits")
        self.model, self.x, self.y, self.folds = model, x, y, folds

    def build(self, hp):
        return self.model.build(hp)

    def fit(self, hp, model, *args, epochs, **kwargs):
        best = []
        for train, held in self.folds:
            history = self.model.build(hp).fit(
                batches(self.x[train], self.y[train], BATCH_SIZE, seed=0),
                validation_data=batches(self.x[held], self.y[held], BATCH_SIZE, shuffle=False),
                epochs=epochs,
                shuffle=False,
                verbose=0,
            )
            best.append(max(history.history["val_accuracy"]))
        return {"val_accuracy": float(np.mean(best))}


def main(trials=5, epochs=10, repeats=2):
    _measure.versions()
    trials, epochs = int(trials), int(epochs)
    x, y = _data.digits()
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y))
    rows = []
    for name, (build, space) in TASKS.items():
        model = hypermodel(build, {**space, "seed": 0}, input_shape=x.shape[1:], outputs=10)
        five = FiveFits(model, x, y, folds)
        settings = {
            "objective": OBJECTIVE,
            "engine": "random",
            "pruner": "none",
            "max_trials": trials,
            "epochs": epochs,
            "batch_size": BATCH_SIZE,
            "seed": 0,
            "verbose": False,
        }
        scores: dict = {}

        def run(side, search_it, scores=scores):
            scores[side] = search_it().leaderboard().set_index("trial")["score"].sort_index()

        seconds = _measure.alternate(
            functools.partial(
                run, "five", functools.partial(search, five, x, y, validation=0.2, **settings)
            ),
            functools.partial(
                run,
                "folds",
                functools.partial(search, build, x, y, space=space, folds=folds, **settings),
            ),
            repeats=int(repeats) + 1,
        )
        slow, fast = (taken[1:] for taken in seconds)  # the first round warms the process
        rows.append(
            (
                name,
                *(f"{statistics.median(taken) / trials:.2f}" for taken in (slow, fast)),
                f"{_measure.ratio(slow, fast):.2f}",
                *(f"{scores[side].mean():.4f}" for side in ("five", "folds")),
            )
        )
    header = ("model", "five fits, s a trial", "folds=5, s a trial", "times faster")
    _measure.table((*header, "mean score, five fits", "mean score, folds=5"), rows)
    return 0
