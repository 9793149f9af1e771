"""More rows from the rows there are: `image_augmentation`, `tabular_augmentation`.

Each returns a layer for `build_*(augmentation=...)`, active in training only. Inside the model it
is compiled with it and saved with it; `augmented` puts it in front of `fit` instead. To blend whole
rows with their labels, see `recipes.mixing`.
"""

import math
from typing import Any

import keras

from recipes import _checks
from recipes.layers import SwapNoise
from recipes.series_augmentation import series_augmentation

# Shares of the image side, degrees, shares of size, of the value range, of contrast, of images.
LEVELS: dict[str, dict[str, Any]] = {
    "light": {"shift": 0.06, "rotate": 0, "zoom": 0, "brightness": 0, "contrast": 0, "erase": 0},
    "medium": {
        "shift": 0.1,
        "rotate": 8,
        "zoom": 0.1,
        "brightness": 0.1,
        "contrast": 0.1,
        "erase": 0,
    },
    "strong": {
        "shift": 0.15,
        "rotate": 15,
        "zoom": 0.2,
        "brightness": 0.2,
        "contrast": 0.3,
        "erase": 0.5,
    },
    "photo": {
        "shift": 0.1,
        "rotate": 15,
        "zoom": (0.8, 1.6),
        "brightness": 0.1,
        "contrast": 0.2,
        "erase": 0,
    },
}
FLIPS = ("horizontal", "vertical", "both")
# Rates of `tabular_augmentation`.
TABLE_LEVELS = {"light": 0.05, "medium": 0.1, "strong": 0.2}

# Area and proportions of an erased box, from Zhong et al.
ERASED_AREA = (0.02, 0.25)
ERASED_ASPECT = 2.0


def image_augmentation(
    level="medium",
    *,
    flip="horizontal",
    shift=None,
    rotate=None,
    zoom=None,
    brightness=None,
    contrast=None,
    erase=None,
    value_range=None,
    seed=None,
    name="augmentation",
):
    """A layer that shows every image a little differently in every training step.

    Args:
        level: "light" (flips and shifts), "medium" or "strong": the values of all knobs left None.
            "photo" shows things from nearer and farther, as pretrained networks have seen them.
        flip: "horizontal" for photographs, "vertical", "both", or None for digits and letters.
        shift: share of height and of width to move by at most, in [0, 1).
        rotate: degrees to turn by at most either way, in [0, 180].
        zoom: share to grow or shrink by at most, in [0, 1), about the middle; or (smallest,
            largest) factor, such as (0.8, 1.6), where of a grown image any part is shown.
        brightness: share of the value range to add or take away at most, in [0, 1).
        contrast: share by which differences from the mean grow or shrink at most, in [0, 1).
        erase: share of the images in which a box is covered by the image's mean, in [0, 1).
        value_range: (lowest, highest) value of a pixel. None asks each batch: its highest pixel is
            above 1 in 0-255 images and not in 0-1 images. Standardised images need it, such as
            (-2, 2).
        seed: int for the draws, or None.
        name: name of the layer.

    Returns:
        `ImageAugmentation`, a Keras layer, (batch, height, width, channels) or (height, width,
        channels), any number of channels, integers or floats -> float32 of the same shape, in the
        units of the input.

    Raises:
        ValueError, TypeError: level or flip is misspelt, or a knob is out of range.

    Source: Shorten and Khoshgoftaar, 2019 (survey); Zhong et al., 2020 (random erasing).

    >>> import numpy as np
    >>> layer = image_augmentation("strong", flip=None, seed=0)
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), "uint8")
    >>> changed, same = layer(images, training=True), layer(images, training=False)
    >>> np.array_equal(same, images), np.array_equal(changed, images)
    (True, False)
    """
    _checks.one_of("level", level, LEVELS)
    given = {
        "shift": shift,
        "rotate": rotate,
        "zoom": zoom,
        "brightness": brightness,
        "contrast": contrast,
        "erase": erase,
    }
    knobs = LEVELS[level] | {key: value for key, value in given.items() if value is not None}
    return ImageAugmentation(**knobs, flip=flip, value_range=value_range, seed=seed, name=name)


