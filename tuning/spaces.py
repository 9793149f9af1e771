"""`SPACES`: the default space of every builder, as data.

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
