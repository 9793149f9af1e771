"""Plots of series, in the style of `recipes.plots`: `plot_forecast`."""

import numpy as np

from recipes import _checks
from recipes._style import BLUE, GREY, ORANGE, axes


def plot_forecast(history, forecast, *, actual=None, naive=None, times=None, ax=None):
    """A forecast behind the rows it was made from, with what came and the naive forecast.

    Args:
        history: rows before the forecast, (rows,).
        forecast: (horizon,).
        actual: what came, (horizon,), or None where it has not come yet.
        naive: the last season again, (horizon,), or None.
        times: timestamps of history and forecast, (rows + horizon,), or None, which counts
            timesteps after the last known one.
        ax: matplotlib Axes, or None for a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: lengths that differ, or NaN.

    >>> ax = plot_forecast([1.0, 2, 3], [4.0, 5], naive=[3.0, 3])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['history', 'naive', 'forecast']
    """
    history = _checks.array("history", history, ndim=1)
    forecast = _checks.array("forecast", forecast, ndim=1)
    past, horizon = len(history), len(forecast)
    times = np.arange(past + horizon) - past + 1 if times is None else np.asarray(times)
    received = f"{len(times)} for {past} + {horizon} rows"
    _checks.require(len(times) == past + horizon, "times", "be one a row", received)
    lines = [("history", "black", "-", history)]
    for name, color, style, values in (
        ("actual", GREY, "-", actual),
        ("naive", ORANGE, ":", naive),
        ("forecast", BLUE, "-", forecast),
    ):
        if values is not None:
            values = _checks.array(name, values, ndim=1)
            _checks.same_rows(forecast=forecast, **({} if name == "forecast" else {name: values}))
            # From the last known value on: no hole at the origin.
            lines.append((name, color, style, [history[-1], *values]))
    ax = axes(ax, width=8)
    for name, color, style, values in lines:
        at = times[:past] if name == "history" else times[past - 1 :]
        ax.plot(at, values, style, color=color, label=name, lw=2 if name == "forecast" else 1.3)
    ax.axvline(times[past - 1], color=GREY, lw=0.8, ls="--")
    if times.dtype.kind == "M":
        from matplotlib.dates import ConciseDateFormatter

        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))
    else:
        ax.set_xlabel("timesteps after the last known one")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
