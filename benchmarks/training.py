"""Seconds per epoch of small models: recipe and `batches`, beside Keras's defaults.

Both sides have the same layers, optimizer, loss, metric and batch size on one backend. The plain
side is `compile` and `fit(x, y)` with Keras's defaults. Steady epochs: each side has trained before
the clock starts. Quality is the mean validation score of both sides over the seeds.
"""

import functools
import statistics

import keras
import numpy as np
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

BATCH_SIZE = 32


def tasks():
    """name -> (build, x, y); the target of an autoencoder is x."""
    images, labels = _data.digits()
    table = images.reshape(len(images), -1)
    noise = np.random.default_rng(0)
    factors = noise.normal(size=(10_000, 8)) @ noise.normal(size=(8, 30))
    wide = (factors / factors.std(0)).astype("float32")
    return {
        "MLP, digits": (lambda seed: recipes.build_mlp((64,), 10, seed=seed), table, labels),
        "CNN, digits": (
            lambda seed: recipes.build_cnn((8, 8, 1), 10, filters=(16, 32), seed=seed),
            images,
            labels,
        ),
        "autoencoder 64-32-64, 10,000 x 30": (
            lambda seed: recipes.build_stacked_autoencoder(
                (30,), units=(64,), latent_dim=32, seed=seed
            ),
            wide,
            wide,
        ),
    }


def plain(model):
    """The same layers, compiled as a user compiles."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    config = model.get_compile_config()
    twin.compile(
        optimizer=optimizer,
        loss=keras.losses.get(config["loss"]),
        # The recipes' accuracy is a metric of their own, over Keras's.
        metrics=["accuracy" if isinstance(m, dict) else m for m in config["metrics"]],
    )
    return twin


def main(epochs=10, seeds=3, repeats=7):
    _measure.versions()
    rows = []
    for name, (build, x, y) in tasks().items():
        x, x_val, y, y_val = train_test_split(x, y, test_size=0.2, random_state=0)
        scores = {"plain": [], "recipe": []}
        for seed in range(int(seeds)):
            fast = build(seed)
            slow = plain(fast)
            feed = recipes.batches(x, y, BATCH_SIZE, seed=seed)
            fast.fit(feed, epochs=int(epochs), shuffle=False, verbose=0)
            slow.fit(x, y, batch_size=BATCH_SIZE, epochs=int(epochs), verbose=0)
            scores["plain"].append(slow.evaluate(x_val, y_val, verbose=0)[1])
            scores["recipe"].append(fast.evaluate(x_val, y_val, verbose=0)[1])
        seconds = _measure.alternate(
            functools.partial(slow.fit, x, y, batch_size=BATCH_SIZE, verbose=0),
            functools.partial(fast.fit, feed, shuffle=False, verbose=0),
            repeats=int(repeats),
        )
        rows.append(
            (
                name,
                *(f"{statistics.median(taken):.3f}" for taken in seconds),
                f"{_measure.ratio(*seconds):.2f}",
                *(f"{np.mean(values):.4f}" for values in scores.values()),
            )
        )
    header = ("model", "plain, s", "recipe, s", "times faster", "plain score", "recipe score")
    _measure.table(header, rows)
