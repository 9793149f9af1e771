"""Grocery photos: `build_pretrained` and `fine_tune` by default beside Keras's guide by hand.

    python -m benchmarks fine_tuning                     train on 675 photos, score on 1,322
    python -m benchmarks fine_tuning coarse              the same with 5 classes instead of 14
    python -m benchmarks fine_tuning finegrained 3       a quarter of the 675 is held out to score

The guide (keras.io/guides/transfer_learning) gets the seconds that the recipe took, half for each
of its phases. Both start from MobileNetV2's ImageNet weights at 161 pixels. The third form is where
the defaults were chosen; its number is the seed of the split.
"""

import time

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import recipes
from benchmarks import _measure, _photos

SIDE = 161  # 32k + 1: where Keras pads as the network that was trained did
KINDS = {"finegrained": 14, "coarse": 5}


class Until(keras.callbacks.Callback):
    """Stops at the end of the epoch in which the time is over."""

    def __init__(self, seconds):
        super().__init__()
        self.end = time.perf_counter() + seconds

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = time.perf_counter() > self.end


def by_hand(x, y, classes, seconds, seed):
    """Keras's guide: the head alone, then everything with a small rate."""
    keras.utils.set_random_seed(seed)
    backbone = _photos.mobilenet_v2()
    backbone.trainable = False
    inputs = keras.Input((SIDE, SIDE, 3))
    z = layers.RandomFlip("horizontal")(inputs)
    z = layers.RandomRotation(0.1)(z)
    z = layers.Lambda(
        lambda z: keras.applications.imagenet_utils.preprocess_input(z, mode="torch")
    )(z)
    z = backbone(z, training=False)
    z = layers.GlobalAveragePooling2D()(z)
    z = layers.Dropout(0.2)(z)
    model = keras.Model(inputs, layers.Dense(classes, activation="softmax")(z))
    for rate in (1e-3, 1e-5):
        backbone.trainable = rate == 1e-5
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        until = Until(seconds / 2)
        taken = model.fit(x, y, epochs=1000, callbacks=[until], verbose=0).epoch
        print(f"by hand, learning rate {rate:g}: {len(taken)} epochs", flush=True)
    return model


def recipe(x, y, classes, seed, build=None, tune=None):
    """Defaults, but for where the weights come from."""
    model = recipes.build_pretrained(
        x.shape[1:],
        classes,
        backbone=_photos.mobilenet_v2(),
        preprocessing="torch",
        seed=seed,
        **(build or {}),
    )
    result = recipes.fine_tune(model, x, y, seed=seed, **(tune or {}))
    print(result, flush=True)
    return model


def frozen(x, y, x_test, y_test):
    """Logistic regression on the features of the frozen network."""
    model = recipes.build_pretrained(
        x.shape[1:], 2, backbone=_photos.mobilenet_v2(), preprocessing="torch"
    )
    features = keras.Model(model.inputs, model.get_layer("pooling").output)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    classifier.fit(features.predict(x, verbose=0), y)
    return classifier.score(features.predict(x_test, verbose=0), y_test)


def data(kind, split):
    """Images and labels to train on and to score."""
    parts = _photos.photos(kind)
    feeds = {}
    names = tuple(sorted(set(parts["train"][1])))
    for part in ("train", "test") if split is None else ("train",):
        feeds[part] = recipes.load_images(*parts[part], image_size=SIDE, class_names=names)
    if split is None:
        return feeds["train"].arrays(), feeds["test"].arrays()
    train, held = feeds["train"].split(0.25, seed=split)
    return train.arrays(), held.arrays()


def main(kind="finegrained", split=None, seed=0):
    _measure.versions()
    split, seed = split if split is None else int(split), int(seed)
    (x, y), (x_test, y_test) = data(kind, split)
    print(f"{len(x)} photos to train on, {len(x_test)} to score, {KINDS[kind]} classes", flush=True)

    def score(model):
        return float(np.mean(model.predict(x_test, verbose=0).argmax(-1) == y_test))

    rows = []
    start = time.perf_counter()
    rows.append(("frozen, logistic regression", frozen(x, y, x_test, y_test), start))
    print(rows[-1][:2], flush=True)
    start = time.perf_counter()
    model = recipe(x, y, KINDS[kind], seed)
    seconds = time.perf_counter() - start
    rows.append(("build_pretrained, fine_tune", score(model), seconds))
    print(rows[-1], flush=True)
    start = time.perf_counter()
    model = by_hand(x, y, KINDS[kind], seconds, seed)
    rows.append(("Keras's guide by hand", score(model), time.perf_counter() - start))
    _measure.table(
        ("what", "accuracy", "minutes to train"),
        [
            (name, f"{accuracy:.3f}", "-" if i == 0 else f"{seconds / 60:.1f}")
            for i, (name, accuracy, seconds) in enumerate(rows)
        ],
    )
