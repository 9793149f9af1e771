"""Plots: arrays, models or a History in, matplotlib Axes out. All of them can be had from here.

    plot_history            losses and scores over the epochs, with the learning rate
    plot_folds              the same for the folds of a cross-validation
    plot_latent             codes as points in two dimensions
    plot_anomaly_scores     a histogram of scores with its threshold
    plot_learning_rates     loss over learning rate, from `lr_find`

from `recipes.score_plots`, how good predictions are

    plot_confusion_matrix   classes that are taken for one another
    plot_per_class          precision, recall and F1 of every class
    plot_reliability        whether probabilities mean what they say
    plot_precision_recall   the trade, with the threshold that was chosen
    plot_residuals          errors of predicted numbers
    plot_fold_scores        one score in every fold

from `recipes.series_plots`

    plot_forecast           a forecast behind the rows it was made from

from `recipes.pictures`, what models see and make

    plot_reconstructions    samples above what an autoencoder makes of them
    plot_augmentation       images beside what an augmentation makes of them
    plot_mistakes           the rows about which a model is most wrong

and from `recipes.map_plots`, how they come to their answers

    plot_maps               images or series with their explanations
    plot_feature_maps       what the channels of a layer make of one image
    plot_attention          which positions look at which

Each takes `ax=None` and draws into the Axes given, or into a new figure. Colours are those of Okabe
and Ito, which colour-blind readers can tell apart.
"""

import numpy as np

from recipes import _checks, _metrics, _model_checks
from recipes._style import BLUE, GREEN, GREY, ORANGE, PALETTE, axes
from recipes.map_plots import plot_attention, plot_feature_maps, plot_maps
from recipes.pictures import plot_augmentation, plot_mistakes, plot_reconstructions
from recipes.score_plots import (
    plot_confusion_matrix,
    plot_fold_scores,
    plot_per_class,
    plot_precision_recall,
    plot_reliability,
    plot_residuals,
)
from recipes.series_plots import plot_forecast

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PALETTE",
    "plot_anomaly_scores",
    "plot_attention",
    "plot_augmentation",
    "plot_confusion_matrix",
    "plot_feature_maps",
    "plot_fold_scores",
    "plot_folds",
    "plot_forecast",
    "plot_history",
    "plot_latent",
    "plot_learning_rates",
    "plot_maps",
    "plot_mistakes",
    "plot_per_class",
    "plot_precision_recall",
    "plot_reconstructions",
    "plot_reliability",
    "plot_residuals",
]


