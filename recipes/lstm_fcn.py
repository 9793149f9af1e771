"""Classifiers of series: `build_lstm_fcn`, a recurrent branch beside a convolutional one."""

import keras
from keras import layers

from recipes import _attention, _blocks, _checks, _heads, _recurrent
from recipes._recipe import recipe
from recipes.augmentation import from_level

# Adam's own 0.001 wants twice the steps for the same validation accuracy (benchmarks/ucr.py).
ADAM_LEARNING_RATE = 3e-3


@recipe
def build_lstm_fcn(
    input_shape,
    outputs,
    *,
    task="multiclass",
    cell="lstm",
    units=(8,),
    filters=(64, 128, 64),
    kernel_size=(8, 5, 3),
    bidirectional=False,
    attention=False,
    dimension_shuffle=None,
    window=None,
    activation="relu",
    dropout=0.8,
    recurrent_dropout=0.0,
    l1=0.0,
    l2=0.0,
    batch_norm=True,
    noise=0.0,
    label_smoothing=0.0,
    augmentation=None,
    loss=None,
    class_counts=None,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="lstm_fcn",
):
    """A classifier or regressor of series: convolutions that find shapes, beside a recurrent layer.

    Args:
        input_shape: (timesteps, features); timesteps may be None.
        outputs: number of classes, labels or values to predict; 1 for `task="binary"`.
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        cell: "rnn", "lstm" or "gru", of the recurrent branch.
        units: width of each recurrent layer (of each direction); () leaves the convolutions alone.
        filters: channels of each convolution; the length is the depth. Twice as many, as in the
            paper, take three times as long.
        kernel_size: steps that each convolution sees, an int or a tuple, whose last size serves
            the convolutions beyond its length.
        bidirectional: the recurrent branch reads both ways.
        attention: the recurrent branch ends in a weighted mean over its steps; the weights are the
            output of the layer "attention".
        dimension_shuffle: the recurrent branch reads the features one by one, each with all its
            timesteps, as in the paper; it needs known timesteps and costs next to nothing. False
            reads step by step. None is True where timesteps is known.
        window: timesteps to read, the latest of each series: a number, or a share in (0, 1] such as
            0.5; None reads all. It is a knob to search where the start of a series says little.
        activation: any Keras activation, or "prelu", of the convolutions.
        dropout: rate in [0, 1) behind the recurrent branch.
        recurrent_dropout: rate in [0, 1) of the recurrent state to drop at every step.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: standardise the input and every convolution. It lets raw series train.
        noise: standard deviation of Gaussian noise on the input while training, in units of the
            standardised input (or of the raw input with `batch_norm=False`).
        label_smoothing: rate in [0, 1); not for regression.
        augmentation: "light", "medium" or "strong", for `series_augmentation`; a Keras layer for
            the input; or None.
        loss: None is cross-entropy (squared error for numbers); "focal", "weighted",
            "class_balanced" or "logit_adjusted" for rare classes; "mse", "mae", "huber" or
            "log_cosh" for numbers; or a Keras loss object.
        class_counts: rows of each class, such as `np.bincount(y)`, for the last three of the losses
            for rare classes; (negatives, positives) for `task="binary"`, a list of such pairs for
            "multilabel".
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is 0.003 for "adam", else the optimizer's own.
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, timesteps, features) -> (batch, outputs): probabilities, or
        values for regression.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind; dimension_shuffle
            with unknown timesteps.

    Source: Karim et al., 2018, LSTM Fully Convolutional Networks for Time Series Classification.

    >>> build_lstm_fcn((24, 1), 2, filters=(8, 8), kernel_size=3).output_shape
    (None, 2)
    """
    input_shape = _checks.shape("input_shape", input_shape, ndim=2)
    timesteps, _ = input_shape
    window = _recurrent.latest(window, timesteps)
    units = _recurrent.check(
        cell, units, bidirectional, dropout, recurrent_dropout, None, l1, l2, allow_empty=True
    )
    filters = _checks.counts("filters", filters)
    kernel_sizes = _kernel_sizes(kernel_size, filters)
    _checks.flag("attention", attention)
    shuffle = timesteps is not None if dimension_shuffle is None else dimension_shuffle
    _checks.flag("dimension_shuffle", shuffle)
    _checks.require(
        timesteps is not None or not shuffle,
        "dimension_shuffle",
        "be False where timesteps is None",
        "True",
    )
    augmentation = from_level(augmentation, "series")
    if learning_rate is None and optimizer == "adam":
        learning_rate = ADAM_LEARNING_RATE
    _heads.check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate)
    _blocks.check(activation, dropout, l1, l2, batch_norm, noise, drop_connect=0.0)

    inputs = keras.Input(input_shape, name="x")
    x = _recurrent.cropped(inputs, window)
    x = augmentation(x) if augmentation is not None else x
    x = _blocks.standardised(x, batch_norm, noise)
    branches = []
    if units:
        steps = layers.Permute((2, 1))(x) if shuffle else x
        branches.append(
            _recurrent.recurrent(
                steps,
                cell=cell,
                units=units,
                bidirectional=bidirectional,
                return_sequences=attention,
                recurrent_dropout=recurrent_dropout,
                l1=l1,
                l2=l2,
            )
        )
        if attention:
            branches[0] = _attention.pooled(branches[0], units[-1])
        if dropout:
            branches[0] = layers.Dropout(dropout)(branches[0])
    for width, size in zip(filters, kernel_sizes, strict=True):
        convolution = layers.Conv1D(
            width,
            size,
            padding="same",
            use_bias=not batch_norm,
            kernel_initializer="he_uniform",
            kernel_regularizer=_blocks.penalty(l1, l2),
        )
        x = _blocks.block(x, convolution, activation=activation, batch_norm=batch_norm)
    branches.append(layers.GlobalAveragePooling1D()(x))
    x = layers.Concatenate()(branches) if units else branches[0]
    outputs = _heads.output_layer(outputs, task, kernel_regularizer=_blocks.penalty(l1, l2))(x)

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


def _kernel_sizes(kernel_size, filters):
    """One size a convolution."""
    if isinstance(kernel_size, (tuple, list)):
        sizes = _checks.counts("kernel_size", kernel_size)
    else:
        sizes = (_checks.count("kernel_size", kernel_size),)
    return (*sizes, *(sizes[-1:] * len(filters)))[: len(filters)]
