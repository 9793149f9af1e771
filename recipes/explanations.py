"""What in its input a model's answer rests on: maps over images, series and tables.

    grad_cam              where a class is seen, for any network with convolutions
    class_activation_map  the same, exact, for those that end in global average pooling
    saliency              which inputs the score reacts to most
    integrated_gradients  how much each input adds to the score; the parts sum to the whole
    occlusion_map         what hiding a patch costs: slow, but true of any model

All take plain models: Sequential, functional, nested around a backbone, subclassed. A score is the
logit of a class, the value before the softmax or sigmoid (probabilities for `occlusion_map`).
"""

import dataclasses
import itertools

import numpy as np

from recipes import _checks, _explained, _geometry, _gradients


def grad_cam(model, images, classes=None, *, layer=None, output=None, resize=True, batch_size=32):
    """Where in each image, or when in each series, a class is seen: Grad-CAM.

    The maps of a convolution's channels, each weighted by the mean gradient of the class's score,
    summed; what speaks against the class is cut off at 0.

    Args:
        model: a built model of images (rows, height, width, channels) or of series (rows,
            timesteps, features).
        images: such rows, in the units that the model gets.
        classes: class, one for all rows or one a row, (rows,); None takes each row's prediction.
            For a single sigmoid 0 and 1; for numbers the column.
        layer: where to look: name of a layer at any depth, or the layer; None is the last
            convolution with more than one place, after its normalisation and activation.
        output: name or number of the output of a model with several; None is the first.
        resize: bring the maps to the images' size, each cell to the place that it sees; False
            leaves the layer's.
        batch_size: rows on the device at a time, which bounds the memory, at least 1.

    Returns:
        Maps (rows, height, width), or (rows, timesteps), float32, at least 0, in units of score.

    Raises:
        ValueError, TypeError: the model has no convolution, there is no such layer, a class is out
            of range, or the images do not fit.

    Source: Selvaraju et al., 2017, Grad-CAM: Visual Explanations from Deep Networks.

    >>> from recipes import build_cnn
    >>> model = build_cnn((8, 8, 1), 3, filters=(4, 4))
    >>> grad_cam(model, np.ones((2, 8, 8, 1))).shape
    (2, 8, 8)
    """
    question = _explained.ask(model, images, classes, output)
    if layer is None:
        layer = _explained.last_places(model, question.x)
    else:
        layer = _explained.layer_of(model, layer)
    brought = _to_size(question, resize)

    def maps():
        for *_, values, gradient in question.gradients(by=layer, batch_size=batch_size):
            received = f"{layer.name!r} with outputs of shape {values.shape[1:]}"
            _checks.require(values.ndim > 2, "layer", "put out maps", received)
            weights = gradient.mean(axis=tuple(range(1, values.ndim - 1)))
            yield brought(np.maximum(np.einsum("n...c,nc->n...", values, weights), 0))

    return _joined(maps(), len(question.x))


def class_activation_map(model, images, classes=None, *, output=None, resize=True, batch_size=32):
    """Where a class is seen in models that end in global average pooling and one dense layer.

    The mean of a map, plus the class's bias, is its logit: nothing is approximated. Negative
    values speak against the class.

    Args:
        model: a built model of images or series that ends so, such as those of `build_cnn`.
        images: rows (rows, height, width, channels) or (rows, timesteps, features).
        classes, output: as in `grad_cam`.
        resize: bring the maps to the images' size; False leaves the layer's grid, whose mean is
            the exact one.
        batch_size: rows on the device at a time, at least 1.

    Returns:
        Maps (rows, height, width), or (rows, timesteps), float32, in units of the logit.

    Raises:
        ValueError: the model ends in something else, a class is out of range, or the images do not
            fit.

    Source: Zhou et al., 2016, Learning Deep Features for Discriminative Localization.

    >>> from recipes import build_cnn
    >>> model = build_cnn((8, 8, 1), 3, filters=(4, 4))
    >>> class_activation_map(model, np.ones((2, 8, 8, 1)), classes=1, resize=False).shape
    (2, 2, 2)
    """
    question = _explained.ask(model, images, classes, output)
    pooling, dense = _explained.pooled_head(model, question)
    kernel, bias = _explained.weights(dense)
    brought = _to_size(question, resize)

    def maps():
        for part in question.parts(batch_size):
            values = _gradients.activations(
                model, part.x, pooling, what="input", batch_size=batch_size
            )
            logits = values.mean(axis=tuple(range(1, values.ndim - 1))) @ kernel + bias
            chosen = np.where(part.chosen < 0, logits.argmax(-1), part.chosen)
            sign = np.where(part.sign == 0, np.where(logits[:, 0] < 0, -1, 1), part.sign)
            yield brought(np.einsum("n...c,cn->n...", values, kernel[:, chosen] * sign))

    return _joined(maps(), len(question.x))


