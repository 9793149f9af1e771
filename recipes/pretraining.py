"""From unlabelled data to a classifier: pretrain a stack layer by layer, put a head on its encoder.

model = build_stacked_autoencoder((64,), units=(128, 64))
pretrain_layerwise(model, x)                     # all the data, no labels
model.fit(x, x, epochs=20)
classifier = build_on_encoder(model, 10)         # few labels
classifier.fit(x_labelled, y_labelled, epochs=20)
"""

import keras
from keras import layers

from recipes import _autoencoders, _checks, _heads, _model_checks
from recipes._recipe import recipe, seeded
from recipes.feeding import batches


def pretrain_layerwise(model, x, *, epochs=10, batch_size=32, seed=None, verbose=0):
    """Train an autoencoder greedily, one layer of encoder and decoder at a time, outermost first.

    Each stage is a small autoencoder of the codes of the stage before, trained with the model's
    own optimizer and corruption. It changes the model's weights in place, as `fit` does; go on
    with `model.fit(x, x)`, which trains all layers together. Worth its time for deep stacks and
    saturating activations such as sigmoid.

    Args:
        model: stacked, denoising, sparse or convolutional autoencoder of this package, tied or
            not.
        x: samples, (rows, *model.input_shape[1:]).
        epochs: passes over x for each layer, at least 1.
        batch_size: rows in a step, at least 1.
        seed: int for the order of the rows and the corruption, or None.
        verbose: as in `fit`: 0, 1 or 2.

    Returns:
        List of `keras.callbacks.History`, one for each layer, outermost first.

    Raises:
        ValueError: the model is no chain of layers (a variational one), or x does not fit it.

    Source: Bengio et al., 2007, Greedy Layer-Wise Training; Vincent et al., 2010.

    >>> import numpy as np
    >>> from recipes import build_stacked_autoencoder
    >>> model = build_stacked_autoencoder((8,), units=(6, 4), latent_dim=2)
    >>> len(pretrain_layerwise(model, np.zeros((16, 8)), epochs=1))
    3
    """
    stages = _stages(_model_checks.model("model", model))
    x = _checks.array("x", x, shape=model.input_shape[1:]).astype("float32")
    _checks.count("epochs", epochs)

    histories = []
    for number, (down, up) in enumerate(stages):
        with seeded(seed):
            code, stage = _stage(model, down, up, x.shape[1:])
        # The outermost stage sees the data; the others see hidden activations, of any range.
        loss = model.loss if number == 0 else "mse"
        _heads.compile_with(stage, loss, "mae", _heads.make_optimizer(model.optimizer))
        feed = batches(x, x, batch_size, seed=seed)
        histories.append(stage.fit(feed, epochs=epochs, verbose=verbose, shuffle=False))
        x = code.predict(x, batch_size=max(batch_size, 256), verbose=0)
    return histories


@recipe
def build_on_encoder(
    encoder,
    outputs,
    *,
    task="multiclass",
    trainable=True,
    dropout=0.0,
    label_smoothing=0.0,
    loss=None,
    class_counts=None,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="on_encoder",
):
    """A task head on a copy of a trained encoder, compiled for its task.

    The encoder's weights are copied: training the new model leaves the autoencoder as it is. The
    penalty of a sparse code and the draw of a variational one are left behind; the latter's code is
    its mean.

    Args:
        encoder: an autoencoder, or its part "encoder"; any functional or Sequential model of one
            input and one output of a known size will do.
        outputs: number of classes, labels or values to predict; 1 for `task="binary"`.
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        trainable: fine-tune the encoder too; False trains the head alone.
        dropout: rate in [0, 1) between the code and the head.
        label_smoothing: rate in [0, 1); not for regression.
        loss, class_counts: as in `build_mlp`.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes the head's initial weights and the dropout, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, samples of the encoder -> (batch, outputs), with the part "encoder".

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind; an encoder of
            several inputs or outputs, of a code of unknown size, or whose layers cannot be seen.

    Source: Hinton and Salakhutdinov, 2006; Vincent et al., 2010.

    >>> from recipes import build_stacked_autoencoder
    >>> model = build_stacked_autoencoder((8,), units=(6,), latent_dim=4)
    >>> classifier = build_on_encoder(model, 3, trainable=False)
    >>> classifier.output_shape, len(classifier.trainable_weights)
    ((None, 3), 2)
    """
    encoder = _encoder_of(_model_checks.model("encoder", encoder))
    _checks.flag("trainable", trainable)
    _checks.rate("dropout", dropout)
    _heads.check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate)

    samples = encoder.inputs[0]
    inputs = keras.Input(samples.shape[1:], dtype=samples.dtype, name="x")
    encoder = _copy(encoder)
    encoder.trainable = trainable
    (x,) = keras.tree.flatten(encoder(inputs))  # a list of one output is a list still
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    outputs = _heads.output_layer(outputs, task)(x)

    model = keras.Model(inputs, outputs, name=name)
    return _heads.compile_for(
        model,
        task,
        label_smoothing=label_smoothing,
        loss=loss,
        class_counts=class_counts,
        optimizer=optimizer,
        learning_rate=learning_rate,
    )


def _stages(model):
    """Pairs of layer groups, outermost first: from a code to the next one, and back."""
    encoder, decoder = (_model_checks.part(model, part) for part in ("encoder", "decoder"))
    down, up = _autoencoders.groups(encoder), _autoencoders.groups(decoder)
    _checks.require(
        len(down) == len(up),
        "model",
        "be a chain of layers that mirror one another",
        f"{model.name!r}, with {len(down)} layers down and {len(up)} up",
        "A variational autoencoder has two last layers: train it as a whole.",
    )
    return list(zip(down, reversed(up), strict=True))


def _stage(model, down, up, shape):
    """The models x -> code and x -> code -> x over these groups of the model's own layers."""
    x = inputs = keras.Input(shape)
    for layer in model.layers:
        if isinstance(layer, tuple(_autoencoders.CORRUPTIONS.values())):
            x = _autoencoders.fresh(layer, seed=None)(x)
    for layer in down:
        x = layer(x)
    code = keras.Model(inputs, x)
    for layer in up:
        reverse = isinstance(layer, _autoencoders.REVERSIBLE)
        x = layer(x, reverse=True) if reverse else layer(x)
    return code, keras.Model(inputs, x)


def _encoder_of(model):
    """The encoder up to its code, of an autoencoder or given as such: one input, one output."""
    named = [layer for layer in model.layers if layer.name == "encoder"]
    encoder = _model_checks.functional("encoder", named[0] if named else model)
    encoder = _autoencoders.code_of(encoder)
    ends, code = (len(encoder.inputs), len(encoder.outputs)), encoder.outputs[0].shape
    _checks.require(
        ends == (1, 1),
        "encoder",
        "have one input and one output, the code",
        f"{encoder.name!r}, inputs: {ends[0]}, outputs: {ends[1]}",
    )
    _checks.require(
        None not in code[1:],
        "encoder",
        "have a code of a known size",
        f"{encoder.name!r}, whose output is {code}",
        "Fix its input shape, or end it in a layer such as GlobalAveragePooling1D.",
    )
    return encoder


def _copy(model: keras.Model):
    copied = type(model).from_config(model.get_config())
    copied.set_weights(model.get_weights())
    return copied
