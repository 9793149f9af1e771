"""What `fine_tune` learns from and is judged by: `feeds`, checked before the first step."""

import numbers
from pathlib import Path

import keras
import numpy as np

from recipes import _checks, _heads, _targets
from recipes._folds import hold_out
from recipes.feeding import batches, first_batch, gives_batches
from recipes.images import Images
from recipes.naming import ClassNames, as_labels, class_names
from recipes.pretrained import PixelScaling


def feeds(model, x, y, sample_weight, validation, batch_size, seed):
    """(training feed, validation feed or None, all that they were made of, for `known`)."""
    held = None
    share = isinstance(validation, numbers.Real)
    if gives_batches(x):
        for name, value in {"y": y, "sample_weight": sample_weight}.items():
            _checks.require(value is None, name, "be None where x gives batches", "an array")
        _checks.require(
            length(x) is not None,
            "x",
            "say how many batches an epoch has, at least 1",
            "no batches, or batches without a known length",
            "On a tf.data.Dataset call apply(tf.data.experimental.assert_cardinality(n)).",
        )
        _check_feed("x", x, model, class_names(model))
        if share:
            splits = hasattr(x, "split")
            hint = "Give validation=(x, y) or batches."
            _checks.require(splits, "validation", "be data where x gives batches", validation, hint)
            x, held = x.split(_checks.fraction("validation", validation), seed=seed)
            validation = None
        train, made_of = x, [x, held]
    else:
        _checks.require(y is not None, "y", "be given where x is an array", "None")
        x, y = _rows("x", "y", model, x, y)
        if sample_weight is not None:
            sample_weight = _checks.array("sample_weight", sample_weight, ndim=1)
            _checks.same_rows(x=x, sample_weight=sample_weight)
        if share:
            (x, y, sample_weight), validation = _split(x, y, sample_weight, validation, seed)
        train = batches(x, y, batch_size, sample_weight=sample_weight, seed=seed)
        made_of = [x, y, sample_weight]
    if validation is not None and gives_batches(validation):
        held = validation
        _check_feed("validation", held, model, class_names(model) or _names(x))
        made_of.append(held)
    elif validation is not None:
        pair = isinstance(validation, (tuple, list)) and len(validation) == 2
        received = type(validation).__name__
        _checks.require(pair, "validation", "be a share, (x, y) or batches", received)
        x_val, y_val = _rows("validation x", "validation y", model, *validation)
        held = batches(x_val, y_val, batch_size, shuffle=False)
        made_of += [x_val, y_val]
    return train, held, made_of


def length(feed):
    """Batches in an epoch, or None where that is none or not known."""
    if isinstance(feed, keras.utils.PyDataset):
        return feed.num_batches or None
    cardinality = int(feed.cardinality())
    return cardinality if cardinality > 0 else None


def _rows(x_name, y_name, model, x, y):
    x = _pixels(x_name, _checks.array(x_name, x, shape=model.input_shape[1:]), model)
    y = _checks.array(y_name, as_labels(y_name, y, class_names(model)))
    _checks.same_rows(**{x_name: x, y_name: y})
    return x, _check_targets(y_name, y, model)


def _split(x, y, sample_weight, share, seed):
    """Rows to learn from and rows to look at, with the same shares of the classes."""
    share = _checks.fraction("validation", share)
    rows, others = hold_out(len(y), _targets.strata(y), share, seed)
    kept = None if sample_weight is None else sample_weight[rows]
    return (x[rows], y[rows], kept), (x[others], y[others])


def _check_feed(name, feed, model, names):
    """The names of the classes, and what can be seen of a feed in its first batch."""
    own = _names(feed)
    _checks.require(
        own is None or names is None or tuple(own) == tuple(names),
        f"class_names of {name}",
        f"be those that the model learns, {names!r}",
        f"{own!r}",
        f"Give load_images class_names={names!r}.",
    )
    first = first_batch(feed)
    x, y, weight = keras.utils.unpack_x_y_sample_weight(first)
    form = "give batches of (images, labels)"
    images = hasattr(x, "shape")
    _checks.require(images, name, form, "nothing" if first is None else f"a {type(x).__name__}")
    _checks.require(y is not None, name, form, "images without labels")
    x, shape = _array(x), model.input_shape[1:]
    one = not _checks._fits(x.shape[1:], shape) and _checks._fits(x.shape, shape)
    _checks.require(not one, name, form, "one image at a time", "On a tf.data.Dataset call batch.")
    batch = f"every batch of {name}"
    x = _pixels(batch, _checks.array(batch, x, shape=shape), model)
    y_name = f"y of {name}"
    y = _checks.array(y_name, _array(y))
    weights = {} if weight is None else {f"weights of {name}": _array(weight)}
    _checks.same_rows(**{name: x, y_name: y}, **weights)
    _check_targets(y_name, y, model)
    if isinstance(feed, Images):  # knows all its labels
        _check_targets(y_name, np.asarray(feed.labels), model)