def tabular_augmentation(rate=0.1, *, seed=None):
    """A layer that swaps cells of a table with those of other rows, in training.

    Args:
        rate: share of the cells to replace by the same column's value in another row, in [0, 1).
        seed: int for the draws, or None.

    Returns:
        `SwapNoise` layer, for `build_mlp(augmentation=...)`: every cell keeps a value that its
        column has, so that codes of categories stay codes.

    Raises:
        ValueError, TypeError: rate is outside [0, 1) or no number.

    Source: Jahrer, 2017, first place in the Porto Seguro competition on Kaggle.

    >>> tabular_augmentation(0.2, seed=0).rate
    0.2
    """
    return SwapNoise(rate, seed=seed)


# Kind of rows -> the augmentation of a level by its name; "photo" is for images alone.
OF_KIND = {
    "table": lambda level, seed: tabular_augmentation(TABLE_LEVELS[level], seed=seed),
    "series": lambda level, seed: series_augmentation(level, seed=seed),
    "image": lambda level, seed: image_augmentation(level, seed=seed),
}


def from_level(augmentation, kind):
    """What a builder's `augmentation` stands for: a level's for rows of a kind, else what it is."""
    if isinstance(augmentation, str):
        levels = LEVELS if kind == "image" else TABLE_LEVELS
        return OF_KIND[kind](_checks.one_of("augmentation", augmentation, levels), None)
    return _checks.layer("augmentation", augmentation)


