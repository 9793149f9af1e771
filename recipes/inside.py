"""What happens inside a model: what its units respond to, what its attention looks at.

maximize_activation   the input that a filter, a unit or a class answers to most
attention_weights     how much each step or position looks at each other
"""

import numpy as np

from recipes import _checks, _explained, _gradients, _model_checks, _watching
from recipes._recipe import generator

GREY_NOISE = 0.05  # spread of the first picture, in shares of the range of values


def maximize_activation(
    model,
    layer,
    filters,
    *,
    steps=96,
    step_size=0.05,
    jitter=2,
    blur=0.5,
    value_range=(0.0, 1.0),
    shape=None,
    seed=None,
):
    """The input to which filters, units or classes answer most: gradient ascent from grey noise.

    Every step shifts the picture by chance and, in the first three quarters, smooths it: without
    these the answer is a pattern of single pixels that no eye can read.

    Args:
        model: a built model with one input of numbers.
        layer: name of a layer at any depth, or the layer; None is the output of the model, before
            its softmax or sigmoid.
        filters: channels of a convolution, units or classes: an int or several.
        steps: steps of the ascent, at least 1.
        step_size: mean change of a pixel in one step, in shares of `value_range`; it falls to 0.
        jitter: pixels or steps by which the picture is shifted at most; 0 is off.
        blur: standard deviation of the smoothing in pixels or steps; 0 is off.
        value_range: lowest and highest value of the input, in the units that the model gets.
        shape: (height, width, channels) of the pictures where the model takes several sizes.
        seed: int for noise and shifts, or None.

    Returns:
        Array (filters, *shape), float32.

    Raises:
        ValueError, TypeError: there is no such layer or filter, or a knob is out of range.

    Source: Erhan et al., 2009, Visualizing Higher-Layer Features of a Deep Network; Mordvintsev et
    al., 2015, Inceptionism (shifts and smoothing).

    >>> from recipes import build_cnn
    >>> model = build_cnn((8, 8, 1), 3, filters=(4,))
    >>> maximize_activation(model, "output", [0, 2], steps=2, seed=0).shape
    (2, 8, 8, 1)
    """
    _model_checks.model("model", model)
    shape = model.input_shape[1:] if shape is None else shape
    shape = _checks.shape("shape", shape, fixed=True)
    taken = tuple(model.input_shape[1:])
    _checks.require(_checks._fits(shape, taken), "shape", f"fit the model's {taken}", shape)
    layer = None if layer is None else _explained.layer_of(model, layer)
    filters = [filters] if np.ndim(filters) == 0 else list(filters)
    filters = np.array([_checks.count("filters", one, minimum=0) for one in filters])
    _checks.require(len(filters) > 0, "filters", "name at least one", "none")
    _checks.count("steps", steps)
    _checks.positive("step_size", step_size)
    _checks.count("jitter", jitter, minimum=0)
    _checks.non_negative("blur", blur)
    low, high = _checks.interval("value_range", value_range)
    random = generator(seed)
    _check_filters(model, layer, filters, shape)

    from scipy.ndimage import gaussian_filter

    places = tuple(range(1, len(shape)))
    noise = random.normal(size=(len(filters), *shape))
    x = ((low + high) / 2 + GREY_NOISE * (high - low) * noise).astype("float32")
    last = _explained.logits_of(model)
    for step in range(steps):
        shifts = random.integers(-jitter, jitter + 1, size=len(places))
        shifted = np.roll(x, shifts, places)
        batches = _gradients.gradients(
            model, shifted, filters, np.ones(len(filters)), of=layer, last=last
        )
        gradient = np.roll(np.concatenate([part[-1] for part in batches]), -shifts, places)
        size = np.abs(gradient).mean(axis=tuple(range(1, x.ndim)), keepdims=True)
        left = 1 - step / steps
        x += step_size * (high - low) * left * gradient / np.maximum(size, 1e-12)
        if blur and places and left > 0.25:
            x = gaussian_filter(x, [0] + [blur * left] * len(places) + [0])
        x = np.clip(x, low, high)
    return x


