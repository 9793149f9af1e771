"""Classes by name: `predict_names`, `class_names`, and the layer that keeps names with a model."""

import keras
import numpy as np
from keras import layers

from recipes import _checks, _model_checks, _targets


@keras.saving.register_keras_serializable("recipes")
class ClassNames(layers.Layer):
    """Keeps the names of the classes with a model, through save and load; changes nothing.

    Args:
        names: a name for every class, in the order of the labels.
    """

    def __init__(self, names, **kwargs):
        super().__init__(**kwargs)
        self.names = tuple(names)

    def call(self, probabilities):
        return probabilities

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "names": list(self.names)}


def class_names(model):
    """The names of the classes that a model keeps.

    Args:
        model: from `build_pretrained(class_names=...)`, fresh or loaded.

    Returns:
        Tuple of names in the order of the labels, or None where the model keeps none.

    Raises:
        TypeError: model is not a keras.Model.

    >>> from recipes import build_pretrained
    >>> backbone = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)])
    >>> model = build_pretrained((8, 8, 3), 2, backbone=backbone, class_names=("cat", "dog"))
    >>> class_names(model)
    ('cat', 'dog')
    """
    for layer in _model_checks.model("model", model).layers:
        if isinstance(layer, ClassNames):
            return layer.names
    return None


def predict_names(model, x, **options):
    """The name of the likeliest class of every image.

    Args:
        model: from `build_pretrained(class_names=...)`, fresh or loaded.
        x: what `model.predict` takes.
        **options: of `model.predict`, such as `batch_size`.

    Returns:
        Array of names, (rows,).

    Raises:
        ValueError: the model keeps no names, or x is a feed that shuffles.

    >>> from recipes import build_pretrained
    >>> backbone = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)])
    >>> model = build_pretrained((8, 8, 3), 2, backbone=backbone, class_names=("cat", "dog"))
    >>> set(predict_names(model, np.zeros((2, 8, 8, 3)), verbose=0).tolist()) <= {"cat", "dog"}
    True
    """
    names = class_names(model)
    _checks.require(
        names is not None,
        "model",
        "keep names of its classes",
        f"{model.name!r}, which has none",
        "Build it with class_names=(...).",
    )
    shuffles = isinstance(x, keras.utils.PyDataset) and getattr(x, "shuffle", False) is True
    hint = "Make it with shuffle=False."
    _checks.require(not shuffles, "x", "keep the order of its rows", "shuffle=True", hint)
    predicted = model.predict(x, **options)
    chosen = predicted[:, 0] > 0.5 if predicted.shape[-1] == 1 else predicted.argmax(-1)
    return np.array(names)[chosen.astype(int)]


def as_labels(name, labels, names):
    """Integer labels for names, in the order of `names`; other labels stay as they are."""
    array = np.asarray(_targets.plain(labels, name))
    if array.dtype.kind not in "OUS":
        return array
    _checks.require(
        names is not None,
        name,
        "hold numbers where the model keeps no names",
        f"{name} of {array.dtype}",
        "Build the model with class_names=(...).",
    )
    check_missing(name, labels)
    return numbered(f"every label of {name}", [str(label) for label in array.ravel()], names)


def told_names(y, names=None):
    """(labels, names) where y holds a name a row, else (y, names). None are named in sorted order.

    >>> told_names(["no", "yes", "no"])
    (array([0, 1, 0], dtype=int32), ('no', 'yes'))
    """
    array = _targets.plain(y, "y")
    if not _holds_names(array) or array.size != len(array):
        return y, names
    if names is None:
        check_missing("y", y)
        names = tuple(np.unique(array.astype(str)).tolist())
    return as_labels("y", y, names), names


def _holds_names(array):
    kind = getattr(getattr(array, "dtype", None), "kind", None)  # a tensor's dtype has none
    return kind in ("U", "S") or (
        kind == "O" and any(isinstance(label, str) for label in array.ravel())
    )


def numbered_pair(y, prediction, names):
    """(y, prediction, names), with numbers for names of classes in the first two or one of them.

    >>> numbered_pair(["no", "yes"], ["yes", "yes"], None)[1:]
    (array([1, 1], dtype=int32), ('no', 'yes'))
    """
    given = {"y": y, "prediction": prediction}
    arrays = {name: _targets.plain(labels, name) for name, labels in given.items()}
    named = {name: array for name, array in arrays.items() if _holds_names(array)}
    if not named:
        return y, prediction, names
    if names is None:
        for name in named:
            check_missing(name, given[name])
        expected = "be given where prediction holds names and y does not"
        _checks.require("y" in named, "names", expected, "None")
        names = np.unique(np.concatenate([array.astype(str).ravel() for array in named.values()]))
    names = tuple(str(name) for name in names)
    given |= {name: as_labels(name, given[name], names) for name in named}
    return given["y"], given["prediction"], names


def names_of(build_parameters):
    """The names of the classes that a builder's arguments hold, or None."""
    names = build_parameters.get("class_names")
    return tuple(names) if np.ndim(names) == 1 else None


def numbered(what, labels, names):
    """The place of each label in `names`, (rows,); `what` names them in an error."""
    for label in sorted(set(labels)):
        _checks.one_of(what, label, names)
    number = {name: i for i, name in enumerate(names)}
    return np.array([number[label] for label in labels], "int32")


def check_missing(name, labels):
    """No label is None or NaN; before they are made an array, which would call them 'nan'."""
    import pandas as pd

    missing = np.argwhere(pd.isna(np.asarray(labels, object)))
    first = missing[0][0] if len(missing) else 0
    received = f"none in row {first}, of {len(missing)} such rows"
    hint = "Leave rows without a label out."
    _checks.require(not len(missing), name, "hold a label in every row", received, hint)


def distinct(names):
    """A tuple of different names."""
    if np.asarray(names, object).ndim != 1 or not all(isinstance(name, str) for name in names):
        raise TypeError(f"class_names must be a tuple of names. Received: class_names={names!r}.")
    names = tuple(str(name) for name in names)
    _checks.require(len(set(names)) == len(names), "class_names", "hold different names", names)
    return names


def check_names(names, outputs, task):
    """Names that fit the head, or None."""
    if names is None:
        return
    single = task in ("binary", "multiclass")
    _checks.require(single, "class_names", "be None unless a row has one class", f"task={task!r}")
    wanted = 2 if task == "binary" else outputs
    fits = len(distinct(names)) == wanted
    _checks.require(fits, "class_names", f"hold {wanted} different names", f"{names!r}")
