"""Scores class by class from integer labels: `per_class_report` and what goes with it.

Keras's `Precision(class_id=...)` and `Recall(class_id=...)` are silently wrong with integer labels,
and its `F1Score` refuses them. These figures are scikit-learn's.
"""

import dataclasses
import re

import keras
import numpy as np

from recipes import _checks, _style, _targets, scores
from recipes.naming import numbered_pair

FIGURES = ("precision", "recall", "f1", "average_precision", "support")


@dataclasses.dataclass(frozen=True, repr=False)
class PerClassReport:
    """What `per_class_report` returns: one array a figure, one entry a class.

    Attributes:
        names: name of every class.
        precision: share of the rows called this class that are of it; 0 where none was called so.
        recall: share of the rows of this class that were called so; nan where there are none.
        f1: harmonic mean of the two.
        average_precision: area under precision over recall; nan without probabilities or rows.
        support: rows of this class.

    >>> report = per_class_report([0, 0, 1, 1], [0, 1, 1, 1])
    >>> report.recall.tolist(), report.support.tolist()
    ([0.5, 1.0], [2, 2])
    """

    names: tuple[str, ...]
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    average_precision: np.ndarray
    support: np.ndarray

    def table(self):
        """The figures as a pandas DataFrame, one row a class."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in FIGURES}
        return pd.DataFrame(columns, index=pd.Index(self.names, name="class"))

    def plot(self, ax=None):
        """Precision, recall and F1 of every class as bars. Returns the Axes."""
        ax = _style.axes(ax, width=max(5.0, 0.6 * len(self.names) + 2))
        places = np.arange(len(self.names))
        bars = (("precision", _style.BLUE), ("recall", _style.ORANGE), ("f1", _style.GREEN))
        for i, (name, color) in enumerate(bars):
            ax.bar(places + 0.27 * (i - 1), getattr(self, name), 0.25, color=color, label=name)
        ax.set_xticks(
            places, [f"{n}\n{rows}" for n, rows in zip(self.names, self.support, strict=True)]
        )
        ax.set(xlabel="class and its rows", ylim=(0, 1))
        ax.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        return ax

    def __repr__(self):
        text = self.table().to_string(float_format=lambda value: f"{value:.3f}")
        return "\n".join(line.rstrip() for line in text.splitlines())

    def _repr_html_(self):
        return self.table().to_html(float_format=lambda value: f"{value:.3f}")


def per_class_report(y, prediction, *, names=None, threshold=0.5, task=None):
    """Precision, recall, F1, average precision and support of every class.

    Args:
        y: integer classes, (rows,) or (rows, 1), or names of classes; classes at every step;
            one-hot rows; or labels of 0 and 1, (rows, labels), each a class of its own.
        prediction: what `model.predict` returns for these rows, probabilities; or integer classes,
            or names of classes, such as `predict_names` returns.
        names: a name for every class, in the order of the probabilities; or None for its number,
            or for the names that y holds, sorted.
        threshold: from where one sigmoid column, or a label, means yes; in (0, 1).
        task: "multilabel" where y holds labels, as in `score`.

    Returns:
        `PerClassReport`, which prints as a table.

    Raises:
        ValueError: y and prediction differ in rows, or do not fit each other.

    >>> per_class_report([0, 0, 0, 1], [[0.1], [0.2], [0.7], [0.9]], names=["no", "yes"])
           precision  recall    f1  average_precision  support
    class
    no         1.000   0.667 0.800              1.000        3
    yes        0.500   1.000 0.667              1.000        1
    """
    threshold = _checks.fraction("threshold", threshold)
    y, prediction, names = numbered_pair(y, prediction, names)
    y, prediction = _checks.array("y", y), _checks.array("prediction", prediction)
    _checks.same_rows(y=y, prediction=prediction)
    if task is not None:
        _checks.one_of("task", task, _checks.TASKS)
    if _targets.kind(y, task) == "labels" and y.shape == prediction.shape:
        truth, chosen = y.astype(bool), prediction >= threshold
        ranking = prediction
    else:
        named = 0 if names is None else len(names)
        labels, predicted, classes = labels_and_classes(y, prediction, threshold, named)
        every = np.arange(classes)
        truth, chosen = labels[:, None] == every, predicted[:, None] == every
        probable = prediction.size != y.size or prediction.dtype.kind == "f"
        ranking = scores.class_rows(y, prediction)[1] if probable else None
    names = [str(i) for i in range(truth.shape[1])] if names is None else [str(n) for n in names]
    received = f"{len(names)} names for {truth.shape[1]} classes"
    _checks.require(len(names) == truth.shape[1], "names", "name every class", received)
    return PerClassReport(tuple(names), **_figures(truth, chosen, ranking))


def labels_and_classes(y, prediction, threshold=0.5, named=0):
    """Integer truth and integer prediction, (rows,) each, and the number of classes.

    Without probabilities, whose columns tell it, there are as many classes as are `named`, if more
    than occur.
    """
    y, prediction = _checks.array("y", y), _checks.array("prediction", prediction)
    _checks.same_rows(y=y, prediction=prediction)
    whole = prediction.dtype.kind in "biu" and prediction.size == len(y)
    if whole and _targets.kind(y) in ("classes", "one_hot"):
        labels, predicted = _targets.strata(y), prediction.reshape(-1).astype("int64")
        return labels, predicted, max(int(max(labels.max(), predicted.max())) + 1, named)
    labels, p = scores.class_rows(y, prediction)
    predicted = (p[:, 1] >= threshold).astype(int) if p.shape[1] == 2 else p.argmax(-1)
    return labels, predicted, p.shape[1]


class PerClassMetrics(keras.callbacks.Callback):
    """Writes precision, recall, F1 and average precision of every class into the logs of `fit`.

    They are computed on whole epochs from integer labels, one-hot rows or labels of 0 and 1, and
    are there for callbacks that come after this one: `EarlyStopping("val_f1_1", mode="max")`.

    Args:
        x: rows to score, as `predict` takes them, such as those of validation.
        y: their labels, as in `per_class_report`.
        figures: which of "precision", "recall", "f1", "average_precision" to log.
        names: a name for every class, or None for its number; the logs are called
            "val_recall_1" or "val_recall_cat".
        every: epochs between two reports, at least 1.
        batch_size: rows in one prediction step, at least 1.
        task: "multilabel" where y holds labels, as in `score`.

    Attributes:
        report: `PerClassReport` of the last epoch that was scored.

    Raises:
        ValueError: a misspelt figure, or x and y that differ in rows.

    >>> from recipes import build_mlp
    >>> x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    >>> watch = PerClassMetrics(x, y, figures=("recall",))
    >>> history = build_mlp((3,), 2).fit(x, y, verbose=0, callbacks=[watch])
    >>> [name for name in history.history if "recall" in name]
    ['val_recall_0', 'val_recall_1']
    """

    def __init__(
        self,
        x,
        y,
        *,
        figures=("precision", "recall", "f1", "average_precision"),
        names=None,
        every=1,
        batch_size=1024,
        task=None,
    ):
        super().__init__()
        _checks.same_rows(x=keras.tree.flatten(x)[0], y=y)
        self.x = x
        self.y = _checks.array("y", y)
        figures = (figures,) if isinstance(figures, str) else tuple(figures)
        self.figures = [_checks.one_of("figures", figure, FIGURES[:-1]) for figure in figures]
        self.names = names
        self.every = _checks.count("every", every)
        self.batch_size = _checks.count("batch_size", batch_size)
        self.task = task if task is None else _checks.one_of("task", task, _checks.TASKS)
        self.report = None

    def on_train_begin(self, logs=None):
        self.report = None

    def on_epoch_end(self, epoch, logs=None):
        if self.report is None or (epoch + 1) % self.every == 0:
            prediction = self.model.predict(self.x, batch_size=self.batch_size, verbose=0)
            self.report = per_class_report(self.y, prediction, names=self.names, task=self.task)
        if logs is None:
            return
        for figure in self.figures:
            for name, value in zip(self.report.names, getattr(self.report, figure), strict=True):
                logs[f"val_{figure}_{re.sub(r'[^0-9A-Za-z]+', '_', name)}"] = float(value)


def best_threshold(y, p, metric="f1", *, at_least=None):
    """The threshold on probabilities that makes a metric best, found on held-out rows.

    Args:
        y: 0 or 1, (rows,) or (rows, 1), both there.
        p: probability of 1, (rows,) or (rows, 1); or of 0 and of 1, (rows, 2).
        metric: "f1", "f2" (recall counts twice as much as precision), "balanced_accuracy",
            "accuracy"; "precision" and "recall", with `at_least`;
            or a function (y, is_one) -> number, the higher the better.
        at_least: for "precision": the threshold that keeps the recall of at least this share with
            the best precision; for "recall": the best recall with a precision of at least it.

    Returns:
        float; rows of p >= threshold are called 1. It lies between two probabilities that occur.

    Raises:
        ValueError: y holds one class only, a p is no probability, or no threshold reaches
            `at_least`.

    Source: Lipton et al., 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure.

    >>> best_threshold([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.9])
    0.35
    """
    y = _checks.array("y", y).reshape(-1)
    p = _checks.array("p", p).astype("float64")
    p = (p[:, 1] if p.shape == (len(y), 2) else p).reshape(-1)
    _checks.same_rows(y=y, p=p)
    both = set(np.unique(y)) == {0, 1}
    _checks.require(both, "y", "hold 0 and 1", np.unique(y)[:5].tolist())
    inside = p.min() >= 0 and p.max() <= 1
    _checks.require(inside, "p", "hold probabilities", f"{p.min():g} to {p.max():g}")
    cuts, hits, calls = _cuts(y, p)
    positives, rows = y.sum(), len(y)
    precision, recall = hits / calls, hits / positives
    if callable(metric):
        values = np.array([metric(y, p >= cut) for cut in cuts])
    else:
        _checks.one_of("metric", metric, (*RATES, "precision", "recall"))
    if metric in ("precision", "recall"):
        pair = ("precision", "recall") if metric == "precision" else ("recall", "precision")
        expected, hint = f"be the {pair[1]} to keep for metric={metric!r}", "Did you mean 'f1'?"
        _checks.require(at_least is not None, "at_least", expected, "None", hint)
        at_least = _checks.fraction("at_least", at_least)
        value, other = (precision, recall) if metric == "precision" else (recall, precision)
        reached = other >= at_least
        expected = f"be reachable: the other rate is at most {other.max():.3f}"
        _checks.require(reached.any(), "at_least", expected, at_least)
        values = np.where(reached, value, -1)
    elif not callable(metric):
        values = RATES[metric](hits, calls, positives, rows)
    best = int(np.argmax(values))
    return float(cuts[best])


def _cuts(y, p):
    """Every threshold that calls other rows 1, with the ones among them and the calls."""
    order = np.argsort(-p, kind="stable")
    p, ones = p[order], y[order]
    last = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)
    below = np.append(p[last[:-1] + 1], 0.0)
    return (p[last] + below) / 2, np.cumsum(ones)[last], last + 1


RATES = {
    "f1": lambda hits, calls, positives, rows: 2 * hits / (calls + positives),
    "f2": lambda hits, calls, positives, rows: 5 * hits / (calls + 4 * positives),
    "accuracy": lambda hits, calls, positives, rows: (
        (hits + (rows - positives) - (calls - hits)) / rows
    ),
    "balanced_accuracy": lambda hits, calls, positives, rows: (
        (hits / positives + 1 - (calls - hits) / (rows - positives)) / 2
    ),
}


def _figures(truth, chosen, ranking):
    from sklearn.metrics import average_precision_score

    hits, support, calls = (truth & chosen).sum(0), truth.sum(0), chosen.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support, hits / support, np.nan)
        f1 = np.where(support, 2 * hits / (calls + support), np.nan)
    average = np.full(truth.shape[1], np.nan)
    if ranking is not None:
        for column in np.flatnonzero(support):
            average[column] = average_precision_score(truth[:, column], ranking[:, column])
    return {
        "precision": hits / np.maximum(calls, 1),
        "recall": recall,
        "f1": f1,
        "average_precision": average,
        "support": support,
    }
