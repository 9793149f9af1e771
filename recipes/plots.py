"""Pictures: arrays, models or a History in, matplotlib Axes out.

    plot_history            losses and scores over the epochs
    plot_folds              the same for the folds of a cross-validation
    plot_confusion_matrix   classes that are taken for one another
    plot_reconstructions    samples above what an autoencoder makes of them
    plot_latent             codes as points in two dimensions
    plot_anomaly_scores     a histogram of scores with its threshold
    plot_learning_rates     loss over learning rate, from `lr_find`
    plot_augmentation       images beside what an augmentation makes of them

Each takes `ax=None` and draws into the Axes given, or into a new figure. Colours are those of Okabe
and Ito, which colour-blind readers can tell apart.
"""

import numpy as np

from recipes import _checks

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
OTHERS = ("#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000", GREY, "#8B4513")
PALETTE = (BLUE, ORANGE, GREEN, *OTHERS)


def plot_history(history, metric="loss", ax=None):
    """One metric over the epochs, in training and validation, with its best epoch.

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
    history = getattr(history, "history", history)
    _checks.one_of("metric", metric, [name for name in history if not name.startswith("val_")])
    ax = _axes(ax)
    epochs = np.arange(1, len(history[metric]) + 1)
    ax.plot(epochs, history[metric], color=BLUE, label="training")
    validation = history.get(f"val_{metric}")
    if validation is not None:
        ax.plot(epochs, validation, color=ORANGE, label="validation")
        best = np.nanargmin(validation) if _falls(metric) else np.nanargmax(validation)
        ax.plot(epochs[best], validation[best], "o", color=ORANGE)
        value = f"{validation[best]:.4g} in epoch {epochs[best]}"
        ax.set_title(f"best validation {metric} {value}")
    ax.set(xlabel="epoch", ylabel=metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def plot_folds(histories, metric="loss", ax=None):
    """One metric over the epochs in every fold, thin, and its mean over the folds.

    Args:
        histories: what `fit` returned in each fold, or its dict, at least one.
        metric: name in the histories, without "val_".
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: the histories have no such metric, or there are none.

    >>> ax = plot_folds([{"loss": [0.9, 0.5]}, {"loss": [0.8, 0.6, 0.5]}])
    >>> len(ax.lines), ax.get_ylabel()
    (3, 'loss')
    """
    histories = [getattr(history, "history", history) for history in histories]
    _checks.require(len(histories) > 0, "histories", "hold at least one fold", "none")
    names = [name for name in histories[0] if not name.startswith("val_")]
    _checks.one_of("metric", metric, names)
    ax = _axes(ax)
    for name, color, label in (
        (metric, BLUE, "training"),
        (f"val_{metric}", ORANGE, "validation"),
    ):
        curves = [history[name] for history in histories if name in history]
        if not curves:
            continue
        for curve in curves:
            ax.plot(np.arange(1, len(curve) + 1), curve, color=color, lw=0.7, alpha=0.4)
        # Folds that stopped early leave the mean to the others.
        table = np.full((len(curves), max(map(len, curves))), np.nan)
        for row, curve in zip(table, curves, strict=True):
            row[: len(curve)] = curve
        epochs = np.arange(1, table.shape[1] + 1)
        ax.plot(epochs, np.nanmean(table, axis=0), color=color, lw=2, label=f"{label}, mean")
    ax.set(xlabel="epoch", ylabel=metric)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def plot_confusion_matrix(y, prediction, names=None, ax=None):
    """How often each class is taken for each: shares of its rows as colour, rows as figures.

    Args:
        y: classes, (rows,), or one-hot rows.
        prediction: what `model.predict` returns, (rows, classes) or (rows, 1); or classes, (rows,).
        names: a name for every class, or None for its number.
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

    y, predicted, classes = labels_and_classes(y, prediction)
    table = np.zeros((classes, classes), int)
    np.add.at(table, (y, predicted), 1)
    names = list(range(classes)) if names is None else list(names)
    _checks.require(len(names) == classes, "names", f"hold {classes} names", f"{len(names)}")
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = max(3.2, 0.5 * classes + 1.4)
    ax = _axes(ax, width=side, height=side)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
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


