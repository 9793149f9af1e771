"""From what the user gives to checked training and validation rows: `prepare`."""

import zlib
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipes._folds import make_folds
from recipes._targets import told_task, width
from tuning import _checks

# The classifying tasks of one label a row, whose classes keep their shares in both parts.
SINGLE_LABEL = ("binary", "multiclass")


@dataclass(frozen=True)
class Data:
    """Rows to train on, rows to score on, and what the builder must know of them."""

    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    outputs: int | None
    folds: Any = None  # (training rows, held-out rows) of each, where all rows train

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.x.shape[1:]

    def checksum(self) -> str:
        """A number for all rows: another one for other data, another order or another split."""
        value = 0
        pairs = [rows for pair in self.folds or () for rows in pair]
        for rows in (self.x, self.y, self.x_val, self.y_val, *pairs):
            value = zlib.crc32(np.ascontiguousarray(rows).data, value)
        if self.folds:
            return f"{len(self.x)} rows in {len(self.folds)} folds, checksum {value}"
        return f"{len(self.x)} + {len(self.x_val)} rows, checksum {value}"


def prepare(
    x, y, validation: Any, *, input_shape, task, outputs, seed, folds: Any = None, groups=None
):
    """Check and split the data of a search.

    Args:
        x: (rows, ...), rows of `input_shape` where that is not None.
        y: targets of the same rows; None makes x the target.
        validation: share of the rows to score on, or (x_val, y_val), or (x_val,) without y.
        task: the head's task; None is told from y: integers are classes.
        outputs: width of the head; None is taken from y.
        seed: int that fixes the split; None is 0, so that a resumed search scores on the same rows.
        folds: in the place of validation: a number of folds, a scikit-learn splitter, or a list of
            (training rows, held-out rows); or None.
        groups: id of each row, for folds; or None.
    """
    _checks.validation_or_folds(validation, folds, groups)
    validation = _checks.validation(0.2 if validation is None else validation)
    x = _plain(_checks.array("x", x, shape=input_shape))
    if y is not None:
        y = _plain(_checks.array("y", y))
        _checks.same_rows(x=x, y=y)
        kind = task or told_task(y)
        outputs = width(y, kind) if outputs is None else outputs
        if task:
            _checks.targets("y", y, task=task, outputs=outputs)
    else:
        kind = None
    if folds is not None:
        target = x if y is None else y
        strata = _labels(target, kind)
        split = {"folds": folds, "split": "kfold"} if isinstance(folds, int) else {"split": folds}
        split = {"folds": 2, **split, "stratify": True, "groups": groups, "seed": seed or 0}
        pairs = make_folds(len(x), strata, **split)
        return Data(x, target, x[:0], target[:0], outputs, pairs)
    if isinstance(validation, tuple):
        x_val, y_val = validation if len(validation) == 2 else (*validation, None)
        x_val, y_val = _held_out(x, y, x_val, y_val, task, outputs)
        return Data(x, x if y is None else y, x_val, y_val, outputs)
    y = x if y is None else y
    train, held = _split(y, validation, kind, seed)
    return Data(x[train], y[train], x[held], y[held], outputs)


def _held_out(x, y, x_val, y_val, task, outputs):
    """The user's own validation rows, checked as the training rows are."""
    x_val = _plain(_checks.array("x_val", x_val, shape=x.shape[1:]))
    if y is None and y_val is None:
        return x_val, x_val
    if y is None or y_val is None:
        raise ValueError(
            "validation must have a y_val exactly where y is given. "
            f"Received: y {'not ' if y is None else ''}given, "
            f"y_val {'not ' if y_val is None else ''}given."
        )
    y_val = _plain(_checks.array("y_val", y_val))
    _checks.same_rows(x_val=x_val, y_val=y_val)
    if task:
        _checks.targets("y_val", y_val, task=task, outputs=outputs)
    return x_val, y_val


def _split(y, share, kind, seed):
    """Row numbers to train on and to score on; every class in both where it has rows enough."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(y))
    if len(rows) < 2:
        raise ValueError(
            f"x must have at least 2 rows, to train on one and score on another. "
            f"Received: {len(rows)}."
        )
    held = min(max(1, round(share * len(rows))), len(rows) - 1)
    labels = _labels(y, kind)
    if labels is not None:
        sizes = np.unique(labels, return_counts=True)[1]
        if sizes.min() < 2 or min(held, len(rows) - held) < len(sizes):
            labels = None
    return train_test_split(rows, test_size=held, stratify=labels, random_state=seed or 0)


def _labels(y, kind):
    """The class of each row where it has one; None for numbers and several labels."""
    if kind not in SINGLE_LABEL:
        return None
    return y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)


def _plain(array):
    """Floats in the type that Keras trains in, once for all trials."""
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array
