"""Honest probabilities for rare classes, and decisions that find them.

Weights, balanced batches and resampling tilt probabilities towards rare classes; plain training
gives honest ones that hardly ever reach 0.5. Both are a matter of the last layer, not of what the
network has learned:

    shift_prior       probabilities for other class shares than training saw; exact, needs no rows
    calibrate         probabilities that agree with held-out rows
    shift_threshold   0.5 where a threshold was
    rebalance         the recipe: calibrate, then 0.5 where the F2 of held-out rows is best

Given a model, each returns a new plain `keras.Model` whose last layer has other weights: the order
of the rows, and so AUC and average precision of a binary model, stays as it was.
"""

import keras
import numpy as np

from recipes import _checks, _model_checks, _targets, scores

SMALLEST = 1e-7
SOFTENING = 1.0  # rows of each class that calibration adds in thought, as Platt does
METRICS = ("f1", "f2", "balanced_accuracy")


def shift_prior(predictor, seen, wanted):
    """Probabilities for class shares `wanted` from those for the shares that training saw.

    By Bayes's rule each class counts by wanted / seen, and rows are made to sum to 1 again. Exact
    where classes look the same in both worlds.

    Args:
        predictor: probabilities, (rows, classes), or (rows,) or (rows, 1) of class 1; or a model
            that ends in a softmax, or a sigmoid of one column.
        seen: share (or rows) of each class in training, (classes,); `BalancedBatches` and balanced
            class weights make them even: (1, 1). For one column: (of class 0, of class 1).
        wanted: share (or rows) of each class where the predictions are used.

    Returns:
        What it was given: probabilities of the same shape, or a new model, compiled like the old.

    Raises:
        ValueError: shares that are not above 0 or do not fit the classes, probabilities that do
            not sum to 1, a model that does not end in a softmax or sigmoid.

    Source: Saerens et al., 2002, Adjusting the Outputs of a Classifier to New a Priori
    Probabilities.

    >>> print(float(shift_prior(np.array([0.5]), seen=(1, 1), wanted=(99, 1))[0]))
    0.01
    """
    factors = _shares("wanted", wanted) / _shares("seen", seen, like=wanted)
    if isinstance(predictor, keras.Model):
        return _relogit(predictor, 1.0, np.log(factors))
    p, shape = _probabilities(predictor, len(factors))
    p = p * factors
    p = p / p.sum(-1, keepdims=True)
    return p if shape is None else p[:, 1].reshape(shape)


def calibrate(model, x, y):
    """A model whose probabilities agree with held-out rows.

    Its logits become `a * logits + b`, with a > 0 and one b a class, as fits the rows best: Platt's
    scaling for a sigmoid, temperature scaling with a bias for a softmax. A few rows are enough; to
    keep b from running away where a class has next to none, one row of each class is added in
    thought.

    Args:
        model: a trained model that ends in a sigmoid of one column or in a softmax; it stays as
            it is.
        x: held-out rows, which it was not trained on; those of early stopping will do.
        y: their classes: integers or one-hot rows, every class at least once.

    Returns:
        A new `keras.Model` with the same layers, compiled like the model.

    Raises:
        ValueError: x and y differ in rows, hold NaN, a class is absent from y, or the model ends
            in something else.

    Source: Platt, 1999; Guo et al., 2017, On Calibration of Modern Neural Networks; Alexandari et
    al., 2020 (the bias).

    >>> from recipes import build_mlp
    >>> x, y = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100) % 4 == 0
    >>> model = calibrate(build_mlp((2,), 1, task="binary", seed=0), x, y.astype(int))
    >>> print(f"{model.predict(x, verbose=0).mean():.2f}")
    0.25
    """
    logits, labels = _held_out(model, x, y)
    scale, bias = _fit_logits(logits, labels)
    return _relogit(model, scale, bias)


