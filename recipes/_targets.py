"""What targets say of themselves: classes or numbers, how many, and which rows belong together."""

import warnings

import numpy as np

from recipes import _checks
from recipes._frames import to_array

# From 0, and from a standard deviation of 1, in which a network is slow to learn numbers.
FAR = 10.0


def plain(data, name="data"):
    """Arrays from pandas objects and from lists of numbers; a list of arrays stays a list."""
    if hasattr(data, "to_numpy"):
        return to_array(data)
    if not isinstance(data, (list, tuple)) or not len(data):
        return data
    if np.ndim(data[0]) > 0 and not isinstance(data[0], (list, tuple)):
        return data
    try:
        return np.asarray(data)
    except ValueError:
        return _checks.array(name, data)  # which says that its rows differ in length


def like(name, new, x, of="x"):
    """`new` with the columns of the frame `x`, in their order; anything else as it is."""
    if not (hasattr(x, "columns") and hasattr(new, "columns")):
        return new
    missing = [column for column in x.columns if column not in new.columns]
    _checks.require(not missing, name, f"have the columns of {of}", f"none named {missing}")
    return new[list(x.columns)]


def task_of(arguments):
    """The task that a builder's arguments name, None where they name none."""
    task = arguments.get("task")
    every_step = arguments.get("pattern") in ("many_to_many", "one_to_many")
    if task == "multiclass" and every_step:
        return _checks.STEPS
    return task if task in _checks.TASKS else None


def kind(y, task=None):
    """What the rows of `y` hold.

    "classes" (one integer a row), "one_hot" (one 1 a row), "labels" (several 0 or 1 a row),
    "steps" (a class at every position) or "numbers".
    """
    rows, columns = len(y), y.size // len(y)
    whole = y.dtype.kind in "biu"
    if task == "regression":
        return "numbers"
    if task == _checks.STEPS:
        return "steps" if whole else "numbers"
    if columns == 1:
        return "classes" if whole or task in ("binary", "multiclass") else "numbers"
    if y.ndim == 2 and ((y == 0) | (y == 1)).all():
        one_each = (y.sum(-1) == 1).all()
        return "one_hot" if one_each and task != "multilabel" else "labels"
    if y.ndim == 2 and task == "multiclass" and not whole:
        return "one_hot" if np.allclose(y.reshape(rows, -1).sum(-1), 1, atol=1e-3) else "numbers"
    return "steps" if whole else "numbers"


def width(y, task):
    """The width of the head for these targets."""
    columns = y.shape[-1] if y.ndim > 1 else 1
    if task == "binary":
        return 1
    if task == _checks.STEPS and (y.ndim == 2 or columns == 1):
        return max(int(y.max()) + 1, 1)
    if task == "multiclass" and columns == 1:
        return max(int(y.max()) + 1, 1)
    return columns


def told_task(y):
    """The task that targets suggest where nobody says: whole numbers, one a row, are classes."""
    return "multiclass" if y.dtype.kind in "biu" and y.size == len(y) else "regression"


def warn_where_far(y, hint, stacklevel):
    """Numbers that a network which begins near 0 takes thousands of steps to reach."""
    y = y.astype("float64")
    mean, spread = np.abs(y.mean(axis=0)).max(), y.std(axis=0)
    if mean > FAR or spread.max() > FAR or spread.min() < 1 / FAR:
        warnings.warn(
            f"y has means up to {mean:.3g} and standard deviations of {spread.min():.3g} to "
            f"{spread.max():.3g}: a network that begins near 0 is slow to learn them. {hint}",
            stacklevel=stacklevel,
        )


def warn_of_gaps(y, task, stacklevel):
    """Classes that are numbered with holes, each of which would get an output of its own."""
    if kind(y, task) != "classes" or task == "binary":
        return
    found = np.unique(y)
    if found[0] >= 0 and (found[0] > 0 or 2 * len(found) <= found[-1] + 1):
        warnings.warn(
            f"y holds {len(found)} classes numbered from {int(found[0])} to {int(found[-1])}, and "
            f"the model will have {int(found[-1]) + 1} outputs. Number them from 0 on: "
            "y, names = pandas.factorize(y, sort=True).",
            stacklevel=stacklevel,
        )


def strata(y, task=None):
    """One class a row, (rows,), for drawing and splitting; None where `y` holds numbers.

    A row with several labels belongs to the rarest of them, a row with none to a class of its own.
    """
    what = kind(y, task)
    if what == "classes":
        return y.reshape(-1).astype("int64")
    if what == "one_hot":
        return y.argmax(-1)
    if what == "labels":
        rarity = np.where(y.astype(bool), y.sum(0), np.inf)
        return np.where(y.any(-1), rarity.argmin(-1), y.shape[-1])
    return None


def counts(y, task, outputs):
    """Rows of each class as a tuple, what `class_counts=` of a builder expects."""
    if task == "multilabel":
        on = np.asarray(y).sum(0).astype(int)
        return tuple((int(len(y) - n), int(n)) for n in on)
    labels = strata(y, task)
    if task == _checks.STEPS:
        labels = (y.argmax(-1) if y.ndim > 2 and y.shape[-1] > 1 else y).reshape(-1).astype(int)
    _checks.require(labels is not None, "y", "hold classes", f"dtype {y.dtype}, shape {y.shape}")
    return tuple(np.bincount(labels, minlength=max(outputs, 2)).tolist())
