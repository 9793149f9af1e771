"""How good predictions are, drawn: `plot_confusion_matrix` and its kin.

Each takes `ax=None` and draws into the Axes given, or into a new figure. All can be had from
`recipes` and `recipes.plots`.
"""

import numpy as np

from recipes import _checks, scores
from recipes._style import BLUE, GREY, ORANGE, PALETTE, SHARES, axes
from recipes.naming import numbered_pair


def plot_confusion_matrix(y, prediction, names=None, ax=None):
    """How often each class is taken for each: shares of its rows as colour, rows as figures.

    Args:
        y: classes, (rows,), integers or names; or one-hot rows.
        prediction: what `model.predict` returns, (rows, classes) or (rows, 1); or classes, (rows,),
            integers or names.
        names: as in `per_class_report`.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: y and prediction differ in rows or do not fit.

    >>> ax = plot_confusion_matrix([0, 1, 1], [[0.1], [0.8], [0.2]])
    >>> ax.get_title(), [text.get_text() for text in ax.texts]
    ('67% of 3 rows right', ['1', '0', '1', '1'])
    """
    from recipes.reports import labels_and_classes

    y, prediction, names = numbered_pair(y, prediction, names)
    named = 0 if names is None else len(names)
    y, predicted, classes = labels_and_classes(y, prediction, named=named)
    table = np.zeros((classes, classes), int)
    np.add.at(table, (y, predicted), 1)
    names = list(range(classes)) if names is None else list(names)
    _checks.require(len(names) == classes, "names", f"hold {classes} names", f"{len(names)}")
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = max(3.2, 0.5 * classes + 1.4)
    ax = axes(ax, width=side, height=side)
    ax.imshow(shares, cmap=SHARES, vmin=0, vmax=1)
    for (row, column), rows in np.ndenumerate(table):
        color = "white" if shares[row, column] > 0.5 else "black"
        ax.text(column, row, rows, ha="center", va="center", color=color, fontsize=9)
    ticks = np.arange(classes)
    ax.set_xticks(ticks, names, rotation=45 if max(map(len, map(str, names))) > 4 else 0)
    ax.set_yticks(ticks, names)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted", ylabel="true")
    ax.set_title(f"{np.trace(table) / len(y):.0%} of {len(y)} rows right")
    return ax


def plot_per_class(y, prediction, names=None, ax=None):
    """Precision, recall and F1 of every class as bars, with the rows of each.

    Args:
        y, prediction: as in `per_class_report`.
        names: as in `per_class_report`.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: y and prediction differ in rows or do not fit.

    >>> ax = plot_per_class([0, 1, 1], [[0.1], [0.8], [0.2]], names=["no", "yes"])
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['no\\n1', 'yes\\n2']
    """
    from recipes.reports import per_class_report

    return per_class_report(y, prediction, names=names).plot(ax)


def plot_reliability(y, prediction, bins=10, ax=None):
    """Whether probabilities mean what they say: how often they are right over how sure they are.

    Rows are put into bins of equal size by their probability: that of class 1 where there are two
    classes, else that of the class predicted. On the diagonal 0.7 is right seven times of ten.
    Bars are 95 % of what chance does to a share of so many rows.

    Args:
        y: classes, (rows,), or one-hot rows.
        prediction: probabilities, (rows, classes), or (rows, 1) of class 1.
        bins: groups of rows, at least 1.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes; its title is the expected calibration error, the mean distance from the diagonal.

    Raises:
        ValueError: y and prediction differ in rows or do not fit.

    Source: Niculescu-Mizil and Caruana, 2005; Guo et al., 2017, On Calibration of Modern Neural
    Networks.

    >>> plot_reliability([0, 1, 1, 1], [[0.1], [0.9], [0.9], [0.9]], bins=1).get_title()
    'expected calibration error 0.050'
    """
    labels, p = _rows(y, prediction)
    probable = p.min() >= -0.01 and p.max() <= 1.01  # of bfloat16
    received = f"values from {p.min():.3g} to {p.max():.3g}"
    _checks.require(probable, "prediction", "hold probabilities in [0, 1]", received)
    bins = _checks.count("bins", bins)
    binary = p.shape[1] == 2
    sure = p[:, 1] if binary else p.max(-1)
    right = labels == (1 if binary else p.argmax(-1))
    groups = [
        group for group in np.array_split(np.argsort(sure, kind="stable"), bins) if len(group)
    ]
    said = np.array([sure[group].mean() for group in groups])
    seen = np.array([right[group].mean() for group in groups])
    rows = np.array([len(group) for group in groups])
    ax = axes(ax, width=5, height=4.4)
    ax.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1, label="honest")
    spread = 1.96 * np.sqrt(seen * (1 - seen) / rows)
    ax.errorbar(said, seen, spread, color=BLUE, marker="o", ms=4, lw=1, label="model")
    # Room for the markers of 0 and 1.
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that is right")
    ax.set_xlabel("probability of class 1" if binary else "probability of the class predicted")
    if binary:
        ax.set_ylabel("share of class 1")
    error = float((rows * np.abs(said - seen)).sum() / rows.sum())
    ax.set_title(f"expected calibration error {error:.3f}")
    ax.legend(frameon=False)
    return ax