def _pixels(name, x, model):
    """Images that are not scaled already, where the model scales them itself."""
    scales = any(
        (isinstance(layer, PixelScaling) and layer.mode is not None)
        or (isinstance(layer, keras.layers.Rescaling) and np.max(layer.scale) <= 2 / 255)
        for layer in model._flatten_layers()
    )
    highest = float(x.max())
    scaled = scales and x.dtype.kind == "f" and 0 < highest <= 1
    received = f"pixels from {x.min():g} to {highest:g}"
    hint = "The model scales them itself: give it the images as they were."
    _checks.require(not scaled, name, "hold pixels of 0-255 for this model", received, hint)
    return x


def _array(values):
    """A batch's values in NumPy; bfloat16, which NumPy does not count among numbers, as float32."""
    values = np.asarray(values)
    return values.astype("float32") if values.dtype.name == "bfloat16" else values


def _check_targets(name, y, model):
    """Targets that fit the head; shares of classes or labels are as good as the classes."""
    task, outputs = _task(model), model.output_shape[-1]
    if task is None:
        return y
    if task == "multiclass" and y.ndim == 2 and y.shape[1] == outputs:
        sums = y.sum(-1)
        _checks.require(
            y.min() >= 0 and np.allclose(sums, 1, atol=1e-3),
            name,
            "hold one class, or shares that sum to 1, in every row",
            f"values from {y.min():g}, rows that sum to {sums.min():g} to {sums.max():g}",
            "Several classes a row ask for a model of task='multilabel'.",
        )
        return y
    if task in ("binary", "multiclass"):
        form = "one class" if task == "binary" else f"one class or {outputs} shares"
        hint = f"Did you mean {name}.argmax(-1)?" if task == "binary" and y.ndim == 2 else ""
        one_each = y.size == len(y)
        _checks.require(one_each, name, f"hold {form} a row", f"shape {y.shape}", hint)
    checked = y
    if task == "multiclass" and (y == np.round(y)).all():
        checked = y.astype("int64")
    elif task in ("binary", "multilabel") and y.min() >= 0 and y.max() <= 1:
        checked = np.ceil(y)
    _checks.targets(name, checked, task=task, outputs=outputs)
    return y


def _task(model):
    """What the head is for; None where a loss of one's own may ask for targets of any form."""
    head = [layer for layer in model.layers if not isinstance(layer, ClassNames)][-1]
    activation = getattr(getattr(head, "activation", None), "__name__", "")
    loss = model.loss
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    own = not isinstance(loss, str) and not loss.__module__.startswith(("keras.", "recipes."))
    if len(model.output_shape) != 2 or "hinge" in name or (own and activation != "softmax"):
        return None
    if activation == "linear" and "crossentropy" in name:  # of logits
        activation = "softmax" if "categorical" in name else "sigmoid"
    tasks = {activation: task for task, activation in _heads.ACTIVATIONS.items()}
    task = tasks.get(activation)
    return "binary" if task == "multilabel" and model.output_shape[-1] == 1 else task


def _source(feed):
    """What an `augmented` feed augments; of others themselves."""
    return getattr(feed, "feed", feed)


def _names(feed):
    names = getattr(_source(feed), "class_names", None)
    return None if names is None else tuple(names)


def known(data):
    """Arrays that tell data from others: itself, or of a feed what is known without reading it."""
    if not gives_batches(data):
        return data
    feed = _source(data)
    if isinstance(feed, Images):
        return [*map(_told, feed.items), feed.labels]
    # Of `batches`; a tf.data.Dataset that shuffles has another first batch each time.
    return getattr(feed, "columns", None)


def _told(item):
    """Pixels or encoded bytes, or name and size of a file."""
    if isinstance(item, Path):
        item = f"{item.name} {item.stat().st_size}".encode()
    return np.frombuffer(item, "uint8") if isinstance(item, bytes) else item