def attention_weights(model, x, *, layer=None, batch_size=32):
    """What the attention of a model looks at: its weights, which sum to 1 over the last axis.

    Args:
        model: a built model with an attention layer: `keras.layers.Attention`, `AdditiveAttention`,
            `MultiHeadAttention`, a layer of your own whose call takes `return_attention_scores`, or
            one named "attention..." that returns its weights, alone or last.
        x: rows as `predict` takes them; a list or dict of arrays for several inputs.
        layer: name of the attention layer, or the layer; None is the last one.
        batch_size: rows on the device at a time, at least 1.

    Returns:
        float32 array (rows, queries, keys); (rows, heads, queries, keys) of several heads;
        (rows, steps) of a layer that weighs the steps once.

    Raises:
        ValueError, TypeError: the model has no attention layer, the layer named is none, or x holds
            NaN.

    Source: Bahdanau et al., 2015; Vaswani et al., 2017.

    >>> import keras
    >>> x = inputs = keras.Input((5, 4))
    >>> model = keras.Model(inputs, keras.layers.MultiHeadAttention(2, 4)(x, x))
    >>> weights = attention_weights(model, np.ones((3, 5, 4)))
    >>> weights.shape, np.allclose(weights.sum(-1), 1)
    ((3, 2, 5, 5), True)
    """
    x = _inputs(_model_checks.model("model", model), x)
    known = _watching.attention_layers(model)
    if layer is None:
        names = _checks.some_names([one.name for one in _watching.inner_layers(model)])
        _checks.require(
            known, "model", "have an attention layer", f"{model.name!r} with the layers {names}"
        )
        layer = known[-1]
    else:
        layer = _explained.layer_of(model, layer)
        received = f"{layer.name!r}, a {type(layer).__name__}"
        _checks.require(layer in known, "layer", "be an attention layer", received)
    batch_size = _checks.count("batch_size", batch_size)
    weights = weights_of(model, x, layer, batch_size)
    weigh = weights is not None
    _checks.require(weigh, "layer", "return weights that sum to 1", f"those of {layer.name!r}")
    return weights


def weights_of(model, x, layer, batch_size=32):
    """The weights of an attention layer; None where what it returns are no shares of 1."""
    weights = _gradients.activations(model, x, layer, what="attention", batch_size=batch_size)
    shares = (weights >= 0).all() and np.allclose(weights.sum(-1), 1, atol=0.02)  # of bfloat16
    return weights if shares else None


def _inputs(model, x):
    """Checked arrays in the structure that the model takes."""
    import keras

    taken = getattr(model, "inputs", None)
    if not taken:
        x = keras.tree.map_structure(lambda leaf: _checks.array("x", leaf), x)
        leaves = keras.tree.flatten(x)
        _checks.same_rows(**{f"x[{i}]": leaf for i, leaf in enumerate(leaves)})
        return x
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(x, dict) or isinstance(structure, dict):
        tensors = structure if isinstance(structure, dict) else {t.name: t for t in taken}
        expected = f"be a dict with {_checks.some_names(tensors)}"
        _checks.require(isinstance(x, dict), "x", expected, _checks._show(x))
        given = f"a dict with {_checks.some_names(x)}"
        _checks.require(set(tensors) <= set(x), "x", expected, given)
        return _arrays(tensors, x)
    if len(taken) == 1:
        return _checks.array("x", x, shape=taken[0].shape[1:])
    x = x if isinstance(x, (list, tuple)) else [x]
    expected = f"be a list of {len(taken)} arrays"
    _checks.require(len(x) == len(taken), "x", expected, f"{len(x)}")
    return list(_arrays(dict(enumerate(taken)), x).values())


def _arrays(tensors, x):
    """Checked arrays of as many rows, by the name or the place of the input."""
    arrays = {
        key: _checks.array(f"x[{key!r}]", x[key], shape=tensor.shape[1:])
        for key, tensor in tensors.items()
    }
    _checks.same_rows(**{f"x[{key!r}]": array for key, array in arrays.items()})
    return arrays


def _check_filters(model, layer, filters, shape):
    """Every filter is a channel of the layer's output."""
    if layer is None:
        channels = model.output_shape[-1]
    else:
        row = np.zeros((1, *shape), "float32")
        channels = _gradients.activations(model, row, layer).shape[-1]
    expected = f"be from 0 to {channels - 1}"
    _checks.require(filters.max() < channels, "filters", expected, filters.max())
