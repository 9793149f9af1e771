"""Attention: `pooled`, a weighted mean of the steps; `SourceAttention`, from decoder to source."""

import keras
from keras import layers, ops

KINDS = ("additive", "dot")


def pooled(x, units):
    """Steps (batch, timesteps, features) -> their weighted mean, by the layer "attention"."""
    return layers.Dot(axes=1, name="pooled")([PoolingWeights(units, name="attention")(x), x])


@keras.saving.register_keras_serializable("recipes")
class PoolingWeights(keras.Layer):
    """How much each step counts: `softmax(v . tanh(W h + b))` over the steps that are not masked.

    Call: (batch, timesteps, features) -> (batch, timesteps), rows that sum to 1.

    Source: Bahdanau et al., 2015; Yang et al., 2016 (pooling with one query for all rows).
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")
        self.query = self.add_weight((self.units, 1), name="query")

    def call(self, inputs, mask=None):
        energy = ops.matmul(ops.tanh(ops.matmul(inputs, self.kernel) + self.bias), self.query)
        return masked_softmax(ops.squeeze(energy, -1), mask)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def masked_softmax(energy, mask):
    """Softmax over the last axis in float32, with next to nothing where `mask` is False."""
    energy = ops.cast(energy, "float32")
    if mask is not None:
        energy = ops.where(mask, energy, -1e9)
    return ops.softmax(energy, axis=-1)


@keras.saving.register_keras_serializable("recipes")
class SourceAttention(keras.Layer):
    """What each step of a decoder looks at in the source, padding left out.

    Call: queries (batch, steps, units), values (batch, timesteps, features), source tokens (batch,
    timesteps) -> means of the values (batch, steps, features), weights (batch, steps, timesteps).
    "additive" scores `v . tanh(W q + U h)`, "dot" scores `q . (W h)`.

    Source: Bahdanau et al., 2015 (additive); Luong et al., 2015 (dot).
    """

    def __init__(self, kind, units, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.units = units
        self.supports_masking = True

    def build(self, queries_shape, values_shape, source_shape):
        self.values_kernel = self.add_weight((values_shape[-1], self.units), name="values_kernel")
        if self.kind == "additive":
            self.kernel = self.add_weight((queries_shape[-1], self.units), name="kernel")
            self.query = self.add_weight((self.units, 1), name="query")

    def call(self, queries, values, source):
        keys = ops.matmul(values, self.values_kernel)
        if self.kind == "additive":
            queries = ops.matmul(queries, self.kernel)
            both = ops.tanh(queries[:, :, None] + keys[:, None])
            # Keras 3.12 hands `matmul` to TensorFlow's, which is wrong here for one query on CPUs
            # that its oneDNN serves with more than AVX2 (batch dimensions of 1).
            energy = ops.squeeze(ops.tensordot(both, self.query, 1), -1)
        else:
            energy = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        weights = masked_softmax(energy, ops.not_equal(source, 0)[:, None])
        return ops.matmul(ops.cast(weights, values.dtype), values), weights

    def compute_mask(self, inputs, previous_mask=None):
        return previous_mask, None  # the mask of the queries

    def compute_output_shape(self, queries_shape, values_shape, source_shape):
        steps = queries_shape[1]
        return (queries_shape[0], steps, values_shape[-1]), (
            queries_shape[0],
            steps,
            source_shape[1],
        )

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "units": self.units}
