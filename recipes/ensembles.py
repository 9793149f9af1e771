"""Many predictions into one: `average` of several models, `predict_with_augmentation` of one."""

import keras
import numpy as np

from recipes import _checks, _model_checks

KINDS = ("mean", "geometric", "rank")
SMALLEST = 1e-7  # a probability of 0 would forbid a class whatever the other models say


def average(predictions, kind="mean", *, weights=None):
    """One prediction from those of several models, folds or seeds.

    Args:
        predictions: list of at least one array of the same shape, (rows, ...).
        kind: "mean"; "geometric", the mean of the logarithms, for probabilities (rows of several
            classes are made to sum to 1 again); "rank", the mean of each column's ranks scaled to
            (0, 1], for scores such as AUC which look at the order only and for models whose
            probabilities are not alike.
        weights: weight of each prediction, at least 0, or None for equal ones.

    Returns:
        Array of the shape of one prediction.

    Raises:
        ValueError: shapes differ, weights are negative or all 0, or a prediction for "geometric"
            is negative.

    >>> average([[[0.2, 0.8]], [[0.4, 0.6]]]).round(3).tolist()
    [[0.3, 0.7]]
    >>> average([[[0.2, 0.8]], [[0.8, 0.2]]], "geometric").tolist()
    [[0.5, 0.5]]
    >>> average([[0.1, 0.2, 0.9], [10.0, 30.0, 20.0]], "rank").round(2).tolist()
    [0.33, 0.83, 0.83]
    """
    _checks.one_of("kind", kind, KINDS)
    arrays = [_checks.array(f"predictions[{i}]", p) for i, p in enumerate(predictions)]
    _checks.require(len(arrays) > 0, "predictions", "hold at least one array", "none")
    shapes = {array.shape for array in arrays}
    _checks.require(len(shapes) == 1, "predictions", "have one shape", f"{sorted(shapes)}")
    weights = np.ones(len(arrays)) if weights is None else _checks.array("weights", weights, ndim=1)
    _checks.same_rows(predictions=arrays, weights=weights)
    usable = weights.min() >= 0 and weights.sum() > 0
    _checks.require(usable, "weights", "be at least 0 and not all 0", weights.tolist())
    if kind == "rank":
        arrays = [_ranks(array) for array in arrays]
    if kind == "geometric":
        lowest = min(array.min() for array in arrays)
        _checks.require(lowest >= 0, "predictions", "be probabilities for 'geometric'", lowest)
        arrays = [np.log(np.clip(array, SMALLEST, None)) for array in arrays]
    mean = np.average(arrays, axis=0, weights=weights)
    if kind != "geometric":
        return mean
    mean = np.exp(mean)
    # Rows of classes sum to 1; labels that are each true or not do not.
    classes = mean.ndim > 1 and np.allclose(np.sum(predictions[0], axis=-1), 1, atol=1e-3)
    return mean / mean.sum(-1, keepdims=True) if classes else mean


def predict_with_augmentation(model, x, augmentation, n=8, *, original=True, batch_size=256):
    """Test-time augmentation: the mean prediction over several random variations of each row.

    Args:
        model: a built `keras.Model` of one input.
        x: rows, (rows, *model.input_shape[1:]).
        augmentation: what makes a variation: a Keras layer such as `keras.layers.RandomFlip()`,
            which is called with `training=True`, or a function of a batch.
        n: variations of each row, at least 1.
        original: count the row as it is as one prediction more.
        batch_size: rows in one prediction step, at least 1.

    Returns:
        Array, or the structure of arrays that `model.predict` returns: the mean prediction. The
        draws are those of the layer's own seed.

    Raises:
        ValueError, TypeError: n is less than 1, x holds NaN or does not fit the model, or
            augmentation is no function.

    Source: Krizhevsky et al., 2012, ImageNet Classification with Deep Convolutional Networks,
    section 4.1.

    >>> import keras, numpy as np
    >>> from recipes import build_cnn
    >>> model = build_cnn((4, 4, 1), 3, filters=(2,))
    >>> flip = keras.layers.RandomFlip("horizontal", seed=0)
    >>> predict_with_augmentation(model, np.ones((5, 4, 4, 1)), flip, n=2).shape
    (5, 3)
    """
    _model_checks.model("model", model)
    x = _checks.array("x", x, shape=model.input_shape[1:])
    x = x.astype(keras.config.floatx()) if x.dtype.kind == "f" else x
    n = _checks.count("n", n)
    _checks.flag("original", original)
    batch_size = _checks.count("batch_size", batch_size)
    if not callable(augmentation):
        raise TypeError(
            "augmentation must be a Keras layer or a function of a batch. "
            f"Received: augmentation={augmentation!r}."
        )
    made = [model.predict(x, batch_size=batch_size, verbose=0)] if original else []
    for _ in range(n):
        varied = [
            _vary(augmentation, x[start : start + batch_size])
            for start in range(0, len(x), batch_size)
        ]
        made.append(model.predict(np.concatenate(varied), batch_size=batch_size, verbose=0))
    return keras.tree.map_structure(lambda *arrays: np.mean(arrays, axis=0), *made)


def _vary(augmentation, batch):
    if isinstance(augmentation, keras.Layer):
        batch = augmentation(batch, training=True)
    else:
        batch = augmentation(batch)
    return keras.ops.convert_to_numpy(batch)


def _ranks(array):
    from scipy.stats import rankdata

    return rankdata(array, axis=0) / len(array)