def plot_reconstructions(model, x, n=8, ax=None):
    """Samples in the upper row, the autoencoder's reconstructions of them in the lower one.

    Args:
        model: an autoencoder.
        x: samples, (rows, *model.input_shape[1:]): images, or vectors, which are drawn as curves.
        n: number of samples to draw, the first ones of x, at least 1.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: x does not fit the model or holds NaN.

    >>> from recipes import build_stacked_autoencoder
    >>> images = np.zeros((4, 8, 8, 1))
    >>> model = build_stacked_autoencoder((8, 8, 1), units=(16,), latent_dim=4)
    >>> plot_reconstructions(model, images, n=4).get_title()
    'samples (above) and reconstructions (below)'
    """
    shape = _checks.model("model", model).input_shape[1:]
    x = _checks.array("x", x, shape=shape)[: _checks.count("n", n)]
    made = model.predict(x, verbose=0)
    ax = _axes(ax, width=1.0 * max(len(x), 4), height=2.4)
    if len(shape) == 1:
        for row, curves in ((1, x), (0, made)):
            _curves(ax, curves, row)
        ax.set(xlim=(0, len(x)), ylim=(0, 2))
    else:
        rows = [np.concatenate(list(_pictures(images)), axis=1) for images in (x, made)]
        ax.imshow(np.clip(np.concatenate(rows), x.min(), x.max()), cmap="gray")
    ax.set_title("samples (above) and reconstructions (below)")
    ax.set_axis_off()
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
    ax = _axes(ax, width=6, height=5)
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
    labels = np.zeros(len(scores), int) if labels is None else np.asarray(labels)
    _checks.same_rows(scores=scores, labels=labels)
    ax = _axes(ax)
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


def plot_attention(weights, source, target, ax=None):
    """What each step of an answer looked at: source across, answer down, weight as colour.

    Args:
        weights: (steps, timesteps), such as a row of `decode(...).attention`.
        source, target: a name for each of the timesteps and of the steps.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: there are not as many names as weights.

    >>> ax = plot_attention(np.eye(2), "ab", "ba")
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['a', 'b']
    """
    weights = _checks.array("weights", weights, ndim=2)
    for axis, (name, tokens) in enumerate((("target", target), ("source", source))):
        steps = weights.shape[axis]
        _checks.require(len(tokens) == steps, name, f"hold {steps} names", f"{len(tokens)}")
    ax = _axes(ax, width=1.2 + 0.26 * len(source), height=1.0 + 0.26 * len(target))
    ax.imshow(weights, cmap="Blues", vmin=0, vmax=weights.max(), aspect="auto")
    ax.set_xticks(np.arange(len(source)), ["␣" if token == " " else token for token in source])
    ax.set_yticks(np.arange(len(target)), ["␣" if token == " " else token for token in target])
    ax.spines[:].set_visible(False)
    ax.set(xlabel="source", ylabel="answer")
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
    ax = _axes(ax)
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


def plot_augmentation(augmentation, x, *, n=4, versions=7, ax=None):
    """A montage: each image in the first column, what training sees of it in the others.

    Args:
        augmentation: a Keras layer for images, such as `image_augmentation()`.
        x: images (rows, height, width, channels), in the units that the model gets.
        n: images to draw, the first ones of x, at least 1.
        versions: changed copies of each, at least 1.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError, TypeError: x holds no images, or augmentation is no layer.

    >>> from recipes import image_augmentation
    >>> ax = plot_augmentation(image_augmentation(seed=0), np.zeros((2, 8, 8, 1)), versions=3)
    >>> ax.get_title()
    'original and 3 versions of it'
    """
    import keras

    _checks.layer("augmentation", augmentation, optional=False)
    x = _checks.array("x", x, ndim=4)[: _checks.count("n", n)]
    versions = _checks.count("versions", versions)
    columns = [x, *(augmentation(x, training=True) for _ in range(versions))]
    columns = [keras.ops.convert_to_numpy(images).astype("float32") for images in columns]
    # A frame round every image, so that what is moved out of it is seen to be.
    low, high = x.min(), max(x.max(), x.min() + 1e-6)
    framed = [
        np.pad((images - low) / (high - low), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1)
        for images in columns
    ]
    rows = np.concatenate([np.concatenate(list(images)) for images in framed], axis=1)
    ax = _axes(ax, width=1.1 * (versions + 1), height=1.1 * len(x) + 0.4)
    ax.imshow(_pictures(np.clip(rows, 0, 1)[None])[0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(f"original and {versions} versions of it")
    ax.set_axis_off()
    return ax


def _axes(ax, width=6.4, height=4.0):
    """The Axes given, or those of a new figure, in the one style of all plots."""
    if ax is None:
        from matplotlib import pyplot as plt

        ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _falls(metric):
    """Whether less is better: errors and losses, not scores."""
    return any(part in metric for part in ("loss", "error", "mae", "mse", "entropy"))


def _pictures(images):
    """Two-dimensional or colour pictures from (rows, height, width[, channels])."""
    if images.ndim == 4 and images.shape[-1] not in (3, 4):
        images = images[..., 0]
    return images


def _curves(ax, curves, row):
    low, high = curves.min(), curves.max()
    x = np.linspace(0.05, 0.95, curves.shape[1])
    for i, curve in enumerate(curves):
        scaled = (curve - low) / max(high - low, 1e-12)
        ax.plot(i + x, row + 0.05 + 0.9 * scaled, color=BLUE, lw=1)


def _bins(scores):
    """Edges of equal ratio where scores span magnitudes, as errors do; else of equal width."""
    low, high = scores.min(), scores.max()
    if low > 0 and high > 20 * low:
        return np.geomspace(low, high, 41)
    return np.linspace(low, high if high > low else low + 1, 41)
