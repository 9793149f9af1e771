"""Argument checks: the only place where error text is made.

Every message says the name, what was expected, what was received and, where one is likely, the
fix. A wrong value is a `ValueError`, a wrong kind of thing a `TypeError`. Each check returns the
value as plain Python (or NumPy for data), so that a builder holds exactly what it checked.
"""

import difflib
import math
import numbers
import os
from pathlib import Path

import keras
import numpy as np

from recipes._frames import to_array

TASKS = ("binary", "multiclass", "multilabel", "regression")
STEPS = "steps"  # multiclass at every step, which a builder's `pattern` tells


def count(name, value, minimum=1, kinds="an int"):
    """A whole number of at least `minimum`; `kinds` says what else the caller takes."""
    if not _is_int(value):
        raise TypeError(f"{name} must be {kinds}. Received: {name}={_show(value)}.")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}. Received: {name}={value}.")
    return int(value)


def counts(name, value, *, allow_empty=False):
    """A tuple of positive whole numbers whose length is the depth."""
    if _is_int(value):
        raise TypeError(
            f"{name} must be a tuple whose length is the depth. Received: {name}={value}. "
            f"Did you mean ({value},)?"
        )
    if not isinstance(value, (tuple, list)) or not all(_is_int(item) for item in value):
        raise TypeError(f"{name} must be a tuple of ints. Received: {name}={_show(value)}.")
    if not value and not allow_empty:
        raise ValueError(f"{name} must name at least one layer. Received: {name}=().")
    if any(item < 1 for item in value):
        raise ValueError(f"{name} must hold ints of at least 1. Received: {name}={tuple(value)}.")
    return tuple(int(item) for item in value)


def rate(name, value, other=""):
    """A share of units, weights or rows: 0 <= rate < 1. `other`: what might be meant instead."""
    value = number(name, value)
    if not 0 <= value < 1:
        percent = value / 100
        hint = f" Did you mean {percent:g}?" if 0 < percent < 1 and not other else ""
        raise ValueError(
            f"{name} must be a rate in [0, 1){other}. Received: {name}={value:g}.{hint}"
        )
    return value


def fraction(name, value, maximum=None):
    """A share that is neither nothing nor all: 0 < fraction < 1, or at most `maximum`."""
    value = number(name, value)
    if value <= 0 or value >= 1 or (maximum is not None and value > maximum):
        bounds = "(0, 1)" if maximum is None else f"(0, {maximum:g}]"
        raise ValueError(f"{name} must be a share in {bounds}. Received: {name}={value:g}.")
    return value


def non_negative(name, value):
    """A standard deviation, penalty or weight: 0 <= value."""
    value = number(name, value)
    if value < 0:
        raise ValueError(f"{name} must not be negative. Received: {name}={value:g}.")
    return value


def positive(name, value):
    """A scale or step: 0 < value."""
    value = number(name, value)
    if value <= 0:
        raise ValueError(f"{name} must be greater than 0. Received: {name}={value:g}.")
    return value


