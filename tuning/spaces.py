"""`SPACES`: the default space of every builder, as data.

Change one knob with `SPACES[build_mlp] | {"dropout": 0.0}`; a value that is no range is a constant.
"""

from recipes import build_cnn, build_mlp
from tuning.ranges import Choice, Float, Widths

LEARNING_RATE = Float(1e-4, 1e-2, log=True)
DROPOUT = Float(0.0, 0.5)

SPACES = {
    build_mlp: {
        "units": Widths(32, 256, step=32, depth=(1, 4)),
        "activation": Choice("relu", "elu", "gelu", "tanh"),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
    build_cnn: {
        "filters": Widths(16, 128, step=16, depth=(1, 4)),
        "kernel_size": Choice(3, 5),
        "pooling": Choice("max", "average"),
        "dropout": DROPOUT,
        "learning_rate": LEARNING_RATE,
    },
}
