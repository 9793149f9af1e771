"""Judging a forecaster as it will be used: `backtest`, forecasts from many origins in turn.

Each part of the test rows is forecast by a model that was trained on the rows before it, and beside
it stand the forecasts that cost nothing: the last season again, and the last value again.
"""

import dataclasses
import itertools
from typing import Any

import keras
import numpy as np

from recipes import _checks
from recipes._forecasts import errors, naive_forecasts, seasonal_error
from recipes._refit import Refit, parameters
from recipes._series import read_series, rows_of, targets_first
from recipes.feeding import epochs_for
from recipes.windows import Windows, make_windows

PREDICTION_ROWS = 256

# The epochs that nobody chose make about so many steps, within bounds. A model of US electricity
# learnt its past by heart in 1,100, one of AirPassengers knew too little after 60 (MASE on rows
# before those of benchmarks/forecasting.py).
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 500, 5, 100

MODEL, SEASONAL, LAST = "model", "seasonal naive", "last value"


@dataclasses.dataclass(frozen=True, repr=False)
class Backtest:
    """What `backtest` returns.

    Attributes:
        scores: dict from "model", "seasonal naive" and "last value" to a dict with MAE and RMSE, in
            units of the series, and MASE: the MAE in units of the mean difference to the season
            before, on the training rows. 1 is what repeating the season is worth one season ahead.
        fold_scores: a list of such dicts, one a fold.
        forecasts: (origins, horizon, targets), in units of the series, like the next two.
        actual: what came.
        naive: the last season again.
        origins: number of the first forecast row, (origins,).
        series: the columns that were forecast, (rows, targets).
        times: timestamp of each row, or None.
        model: the trained model of the last fold.
        windows: `Windows` of the last fold; `windows.latest` ends with the last
            row, for what comes after it.

    >>> from functools import partial
    >>> from recipes import build_forecaster
    >>> wave = np.tile([1.0, 3, 2, 6], 20) + np.arange(80)
    >>> linear = partial(build_forecaster, units=())
    >>> result = backtest(linear, wave, 8, 4, season=4, folds=1, epochs=1)
    >>> result.scores["seasonal naive"], result.scores["last value"]["MAE"]
    ({'MAE': 4.0, 'RMSE': 4.0, 'MASE': 1.0}, 2.5)
    """

    scores: dict[str, dict[str, float]]
    fold_scores: list[dict[str, dict[str, float]]]
    forecasts: np.ndarray
    actual: np.ndarray
    naive: np.ndarray
    origins: np.ndarray
    series: np.ndarray
    times: Any
    model: keras.Model
    windows: Windows

    def report(self):
        """The scores as a pandas DataFrame: a line a forecaster, a column a score."""
        import pandas as pd

        return pd.DataFrame(self.scores).T

    def plot(self, number=-1, target=0, ax=None):
        """One of the forecasts with what came, the naive line and the rows before it.

        Args:
            number: which of the origins; -1 is the last.
            target: which of the targets.
            ax: matplotlib Axes, or None for a new figure.

        Returns:
            The Axes, as `plot_forecast`.
        """
        from recipes.series_plots import plot_forecast

        origin, horizon = self.origins[number], self.forecasts.shape[1]
        start = max(origin - 2 * max(horizon, self.windows.input_shape[0] // 2), 0)
        return plot_forecast(
            self.series[start:origin, target],
            self.forecasts[number, :, target],
            actual=self.actual[number, :, target],
            naive=self.naive[number, :, target],
            times=None if self.times is None else self.times[start : origin + horizon],
            ax=ax,
        )

    def __repr__(self):
        head = f"Backtest of {len(self.origins)} forecasts of {self.forecasts.shape[1]} timesteps"
        names = list(self.scores[MODEL])
        lines = [f"{'':<15}" + "".join(f"{name:>11}" for name in names)]
        for forecaster, scores in self.scores.items():
            lines.append(f"{forecaster:<15}" + "".join(f"{scores[name]:>11.4g}" for name in names))
        return "\n".join([head, *lines])


def backtest(
    build,
    series,
    window,
    horizon,
    *,
    targets=None,
    timestamps=None,
    season=1,
    test=0.2,
    folds=3,
    step=None,
    validation=0.0,
    epochs=None,
    batch_size=32,
    callbacks=(),
    seed=None,
    verbose=0,
):
    """Forecast the last rows of a series from many origins in turn, each from its past alone.

    The test rows are cut into `folds` parts. A model is trained, and its scaling fitted, on all
    rows before a part, and forecasts it from every `step`-th row, as one would who trains anew now
    and then. One compiled model serves all folds, with fresh weights in each.

    Args:
        build: `build_forecaster`, a `functools.partial` of it, or any function
            (input_shape, horizon) -> compiled `keras.Model` with outputs (batch, horizon, targets).
            Arguments of it named `targets`, `season` and `seed` are told where they are not bound.
        series, window, horizon, targets, timestamps: as in `make_windows`.
        season: timesteps in a season, for the naive line, for MASE and for the builder; 1 is none.
        test: how many of the last rows to forecast: a share in (0, 1), or a number of rows.
        folds: parts of the test rows, at least 1.
        step: rows from one origin to the next, at least 1; None is `horizon`, so that no row is
            forecast twice.
        validation: share in [0, 1) of the rows before a part that are kept from training and shown
            to `fit` as validation data, for callbacks that stop by them; they are the last ones.
        epochs: passes over the training windows, at least 1; None makes about 500 steps of them,
            in 5 epochs or more and 100 or fewer.
        batch_size: windows in a batch, at least 1.
        callbacks: Keras callbacks for `fit`, or a function that makes new ones for each fold.
        seed: int for weights and order of windows, or None.
        verbose: 0 is silent, 1 is a line a fold.

    Returns:
        `Backtest`: `scores`, `forecasts`, `actual`, `naive`, `origins`, `model`; `report()`,
        `plot()`.

    Raises:
        ValueError, TypeError: before any training, as `make_windows`; a part shorter than the
            horizon; a season that the rows before the first part do not hold twice.

    Source: Tashman, 2000, Out-of-sample tests of forecasting accuracy (rolling origin); Hyndman and
    Koehler, 2006 (MASE).

    >>> from functools import partial
    >>> from recipes import build_forecaster
    >>> wave = np.tile([1.0, 3, 2, 6], 20)
    >>> linear = partial(build_forecaster, units=())
    >>> result = backtest(linear, wave, 8, 4, season=4, folds=2, epochs=1)
    >>> result.origins, result.scores["last value"]["MAE"]
    (array([64, 68, 72, 76]), 3.0)
    """
    _checks.require(callable(build), "build", "be a function of (input_shape, horizon)", f"{build}")
    season = _checks.count("season", season)
    folds = _checks.count("folds", folds)
    step = _checks.count("horizon", horizon) if step is None else _checks.count("step", step)
    validation = _checks.rate("validation", validation)
    epochs = None if epochs is None else _checks.count("epochs", epochs)
    _checks.count("batch_size", batch_size)
    seed = _checks.seed(seed)
    values, names, times = read_series(series, timestamps)
    order, count = targets_first(names, targets)
    chosen = order[:count]
    cuts = _cuts(len(values), test, folds, horizon, season)

    parts = [
        make_windows(
            values[:end],
            window,
            horizon,
            targets=tuple(chosen),
            validation=round(validation * cut),
            test=end - cut,
            batch_size=batch_size,
            seed=seed,
        )
        for cut, end in cuts
    ]
    refit = Refit(_bound(build, horizon, count, season))
    wanted = values[:, chosen].astype("float64")  # differences of integers would run over
    found = []
    for number, ((cut, _), data) in enumerate(zip(cuts, parts, strict=True)):
        x, y = data.test.take(range(0, data.test.windows, step))
        model, _ = refit.fresh(x, y, seed)
        model.fit(
            data.train,
            validation_data=data.validation,
            epochs=epochs or epochs_for(STEPS, len(data.train), FEWEST_EPOCHS, MOST_EPOCHS),
            callbacks=callbacks() if callable(callbacks) else list(callbacks),
            shuffle=False,
            verbose=0,
        )
        made = model.predict(x, batch_size=PREDICTION_ROWS, verbose=0)
        _checks.require(
            made.size == y.size,
            "build",
            f"return a model with outputs {(None, *y.shape[1:])}",
            f"outputs {model.output_shape}",
        )
        origins = data.test.origins[::step]
        rows = origins[:, None] + np.arange(horizon)
        found.append(
            {
                MODEL: data.inverse(made.reshape(y.shape)),
                SEASONAL: naive_forecasts(wanted, origins, horizon, season),
                LAST: naive_forecasts(wanted, origins, horizon, 1),
                "actual": wanted[rows],
                "origins": origins,
                "unit": np.broadcast_to(seasonal_error(wanted[:cut], season), wanted[rows].shape),
            }
        )
        if verbose:
            print(f"fold {number}: {_scores(found[-1])[MODEL]}", flush=True)
    every = {name: np.concatenate([fold[name] for fold in found]) for name in found[0]}
    return Backtest(
        scores=_scores(every),
        fold_scores=[_scores(fold) for fold in found],
        forecasts=every[MODEL],
        actual=every["actual"],
        naive=every[SEASONAL],
        origins=every["origins"],
        series=wanted,
        times=times,
        model=refit.model,
        windows=parts[-1],
    )


def _scores(found):
    return {
        name: errors(found["actual"], found[name], found["unit"])
        for name in (MODEL, SEASONAL, LAST)
    }


def _cuts(rows, test, folds, horizon, season):
    """(first row, row after the last) of each part of the test rows."""
    tested = rows_of("test", test, rows)
    _checks.require(
        horizon * folds <= tested < rows,
        "test",
        f"leave rows to train on and hold at least folds * horizon = {horizon * folds} rows",
        f"{tested} of {rows} rows",
    )
    edges = [rows - tested + round(tested * i / folds) for i in range(folds + 1)]
    received = f"season={season} with {edges[0]} rows before the test rows"
    _checks.require(2 * season <= edges[0], "season", "come twice before the test rows", received)
    return list(itertools.pairwise(edges))


def _bound(build, horizon, targets, season):
    """The builder as a function of the shape and the seed alone."""
    takes = parameters(build)
    told = {"targets": targets, "season": season}
    # What the caller bound stays as it is.
    bound = getattr(build, "keywords", {})
    told = {name: value for name, value in told.items() if name in takes and name not in bound}

    def make(input_shape, seed=None):
        seeded = {"seed": seed} if "seed" in takes and "seed" not in bound else {}
        return build(input_shape, horizon, **told, **seeded)

    return make