# RandomFlip as the base: Keras's image layers are the ones that also run inside tf.data on every
# backend. All else is its own.
@keras.saving.register_keras_serializable("recipes")
class ImageAugmentation(keras.layers.RandomFlip):
    """Flips, moves, turns and resizes images in one interpolation, then changes their light.

    `image_augmentation` makes it. One pass instead of one a change keeps images sharp and costs
    less than Keras's layers in a row; benchmarks/augmentation.py has the figures. Keras's rotation
    also switches off compilation of the whole model on every backend; this layer does so only on
    TensorFlow, whose XLA lacks the interpolation.

    Args:
        shift, rotate, zoom, brightness, contrast, erase: largest changes, as in
            `image_augmentation`.
        flip, value_range, seed: as in `image_augmentation`.
        dtype: of the computation; float32 also under mixed precision.

    Call: images, batched or one alone -> float32 of the same shape.

    Raises:
        ValueError, TypeError: a knob is out of range or of the wrong kind.

    >>> import numpy as np
    >>> image = np.eye(3, dtype="float32")[..., None]
    >>> layer = ImageAugmentation(brightness=0.5, seed=0)
    >>> changed = layer(image, training=True)
    >>> changed.shape == image.shape, np.array_equal(changed, image)
    (True, False)
    """

    def __init__(
        self,
        shift=0.0,
        rotate=0.0,
        zoom=0.0,
        brightness=0.0,
        contrast=0.0,
        erase=0.0,
        flip=None,
        value_range=None,
        seed=None,
        dtype="float32",  # also under mixed precision: coordinates need the digits
        **kwargs,
    ):
        self.placed = isinstance(zoom, (tuple, list))
        if self.placed:
            self.zoom = _checks.interval("zoom", zoom)
            _checks.positive("zoom", self.zoom[0])
        else:
            pair = ", or (smallest, largest), such as (0.8, 1.6)"
            self.zoom = _checks.rate("zoom", zoom, pair)
        rates = {
            "shift": shift,
            "brightness": brightness,
            "contrast": contrast,
            "erase": erase,
        }
        self.rates = {name: _checks.rate(name, value) for name, value in rates.items()}
        self.rotate = _checks.non_negative("rotate", rotate)
        _checks.require(self.rotate <= 180, "rotate", "be at most 180 degrees", f"rotate={rotate}")
        if flip is not None:
            _checks.one_of("flip", flip, FLIPS)
        self.flip = flip
        self.range = None if value_range is None else _checks.interval("value_range", value_range)
        super().__init__(
            seed=_checks.seed(seed), data_format="channels_last", dtype=dtype, **kwargs
        )
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs, training=True):
        images = self.backend.cast(inputs, self.compute_dtype)
        if not training:
            return images
        if len(images.shape) == 3:
            return self._changed(images[None])[0]
        return self._changed(images)

    def _changed(self, images):
        ops = self.backend.numpy
        draws = self.backend.random.uniform(
            (self.backend.shape(images)[0], _Draws.count),
            dtype=self.compute_dtype,
            seed=self._get_seed_generator(self.backend._backend),
        )
        draws = _Draws(draws)
        if self.flip or self.rotate or self.rates["shift"] or self.zoom:
            images = self._moved(images, draws)
        if self.rates["brightness"] or self.rates["contrast"]:
            images = self._lit(images, draws)
        if self.rates["erase"]:
            mean = ops.mean(images, axis=(1, 2), keepdims=True)
            images = ops.where(self._box(images, draws), mean, images)
        return images

    def _moved(self, images, draws):
        """One affine map a image, from places in the output to places in the input."""
        ops = self.backend.numpy
        height, width = self._sides(images)
        angle = draws.around(0, math.radians(self.rotate))
        smallest, largest = self.zoom if self.placed else (1 / (1 + self.zoom), 1 + self.zoom)
        size = ops.exp(draws.between(1, math.log(smallest), math.log(largest)))
        flip_x = ops.where(draws.below(2, 0.5 * (self.flip in ("horizontal", "both"))), -1.0, 1.0)
        flip_y = ops.where(draws.below(3, 0.5 * (self.flip in ("vertical", "both"))), -1.0, 1.0)
        outside = ops.maximum(size - 1.0, 0.0) / 2 if self.placed else 0.0
        right = draws.around(4, self.rates["shift"] + outside) * width
        down = draws.around(5, self.rates["shift"] + outside) * height

        a0, a1 = flip_x * ops.cos(angle) / size, -flip_x * ops.sin(angle) / size
        b0, b1 = flip_y * ops.sin(angle) / size, flip_y * ops.cos(angle) / size
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        a2 = x0 - a0 * (x0 + right) - a1 * (y0 + down)
        b2 = y0 - b0 * (x0 + right) - b1 * (y0 + down)
        nothing = ops.zeros_like(a0)
        maps = ops.stack([a0, a1, a2, b0, b1, b2, nothing, nothing], axis=1)
        return self.backend.image.affine_transform(
            images, maps, interpolation="bilinear", fill_mode="reflect", data_format="channels_last"
        )

    def _lit(self, images, draws):
        """Contrast about each channel's mean, then brightness, kept inside the value range."""
        ops = self.backend.numpy
        low, high = self.range or (0.0, ops.where(ops.max(images) > 1.0, 255.0, 1.0))
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        factor = 1.0 + draws.around(6, self.rates["contrast"])[:, None, None, None]
        added = draws.around(7, self.rates["brightness"])[:, None, None, None] * (high - low)
        return ops.clip(mean + (images - mean) * factor + added, low, high)

    def _box(self, images, draws):
        """Whether a pixel lies in the box that is erased, (batch, height, width, 1)."""
        ops = self.backend.numpy
        height, width = self._sides(images)
        smallest, largest = ERASED_AREA
        area = smallest + (largest - smallest) * draws.share(8)
        aspect = ops.exp(draws.around(9, math.log(ERASED_ASPECT)))
        # A box lies wholly inside, so that its area is what was drawn.
        tall, wide = ops.sqrt(area * aspect) * height, ops.sqrt(area / aspect) * width
        top, left = draws.share(10) * (height - tall), draws.share(11) * (width - wide)
        tall = ops.where(draws.below(12, self.rates["erase"]), tall, -1.0)
        rows = self.backend.cast(ops.arange(self.backend.shape(images)[1]), self.compute_dtype)
        columns = self.backend.cast(ops.arange(self.backend.shape(images)[2]), self.compute_dtype)
        inside_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
        inside_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
        return (inside_rows[:, :, None] & inside_columns[:, None, :])[..., None]

    def _sides(self, images):
        shape = self.backend.shape(images)
        return (self.backend.cast(side, self.compute_dtype) for side in shape[1:3])

    def get_config(self):
        # Not RandomFlip's own, whose names are others.
        return {
            **keras.Layer.get_config(self),
            **self.rates,
            "zoom": self.zoom,
            "rotate": self.rotate,
            "flip": self.flip,
            "value_range": self.range,
            "seed": self.seed,
        }


class _Draws:
    """Uniform numbers, a row an image and a column a purpose."""

    count = 13

    def __init__(self, values):
        self.values = values

    def share(self, column):
        return self.values[:, column]

    def around(self, column, most):
        """From -most to most."""
        return (2.0 * self.values[:, column] - 1.0) * most

    def between(self, column, lowest, highest):
        return lowest + (highest - lowest) * self.values[:, column]

    def below(self, column, chance):
        """True with this chance."""
        return self.values[:, column] < chance
