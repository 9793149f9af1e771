"""Forecasting networks: `build_forecaster`, all steps of the horizon at once."""

import keras
from keras import layers

from recipes import _checks, _heads, _recurrent
from recipes._forecasts import NormalizeWindow, RepeatSeason
from recipes._recipe import recipe

# Steps of the cell that a long window is cut into where `patch` does not say how many.
CELL_STEPS = 24


@recipe
def build_forecaster(
    input_shape,
    horizon,
    *,
    targets=1,
    season=1,
    window=None,
    cell="lstm",
    units=(64,),
    bidirectional=False,
    patch=None,
    residual=True,
    normalise=True,
    linear=True,
    dropout=0.1,
    loss="mae",
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="forecaster",
):
    """A recurrent network that forecasts all steps of the horizon at once, as a correction.

    An LSTM that must learn the level of a series, its scale and its season from scratch loses to
    repeating the last season on many series. This one begins there and learns what to change: its
    first forecast is the mean season of the window at the level of the last one (the last value,
    where there is no season). Every window is brought to one level and scale, a linear layer and a
    recurrent one read it, and what they say is scaled back and added. Long windows are read in
    patches, so that the cell makes some tens of steps, not hundreds.

    Args:
        input_shape: (window, features), both known; the columns to forecast come first, as in
            `make_windows`.
        horizon: timesteps to forecast, at least 1.
        targets: how many of the features are forecast, the first ones.
        season: timesteps after which the series repeats itself, such as 12 for months or 168 for
            the hours of a week, at most the window; 1 is no season.
        window: timesteps to read, the latest of each row: a number, or a share in (0, 1] such as
            0.5, which is never less than a season; None reads all. To search it, cut the longest
            windows once.
        cell: "rnn", "lstm" or "gru".
        units: width of each recurrent layer; the length is the depth. () leaves the linear layer
            alone.
        bidirectional: the recurrent layers read the window both ways.
        patch: timesteps that the cell reads in one step; None makes 24 steps of a long window and
            reads up to 24 timesteps one by one. The oldest timesteps fill no patch and are left to
            the linear layer.
        residual: learn the difference to the repeated season instead of the values.
        normalise: in each window, put the last value at 0 and scale by the changes from one season
            to the next, and bring its forecast back, so that levels which training did not see are
            forecast as well.
        linear: a linear layer from the window to the forecast beside the recurrent ones.
        dropout: rate in [0, 1) after each recurrent layer.
        loss: "mae", "mse", "huber", "log_cosh" or a Keras loss object.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, window, features) -> (batch, horizon, targets).

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind; a season longer
            than the window; more targets than features; nothing to learn with.

    Source: Lin et al., 2023, SegRNN (patches, all steps at once); Kim et al., 2022, RevIN (each
    window at its own scale); Zeng et al., 2023, Are Transformers Effective for Time Series
    Forecasting? (the linear layer, the last value at 0).

    >>> import numpy as np
    >>> model = build_forecaster((6, 1), 4, season=3)
    >>> week = np.array([1.0, 2, 3, 4, 5, 6]).reshape(1, 6, 1)
    >>> model.predict(week, verbose=0).ravel()
    array([4., 5., 6., 4.], dtype=float32)
    """
    steps, features = _checks.shape("input_shape", input_shape, ndim=2, fixed=True)
    horizon = _checks.count("horizon", horizon)
    targets = _checks.count("targets", targets)
    season = _checks.count("season", season)
    window = _recurrent.latest(window, steps, season)
    units = _recurrent.check(
        cell, units, bidirectional, dropout, 0.0, None, 0.0, 0.0, allow_empty=True
    )
    patch = max(1, round(window / CELL_STEPS)) if patch is None else _checks.count("patch", patch)
    _check_sizes(features, targets, season, window, patch)
    for flag, value in (("residual", residual), ("normalise", normalise), ("linear", linear)):
        _checks.flag(flag, value)
    _checks.require(units or linear, "units", "name a layer where linear is off", "units=()")
    loss = _heads.make_loss(loss, "regression")
    optimizer = _heads.make_optimizer(optimizer, learning_rate)

    inputs = keras.Input((steps, features), name="x")
    # float32 also under mixed precision: a level has more digits than bfloat16.
    crop = layers.Cropping1D((steps - window, 0), dtype="float32")
    read = crop(inputs) if window < steps else inputs
    x, last, scale = read, None, None
    if normalise:
        x, last, scale = NormalizeWindow(season, targets, dtype="float32", name="normalise")(read)
    seen = [layers.Flatten(name="window")(x)] if linear else []
    if units:
        x = _patches(x, patch)
        stack = {"cell": cell, "units": units, "bidirectional": bidirectional, "dropout": dropout}
        seen.append(_recurrent.recurrent(x, return_sequences=False, **stack))
    x = layers.Concatenate()(seen) if len(seen) > 1 else seen[0]
    # From zero: the first forecast is the repeated season.
    x = layers.Dense(
        horizon * targets, kernel_initializer="zeros", dtype="float32", name="correction"
    )(x)
    x = layers.Reshape((horizon, targets), dtype="float32")(x)
    if normalise:
        x = layers.Multiply(dtype="float32")([x, scale])
    base = None
    if residual:
        base = RepeatSeason(horizon, season, targets, dtype="float32", name="season")(read)
    elif normalise:
        base = last
    if base is not None:
        x = layers.Add(dtype="float32", name="output")([x, base])

    model = keras.Model(inputs, x, name=name)
    return _heads.compile_with(model, loss, "mae", optimizer)


def _patches(x, patch):
    """(batch, window, features) -> (batch, window // patch, patch * features), the latest ones."""
    window, features = x.shape[1:]
    if window % patch:
        x = layers.Cropping1D((window % patch, 0))(x)
    return layers.Reshape((window // patch, patch * features))(x) if patch > 1 else x


def _check_sizes(features, targets, season, window, patch):
    received = f"targets={targets} of {features} features"
    _checks.require(targets <= features, "targets", "be at most the features", received)
    for name, value in (("season", season), ("patch", patch)):
        received = f"{name}={value} with a window of {window}"
        _checks.require(value <= window, name, "fit into the window", received)
