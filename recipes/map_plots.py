"""Explanations, drawn: maps over images and series, feature maps, attention.

`overlay` returns pictures as arrays. Each plot takes `ax=None` and draws into the Axes given, or
into a new figure. All can be had from `recipes` and `recipes.plots`.
"""

import numpy as np

from recipes import _checks, _explained
from recipes._style import BLUE, HEAT, SHARES, axes


def overlay(images, maps, *, alpha=0.6, cmap="inferno"):
    """Images with their maps as colour on them: the hotter, the less of the image shows through.

    Args:
        images: (rows, height, width) or (rows, height, width, channels), in any units; grey or RGB.
        maps: one for each, (rows, height, width), such as of `grad_cam`; each is scaled to its own
            99th percentile, so that single pixels do not hide the rest. Negative values count as 0.
        alpha: share of colour at the hottest place, in [0, 1].
        cmap: name of a matplotlib colour map; "inferno" and "viridis" can be told apart by
            colour-blind readers.

    Returns:
        RGB images (rows, height, width, 3), float32 in [0, 1].

    Raises:
        ValueError: images and maps differ in rows or size, or alpha is outside [0, 1].

    >>> overlay(np.zeros((2, 8, 8, 1)), np.ones((2, 8, 8))).shape
    (2, 8, 8, 3)
    """
    from matplotlib import colormaps

    images, maps = _checks.array("images", images), _checks.array("maps", maps, ndim=3)
    _checks.same_rows(images=images, maps=maps)
    same = images.shape[:3] == maps.shape
    _checks.require(same, "maps", f"have the images' size {images.shape[1:3]}", maps.shape[1:])
    alpha = _checks.number("alpha", alpha)
    _checks.require(0 <= alpha <= 1, "alpha", "be in [0, 1]", alpha)
    pictures = _explained.in_unit_range(images)
    pictures = pictures[..., None] if pictures.ndim == 3 else pictures
    pictures = pictures[..., :3] if pictures.shape[-1] >= 3 else pictures[..., :1].repeat(3, -1)
    heat = np.maximum(maps, 0)
    top = np.quantile(heat, 0.99, axis=(1, 2), keepdims=True)
    top = np.where(top > 0, top, np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12))
    heat = np.minimum(heat / top, 1)
    share = alpha * heat[..., None]
    colors = colormaps[_checks.one_of("cmap", cmap, tuple(colormaps))](heat)[..., :3]
    return ((1 - share) * pictures + share * colors).astype("float32")


def plot_maps(x, maps, n=6, titles=None, cmap=None, ax=None):
    """Images above, the same with their maps as colour on them below; series on their maps.

    Args:
        x: images (rows, height, width) or (rows, height, width, channels), or series (rows,
            timesteps, features).
        maps: one for each, (rows, height, width) or (rows, timesteps), such as of `grad_cam`. Each
            is scaled by itself, see `overlay`.
        n: rows to draw, the first ones of x, at least 1.
        titles: a line of text for each row drawn, or None.
        cmap: name of a matplotlib colour map; None is "inferno" on images, "Oranges" under series.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: x and maps differ in rows or size.

    >>> ax = plot_maps(np.zeros((2, 8, 8, 1)), np.ones((2, 8, 8)), titles=["cat", "dog"])
    >>> [text.get_text() for text in ax.texts]
    ['cat', 'dog']
    """
    x, maps = _checks.array("x", x), _checks.array("maps", maps)
    _checks.same_rows(x=x, maps=maps)
    x, maps = x[: _checks.count("n", n)], maps[:n]
    listed = titles is None or hasattr(titles, "__iter__")
    _checks.require(listed, "titles", "be a list, one a row", type(titles).__name__)
    titles = [""] * len(x) if titles is None else [str(title) for title in titles][:n]
    _checks.require(len(titles) == len(x), "titles", f"hold {len(x)} titles", f"{len(titles)}")
    if maps.ndim == 2:
        return _series_on_maps(x, maps, titles, cmap or "Oranges", ax)
    above = overlay(x, maps, alpha=0.0)
    below = overlay(x, maps, cmap=cmap or HEAT)
    tiles = [np.concatenate([_framed(a), _framed(b)]) for a, b in zip(above, below, strict=True)]
    picture = np.concatenate(tiles, axis=1)
    side = 1.7 * picture.shape[0] / picture.shape[1] * len(x)
    ax = axes(ax, width=max(1.7 * len(x), 3), height=side + 0.4)
    ax.imshow(picture)
    width = picture.shape[1] / len(x)
    for i, title in enumerate(titles):
        if title:
            ax.text((i + 0.5) * width, -1, title, ha="center", va="bottom", fontsize=9)
    ax.set_axis_off()
    return ax