def shift_threshold(predictor, threshold):
    """The same order of rows with 0.5 where `threshold` was.

    Args:
        predictor: probabilities of class 1, (rows,) or (rows, 1), or of both classes, (rows, 2); or
            a model that ends in one sigmoid column or a softmax of two classes.
        threshold: in (0, 1), such as of `best_threshold`.

    Returns:
        What it was given, shifted: no longer probabilities, but scores with the line at 0.5.

    Raises:
        ValueError: the threshold is outside (0, 1), or there are not two classes.

    >>> shift_threshold(np.array([0.01, 0.1, 0.9]), 0.1).round(3).tolist()
    [0.083, 0.5, 0.988]
    """
    threshold = _checks.fraction("threshold", threshold)
    return shift_prior(predictor, (1 - threshold, threshold), (0.5, 0.5))


def rebalance(model, x, y, metric="f2"):
    """The recipe for rare classes: train plainly, calibrate, then move the decision to 0.5.

    For two classes, of which 1 is the rare one, the threshold that is best for `metric` on the
    held-out rows becomes 0.5, unless it is above that of the model given: rare rows are found that
    plain training leaves below it, none is lost, and the order of the rows, so the average
    precision, is that of the model given. For more classes, and with
    "balanced_accuracy", classes are shifted to even shares.

    Args:
        model, x, y: as in `calibrate`.
        metric: "f1"; "f2", for which recall counts twice as much as precision; or
            "balanced_accuracy". Each finds more than the one before and cries wolf more often.

    Returns:
        A new `keras.Model` with the same layers, compiled like the model. For probabilities that
        are honest take `calibrate`.

    Raises:
        ValueError: as in `calibrate`, or metric is misspelt.

    Source: Menon et al., 2021 (shifting after training); Lipton et al., 2014 (the best threshold
    for F1 is at most 0.5); van Rijsbergen, 1979 (F2).

    >>> from recipes import build_mlp
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > 1.5).astype(int)
    >>> model = build_mlp((2,), 1, task="binary", units=(), learning_rate=0.05, seed=0)
    >>> history = model.fit(x, y, epochs=8, verbose=0)
    >>> found = [(m.predict(x, verbose=0) > 0.5).sum() for m in (model, rebalance(model, x, y))]
    >>> bool(found[1] > found[0])
    True
    """
    from recipes.reports import best_threshold

    _checks.one_of("metric", metric, METRICS)
    logits, labels = _held_out(model, x, y)
    scale, bias = _fit_logits(logits, labels)
    classes = logits.shape[1]
    if classes == 2 and metric != "balanced_accuracy":
        p = _softmax(scale * logits + bias)[:, 1]
        threshold = np.clip(best_threshold(labels, p, metric), SMALLEST, 0.5)
        # No row that was above 0.5 falls below it.
        shift = max(bias[1] - bias[0] - np.log(threshold / (1 - threshold)), 0.0)
        return _relogit(model, scale, np.array([-shift / 2, shift / 2]))
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return _relogit(model, scale, bias - np.log(shares))


def _held_out(model, x, y):
    """Logits of the rows, (rows, classes), and integer labels; a sigmoid has logits (0, z)."""
    layer = _last_layer(_model_checks.functional("model", _model_checks.model("model", model)))
    y = _checks.array("y", y)
    x = keras.tree.map_structure(lambda leaf: _checks.array("x", leaf), x)
    _checks.same_rows(x=keras.tree.flatten(x)[0], y=y)
    labels = _targets.strata(y, "binary" if layer.units == 1 else "multiclass")
    classes = max(layer.units, 2)
    _checks.require(labels is not None, "y", "hold classes", f"shape {y.shape} of {y.dtype}")
    absent = sorted(set(range(classes)) - set(labels.tolist()))
    _checks.require(not absent, "y", "hold every class at least once", f"none of {absent}")
    inside = labels.min() >= 0 and labels.max() < classes
    _checks.require(inside, "y", f"hold classes from 0 to {classes - 1}", int(labels.max()))
    p, _ = _probabilities(model.predict(x, batch_size=1024, verbose=0), classes)
    return np.log(np.clip(p, SMALLEST, None)), labels


