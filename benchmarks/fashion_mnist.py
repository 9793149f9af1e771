"""Fashion-MNIST: `build_cnn` by default beside two plain convolutions, on the official split.

    python -m benchmarks fashion_mnist              train on 60,000, score on the official 10,000
    python -m benchmarks fashion_mnist validation   train on 50,000 of these, score on the rest

The defaults were chosen on the second, among the neighbours that it prints; the first was run when
they stood. Seeds are 0, 1, ...; each model sees the same rows in batches of 64.
"""

import statistics
import time

import keras
from keras import layers
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

BATCH_SIZE = 64
EPOCHS = 10
PARTS = ("test", "validation")


def by_hand(seed):
    """What a tutorial writes: two convolutions, a dense layer, Adam."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(56, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cnn(**arguments):
    return lambda seed: recipes.build_cnn((28, 28, 1), 10, seed=seed, **arguments)


# name -> (builder of a seed, callbacks)
DEFAULTS = {
    "two convolutions by hand": (by_hand, []),
    "build_cnn": (cnn(), []),
    "build_cnn, CosineAnnealing": (cnn(), [recipes.CosineAnnealing()]),
}
NEIGHBOURS = {
    f"{', '.join(f'{k}={v}' for k, v in arguments.items())}, CosineAnnealing": (
        cnn(**arguments),
        [recipes.CosineAnnealing()],
    )
    for arguments in ({"dropout": 0.0}, {"dropout": 0.25}, {"filters": (32, 64, 128)})
}


def main(part="test", only="", seeds=3, epochs=EPOCHS):
    """All models, or those whose name holds `only`."""
    if part not in PARTS:
        raise ValueError(f"part must be one of {PARTS}. Received: {part!r}.")
    _measure.versions()
    (x, y), (x_test, y_test) = _data.fashion_mnist()
    runs = DEFAULTS
    if part == "validation":
        x, x_test, y, y_test = train_test_split(x, y, test_size=10_000, stratify=y, random_state=0)
        runs = DEFAULTS | NEIGHBOURS
    rows = []
    for name, (build, callbacks) in runs.items():
        if only not in name:
            continue
        accuracies, minutes = [], []
        for seed in range(int(seeds)):
            model = build(seed)
            feed = recipes.batches(x, y, BATCH_SIZE, seed=seed)
            start = time.perf_counter()
            model.fit(feed, epochs=int(epochs), callbacks=callbacks, shuffle=False, verbose=2)
            minutes.append((time.perf_counter() - start) / 60)
            accuracies.append(model.evaluate(x_test, y_test, batch_size=512, verbose=0)[1])
            print(f"{name}, seed {seed}: {accuracies[-1]:.4f}, {minutes[-1]:.1f} min", flush=True)
        rows.append(
            (
                name,
                f"{model.count_params():,}",
                f"{statistics.median(minutes):.1f}",
                f"{statistics.mean(accuracies):.4f}",
                " ".join(f"{accuracy:.4f}" for accuracy in accuracies),
            )
        )
    header = ("model", "parameters", "minutes", f"mean {part} accuracy", "each seed")
    _measure.table(header, rows)
