"""Rows of two domains in pairs, and batch normalisation that keeps the domains apart."""

import keras
from keras import layers, ops

from recipes import _blocks


@keras.saving.register_keras_serializable("recipes")
class DomainNormalization(layers.Layer):
    """Batch normalisation with statistics of its own for each of two domains.

    In training rows 0, 2, 4, ... are of the source and rows 1, 3, 5, ... of the target, as
    `recipes.domain_batches` gives them; both share scale and offset. Afterwards all rows are
    normalised by the target's statistics.

    Args:
        momentum: share of the moving statistics that a step leaves, in [0, 1).

    Call: (batch, ..., channels) -> the same shape; an even number of rows in training.

    Source: Li et al., 2016, Revisiting Batch Normalization for Practical Domain Adaptation; Chang
    et al., 2019, Domain-Specific Batch Normalization.
    """

    def __init__(self, momentum=_blocks.BATCH_NORM_MOMENTUM, **kwargs):
        # Statistics need the digits, also under mixed precision.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.momentum = momentum

    def build(self, input_shape):
        def weight(name, initializer, trainable):
            shape = (input_shape[-1],)
            return self.add_weight(shape, initializer=initializer, trainable=trainable, name=name)

        self.gamma = weight("gamma", "ones", True)
        self.beta = weight("beta", "zeros", True)
        self.mean = weight("moving_mean", "zeros", False)
        self.variance = weight("moving_variance", "ones", False)

    def call(self, x, training=False):
        if not training:
            return self._scaled(x, self.mean, self.variance)
        shape = ops.shape(x)
        pairs = ops.reshape(x, (-1, 2, *shape[1:]))
        mean, variance = ops.moments(pairs, (0, *range(2, len(shape))), keepdims=True)
        for moving, now in ((self.mean, mean), (self.variance, variance)):
            of_target = ops.reshape(now[:, 1], (-1,))
            moving.assign(self.momentum * moving + (1 - self.momentum) * of_target)
        return ops.reshape(self._scaled(pairs, mean, variance), shape)

    def _scaled(self, x, mean, variance):
        return (x - mean) * ops.rsqrt(variance + 1e-3) * self.gamma + self.beta

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


def unpaired(feed):
    """A feed of pairs, (pairs, 2, ...), as one of rows: first and second of each pair in turn."""
    if isinstance(feed, keras.utils.PyDataset):
        return _Unpaired(feed)
    return feed.map(lambda *batch: _rows(batch, ops.reshape))


def _rows(batch, reshape):
    return keras.tree.map_structure(lambda a: reshape(a, (-1, *a.shape[2:])), batch)


class _Unpaired(keras.utils.PyDataset):
    def __init__(self, feed):
        super().__init__()
        self.feed = feed

    def __len__(self):
        return len(self.feed)

    def __getitem__(self, step):
        return _rows(self.feed[step], lambda a, shape: a.reshape(shape))

    def on_epoch_end(self):
        self.feed.on_epoch_end()