def plot_feature_maps(model, image, layer, n=16, ax=None):
    """What the channels of a layer make of one image: those that answer most.

    Args:
        model: a built model of images.
        image: (height, width, channels), or one row of such.
        layer: name of a layer at any depth, or the layer.
        n: channels to draw, at least 1.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: the image does not fit, there is no such layer, or it puts out no maps.

    >>> from recipes import build_cnn
    >>> model = build_cnn((8, 8, 1), 3, filters=(4, 6))
    >>> ax = plot_feature_maps(model, np.ones((8, 8, 1)), model.layers[1], n=3)
    >>> ax.get_title().split(": ")[1]
    '3 of 4 channels, each to its own scale'
    """
    from recipes import _gradients

    image = _checks.array("image", image)
    one = image.ndim < 4 or len(image) == 1
    _checks.require(one, "image", "be one image", f"shape {image.shape}", "Did you mean image[0]?")
    image = _explained.rows(model, image[None] if image.ndim == 3 else image[:1], "image")
    layer = _explained.layer_of(model, layer)
    (values,) = _gradients.activations(model, image, layer)
    received = f"{layer.name!r} with outputs of shape {values.shape}"
    _checks.require(values.ndim == 3, "layer", "put out maps", received)
    channels = values.shape[-1]
    n = min(_checks.count("n", n), channels)
    strongest = np.sort(np.argsort(-np.abs(values).mean((0, 1)), kind="stable")[:n])
    low, high = values.min((0, 1)), values.max((0, 1))
    tiles = ((values - low) / np.maximum(high - low, 1e-12)).transpose(2, 0, 1)[strongest]
    columns = int(np.ceil(np.sqrt(n * 1.6)))
    picture = _mosaic(tiles, columns)
    ax = axes(ax, width=0.9 * columns, height=0.9 * np.ceil(n / columns) + 0.4)
    ax.imshow(np.ma.masked_invalid(picture), cmap="viridis", vmin=0, vmax=1)
    ax.set_title(f"{layer.name}: {n} of {channels} channels, each to its own scale", fontsize=10)
    ax.set_axis_off()
    return ax


def plot_attention(weights, source=None, target=None, ax=None):
    """What looks at what: source across, answer down, attention as colour; steps as bars.

    Args:
        weights: of one row: (queries, keys); (heads, queries, keys), of which the mean is drawn; or
            (steps,), drawn as bars.
        source: a name for every key or step, such as the words of the input, or None.
        target: a name for every query, such as the words of the answer, or None.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: weights are of another shape, or there are not as many names as weights.

    >>> ax = plot_attention([[0.9, 0.1], [0.2, 0.8]], source=["the", "cat"], target=["le", "chat"])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['le', 'chat']
    """
    weights = _checks.array("weights", weights)
    _checks.require(weights.ndim < 4, "weights", "be those of one row", f"shape {weights.shape}")
    heads = f", mean of {len(weights)} heads" if weights.ndim == 3 else ""
    weights = weights.mean(0) if weights.ndim == 3 else weights
    across, down = weights.shape[-1], len(weights) if weights.ndim == 2 else 0
    ax = axes(ax, width=max(4.0, min(0.3 * across + 1.9, 12)), height=max(2.6, 0.26 * down + 1.3))
    _name_ticks(ax, "x", "source", source, across)
    if not down:
        ax.bar(np.arange(across), weights, color=BLUE)
        ax.set(xlabel="step" if source is None else "", ylabel="attention", ylim=(0, None))
        return ax
    _name_ticks(ax, "y", "target", target, down)
    image = ax.imshow(weights, cmap=SHARES, vmin=0, aspect="auto")
    ax.figure.colorbar(image, ax=ax, label=f"attention{heads}")
    ax.spines[:].set_visible(False)
    ax.set(xlabel="source", ylabel="answer")
    return ax


def _name_ticks(ax, axis, argument, names, count):
    """A name at every position, where there are names."""
    if names is None:
        return
    names = ["␣" if name == " " else str(name) for name in names]
    _checks.require(len(names) == count, argument, f"hold {count} names", f"{len(names)}")
    turned = 60 if axis == "x" and max(map(len, names)) > 3 else 0
    getattr(ax, f"set_{axis}ticks")(np.arange(count), names, rotation=turned)


def _series_on_maps(x, maps, titles, cmap, ax):
    from matplotlib import colormaps

    _checks.require(x.shape[:2] == maps.shape, "maps", f"have the shape {x.shape[:2]}", maps.shape)
    _checks.one_of("cmap", cmap, tuple(colormaps))
    ax = axes(ax, width=7, height=1.2 * len(x) + 0.6)
    heat = np.maximum(maps, 0)
    heat = heat / np.maximum(heat.max(axis=1, keepdims=True), 1e-12)
    curves = x.reshape(*maps.shape, -1)
    low, high = curves.min(), curves.max()
    steps = np.arange(maps.shape[1])
    for i, (curve, hot, title) in enumerate(zip(curves, heat, titles, strict=True)):
        base = len(x) - 1 - i
        spot = (-0.5, len(steps) - 0.5, base, base + 0.95)
        ax.imshow(hot[None], cmap=cmap, vmin=0, vmax=1.4, extent=spot, aspect="auto")
        scaled = base + 0.05 + 0.85 * (curve - low) / max(high - low, 1e-12)
        ax.plot(steps, scaled, color="black", lw=1.2)
        if title:
            ax.text(0, base + 0.93, title, fontsize=9, va="top")
    ax.set(xlabel="step", xlim=(-0.5, len(steps) - 0.5), ylim=(0, len(x) + 0.15), yticks=[])
    ax.spines["left"].set_visible(False)
    return ax


def _framed(image):
    return np.pad(image, ((1, 1), (1, 1), (0, 0)), constant_values=1)


def _mosaic(tiles, columns):
    """Tiles (n, height, width) in rows of `columns`, nan between them."""
    tiles = np.pad(tiles, ((0, -len(tiles) % columns), (0, 1), (0, 1)), constant_values=np.nan)
    rows = [np.concatenate(list(row), 1) for row in tiles.reshape(-1, columns, *tiles.shape[1:])]
    return np.concatenate(rows)
