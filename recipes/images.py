"""Images as people have them: `load_images` reads them batch by batch, on every backend.

    load_images("photos/")                             a folder for every class
    load_images("train.csv", folder="train_images/")   paths (or ids) and labels in a table
    load_images("train.parquet")                       JPEG or PNG bytes in a column
    load_images(paths, labels)                         lists, arrays

What it returns goes to `fit`, `evaluate`, `predict` and `fine_tune`; `arrays()` is all of it in
memory, for data that fits there.
"""

import math

import keras
import numpy as np

from recipes import _checks
from recipes._folds import hold_out
from recipes._image_sources import read_source
from recipes._pixels import GREY, Reader
from recipes._recipe import generator
from recipes.naming import check_missing, distinct, numbered

RESIZING = ("stretch", "crop", "pad")
BROKEN = ("raise", "skip")

# Threads that decode at the same time; Pillow releases the interpreter's lock while it decodes.
WORKERS = 4


def load_images(
    source,
    labels=None,
    *,
    image_size=(160, 160),
    folder=None,
    path_column=None,
    label_column=None,
    class_names=None,
    channels=3,
    resizing="crop",
    batch_size=16,
    shuffle=True,
    broken="raise",
    workers=WORKERS,
    seed=None,
):
    """Batches of images from a folder, a table or a list, decoded in parallel when needed.

    Args:
        source: a folder with one folder of images for every class (or with images alone, which
            have no labels); a .csv or .parquet file, or a pandas DataFrame, with a column of
            paths, ids or encoded bytes; a list of paths or of bytes; or an array of images, with
            pixels of 0-255, floats of 0-1 or 16 bits.
        labels: one for each image where source is a list or an array: names, integers or numbers;
            None for images to predict.
        image_size: side in pixels, or (height, width), of the images that come out.
        folder: where the paths of a table or list begin; a .csv file's own folder where it is None.
        path_column, label_column: columns of a table. None finds them: the first of paths that
            are there or of bytes; the one named label, class, target or category, or the only
            other one.
        class_names: order of the classes, to give a second data set the labels of the first; None
            sorts the names.
        channels: 3 for colour, 1 for grey, 4 with transparency.
        resizing: "crop" what is too long at both ends, "pad" what is too short with grey, or
            "stretch" to image_size, which keeps all of an image but not its proportions. With
            Lanczos' filter, which keeps fine structure.
        batch_size: images in a batch; the last one holds what is left.
        shuffle: draw a new order each epoch; switch off to predict.
        broken: "raise" stops at an image that cannot be read and names it; "skip" puts a grey one
            with weight 0 in its place, and names it in `skipped`. Losses leave it out, metrics
            such as "accuracy" count it: Keras weighs only `weighted_metrics`.
        workers: threads that decode, at least 1.
        seed: int for the orders, or None.

    Returns:
        `Images`, a `keras.utils.PyDataset` of (x, y): x (batch, height, width, channels) uint8,
        y (batch,), or of x alone. It has `class_names`, `labels`, `names` (of the images),
        `skipped`, `split(share)` and `arrays()`.

    Raises:
        ValueError, TypeError: at once: no images, a file that is not there (it is named), a label
            that is no class, a knob out of range; with its batch, an image that cannot be read.

    >>> images = np.zeros((3, 8, 8, 3), "uint8")
    >>> feed = load_images(images, ["cat", "dog", "cat"], image_size=4, batch_size=2, shuffle=False)
    >>> [(x.shape, y.tolist()) for x, y in (feed[0], feed[1])], feed.class_names
    ([((2, 4, 4, 3), [0, 1]), ((1, 4, 4, 3), [0])], ('cat', 'dog'))
    """
    sides = _checks.sides("image_size", image_size, (None, None))
    _checks.require(sides is not None, "image_size", "be given", "None")
    _checks.require(channels in (1, 3, 4), "channels", "be 1, 3 or 4", f"channels={channels!r}")
    _checks.one_of("resizing", resizing, RESIZING)
    _checks.one_of("broken", broken, BROKEN)
    _checks.count("batch_size", batch_size)
    _checks.count("workers", workers)
    _checks.flag("shuffle", shuffle)
    items, names, labels = read_source(source, labels, folder, path_column, label_column)
    labels, class_names = _told_names(labels, class_names)
    reader = Reader(sides, channels, resizing, items)
    options = {"batch_size": batch_size, "broken": broken, "workers": workers}
    return Images(items, names, labels, class_names, reader, shuffle, _checks.seed(seed), **options)


