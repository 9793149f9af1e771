"""Five folds of a small model: `cross_validate` beside building and fitting five models.

Both sides have the same builder, folds, batches, epochs and seeds, and predict the held-out rows;
the other side is the loop that a user writes. The first round of each side is not timed: it warms
the machine, not the models, which are built and traced anew in every round.
"""

import functools
import statistics

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

import recipes
from benchmarks import _data, _measure

FOLDS = 5
BATCH_SIZE = 32


def tasks():
    """name -> (build, x, y)."""
    table, benign = load_breast_cancer(return_X_y=True)
    images, labels = _data.digits()
    return {
        "MLP, breast_cancer": (functools.partial(recipes.build_mlp, (30,), 2), table, benign),
        "CNN, digits": (
            functools.partial(recipes.build_cnn, (8, 8, 1), 10, filters=(8, 16)),
            images,
            labels,
        ),
    }


def five_models(build, x, y, seed, epochs):
    """Out-of-fold accuracy of a model built for each fold."""
    right = np.zeros(len(y), bool)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (train, held) in enumerate(folds.split(x, y)):
        model = build(seed=10 * seed + number)
        feed = recipes.batches(x[train], y[train], BATCH_SIZE, seed=seed)
        model.fit(feed, epochs=epochs, shuffle=False, verbose=0)
        right[held] = model.predict(x[held], verbose=0).argmax(1) == y[held]
    return right.mean()


def one_model(build, x, y, seed, epochs):
    """The same by `cross_validate`."""
    fit = {"epochs": epochs, "batch_size": BATCH_SIZE}
    result = recipes.cross_validate(build, x, y, fit=fit, validation=None, seed=seed)
    return result.overall["accuracy"]


def main(epochs=10, seeds=3):
    _measure.versions()
    rows = []
    for name, (build, x, y) in tasks().items():
        accuracies = {five_models: [], one_model: []}
        seeds_left = {side: iter(range(int(seeds) + 1)) for side in accuracies}

        def run(side, accuracies=accuracies, left=seeds_left, data=(build, x, y)):
            accuracies[side].append(side(*data, next(left[side]), int(epochs)))

        sides = [functools.partial(run, side) for side in accuracies]
        seconds = _measure.alternate(*sides, repeats=int(seeds) + 1)
        slow, fast = (taken[1:] for taken in seconds)
        rows.append(
            (
                name,
                *(f"{statistics.median(taken):.2f}" for taken in (slow, fast)),
                f"{_measure.ratio(slow, fast):.2f}",
                *(f"{np.mean(v):.4f} +- {np.std(v):.4f}" for v in accuracies.values()),
            )
        )
    header = ("model", "five models, s", "cross_validate, s", "times faster")
    print(f"\n{FOLDS} folds of {epochs} epochs, batch {BATCH_SIZE}, {seeds} seeds\n")
    _measure.table((*header, "accuracy, five models", "accuracy, cross_validate"), rows)
