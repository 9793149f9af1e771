"""Digits before other backgrounds: `build_domain_adversarial` beside a model of the source alone.

    python -m benchmarks domain_shift             five seeds
    python -m benchmarks domain_shift inverted    dark on light instead

Source: scikit-learn's digits with labels. Target: other digits, blended with pieces of photographs,
without labels; the accuracy is that on target rows that no model saw. Both sides have the same
layers and take the same steps; `strength=0` is the source alone.
"""

import statistics
import time

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

EPOCHS, BATCH_SIZE = 30, 64


def target_of(x, kind, random):
    """Dark on light, or the difference from pieces of two photographs, as in MNIST-M."""
    if kind == "inverted":
        return 1 - x
    photos = [photo.mean(axis=-1) / 255 for photo in load_sample_images().images]
    pieces = []
    for _ in x:
        photo = photos[random.integers(2)]
        row, column = (random.integers(side - 32) for side in photo.shape)
        pieces.append(photo[row : row + 32 : 4, column : column + 32 : 4])
    return np.abs(x - np.stack(pieces)[..., None]).astype("float32")


def run(seed, kind, strength, epochs):
    x, y = _data.digits()
    source, rest, y_source, y_rest = train_test_split(x, y, test_size=0.6, random_state=seed)
    target, test, _, y_test = train_test_split(rest, y_rest, test_size=0.5, random_state=seed)
    random = np.random.default_rng(seed)
    target, test = (target_of(part, kind, random) for part in (target, test))
    feed = recipes.domain_batches(source, y_source, target, BATCH_SIZE, seed=seed)
    steps = epochs * (2 * max(len(source), len(target)) // BATCH_SIZE)
    model = recipes.build_domain_adversarial(
        x.shape[1:], 10, filters=(32, 64), strength=strength, ramp_steps=steps, seed=seed
    )
    model.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    return float((model.predict(test, verbose=0)["output"].argmax(-1) == y_test).mean())


def main(kind="blended", seeds=5, epochs=EPOCHS):
    _measure.versions()
    rows = []
    for name, strength in (("source alone (strength=0)", 0.0), ("build_domain_adversarial", 1.0)):
        start = time.perf_counter()
        scores = []
        for seed in range(int(seeds)):
            scores.append(run(seed, kind, strength, int(epochs)))
            print(f"{name}, seed {seed}: {scores[-1]:.3f}", flush=True)
        seconds = (time.perf_counter() - start) / int(seeds)
        each = " ".join(f"{score:.3f}" for score in scores)
        rows.append((name, f"{statistics.mean(scores):.3f}", each, f"{seconds:.0f}"))
    _measure.table(("model", "accuracy on the target", "each seed", "seconds"), rows)
