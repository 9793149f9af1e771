"""Convolutional autoencoders for images: `build_convolutional_autoencoder`."""

import keras

from recipes import _autoencoders, _checks
from recipes._recipe import recipe


@recipe
def build_convolutional_autoencoder(
    input_shape,
    *,
    filters=(32, 64),
    kernel_size=3,
    latent_dim=32,
    tied=False,
    activation="relu",
    output_activation="linear",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
    batch_norm=False,
    noise=0.0,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="convolutional_autoencoder",
):
    """Strided convolutions down to the code and transposed ones back, to the very size that came.

    Args:
        input_shape: (height, width, channels), all known; odd sides come back exactly.
        filters: channels of each convolution of the encoder; each halves the image.
        kernel_size: side of the square kernels in pixels.
        latent_dim: width of a linear code behind the convolutions, at least 1; None leaves the
            last convolution as the code, with `filters[-1]` channels and a place for everything.
        tied: the decoder uses the encoder's kernels, reversed, with biases of its own.
        activation: any Keras activation, or "prelu", for the hidden layers.
        output_activation: "linear" (squared error, any scale) or "sigmoid" (cross-entropy, for
            pixels in [0, 1]).
        dropout: rate in [0, 1) after each hidden layer.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: normalise every hidden layer.
        noise: standard deviation of Gaussian noise on the input while training, in its units.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, height, width, channels) -> the same shape, with the parts
        "encoder", whose code is (batch, latent_dim) or (batch, height / 2^depth, width / 2^depth,
        filters[-1]) with sides rounded up, and "decoder".

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind; sides are None.

    Source: Masci et al., 2011, Stacked Convolutional Auto-Encoders.

    >>> model = build_convolutional_autoencoder((7, 5, 3), filters=(8, 4), latent_dim=None)
    >>> model.output_shape, model.get_layer("encoder").output_shape
    ((None, 7, 5, 3), (None, 2, 2, 4))
    """
    input_shape = _checks.shape("input_shape", input_shape, ndim=3, fixed=True)
    filters = _checks.counts("filters", filters)
    _checks.count("kernel_size", kernel_size)
    latent = filters[-1] if latent_dim is None else latent_dim
    _autoencoders.check(latent, output_activation, noise, optimizer, learning_rate)
    hidden = _autoencoders.Hidden(activation, dropout, l1, l2, batch_norm, tied)

    x = keras.Input(input_shape, name="x")
    code = _autoencoders.hidden_convolutions(x, filters, kernel_size, hidden)
    if latent_dim is not None:
        code = _autoencoders.code(code, latent_dim, hidden)

    model = _autoencoders.autoencoder(
        keras.Model(x, code, name="encoder"),
        output_activation=output_activation,
        corruption=_autoencoders.gaussian(noise),
        tied=tied,
        name=name,
    )
    return _autoencoders.compile_reconstruction(model, output_activation, optimizer, learning_rate)
