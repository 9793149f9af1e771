"""Batches in which every class has as many rows: `BalancedBatches`, a dataset for `fit`."""

import keras
import numpy as np

from recipes import _checks, _targets
from recipes._recipe import generator, in_turn


class BalancedBatches(keras.utils.PyDataset):
    """Batches of evenly many rows of each class, drawn afresh every epoch.

    An epoch shows every row of the most frequent class once; the others are drawn again and again,
    each of their rows once before any comes twice. A batch of 30 holds ten rows of each of three
    classes; where the classes do not divide it, those with one row more take turns. The last batch
    holds what is left. Hand it to `fit` with `shuffle=False`: the order is drawn here.

    Labels of 0 and 1 (several a row): a row belongs to its rarest label, a row without labels to a
    class of its own. The model learns as if classes were equally frequent: `shift_prior(...)` with
    the attribute `prior` brings probabilities back to the data's own.

    Args:
        x: array (rows, ...) of any rank, or a dict or list of arrays (a list comes in batches as
            a tuple). A `numpy.memmap` stays on disk: only the rows of a batch are read.
        y: integer classes, one-hot rows, labels of 0 and 1, or with `by` any targets.
        batch_size: rows in a batch, at least the number of classes.
        sample_weight: weight of each row, (rows,), or None.
        by: class of each row to balance, (rows,), where y does not tell it: several outputs, a
            class at every step, groups. None takes y.
        seed: int for the draws, or None.
        workers, use_multiprocessing, max_queue_size: as in `keras.utils.PyDataset`.

    Attributes:
        classes: the classes that are balanced.
        counts: rows of each of them.
        prior: share of each of them in the data.

    Raises:
        ValueError: arrays that differ in rows, hold NaN or one class only, or a batch_size below
            the number of classes.
        TypeError: y holds numbers and `by` is not given.

    >>> y = np.repeat([0, 1, 2], [8, 2, 2])
    >>> feed = BalancedBatches(np.arange(12.0), y, batch_size=6, seed=0)
    >>> [np.bincount(y).tolist() for x, y in (feed[0], feed[1])], len(feed)
    ([[2, 2, 2], [2, 2, 2]], 4)
    """

    def __init__(
        self,
        x,
        y,
        batch_size=32,
        *,
        sample_weight=None,
        by=None,
        seed=None,
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
    ):
        super().__init__(workers, use_multiprocessing, max_queue_size)
        columns = (_targets.plain(x, "x"), _targets.plain(y, "y"))
        # TensorFlow reads a feed through tf.data, for which several arrays are a tuple.
        self.columns = keras.tree.lists_to_tuples(keras.tree.map_structure(_ready, columns))
        if sample_weight is not None:
            self.columns += (_ready(np.asarray(sample_weight)),)
        leaves = keras.tree.flatten(self.columns)
        names = [f"array {number}" for number in range(len(leaves))]
        _checks.same_rows(**dict(zip(names, leaves, strict=True)))
        strata = _strata(self.columns[1], by)
        _checks.same_rows(by=strata, y=leaves[0])
        self.classes, places = np.unique(strata, return_inverse=True)
        self.members = [np.flatnonzero(places == place) for place in range(len(self.classes))]
        self.counts = np.array([len(rows) for rows in self.members])
        self.prior = self.counts / self.counts.sum()
        _checks.require(
            len(self.classes) > 1, "y", "hold at least two classes", f"only {self.classes}"
        )
        self.batch_size = _checks.count("batch_size", batch_size, minimum=len(self.classes))
        self.generator = generator(seed)
        self.quotas = self._quotas()
        self.ends = np.cumsum(self.quotas.sum(1))
        self.on_epoch_end()

    def __len__(self):
        return len(self.quotas)

    def __getitem__(self, step):
        start = self.ends[step - 1] if step else 0
        rows = self.order[start : self.ends[step]]
        return keras.tree.map_structure(lambda column: _take(column, rows), self.columns)

    def on_epoch_end(self):
        """Draw the rows of the next epoch."""
        draws = [
            rows[in_turn(len(rows), need, self.generator)]
            for rows, need in zip(self.members, self.quotas.sum(0), strict=True)
        ]
        # One class after the other inside a batch: a step does not see the order of its rows.
        ends = np.cumsum(self.quotas, axis=0)
        order = [
            draw[end - quota : end]
            for quotas, step_ends in zip(self.quotas, ends, strict=True)
            for draw, quota, end in zip(draws, quotas, step_ends, strict=True)
        ]
        self.order = np.concatenate(order)

    def _quotas(self):
        """Rows of each class in each batch, (steps, classes)."""
        classes, majority = len(self.classes), int(self.counts.argmax())
        each, extra = divmod(self.batch_size, classes)
        quotas, left, turn = [], int(self.counts[majority]), 0
        while left > 0:
            quota = np.full(classes, each)
            quota[(turn + np.arange(extra)) % classes] += 1
            turn += extra
            if quota[majority] >= left:
                quota[:] = left
            left -= int(quota[majority])
            quotas.append(quota)
        return np.array(quotas)


def _strata(y, by):
    if by is not None:
        return np.asarray(by).reshape(-1)
    strata = _targets.strata(y) if hasattr(y, "shape") else None
    if strata is None:
        raise TypeError(
            "y must hold one class a row, or labels of 0 and 1. Received: "
            f"{f'shape {y.shape} of {y.dtype}' if hasattr(y, 'shape') else type(y).__name__}. "
            "Give by=, the class of each row."
        )
    return strata


def _ready(array):
    """A checked array in the float type that Keras trains in; a memmap as it is."""
    if isinstance(array, np.memmap):
        return array
    array = _checks.array("x, y and sample_weight", array)
    return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array


def _take(column, rows):
    taken = column.take(rows, axis=0)
    if taken.dtype.kind == "f" and taken.dtype != keras.config.floatx():
        return np.asarray(taken, keras.config.floatx())
    return np.asarray(taken)
