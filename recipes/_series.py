"""What a user calls a series, its targets and its parts, checked and in numbers."""

import numbers

import numpy as np

from recipes import _checks
from recipes._frames import to_array

# Rows that are looked at together, so that a series on disk is never in memory as a whole.
CHUNK_ROWS = 65_536

# A step of more than so many usual steps is a hole; months and quarters differ by less.
GAP = 1.5


def read_series(series, timestamps=None):
    """(rows, features) of checked numbers, the names of the columns, and the checked times or None.

    Nothing is copied that is an array already.
    """
    names = None
    if hasattr(series, "to_frame"):  # a pandas Series
        series = series.to_frame()
    if hasattr(series, "columns"):
        import pandas as pd

        if timestamps is not None and np.ndim(timestamps) == 0:
            name = series.columns[_place("timestamps", timestamps, list(series.columns))]
            timestamps, series = series[name], series.drop(columns=name)
        elif timestamps is None and isinstance(series.index, (pd.DatetimeIndex, pd.PeriodIndex)):
            timestamps = series.index
        names = tuple(series.columns)
    values = to_array(series)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"series must be numeric. Received: an array of dtype {values.dtype}. "
            "Leave out or encode columns of text; give the name of the column of dates as "
            "timestamps."
        )
    _checks.require(
        values.ndim in (1, 2) and values.size,
        "series",
        "be (rows,) or (rows, features) and hold at least one row",
        f"shape {values.shape}",
    )
    values = values[:, None] if values.ndim == 1 else values
    names = names or tuple(range(values.shape[1]))
    times = None if timestamps is None else _check_times(timestamps, len(values))
    _check_finite(values, names, times)
    return values, names, times


def _check_times(timestamps, rows):
    """Times that only rise, by even steps."""
    import pandas as pd

    if isinstance(timestamps, pd.PeriodIndex):
        timestamps = timestamps.to_timestamp()
    times = pd.Index(np.asarray(timestamps) if np.ndim(timestamps) else [timestamps])
    if times.dtype.kind not in "iufM":
        try:
            times = pd.DatetimeIndex(times)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"timestamps must be dates or numbers, one a row, or name a column of a DataFrame. "
                f"Received: {times[0]!r} first. Did you mean pandas.to_datetime(..., format=...)?"
            ) from error
    received = f"{len(times)} for {rows} rows"
    _checks.require(len(times) == rows, "timestamps", "be one a row", received)
    missing = np.flatnonzero(times.isna())
    place = missing[0] if missing.size else 0
    _checks.require(not missing.size, "timestamps", "be known", f"none in row {place}")
    dates = times.dtype.kind == "M"
    steps = np.diff(times.asi8 if dates else times.to_numpy("float64"))

    def require(holds, expected, hint):
        where = np.flatnonzero(~holds)
        at = where[0] + 1 if where.size else 0
        received = f"{times[at]} in row {at} after {times[at - 1]}"
        _checks.require(not where.size, "timestamps", expected, received, hint)

    require(steps >= 0, "rise from row to row", "Sort the rows by time first.")
    require(steps != 0, "differ from row to row", "Drop or average rows of the same time.")
    if dates and (times.day_of_week < 5).all():
        days = times.to_numpy("datetime64[D]")
        weekends = np.diff(days) - np.busday_count(days[:-1], days[1:]) * np.timedelta64(1, "D")
        steps = steps - weekends.astype(f"timedelta64[{times.unit}]").astype("int64")
    require(
        steps <= GAP * np.median(steps) if len(steps) else steps == 0,
        "leave no gap",
        "Add the missing rows and fill them, such as frame.asfreq(...).ffill(); leave "
        "timestamps out where rows count and not the time between them.",
    )
    return times


def _check_finite(values, names, times):
    """No NaN and no infinity; otherwise the first place, and the way out."""
    if values.dtype.kind != "f":
        return
    for start in range(0, len(values), CHUNK_ROWS):
        bad = np.argwhere(~np.isfinite(values[start : start + CHUNK_ROWS]))
        if bad.size:
            row, column = int(bad[0, 0]) + start, int(bad[0, 1])
            when = "" if times is None else f" ({times[row]})"
            raise ValueError(
                f"series must be finite. Received: {values[row, column]} first in row {row}{when}, "
                f"column {names[column]!r}. Fill gaps with the last value that was known, such as "
                "pandas.DataFrame(series).ffill(); interpolation would see the future."
            )


def targets_first(names, targets):
    """Numbers of the columns with the targets in front, and how many they are."""
    if targets is None:
        return list(range(len(names))), len(names)
    targets = targets if isinstance(targets, (tuple, list)) else (targets,)
    _checks.require(len(targets) > 0, "targets", "name at least one column", "none")
    chosen = []
    for target in targets:
        named = not isinstance(target, bool) and target in names  # also the number 2 as a name
        if named or isinstance(target, str):
            chosen.append(_place("targets", target, names))
        elif isinstance(target, numbers.Integral) and not isinstance(target, bool):
            number = int(target)
            held = -len(names) <= number < len(names)
            _checks.require(held, "targets", f"be columns below {len(names)}", f"{target}")
            chosen.append(number % len(names))
        else:
            raise TypeError(f"targets must be columns by name or number. Received: {target!r}.")
    _checks.require(len(set(chosen)) == len(chosen), "targets", "differ", f"{targets}")
    return [*chosen, *(i for i in range(len(names)) if i not in chosen)], len(chosen)


def _place(argument, wanted, names):
    """The place of a column among `names`, which may be numbers: '2' finds the name 2, too."""
    if wanted in names:
        return names.index(wanted)
    known = [str(name) for name in names]
    return known.index(_checks.one_of(argument, str(wanted), known))


def rows_of(name, value, rows):
    """A number of rows from a share or from the number itself."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return _checks.count(name, value, minimum=0)
    return round(_checks.rate(name, value) * rows)
