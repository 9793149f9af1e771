"""Scores of predictions by name, for classes, labels and numbers alike: `score`.

scikit-learn computes them; here integer labels, one-hot rows, single sigmoid columns and softmax
rows are brought into the one form that it expects.
"""

import warnings

import numpy as np

from recipes import _checks, _targets

MADE_UP = 2**22  # numbers in the predictions on which metrics are tried, at most


def score(y, prediction, metric="accuracy", *, task=None):
    """One figure for predictions.

    Args:
        y: targets: integer classes (rows,), classes at every step, one-hot rows, labels of 0 and 1,
            or numbers.
        prediction: what `model.predict` returns for them: probabilities, or numbers.
        metric: "accuracy", "balanced_accuracy", "log_loss", "roc_auc", "average_precision", "f1",
            "brier" (for classes and labels), "rmse", "mae", "r2" (for numbers); or a function
            (y, prediction) -> number, which gets both as they are. With more than two classes
            "f1", "roc_auc" and "average_precision" are means over the classes that y holds.
        task: "multilabel" says that y holds labels, also where each row happens to have one,
            "steps" that it holds a class at every step; None tells it by y.

    Returns:
        float; nan where y holds one class only and the metric needs two.

    Raises:
        ValueError: a misspelt metric, or a y and a prediction that do not fit.

    >>> score([0, 1, 1], [[0.2], [0.9], [0.4]]), score([1.0, 3.0], [[2.0], [3.0]], "mae")
    (0.6666666666666666, 0.5)
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    _checks.same_rows(y=y, prediction=prediction)
    if task is not None:
        _checks.one_of("task", task, (*_checks.TASKS, _checks.STEPS))
    if callable(metric):
        return float(metric(y, prediction))
    _checks.array("y", y)
    _checks.one_of("metric", metric, (*OF_CLASSES, *OF_NUMBERS))
    if metric in OF_NUMBERS:
        _fits(y.size == prediction.size, y, prediction)
        numbers = (part.astype("float64").reshape(len(y), -1) for part in (y, prediction))
        return float(OF_NUMBERS[metric](*numbers))
    measure = OF_CLASSES[metric]
    if _targets.kind(y, task) == "labels" and y.shape == prediction.shape:
        labels = y.T.astype("int64")  # True and 1.0 are no places in an array
        columns = [two_columns(column) for column in prediction.T]
        return float(np.mean([measure(one, p) for one, p in zip(labels, columns, strict=True)]))
    return float(measure(*class_rows(y, prediction)))


def check_metrics(metrics, y=None):
    """A tuple of names and functions, a dict of such by the keys of `y`, or None: by the data."""
    if metrics is None:
        return None
    if isinstance(metrics, dict):
        keyed = isinstance(y, dict) and len(y) > 1
        expected = "be a dict of several outputs for a dict of metrics"
        _checks.require(keyed, "y", expected, type(y).__name__)
        return {_checks.one_of("metrics", k, y): check_metrics(v) for k, v in metrics.items()}
    metrics = (metrics,) if isinstance(metrics, str) or callable(metrics) else tuple(metrics)
    for metric in metrics:
        if not callable(metric):
            _checks.one_of("metrics", metric, (*OF_CLASSES, *OF_NUMBERS))
    return metrics


def try_metrics(metrics, y, shape, task=None):
    """Refuse metrics that raise for `y` and for predictions of this shape, which are made up.

    Args:
        metrics: as `check_metrics` returns them for one output.
        y: all targets, (rows, ...).
        shape: of one row's prediction.
        task: as in `score`.
    """
    rows = max(1, MADE_UP // max(1, int(np.prod(shape))))
    if len(y) > rows:
        y = y[np.linspace(0, len(y) - 1, rows).astype(int)]
    prediction = _made_up(y, (len(y), *shape), task)
    for metric in metrics:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # chance made these predictions
                score(y, prediction, metric, task=task)
        except Exception as error:
            raise ValueError(
                f"metrics must fit y of shape {y.shape} ({y.dtype}) and predictions of shape "
                f"{prediction.shape}. Received: {name_of(metric)!r}, which raises "
                f"{said(error)}. {_fit(metric, y, prediction, task)}"
            ) from error


def name_of(metric):
    """What a metric is called in reports."""
    return getattr(metric, "__name__", None) or str(metric)


def said(error):
    """Kind and text of an exception, without a full stop."""
    return f"{type(error).__name__}: {error}".rstrip(".")


def default_metrics(y, prediction, task=None):
    """The names of the metrics that suit these targets."""
    y, prediction = np.asarray(y), np.asarray(prediction)
    if of_classes(y, prediction, task):
        return ("accuracy", "log_loss")
    return ("rmse", "mae")


def of_classes(y, prediction, task=None):
    """Whether predictions are probabilities of the classes in `y`."""
    what = _targets.kind(y, task)
    if what in ("numbers", "steps"):
        one_more = prediction.ndim == y.ndim + 1 or (y.shape[-1] == 1 and prediction.ndim == y.ndim)
        return what == "steps" and one_more
    probable = prediction.min(initial=0) >= 0 and prediction.max(initial=0) <= 1 + 1e-6
    wide = prediction.size > len(y)
    return bool(probable and (wide or y.max(initial=0) <= 1))


def class_rows(y, prediction):
    """Integer labels (n,) and probabilities (n, classes), whatever form the two came in."""
    prediction = np.asarray(prediction, "float64")
    what = _targets.kind(y)
    if what in ("numbers", "labels") and prediction.size == y.size:
        _fits(((y == 0) | (y == 1)).all(), y, prediction)
        return y.reshape(-1).astype("int64"), two_columns(prediction.reshape(-1))
    if what == "one_hot" and prediction.shape == y.shape:
        return y.argmax(-1), prediction
    whole = y.dtype.kind in "biu" or (y == np.round(y)).all()  # a csv makes floats of labels
    _fits(whole and prediction.size % y.size == 0, y, prediction)
    labels = y.reshape(-1).astype("int64")
    rows = prediction.reshape(len(labels), -1)
    rows = two_columns(rows[:, 0]) if rows.shape[1] == 1 else rows
    _fits(labels.min() >= 0 and labels.max() < rows.shape[1], y, prediction)
    return labels, rows


def _made_up(y, shape, task):
    """Predictions as a model might make them: shares for classes, `y` itself for numbers."""
    random = np.random.default_rng(0)
    what, same_size = _targets.kind(y, task), y.size == np.prod(shape)
    if what in ("classes", "one_hot") or not same_size:
        made = random.uniform(0.1, 1, shape)
        if len(shape) > 1 and shape[-1] > 1:
            return (made / made.sum(-1, keepdims=True)).astype("float32")
    if same_size and (what == "numbers" or y.max() > 1):
        return y.reshape(shape).astype("float32")
    return random.uniform(0.1, 0.9, shape).astype("float32")


def _fit(metric, y, prediction, task):
    """What to do about a metric that does not fit."""
    if not callable(metric) or not of_classes(y, prediction, task):
        suited = " or ".join(map(repr, default_metrics(y, prediction, task)))
        return f"Did you mean {suited}?"
    several = prediction.size > len(y) and _targets.kind(y, task) != "labels"
    labels = "p.argmax(-1)" if several else "p >= 0.5"
    name = name_of(metric)
    return (
        f"Wrap it where it takes labels: lambda y, p: {name}(y, {labels})."
        f"{_checks.nearest(name.removesuffix('_score'), OF_CLASSES)}"
    )


def two_columns(p):
    """Probabilities of no and of yes from those of yes."""
    return np.stack([1 - p, p], axis=-1)


def _fits(holds, y, prediction):
    received = f"y of shape {y.shape} ({y.dtype}) and prediction of shape {prediction.shape}"
    _checks.require(holds, "y and prediction", "fit each other", received)


def _balanced_accuracy(labels, p):
    right = labels == p.argmax(-1)
    return np.mean([right[labels == label].mean() for label in np.unique(labels)])


def _log_loss(labels, p):
    _sums_to_1(p)
    return -np.log(np.clip(p[np.arange(len(p)), labels], 1e-7, 1)).mean()


def _sums_to_1(p):
    sums = p.sum(-1)
    worst = float(sums[np.abs(sums - 1).argmax()])
    received = f"a row that sums to {worst:g}"
    _checks.require(abs(worst - 1) < 1e-3, "prediction", "sum to 1 in every row", received)


def _brier(labels, p):
    _sums_to_1(p)
    if p.shape[1] == 2:
        return np.square(labels - p[:, 1]).mean()
    return np.square(np.eye(p.shape[1])[labels] - p).sum(-1).mean()


def _per_class(name):
    """Mean over the classes that are there of a measure of a ranking; of class 1 for two."""

    def measure(labels, p):
        from sklearn import metrics

        present = np.unique(labels)
        if len(present) < 2:
            return np.nan
        chosen = [1] if p.shape[1] == 2 else present
        return np.mean([getattr(metrics, name)(labels == label, p[:, label]) for label in chosen])

    return measure


def _f1(labels, p):
    from sklearn.metrics import f1_score

    chosen = [1] if p.shape[1] == 2 else np.unique(labels)
    return f1_score(labels, p.argmax(-1), labels=chosen, average="macro", zero_division=0.0)


OF_CLASSES = {
    "accuracy": lambda labels, p: (labels == p.argmax(-1)).mean(),
    "balanced_accuracy": _balanced_accuracy,
    "log_loss": _log_loss,
    "roc_auc": _per_class("roc_auc_score"),
    "average_precision": _per_class("average_precision_score"),
    "f1": _f1,
    "brier": _brier,
}

OF_NUMBERS = {
    "rmse": lambda y, p: np.sqrt(np.square(y - p).mean()),
    "mae": lambda y, p: np.abs(y - p).mean(),
    "r2": lambda y, p: 1 - np.square(y - p).sum() / max(np.square(y - y.mean(0)).sum(), 1e-12),
}
