"""More series from the series there are: `series_augmentation`, a layer for `augmentation=`.

Active in training only, compiled and saved with the model, as the layers of recipes.augmentation.
"""

import math

import keras
from keras import ops

from recipes import _checks

# Shares of a feature's spread, of its size (twice), of the steps (twice); segments.
LEVELS = {
    "light": {"jitter": 0.05, "scale": 0.1, "magnitude_warp": 0, "time_warp": 0, "crop": 0},
    "medium": {"jitter": 0.05, "scale": 0.1, "magnitude_warp": 0.1, "time_warp": 0.2, "crop": 0.1},
    "strong": {"jitter": 0.1, "scale": 0.2, "magnitude_warp": 0.2, "time_warp": 0.4, "crop": 0.2},
}
WAVES = 3  # sines of which a smooth random curve is made


def series_augmentation(
    level="medium",
    *,
    jitter=None,
    scale=None,
    magnitude_warp=None,
    time_warp=None,
    crop=None,
    permute=0,
    seed=None,
    name="augmentation",
):
    """A layer that shows every series a little differently in every training step.

    Args:
        level: "light" (jitter and scale), "medium" or "strong": the values of all knobs left None.
        jitter: standard deviation of noise on every step, in spreads of the feature, at least 0.
        scale: each feature is multiplied by `exp(N(0, scale))`, at least 0.
        magnitude_warp: as `scale`, by a factor that changes smoothly along the series.
        time_warp: the series runs faster here and slower there: standard deviation of the
            logarithm of its speed, at least 0. First and last step stay.
        crop: share of the steps to cut off at most, in [0, 1); the window that is left is stretched
            to the full length (window slicing).
        permute: segments to cut the series into and put together in another order, 0 for none.
        seed: int for the draws, or None.
        name: name of the layer.

    Returns:
        `SeriesAugmentation`, a Keras layer, (batch, timesteps, features) -> float32 of the same
        shape. Series with padding can do with jitter, scale and magnitude_warp: the others move
        steps.

    Raises:
        ValueError, TypeError: level is misspelt, or a knob is out of range.

    Source: Um et al., 2017 (all but crop); Le Guennec et al., 2016 (window slicing).

    >>> import numpy as np
    >>> layer = series_augmentation("strong", seed=0)
    >>> x = np.random.default_rng(0).normal(size=(2, 20, 3)).astype("float32")
    >>> changed, same = layer(x, training=True), layer(x, training=False)
    >>> np.array_equal(same, x), np.array_equal(changed, x)
    (True, False)
    """
    _checks.one_of("level", level, LEVELS)
    given = {
        "jitter": jitter,
        "scale": scale,
        "magnitude_warp": magnitude_warp,
        "time_warp": time_warp,
        "crop": crop,
    }
    knobs = LEVELS[level] | {key: value for key, value in given.items() if value is not None}
    return SeriesAugmentation(**knobs, permute=permute, seed=seed, name=name)


