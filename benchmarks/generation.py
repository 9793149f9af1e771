"""Digits of `build_gan` as more training data: real ones alone, and made ones beside them.

    python -m benchmarks generation              20 real digits a class, three seeds
    python -m benchmarks generation 50 5 0.5,1   50 a class, five seeds, two values of `diversity`

The generator learns from the same few digits. A random forest and a small `build_cnn` are scored
on 500 digits that neither saw; "augmented" shifts the real ones lightly instead. "read" is the
share of made digits that a forest of all real ones takes for what they are meant to be, "spread"
their standard deviation within a class beside that of the real ones: 1 is as varied.
"""

import statistics

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

STEPS, BATCH_SIZE = 1200, 64
CLASSIFIER_STEPS = 600


def data(few, seed):
    """(x, y) of few rows a class, (x, y) of the others, (x, y) to score; raw 0-255."""
    x, y = _data.digits()
    x, x_test, y, y_test = train_test_split(
        x * 255, y, test_size=500, stratify=y, random_state=seed
    )
    rows = np.concatenate([np.flatnonzero(y == digit)[:few] for digit in range(10)])
    return (x[rows], y[rows]), (x, y), (x_test, y_test)


def made(x, y, diversity, seed):
    """As many digits as there are real ones, class by class."""
    model = recipes.build_gan(x.shape[1:], classes=10, diversity=diversity, seed=seed)
    feed = recipes.batches(x, y, BATCH_SIZE, seed=seed)
    model.fit(feed, epochs=STEPS * BATCH_SIZE // len(x), shuffle=False, verbose=0)
    return recipes.sample(model, len(x), label=y, seed=seed)


def forest(x, y, seed):
    return RandomForestClassifier(random_state=seed).fit(x.reshape(len(x), -1), y)


def scores(x, y, test, seed, augmentation=None):
    """Accuracy of the forest and of the network."""
    x_test, y_test = test
    network = recipes.build_cnn(
        x.shape[1:], 10, filters=(16, 32), augmentation=augmentation, seed=seed
    )
    feed = recipes.batches(x, y, BATCH_SIZE, seed=seed)
    network.fit(feed, epochs=CLASSIFIER_STEPS * BATCH_SIZE // len(x), shuffle=False, verbose=0)
    tree = forest(x, y, seed).score(x_test.reshape(len(x_test), -1), y_test)
    return tree, float((network.predict(x_test, verbose=0).argmax(-1) == y_test).mean())


def within(x, y):
    """Mean standard deviation of a pixel within a class."""
    return np.mean([x[y == digit].std(axis=0).mean() for digit in range(10)])


def main(few=20, seeds=3, diversity="1"):
    _measure.versions()
    found: dict[str, list] = {}

    def note(seed, name, *values):
        found.setdefault(name, []).append(values)
        print(f"seed {seed}, {name}:", *(f"{value:.3f}" for value in values), flush=True)

    for seed in range(int(seeds)):
        (x, y), everything, test = data(int(few), seed)
        note(seed, "real alone", *scores(x, y, test, seed))
        light = recipes.image_augmentation("light", flip=None, seed=seed)
        network = scores(x, y, test, seed, light)[1]
        note(seed, "real, augmented", np.nan, network)  # the forest takes no augmentation
        judge = forest(*everything, seed)
        for weight in str(diversity).split(","):
            more = made(x, y, float(weight), seed)
            read = judge.score(more.reshape(len(more), -1), y)
            both = np.concatenate([x, more]), np.concatenate([y, y])
            values = *scores(*both, test, seed), read, within(more, y) / within(x, y)
            note(seed, f"real and made, diversity={weight}", *values)
    columns = ("forest", "network", "read", "spread")
    rows = []
    for name, each in found.items():
        means = [statistics.mean(column) for column in zip(*each, strict=True)]
        cells = ["-" if np.isnan(mean) else f"{mean:.3f}" for mean in means]
        rows.append([name, *cells, *["-"] * (len(columns) - len(cells))])
    _measure.table((f"{few} digits a class", *columns), rows)
