"""The networks of `keras.applications`: names, preprocessing, smallest size, weights on disk."""

import os
import re
from pathlib import Path

import keras

from recipes import _autoencoders, _checks, _model_checks

# What a family's published weights expect; tests hold this against Keras's own functions. None: raw
# pixels, because the family scales inside.
PREPROCESSING = {
    "convnext": None,
    "densenet": "torch",
    "efficientnet": None,
    "efficientnet_v2": None,
    "inception_resnet_v2": "tf",
    "inception_v3": "tf",
    "mobilenet": "tf",
    "mobilenet_v2": "tf",
    "mobilenet_v3": None,
    "nasnet": "tf",
    "resnet": "caffe",
    "resnet_v2": "tf",
    "vgg16": "caffe",
    "vgg19": "caffe",
    "xception": "tf",
}

# Sides in pixels under which a family's convolutions run out of image.
SMALLEST = {"xception": 71, "inception_v3": 75, "inception_resnet_v2": 75}
SMALLEST_OF_OTHERS = 32

# A model that was saved whole, beside files of weights alone.
WHOLE = ".keras"


def names():
    """Every network of `keras.applications`."""
    return sorted(
        name
        for name, value in vars(keras.applications).items()
        if callable(value) and name[0].isupper()
    )


def family(name):
    """The module of a network, such as 'mobilenet_v2'."""
    return getattr(keras.applications, name).__module__.rpartition(".")[2]


def check(backbone, weights):
    """Check both arguments before anything is built."""
    if isinstance(backbone, str):
        _checks.one_of("backbone", backbone, names())
    elif not isinstance(backbone, keras.Model):
        raise TypeError(
            "backbone must be a name of keras.applications or a keras.Model. "
            f"Received: backbone={backbone!r}."
        )
    else:
        _model_checks.functional("backbone", _model_checks.model("backbone", backbone))
        outputs = len(backbone.outputs)
        _checks.require(outputs == 1, "backbone", "have one output", f"{outputs} outputs")
        shapes = [one.shape[1:] for one in backbone.inputs]
        images = len(shapes) == 1 and len(shapes[0]) == 3
        _checks.require(images, "backbone", "take (height, width, channels)", f"inputs {shapes}")
        _check_features(backbone)
    if weights is None or weights == "imagenet":
        return
    if not isinstance(weights, (str, Path)):
        raise TypeError(
            "weights must be 'imagenet', the path of a file, or None. "
            f"Received: weights={weights!r}."
        )
    hint = "" if "." in str(weights) else "Did you mean 'imagenet'?"
    _checks.require(
        Path(weights).is_file(),
        "weights",
        "be 'imagenet', the path of a file that is there, or None",
        f"weights={str(weights)!r}",
        hint,
    )


def _check_features(backbone):
    """Its output says what is in an image; it is no image again, and no verdict."""
    names = [layer.name for layer in backbone.layers]
    hint = "Did you mean its get_layer('encoder')?"
    received = f"an autoencoder, {backbone.name!r}"
    _checks.require("decoder" not in names, "backbone", "end in features", received, hint)
    last = backbone.layers[-1]
    verdict = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax
    received = f"a classifier of {backbone.output_shape[-1]} classes"
    hint = "Build it with include_top=False, or take the layer before its last."
    _checks.require(not verdict, "backbone", "end in features", received, hint)


def check_size(backbone, sides):
    """Sides of the images that the backbone gets: (height, width), of which any may be None."""
    if not isinstance(backbone, str):
        return _check_size_of_model(backbone, sides)
    smallest = SMALLEST.get(family(backbone), SMALLEST_OF_OTHERS)
    for side in sides:
        _checks.require(
            side is None or side >= smallest,
            "input_shape",
            f"have sides of at least {smallest} pixels for {backbone}",
            f"{sides}",
            f"Give image_size={smallest} or more, to which images are resized inside.",
        )


def _check_size_of_model(backbone, sides):
    *own, channels = backbone.inputs[0].shape[1:]
    fits = all(None in (mine, side) or mine == side for mine, side in zip(own, sides, strict=True))
    hint = "image_size='auto' resizes images to these."
    expected = f"be {tuple(own)}, the sides that this backbone takes"
    _checks.require(fits, "image_size", expected, f"{sides}", hint)
    if None in sides:
        return
    reason = ""
    try:
        made = backbone.compute_output_shape((None, *sides, channels))
        shape = made[0] if isinstance(made, list) else made
        fits = all(side is None or side > 0 for side in shape)  # Keras 3.12 says 0
    except ValueError as error:
        fits, reason = False, f", of which Keras says: {' '.join(str(error).split())[:200]}"
    _checks.require(
        fits,
        "input_shape",
        "have sides that this backbone can take",
        f"{sides}{reason}",
        "Give a larger image_size, to which images are resized inside.",
    )


def load(backbone, sides, weights):
    """A model of features named "backbone", that shares nothing with what the caller gave."""
    if isinstance(backbone, str):
        made = _application(backbone, sides, weights)
    else:
        backbone = _autoencoders.code_of(backbone)
        made = type(backbone).from_config(backbone.get_config())
        made.set_weights(backbone.get_weights())
    if weights not in (None, "imagenet"):
        _load_file(made, Path(weights))
    return Backbone(made.inputs, made.outputs[0], name="backbone")


@keras.saving.register_keras_serializable("recipes")
class Backbone(keras.Model):
    """A functional model whose layers are always in inference mode, also when they are trained.

    `backbone(x, training=False)` does not do it: in `fit` the outer model's `training=True` wins,
    and batch normalisation takes the statistics of the few images at hand.
    """

    def call(self, inputs, training=None, mask=None, **kwargs):
        return super().call(inputs, training=False, mask=mask, **kwargs)


def _application(name, sides, weights):
    build = getattr(keras.applications, name)
    options = {"include_top": False, "input_shape": (*sides, 3)}
    if weights != "imagenet":
        return build(weights=None, **options)
    try:
        return build(weights="imagenet", **options)
    except ValueError:
        raise
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise ValueError(_offline(name, error)) from error


def _offline(name, error):
    """What to do where Keras could not download the weights."""
    url = next(iter(re.findall(r"https?://\S+", str(error))), "").rstrip(":,.")
    file = url.rpartition("/")[2] or f"the file of {name} without its top"
    folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    where = f" from {url}" if url else ""
    return (
        f"weights='imagenet' must be downloaded once{where}, and that failed. Received: {error}. "
        f"Without a network, either put the file at {folder / 'models' / file}, where Keras looks "
        f"first, or name it: build_pretrained(..., weights='/path/to/{file}'). On Kaggle, add it "
        f"as a data set and give weights='/kaggle/input/<data set>/{file}'. weights=None trains "
        "from scratch."
    )


def _load_file(backbone, path):
    """Weights from a file of weights, or from a saved model's backbone."""
    try:
        if path.suffix == WHOLE:
            saved = keras.models.load_model(path, compile=False)
            parts = [layer for layer in saved.layers if layer.name == "backbone"]
            backbone.set_weights((parts[0] if parts else saved).get_weights())
        else:
            backbone.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"weights must fit the backbone, {backbone.name!r} with {len(backbone.weights)} arrays "
            f"and {backbone.count_params():,} parameters. Received: {str(path)!r}, of which Keras "
            f"says: {reason} Did you mean the file without the classifier (its name ends in "
            "'notop' or 'no_top'), or another backbone?"
        ) from error
