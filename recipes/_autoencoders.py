"""What the autoencoder builders share: the encoder's body, its mirror image, corruption, the tie.

A decoder is its encoder read backwards: `mirror` walks the encoder from the code to the input and
undoes each layer, by the layer itself where weights are tied, by a fresh one where they are not.
"""

import dataclasses
import itertools

import keras
from keras import layers, ops

from recipes import _blocks, _checks, _heads
from recipes.layers import ReversibleConv2D, ReversibleDense, Sampling, SwapNoise
from recipes.losses import KLSparsity

LOSSES = {
    "linear": keras.losses.MeanSquaredError,
    "sigmoid": keras.losses.BinaryCrossentropy,
}

CORRUPTIONS: dict[str, type[keras.Layer]] = {
    "gaussian": _blocks.GaussianNoise,
    "dropout": layers.Dropout,
    "swap": SwapNoise,
}

# Whether the weights are tied -> the layer.
DENSE = {False: layers.Dense, True: ReversibleDense}
CONVOLUTION = {False: layers.Conv2D, True: ReversibleConv2D}

REVERSIBLE = (ReversibleDense, ReversibleConv2D)
WEIGHTED = (layers.Dense, layers.Conv2D, layers.Conv2DTranspose, *REVERSIBLE)


@dataclasses.dataclass(frozen=True)
class Hidden:
    """The knobs of every hidden layer, checked."""

    activation: str
    dropout: float
    l1: float
    l2: float
    batch_norm: bool
    tied: bool = False

    def __post_init__(self):
        _blocks.check(self.activation, self.dropout, self.l1, self.l2, self.batch_norm, 0.0, 0.0)
        _checks.flag("tied", self.tied)


def check(latent_dim, output_activation, noise, optimizer, learning_rate):
    """Check the knobs that every autoencoder has beside those of `Hidden`."""
    _checks.count("latent_dim", latent_dim)
    _checks.one_of("output_activation", output_activation, LOSSES)
    _checks.non_negative("noise", noise)
    _heads.make_optimizer(optimizer, learning_rate)


def hidden_dense(x, units, hidden):
    """Dense hidden layers of these widths; images are flattened first."""
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    for width in units:
        x = _block(x, DENSE[hidden.tied], hidden, units=width)
    return x


def hidden_convolutions(x, filters, kernel_size, hidden):
    """Convolutions of these widths, each of which halves the image."""
    options = {"kernel_size": kernel_size, "strides": 2}
    if not hidden.tied:
        options["padding"] = "same"
    for width in filters:
        x = _block(x, CONVOLUTION[hidden.tied], hidden, filters=width, **options)
    return x


def code(x, latent_dim, hidden, name="latent"):
    """The linear layer that ends an encoder."""
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    penalty = _blocks.penalty(hidden.l1, hidden.l2)
    return DENSE[hidden.tied](latent_dim, kernel_regularizer=penalty, name=name)(x)


def _block(x, layer, hidden, **sizes):
    # A bias in front of batch normalisation does nothing; tied layers need theirs to come back.
    options = {} if hidden.tied else {"use_bias": not hidden.batch_norm}
    return _blocks.block(
        x,
        layer(kernel_regularizer=_blocks.penalty(hidden.l1, hidden.l2), **sizes, **options),
        activation=hidden.activation,
        batch_norm=hidden.batch_norm,
        dropout=hidden.dropout,
    )


def mirror(encoder, output_activation, kind=keras.Model):
    """The decoder of an encoder that is one chain of layers.

    Every layer with weights is undone, last first; what stands between two of them (normalisation,
    activation, dropout) is copied in its own order. What follows the last weights shapes the code
    and has no counterpart.
    """
    down = [_parted(group) for group in groups(encoder)]
    between = [[], *(after for _, after in down[:-1])]
    x = inputs = keras.Input(down[-1][0][-1].output.shape[1:], name="code")
    for (undoable, _), after in zip(reversed(down), reversed(between), strict=True):
        normalised = any(isinstance(layer, layers.BatchNormalization) for layer in after)
        for layer in reversed(undoable):
            x = _undo(layer, x, use_bias=not normalised)
        for layer in after:
            x = fresh(layer)(x)
    # float32 under mixed precision too.
    x = layers.Activation(output_activation, dtype="float32", name="output")(x)
    return kind(inputs, x, name="decoder")


def groups(chain):
    """The layers of a chain in groups with one weighted layer each, led by it or its Flatten."""
    found = []
    for before, layer in itertools.pairwise(chain.layers):
        flatten = isinstance(layer, layers.Flatten)
        weighted = isinstance(layer, WEIGHTED) and not isinstance(before, layers.Flatten)
        if flatten or weighted:
            found.append([layer])
        elif found:
            found[-1].append(layer)
    return found


def _parted(group):
    """A group's Flatten and weights, which can be undone, and what follows them."""
    count = 1 + isinstance(group[0], layers.Flatten)
    return group[:count], group[count:]


