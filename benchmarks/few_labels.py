"""10 and 40 labels a class: `pseudo_label` beside the same network on the labelled rows alone.

    python -m benchmarks few_labels                       scikit-learn's digits, five seeds
    python -m benchmarks few_labels fashion_mnist 10 2    10 labels a class, two seeds
    python -m benchmarks few_labels fashion_mnist 10 2 pretrained 59900    with more rows

Every side takes as many steps, 1,200 for digits and 2,000 for Fashion-MNIST ("hard" and "soft"
share them among four models; with 300 each and two convolutions hardly a row of Fashion-MNIST has
a share of 0.95). "alone" sees the labelled rows as they are, "augmented" lightly augmented, as
"fixmatch" does. "pretrained" is `fine_tune`, lightly augmented, of the encoder of an autoencoder of
all rows, and "untrained" the same of that encoder with its initial weights. The accuracy is that of
rows that no side saw; the unlabelled rows are others. Nothing is held out for validation.
"""

import dataclasses
import statistics
import time
from functools import partial

import numpy as np
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

FILTERS = {"digits": (32, 64), "fashion_mnist": (32, 64, 128)}
STEPS = {"digits": 300, "fashion_mnist": 500}  # of a round
ROUNDS, BATCH_SIZE = 3, 32
PRETRAINING = 10  # epochs of an autoencoder of labelled and unlabelled rows
RATE = 1e-3  # of a small encoder; `fine_tune`'s own is for large networks
UNLABELLED, TEST = 6000, 5000


@dataclasses.dataclass(frozen=True)
class Task:
    """Labelled rows, rows without labels, and what every side has alike."""

    x: np.ndarray
    y: np.ndarray
    rest: np.ndarray
    filters: tuple
    steps: int  # of a round
    seed: int

    @property
    def all_steps(self):
        return self.steps * (ROUNDS + 1)


def data(name, labels, seed, unlabelled):
    """A task and (test x, test y): disjoint rows, drawn by the seed."""
    if name == "digits":
        x, y = _data.digits()
        x, x_test, y, y_test = train_test_split(x, y, test_size=0.33, stratify=y, random_state=seed)
    else:
        (x, y), (x_test, y_test) = _data.fashion_mnist()
        x, x_test = (part.astype("float32") / 255 for part in (x, x_test))
    random = np.random.default_rng(seed)
    order = random.permutation(len(y))
    few = np.concatenate([order[y[order] == label][:labels] for label in range(10)])
    rest = np.setdiff1d(order, few)[:unlabelled]
    task = Task(x[few], y[few], x[rest], FILTERS[name], STEPS[name], seed)
    return task, (x_test[:TEST], y_test[:TEST])


def supervised(task, augmentation=None):
    shape, filters, seed = task.x.shape[1:], task.filters, task.seed
    model = recipes.build_cnn(shape, 10, filters=filters, augmentation=augmentation, seed=seed)
    wanted, rows = task.all_steps * BATCH_SIZE, len(task.x)
    random = np.random.default_rng(seed)
    orders = [random.permutation(rows) for _ in range(-(-wanted // rows))]
    drawn = np.concatenate(orders)[:wanted]
    model.fit(recipes.batches(task.x[drawn], task.y[drawn], BATCH_SIZE, shuffle=False), verbose=0)
    return model


def semi_supervised(task, method):
    build = partial(recipes.build_cnn, filters=task.filters)
    options = {"rounds": ROUNDS, "steps": task.steps, "batch_size": BATCH_SIZE, "seed": task.seed}
    return recipes.pseudo_label(build, task.x, task.y, task.rest, method=method, **options).model


def pretrained(task, epochs=PRETRAINING):
    """The encoder of an autoencoder of all rows, then its fine-tuning."""
    shape, seed = task.x.shape[1:], task.seed
    autoencoder = recipes.build_convolutional_autoencoder(shape, filters=task.filters, seed=seed)
    everything = np.concatenate([task.x, task.rest])
    feed = recipes.batches(everything, everything, BATCH_SIZE, seed=seed)
    autoencoder.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    encoder = autoencoder.get_layer("encoder")
    model = recipes.build_pretrained(
        shape, 10, backbone=encoder, augmentation=lightly(seed), seed=seed
    )
    options = {"epochs": task.all_steps // -(-len(task.x) // BATCH_SIZE), "learning_rate": RATE}
    recipes.fine_tune(model, task.x, task.y, batch_size=BATCH_SIZE, seed=seed, **options)
    return model


def lightly(seed):
    return recipes.image_augmentation("light", flip=None, seed=seed)


SIDES = {
    "alone": supervised,
    "augmented": lambda task: supervised(task, lightly(task.seed)),
    "untrained": partial(pretrained, epochs=0),
    "pretrained": pretrained,
    "hard": partial(semi_supervised, method="hard"),
    "soft": partial(semi_supervised, method="soft"),
    "fixmatch": partial(semi_supervised, method="fixmatch"),
}


def main(name="digits", labels=None, seeds=5, sides=None, unlabelled=UNLABELLED):
    _measure.versions()
    table = []
    for count in (10, 40) if labels is None else (int(labels),):
        for side in sides.split(",") if sides else SIDES:
            scores, start = [], time.perf_counter()
            for seed in range(int(seeds)):
                task, (x_test, y_test) = data(name, count, seed, int(unlabelled))
                predicted = SIDES[side](task).predict(x_test, verbose=0).argmax(-1)
                scores.append(float((predicted == y_test).mean()))
            seconds = (time.perf_counter() - start) / int(seeds)
            each = " ".join(f"{score:.3f}" for score in scores)
            table.append((count, side, f"{statistics.mean(scores):.3f}", each, f"{seconds:.0f}"))
            print(f"{name}: {table[-1]}", flush=True)
    _measure.table(("labels a class", "what", f"accuracy on {name}", "each seed", "seconds"), table)
