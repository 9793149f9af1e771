"""Data that come in batches of their own: tf.data, PyDataset, and functions that make generators.

Their rows cannot be cut apart or counted cheaply, so the user says what arrays would tell: rows to
score on, and the number of classes. Every epoch reads them anew from the beginning.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipes._recipe import generator
from recipes.feeding import first_batch, gives_batches
from tuning import _batch_checks as _checks


@dataclass(frozen=True)
class Batches:
    """What `Data` is for arrays: a feed to train on, one to score on, and what a batch tells."""

    x: Any
    validation: Any
    first: tuple  # the first batch, as arrays: (x, y) or (x, y, sample_weight)
    given: tuple  # x and validation as the user gave them, for other processes
    outputs: int | None
    y: None = None
    folds: None = None

    @property
    def input_shape(self):
        """Shape of one row, or a dict of them."""
        return shapes_of(self.first[0])

    def sample(self, rows):
        """Some rows of x and y."""
        return tuple(keras.tree.map_structure(lambda a: a[:rows], part) for part in self.first[:2])

    def checksum(self):
        """What can be said of the data without reading them all."""
        x, y = (_form(part) for part in self.first[:2])
        return f"{_size(self.x)} batches of {x} and {y}"

    def for_fit(self, batch_size):
        """Keyword arguments of the hypermodel's `fit`: the batches have their size."""
        return {"validation_data": self.validation}

    def for_worker(self, with_y):
        """Arguments of `search` that give another process the same data."""
        x, validation = self.given
        _checks.can_be_copied(x=x, validation=validation)
        return {"x": x, "y": None, "validation": validation, "folds": None}


class InOrder(keras.utils.PyDataset):
    """The batches of `dataset`, in another order each epoch that only `seed` decides.

    Keras itself would draw the order from Python's `random`, which a seed of ours does not reach.
    """

    def __init__(self, dataset, seed):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self.dataset = dataset
        self.generator = generator(seed)
        self.order = self.generator.permutation(len(dataset))

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, step):
        return self.dataset[int(self.order[step])]

    def on_epoch_begin(self):
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        self.dataset.on_epoch_end()
        self.order = self.generator.permutation(len(self.dataset))


def in_order(x, seed):
    """A dataset for `fit`, with the arguments of `fit` that leave the order of batches to it."""
    own = isinstance(x, keras.utils.PyDataset)
    return (InOrder(x, seed) if own else x), ({"shuffle": False} if are_batches(x) else {})


def are_batches(x):
    """Whether x brings its own batches."""
    return gives_batches(x) or callable(x)


def prepare_batches(x, y, validation, *, outputs, folds, groups):
    """Check the data of a search that come in batches; `Batches`.

    Args:
        x: `tf.data.Dataset` or `keras.utils.PyDataset` of (inputs, targets) or of (inputs, targets,
            weights); or a function without arguments that returns such or a new generator.
        y, folds, groups: None, as the batches hold the targets and cannot be divided.
        validation: in the form of x, or (x_val, y_val).
        outputs: width of the head; None is told from targets that are numbers.
    """
    _checks.alone(y=y, folds=folds, groups=groups)
    _checks.validation_of_batches(validation)
    feed = _feed("x", x)
    first = _first("x", feed)
    if isinstance(validation, (tuple, list)):
        held_out = tuple(keras.tree.map_structure(np.asarray, part) for part in validation)
        seen = held_out
    else:
        held_out = _feed("validation", validation)
        seen = _first("validation", held_out)
    _checks.same_form("validation", shapes_of(seen[0]), shapes_of(first[0]))
    for name, part in (("x", first), ("validation", seen)):
        _checks.content(name, part[0], part[1], outputs)
    targets = first[1]
    if outputs is None and hasattr(targets, "dtype") and targets.dtype.kind == "f":
        outputs = targets.shape[-1] if targets.ndim > 1 else 1
    return Batches(feed, held_out, first, (x, validation), outputs)


def rows_of(x):
    """Some inputs of a feed; arrays as they are."""
    return _first("x", x)[0] if are_batches(x) else x


def shapes_of(x):
    """Shape of a row of an array, or a dict of them."""
    return {k: v.shape[1:] for k, v in x.items()} if isinstance(x, dict) else x.shape[1:]


def _feed(name, value):
    """A dataset that can be read again and again, and whose end is known."""
    made = value() if callable(value) and not isinstance(value, keras.utils.PyDataset) else value
    if not gives_batches(made):
        _checks.makes_batches(name, made)
        first = next(iter(made), None)
        _checks.batch(name, first)
        made = _from_generator(value, first)
    _checks.ends(name, made)
    return made if isinstance(made, keras.utils.PyDataset) else _counted(made)


def _from_generator(make, first):
    """A dataset that calls `make` in every epoch; Keras would read one generator once."""
    import tensorflow as tf

    def spec(array):
        array = np.asarray(array)
        return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    signature = tuple(keras.tree.map_structure(spec, part) for part in first)
    return tf.data.Dataset.from_generator(
        lambda: map(tuple, make()), output_signature=signature
    ).prefetch(1)


def _counted(dataset):
    """The dataset with its number of batches, for which it is read once where nobody knows it.

    Keras would run into the end of the first epoch, warn of it, and go on a little differently.
    """
    if int(dataset.cardinality()) >= 0:
        return dataset
    import tensorflow as tf

    batches = sum(1 for _ in dataset)
    return dataset.apply(tf.data.experimental.assert_cardinality(batches))


def _first(name, feed):
    """The first batch, as arrays."""
    batch = first_batch(feed)
    _checks.batch(name, batch)
    arrays = tuple(keras.tree.map_structure(keras.ops.convert_to_numpy, batch))
    _checks.rows(name, arrays)
    return arrays


def _size(feed):
    """Number of batches in an epoch."""
    return len(feed) if isinstance(feed, keras.utils.PyDataset) else int(feed.cardinality())


def _form(part):
    """Shape and kind of the rows, as text."""
    arrays = part if isinstance(part, dict) else {"": part}
    return ", ".join(
        f"{f'{name} ' if name else ''}{array.shape[1:]} {array.dtype}"
        for name, array in arrays.items()
    )
