"""10 and 40 labels a class: `pseudo_label` beside the same network on the labelled rows alone.

    python -m benchmarks few_labels                       scikit-learn's digits, five seeds
    python -m benchmarks few_labels fashion_mnist 10 2    10 labels a class, two seeds
    python -m benchmarks few_labels fashion_mnist 10 2 pretrained 59900    with more rows

Every side takes 1,200 steps in all ("hard" and "soft" share them among four models). "alone" sees
the labelled rows as they are, "augmented" lightly augmented, as "fixmatch" does. "pretrained" is
`fine_tune`, lightly augmented, of the encoder of an autoencoder of all rows, and "untrained" the
same of that encoder with its initial weights. The accuracy is that of rows that no side saw; the
unlabelled rows are others. Nothing is held out for validation.
"""

import statistics
import time
from functools import partial

import numpy as np
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

STEPS, ROUNDS, BATCH_SIZE = 300, 3, 32
FILTERS = (32, 64)
PRETRAINING = 10  # epochs of an autoencoder of labelled and unlabelled rows
RATE = 1e-3  # of a small encoder; `fine_tune`'s own is for large networks
UNLABELLED, TEST = 6000, 5000


def data(name, labels, seed, unlabelled=UNLABELLED):
    """(x, y), unlabelled x, (test x, test y): disjoint rows, drawn by the seed."""
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
    return (x[few], y[few]), x[rest], (x_test[:TEST], y_test[:TEST])


def supervised(x, y, seed, **arguments):
    model = recipes.build_cnn(x.shape[1:], 10, filters=FILTERS, seed=seed, **arguments)
    wanted = STEPS * (ROUNDS + 1) * BATCH_SIZE
    random = np.random.default_rng(seed)
    rows = np.concatenate([random.permutation(len(x)) for _ in range(-(-wanted // len(x)))])[
        :wanted
    ]
    model.fit(recipes.batches(x[rows], y[rows], BATCH_SIZE, shuffle=False), verbose=0)
    return model


def semi_supervised(x, y, rest, method, seed):
    build = partial(recipes.build_cnn, filters=FILTERS)
    options = {"rounds": ROUNDS, "steps": STEPS, "batch_size": BATCH_SIZE, "seed": seed}
    return recipes.pseudo_label(build, x, y, rest, method=method, **options).model


def pretrained(x, y, rest, seed, epochs=PRETRAINING):
    """The encoder of an autoencoder of all rows, then its fine-tuning."""
    shape = x.shape[1:]
    autoencoder = recipes.build_convolutional_autoencoder(shape, filters=FILTERS, seed=seed)
    everything = np.concatenate([x, rest])
    feed = recipes.batches(everything, everything, BATCH_SIZE, seed=seed)
    autoencoder.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    encoder = autoencoder.get_layer("encoder")
    model = recipes.build_pretrained(
        shape, 10, backbone=encoder, augmentation=lightly(seed), seed=seed
    )
    options = {"epochs": STEPS * (ROUNDS + 1) // -(-len(x) // BATCH_SIZE), "learning_rate": RATE}
    recipes.fine_tune(model, x, y, batch_size=BATCH_SIZE, seed=seed, **options)
    return model


def lightly(seed):
    return recipes.image_augmentation("light", flip=None, seed=seed)


METHODS = "alone,augmented,untrained,pretrained,hard,soft,fixmatch"


def main(name="digits", labels=None, seeds=5, methods=METHODS, unlabelled=UNLABELLED):
    _measure.versions()
    table = []
    for count in (10, 40) if labels is None else (int(labels),):
        for method in methods.split(","):
            scores, start = [], time.perf_counter()
            for seed in range(int(seeds)):
                (x, y), rest, (x_test, y_test) = data(name, count, seed, int(unlabelled))
                if method == "alone":
                    model = supervised(x, y, seed)
                elif method == "augmented":
                    model = supervised(x, y, seed, augmentation=lightly(seed))
                elif method == "untrained":
                    model = pretrained(x, y, rest, seed, epochs=0)
                elif method == "pretrained":
                    model = pretrained(x, y, rest, seed)
                else:
                    model = semi_supervised(x, y, rest, method, seed)
                predicted = model.predict(x_test, verbose=0).argmax(-1)
                scores.append(float((predicted == y_test).mean()))
            seconds = (time.perf_counter() - start) / int(seeds)
            each = " ".join(f"{score:.3f}" for score in scores)
            table.append((count, method, f"{statistics.mean(scores):.3f}", each, f"{seconds:.0f}"))
            print(f"{name}: {table[-1]}", flush=True)
    _measure.table(
        ("labels a class", "method", f"accuracy on {name}", "each seed", "seconds"), table
    )
