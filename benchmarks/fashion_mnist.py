"""Fashion-MNIST, official split: `build_cnn` by default beside two plain convolutions."""

import time

import keras
from keras import layers

import recipes
from benchmarks import _data, _measure

BATCH_SIZE = 64
EPOCHS = 12


def two_convolutions():
    """What a tutorial writes: two convolutions, a dense layer, Adam."""
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


def main(only="", epochs=EPOCHS, seed=0):
    """All models, or those whose name holds `only`."""
    _measure.versions()
    (x, y), (x_test, y_test) = _data.fashion_mnist()
    runs = {
        "two convolutions by hand": (two_convolutions, []),
        "build_cnn, plain fit": (default_cnn, []),
        "build_cnn, CosineAnnealing": (default_cnn, [recipes.CosineAnnealing()]),
    }
    rows = []
    for name, (build, callbacks) in runs.items():
        if only not in name:
            continue
        keras.utils.set_random_seed(int(seed))
        model = build()
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH_SIZE, epochs=int(epochs), callbacks=callbacks, verbose=2)
        minutes = (time.perf_counter() - start) / 60
        accuracy = model.evaluate(x_test, y_test, batch_size=512, verbose=0)[1]
        rows.append(
            (name, f"{model.count_params():,}", epochs, f"{minutes:.1f}", f"{accuracy:.4f}")
        )
    _measure.table(("model", "parameters", "epochs", "minutes", "test accuracy"), rows)


def default_cnn():
    return recipes.build_cnn((28, 28, 1), 10)
