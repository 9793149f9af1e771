"""Recurrent autoencoders for series: `build_sequence_autoencoder`."""

import keras
from keras import layers

from recipes import _autoencoders, _checks, _recurrent
from recipes._recipe import recipe


@recipe
def build_sequence_autoencoder(
    input_shape,
    *,
    units=(64,),
    latent_dim=16,
    cell="lstm",
    bidirectional=False,
    output_activation="linear",
    dropout=0.0,
    noise=0.0,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="sequence_autoencoder",
):
    """Recurrent layers that read a series into one code, and others that write it from the code.

    The decoder gets the code at every timestep and writes from the last timestep to the first, of
    which the code remembers most.

    Args:
        input_shape: (timesteps, features), both known.
        units: widths of the encoder's recurrent layers; the decoder has them in reverse.
        latent_dim: width of the linear code, at least 1.
        cell: "rnn", "lstm" or "gru".
        bidirectional: the encoder reads both ways.
        output_activation: "linear" (squared error, any scale; standardised series train best) or
            "sigmoid" (cross-entropy, for values in [0, 1]).
        dropout: rate in [0, 1) after each recurrent layer.
        noise: standard deviation of Gaussian noise on the input while training, in its units.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, timesteps, features) -> the same shape, with the parts
        "encoder", (batch, timesteps, features) -> (batch, latent_dim), and "decoder". For
        `reconstruction_error`, `anomaly_scores`, `encode`, as the other autoencoders.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Srivastava et al., 2015, Unsupervised Learning of Video Representations using LSTMs;
    Malhotra et al., 2016, LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection.

    >>> model = build_sequence_autoencoder((12, 2), units=(8,), latent_dim=3)
    >>> model.output_shape, model.get_layer("encoder").output_shape
    ((None, 12, 2), (None, 3))
    """
    timesteps, features = _checks.shape("input_shape", input_shape, ndim=2, fixed=True)
    units = _recurrent.check(cell, units, bidirectional, dropout, 0.0, None, 0.0, 0.0)
    _autoencoders.check(latent_dim, output_activation, noise, optimizer, learning_rate)

    x = keras.Input((timesteps, features), name="x")
    read = _recurrent.recurrent(
        x,
        cell=cell,
        units=units,
        bidirectional=bidirectional,
        return_sequences=False,
        dropout=dropout,
    )
    encoder = keras.Model(x, layers.Dense(latent_dim, name="latent")(read), name="encoder")

    code = keras.Input((latent_dim,), name="code")
    written = _recurrent.recurrent(
        layers.RepeatVector(timesteps)(code), cell=cell, units=units[::-1], dropout=dropout
    )
    written = layers.Dense(features, output_activation, dtype="float32")(written)
    decoder = keras.Model(code, FlipTime(dtype="float32", name="output")(written), name="decoder")

    model = _autoencoders.in_line(encoder, decoder, _autoencoders.gaussian(noise), name)
    return _autoencoders.compile_reconstruction(model, output_activation, optimizer, learning_rate)


@keras.saving.register_keras_serializable("recipes")
class FlipTime(layers.Layer):
    """The last timestep first: (batch, timesteps, features) -> the same shape."""

    def call(self, inputs):
        return keras.ops.flip(inputs, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape
