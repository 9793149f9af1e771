"""Keras recipes: the deep-learning cookbook as code. Every public name of the package is here."""

from recipes.callbacks import CosineAnnealing
from recipes.dense import build_mlp
from recipes.feeding import batches
from recipes.layers import (
    DisturbLabel,
    DropConnect,
    ReversibleConv2D,
    ReversibleDense,
    Sampling,
    SwapNoise,
)
from recipes.losses import KLSparsity, SmoothedCrossentropy
from recipes.noise import inject_noise
from recipes.vision import build_cnn

__all__ = [
    "CosineAnnealing",
    "DisturbLabel",
    "DropConnect",
    "KLSparsity",
    "ReversibleConv2D",
    "ReversibleDense",
    "Sampling",
    "SmoothedCrossentropy",
    "SwapNoise",
    "batches",
    "build_cnn",
    "build_mlp",
    "inject_noise",
]
