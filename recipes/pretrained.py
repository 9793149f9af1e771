"""Transfer from a network that has seen a million images: `build_pretrained`.

    model = build_pretrained((160, 160, 3), 5, backbone="MobileNetV2")
    fine_tune(model, images, labels)

The first line gives a frozen network with a new head; the second trains the head, then all.
"""

import math

import keras
from keras import layers

from recipes import _backbones, _checks, _heads, _layer_rates, _unfreezing
from recipes._recipe import recipe
from recipes.augmentation import from_level
from recipes.naming import ClassNames, check_names

# "torch" is scaled to ImageNet's mean and spread, "tf" to -1..1, "caffe" is BGR less its mean.
MODES = ("tf", "torch", "caffe")

# Sides in pixels to which smaller images are enlarged by default, and by how much at most.
# Networks that were trained on crops of 224 pixels see things larger than photos show them.
NEAR = 224
MOST = 2

POOLING = {
    ("average", 4): layers.GlobalAveragePooling2D,
    ("average", 3): layers.GlobalAveragePooling1D,
    ("max", 4): layers.GlobalMaxPooling2D,
    ("max", 3): layers.GlobalMaxPooling1D,
}


@recipe
def build_pretrained(
    input_shape,
    outputs,
    *,
    task="multiclass",
    backbone="EfficientNetV2B0",
    weights="imagenet",
    preprocessing=None,
    image_size="auto",
    pooling="average",
    unfreeze=None,
    layer_decay=1.0,
    dropout=0.2,
    label_smoothing=0.0,
    augmentation="photo",
    loss=None,
    class_counts=None,
    class_names=None,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="pretrained",
):
    """A task head on a pretrained network, compiled for its task: raw 0-255 images in.

    Resizing, grayscale to three channels and the scaling that the backbone was trained with are
    inside. The backbone is frozen at first, `model.get_layer("backbone")`, and its batch
    normalisation and dropout stay in inference mode, also when it is trained: its statistics are
    those of far more images than are at hand. `recipes.fine_tune` goes on from here.

    Args:
        input_shape: (height, width, channels) of the images; height and width may be None. One
            channel becomes three where the backbone has three.
        outputs: number of classes, labels or values to predict; 1 for `task="binary"`.
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        backbone: a name of `keras.applications`, such as "MobileNetV2" or "ConvNeXtTiny"; or a
            functional `keras.Model`, which is copied: one from `keras.applications`, a KerasHub
            backbone, or the part "encoder" of an autoencoder of images.
        weights: "imagenet"; the path of a file of the backbone's weights (without its classifier,
            .h5 or .weights.h5) or of a saved model (.keras); or None for random ones. A model given
            as backbone has its own, unless a path is given.
        preprocessing: None is the named backbone's own, and none for a model given; "tf", "torch"
            or "caffe" for weights that were trained with another; or a Keras layer.
        image_size: "auto" enlarges images whose shorter side has less than 224 pixels to that, but
            at most twice, because networks have learnt what they know from photos of this size;
            a backbone of fixed sides gets images of these. Or the size inside: side in pixels,
            (height, width), or share in (0, 1] of the sides. None leaves images as they come, the
            fastest: the time of a step grows with the pixels.
        pooling: "average" or "max" over all positions of the backbone's features.
        unfreeze, layer_decay: train the backbone too, from the first step, as in `fine_tune`; None
            keeps it frozen.
        dropout: rate in [0, 1) between the features and the head.
        label_smoothing: rate in [0, 1); not for regression.
        augmentation: "photo", "light", "medium" or "strong", for `image_augmentation`, which
            mirrors too, as suits photos (for letters and digits: `image_augmentation(flip=None)`);
            a Keras layer; or None.
        loss, class_counts: as in `build_cnn`.
        class_names: a name for every class, which the model keeps: `predict_names` gives them back
            and `fine_tune` takes them as labels; or None.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes the head's initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, height, width, channels) -> (batch, outputs): probabilities,
        or values for regression.

    Raises:
        ValueError, TypeError: an unknown backbone, images smaller than it takes, weights that do
            not fit it, or that cannot be downloaded (the message says which file goes where), or
            an argument out of range or of the wrong kind.

    Source: Yosinski et al., 2014, How Transferable Are Features in Deep Neural Networks? That
    objects must look as large as in training: Touvron et al., 2019, Fixing the Train-Test
    Resolution Discrepancy. What it brings: `python -m benchmarks fine_tuning`.

    >>> backbone = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)])
    >>> model = build_pretrained((32, 32, 1), 2, backbone=backbone, preprocessing="tf")
    >>> model.output_shape, len(model.trainable_weights), len(model.get_layer("backbone").weights)
    ((None, 2), 2, 2)
    """
    input_shape = _checks.shape("input_shape", input_shape, ndim=3)
    _backbones.check(backbone, weights)
    if isinstance(preprocessing, str):
        _checks.one_of("preprocessing", preprocessing, MODES)
    else:
        _checks.layer("preprocessing", preprocessing)
    _checks.one_of("pooling", pooling, ("average", "max"))
    _checks.rate("dropout", dropout)
    augmentation = from_level(augmentation, "image")
    _heads.check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate)
    check_names(class_names, outputs, task)
    _unfreezing.check_decay(layer_decay, _heads.make_optimizer(optimizer, learning_rate))
    sides = _sides(image_size, input_shape[:2], backbone, weights)
    _backbones.check_size(backbone, sides)
    taken = 3 if isinstance(backbone, str) else backbone.input_shape[-1]
    _checks.require(
        input_shape[-1] in (1, taken),
        "input_shape",
        f"have {'1 channel' if taken == 1 else f'1 or {taken} channels'} for this backbone",
        f"{input_shape}",
    )

    x = inputs = keras.Input(input_shape, name="x")
    steps = [] if augmentation is None else [augmentation]
    if sides != input_shape[:2]:
        # float32 also under mixed precision, whose 8 bits are fewer than a pixel has.
        resizing = layers.Resizing(
            *sides, interpolation="bicubic", antialias=True, dtype="float32", name="resizing"
        )
        # Augmented at the larger size, images stay as sharp as those of a prediction.
        enlarged = None not in input_shape[:2] and math.prod(sides) > math.prod(input_shape[:2])
        steps.insert(0 if enlarged else len(steps), resizing)
    for step in steps:
        x = step(x)
    x = _preprocessed(x, backbone, preprocessing, taken)
    features = _backbones.load(backbone, sides, weights)
    count = 0 if unfreeze is None else _unfreezing.count(features.layers, unfreeze)
    _unfreezing.apply(features, count)
    x = features(x)
    if len(x.shape) > 2:
        x = POOLING[pooling, len(x.shape)](name="pooling")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    x = _heads.output_layer(outputs, task)(x)
    if class_names is not None:
        x = ClassNames(class_names, dtype="float32", name="class_names")(x)

    model = keras.Model(inputs, x, name=name)
    optimizer = _heads.make_optimizer(optimizer, learning_rate)
    if unfreeze is not None and layer_decay < 1:
        rates = _unfreezing.rates(model, features, layer_decay)
        optimizer = _layer_rates.with_layer_rates(optimizer, rates)
    return _heads.compile_for(
        model,
        task,
        label_smoothing=label_smoothing,
        loss=loss,
        class_counts=class_counts,
        optimizer=optimizer,
    )


