"""Training runs made to show one symptom each, and healthy ones: what `diagnose` is measured on."""

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data

EPOCHS = 30
# Thresholds were chosen on the first two and are reported on the other two.
CHOSEN_ON = ("digits", "wine")
REPORTED_ON = ("fashion", "iris")


@dataclasses.dataclass(frozen=True)
class Run:
    """One fit: on `rows` training rows, with what it must show and what it may show too."""

    data: str
    symptom: str | None
    also: tuple = ()
    build: dict[str, Any] = dataclasses.field(default_factory=dict)
    rows: int | None = 600
    held_out: int | None = None
    wrong_labels: float = 0.0
    rare: float | None = None
    batch_size: int = 32
    epochs: int = EPOCHS
    anneal: bool = False
    cnn: bool = False
    seed: int = 0


@functools.cache
def table(name):
    """x (rows, features) with columns of mean 0 and spread 1, and y."""
    if name == "fashion":
        (x, y), _ = _data.fashion_mnist()
        x, y = x[:2500, ::2, ::2, 0].reshape(2500, -1) / 64.0, y[:2500]
    else:
        load = {
            "digits": datasets.load_digits,
            "iris": datasets.load_iris,
            "wine": datasets.load_wine,
        }
        x, y = load[name](return_X_y=True)
        x = x / 8 if name == "digits" else (x - x.mean(0)) / x.std(0)
    return x.astype("float32"), y.astype("int32")


def fit(run):
    """Train; returns the history's dict, the held-out labels and the predictions of them."""
    x, y = table(run.data)
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.4, random_state=run.seed, stratify=y)
    x, y, x_val, y_val = x[: run.rows], y[: run.rows], x_val[: run.held_out], y_val[: run.held_out]
    random = np.random.default_rng(run.seed)
    if run.rare:  # of all classes but the commonest only so many rows are left
        common = np.bincount(y).argmax()
        x, y = _thinned(x, y, common, run.rare, random)
        x_val, y_val = _thinned(x_val, y_val, common, run.rare, random)
    if run.wrong_labels:
        wrong = random.random(len(y)) < run.wrong_labels
        y = np.where(wrong, random.integers(0, y_val.max() + 1, len(y)), y).astype("int32")
    classes = int(table(run.data)[1].max()) + 1
    if run.cnn:
        side = int(np.sqrt(x.shape[1]))
        x, x_val = (rows.reshape(-1, side, side, 1) for rows in (x, x_val))
        model = recipes.build_cnn(x.shape[1:], classes, seed=run.seed, **run.build)
    else:
        model = recipes.build_mlp(x.shape[1:], classes, seed=run.seed, **run.build)
    history = model.fit(
        recipes.batches(x, y, run.batch_size, seed=run.seed),
        validation_data=recipes.batches(x_val, y_val, 1024, shuffle=False),
        epochs=run.epochs,
        callbacks=[recipes.CosineAnnealing()] if run.anneal else [],
        shuffle=False,
        verbose=0,
    )
    return history.history, y_val, model.predict_on_batch(x_val)


def _thinned(x, y, common, share, random):
    kept = (y == common) | (random.random(len(y)) < share)
    return x[kept], y[kept]


def early_drop(rate, steps):
    """A learning rate that falls to nothing long before the run ends."""
    return keras.optimizers.schedules.PiecewiseConstantDecay([steps], [rate, rate * 1e-4])


def runs(first_seed=0):
    """All runs, a symptom after the other; another first seed makes all of them anew."""
    plain = {"batch_norm": False, "dropout": 0.0}
    small = {"units": (64, 32)}
    tiny_cnn = {"filters": (8, 16)}
    for number, data in enumerate((*CHOSEN_ON, *REPORTED_ON)):
        image = data in ("digits", "fashion")
        few = {"digits": 80, "iris": 25, "wine": 25, "fashion": 150}[data]
        for variant in range(2):
            make = functools.partial(Run, data, seed=first_seed + 10 * number + variant)
            calm = {"learning_rate": 5e-3, "dropout": 0.4 if data == "fashion" else 0.2}
            length = {"epochs": 15, "rows": None} if data == "fashion" else {"epochs": 30}
            length["batch_size"] = 32 if image else 8
            yield make(None, build={**small, **calm}, anneal=True, **length)
            yield make(None, build={"units": (32,), **calm, "l2": 1e-4}, anneal=True, **length)
            yield (
                make(None, build={**tiny_cnn, **calm}, anneal=True, cnn=True, **length)
                if image
                else make(None, build={"units": (16,), **calm}, anneal=True, **length)
            )
            yield make(
                "overfitting",
                ("best epoch long past",),
                build={"units": (256, 256), **plain},
                epochs=60,
                **({"rows": few} if data == "fashion" else {}),
                wrong_labels=0.2 + 0.1 * variant,
            )
            yield make(
                "best epoch long past",
                ("overfitting",),
                build={"units": (128, 64), **plain, "learning_rate": 3e-3},
                epochs=80,
                rows=few * 3,
                wrong_labels=0.15 + 0.1 * variant,
            )
            yield make(
                "underfitting",
                ("plateau", "class collapse"),
                build={"units": (16,), "l2": 1.0, "learning_rate": 0.01, **plain}
                if variant
                else {"units": (32, 32), "batch_norm": False, "dropout": 0.9},
                epochs=60,
            )
            yield make(
                "learning rate too high",
                (
                    "underfitting",
                    "plateau",
                    "noisy validation",
                    "class collapse",
                    "best epoch long past",
                ),
                build={
                    "units": (64, 64),
                    **plain,
                    "optimizer": "adam" if variant else "sgd",
                    "learning_rate": 0.5 if variant else 5.0,
                },
            )
            yield make(
                "learning rate too low",
                ("best epoch not reached", "underfitting", "class collapse"),
                build={
                    "units": (64, 32),
                    **plain,
                    "optimizer": "sgd" if variant else "adam",
                    "learning_rate": 1e-3 if variant else 2e-5,
                },
            )
            steps = {"digits": 34, "iris": 3, "wine": 4, "fashion": 20}[data]
            yield make(
                "plateau",
                ("underfitting", "class collapse"),
                build={**small, **plain, "learning_rate": early_drop(1e-3, steps)}
                if variant
                else {
                    "units": (32,) * 5,
                    **plain,
                    "activation": "sigmoid",
                    "optimizer": "sgd",
                    "learning_rate": 0.03,
                },
            )
            yield make(
                "best epoch not reached",
                ("learning rate too low",),
                build={**small, "dropout": 0.2 * variant},
                epochs={"digits": 4, "iris": 10, "wine": 10, "fashion": 4}[data],
            )
            yield make(
                "noisy validation",
                ("learning rate too high", "best epoch long past", "overfitting"),
                build={"units": (64, 32), "dropout": 0.0, "learning_rate": 0.02 + 0.02 * variant},
                batch_size=4,
                rows=200,
                held_out=25,
            )
            yield make(
                "class collapse",
                ("underfitting", "plateau", "learning rate too low", "best epoch not reached"),
                build={"units": (16,), "l2": 0.5, "learning_rate": 0.01 * (1 + variant), **plain},
                rare={"digits": 0.04, "iris": 0.15, "wine": 0.15, "fashion": 0.04}[data],
                epochs=60,
            )
