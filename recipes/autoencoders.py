"""Dense autoencoders for tables, vectors and small images: stacked, denoising, sparse.

    build_stacked_autoencoder    a narrow code: compression, encodings, anomaly scores
    build_denoising_autoencoder  learns to repair its input: robust encodings, tables from Kaggle
    build_sparse_autoencoder     a wide code of which little is on: features that can be read

Images keep more of their shape in `build_convolutional_autoencoder`; new samples come from
`build_variational_autoencoder`. Every model has the parts "encoder" and "decoder":
`model.get_layer("encoder")` is a model of its own. Train with the input as target:
`model.fit(x, x)`.
"""

import keras
from keras import layers

from recipes import _autoencoders, _checks
from recipes._recipe import recipe

# The penalty on the code -> the activation whose values it can push to nothing, and a weight that
# keeps digits, Fashion-MNIST and standardised tables near the target without blurring them.
PENALTIES = {"kl": ("sigmoid", 0.03), "l1": ("relu", 0.001)}


@recipe
def build_stacked_autoencoder(
    input_shape,
    *,
    units=(128, 64),
    latent_dim=16,
    tied=False,
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
    name="stacked_autoencoder",
):
    """A symmetric stack of dense layers around a narrow linear code.

    With `units=()` it is linear and finds the space of the first principal components.

    Args:
        input_shape: shape of one sample, usually (features,); images are flattened inside and come
            back as images.
        units: width of each hidden layer of the encoder; the decoder has them in reverse.
        latent_dim: width of the code, at least 1.
        tied: the decoder uses the encoder's kernels, transposed, with biases of its own: half the
            weights, and a mild regularisation.
        activation: any Keras activation, or "prelu", for the hidden layers.
        output_activation: "linear" (squared error, any scale; standardised columns train best) or
            "sigmoid" (cross-entropy, for inputs in [0, 1]).
        dropout: rate in [0, 1) after each hidden layer.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: normalise every hidden layer.
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

    Source: Hinton and Salakhutdinov, 2006; Vincent et al., 2010 (tied weights).

    >>> model = build_stacked_autoencoder((7,), units=(5,), latent_dim=3)
    >>> model.output_shape, model.get_layer("encoder").output_shape
    ((None, 7), (None, 3))
    >>> tied = build_stacked_autoencoder((7,), units=(5,), latent_dim=3, tied=True)
    >>> [sum(w.shape[0] * w.shape[1] for w in m.weights if len(w.shape) == 2)
    ...  for m in (model, tied)]
    [100, 50]
    """
    input_shape = _checks.shape("input_shape", input_shape, fixed=True)
    units = _checks.counts("units", units, allow_empty=True)
    _autoencoders.check(latent_dim, output_activation, noise, optimizer, learning_rate)
    hidden = _autoencoders.Hidden(activation, dropout, l1, l2, batch_norm, tied)

    x = keras.Input(input_shape, name="x")
    code = _autoencoders.code(_autoencoders.hidden_dense(x, units, hidden), latent_dim, hidden)

    model = _autoencoders.autoencoder(
        keras.Model(x, code, name="encoder"),
        output_activation=output_activation,
        corruption=_autoencoders.gaussian(noise),
        tied=tied,
        name=name,
    )
    return _autoencoders.compile_reconstruction(model, output_activation, optimizer, learning_rate)