def plot_history(history, metric="loss", ax=None):
    """One metric over the epochs, in training and validation, with its best epoch.

    Where the history holds "learning_rate", as callbacks that change it log it, it is drawn on an
    axis of its own on the right.

    Args:
        history: what `fit` returned, or its dict from name to one value an epoch.
        metric: name in the history, without "val_".
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: the history has no such metric.

    >>> ax = plot_history({"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.7]})
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.get_title()
    ('epoch', 'loss', 'best validation loss 0.6 in epoch 2')
    """
    history = _model_checks.history("history", history)
    _checks.one_of("metric", metric, [name for name in history if not name.startswith("val_")])
    _checks.require(len(history[metric]) > 0, "history", "hold an epoch", "none")
    ax = axes(ax)
    epochs = np.arange(1, len(history[metric]) + 1)
    # One epoch is a point: a line of it cannot be seen.
    marker = "o" if len(epochs) == 1 else None
    ax.plot(epochs, history[metric], color=BLUE, marker=marker, label="training")
    validation = history.get(f"val_{metric}")
    if validation is not None:
        ax.plot(epochs, validation, color=ORANGE, marker=marker, label="validation")
    if validation is not None and not np.isnan(validation).all():
        best = np.nanargmin(validation) if _metrics.falls(metric) else np.nanargmax(validation)
        ax.plot(epochs[best], validation[best], "o", color=ORANGE)
        value = f"{validation[best]:.4g} in epoch {epochs[best]}"
        ax.set_title(f"best validation {metric} {value}")
    ax.set(xlabel="epoch", ylabel=metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if marker:
        ax.set_xticks(epochs)
    rates = history.get("learning_rate")
    if rates is not None and metric != "learning_rate":
        ax.plot([], [], color=GREY, ls="--", label="learning rate")
        right = ax.twinx()
        right.plot(epochs, rates, color=GREY, ls="--", lw=1, marker=marker)
        right.set(yscale="log", ylabel="learning rate")
        right.spines["top"].set_visible(False)
    ax.legend(frameon=False)
    return ax


def plot_folds(histories, metric="loss", ax=None):
    """One metric over the epochs in every fold, thin, and its mean while all folds train.

    Args:
        histories: what `fit` returned in each fold, or its dict, at least one.
        metric: name in the histories, without "val_".
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: the histories have no such metric, or there are none.

    >>> ax = plot_folds([{"loss": [0.9, 0.5]}, {"loss": [0.8, 0.6, 0.5]}])
    >>> [len(line.get_xdata()) for line in ax.lines], ax.get_ylabel()
    ([2, 3, 2], 'loss')
    """
    listed = isinstance(histories, (list, tuple))
    _checks.require(listed, "histories", "be a list, one a fold", type(histories).__name__)
    histories = [_model_checks.history("every history", history) for history in histories]
    _checks.require(len(histories) > 0, "histories", "hold at least one fold", "none")
    names = [name for name in histories[0] if not name.startswith("val_")]
    _checks.one_of("metric", metric, names)
    ax = axes(ax)
    for name, color, label in (
        (metric, BLUE, "training"),
        (f"val_{metric}", ORANGE, "validation"),
    ):
        curves = [history[name] for history in histories if name in history]
        if not curves:
            continue
        for curve in curves:
            ax.plot(np.arange(1, len(curve) + 1), curve, color=color, lw=0.7, alpha=0.4)
        # Behind the first fold that stops, a mean would jump to that of the others.
        common = min(map(len, curves))
        mean = np.mean([curve[:common] for curve in curves], axis=0)
        ax.plot(np.arange(1, common + 1), mean, color=color, lw=2, label=f"{label}, mean")
    ax.set(xlabel="epoch", ylabel=metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def plot_latent(codes, labels=None, ax=None):
    """Codes as points: as they are in two dimensions, else their two principal components.

    Args:
        codes: array (rows, latent_dim), such as `encode(model, x)`; latent_dim is at least 2.
        labels: class of each row, (rows,), for the colours; or None.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: codes are no table of two columns or more, or labels differ in rows.

    >>> ax = plot_latent(np.random.default_rng(0).normal(size=(20, 3)), labels=np.arange(20) % 2)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['0', '1']
    """
    codes = _checks.array("codes", codes, ndim=2)
    received = f"shape {codes.shape}"
    _checks.require(codes.shape[1] > 1, "codes", "have at least two columns", received)
    _checks.require(min(codes.shape) > 1, "codes", "have at least two rows", received)
    names = ["latent 1", "latent 2"]
    if codes.shape[1] != 2:
        from sklearn.decomposition import PCA

        pca = PCA(2).fit(codes)
        codes = pca.transform(codes)
        names = [
            f"component {i} ({share:.0%} of variance)"
            for i, share in enumerate(pca.explained_variance_ratio_, 1)
        ]
    labels = np.zeros(len(codes), int) if labels is None else np.asarray(labels)
    _checks.same_rows(codes=codes, labels=labels)
    ax = axes(ax, width=6, height=5)
    classes = np.unique(labels)
    for i, label in enumerate(classes):
        points = codes[labels == label]
        color = PALETTE[i % len(PALETTE)]
        ax.scatter(*points.T, s=8, alpha=0.6, color=color, label=str(label), linewidths=0)
    if len(classes) > 1:
        ax.legend(frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set(xlabel=names[0], ylabel=names[1])
    return ax


def plot_anomaly_scores(scores, threshold=None, labels=None, ax=None):
    """A histogram of anomaly scores, with the threshold and, where they are known, the labels.

    Args:
        scores: array (rows,), the higher the stranger.
        threshold: score above which a row is called an anomaly, or None.
        labels: 1 for rows known to be anomalies, else 0, (rows,); or None.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: scores hold NaN, or labels differ in rows.

    >>> ax = plot_anomaly_scores([0.1, 0.2, 0.15, 0.9], threshold=0.5)
    >>> ax.get_xlabel(), ax.get_title()
    ('anomaly score', '1 of 4 rows above the threshold')
    """
    scores = _checks.array("scores", scores, ndim=1)
    threshold = None if threshold is None else _checks.number("threshold", threshold)
    labels = np.zeros(len(scores), int) if labels is None else np.asarray(labels)
    _checks.same_rows(scores=scores, labels=labels)
    ax = axes(ax)
    bins = _bins(scores)
    anomalous = labels.astype(bool)
    ax.hist(scores[~anomalous], bins, color=BLUE, alpha=0.7, label="normal")
    if anomalous.any():
        ax.hist(scores[anomalous], bins, color=ORANGE, alpha=0.8, label="anomaly")
    if bins[0] > 0 and bins[-1] > 20 * bins[0]:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter("")
    if threshold is not None:
        ax.axvline(threshold, color="black", ls="--", label=f"threshold {threshold:.3g}")
        above = int((scores > threshold).sum())
        ax.set_title(f"{above} of {len(scores)} rows above the threshold")
    ax.set(xlabel="anomaly score", ylabel="rows", yscale="symlog", ylim=(0, None))
    if anomalous.any() or threshold is not None:
        ax.legend(frameon=False)
    return ax


def plot_learning_rates(found, ax=None):
    """The loss over the learning rate, with the rate to begin with.

    Args:
        found: what `lr_find` returned.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    >>> from recipes import LearningRates
    >>> rates, losses = np.array([0.001, 0.01, 0.1]), np.array([1.0, 0.5, 2.0])
    >>> plot_learning_rates(LearningRates(rates, losses, losses, 0.001, 0.01)).get_xscale()
    'log'
    """
    known = hasattr(found, "smoothed")
    _checks.require(known, "found", "be what lr_find returned", _checks._show(found))
    ax = axes(ax)
    ax.plot(found.rates, found.losses, color=GREY, lw=0.8, label="loss of the batch")
    ax.plot(found.rates, found.smoothed, color=BLUE, lw=2, label="smoothed")
    suggestion = f"suggestion {found.suggestion:.2g}"
    ax.axvline(found.suggestion, color=ORANGE, ls="--", label=suggestion)
    ax.axvline(found.steepest, color=GREEN, ls=":", label=f"steepest {found.steepest:.2g}")
    # The last steps, where the loss goes to pieces, must not flatten all the others.
    low, high = found.losses.min(), found.losses[: max(len(found.losses) // 2, 1)].max()
    margin = 0.1 * max(high - low, 1e-6)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.set_ylim(low - margin, high + 5 * margin)
    ax.set_title(suggestion)
    ax.legend(frameon=False)
    return ax


def _bins(scores):
    """Edges of equal ratio where scores span magnitudes, as errors do; else of equal width."""
    low, high = scores.min(), scores.max()
    if low > 0 and high > 20 * low:
        return np.geomspace(low, high, 41)
    return np.linspace(low, high if high > low else low + 1, 41)
