"""THE table: every public builder with tiny data, its variants and its bad inputs.

`tests/test_builders.py` runs every property over every row. A new builder needs one row here and no
new test code; `test_every_builder_has_a_row` fails until it is there.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import recipes

ROWS = 16
_random = np.random.default_rng(0)
TABLE = _random.normal(size=(ROWS, 5)).astype("float32")
IMAGES = _random.uniform(size=(ROWS, 8, 7, 2)).astype("float32")
SERIES = _random.normal(size=(ROWS, 6, 3)).astype("float32")
TOKENS = _random.integers(0, 9, (ROWS, 6)).astype("int32")  # 0 is padding
TOKENS[:, 0] = 1 + np.arange(ROWS) % 8
WINDOWS = _random.normal(size=(ROWS, 7, 3)).astype("float32")
FUTURES = 2 + WINDOWS[:, 2:6, :2]


class OneAndTheSame(keras.Sequential):
    """A model among arguments that are copied to be compared."""

    def __deepcopy__(self, memo):
        return self


# A backbone of one's own, whose features of random images differ enough to be told apart.
BACKBONE = OneAndTheSame(
    [
        keras.Input((None, None, 2)),
        keras.layers.Conv2D(24, 3, kernel_initializer=keras.initializers.RandomNormal(0, 2, 0)),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
    ]
)


@dataclasses.dataclass(frozen=True)
class Case:
    build: Callable[..., keras.Model]
    arguments: dict[str, Any]
    """The call of the first variant; widths are tiny."""
    x: np.ndarray
    variants: dict[str, dict[str, Any]]
    """Name -> arguments that differ from `arguments`; the variant "default" is always there."""
    bad: list[tuple[dict[str, Any], type[Exception], str]]
    """(arguments that differ, error, the argument that its message names and perhaps the fix)."""
    open_shape: tuple | None = None
    """An input_shape with None sides, for builders that take them."""
    reconstructs: bool = False
    """The target is x: an autoencoder."""
    other_x: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    """Variant -> data, for variants that take another kind."""
    y: np.ndarray | None = None
    """The target, for builders that do not tell it by `task` and `outputs`."""

    def call(self, variant="default", **overrides):
        differs = {} if variant == "default" else self.variants[variant]
        return self.build(**{**self.arguments, **differs, **overrides})

    def data(self, variant="default"):
        """x and the target that the variant's task asks for."""
        differs = {} if variant == "default" else self.variants[variant]
        arguments = {**self.arguments, **differs}
        x = self.other_x.get(variant, self.x)
        if self.reconstructs:
            return x, x
        if self.y is not None:
            return x, self.y
        classes = np.arange(ROWS) % max(arguments["outputs"], 2)
        y = {
            "multiclass": classes,
            "binary": classes,
            "multilabel": np.eye(arguments["outputs"])[classes % arguments["outputs"]],
            "regression": np.repeat(classes[:, None], arguments["outputs"], 1) + 0.5,
        }
        y = y[arguments.get("task", "multiclass")]
        if steps := self.steps(variant):
            y = np.repeat(y[:, None], steps, axis=1)
        return x, y

    def steps(self, variant):
        """Steps at which the model of a variant answers, None where it answers once a row."""
        arguments = {**self.arguments, **self.variants.get(variant, {})}
        pattern = arguments.get("pattern")
        return self.x.shape[1] if pattern == "many_to_many" else arguments.get("steps")


TASKS = {
    "binary": {"task": "binary", "outputs": 1},
    "multilabel": {"task": "multilabel"},
    "regression": {"task": "regression", "outputs": 2},
}

REGULARISED = {
    "dropout": 0.2,
    "l1": 1e-5,
    "l2": 1e-5,
    "batch_norm": True,
    "noise": 0.01,
    "drop_connect": 0.1,
    "label_smoothing": 0.1,
}

