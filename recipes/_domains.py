"""Rows of two domains in pairs, and batch normalisation that keeps the domains apart."""

import keras
from keras import layers, ops

from recipes import _blocks


@keras.saving.register_keras_serializable("recipes")
class DomainNormalization(layers.Layer):
    """Batch normalisation with statistics of its own for each of two domains.

    In training rows 0, 2, 4, ... are of the source and rows 1, 3, 5, ... of the target, as
    `recipes.domain_batches` gives them; both share scale and offset. Afterwards all rows are
    normalised by the target's statistics, which a batch of one row leaves as they are.

    Args:
        momentum: share of the moving statistics that a step leaves, in [0, 1).

    Call: (batch, ..., channels) -> the same shape.

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
            return self._scaled(x - self.mean, self.variance)
        rows, channels = ops.shape(x)[0], x.shape[-1]
        flat = ops.reshape(x, (rows, -1, channels))
        of_domain = ops.one_hot(ops.arange(rows) % 2, 2)
        counts = ops.sum(of_domain, axis=0)
        share = ops.transpose(of_domain / ops.maximum(counts, 1))

        def by_row(statistic):
            return ops.matmul(of_domain, statistic)[:, None]

        mean = ops.matmul(share, ops.mean(flat, axis=1))
        centred = flat - by_row(mean)
        variance = ops.matmul(share, ops.mean(ops.square(centred), axis=1))
        step = (1 - self.momentum) * ops.minimum(counts[1], 1)
        self.mean.assign_add(step * (mean[1] - self.mean))
        self.variance.assign_add(step * (variance[1] - self.variance))
        return ops.reshape(self._scaled(centred, by_row(variance)), ops.shape(x))

    def _scaled(self, centred, variance):
        return centred * ops.rsqrt(variance + 1e-3) * self.gamma + self.beta

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