def _undo(layer, x, use_bias):
    """From the shape of the layer's output back to the shape of its input."""
    shape = layer.input.shape[1:]
    if isinstance(layer, REVERSIBLE):
        return layer(x, reverse=True)
    if isinstance(layer, layers.Flatten):
        return layers.Reshape(shape)(x)
    options = {"use_bias": use_bias, "kernel_regularizer": layer.kernel_regularizer}
    if isinstance(layer, layers.Dense):
        return layers.Dense(shape[-1], **options)(x)
    x = layers.Conv2DTranspose(
        shape[-1], layer.kernel_size, layer.strides, padding="same", **options
    )(x)
    # An odd side was rounded up on the way in.
    surplus = [(0, made - side) for made, side in zip(x.shape[1:3], shape[:2], strict=True)]
    return layers.Cropping2D(surplus)(x) if any(extra for _, extra in surplus) else x


def fresh(layer, **changes):
    """A new layer with the config of this one, but for the changes."""
    return type(layer).from_config({**layer.get_config(), **changes})


def autoencoder(encoder, *, output_activation, corruption=None, tied=False, name):
    """Corruption, encoder and decoder in line: the model before it is compiled."""
    if tied:
        return TiedAutoencoder(encoder, corruption, output_activation, name=name)
    return in_line(encoder, mirror(encoder, output_activation), corruption, name)


def gaussian(noise):
    """The input noise of the builders that are not about corruption; 0 adds no layer."""
    return CORRUPTIONS["gaussian"](noise) if noise else None


def compile_reconstruction(model, output_activation, optimizer, learning_rate, losses=LOSSES):
    """Compile an autoencoder: squared error, or cross-entropy for inputs in [0, 1]."""
    optimizer = _heads.make_optimizer(optimizer, learning_rate)
    return _heads.compile_with(model, losses[output_activation](), "mae", optimizer)


def in_line(encoder, decoder, corruption, name):
    x = inputs = keras.Input(encoder.input_shape[1:], name="x")
    if corruption is not None:
        x = corruption(x)
    return keras.Model(inputs, decoder(encoder(x)), name=name)


@keras.saving.register_keras_serializable("recipes")
class TiedAutoencoder(keras.Model):
    """An autoencoder whose decoder is its encoder run backwards, with the encoder's own weights.

    Saved and cloned by its encoder: a config of two parts that share layers would come back as two
    strangers.

    Args:
        encoder: a functional chain whose layers with weights are Reversible ones.
        corruption: a layer in front of the encoder, or None.
        output_activation: "linear" or "sigmoid".
    """

    def __init__(self, encoder, corruption=None, output_activation="linear", name=None, **kwargs):
        decoder = mirror(encoder, output_activation, kind=TiedDecoder)
        line = in_line(encoder, decoder, corruption, name)
        super().__init__(line.input, line.output, name=name, **kwargs)
        self.corruption = corruption
        self.output_activation = output_activation

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "trainable": self.trainable,
            "encoder": serialize(self.get_layer("encoder")),
            "corruption": serialize(self.corruption),
            "output_activation": self.output_activation,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in ("encoder", "corruption"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        return cls(**config)


class TiedDecoder(keras.Model):
    """A decoder that says so where it is about to be copied away from its weights."""

    def get_config(self):
        raise ValueError(
            "model must be saved or cloned as a whole where its decoder shares the encoder's "
            f"weights. Received: the part {self.name!r}. Save the whole model; clone it by "
            "type(model).from_config(model.get_config())."
        )


@keras.saving.register_keras_serializable("recipes")
class GaussianLikelihood(keras.losses.Loss):
    """Minus the mean log-likelihood of a feature, under the variance that fits the batch best.

    That variance is the mean squared error itself, which leaves half its logarithm and a constant.
    Plain squared error supposes a variance of 1/2 in units of the data: where the data vary less,
    a variational code carries nothing.
    """

    def __init__(self, name="gaussian_likelihood", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        error = ops.mean(ops.square(y_true - y_pred))
        return 0.5 * ops.log(error + keras.config.epsilon())


@keras.saving.register_keras_serializable("recipes")
class CodePenalty(keras.layers.Layer):
    """Adds a penalty on the mean activation of a code to the loss; the code passes unchanged.

    Its own layer, because what Keras makes of `activity_regularizer` depends on the version: from
    3.14 on it is divided by the batch size.

    Args:
        penalty: "kl" (mean activation near `sparsity`) or "l1" (small activations).
        sparsity: target of "kl", in (0, 1).
        weight: how much the penalty counts beside the loss, at least 0.
    """

    def __init__(self, penalty="kl", sparsity=0.05, weight=0.1, **kwargs):
        super().__init__(**kwargs)
        self.penalty = penalty
        self.sparsity = sparsity
        self.weight = weight

    def call(self, inputs):
        if self.penalty == "kl":
            self.add_loss(KLSparsity(self.sparsity, self.weight)(inputs))
        else:
            size = ops.sum(ops.abs(ops.cast(inputs, "float32")), axis=-1)
            self.add_loss(self.weight * ops.mean(size))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "penalty": self.penalty,
            "sparsity": self.sparsity,
            "weight": self.weight,
        }


# The last layer of an encoder where it matters to the autoencoder's loss alone.
LOSS_ONLY = (CodePenalty, Sampling)


def code_of(encoder):
    """The encoder up to its code, without what only matters to the autoencoder's loss."""
    last = encoder.layers[-1]
    if not isinstance(last, LOSS_ONLY):
        return encoder
    code = last.input[0] if isinstance(last.input, list) else last.input
    return keras.Model(encoder.input, code, name=encoder.name)
