"""What models see and make, drawn: reconstructions, augmented images, the worst mistakes.

Each takes `ax=None` and draws into the Axes given, or into a new figure. All can be had from
`recipes` and `recipes.plots`.
"""

import numpy as np

from recipes import _checks, _explained, _model_checks, scores
from recipes._style import BLUE, axes

LINE = 17  # letters under a tile of a gallery
MOST_CURVES = 4  # (rows, steps, features) with more of both are taken for images


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
    shape = _model_checks.autoencoder("model", model).input_shape[1:]
    x = _checks.array("x", x, shape=shape)[: _checks.count("n", n)]
    made = model.predict(x, verbose=0)
    ax = axes(ax, width=1.0 * max(len(x), 4), height=2.4)
    if len(shape) == 1:
        for row, curves in ((1, x), (0, made)):
            _curves(ax, curves, row)
        ax.set(xlim=(0, len(x)), ylim=(0, 2))
    else:
        rows = [np.concatenate(list(_pictures(images)), axis=1) for images in (x, made)]
        ax.imshow(np.clip(np.concatenate(rows), x.min(), x.max()), cmap="gray")
        ax.axhline(shape[0] - 0.5, color="white", lw=3)
        for i in range(1, len(x)):
            ax.axvline(i * shape[1] - 0.5, color="white", lw=1.5)
    ax.set_title("samples (above) and reconstructions (below)")
    ax.set_axis_off()
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
    ax = axes(ax, width=1.1 * (versions + 1), height=1.1 * len(x) + 0.4)
    ax.imshow(_pictures(np.clip(rows, 0, 1)[None])[0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(f"original and {versions} versions of it")
    ax.set_axis_off()
    return ax


def plot_mistakes(x, y, prediction, n=8, names=None, ax=None):
    """The rows about which a model is most wrong: surest of a class that is not the true one.

    Args:
        x: images (rows, height, width[, channels]), series (rows, timesteps, features) or vectors
            (rows, features), which are drawn as curves.
        y: classes, (rows,), or one-hot rows.
        prediction: probabilities, (rows, classes), or (rows, 1) of class 1.
        n: rows to draw, at least 1.
        names: a name for every class, or None for its number.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes; under each row "predicted, not true" and how sure the model was.

    Raises:
        ValueError: x, y and prediction differ in rows or do not fit.

    >>> ax = plot_mistakes(np.zeros((3, 8, 8)), [0, 1, 1], [[0.9], [0.8], [0.2]])
    >>> ax.get_title(), [text.get_text() for text in ax.texts]
    ('2 of 3 rows wrong, the worst', ['1, not 0\\n90%', '0, not 1\\n80%'])
    """
    x = _checks.array("x", x)
    _checks.require(x.ndim > 1, "x", "hold rows of several values", f"shape {x.shape}")
    labels, p = scores.class_rows(_checks.array("y", y), _checks.array("prediction", prediction))
    _checks.same_rows(x=x, y=labels)
    n = _checks.count("n", n)
    names = list(range(p.shape[1])) if names is None else list(names)
    _checks.require(len(names) == p.shape[1], "names", f"hold {p.shape[1]} names", len(names))
    predicted = p.argmax(-1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(p[wrong, labels[wrong]] - p[wrong].max(-1), kind="stable")][:n]
    columns = max(min(len(worst), 8), 1)
    rows = max(int(np.ceil(len(worst) / columns)), 1)
    ax = axes(ax, width=max(1.3 * columns, 4), height=1.75 * rows + 0.4)
    pictures = x.ndim == 4 or (x.ndim == 3 and min(x.shape[1:]) > MOST_CURVES)
    x = _pictures(_explained.in_unit_range(x[worst])) if pictures and len(worst) else x[worst]
    for i, row in enumerate(worst):
        left, top = i % columns, (i // columns) * 1.5
        _tile(ax, x[i], pictures, left, top)
        said, true = (_short(names[number]) for number in (predicted[row], labels[row]))
        # Two names that are too long for one line under a tile.
        between = ",\nnot " if len(said + true) > LINE - len(", not ") else ", not "
        text = f"{said}{between}{true}\n{p[row].max():.0%}"
        ax.text(left + 0.5, top + 1.02, text, ha="center", va="top", fontsize=9)
    ax.set(xlim=(0, columns), ylim=(1.5 * rows, -0.05), aspect="equal")
    ax.set_title(f"{len(wrong)} of {len(labels)} rows wrong{', the worst' if len(wrong) else ''}")
    ax.set_axis_off()
    return ax


def _short(name):
    """A name that fits into a line under a tile."""
    name = str(name)
    return name if len(name) <= LINE - 5 else f"{name[: LINE - 6]}…"


def _tile(ax, sample, is_picture, left, top):
    """One sample in a square of side 1, its upper left corner at (left, top)."""
    spot = (left + 0.04, left + 0.96, top + 0.96, top + 0.04)
    if is_picture:
        ax.imshow(sample, cmap="gray", vmin=0, vmax=1, extent=spot)
        return
    curves = sample.reshape(len(sample), -1)
    low, high = curves.min(), curves.max()
    places = np.linspace(spot[0], spot[1], len(curves))
    heights = spot[2] - 0.92 * (curves - low) / max(high - low, 1e-12)
    ax.plot(places, heights, color=BLUE, lw=1)


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