@keras.saving.register_keras_serializable("recipes")
class PixelScaling(layers.Layer):
    """Raw 0-255 pixels as pretrained weights expect them; one channel becomes `channels`.

    Args:
        mode: "tf", "torch" or "caffe", as in `keras.applications`, or None for pixels as they are.
        channels: of the output.
    """

    def __init__(self, mode=None, channels=3, **kwargs):
        super().__init__(**kwargs)
        self.mode = mode if mode is None else _checks.one_of("mode", mode, MODES)
        self.channels = channels

    def call(self, images):
        if images.shape[-1] != self.channels:
            images = keras.ops.repeat(images, self.channels, axis=-1)
        if self.mode is None:
            return images
        return keras.applications.imagenet_utils.preprocess_input(
            images, data_format="channels_last", mode=self.mode
        )

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.channels)

    def get_config(self):
        return {**super().get_config(), "mode": self.mode, "channels": self.channels}


def _sides(image_size, whole, backbone, weights):
    """(height, width) that the backbone gets of images of the sides `whole`."""
    if not isinstance(image_size, str):
        return _checks.sides("image_size", image_size, whole) or whole
    _checks.require(
        image_size == "auto",
        "image_size",
        "be 'auto', a side in pixels, (height, width), a share in (0, 1] or None",
        f"image_size={image_size!r}",
        _checks.nearest(image_size, ("auto",)).strip(),
    )
    named = isinstance(backbone, str)
    own = (None, None) if named else tuple(backbone.inputs[0].shape[1:3])
    if None not in own:
        return own
    if None in whole or any(own) or (named and weights is None):
        return whole
    factor = max(1, min(MOST, NEAR / min(whole)))
    return tuple(round(factor * side) for side in whole)


def _preprocessed(x, backbone, preprocessing, channels):
    if isinstance(preprocessing, layers.Layer):
        return preprocessing(x)
    if preprocessing is None and isinstance(backbone, str):
        preprocessing = _backbones.PREPROCESSING[_backbones.family(backbone)]
    if preprocessing is None and x.shape[-1] == channels:
        return x
    return PixelScaling(preprocessing, channels, dtype="float32", name="preprocessing")(x)
