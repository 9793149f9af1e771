"""Digits before other backgrounds: `build_domain_adversarial` beside a model of the source alone.

    python -m benchmarks domain_shift                            scikit-learn's digits, five seeds
    python -m benchmarks domain_shift inverted                   dark on light instead
    python -m benchmarks domain_shift blended 5 20 mnist FOLDER  MNIST, 20 epochs, from its files

Source: digits with labels. Target: other digits, blended with pieces of photographs, without
labels; the accuracy is that on target rows that no model saw. All sides have the same
layers and take the same steps. The second sees target rows in batch normalisation alone.
"""

import statistics
import time

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

EPOCHS, BATCH_SIZE = 30, 64
ROWS = 2000  # of MNIST, for each of source, target and test
# Name -> whether target rows are shown, and the strength with which the encoder unlearns them.
SIDES = {
    "source alone": (False, 0.0),
    "strength=0": (True, 0.0),
    "build_domain_adversarial": (True, 1.0),
}


def target_of(x, kind, random):
    """Dark on light, or the difference from pieces of two photographs, as in MNIST-M."""
    if kind == "inverted":
        return 1 - x
    photos = [photo.mean(axis=-1) / 255 for photo in load_sample_images().images]
    size = x.shape[1]
    step = 32 // size  # small digits get as large a piece, with fewer pixels
    pieces = []
    for _ in x:
        photo = photos[random.integers(2)]
        row, column = (random.integers(side - step * size) for side in photo.shape)
        pieces.append(photo[row:, column:][: step * size : step, : step * size : step])
    return np.abs(x - np.stack(pieces)[..., None]).astype("float32")


def parts(data, folder, seed):
    """Source, target and test images, and the labels of source and test: disjoint rows."""
    x, y = _data.digits() if data == "digits" else _data.mnist(folder)
    if data != "digits":
        rows = np.random.default_rng(seed).permutation(len(x))[: 3 * ROWS]
        x, y = x[rows], y[rows]
    sizes = {"test_size": 0.6 if data == "digits" else 2 * ROWS, "random_state": seed}
    source, rest, y_source, y_rest = train_test_split(x, y, **sizes)
    target, test, _, y_test = train_test_split(rest, y_rest, test_size=0.5, random_state=seed)
    return source, target, test, y_source, y_test


def run(seed, kind, shown, strength, epochs, data, folder):
    source, target, test, y_source, y_test = parts(data, folder, seed)
    random = np.random.default_rng(seed)
    target, test = (target_of(part, kind, random) for part in (target, test))
    others = target if shown else source[: len(target)]
    feed = recipes.domain_batches(source, y_source, others, BATCH_SIZE, seed=seed)
    steps = epochs * (2 * max(len(source), len(target)) // BATCH_SIZE)
    model = recipes.build_domain_adversarial(
        source.shape[1:], 10, filters=(32, 64), strength=strength, ramp_steps=steps, seed=seed
    )
    model.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    return float((model.predict(test, verbose=0)["output"].argmax(-1) == y_test).mean())


def main(kind="blended", seeds=5, epochs=EPOCHS, data="digits", folder=None):
    _measure.versions()
    rows = []
    for name, (shown, strength) in SIDES.items():
        start = time.perf_counter()
        scores = []
        for seed in range(int(seeds)):
            scores.append(run(seed, kind, shown, strength, int(epochs), data, folder))
            print(f"{name}, seed {seed}: {scores[-1]:.3f}", flush=True)
        seconds = (time.perf_counter() - start) / int(seeds)
        each = " ".join(f"{score:.3f}" for score in scores)
        rows.append((name, f"{statistics.mean(scores):.3f}", each, f"{seconds:.0f}"))
    _measure.table(("model", "accuracy on the target", "each seed", "seconds"), rows)
