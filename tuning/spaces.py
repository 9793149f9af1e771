"""`SPACES`: the default space of every builder; `checklist`: all there is to try; `narrow`: what
`diagnose` says to try.

Change a knob with `SPACES[build_mlp] | {"dropout": 0.0}`; a value that is no range is a constant.
"""

import inspect
from dataclasses import replace

from recipes import (
    build_cnn,
    build_convolutional_autoencoder,
    build_denoising_autoencoder,
    build_domain_adversarial,
    build_forecaster,
    build_lstm_fcn,
    build_mlp,
    build_pretrained,
    build_rnn,
    build_seq2seq,
    build_sequence_autoencoder,
    build_sparse_autoencoder,
    build_stacked_autoencoder,
    build_variational_autoencoder,
)
from recipes.lstm_fcn import ADAM_LEARNING_RATE
from tuning import _checks, _training
from tuning.ranges import Boolean, Choice, Float, Int, Widths

ACTIVATION = Choice("relu", "elu", "gelu", "tanh")
DROPOUT = Float(0.0, 0.5)
LEARNING_RATE = Float(1e-4, 1e-2, log=True)
# A share of the rows' timesteps, the latest: all trials see the same rows.
WINDOW = Float(0.25, 1.0, default=1.0)

# Weights of penalties are no knobs here: the search would always choose none.
DENSE_AUTOENCODER = {
    "units": Widths(32, 256, step=32, depth=(1, 3)),
    "latent_dim": Int(2, 64, log=True),
    "activation": ACTIVATION,
    "dropout": Float(0.0, 0.3),
    "noise": Float(0.0, 0.5),
    "learning_rate": LEARNING_RATE,
}