def _fit_logits(logits, labels):
    """The scale a > 0 and the bias of each class that make the labels likeliest."""
    from scipy.optimize import minimize

    classes = logits.shape[1]
    targets = np.eye(classes)[labels]
    # One row of each class in thought, at the mean logits: weight without information.
    rows = np.concatenate([logits, np.tile(logits.mean(0), (classes, 1))])
    targets = np.concatenate([targets, SOFTENING * np.eye(classes)])

    def cost(parameters):
        scale, bias = np.exp(parameters[0]), parameters[1:]
        shifted = scale * rows + bias
        p = _softmax(shifted)
        error = targets.sum(-1, keepdims=True) * p - targets
        value = -(targets * np.log(np.clip(p, 1e-300, None))).sum()
        gradient = np.concatenate([[scale * (error * rows).sum()], error.sum(0)])
        # The slope stays near what the network says where the rows do not tell.
        return value + parameters[0] ** 2, gradient + np.eye(1 + classes)[0] * 2 * parameters[0]

    found = minimize(cost, np.zeros(1 + classes), jac=True, method="L-BFGS-B")
    return float(np.exp(found.x[0])), found.x[1:] - found.x[1:].mean()


def _softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _relogit(model, scale, bias):
    """A copy of the model with `scale * logits + bias` in front of its last activation."""
    copied = keras.models.clone_model(_model_checks.functional("model", model))
    copied.set_weights(model.get_weights())
    layer = _last_layer(copied)
    classes = max(layer.units, 2)
    _checks.require(
        len(bias) == classes, "shares", f"be given for {classes} classes", f"{len(bias)}"
    )
    _checks.require(layer.use_bias, "model", "have a bias in its last layer", "use_bias=False")
    kernel, old = (keras.ops.convert_to_numpy(part) for part in layer.get_weights())
    shift = bias if layer.units > 1 else bias[1:] - bias[:1]
    layer.set_weights([scale * kernel, scale * old + shift])
    if model.compiled:
        copied.compile_from_config(model.get_compile_config())
    return copied


def _last_layer(model):
    """The dense layer of a softmax, or of one sigmoid column, in which the model ends."""
    layer = model.outputs[0]._keras_history.operation if len(model.outputs) == 1 else None
    while isinstance(layer, keras.Model):
        layer = layer.outputs[0]._keras_history.operation
    activation = getattr(layer, "activation", None)
    softmax = activation is keras.activations.softmax
    sigmoid = activation is keras.activations.sigmoid and getattr(layer, "units", 0) == 1
    _checks.require(
        isinstance(layer, keras.layers.Dense) and (softmax or sigmoid),
        "model",
        "end in a Dense layer with a softmax, or a sigmoid of one column",
        f"{model.name!r}, which ends in {getattr(layer, 'name', 'several outputs')!r}",
    )
    return layer


def _shares(name, value, like=None):
    shares = _checks.array(name, value, ndim=1).astype("float64")
    _checks.require(shares.min() > 0, name, "be above 0 for every class", shares.tolist())
    if like is not None:
        fits = len(shares) == len(like)
        _checks.require(fits, name, f"hold {len(like)} shares", f"{len(shares)}")
    return shares / shares.sum()


def _probabilities(value, classes):
    """Checked probabilities of all classes, and the shape that one column had, else None."""
    p = _checks.array("probabilities", value).astype("float64")
    inside = p.min() >= 0 and p.max() <= 1 + 1e-6
    _checks.require(inside, "probabilities", "lie in [0, 1]", f"{p.min():g} to {p.max():g}")
    if p.size == len(p):
        _checks.require(classes == 2, "probabilities", f"have {classes} columns", "one")
        return scores.two_columns(p.reshape(-1)), p.shape
    width = p.shape[-1]
    _checks.require(width == classes, "probabilities", f"have {classes} columns", f"{width}")
    sums = p.sum(-1)
    worst = float(sums[np.abs(sums - 1).argmax()]) if sums.ndim == 1 else float(sums.max())
    even = np.allclose(sums, 1, atol=1e-3)
    _checks.require(even, "probabilities", "sum to 1 in every row", f"a row that sums to {worst:g}")
    return p, None