# Losses by name on every task; `data` draws 16 rows of three classes.
LOSSES = {
    "focal": {"loss": "focal", "label_smoothing": 0.1},
    "focal_binary": {"loss": "focal", "task": "binary", "outputs": 1},
    "weighted": {"loss": "weighted", "class_counts": (6, 5, 5)},
    "class_balanced_multilabel": {
        "loss": "class_balanced",
        "task": "multilabel",
        "class_counts": ((10, 6), (11, 5), (11, 5)),
    },
    "logit_adjusted": {"loss": "logit_adjusted", "class_counts": (8, 4, 4)},
    "logit_adjusted_binary": {
        "loss": "logit_adjusted",
        "class_counts": (8, 8),
        "task": "binary",
        "outputs": 1,
    },
    "loss_object": {"loss": recipes.FocalCrossentropy(1.0)},
    "huber": {"loss": "huber", "task": "regression", "outputs": 2},
}

# Wrong values of the knobs that every supervised builder has.
BAD_HEAD = [
    ({"loss": "focul"}, ValueError, "Did you mean 'focal'"),
    ({"loss": "logit_adjusted"}, ValueError, "np.bincount"),
    ({"loss": "weighted", "class_counts": (1, 2)}, ValueError, "class_counts"),
    ({"loss": "weighted", "class_counts": (1, 0, 2)}, ValueError, "class_counts"),
    ({"class_counts": (1, 2)}, ValueError, "class_counts"),
    ({"loss": 3}, TypeError, "loss"),
    ({"loss": "focal", "task": "regression"}, ValueError, "loss must be one of 'mse'"),
    (
        {"loss": keras.losses.MeanSquaredError(), "label_smoothing": 0.1},
        ValueError,
        "label_smoothing",
    ),
    ({"outputs": 0}, ValueError, "outputs"),
    ({"outputs": 2.5}, TypeError, "outputs"),
    ({"outputs": 1}, ValueError, "task='binary'"),
    ({"outputs": 2, "task": "binary"}, ValueError, "task='multiclass'"),
    ({"task": "multi-class"}, ValueError, "Did you mean 'multiclass'"),
    ({"task": "regression", "label_smoothing": 0.1}, ValueError, "label_smoothing"),
    ({"label_smoothing": 1.0}, ValueError, "label_smoothing"),
]

# Wrong values of the knobs that every builder has.
BAD_BODY = [
    ({"input_shape": 5}, TypeError, r"Did you mean \(5,\)"),
    ({"input_shape": (0,)}, ValueError, "input_shape"),
    ({"input_shape": ()}, ValueError, "input_shape"),
    ({"input_shape": (2.5,)}, (TypeError, ValueError), "input_shape"),
    ({"dropout": 20}, ValueError, "Did you mean 0.2"),
    ({"dropout": -0.1}, ValueError, "dropout"),
    ({"dropout": float("nan")}, ValueError, "dropout"),
    ({"dropout": "high"}, TypeError, "dropout"),
    ({"l1": -1}, ValueError, "l1"),
    ({"l2": -1}, ValueError, "l2"),
    ({"noise": -0.5}, ValueError, "noise"),
    ({"batch_norm": "yes"}, TypeError, "batch_norm"),
    ({"activation": "rellu"}, ValueError, "Did you mean 'relu'"),
    ({"activation": 3}, TypeError, "activation"),
    ({"optimizer": "adma"}, ValueError, "Did you mean 'adam'"),
    ({"optimizer": None}, TypeError, "optimizer"),
    ({"learning_rate": 0}, ValueError, "learning_rate"),
    ({"optimizer": keras.optimizers.Adam(), "learning_rate": 1e-3}, ValueError, "learning_rate"),
    ({"seed": -1}, ValueError, "seed"),
    ({"seed": 0.5}, TypeError, "seed"),
]

NOT_OF_A_HEAD = {"l1", "l2", "noise", "batch_norm", "activation"}

RECONSTRUCTION = {
    "dropout": 0.05,
    "l1": 1e-5,
    "l2": 1e-5,
    "batch_norm": True,
    "noise": 0.01,
}

