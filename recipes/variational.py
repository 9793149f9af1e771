"""Variational autoencoders: `build_variational_autoencoder`, and `generate` for new samples."""

import math

import keras

from recipes import _autoencoders, _blocks, _checks, _model_checks
from recipes._recipe import generator, recipe
from recipes.layers import Sampling

LOSSES = {
    "linear": _autoencoders.GaussianLikelihood,
    "sigmoid": keras.losses.BinaryCrossentropy,
}


@recipe
def build_variational_autoencoder(
    input_shape,
    *,
    units=(256, 128),
    latent_dim=8,
    kl_weight=1.0,
    activation="gelu",
    output_activation="linear",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
    batch_norm=False,
    noise=0.0,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="variational_autoencoder",
):
    """A dense autoencoder whose code is a cloud around the origin, from which new samples come.

    The code of a sample is drawn from a Gaussian while training and is its mean in inference.
    `generate` decodes draws from the standard normal. The loss is minus the evidence lower bound,
    per feature; it may be negative.

    Args:
        input_shape: shape of one sample, (features,) or that of an image; it is flattened inside.
        units: width of each hidden layer of the encoder; the decoder has them in reverse.
        latent_dim: width of the code, at least 1.
        kl_weight: how strongly codes are drawn to the standard normal, at least 0. 1 is the
            evidence lower bound; less gives sharper reconstructions, more gives better samples.
        activation: any Keras activation, or "prelu", for the hidden layers.
        output_activation: "linear" (Gaussian noise whose variance is fitted; any scale) or
            "sigmoid" (cross-entropy, for pixels in [0, 1]; it draws cleaner pictures).
        dropout: rate in [0, 1) after each hidden layer.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: normalise every hidden layer. The input is standardised in any case.
        noise: standard deviation of Gaussian noise on the input while training, in its units.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> the same shape, with the parts "encoder",
        (batch, *input_shape) -> (batch, latent_dim), and "decoder".

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Kingma and Welling, 2014; Rybkin et al., 2021 (the fitted variance).

    >>> model = build_variational_autoencoder((28, 28, 1), latent_dim=4)
    >>> model.output_shape, model.get_layer("encoder").output_shape
    ((None, 28, 28, 1), (None, 4))
    """
    input_shape = _checks.shape("input_shape", input_shape, fixed=True)
    units = _checks.counts("units", units, allow_empty=True)
    _checks.non_negative("kl_weight", kl_weight)
    _autoencoders.check(latent_dim, output_activation, noise, optimizer, learning_rate)
    hidden = _autoencoders.Hidden(activation, dropout, l1, l2, batch_norm)

    x = keras.Input(input_shape, name="x")
    # A raw table or raw pixels would overflow exp(log_variance) at the first step.
    standard = _blocks.standardised(x, batch_norm=True, noise=0.0)
    last = _autoencoders.hidden_dense(standard, units, hidden)
    mean = _autoencoders.code(last, latent_dim, hidden, name="mean")
    log_variance = _autoencoders.code(last, latent_dim, hidden, name="log_variance")
    # The loss is a mean over the features where the evidence lower bound has a sum, so the
    # divergence is divided by their number too: a kl_weight of 1 weighs the two as the bound does.
    code = Sampling(kl_weight / math.prod(input_shape), name="code")([mean, log_variance])

    model = _autoencoders.in_line(
        keras.Model(x, code, name="encoder"),
        _autoencoders.mirror(keras.Model(x, mean), output_activation),
        corruption=_autoencoders.gaussian(noise),
        name=name,
    )
    return _autoencoders.compile_reconstruction(
        model, output_activation, optimizer, learning_rate, losses=LOSSES
    )


def generate(model, n, *, seed=None, batch_size=256):
    """New samples: decoded draws from the standard normal, to which training shaped the code.

    Args:
        model: a trained variational autoencoder.
        n: number of samples, at least 1.
        seed: int for the draws, or None.
        batch_size: samples in one prediction step, at least 1.

    Returns:
        Array (n, *model.output_shape[1:]).

    Raises:
        ValueError: the model is not variational, so that nothing is known of its codes.

    >>> model = build_variational_autoencoder((8, 8, 1))
    >>> generate(model, 5, seed=0).shape
    (5, 8, 8, 1)
    """
    encoder = _model_checks.part(_model_checks.model("model", model), "encoder")
    _checks.require(
        any(isinstance(layer, Sampling) for layer in encoder.layers),
        "model",
        "be a variational autoencoder",
        repr(model.name),
        "Did you mean build_variational_autoencoder?",
    )
    decoder = _model_checks.part(model, "decoder")
    random = generator(seed)
    codes = random.normal(size=(_checks.count("n", n), *decoder.input_shape[1:]))
    batch_size = _checks.count("batch_size", batch_size)
    return decoder.predict(codes.astype("float32"), batch_size=batch_size, verbose=0)