@keras.saving.register_keras_serializable("recipes")
class SeriesAugmentation(keras.layers.Layer):
    """Moves the steps of a series in one interpolation, then changes its values.

    `series_augmentation` makes it.

    Args:
        jitter, scale, magnitude_warp, time_warp, crop, permute: as in `series_augmentation`.
        seed: int for the draws, or None.
        dtype: of the computation; float32 also under mixed precision.

    Call: (batch, timesteps, features) -> float32 of the same shape.

    Raises:
        ValueError, TypeError: a knob is out of range or of the wrong kind.

    >>> import numpy as np
    >>> x = np.arange(6.0, dtype="float32").reshape(1, 6, 1)
    >>> cut = np.array(SeriesAugmentation(permute=3, seed=0)(x, training=True)).ravel()
    >>> sorted(cut.tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(
        self,
        jitter=0.0,
        scale=0.0,
        magnitude_warp=0.0,
        time_warp=0.0,
        crop=0.0,
        permute=0,
        seed=None,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        strengths = {
            "jitter": jitter,
            "scale": scale,
            "magnitude_warp": magnitude_warp,
            "time_warp": time_warp,
        }
        self.strengths = {k: _checks.non_negative(k, value) for k, value in strengths.items()}
        self.crop = _checks.rate("crop", crop)
        self.permute = _checks.count("permute", permute, minimum=0)
        self.seed = _checks.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @property
    def moves_steps(self):
        """Whether padding would be mixed into series, and they into padding."""
        return bool(self.strengths["time_warp"] or self.crop or self.permute > 1)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        x = inputs
        if self.strengths["time_warp"] or self.crop:
            x = _interpolated(x, self._places(x))
        if self.permute > 1:
            x = self._permuted(x)
        spread = ops.std(x, axis=1, keepdims=True)
        rows, steps, features = ops.shape(x)
        if self.strengths["scale"]:
            x = x * ops.exp(self.strengths["scale"] * self._normal((rows, 1, features)))
        if self.strengths["magnitude_warp"]:
            x = x * ops.exp(self.strengths["magnitude_warp"] * self._curve(rows, steps, features))
        if self.strengths["jitter"]:
            x = x + self.strengths["jitter"] * spread * self._normal((rows, steps, features))
        return x

    def _places(self, x):
        """Where in the input each step of the output lies, (batch, timesteps), rising."""
        rows, steps, _ = ops.shape(x)
        last = ops.cast(steps - 1, self.compute_dtype)
        places = ops.cast(ops.arange(steps), self.compute_dtype)[None] + ops.zeros((rows, 1))
        if self.strengths["time_warp"]:
            speed = ops.exp(self.strengths["time_warp"] * self._curve(rows, steps, 1)[..., 0])
            passed = ops.cumsum(speed, axis=1) - speed[:, :1]
            places = passed / ops.maximum(passed[:, -1:], 1e-6) * last
        if self.crop:
            kept = 1 - self.crop * self._uniform((rows, 1))
            places = places * kept + self._uniform((rows, 1)) * (1 - kept) * last
        return ops.clip(places, 0.0, last)

    def _permuted(self, x):
        rows, steps, _ = ops.shape(x)
        place = ops.arange(steps)
        segment = ops.cast(place, "int32") * self.permute // steps
        order = ops.argsort(self._uniform((rows, self.permute)), axis=1)
        # A step sorts by the drawn rank of its segment, then by its place.
        rank = ops.take(ops.cast(ops.argsort(order, axis=1), "int32"), segment, axis=1)
        moved = ops.argsort(rank * steps + ops.cast(place, "int32"), axis=1)
        return _taken(x, moved)

    def _curve(self, rows, steps, features):
        """A smooth random curve of mean 0 and variance 1 over the draws, for each feature."""
        time = ops.cast(ops.arange(steps), self.compute_dtype) / ops.cast(steps, self.compute_dtype)
        shape = (rows, 1, features, WAVES)
        waves = ops.cast(ops.arange(1, WAVES + 1), self.compute_dtype)
        turns = 2 * math.pi * (time[None, :, None, None] * waves / 2 + self._uniform(shape))
        return ops.sum(ops.sin(turns) * self._normal(shape), axis=-1) * math.sqrt(2 / WAVES)

    def _normal(self, shape):
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=self.seed_generator)

    def _uniform(self, shape):
        return keras.random.uniform(shape, dtype=self.compute_dtype, seed=self.seed_generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        mine = {"crop": self.crop, "permute": self.permute, "seed": self.seed}
        return {**super().get_config(), **self.strengths, **mine}


def _interpolated(x, places):
    """Values of x (batch, timesteps, features) at places (batch, timesteps) between its steps."""
    below = ops.floor(places)
    share = (places - below)[..., None]
    below = ops.cast(below, "int32")
    above = ops.minimum(below + 1, ops.shape(x)[1] - 1)
    return (1 - share) * _taken(x, below) + share * _taken(x, above)


def _taken(x, steps):
    """Steps (batch, timesteps) of x, for all features alike."""
    steps = ops.repeat(ops.cast(steps, "int32")[..., None], x.shape[-1], axis=2)
    return ops.take_along_axis(x, steps, axis=1)