def saliency(model, x, classes=None, *, output=None, batch_size=32):
    """Which inputs the score of a class reacts to most: the size of its gradient.

    Args:
        model: a built model.
        x: rows in the units that the model gets: images, series or a table.
        classes, output: as in `grad_cam`.
        batch_size: rows on the device at a time, at least 1.

    Returns:
        Maps (rows, height, width), (rows, timesteps) or, for a table, (rows, features): of several
        channels the largest.

    Raises:
        ValueError, TypeError: a class is out of range, x does not fit, or holds no numbers.

    Source: Simonyan et al., 2014, Deep Inside Convolutional Networks.

    >>> from recipes import build_mlp
    >>> saliency(build_mlp((4,), 3), np.ones((2, 4))).shape
    (2, 4)
    """
    question = _of_numbers(_explained.ask(model, x, classes, output, name="x"))
    channels = question.x.ndim > 2

    def maps():
        for *_, gradient in question.gradients(batch_size=batch_size):
            size = np.abs(gradient)
            yield size.max(axis=-1) if channels else size

    return _joined(maps(), len(question.x))


def integrated_gradients(
    model, x, classes=None, *, baseline=0.0, steps=32, output=None, batch_size=32
):
    """How much each input adds to the score of a class, compared with a baseline.

    The parts of a row sum to its score minus that of the baseline, but for what `steps` leaves.

    Args:
        model: a built model.
        x: rows in the units that the model gets: images, series or a table.
        classes, output: as in `grad_cam`.
        baseline: the input that says nothing: a number, or an array that fits one row, such as the
            mean of the training rows.
        steps: points between the baseline and the row, at least 1.
        batch_size: rows on the device at a time, at least 1.

    Returns:
        Array of the shape of x, float32, in units of the logit.

    Raises:
        ValueError, TypeError: a class is out of range, x does not fit, or holds no numbers.

    Source: Sundararajan et al., 2017, Axiomatic Attribution for Deep Networks.

    >>> from recipes import build_mlp
    >>> model = build_mlp((3,), 1, task="regression", units=(), batch_norm=False, seed=0)
    >>> x = np.array([[1.0, 2.0, 0.0]])
    >>> parts = integrated_gradients(model, x)
    >>> np.allclose(parts.sum(), model.predict(x, verbose=0), atol=1e-5)
    True
    """
    question = _of_numbers(_explained.ask(model, x, classes, output, name="x"))
    steps = _checks.count("steps", steps)
    start = _checks.array("baseline", np.atleast_1d(baseline)).astype("float32")
    row = question.x.shape[1:]
    sides = zip(start.shape[::-1], row[::-1], strict=False)
    fits = start.ndim <= len(row) and all(side in (1, whole) for side, whole in sides)
    _checks.require(fits, "baseline", f"fit one row of shape {row}", f"shape {start.shape}")

    def attributions():
        for part in question.parts(batch_size):
            # The class of the row itself, at every step from the baseline to it.
            ((_, chosen, sign, *_),) = part.gradients(batch_size=batch_size)
            way = part.x.astype("float32") - start
            total = np.zeros_like(way)
            for step in range(steps):
                between = start + (step + 0.5) / steps * way
                there = dataclasses.replace(part, x=between, chosen=chosen, sign=sign)
                ((*_, gradient),) = there.gradients(batch_size=batch_size)
                total += gradient
            yield total / steps * way

    return _joined(attributions(), len(question.x))


