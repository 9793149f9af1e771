"""Dense networks: `build_mlp`, from the perceptron family (`units=()`) to deep ones."""

import keras
from keras import layers

from recipes import _blocks, _checks, _heads
from recipes._recipe import recipe
from recipes.augmentation import from_level

# How far from its mean a standardised input counts, in standard deviations.
SPREADS = 5.0


@recipe
def build_mlp(
    input_shape,
    outputs,
    *,
    task="multiclass",
    units=(128, 64),
    activation="relu",
    dropout=0.1,
    l1=0.0,
    l2=0.0,
    batch_norm=True,
    noise=0.0,
    drop_connect=0.0,
    label_smoothing=0.0,
    augmentation=None,
    loss=None,
    class_counts=None,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="mlp",
):
    """A multi-layer perceptron, compiled for its task.

    Args:
        input_shape: shape of one sample, usually (features,); other shapes are flattened.
        outputs: number of classes, labels or values to predict; 1 for `task="binary"`.
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        units: width of each hidden layer; () is linear, logistic or softmax regression.
        activation: any Keras activation, or "prelu".
        dropout: rate in [0, 1) after each hidden layer, never on the output.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: standardise the input and every hidden layer. It lets raw tables train. With
            hidden layers, input further than 5 spreads from its mean is taken for 5: of rare
            categories and outliers the network would make too much (benchmarks/tables.py).
        noise: standard deviation of Gaussian noise on the input while training, in units of the
            standardised input (or of the raw input with `batch_norm=False`).
        drop_connect: rate in [0, 1) of hidden weights to drop in each training step.
        label_smoothing: rate in [0, 1); not for regression.
        augmentation: "light", "medium" or "strong", for a `tabular_augmentation` of 5, 10 or 20
            percent of the cells; a Keras layer for the input; or None.
        loss: None is cross-entropy (squared error for numbers); "focal", "weighted",
            "class_balanced" or "logit_adjusted" for rare classes; "mse", "mae", "huber" or
            "log_cosh" for numbers; or a Keras loss object.
        class_counts: rows of each class, such as `np.bincount(y)`, for the last three of the losses
            for rare classes; (negatives, positives) for `task="binary"`, a list of such pairs for
            "multilabel".
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> (batch, outputs): probabilities, or values
        for regression. Labels are integers (one-hot rows are accepted too).

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Rosenblatt, 1958 (the perceptron); Rumelhart et al., 1986 (hidden layers).

    >>> model = build_mlp((4,), 3, units=(8,), batch_norm=False)
    >>> model.output_shape, model.count_params()
    ((None, 3), 67)
    """
    input_shape = _checks.shape("input_shape", input_shape, fixed=True)
    units = _checks.counts("units", units, allow_empty=True)
    augmentation = from_level(augmentation, "table")
    _heads.check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate)
    _blocks.check(activation, dropout, l1, l2, batch_norm, noise, drop_connect)

    x = inputs = keras.Input(input_shape, name="x")
    if augmentation is not None:
        x = augmentation(x)
    if len(input_shape) > 1:
        x = layers.Flatten()(x)
    x = _blocks.standardised(x, batch_norm, noise, limit=SPREADS if units else None)
    for width in units:
        hidden = layers.Dense(
            width, use_bias=not batch_norm, kernel_regularizer=_blocks.penalty(l1, l2)
        )
        x = _blocks.block(
            x,
            hidden,
            activation=activation,
            batch_norm=batch_norm,
            dropout=dropout,
            drop_connect=drop_connect,
        )
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
