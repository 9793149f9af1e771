"""What forecasts are held against: the naive ones, as arrays and as a layer, and their errors."""

import math

import keras
import numpy as np
from keras import ops

# Keeps a window that does not move from being divided by zero; scaled series vary by about 1.
SMALLEST_VARIANCE = 1e-6

# And this share of a window's own variance one that repeats itself to the last digit.
LEAST_SHARE = 0.01


def naive_forecasts(values, origins, horizon, season):
    """The last `season` rows before each origin, over and over: (origins, horizon, targets)."""
    steps = np.arange(horizon) % season
    return values[np.asarray(origins)[:, None] - season + steps]


def seasonal_error(values, season):
    """Mean absolute difference to the season before, of each column: what MASE is measured in."""
    return np.abs(values[season:] - values[:-season]).mean(axis=0)


def errors(actual, forecasts, unit):
    """MAE and RMSE in units of the series, MASE in those of `unit`, (windows, 1, targets)."""
    missed = np.abs(forecasts - actual)
    still = not np.all(unit > 0)
    return {
        "MAE": float(missed.mean()),
        "RMSE": math.sqrt(np.square(missed).mean()),
        "MASE": math.nan if still else float((missed / unit).mean()),
    }


@keras.saving.register_keras_serializable("recipes")
class NormalizeWindow(keras.layers.Layer):
    """Puts the last value of every window and feature at 0 and scales by how much it changes.

    That is the difference from one season to the next, where the window holds two or more, and the
    standard deviation of the window, where it does not.

    Args:
        season: timesteps in a season; 1 is none.
        targets: features, the first ones, whose scales are wanted.

    Call: (batch, window, features) -> the same, and the last values and the scales of the targets,
    two arrays (batch, 1, targets).
    """

    def __init__(self, season=1, targets=1, **kwargs):
        super().__init__(**kwargs)
        self.season = season
        self.targets = targets

    def call(self, inputs):
        last = inputs[:, -1:]
        variance = ops.var(inputs, axis=1, keepdims=True)
        if inputs.shape[1] >= 2 * self.season:
            changes = inputs[:, self.season :] - inputs[:, : -self.season]
            change = ops.mean(ops.square(changes), axis=1, keepdims=True)
            variance = change + LEAST_SHARE * variance
        scale = ops.sqrt(variance + SMALLEST_VARIANCE)
        return (inputs - last) / scale, last[..., : self.targets], scale[..., : self.targets]

    def compute_output_shape(self, input_shape):
        one = (input_shape[0], 1, self.targets)
        return input_shape, one, one

    def get_config(self):
        return {**super().get_config(), "season": self.season, "targets": self.targets}


@keras.saving.register_keras_serializable("recipes")
class RepeatSeason(keras.layers.Layer):
    """The first `targets` features as they would go on: the season again, at its last level.

    The shape is the mean over all whole seasons of the window, each without its mean; the level is
    the mean of the last one. One season gives the seasonal naive forecast, a season of 1 the last
    value.

    Args:
        horizon: timesteps to forecast, at least 1.
        season: timesteps in a season; 1 is none.
        targets: features to forecast.

    Call: (batch, window, features) -> (batch, horizon, targets).
    """

    def __init__(self, horizon, season=1, targets=1, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.season = season
        self.targets = targets

    def call(self, inputs):
        count = inputs.shape[1] // self.season
        whole = inputs[:, -count * self.season :, : self.targets]
        seasons = ops.reshape(whole, (-1, count, self.season, self.targets))
        levels = ops.mean(seasons, axis=2, keepdims=True)
        season = ops.mean(seasons - levels, axis=1) + levels[:, -1]
        repeats = math.ceil(self.horizon / self.season)
        return ops.tile(season, (1, repeats, 1))[:, : self.horizon]

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.horizon, self.targets

    def get_config(self):
        config = {"horizon": self.horizon, "season": self.season, "targets": self.targets}
        return {**super().get_config(), **config}
