"""Convolutional networks for images: `build_cnn`."""

import keras
from keras import layers

from recipes import _blocks, _checks, _heads
from recipes._recipe import recipe
from recipes.augmentation import from_level

POOLING = {
    "max": lambda: layers.MaxPooling2D(2, padding="same"),
    "average": lambda: layers.AveragePooling2D(2, padding="same"),
}
# What one step of `scale` multiplies, found by a search on ImageNet by Tan and Le, 2019.
DEPTH, WIDTH, RESOLUTION = 1.2, 1.1, 1.15


@recipe
def build_cnn(
    input_shape,
    outputs,
    *,
    task="multiclass",
    filters=(32, 64, 128, 256),
    kernel_size=3,
    pooling="max",
    scale=0.0,
    image_size=None,
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
    name="cnn",
):
    """A convolutional classifier or regressor for images of any size, compiled for its task.

    One block a number in `filters`: a convolution, then pooling that halves the image, batch
    normalisation, activation and dropout. Pooling comes before the activation, with which maxima
    commute, so that all after it costs a quarter. The blocks end in global average pooling, so that
    images of several sizes may share one model.

    Args:
        input_shape: (height, width, channels); height and width may be None.
        outputs: number of classes, labels or values to predict; 1 for `task="binary"`.
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        filters: channels of each block; the length is the depth in blocks.
        kernel_size: side of the square kernels in pixels.
        pooling: "max" or "average", after each block.
        scale: moves depth, width and image size together, at least 0: each whole step costs about
            twice the work. 0 is the network as it is; above it the sides have to be known, from
            input_shape or image_size.
        image_size: side in pixels, (height, width), or share in (0, 1] of the sides, to which
            images are resized inside; None leaves them as they are.
        activation: any Keras activation, or "prelu".
        dropout: rate in [0, 1) after each block, never on the output.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: normalise in every block. Raw 0-255 pixels train as well as scaled
        ones.
        noise: standard deviation of Gaussian noise on the input while training, in its units.
        drop_connect: rate in [0, 1) of convolution weights to drop in each training step.
        label_smoothing: rate in [0, 1); not for regression.
        augmentation: "light", "medium", "strong" or "photo", for `image_augmentation`; a layer for
            the input, such as `image_augmentation(flip=None)` for digits and letters; or None.
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
        Compiled `keras.Model`, (batch, height, width, channels) -> (batch, outputs): probabilities,
        or values for regression. Labels are integers (one-hot rows are accepted too).

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: LeCun et al., 1998 (convolution and pooling); Simonyan and Zisserman, 2015 (small
    kernels); Ioffe and Szegedy, 2015 (batch normalisation); Lin et al., 2014 (global average
    pooling); Tan and Le, 2019 (compound scaling and its three factors).

    >>> model = build_cnn((None, None, 3), 2, filters=(4, 8))
    >>> model.input_shape, model.output_shape
    ((None, None, None, 3), (None, 2))
    """
    input_shape = _checks.shape("input_shape", input_shape, ndim=3)
    filters = _checks.counts("filters", filters)
    _checks.count("kernel_size", kernel_size)
    _checks.one_of("pooling", pooling, POOLING)
    _checks.non_negative("scale", scale)
    sides = _checks.sides("image_size", image_size, input_shape[:2])
    if scale:
        sides = _scaled(sides or input_shape[:2], scale)
    augmentation = from_level(augmentation, "image")
    _heads.check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate)
    _blocks.check(activation, dropout, l1, l2, batch_norm, noise, drop_connect)

    x = inputs = keras.Input(input_shape, name="x")
    if augmentation is not None:
        x = augmentation(x)
    if sides not in (None, input_shape[:2]):
        # float32 also under mixed precision, whose 8 bits are fewer than a pixel has.
        x = layers.Resizing(*sides, antialias=True, dtype="float32", name="resizing")(x)
    if noise:
        x = _blocks.GaussianNoise(noise)(x)
    for width, pools in _convolutions(filters, scale):
        convolution = layers.Conv2D(
            width,
            kernel_size,
            padding="same",
            use_bias=not batch_norm,
            kernel_regularizer=_blocks.penalty(l1, l2),
        )
        x = _blocks.block(
            x,
            convolution,
            pooling=POOLING[pooling]() if pools else None,
            activation=activation,
            batch_norm=batch_norm,
            dropout=dropout,
            drop_connect=drop_connect,
        )
    x = layers.GlobalAveragePooling2D()(x)
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


def _scaled(sides, scale):
    _checks.require(
        None not in sides,
        "image_size",
        "be given where images differ in size and scale is above 0",
        f"scale={scale:g}",
    )
    return tuple(round(side * RESOLUTION**scale) for side in sides)


def _convolutions(filters, scale):
    """(channels, whether pooling follows) of each convolution; the last blocks deepen first."""
    blocks = len(filters)
    each, more = divmod(round(blocks * DEPTH**scale), blocks)
    for number, width in enumerate(filters):
        width = round(width * WIDTH**scale)
        yield width, True
        for _ in range(each - 1 + (number >= blocks - more)):
            yield width, False