# Wrong values of the knobs that every autoencoder has.
BAD_AUTOENCODER = [
    *BAD_BODY,
    ({"latent_dim": 0}, ValueError, "latent_dim"),
    ({"latent_dim": 2.5}, TypeError, "latent_dim"),
    ({"output_activation": "sigmoidal"}, ValueError, "Did you mean 'sigmoid'"),
]
BAD_UNITS = [
    ({"units": 8}, TypeError, r"Did you mean \(8,\)"),
    ({"units": (8, 0)}, ValueError, "units"),
    ({"input_shape": (None,)}, TypeError, "input_shape"),
]

FEED_BACK = {"input_shape": (3,), "pattern": "one_to_many", "steps": 4, "feed_back": True}

CASES = {
    "mlp": Case(
        recipes.build_mlp,
        {"input_shape": (5,), "outputs": 3, "units": (8, 6)},
        TABLE,
        variants={
            **TASKS,
            "linear": {"units": ()},
            "linear_regression": {"units": (), "task": "regression", "batch_norm": False},
            "plain": {"batch_norm": False, "dropout": 0.0},
            "regularised": REGULARISED,
            "prelu": {"activation": "prelu"},
            "image": {"input_shape": (5, 1)},
            **LOSSES,
            "augmented": {"augmentation": recipes.tabular_augmentation(seed=0)},
        },
        bad=[
            *BAD_HEAD,
            *BAD_BODY,
            ({"units": 8}, TypeError, r"Did you mean \(8,\)"),
            ({"units": (8, 0)}, ValueError, "units"),
            ({"units": (8, 0.5)}, TypeError, "units"),
            ({"augmentation": "swap"}, ValueError, "augmentation must be one of"),
            ({"augmentation": 1}, TypeError, "augmentation must be a keras.Layer"),
            ({"input_shape": (None,)}, TypeError, "input_shape"),
            ({"drop_connect": 1}, ValueError, "drop_connect"),
        ],
    ),
    "cnn": Case(
        recipes.build_cnn,
        {"input_shape": (8, 7, 2), "outputs": 3, "filters": (4, 6)},
        IMAGES,
        variants={
            **TASKS,
            "regularised": REGULARISED,
            "plain": {"batch_norm": False, "dropout": 0.0},
            "average_prelu": {"pooling": "average", "activation": "prelu", "kernel_size": 5},
            "focal": LOSSES["focal"],
            "logit_adjusted": LOSSES["logit_adjusted"],
            "augmented": {"augmentation": "light", "image_size": 0.75},
            "scaled": {"scale": 2.5},
        },
        bad=[
            *BAD_HEAD,
            *BAD_BODY,
            ({"scale": -1}, ValueError, "scale"),
            ({"scale": 1, "input_shape": (None, 7, 2)}, ValueError, "image_size must be given"),
            ({"input_shape": (8, 7)}, ValueError, r"\(height, width, channels\)"),
            ({"input_shape": (8, 7, None)}, ValueError, "input_shape"),
            ({"filters": ()}, ValueError, "filters"),
            ({"filters": 4}, TypeError, r"Did you mean \(4,\)"),
            ({"kernel_size": 0}, ValueError, "kernel_size"),
            ({"pooling": "maximum"}, ValueError, "Did you mean 'max'"),
            ({"augmentation": "lite"}, ValueError, "Did you mean 'light'"),
            ({"image_size": 0}, ValueError, "image_size"),
            ({"image_size": 1.5}, ValueError, r"image_size must be a share in \(0, 1\]"),
            ({"image_size": (4, 4, 4)}, ValueError, r"image_size must be \(height, width\)"),
            ({"drop_connect": 1}, ValueError, "drop_connect"),
        ],
        open_shape=(None, None, 2),
    ),
    "pretrained": Case(
        recipes.build_pretrained,
        {"input_shape": (8, 7, 2), "outputs": 3, "backbone": BACKBONE, "pooling": "max"},
        IMAGES,
        variants={
            "trained": {
                "unfreeze": "all",
                "layer_decay": 0.7,
                "image_size": (6, 7),
                "augmentation": None,
            },
            "named": {
                "class_names": ("a", "b", "c"),
                "dropout": 0.0,
                "preprocessing": keras.layers.Rescaling(2.0),
                "augmentation": "light",
            },
        },
        bad=[
            *BAD_HEAD,
            *(
                bad
                for bad in BAD_BODY
                if not {*bad[0]} & {"l1", "l2", "noise", "batch_norm", "activation"}
            ),
            ({"input_shape": (8, 7)}, ValueError, r"\(height, width, channels\)"),
            ({"input_shape": (8, 7, 3)}, ValueError, "1 or 2 channels"),
            ({"pooling": "maximum"}, ValueError, "Did you mean 'max'"),
            ({"preprocessing": "torche"}, ValueError, "Did you mean 'torch'"),
            ({"unfreeze": "al"}, ValueError, "Did you mean 'all'"),
            ({"layer_decay": 2}, ValueError, "layer_decay"),
            ({"augmentation": "lite"}, ValueError, "Did you mean 'light'"),
            ({"image_size": 0}, ValueError, "image_size"),
        ],
        open_shape=(None, None, 2),
    ),
    "stacked_autoencoder": Case(
        recipes.build_stacked_autoencoder,
        {"input_shape": (5,), "units": (8, 6), "latent_dim": 3},
        TABLE,
        variants={
            "regularised": RECONSTRUCTION,
            "tied": {"tied": True},
            "tied_regularised": {**RECONSTRUCTION, "tied": True},
            "linear": {"units": (), "activation": "linear"},
            "prelu": {"activation": "prelu", "tied": True},
        },
        bad=[*BAD_AUTOENCODER, *BAD_UNITS, ({"tied": 1}, TypeError, "tied")],
        reconstructs=True,
    ),
    "denoising_autoencoder": Case(
        recipes.build_denoising_autoencoder,
        {"input_shape": (5,), "units": (8,), "latent_dim": 3},
        TABLE,
        variants={
            "dropout": {"corruption": "dropout", "tied": True},
            "swap": {"corruption": "swap"},
        },
        bad=[
            *BAD_AUTOENCODER,
            *BAD_UNITS,
            ({"corruption": "gausian"}, ValueError, "Did you mean 'gaussian'"),
            ({"corruption": "swap", "noise": 15}, ValueError, "Did you mean 0.15"),
        ],
        reconstructs=True,
    ),
    "sparse_autoencoder": Case(
        recipes.build_sparse_autoencoder,
        {"input_shape": (5,), "units": (8,), "latent_dim": 7},
        TABLE,
        variants={
            "l1": {"penalty": "l1"},
            "tied": {"tied": True},
            "regularised": RECONSTRUCTION,
        },
        bad=[
            *BAD_AUTOENCODER,
            *BAD_UNITS,
            ({"penalty": "KL"}, ValueError, "Did you mean 'kl'"),
            ({"sparsity": 0}, ValueError, "sparsity"),
            ({"sparsity": 1}, ValueError, "sparsity"),
            ({"sparsity_weight": -1}, ValueError, "sparsity_weight"),
        ],
        reconstructs=True,
    ),
    "convolutional_autoencoder": Case(
        recipes.build_convolutional_autoencoder,
        {"input_shape": (8, 7, 2), "filters": (6, 4), "latent_dim": 5},
        IMAGES,
        variants={
            "convolutional_code": {"latent_dim": None},
            "tied": {"tied": True},
            "tied_convolutional_code": {"tied": True, "latent_dim": None, "kernel_size": 5},
            "regularised": RECONSTRUCTION,
            "tied_regularised": {**RECONSTRUCTION, "tied": True},
        },
        bad=[
            *BAD_AUTOENCODER,
            ({"input_shape": (8, 7)}, ValueError, r"\(height, width, channels\)"),
            ({"input_shape": (None, None, 2)}, TypeError, "input_shape"),
            ({"filters": ()}, ValueError, "filters"),
            ({"filters": 4}, TypeError, r"Did you mean \(4,\)"),
            ({"kernel_size": 0}, ValueError, "kernel_size"),
        ],
        reconstructs=True,
    ),
    "variational_autoencoder": Case(
        recipes.build_variational_autoencoder,
        {"input_shape": (8, 7, 2), "units": (8,), "latent_dim": 3},
        IMAGES,
        variants={
            "no_divergence": {"kl_weight": 0},
            "regularised": RECONSTRUCTION,
        },
        bad=[*BAD_AUTOENCODER, *BAD_UNITS, ({"kl_weight": -1}, ValueError, "kl_weight")],
        reconstructs=True,
    ),
    "rnn": Case(
        recipes.build_rnn,
        {"input_shape": (6, 3), "outputs": 3, "units": (5,)},
        SERIES,
        variants={
            "both_ways": {
                "bidirectional": True,
                "attention": True,
                "normalisation": "layer",
                "noise": 0.01,
                "l1": 1e-5,
                "l2": 1e-5,
                "label_smoothing": 0.1,
            },
            "tokens": {
                "input_shape": (None,),
                "vocabulary": 9,
                "embedding_dim": 4,
                "pattern": "many_to_many",
                "attention": True,
                "normalisation": "batch",
            },
            "feed_back": {**FEED_BACK, "cell": "rnn", "task": "regression", "outputs": 2},
        },
        bad=[
            *BAD_HEAD[::4],
            *(bad for bad in BAD_BODY if not {"activation", "seed"} & set(bad[0])),
            ({"input_shape": (6,)}, ValueError, r"\(timesteps, features\)"),
            ({"input_shape": (6, None)}, ValueError, "input_shape"),
            ({"cell": "lstn"}, ValueError, "Did you mean 'lstm'"),
            ({"units": 8}, TypeError, r"Did you mean \(8,\)"),
            ({"units": ()}, ValueError, "units"),
            ({"pattern": "one_to_one"}, ValueError, "pattern"),
            ({"pattern": "one_to_many", "input_shape": (3,)}, ValueError, "steps"),
            ({"steps": 4}, ValueError, "one_to_many"),
            ({"feed_back": True}, ValueError, "one_to_many"),
            ({"vocabulary": 9}, ValueError, r"\(timesteps,\)"),
            ({"vocabulary": 1, "input_shape": (6,)}, ValueError, "vocabulary"),
            ({"bidirectional": "yes"}, TypeError, "bidirectional"),
            ({"attention": "additive"}, TypeError, "attention"),
            ({"recurrent_dropout": 1}, ValueError, "recurrent_dropout"),
            ({"normalisation": "layr"}, ValueError, "Did you mean 'layer'"),
            ({"window": 7}, ValueError, "window must be at most the timesteps"),
            ({"window": 0.5, "input_shape": (None, 3)}, ValueError, "window must be None where"),
            ({"window": 3, "pattern": "many_to_many"}, ValueError, "window must be None but"),
            ({"mask_value": "0"}, TypeError, "mask_value"),
            ({"mask_value": 0, "augmentation": "medium"}, ValueError, "move no steps.*'light'"),
            ({"mask_value": 0, "input_shape": (6,), "vocabulary": 9}, ValueError, "mask_value"),
            ({**FEED_BACK, "normalisation": "layer"}, ValueError, "normalisation"),
            ({**FEED_BACK, "bidirectional": True}, ValueError, "bidirectional"),
        ],
        open_shape=(None, 3),
        other_x={"tokens": TOKENS, "feed_back": SERIES[:, 0]},
    ),
    "lstm_fcn": Case(
        recipes.build_lstm_fcn,
        {"input_shape": (6, 3), "outputs": 3, "units": (4,), "filters": (6, 5), "kernel_size": 3},
        SERIES,
        variants={},
        bad=[
            *BAD_HEAD[1::4],
            ({"input_shape": (6,)}, ValueError, r"\(timesteps, features\)"),
            ({"input_shape": (None, 3), "dimension_shuffle": True}, ValueError, "timesteps"),
            ({"dimension_shuffle": "yes"}, TypeError, "dimension_shuffle"),
            ({"window": 1.5}, ValueError, r"a share in \(0, 1\]"),
            ({"filters": ()}, ValueError, "filters"),
            ({"kernel_size": 0}, ValueError, "kernel_size"),
            ({"kernel_size": ()}, ValueError, "kernel_size"),
            ({"cell": "lstn"}, ValueError, "Did you mean 'lstm'"),
            ({"units": 8}, TypeError, r"Did you mean \(8,\)"),
            ({"dropout": 50}, ValueError, "Did you mean 0.5"),
            ({"activation": "rellu"}, ValueError, "Did you mean 'relu'"),
        ],
        open_shape=(None, 3),
    ),
    "forecaster": Case(
        recipes.build_forecaster,
        {"input_shape": (7, 3), "horizon": 4, "targets": 2, "units": (5,)},
        WINDOWS,
        y=FUTURES,
        variants={
            "season": {"season": 3, "window": 0.8, "patch": 2, "loss": "huber"},
            "levels": {"residual": False, "linear": False, "cell": "rnn", "bidirectional": True},
            "plain": {"residual": False, "normalise": False, "units": (), "dropout": 0.0},
        },
        bad=[
            *(bad for bad in BAD_BODY if {"dropout", "optimizer", "learning_rate"} & set(bad[0])),
            ({"input_shape": (7,)}, ValueError, r"\(timesteps, features\)"),
            ({"input_shape": (None, 3)}, TypeError, "input_shape"),
            ({"horizon": 0}, ValueError, "horizon"),
            ({"horizon": 4.0}, TypeError, "horizon"),
            ({"targets": 4}, ValueError, "targets must be at most the features"),
            ({"season": 8}, ValueError, "season must fit into the window"),
            ({"season": 0}, ValueError, "season"),
            ({"window": 0}, ValueError, "window"),
            ({"window": 8}, ValueError, "window must be at most the timesteps"),
            ({"window": 1.5}, ValueError, r"a share in \(0, 1\]"),
            ({"window": "all"}, TypeError, r"window must be an int or a share in \(0, 1\]"),
            ({"patch": 8}, ValueError, "patch must fit into the window"),
            ({"cell": "lstn"}, ValueError, "Did you mean 'lstm'"),
            ({"units": 8}, TypeError, r"Did you mean \(8,\)"),
            ({"units": (), "linear": False}, ValueError, "units must name a layer"),
            ({"residual": 1}, TypeError, "residual"),
            ({"normalise": "yes"}, TypeError, "normalise"),
            ({"loss": "maee"}, ValueError, "Did you mean 'mae'"),
        ],
    ),
    "sequence_autoencoder": Case(
        recipes.build_sequence_autoencoder,
        {"input_shape": (7, 3), "units": (6,), "latent_dim": 4},
        WINDOWS,
        variants={
            "regularised": {
                "cell": "gru",
                "dropout": 0.05,
                "noise": 0.01,
                "output_activation": "sigmoid",
            },
        },
        bad=[
            *(bad for bad in BAD_AUTOENCODER if {"noise", "latent_dim"} & set(bad[0])),
            ({"input_shape": (7,)}, ValueError, r"\(timesteps, features\)"),
            ({"input_shape": (None, 3)}, TypeError, "input_shape"),
            ({"units": ()}, ValueError, "units"),
            ({"cell": "gro"}, ValueError, "Did you mean 'gru'"),
            ({"output_activation": "sigmoidal"}, ValueError, "Did you mean 'sigmoid'"),
        ],
        reconstructs=True,
    ),
}
