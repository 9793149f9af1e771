"""Blends of two rows and their labels: `mix` for arrays, `augmented` for batches.

    mix         arrays in, arrays out, once
    augmented   a fresh blend in every epoch, for `batches`, tf.data and any PyDataset

Both take integer labels and row weights and give soft labels, which the losses of all recipes take.
Weights and labels are blended such that a cross-entropy costs exactly what the two rows cost in
their shares.
"""

import keras
import numpy as np

from recipes import _checks
from recipes._recipe import generator

# The papers' choices for the Beta distribution of the shares.
ALPHA = {"mixup": 0.2, "cutmix": 1.0}


def mix(x, y, *, kind="mixup", alpha=None, outputs=None, sample_weight=None, seed=None):
    """Every row blended with another one, and its label in the same shares.

    Args:
        x: array (rows, ...), or a dict or list of arrays for models with several inputs; "cutmix"
            wants images (rows, height, width, channels).
        y: integer labels (rows,) or (rows, 1), one-hot or soft rows (rows, classes), or numbers.
        kind: "mixup" adds the rows up in shares; "cutmix" pastes a box of one image into the other.
        alpha: of the Beta(alpha, alpha) distribution of the shares, above 0: the larger, the more
            even. None is 0.2 for "mixup" and 1 for "cutmix".
        outputs: width of the model's head: integer labels become rows of so many shares, and with
            1 (`task="binary"`) a column of numbers. None is the highest label + 1.
        sample_weight: weight of each row, (rows,), or None.
        seed: int for partners and shares, or None.

    Returns:
        (x, y), or (x, y, sample_weight) where weights were given: new float32 arrays for `fit`.

    Raises:
        ValueError, TypeError: kind is misspelt, a knob is out of range, rows differ in number, or
            labels do not fit outputs.

    Source: Zhang et al., 2018, mixup; Yun et al., 2019, CutMix.

    >>> x, y = np.eye(3), np.arange(3)
    >>> mixed, shares = mix(x, y, alpha=1.0, seed=0)
    >>> np.allclose(mixed, shares), shares.sum(axis=1)
    (True, array([1., 1., 1.], dtype=float32))
    """
    blend = _Blend(kind, alpha, outputs)
    seed = _checks.seed(seed)
    x = keras.tree.map_structure(lambda part: _checks.array("x", part), x)
    y = _checks.array("y", y)
    given = {"y": y} if sample_weight is None else {"y": y, "sample_weight": sample_weight}
    for number, part in enumerate(keras.tree.flatten(x)):
        _checks.same_rows(**{f"x[{number}]" if number else "x": part, **given})
    if sample_weight is not None:
        sample_weight = _checks.array("sample_weight", sample_weight, ndim=1)
    blend.check(x, y)
    mixed = blend(x, y, sample_weight, generator(seed))
    return mixed if sample_weight is not None else mixed[:2]


def augmented(feed, augmentation=None, *, mix=None, alpha=None, outputs=None, seed=None):
    """Batches with augmented images, blended rows, or both, drawn anew in every epoch.

    A layer inside the model (`build_cnn(augmentation=...)`) is as a rule the faster place for one,
    because it is compiled with the model; this is the place for what comes before a blend.

    Args:
        feed: what `fit` takes as x: `batches(...)`, a `tf.data.Dataset` of batches, or a
            `keras.utils.PyDataset`, giving (x, y) or (x, y, sample_weight).
        augmentation: a Keras layer for x, such as `image_augmentation()`, or None.
        mix: "mixup", "cutmix" or None.
        alpha: as in `recipes.mix`.
        outputs: width of the model's head, which integer labels need to be mixed; 1 for
            `task="binary"`.
        seed: int for partners and shares, or None.

    Returns:
        A `tf.data.Dataset` or `keras.utils.PyDataset`, as `feed` is one.

    Raises:
        ValueError, TypeError: feed is of another kind, a knob is out of range, or neither
            augmentation nor mix is given; with the first batch, labels that do not fit outputs.

    >>> from recipes import batches
    >>> feed = batches(np.eye(4), np.arange(4), batch_size=4, shuffle=False)
    >>> x, y = next(iter(augmented(feed, mix="mixup", outputs=4, seed=0)))
    >>> np.allclose(x, y)
    True
    """
    _checks.layer("augmentation", augmentation)
    seed = _checks.seed(seed)
    blend = None if mix is None else _Blend(mix, alpha, outputs, name="mix")
    _checks.require(
        augmentation is not None or mix is not None,
        "augmentation or mix",
        "be given",
        "augmentation=None, mix=None",
    )
    if isinstance(feed, keras.utils.PyDataset):
        return _AugmentedBatches(feed, augmentation, blend, seed)
    _checks.require(
        hasattr(feed, "map") and hasattr(feed, "element_spec"),
        "feed",
        "be a tf.data.Dataset or a keras.utils.PyDataset",
        f"a {type(feed).__name__}",
        "Did you mean batches(x, y, 32)?",
    )
    if blend is not None:
        _, y, _ = keras.utils.unpack_x_y_sample_weight(feed.element_spec)
        _require_labels(y)
        known = blend.outputs is not None or y.dtype.is_floating
        _checks.require(known, "outputs", "be given to mix integer labels", "outputs=None")
    return _augmented_dataset(feed, augmentation, blend, seed)


