"""Layers that Keras does not bring.

Tied weights: `ReversibleDense`, `ReversibleConv2D`, called a second time with `reverse=True`.
Noise in training only: `DropConnect` (weights), `SwapNoise` (tables), `DisturbLabel` (labels).
Variational codes: `Sampling`. All are registered: models that hold them load without
`custom_objects`.
"""

import keras
from keras import initializers, ops, regularizers

from recipes import _checks


@keras.saving.register_keras_serializable("recipes")
class ReversibleDense(keras.layers.Layer):
    """A dense layer whose kernel also runs backwards: the tied weights of an autoencoder.

    `layer(x)` is `activation(x @ kernel + bias)`; `layer(code, reverse=True)` is
    `reverse_activation(code @ kernel.T + reverse_bias)`. Call it forwards first: that fixes the
    sizes.

    Args:
        units: width of the code, at least 1.
        activation, reverse_activation: Keras activations for either direction.
        kernel_initializer, kernel_regularizer: as in `keras.layers.Dense`.

    Call: (batch, ..., features) -> (batch, ..., units), and back with `reverse=True`.

    Raises:
        ValueError: units is less than 1, or the first call is a reverse one.

    Source: Vincent et al., 2010, Stacked Denoising Autoencoders.

    >>> import numpy as np
    >>> layer = ReversibleDense(3)
    >>> code = layer(np.ones((2, 5), "float32"))
    >>> tuple(code.shape), tuple(layer(code, reverse=True).shape)
    ((2, 3), (2, 5))
    >>> [tuple(weight.shape) for weight in layer.weights]
    [(5, 3), (3,), (5,)]
    """

    def __init__(
        self,
        units,
        activation=None,
        reverse_activation=None,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = _checks.count("units", units)
        self.activation = keras.activations.get(activation)
        self.reverse_activation = keras.activations.get(reverse_activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        features = input_shape[-1]
        self.kernel = self.add_weight(
            (features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")
        self.reverse_bias = self.add_weight((features,), initializer="zeros", name="reverse_bias")

    def call(self, inputs, reverse=False):
        if reverse:
            outputs = ops.matmul(inputs, ops.transpose(self.kernel)) + self.reverse_bias
            return self.reverse_activation(outputs)
        return self.activation(ops.matmul(inputs, self.kernel) + self.bias)

    def get_config(self):
        return {**super().get_config(), "units": self.units, **_reversible_config(self)}


@keras.saving.register_keras_serializable("recipes")
class ReversibleConv2D(keras.layers.Layer):
    """A convolution whose kernel also runs backwards, as a transposed convolution.

    Padding is "same". With strides the reverse direction gives back the very size that went in,
    odd sizes too, because the layer remembers it; unknown sizes come back as a multiple of the
    stride.

    Args:
        filters: channels of the code, at least 1.
        kernel_size: side of the square kernel in pixels.
        strides: step in pixels, both ways.
        activation, reverse_activation: Keras activations for either direction.
        kernel_initializer, kernel_regularizer: as in `keras.layers.Conv2D`.

    Call: (batch, height, width, channels) -> (batch, ceil(height / strides), ceil(width / strides),
    filters), and back with `reverse=True`.

    Raises:
        ValueError: filters, kernel_size or strides is less than 1.

    Source: Masci et al., 2011, Stacked Convolutional Auto-Encoders.

    >>> import numpy as np
    >>> layer = ReversibleConv2D(4, strides=2)
    >>> code = layer(np.ones((1, 7, 5, 3), "float32"))
    >>> tuple(code.shape), tuple(layer(code, reverse=True).shape)
    ((1, 4, 3, 4), (1, 7, 5, 3))
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        strides=1,
        activation=None,
        reverse_activation=None,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = _checks.count("filters", filters)
        self.kernel_size = _checks.count("kernel_size", kernel_size)
        self.strides = _checks.count("strides", strides)
        self.activation = keras.activations.get(activation)
        self.reverse_activation = keras.activations.get(reverse_activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        _, self._height, self._width, channels = input_shape
        self.kernel = self.add_weight(
            (self.kernel_size, self.kernel_size, channels, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        self.bias = self.add_weight((self.filters,), initializer="zeros", name="bias")
        self.reverse_bias = self.add_weight((channels,), initializer="zeros", name="reverse_bias")

    def call(self, inputs, reverse=False):
        options = {"strides": self.strides, "padding": "same", "data_format": "channels_last"}
        if reverse:
            outputs = ops.conv_transpose(inputs, self.kernel, **options) + self.reverse_bias
            return self.reverse_activation(outputs[:, : self._height, : self._width])
        return self.activation(ops.conv(inputs, self.kernel, **options) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            **_reversible_config(self),
        }


@keras.saving.register_keras_serializable("recipes")
class DropConnect(keras.layers.Wrapper):
    """Drops weights, not units: a fresh mask over the kernels of `layer` at each training step.

    A kept weight is divided by `1 - rate`, so that inference uses the kernel as it is; this is the
    paper's mean network, whose inference kernel is `(1 - rate) * kernel`, with the factor moved
    into training. Biases are kept.

    Args:
        layer: a Dense, Conv, EinsumDense or other layer with weights named "kernel".
        rate: share of the weights to drop, in [0, 1).
        seed: int for the masks, or None.

    Call: as `layer`.

    Raises:
        TypeError: layer is not a keras.Layer.
        ValueError: rate is outside [0, 1), or the layer turns out to have no kernel.

    Source: Wan et al., 2013, Regularization of Neural Networks using DropConnect.

    >>> import numpy as np
    >>> x = np.ones((1, 4), "float32")
    >>> layer = DropConnect(keras.layers.Dense(8), rate=0.5, seed=0)
    >>> np.allclose(layer(x), layer.layer(x))
    True
    >>> np.allclose(layer(x, training=True), layer(x, training=True))
    False
    """

    def __init__(self, layer, rate=0.2, seed=None, **kwargs):
        if not isinstance(layer, keras.Layer):
            raise TypeError(f"layer must be a keras.Layer. Received: layer={layer!r}.")
        super().__init__(layer, **kwargs)
        self.rate = _checks.rate("rate", rate)
        self.seed = _checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        super().build(input_shape)
        if not any(_is_kernel(variable) for variable in self.layer.variables):
            raise ValueError(
                "layer must have a kernel to drop weights from. "
                f"Received: {self.layer.name!r} with the weights "
                f"{[variable.name for variable in self.layer.variables]}."
            )

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return self.layer(inputs)
        return self._with_other_kernels(inputs)

    def _with_other_kernels(self, inputs):
        outputs, _ = self.layer.stateless_call(
            *(
                [self._changed(item.value) if _is_kernel(item) else item.value for item in items]
                for items in (self.layer.trainable_variables, self.layer.non_trainable_variables)
            ),
            inputs,
        )
        return outputs

    def _changed(self, kernel):
        return keras.random.dropout(kernel, self.rate, seed=self.seed_generator)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("recipes")
class SwapNoise(keras.layers.Layer):
    """Replaces cells by the same column's value in another row, so that columns keep their values.

    Made for tables, where Gaussian noise turns categories into nonsense. Active in training only.

    Args:
        rate: share of the cells to replace, in [0, 1).
        seed: int for the draws, or None.

    Call: (batch, ...) -> the same shape; row numbers are drawn within the batch.

    Raises:
        ValueError: rate is outside [0, 1).

    Source: Jahrer, 2017, first place in the Porto Seguro competition on Kaggle.

    >>> import numpy as np
    >>> x = np.arange(6.0, dtype="float32").reshape(3, 2)
    >>> noisy = np.array(SwapNoise(0.9, seed=0)(x, training=True))
    >>> set(noisy[:, 0]) <= {0.0, 2.0, 4.0}, set(noisy[:, 1]) <= {1.0, 3.0, 5.0}
    (True, True)
    """

    def __init__(self, rate=0.15, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _checks.rate("rate", rate)
        self.seed = _checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        shape = ops.shape(inputs)
        # floor(uniform * rows), because the batch size is not known where randint wants it.
        place = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        rows = ops.cast(ops.floor(place * ops.cast(shape[0], "float32")), "int32")
        swapped = ops.take_along_axis(inputs, ops.minimum(rows, shape[0] - 1), axis=0)
        swap = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) < self.rate
        return ops.where(swap, swapped, inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("recipes")
class DisturbLabel(keras.layers.Layer):
    """Trains on labels of which a random share is wrong, a fresh draw each step, by plain `fit`.

    Put it behind the last activation. A label `y` replaced by `y'` costs `-log p[y']`, which is
    what the undisturbed label costs when the probabilities are rolled by `y' - y` classes: so the
    layer rolls the predictions of that share of rows, and validation and inference, which do not
    train, see the true labels. With one sigmoid output `p` becomes `1 - p`. Training accuracy falls
    by about `rate`.

    Args:
        rate: share of rows whose label is drawn anew from all classes, in [0, 1).
        seed: int for the draws, or None.

    Call: (batch, ..., classes) probabilities, or (batch, 1) -> the same shape.

    Raises:
        ValueError: rate is outside [0, 1).

    Source: Xie et al., 2016, DisturbLabel: Regularizing CNN on the Loss Layer.

    >>> import numpy as np
    >>> p = np.tile([[0.7, 0.2, 0.1]], (6, 1)).astype("float32")
    >>> disturbed = np.array(DisturbLabel(0.9, seed=1)(p, training=True))
    >>> np.allclose(np.sort(disturbed), np.sort(p)), np.allclose(disturbed, p)
    (True, False)
    """

    def __init__(self, rate=0.1, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = _checks.rate("rate", rate)
        self.seed = _checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        width = inputs.shape[-1]
        classes = max(width, 2)
        rows = (*ops.shape(inputs)[:-1], 1)
        draw = keras.random.uniform(rows, dtype="float32", seed=self.seed_generator)
        # One uniform number says both whether (draw < rate) and by how much (its place below rate).
        shift = ops.cast(ops.floor(draw / self.rate * classes), "int32")
        shift = ops.where(draw < self.rate, ops.minimum(shift, classes - 1), 0)
        if width == 1:
            return ops.where(shift == 1, 1 - inputs, inputs)
        return ops.take_along_axis(inputs, (ops.arange(width) + shift) % width, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("recipes")
class Sampling(keras.layers.Layer):
    """The code of a variational autoencoder: a draw in training, the mean in inference.

    Adds `kl_weight * KL(N(mean, exp(log_variance)) || N(0, 1))`, summed over the code and averaged
    over the batch, to the loss.

    Args:
        kl_weight: how much the divergence counts beside the loss, at least 0.
        seed: int for the draws, or None.

    Call: [mean, log_variance], each (batch, latent_dim) -> (batch, latent_dim).

    Raises:
        ValueError: kl_weight is negative.

    Source: Kingma and Welling, 2014, Auto-Encoding Variational Bayes.

    >>> import numpy as np
    >>> layer = Sampling()
    >>> code = layer([np.ones((4, 2), "float32"), np.zeros((4, 2), "float32")])
    >>> print(np.array(code)[0], float(layer.losses[0]))
    [1. 1.] 1.0
    """

    def __init__(self, kl_weight=1.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.kl_weight = _checks.non_negative("kl_weight", kl_weight)
        self.seed = _checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        mean, log_variance = inputs
        # float32 because TensorFlow cannot add a bfloat16 penalty to the loss.
        mean32, log_variance32 = ops.cast(mean, "float32"), ops.cast(log_variance, "float32")
        divergence = ops.square(mean32) + ops.exp(log_variance32) - log_variance32 - 1
        self.add_loss(self.kl_weight * 0.5 * ops.mean(ops.sum(divergence, axis=-1)))
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "kl_weight": self.kl_weight, "seed": self.seed}


def _reversible_config(layer):
    return {
        "activation": keras.activations.serialize(layer.activation),
        "reverse_activation": keras.activations.serialize(layer.reverse_activation),
        "kernel_initializer": initializers.serialize(layer.kernel_initializer),
        "kernel_regularizer": regularizers.serialize(layer.kernel_regularizer),
    }


def _is_kernel(variable):
    return variable.name.endswith("kernel")
