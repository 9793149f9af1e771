"""`SPACES`: the default space of every builder, as data; `ranges_of`: what `diagnose` says to try.

Change a knob with `SPACES[build_mlp] | {"dropout": 0.0}`; a value that is no range is a constant.
"""

from recipes import (
    build_cnn,
    build_convolutional_autoencoder,
    build_denoising_autoencoder,
    build_mlp,
    build_sparse_autoencoder,
    build_stacked_autoencoder,
    build_variational_autoencoder,
)
from tuning.ranges import Boolean, Choice, Float, Int, Widths

ACTIVATION = Choice("relu", "elu", "gelu", "tanh")
DROPOUT = Float(0.0, 0.5)
LEARNING_RATE = Float(1e-4, 1e-2, log=True)

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


def _range(value):
    if isinstance(value, list):
        if sorted(map(str, value)) == ["False", "True"]:
            return Boolean()
        return Choice(value) if len(value) > 1 else value[0]
    low, high = value
    log = low > 0 and high >= 30 * low
    whole = isinstance(low, int) and isinstance(high, int)
    return Int(low, high, log=log) if whole else Float(float(low), float(high), log=log)
