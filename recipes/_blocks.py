"""The hidden layers of the builders: weights, normalisation, activation and dropout in line."""

import keras
from keras import layers, ops, regularizers

from recipes import _checks
from recipes.layers import DropConnect

# Keras's 0.99 takes some 500 steps to forget its start; small data sets train for fewer.
BATCH_NORM_MOMENTUM = 0.9


def check(activation, dropout, l1, l2, batch_norm, noise, drop_connect):
    """Check the knobs that every feed-forward builder has."""
    _checks.activation("activation", activation)
    _checks.rate("dropout", dropout)
    _checks.non_negative("l1", l1)
    _checks.non_negative("l2", l2)
    _checks.flag("batch_norm", batch_norm)
    _checks.non_negative("noise", noise)
    _checks.rate("drop_connect", drop_connect)


def standardised(x, batch_norm, noise, limit=None):
    """The input, each feature with mean 0 and spread 1, and noise; what is off adds no layer.

    Standardised values further from 0 than the limit, where there is one, are taken for it.
    """
    # In float32 also under mixed precision: raw values may be more than float16 can hold.
    precise = keras.config.floatx()
    x = batch_normalization(center=False, scale=False, dtype=precise)(x) if batch_norm else x
    x = Limit(limit, dtype=precise)(x) if batch_norm and limit else x
    return GaussianNoise(noise)(x) if noise else x


def block(
    x,
    weights,
    *,
    activation,
    pooling=None,
    batch_norm=False,
    normalization=None,
    dropout=0.0,
    drop_connect=0.0,
):
    """weights -> pooling -> batch norm -> activation -> dropout; what is off adds no layer.

    `normalization` is the layer class of `batch_norm`; None is Keras's own.
    """
    x = DropConnect(weights, drop_connect)(x) if drop_connect else weights(x)
    if pooling is not None:
        x = pooling(x)
    if batch_norm:
        x = (normalization or batch_normalization)()(x)
    x = activation_layer(activation, len(x.shape))(x)
    return layers.Dropout(dropout)(x) if dropout else x


def penalty(l1, l2):
    """The kernel regularizer for these strengths, None where both are 0."""
    return regularizers.L1L2(l1, l2) if l1 or l2 else None


def batch_normalization(**kwargs):
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, **kwargs)


def activation_layer(activation, rank):
    """The layer for a checked activation; PReLU learns one slope a channel."""
    if activation == "prelu":
        return layers.PReLU(shared_axes=list(range(1, rank - 1)) or None)
    return layers.Activation(activation)


@keras.saving.register_keras_serializable("recipes")
class Limit(layers.Layer):
    """Keeps values within -limit and limit."""

    def __init__(self, limit, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit

    def call(self, inputs):
        return ops.clip(inputs, -self.limit, self.limit)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable("recipes")
class GaussianNoise(layers.GaussianNoise):
    """Keras's layer without its limit of 1, which raw pixels and unscaled columns exceed."""

    def __init__(self, stddev, **kwargs):
        stddev = _checks.non_negative("stddev", stddev)
        super().__init__(min(stddev, 1.0), **kwargs)
        self.stddev = stddev