class _Blend:
    """Blends one batch, or one data set, of NumPy arrays."""

    def __init__(self, kind, alpha, outputs, name="kind"):
        self.kind = _checks.one_of(name, kind, ALPHA)
        self.alpha = ALPHA[kind] if alpha is None else _checks.positive("alpha", alpha)
        self.outputs = None if outputs is None else _checks.count("outputs", outputs)

    def check(self, x, y):
        if self.kind == "cutmix":
            _checks.require(
                not isinstance(x, (dict, list, tuple)) and len(x.shape) == 4,
                "x",
                "be images (rows, height, width, channels) for 'cutmix'",
                f"shape {getattr(x, 'shape', type(x).__name__)}",
            )
        if _integer(y) and self.outputs != 1:
            outputs = self.outputs or int(y.max()) + 1
            _checks.targets("y", y, task="multiclass", outputs=outputs)

    def check_batch(self, x, y):
        """As `check`; one batch does not tell the highest label."""
        known = self.outputs is not None or not _integer(y)
        _checks.require(known, "outputs", "be given to mix integer labels", "outputs=None")
        self.check(x, y)

    def __call__(self, x, y, weight, random):
        rows = len(y)
        partner = random.permutation(rows)
        share = random.beta(self.alpha, self.alpha, rows).astype("float32")
        if self.kind == "cutmix":
            boxes = _boxes(share, x.shape[1:3], random)
            x = np.where(boxes[..., None], x[partner], x).astype("float32")
            share = 1 - boxes.mean(axis=(1, 2), dtype="float32")
        else:
            x = keras.tree.map_structure(lambda part: _between(part, part[partner], share), x)
        y = self._shares(y)
        if weight is None:
            return x, _between(y, y[partner], share), None
        # w = s w1 + (1 - s) w2 and y = (s w1 y1 + (1 - s) w2 y2) / w: the same sum of costs.
        weight = np.asarray(weight, "float32")
        mixed = _between(weight, weight[partner], share)
        first = np.divide(share * weight, mixed, out=share.copy(), where=mixed > 0)
        return x, _between(y, y[partner], first), mixed

    def label_shape(self, y):
        """Shape of one row of the targets that come out for y."""
        one_column = tuple(y.shape[1:]) in ((), (1,)) and not y.dtype.is_floating
        return (self.outputs,) if one_column else tuple(y.shape[1:])

    def _shares(self, y):
        """Targets that can be added up: a row of shares for an integer label."""
        if not _integer(y):
            return y.astype("float32")
        if self.outputs == 1:
            return y.astype("float32").reshape(-1, 1)
        outputs = self.outputs or int(y.max()) + 1
        return np.eye(outputs, dtype="float32")[y.astype(int).ravel()]


def _require_labels(y):
    """One array of targets, which can be blended."""
    received = f"a {type(y).__name__} of targets" if y is not None else "batches without targets"
    _checks.require(hasattr(y, "shape"), "feed", "give one array of targets to mix", received)


def _integer(y):
    """Whether y holds one class number a row."""
    return y.dtype.kind in "biu" and y.size == len(y)


def _between(first, second, share):
    share = share.reshape(-1, *[1] * (np.ndim(first) - 1))
    return (share * first + (1 - share) * second).astype("float32")


def _boxes(share, sides, random):
    """Boxes of about `1 - share` of the area, cut off at the border, (rows, height, width)."""
    inside = []
    for side in sides:
        length = side * np.sqrt(1 - share)
        centre = random.uniform(0, side, len(share))
        place = np.arange(side) + 0.5
        inside.append(np.abs(place - centre[:, None]) < length[:, None] / 2)
    return inside[0][:, :, None] & inside[1][:, None, :]


class _AugmentedBatches(keras.utils.PyDataset):
    def __init__(self, feed, augmentation, blend, seed):
        super().__init__(feed.workers, feed.use_multiprocessing, feed.max_queue_size)
        self.feed = feed
        self.augmentation = augmentation
        self.blend = blend
        # Of the batch, not of the order in which workers come to it.
        self.seed = int(generator(seed).integers(2**62))
        self.epoch = 0

    @property
    def num_batches(self):
        return self.feed.num_batches

    def __getitem__(self, step):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(self.feed[step])
        if self.augmentation is not None:
            x = keras.ops.convert_to_numpy(self.augmentation(x, training=True))
        if self.blend is not None:
            _require_labels(y)
            y = np.asarray(y)
            self.blend.check_batch(x, y)
            random = np.random.default_rng((self.seed, self.epoch, step))
            x, y, weight = self.blend(x, y, weight, random)
        return (x, y) if weight is None else (x, y, weight)

    def on_epoch_begin(self):
        self.feed.on_epoch_begin()

    def on_epoch_end(self):
        self.feed.on_epoch_end()
        self.epoch += 1


def _augmented_dataset(feed, augmentation, blend, seed):
    import tensorflow as tf

    random = generator(seed)

    def augment(*batch):
        x, *rest = batch
        return augmentation(x, training=True), *rest

    def blended(*batch):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        parts = keras.tree.flatten(x)
        columns = [*parts, y] if weight is None else [*parts, y, weight]

        def in_numpy(*values):
            rows, labels = keras.tree.pack_sequence_as(x, values[: len(parts)]), values[len(parts)]
            blend.check(rows, labels)
            mixed = blend(rows, labels, None if weight is None else values[-1], random)
            return [part for part in keras.tree.flatten(mixed) if part is not None]

        made = tf.numpy_function(in_numpy, columns, [tf.float32] * len(columns))
        made = [made] if tf.is_tensor(made) else list(made)
        # NumPy hides shapes. Labels alone change theirs: (rows,) becomes (rows, outputs).
        for tensor, column in zip(made, columns, strict=True):
            label = tensor is made[len(parts)]
            tensor.set_shape((None, *blend.label_shape(column)) if label else column.shape)
        x = keras.tree.pack_sequence_as(x, made[: len(parts)])
        return x, *made[len(parts) :]

    if augmentation is not None:
        feed = feed.map(augment, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if blend is not None:
        feed = feed.map(blended)
    return feed