SPACES = {
    build_mlp: {
        "units": Widths(32, 256, step=32, depth=(1, 4)),
        "activation": ACTIVATION,
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
    build_cnn: {
        "filters": Widths(16, 256, step=16, depth=(1, 5)),
        "kernel_size": Choice(3, 5),
        "pooling": Choice("max", "average"),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
    build_rnn: {
        "cell": Choice("lstm", "gru", "rnn"),
        "units": Widths(16, 128, step=16, depth=(1, 3)),
        "bidirectional": Boolean(),
        "attention": Boolean(),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
    build_seq2seq: {
        "cell": Choice("lstm", "gru"),
        "units": Widths(32, 256, step=32, depth=(1, 2)),
        "embedding_dim": Int(16, 256, log=True),
        "attention": Choice("additive", "dot", None),
        "bidirectional": Boolean(),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
    build_lstm_fcn: {
        "cell": Choice("lstm", "gru"),
        "units": Widths(8, 128, step=8, depth=(1, 2)),
        "filters": Widths(32, 256, step=32, depth=(1, 4)),
        "kernel_size": Choice((8, 5, 3), 3, 7),
        "window": WINDOW,
        "dropout": Float(0.0, 0.8),
        "learning_rate": replace(LEARNING_RATE, default=ADAM_LEARNING_RATE),
    },
    build_domain_adversarial: {
        "filters": Widths(16, 128, step=16, depth=(1, 3)),
        "kernel_size": Choice(3, 5),
        "units": Widths(32, 256, step=32, depth=(1, 2)),
        "strength": Float(0.1, 2.0, log=True),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
    build_pretrained: {
        # Small, quick and large; their weights are downloaded when a trial first asks for them.
        "backbone": Choice("MobileNetV3Large", "EfficientNetV2B0", "ConvNeXtTiny"),
        "image_size": Choice("auto", 160, 224, 288),
        "unfreeze": Choice(None, 0.3, 0.6, "all"),
        "layer_decay": Float(0.5, 1.0),
        "augmentation": Choice(None, "light", "medium", "photo"),
        "dropout": Float(0.0, 0.6),
        "label_smoothing": Float(0.0, 0.2),
        "learning_rate": Float(3e-4, 1e-2, log=True),
    },
    build_stacked_autoencoder: {**DENSE_AUTOENCODER, "tied": Boolean()},
    build_denoising_autoencoder: {
        **DENSE_AUTOENCODER,
        "corruption": Choice("gaussian", "dropout", "swap"),
    },
    build_sparse_autoencoder: {
        **DENSE_AUTOENCODER,
        "latent_dim": Int(16, 256, log=True),
    },
    build_convolutional_autoencoder: {
        "filters": Widths(16, 96, step=16, depth=(1, 3)),
        "kernel_size": Choice(3, 5),
        "latent_dim": Int(2, 128, log=True),
        "dropout": Float(0.0, 0.3),
        "noise": Float(0.0, 0.5),
        "learning_rate": LEARNING_RATE,
    },
    build_variational_autoencoder: DENSE_AUTOENCODER,
    build_sequence_autoencoder: {
        "cell": Choice("lstm", "gru"),
        "units": Widths(16, 128, step=16, depth=(1, 2)),
        "bidirectional": Boolean(),
        "latent_dim": Int(2, 64, log=True),
        "dropout": Float(0.0, 0.3),
        "noise": Float(0.0, 0.5),
        "learning_rate": LEARNING_RATE,
    },
    build_forecaster: {
        "window": WINDOW,
        "cell": Choice("lstm", "gru"),
        "units": Widths(16, 128, step=16, depth=(1, 2)),
        "linear": Boolean(),
        "residual": Boolean(),
        "normalise": Boolean(),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
}


def ranges_of(values):
    """A space from plain values, such as those that `recipes.diagnose` gives.

    Args:
        values: dict from argument name to (low, high), drawn by magnitude where high is 30 times
            low or more; or to a list of options, of which a single one is a constant.

    Returns:
        dict from argument name to range, for `search(space=...)`.

    Raises:
        ValueError, TypeError: an empty range.

    >>> ranges_of({"dropout": (0.2, 0.6), "l1": [0.0]})
    {'dropout': Float(low=0.2, high=0.6, log=False, default=None), 'l1': 0.0}
    """
    return {name: _range(value) for name, value in values.items()}


def narrow(build, diagnosis):
    """The space of a builder where a learning curve says where to look.

    Args:
        build: a recipe, or a builder of the same grammar.
        diagnosis: what `recipes.diagnose` returned.

    Returns:
        dict from names to ranges, for `search(build, x, y, space=narrow(build, diagnosis))`: that
        of `SPACES`, with the diagnosis's own ranges for the knobs it names. Those that the builder
        lacks, such as the dropped connections of a recurrent network, are left out.

    Raises:
        TypeError: `build` is no function, or `diagnosis` comes from elsewhere.

    >>> from recipes import build_rnn, diagnose
    >>> overfit = {"loss": [1.0, 0.5, 0.2, 0.1, 0.05], "val_loss": [0.9, 0.6, 0.7, 0.9, 1.1]}
    >>> space = narrow(build_rnn, diagnose(overfit))
    >>> space["dropout"].ends, space["learning_rate"].ends, "drop_connect" in space
    ((0.2, 0.6), (0.0001, 0.01), False)
    """
    _checks.builder(build)
    _checks.diagnosis(diagnosis)
    has = {*inspect.signature(build).parameters, *_training.DEFAULTS}
    tried = {name: values for name, values in diagnosis.space.items() if name in has}
    return {**SPACES.get(build, {}), **ranges_of(tried)}


def _range(value):
    if isinstance(value, list):
        if sorted(map(str, value)) == ["False", "True"]:
            return Boolean()
        return Choice(value) if len(value) > 1 else value[0]
    low, high = value
    log = low > 0 and high >= 30 * low
    whole = isinstance(low, int) and isinstance(high, int)
    return Int(low, high, log=log) if whole else Float(float(low), float(high), log=log)


# What the notes would have one try for every model, beside its size: the knobs of the training, and
# those of these names that a builder has as arguments.
CHECKLIST = {
    "activation": Choice("relu", "leaky_relu", "elu", "gelu", "tanh"),
    "dropout": DROPOUT,
    "batch_norm": Boolean(),
    "noise": Float(0.0, 0.3),
    "label_smoothing": Float(0.0, 0.2),
    "optimizer": Choice("adam", "adamw", "nesterov", "rmsprop"),
    "learning_rate": LEARNING_RATE,
    "batch_size": Choice(16, 32, 64, 128, default=32),
    "epochs": Int(5, 50, log=True, default=20),
    "augmentation": Choice(None, "light", "medium", "strong"),
    "class_weight": Choice(None, "balanced", "effective"),
    "image_size": Choice(1.0, 0.75, 0.5),
    "window": WINDOW,
    "schedule": Choice(None, "cosine", "plateau"),
    "initial_weights": Choice(None, "he_normal", "orthogonal"),
}
# The ten points of the notes, each with the knobs that stand for it.
POINTS = {
    "batch size": ("batch_size",),
    "epochs": ("epochs",),
    "augmentation": ("augmentation",),
    "class weighting": ("class_weight",),
    "window or image size": ("window", "image_size"),
    "optimizer and its schedule": ("optimizer", "learning_rate", "schedule"),
    "label smoothing": ("label_smoothing",),
    "noise": ("noise",),
    "activation": ("activation",),
    "initial weights": ("initial_weights", "backbone"),
}


def checklist(build, *, task="multiclass"):
    """The space of a builder with every knob of the notes' checklist that it has.

    The ten points are batch size, epochs, augmentation, class weighting, window or image size,
    optimizer and its schedule, label smoothing, noise, activation and initial weights; dropout and
    batch normalisation come with them.

    Args:
        build: a recipe, or a builder of the same grammar.
        task: "binary", "multiclass", "multilabel" or "regression", which has no label smoothing and
            no class weights.

    Returns:
        dict from names to ranges, for `search(build, x, y, space=checklist(build))`.

    Raises:
        TypeError: `build` is no function.
        ValueError: an unknown task.

    >>> from recipes import build_mlp
    >>> sorted(set(checklist(build_mlp)) - set(SPACES[build_mlp]))[:4]
    ['augmentation', 'batch_norm', 'batch_size', 'class_weight']
    """
    _checks.builder(build)
    _checks.one_of("task", task, _checks.TASKS)
    has = {*inspect.signature(build).parameters, "batch_size", "epochs", "schedule"}
    if "outputs" in has:  # not of an autoencoder or a forecaster
        has.add("class_weight")
    if "backbone" not in has:  # whose weights were learnt elsewhere
        has.add("initial_weights")
    space = {name: knob for name, knob in CHECKLIST.items() if name in has}
    if task == "regression":
        space = {k: v for k, v in space.items() if k not in ("label_smoothing", "class_weight")}
    return {**space, **SPACES.get(build, {})}