@recipe
def build_denoising_autoencoder(
    input_shape,
    *,
    corruption="gaussian",
    units=(128, 64),
    latent_dim=16,
    tied=False,
    activation="gelu",
    output_activation="linear",
    dropout=0.0,
    l1=0.0,
    l2=0.0,
    batch_norm=False,
    noise=0.2,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="denoising_autoencoder",
):
    """A stacked autoencoder that sees a damaged input and must give back the sound one.

    The damage stands in front of the encoder and happens in training only, so that the encoder
    itself is clean.

    Args:
        input_shape: shape of one sample, usually (features,); images are flattened inside.
        corruption: "gaussian" (adds noise), "dropout" (blanks cells) or "swap" (takes the same
            column's value from another row; for tables).
        units: width of each hidden layer of the encoder; the decoder has them in reverse.
        latent_dim: width of the code, at least 1.
        tied: the decoder uses the encoder's kernels, transposed.
        activation: any Keras activation, or "prelu", for the hidden layers.
        output_activation: "linear" (squared error, any scale) or "sigmoid" (cross-entropy, for
            inputs in [0, 1]).
        dropout: rate in [0, 1) after each hidden layer.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: normalise every hidden layer.
        noise: how much is damaged: a standard deviation in the input's units for "gaussian", the
            share of cells in [0, 1) for "dropout" and "swap".
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> the same shape, with the parts "encoder"
        and "decoder".

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Vincent et al., 2008, Extracting and Composing Robust Features; Jahrer, 2017 (swap).

    >>> model = build_denoising_autoencoder((7,), corruption="swap", noise=0.15)
    >>> [layer.name for layer in model.layers][-2:]
    ['encoder', 'decoder']
    """
    input_shape = _checks.shape("input_shape", input_shape, fixed=True)
    _checks.one_of("corruption", corruption, _autoencoders.CORRUPTIONS)
    units = _checks.counts("units", units, allow_empty=True)
    _autoencoders.check(latent_dim, output_activation, noise, optimizer, learning_rate)
    if corruption != "gaussian":
        _checks.rate("noise", noise)
    hidden = _autoencoders.Hidden(activation, dropout, l1, l2, batch_norm, tied)

    x = keras.Input(input_shape, name="x")
    code = _autoencoders.code(_autoencoders.hidden_dense(x, units, hidden), latent_dim, hidden)

    model = _autoencoders.autoencoder(
        keras.Model(x, code, name="encoder"),
        output_activation=output_activation,
        corruption=_autoencoders.CORRUPTIONS[corruption](noise),
        tied=tied,
        name=name,
    )
    return _autoencoders.compile_reconstruction(model, output_activation, optimizer, learning_rate)


@recipe
def build_sparse_autoencoder(
    input_shape,
    *,
    units=(128,),
    latent_dim=64,
    penalty="kl",
    sparsity=0.05,
    sparsity_weight=None,
    tied=False,
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
    name="sparse_autoencoder",
):
    """An autoencoder with a wide code of which only a small part is on for any one sample.

    Args:
        input_shape: shape of one sample, usually (features,); images are flattened inside.
        units: width of each hidden layer of the encoder; the decoder has them in reverse.
        latent_dim: width of the code, at least 1; it may exceed the number of features.
        penalty: "kl" keeps the mean activation of every sigmoid unit of the code near `sparsity`;
            "l1" penalises the activations of ReLU units, and many become exactly 0.
        sparsity: mean activation to aim for, in (0, 1); "kl" only.
        sparsity_weight: how much the penalty counts beside the reconstruction, at least 0; None is
            0.03 for "kl" and 0.001 for "l1".
        tied: the decoder uses the encoder's kernels, transposed.
        activation: any Keras activation, or "prelu", for the hidden layers.
        output_activation: "linear" (squared error, any scale) or "sigmoid" (cross-entropy, for
            inputs in [0, 1]).
        dropout: rate in [0, 1) after each hidden layer.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: normalise every hidden layer.
        noise: standard deviation of Gaussian noise on the input while training, in its units.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> the same shape, with the parts "encoder",
        whose codes lie in [0, 1] for "kl" and in [0, inf) for "l1", and "decoder".

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Ng, 2011, CS294A lecture notes on sparse autoencoders.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    >>> model = build_sparse_autoencoder(
    ...     (8,), latent_dim=12, sparsity=0.1, sparsity_weight=0.3, learning_rate=0.01, seed=0
    ... )
    >>> history = model.fit(x, x, epochs=40, verbose=0)
    >>> print(f"{model.get_layer('encoder').predict(x, verbose=0).mean():.1f}")
    0.1
    """
    input_shape = _checks.shape("input_shape", input_shape, fixed=True)
    units = _checks.counts("units", units, allow_empty=True)
    code_activation, usual_weight = PENALTIES[_checks.one_of("penalty", penalty, PENALTIES)]
    _checks.fraction("sparsity", sparsity)
    weight = usual_weight if sparsity_weight is None else sparsity_weight
    _checks.non_negative("sparsity_weight", weight)
    _autoencoders.check(latent_dim, output_activation, noise, optimizer, learning_rate)
    hidden = _autoencoders.Hidden(activation, dropout, l1, l2, batch_norm, tied)

    x = keras.Input(input_shape, name="x")
    code = _autoencoders.code(_autoencoders.hidden_dense(x, units, hidden), latent_dim, hidden)
    code = layers.Activation(code_activation)(code)
    code = _autoencoders.CodePenalty(penalty, sparsity, weight)(code)

    model = _autoencoders.autoencoder(
        keras.Model(x, code, name="encoder"),
        output_activation=output_activation,
        corruption=_autoencoders.gaussian(noise),
        tied=tied,
        name=name,
    )
    return _autoencoders.compile_reconstruction(model, output_activation, optimizer, learning_rate)
