"""Images per second: `image_augmentation` beside Keras's layers, in the model and before it."""

import time

import keras
import numpy as np
from keras import layers

import recipes
from benchmarks import _measure

BATCH_SIZE, ROWS, SIZE = 64, 2048, 32


def by_hand():
    """The same changes as "strong", a Keras layer each, as a tutorial stacks them."""
    return layers.Pipeline(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.15, 0.15),
            layers.RandomRotation(15 / 360),
            layers.RandomZoom(0.2, 0.2),
            layers.RandomBrightness(0.2),
            layers.RandomContrast((0.3, 0.3)),
            layers.RandomErasing(0.5),
        ]
    )


def model(augmentation):
    """A model that does next to nothing else."""
    x = inputs = keras.Input((SIZE, SIZE, 3))
    x = augmentation(x) if augmentation is not None else x
    outputs = layers.Dense(1)(layers.GlobalAveragePooling2D()(x))
    made = keras.Model(inputs, outputs)
    made.compile("sgd", "mse", steps_per_execution=16)
    return made


def main(repeats=5):
    _measure.versions()
    images = np.random.default_rng(0).integers(0, 256, (ROWS, SIZE, SIZE, 3)).astype("float32")
    feed = recipes.batches(images, np.zeros(ROWS), BATCH_SIZE, shuffle=False)

    def run(network, data):
        return lambda: network.fit(data, shuffle=False, verbose=0)

    ours = recipes.image_augmentation("strong")
    sides = {
        "nothing": run(model(None), feed),
        "Keras's layers, in the model": run(model(by_hand()), feed),
        "image_augmentation, in the model": run(model(ours), feed),
        "image_augmentation, before the model (augmented)": run(
            model(None), recipes.augmented(feed, recipes.image_augmentation("strong"))
        ),
    }
    if keras.backend.backend() == "tensorflow":
        sides["Keras's layers, before the model (tf.data)"] = run(
            model(None), recipes.augmented(feed, by_hand())
        )
    for side in sides.values():
        side()
    start = time.perf_counter()
    seconds = _measure.alternate(*sides.values(), repeats=int(repeats))
    base = seconds[1]
    rows = [
        (name, f"{ROWS / np.median(taken):,.0f}", f"{_measure.ratio(base, taken):.2f}")
        for name, taken in zip(sides, seconds, strict=True)
    ]
    _measure.table(("augmentation", "images per second", "beside Keras's in the model"), rows)
    print(f"{time.perf_counter() - start:.0f} s of measuring")