def interval(name, value):
    """Two finite numbers, (lowest, highest)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be (lowest, highest). Received: {name}={_show(value)}.")
    low, high = (number(name, end) for end in value)
    if low >= high:
        raise ValueError(f"{name} must be (lowest, highest). Received: {name}={_show(value)}.")
    return low, high


def number(name, value):
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number. Received: {name}={_show(value)}.")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite. Received: {name}={value}.")
    return float(value)


def flag(name, value):
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False. Received: {name}={_show(value)}.")
    return value


def seed(value):
    """None or an int that every library below takes: 0 <= seed < 2**32."""
    if value is None:
        return None
    value = count("seed", value, minimum=0)
    if value >= 2**32:
        raise ValueError(f"seed must be less than 2**32. Received: seed={value}.")
    return value


def one_of(name, value, options):
    """One of the names in `options`; a misspelt one is answered with the nearest."""
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be one of {_names(options)}. Received: {name}={_show(value)}."
        )
    if value not in options:
        raise ValueError(
            f"{name} must be one of {some_names(options, most=30)}. Received: {name}={value!r}."
            f"{nearest(value, options)}"
        )
    return value


def known_names(owner, names, allowed, error=ValueError):
    """Every name in `names` is in `allowed`: the arguments of `owner`."""
    for name in names:
        if name not in allowed:
            hint = nearest(name, allowed) or f" It has {_names(sorted(allowed))}."
            raise error(f"{owner} has no argument {name!r}.{hint}")


def some_names(names, most=12):
    """The names, or the last of them where they are many."""
    names = list(names)
    left_out = f"... ({len(names)} in all), " if len(names) > most else ""
    return left_out + _names(names[-most:])


def nearest(value, options):
    """' Did you mean ...?' for a misspelt name, or nothing where no name is near."""
    by_lower = {str(option).lower(): option for option in sorted(options)}
    close = difflib.get_close_matches(str(value).lower(), by_lower)
    # Swapped letters first: 'adma' is 'adam', not the 'adamax' that shares more letters in order.
    close.sort(key=lambda option: sorted(option) != sorted(str(value).lower()))
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""


def shape(name, value, *, ndim=None, fixed=False):
    """A shape without the batch axis. `ndim`: ranks allowed; `fixed`: None sides are refused."""
    if _is_int(value):
        raise TypeError(
            f"{name} must be a tuple without the batch axis. Received: {name}={value}. "
            f"Did you mean ({value},)?"
        )
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} must be a tuple of ints. Received: {name}={_show(value)}.")
    value = tuple(value)
    ranks = (ndim,) if isinstance(ndim, int) else ndim
    if ranks and len(value) not in ranks:
        expected = " or ".join(_AXES.get(rank, f"rank {rank}") for rank in ranks)
        raise ValueError(f"{name} must be {expected}. Received: {name}={value}.")
    for side in value:
        if side is None and not fixed:
            continue
        if not _is_int(side):
            kind = "ints" if fixed else "ints or None"
            raise TypeError(f"{name} must hold {kind}. Received: {name}={value}.")
        if side < 1:
            raise ValueError(f"{name} must hold sizes of at least 1. Received: {name}={value}.")
    if not value or value[-1] is None:
        raise ValueError(
            f"{name} must end in a known number of features. Received: {name}={value}."
        )
    return tuple(None if side is None else int(side) for side in value)


def sides(name, value, whole):
    """(height, width) in pixels from an int, a pair or a share of `whole`; None is None."""
    if value is None:
        return None
    if isinstance(value, float):
        if not 0 < value <= 1:
            raise ValueError(f"{name} must be a share in (0, 1]. Received: {name}={value:g}.")
        if None in whole:
            raise ValueError(
                f"{name} must be in pixels where the images differ in size. "
                f"Received: {name}={value:g}."
            )
        return tuple(max(1, round(value * side)) for side in whole)
    pair = counts(name, (value, value) if _is_int(value) else value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be (height, width). Received: {name}={value}.")
    return pair


def outputs(value, task):
    """The width of the last layer, which the task bounds."""
    value = count("outputs", value)
    if task == "binary" and value != 1:
        raise ValueError(
            f"outputs must be 1 for task='binary'. Received: outputs={value}. "
            "Did you mean task='multiclass' (one class per row) or 'multilabel' (several)?"
        )
    if task == "multiclass" and value < 2:
        raise ValueError(
            f"outputs must be at least 2 for task='multiclass'. Received: outputs={value}. "
            "Did you mean task='binary' or task='regression'?"
        )
    return value


def activation(name, value):
    """A Keras activation by name or function, or 'prelu' (a layer in Keras)."""
    if value == "prelu" or callable(value):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a name or a function. Received: {name}={_show(value)}.")
    known = {*_public_functions(keras.activations), "prelu"}
    if value not in known:
        raise ValueError(
            f"{name} must be a Keras activation or 'prelu'. Received: {name}={value!r}."
            f"{nearest(value, known)}"
        )
    return value


def layer(name, value, *, optional=True):
    """A keras.Layer; None too, where it is optional."""
    if not isinstance(value, keras.Layer) and not (optional and value is None):
        expected = "a keras.Layer or None" if optional else "a keras.Layer"
        raise TypeError(f"{name} must be {expected}. Received: {name}={_show(value)}.")
    return value


def array(name, value, *, ndim=None, shape=None):
    """Numeric data, one row per sample: not empty, finite, of the rank or row shape asked for."""
    try:
        value = to_array(value)
    except ValueError as error:
        raise ValueError(
            f"{name} must have rows of one length. Received: {name}={_show(value)}. "
            "Pad the shorter ones."
        ) from error
    if value.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be numeric. Received: an array of dtype {value.dtype}. "
            "Encode strings and dates as numbers first, names of classes with pandas.factorize."
        )
    if value.ndim == 0 or value.size == 0:
        raise ValueError(f"{name} must hold at least one row. Received: shape {value.shape}.")
    if ndim is not None and value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes. Received: shape {value.shape}.")
    if shape is not None and not _fits(value.shape[1:], shape):
        raise ValueError(
            f"{name} must have rows of shape {tuple(shape)}. Received: shape {value.shape}."
            f"{_shape_hint(value.shape, shape)}"
        )
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
        raise ValueError(
            f"{name} must be finite. Received: {value[place]} first at index {place}. "
            "Fill or drop such rows."
        )
    return value


def whole_numbers(name, value):
    """A whole number, or one for every row."""
    if value.dtype.kind not in "iu" or value.ndim > 1:
        raise TypeError(
            f"{name} must be None, an int or an int for every row. "
            f"Received: dtype {value.dtype}, shape {value.shape}."
        )
    return value


def tokens(name, value, vocabulary):
    """Whole numbers from 0 to `vocabulary` - 1."""
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold whole numbers. Received: dtype {value.dtype}.")
    if value.min() < 0 or value.max() >= vocabulary:
        wrong = tuple(int(i) for i in np.argwhere((value < 0) | (value >= vocabulary))[0])
        raise ValueError(
            f"{name} must hold tokens from 0 to {vocabulary - 1}. "
            f"Received: {int(value[wrong])} first at index {wrong}."
        )
    return value


def same_rows(**arrays):
    """All arrays have the same number of rows."""
    rows = {name: len(value) for name, value in arrays.items()}
    if len(set(rows.values())) > 1:
        shown = ", ".join(f"{name} has {n}" for name, n in rows.items())
        raise ValueError(f"{_names(rows)} must have the same number of rows. Received: {shown}.")


def targets(name, value, *, task, outputs):
    """Targets that fit the head: classes in range (or one-hot rows), 0 and 1, or numbers."""
    value = array(name, value)
    columns = value.shape[-1] if value.ndim > 1 else 1
    one_hot = task == "multiclass" and columns == outputs
    if task in ("regression", "multilabel") and columns != outputs:
        raise ValueError(
            f"{name} must have {outputs} columns for task={task!r}. Received: shape {value.shape}."
        )
    if task == "regression":
        return value
    fractional = value[value != np.round(value)]
    if fractional.size:
        raise ValueError(
            f"{name} must hold class labels for task={task!r}. Received: the value "
            f"{float(fractional[0]):g}. Did you mean task='regression'?"
        )
    if task == "multiclass" and not one_hot and value.dtype.kind == "f":
        raise ValueError(
            f"{name} must hold integer class labels. Received: dtype {value.dtype}. "
            f"Did you mean {name}.astype('int32')?"
        )
    highest = outputs - 1 if task in ("multiclass", STEPS) and not one_hot else 1
    if value.min() < 0 or value.max() > highest:
        raise ValueError(
            f"{name} must hold labels from 0 to {highest}. "
            f"Received: labels from {int(value.min())} to {int(value.max())}."
        )
    return value


def folder(name, value):
    """A folder that can be written to; it is made where it is not there."""
    path = _path(name, value)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may be here too
    except OSError as error:
        raise ValueError(
            f"{name} must be a folder that can be written to. "
            f"Received: {name}={str(value)!r} ({error})."
        ) from error
    return path


def file(name, value):
    """The path of a file in a folder that can be written to."""
    path = _path(name, value)
    require(not path.is_dir(), name, "be a file", f"the folder {str(value)!r}")
    folder(name, path.parent)
    return path


def text(name, value):
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name} must be a name. Received: {name}={_show(value)}.")
    return value


def require(holds, name, expected, received, hint=""):
    """For a rule that only its caller can test: `holds`, or a ValueError in the usual words."""
    if not holds:
        raise ValueError(f"{name} must {expected}. Received: {received}.{hint and ' ' + hint}")


_AXES = {
    1: "(features,)",
    2: "(timesteps, features)",
    3: "(height, width, channels)",
}


def _path(name, value):
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path. Received: {name}={_show(value)}.")
    return Path(value)


def _is_int(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _fits(actual, expected):
    return len(actual) == len(expected) and all(
        side is None or side == size for size, side in zip(actual, expected, strict=True)
    )


def _shape_hint(actual, expected):
    if actual[1:] == tuple(expected[:-1]) and expected[-1] == 1:
        return " Did you mean x[..., None]?"
    if actual == tuple(expected):
        return " Did you mean x[None]?"
    return ""


def _names(options):
    return ", ".join(repr(option) for option in options)


def _public_functions(module):
    skipped = {"get", "serialize", "deserialize"}
    return {name for name in dir(module) if name.islower() and name[0] != "_"} - skipped


def _show(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