class Images(keras.utils.PyDataset):
    """Batches of images that are read when they are asked for; `load_images` makes it.

    Args:
        items, names, labels, class_names, reader, shuffle, seed, batch_size, broken, workers: what
            `load_images` found and was given.

    Attributes:
        class_names: tuple of names in the order of the labels, or None.
        labels: (rows,), or None.
        names: path of each image, or its number in the source.
        skipped: names of the broken images met so far, sorted; a whole and its parts share them.

    >>> feed = load_images(np.zeros((4, 8, 8, 3), "uint8"), [0, 1, 0, 1], image_size=4)
    >>> train, held = feed.split(0.5, seed=0)
    >>> train.labels.size, held.arrays()[0].shape
    (2, (2, 4, 4, 3))
    """

    def __init__(
        self,
        items,
        names,
        labels,
        class_names,
        reader,
        shuffle,
        seed,
        *,
        batch_size,
        broken,
        workers,
    ):
        super().__init__(workers=workers, max_queue_size=2 * workers)
        self.items, self.names, self.labels = items, names, labels
        self.class_names = class_names
        self.reader = reader
        self.shuffle, self.seed = shuffle, seed
        self.batch_size, self.broken = batch_size, broken
        self._skipped: set[str] = set()
        self._random = generator(seed)
        self._order = np.arange(len(items))
        self.on_epoch_end()

    @property
    def skipped(self):
        return sorted(self._skipped)

    def __len__(self):
        return math.ceil(len(self.items) / self.batch_size)

    def __getitem__(self, step):
        rows = self._order[step * self.batch_size : (step + 1) * self.batch_size]
        x = np.empty((len(rows), *self.reader.shape), "uint8")
        weight = np.ones(len(rows), "float32")
        for place, row in enumerate(rows):
            x[place], weight[place] = self._image(row)
        if self.labels is None:
            return x
        return (x, self.labels[rows], weight) if self.broken == "skip" else (x, self.labels[rows])

    def on_epoch_end(self):
        if self.shuffle:
            self._order = self._random.permutation(len(self.items))

    def split(self, share, *, seed=None):
        """(rest, held): two data sets, with the same shares of the classes; held in fixed order.

        Args:
            share: of the images that are held out, in (0, 1).
            seed: int for the draw, or None.
        """
        share = _checks.fraction("share", share)
        strata = self.labels if self.class_names is not None else None
        rest, held = hold_out(len(self.items), strata, share, seed)
        return self._part(rest, self.shuffle), self._part(held, False)

    def arrays(self):
        """All images and labels in the order of the source: (x, y), or x where there are none.

        Broken images are left out where they are skipped.
        """
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.workers) as pool:
            read = list(pool.map(self._image, range(len(self.items))))
        kept = np.array([weight > 0 for _, weight in read])
        received = f"{len(read)} broken ones, the first {self.names[0]}"
        _checks.require(kept.any(), "source", "hold an image that can be read", received)
        x = np.stack([image for image, weight in read if weight > 0])
        return x if self.labels is None else (x, self.labels[kept])

    def _part(self, rows, shuffle):
        part = Images(
            [self.items[row] for row in rows],
            [self.names[row] for row in rows],
            None if self.labels is None else self.labels[rows],
            self.class_names,
            self.reader,
            shuffle,
            self.seed,
            batch_size=self.batch_size,
            broken=self.broken,
            workers=self.workers,
        )
        part._skipped = self._skipped  # the caller of `fine_tune` has only the whole to ask
        return part

    def _image(self, row):
        """(image, weight) of one row."""
        try:
            return self.reader(self.items[row]), 1.0
        except Exception as error:  # decoders of broken files raise errors of many kinds
            name = self.names[row]
            hint = "broken='skip' goes on without it."
            readable = self.broken == "skip"
            _checks.require(readable, "every image", "be readable", f"{name} ({error})", hint)
            self._skipped.add(name)
            return np.full(self.reader.shape, GREY, "uint8"), 0.0


def _told_names(labels, class_names):
    """(integers or numbers, names): names become integers in the order of `class_names`."""
    class_names = None if class_names is None else distinct(class_names)
    if labels is None:
        return None, class_names
    check_missing("labels", labels)
    labels = np.asarray(labels)
    if labels.dtype.kind in "biuf" and class_names is None:
        return labels, None
    shape = f"shape {labels.shape}"
    _checks.require(labels.ndim == 1, "labels", "hold one name for every image", shape)
    labels = labels.astype(str).tolist()
    names = tuple(sorted(set(labels))) if class_names is None else class_names
    return numbered("every label", labels, names), names