def plot_precision_recall(y, p, threshold=None, ax=None):
    """Precision over recall at every threshold, with the one that is chosen.

    Args:
        y: 0 or 1, (rows,) or (rows, 1), both there; or classes or one-hot rows for several.
        p: probability of 1, (rows,) or (rows, 1); or of every class, (rows, classes): a curve each.
        threshold: from where a row is called 1, in (0, 1); None marks the best for F1. With several
            classes there is none.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: y and p differ in rows or do not fit, or y holds one class only.

    >>> ax = plot_precision_recall([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], threshold=0.3)
    >>> ax.get_title(), [text.get_text() for text in ax.get_legend().get_texts()][-1]
    ('average precision 0.833', 'threshold 0.3: precision 0.67, recall 1.00')
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    labels, p = _rows(y, p)
    present = np.unique(labels)
    _checks.require(len(present) > 1, "y", "hold two classes at least", present.tolist())
    several = p.shape[1] > 2
    ax = axes(ax, width=5.6 if several else 5, height=4.4)
    averages = []
    for i, label in enumerate(present if several else [1]):
        truth = labels == label
        precision, recall, _ = precision_recall_curve(truth, p[:, label])
        averages.append(average_precision_score(truth, p[:, label]))
        name = f"class {label}, {averages[-1]:.3f}" if several else "model"
        color = PALETTE[i % len(PALETTE)]
        ax.step(recall, precision, where="post", color=color, label=name)
    if not several:
        share = float((labels == 1).mean())
        ax.axhline(share, color=GREY, ls="--", lw=1, label=f"guessing {share:.2g}")
        _mark_threshold(ax, labels, p[:, 1], threshold)
    ax.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    ax.set_title(f"{'mean ' if several else ''}average precision {np.mean(averages):.3f}")
    ax.legend(frameon=False, fontsize=8)
    return ax


def plot_residuals(y, prediction, ax=None):
    """Errors of predicted numbers over what was predicted.

    Args:
        y: numbers, (rows,) or (rows, outputs).
        prediction: what `model.predict` returns for them.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: y and prediction differ in rows or size, or hold NaN.

    >>> plot_residuals([1.0, 2.0, 3.0], [[1.0], [2.0], [4.0]]).get_title()
    'RMSE 0.577, R² 0.50'
    """
    y, prediction = _checks.array("y", y), _checks.array("prediction", prediction)
    _checks.same_rows(y=y, prediction=prediction)
    received = f"{y.shape} and {prediction.shape}"
    _checks.require(y.size == prediction.size, "y and prediction", "be of one size", received)
    y, prediction = (part.reshape(len(y), -1).astype("float64") for part in (y, prediction))
    ax = axes(ax)
    for i, (true, made) in enumerate(zip(y.T, prediction.T, strict=True)):
        color = PALETTE[i % len(PALETTE)]
        label = f"output {i}" if y.shape[1] > 1 else None
        ax.scatter(made, true - made, s=10, alpha=0.6, color=color, linewidths=0, label=label)
    ax.axhline(0, color="black", lw=1, ls="--")
    ax.set(xlabel="predicted", ylabel="true - predicted")
    rmse, r2 = (scores.score(y, prediction, name) for name in ("rmse", "r2"))
    ax.set_title(f"RMSE {rmse:.3g}, R² {r2:.2f}")
    if y.shape[1] > 1:
        ax.legend(frameon=False)
    return ax


def plot_fold_scores(scores, metric=None, ax=None):
    """One score in every fold, with its mean and spread.

    Args:
        scores: what `cross_validate` returned, or a dict from metric to one value a fold.
        metric: a name in it; None is the first.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there is no such metric, or no fold.

    >>> ax = plot_fold_scores({"accuracy": [0.9, 0.8, 1.0]})
    >>> ax.get_title(), ax.get_ylabel()
    ('0.9 ± 0.1 over 3 folds', 'accuracy')
    """
    scores = getattr(scores, "scores", scores)
    received = f"a {type(scores).__name__}"
    expected = "be what cross_validate returned, or a dict of scores"
    _checks.require(isinstance(scores, dict), "scores", expected, received)
    _checks.require(len(scores) > 0, "scores", "hold at least one metric", "none")
    metric = _checks.one_of(
        "metric", next(iter(scores)) if metric is None else metric, tuple(scores)
    )
    values = _checks.array("scores", scores[metric], ndim=1)
    folds = np.arange(1, len(values) + 1)
    mean, spread = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
    ax = axes(ax, width=max(4.0, 0.5 * len(values) + 2.5))
    ax.axhspan(mean - spread, mean + spread, color=GREY, alpha=0.2, lw=0)
    ax.axhline(mean, color=GREY, ls="--", lw=1)
    ax.plot(folds, values, "o", color=BLUE)
    ax.set_xticks(folds)
    ax.set(xlabel="fold", ylabel=metric, xlim=(0.5, len(values) + 0.5))
    ax.set_title(f"{mean:.3g} ± {spread:.2g} over {len(values)} folds")
    return ax


def _rows(y, prediction):
    """Integer labels and probabilities of every class."""
    y, prediction = _checks.array("y", y), _checks.array("prediction", prediction)
    _checks.same_rows(y=y, prediction=prediction)
    return scores.class_rows(y, prediction)


def _mark_threshold(ax, labels, p, threshold):
    from recipes.reports import best_threshold

    chosen = "best F1" if threshold is None else "threshold"
    if threshold is None:
        threshold = best_threshold(labels, p)
    called = p >= _checks.fraction("threshold", threshold)
    hits = (called & (labels == 1)).sum()
    precision, recall = hits / max(called.sum(), 1), hits / (labels == 1).sum()
    text = f"{chosen} {threshold:.3g}: precision {precision:.2f}, recall {recall:.2f}"
    ax.plot(recall, precision, "o", color=ORANGE, ms=8, label=text, ls="")
