"""Feeding arrays to `fit`: `batches`, an in-memory pipeline that costs a fraction of Keras's own.

`fit(x, y)` on arrays works with every recipe. For small models most of its time goes into cutting
batches; `fit(batches(x, y, 64))` cuts them inside the backend's own pipeline.
"""

import collections
import math
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from recipes import _checks, _targets
from recipes._recipe import drawn

NO_GLOBAL_SEED = 87654321  # what TensorFlow puts beside a seed where no global one is set


def batches(x, y=None, batch_size=32, *, sample_weight=None, shuffle=True, seed=None):
    """Shuffled batches for `fit`, `evaluate` and `predict`: the same rows, faster.

    Args:
        x: array (rows, ...), or a dict or list of such arrays for models with several inputs; a
            list comes in batches as a tuple.
        y: targets of the same form; None where there are none; `y=x` for an autoencoder.
        batch_size: rows in a batch, at least 1; the last batch holds what is left.
        sample_weight: weight of each row, (rows,), or None.
        shuffle: draw a new order each epoch. Switch off to evaluate and predict.
        seed: int for the orders; None draws one, which `keras.utils.set_random_seed` fixes.

    Returns:
        What this backend reads fastest: a `tf.data.Dataset` on TensorFlow, a
        `keras.utils.PyDataset` elsewhere. On the latter `fit` draws the order of the batches
        itself; `fit(..., shuffle=False)` leaves it to `seed`.

    Raises:
        ValueError: arrays that are empty, hold NaN or infinity, or differ in their rows.
        TypeError: arrays that are not numeric.

    >>> import numpy as np
    >>> [len(x) for x, y in batches(np.arange(5.0), np.arange(5), batch_size=2)]
    [2, 2, 1]
    """
    batch_size = _checks.count("batch_size", batch_size)
    _checks.flag("shuffle", shuffle)
    seed = drawn(seed) if shuffle else _checks.seed(seed)
    _checks.require(x is not None, "x", "be given", "x=None")
    data = {"x": x, "y": y, "sample_weight": sample_weight}
    data = {name: _arrays(name, value) for name, value in data.items() if value is not None}
    leaves = {name: keras.tree.flatten(value)[0] for name, value in data.items()}
    _checks.same_rows(**leaves)
    rows = len(leaves["x"])
    # The form that Keras unpacks: (x,), (x, y) or (x, y, sample_weight).
    names = ("x", "y", "sample_weight") if "sample_weight" in data else ("x", "y")[: len(data)]
    columns = tuple(data.get(name) for name in names)
    make = _tensorflow_batches if keras.backend.backend() == "tensorflow" else _NumpyBatches
    return make(columns, rows, batch_size, shuffle, seed)


def gives_batches(x):
    """Whether x is a feed that can be read again, and no array."""
    return isinstance(x, keras.utils.PyDataset) or hasattr(x, "element_spec")


def first_batch(feed):
    """The first batch of a feed, None of an empty one."""
    if isinstance(feed, keras.utils.PyDataset):
        return None if feed.num_batches == 0 else feed[0]
    return next(iter(feed), None)


def one_pass(feed):
    """The batches of a feed in their order, read by as many threads as `fit` would use."""
    if not isinstance(feed, keras.utils.PyDataset):
        yield from feed
    elif feed.workers <= 1:
        yield from (feed[step] for step in range(feed.num_batches))
    else:
        with ThreadPoolExecutor(feed.workers) as pool:
            # A few at a time, the next ones ahead: all at once may be too many to hold.
            ahead: collections.deque = collections.deque()
            for step in range(feed.num_batches):
                ahead.append(pool.submit(feed.__getitem__, step))
                if len(ahead) > feed.workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()


def epochs_for(steps, length, fewest, most):
    """Epochs of so many batches that make about so many steps, within bounds.

    >>> epochs_for(500, 43, 10, 30), epochs_for(500, 7, 10, 30), epochs_for(500, 1000, 10, 30)
    (12, 30, 10)
    """
    return min(max(math.ceil(steps / length), fewest), most)


def _arrays(name, value):
    """Checked arrays in the float type that Keras trains in."""

    def prepare(array):
        array = _checks.array(name, array)
        return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array

    arrays = keras.tree.map_structure(prepare, _targets.plain(value, name))
    return keras.tree.lists_to_tuples(arrays)  # tf.data would stack what a list holds


def _tensorflow_batches(columns, rows, batch_size, shuffle, seed):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(columns)
    if shuffle:
        dataset = _shuffled(dataset, rows, seed)
    # Rows in memory need no threads: prefetching and tuning cost small models more than they bring.
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    return dataset.batch(batch_size).with_options(options)


def _shuffled(dataset, rows, seed):
    """`dataset.shuffle(rows, seed)` in an order that `tf.random.set_seed` does not change as well.

    The same seed must give the same order in a process of its own, as that of a fold or a trial.
    """
    import tensorflow as tf

    spec = dataset.element_spec
    leaves = tf.nest.flatten(spec)
    shuffled = tf.raw_ops.ShuffleDatasetV3(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=rows,
        seed=NO_GLOBAL_SEED,
        seed2=seed,
        seed_generator=tf.raw_ops.DummySeedGenerator(),
        output_types=[leaf.dtype for leaf in leaves],
        output_shapes=[leaf.shape for leaf in leaves],
    )
    return tf.data.experimental.from_variant(shuffled, spec)


class _NumpyBatches(keras.utils.PyDataset):
    def __init__(self, columns, rows, batch_size, shuffle, seed):
        super().__init__()
        self.columns = columns
        self.rows = rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = np.random.default_rng(seed)
        self.order = np.arange(rows)
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(self.rows / self.batch_size)

    def __getitem__(self, step):
        chosen = self.order[step * self.batch_size : (step + 1) * self.batch_size]
        return keras.tree.map_structure(lambda column: column[chosen], self.columns)

    def on_epoch_end(self):
        if self.shuffle:
            self.order = self.generator.permutation(self.rows)
