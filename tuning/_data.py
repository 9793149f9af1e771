"""From what the user gives to checked training and validation rows: `prepare`."""

import numbers
from dataclasses import dataclass
from typing import Any

import keras

from recipes._descriptions import checksum
from recipes._folds import hold_out, make_folds
from recipes._steps import take
from recipes._targets import told_task, warn_of_gaps, warn_where_far, width
from tuning import _batch_checks, _checks
from tuning._batches import are_batches, prepare_batches, shapes_of

# The classifying tasks of one label a row, whose classes keep their shares in both parts.
SINGLE_LABEL = ("binary", "multiclass")


@dataclass(frozen=True)
class Data:
    """Rows to train on, rows to score on, and what the builder must know of them.

    All four are arrays, or dicts of arrays for models with several inputs or outputs.
    """

    x: Any
    y: Any
    x_val: Any
    y_val: Any
    outputs: int | None
    folds: Any = None  # (training rows, held-out rows) of each, where all rows train

    @property
    def input_shape(self):
        """Shape of one row, or a dict of them."""
        return shapes_of(self.x)

    def sample(self, rows):
        """The first rows of x and y."""
        return take(self.x, slice(rows)), take(self.y, slice(rows))

    def for_fit(self, batch_size):
        """Keyword arguments of the hypermodel's `fit`."""
        return {"validation_data": (self.x_val, self.y_val), "batch_size": batch_size}

    def for_worker(self, with_y):
        """Arguments of `search` that give another process the same rows, with y or without."""
        held_out = (self.x_val, self.y_val) if with_y else (self.x_val,)
        return {
            "x": self.x,
            "y": self.y if with_y else None,
            "validation": None if self.folds else held_out,
            "folds": self.folds,
        }

    def checksum(self) -> str:
        """A number for all rows: another one for other data, another order or another split."""
        value = checksum([self.x, self.y, self.x_val, self.y_val, self.folds or ()])
        if self.folds:
            return f"{rows_in(self.x)} rows in {len(self.folds)} folds, checksum {value}"
        return f"{rows_in(self.x)} + {rows_in(self.x_val)} rows, checksum {value}"


def prepare(
    x, y, validation: Any, *, input_shape, task, outputs, seed, folds: Any = None, groups=None
):
    """Check and split the data of a search.

    Args:
        x: (rows, ...), rows of `input_shape` where that is not None; a dict of such arrays; or
            what `prepare_batches` takes.
        y: targets of the same rows; None makes x the target.
        validation: share of the rows to score on, or (x_val, y_val), or (x_val,) without y.
        task: the head's task; None is told from y: integers are classes.
        outputs: width of the head; None is taken from y.
        seed: int that fixes the split; None is 0, so that a resumed search scores on the same rows.
        folds: in the place of validation: a number of folds, a scikit-learn splitter, or a list of
            (training rows, held-out rows); or None.
        groups: id of each row, for folds; or None.
    """
    for name, value in (("x", x), ("validation", validation)):
        _batch_checks.not_read_once(name, value)
    if are_batches(x):
        given = {"outputs": outputs, "folds": folds, "groups": groups}
        return prepare_batches(x, y, validation, **given)
    _checks.validation_or_folds(validation, folds, groups)
    _checks.folds(folds)
    validation = _checks.validation(0.2 if validation is None else validation)
    x = _rows("x", x, input_shape)
    kind = None
    if y is not None:
        y = _rows("y", y)
        _same_rows(x=x, y=y)
    if hasattr(y, "dtype"):  # several outputs, in a dict, say nothing that the builder would ask
        kind = task or told_task(y)
        if outputs is None:
            outputs = width(y, kind)
            warn_of_gaps(y, kind, stacklevel=5)  # of who called `search`
        if task:
            _checks.targets("y", y, task=task, outputs=outputs)
        if task == "regression":
            hint = "Search on StandardScaler().fit_transform(y)."
            warn_where_far(y, hint, stacklevel=5)  # of who called `search`
    target = x if y is None else y
    if folds is not None:
        strata = _labels(target, kind)
        count = isinstance(folds, numbers.Integral)
        split = {"folds": folds, "split": "kfold"} if count else {"folds": 2, "split": folds}
        split |= {"stratify": True, "groups": groups, "seed": seed or 0, "name": "folds"}
        pairs = make_folds(rows_in(x), strata, **split)
        none = slice(0)
        return Data(x, target, take(x, none), take(target, none), outputs, pairs)
    if isinstance(validation, tuple):
        x_val, y_val = validation if len(validation) == 2 else (*validation, None)
        x_val, y_val = _held_out(x, y, x_val, y_val, task, outputs)
        return Data(x, target, x_val, y_val, outputs)
    parts = hold_out(rows_in(target), _labels(target, kind), validation, seed)
    x_train, x_val = (take(x, rows) for rows in parts)
    if y is None:
        return Data(x_train, x_train, x_val, x_val, outputs)
    y_train, y_val = (take(y, rows) for rows in parts)
    return Data(x_train, y_train, x_val, y_val, outputs)


def rows_in(data):
    """Number of rows of an array, or of the arrays in a dict."""
    return len(keras.tree.flatten(data)[0])


def _held_out(x, y, x_val, y_val, task, outputs):
    """The user's own validation rows, checked as the training rows are."""
    x_val = _rows("x_val", x_val, shapes_of(x))
    if y is None and y_val is None:
        return x_val, x_val
    if y is None or y_val is None:
        raise ValueError(
            "validation must have a y_val exactly where y is given. "
            f"Received: y {'not ' if y is None else ''}given, "
            f"y_val {'not ' if y_val is None else ''}given."
        )
    y_val = _rows("y_val", y_val)
    _same_rows(x_val=x_val, y_val=y_val)
    if task and hasattr(y_val, "dtype"):
        _checks.targets("y_val", y_val, task=task, outputs=outputs)
    return x_val, y_val


def _labels(y, kind):
    """The class of each row where it has one; None for numbers and several labels."""
    if kind not in SINGLE_LABEL:
        return None
    return y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)


def _rows(name, data, shape=None):
    """Checked rows: an array, or a dict of arrays; floats in the type that Keras trains in."""
    if isinstance(data, dict):
        shapes = shape if isinstance(shape, dict) else {}
        _batch_checks.inputs(name, data, shapes)
        return {key: _rows(f"{name}[{key!r}]", data[key], shapes.get(key)) for key in data}
    array = _checks.array(name, data, shape=None if isinstance(shape, dict) else shape)
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _same_rows(**data):
    """Every array in these has as many rows as the others."""
    leaves: dict[str, Any] = {}
    for name, part in data.items():
        named = {f"{name}[{k!r}]": v for k, v in part.items()} if isinstance(part, dict) else None
        leaves |= named or {name: part}
    _checks.same_rows(**leaves)
