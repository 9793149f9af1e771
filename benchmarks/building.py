"""What building through a recipe costs beside writing the same layers by hand."""

import statistics

import keras
from keras import layers

import recipes
from benchmarks import _measure


def mlp_by_hand():
    x = inputs = keras.Input((30,))
    x = layers.BatchNormalization(momentum=0.9, center=False, scale=False)(x)
    for width in (128, 64):
        x = layers.Dense(width, use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.Dropout(0.1)(x)
    outputs = layers.Dense(10, activation="softmax", dtype="float32")(x)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cnn_by_hand():
    x = inputs = keras.Input((28, 28, 1))
    for width in (32, 64, 128, 256):
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.Dropout(0.1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax", dtype="float32")(x)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


PAIRS = {
    "build_mlp": (mlp_by_hand, lambda: recipes.build_mlp((30,), 10)),
    "build_cnn": (cnn_by_hand, lambda: recipes.build_cnn((28, 28, 1), 10)),
}


def main(repeats=31):
    _measure.versions()
    rows = []
    for name, (by_hand, by_recipe) in PAIRS.items():
        assert by_hand().count_params() == by_recipe().count_params()
        hand, recipe = _measure.alternate(by_hand, by_recipe, repeats=int(repeats))
        medians = [f"{1000 * statistics.median(taken):.1f}" for taken in (hand, recipe)]
        rows.append((name, *medians, f"{_measure.ratio(recipe, hand):.2f}"))
    _measure.table(("model", "by hand, ms", "recipe, ms", "recipe / by hand"), rows)