def occlusion_map(model, x, classes=None, *, size=None, stride=None, value=None, batch_size=32):
    """What hiding a patch costs: the fall of a class's probability, patch by patch.

    It uses nothing but `model.predict`, so that it says the truth about any model, and checks the
    other maps.

    Args:
        model: a model with `predict`.
        x: images (rows, height, width, channels) or series (rows, timesteps, features).
        classes: class, one for all rows or one a row; None takes each row's prediction.
        size: side of the patch in pixels or steps; None is a quarter of the shorter side.
        stride: pixels or steps from patch to patch; None is half the size.
        value: what the patch holds, in units of x; None is the mean of x.
        batch_size: rows in one prediction step, at least 1.

    Returns:
        Maps (rows, height, width) or (rows, timesteps): the mean fall over the patches that hide
        the place; negative where hiding helps.

    Raises:
        ValueError: x has no places, a class is out of range, or size is above a side.

    Source: Zeiler and Fergus, 2014, Visualizing and Understanding Convolutional Networks.

    >>> from recipes import build_cnn
    >>> model = build_cnn((8, 8, 1), 3, filters=(4,))
    >>> occlusion_map(model, np.ones((2, 8, 8, 1)), size=4).shape
    (2, 8, 8)
    """
    x = _explained.rows(model, x, "x")
    _checks.require(x.ndim > 2, "x", "be images or series", f"shape {x.shape}")
    sides = x.shape[1:-1]
    size = max(min(sides) // 4, 1) if size is None else _checks.count("size", size)
    _checks.require(size <= min(sides), "size", f"be at most {min(sides)}", size)
    stride = max(size // 2, 1) if stride is None else _checks.count("stride", stride)
    value = x.mean() if value is None else _checks.number("value", value)
    batch_size = _checks.count("batch_size", batch_size)

    def predict(rows):
        made = model.predict(rows, batch_size=batch_size, verbose=0)
        made = made.reshape(len(made), -1)
        # One sigmoid column says both classes.
        return np.concatenate([1 - made, made], -1) if made.shape[1] == 1 else made

    whole = predict(x)
    if classes is None:
        chosen = whole.argmax(-1)
    else:
        chosen = _explained.checked_classes(classes, len(x), whole.shape[1])
    every = np.arange(len(x))
    falls, times = np.zeros(x.shape[:-1], "float32"), np.zeros(sides, "float32")
    starts = [sorted({*range(0, side - size, stride), side - size}) for side in sides]
    for corner in itertools.product(*starts):
        patch = tuple(slice(start, start + size) for start in corner)
        hidden = x.copy()
        hidden[(slice(None), *patch)] = value
        fall = (whole - predict(hidden))[every, chosen]
        falls[(slice(None), *patch)] += fall.reshape((-1,) + (1,) * len(sides))
        times[patch] += 1
    return falls / np.maximum(times, 1)


def _joined(parts, rows):
    """All parts in one array, which is filled as they come."""
    done, whole = 0, np.empty(0)
    for part in parts:
        whole = whole if done else np.empty((rows, *part.shape[1:]), "float32")
        whole[done : done + len(part)] = part
        done += len(part)
    return whole


def _to_size(question, resize):
    """What brings maps to the size of the rows, every cell to where the model sees it."""
    if not _checks.flag("resize", resize):
        return lambda maps: maps
    size, known = question.x.shape[1:-1], _geometry.centres(question.model, question.x)
    return lambda maps: _geometry.resized(maps, size, known.get(maps.shape[1:]))


def _of_numbers(question):
    dtype = _gradients.input_dtype(question.model)
    received = f"{question.model.name!r}, whose input is {dtype}"
    _checks.require("float" in dtype, "model", "take numbers, not tokens", received)
    return question
