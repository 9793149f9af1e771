"""Checks of data that come in batches of their own, with the error text of `recipes._checks`."""

import inspect

import keras
import numpy as np

from recipes.feeding import gives_batches

FORMS = (
    "a tf.data.Dataset, a keras.utils.PyDataset, or a function that returns such or a new generator"
)
BATCH = "(inputs, targets) or (inputs, targets, weights)"


def not_read_once(name, value):
    """A generator is used up behind one epoch; what makes it is not."""
    if hasattr(value, "__next__"):
        raise TypeError(
            f"{name} must be arrays, {FORMS}. Received: a {kind(value)}, which can be read only "
            f"once. Give the function that makes it: {name}=make_batches, not make_batches()."
        )


def alone(**given):
    """What only arrays can have."""
    reasons = {
        "y": "hold the targets: (inputs, targets)",
        "folds": "cannot be divided into folds",
        "groups": "cannot be divided into folds",
    }
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} must be None where x brings its own batches, which {reasons[name]}. "
                f"Received: {name}={kind(value)}."
            )


def validation_of_batches(value):
    """Rows to score on cannot be taken off batches."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    if not (pair or gives_batches(value) or callable(value)):
        received = "None" if value is None else repr(value)
        raise ValueError(
            f"validation must be given where x brings its own batches: {FORMS}, or (x_val, y_val). "
            f"Received: validation={received}."
        )


def makes_batches(name, made):
    """What a function returned can be read."""
    if not hasattr(made, "__iter__"):
        raise TypeError(f"{name} must be {FORMS}. Received: a function that returns {made!r}.")


def ends(name, feed):
    """An epoch is one reading of the whole."""
    endless = (
        feed.num_batches is None
        if isinstance(feed, keras.utils.PyDataset)
        else int(feed.cardinality()) == -1
    )
    if endless:
        raise ValueError(
            f"{name} must come to an end, which ends the epoch. Received: an endless {kind(feed)}. "
            "Leave out its repeat(), or use take(batches)."
        )


def batch(name, value):
    """Inputs and targets."""
    if value is None:
        raise ValueError(f"{name} must hold at least one batch. Received: none.")
    if not isinstance(value, (tuple, list)) or len(value) not in (2, 3):
        received = f"{len(value)} parts" if isinstance(value, (tuple, list)) else f"a {kind(value)}"
        raise ValueError(
            f"{name} must give batches of {BATCH}; an autoencoder's are (inputs, inputs). "
            f"Received: {received}."
        )


def rows(name, arrays):
    """Every array has an axis of rows, of one length."""
    leaves = keras.tree.flatten(arrays)
    if any(leaf.ndim == 0 for leaf in leaves) or len({len(leaf) for leaf in leaves}) > 1:
        shapes = ", ".join(str(leaf.shape) for leaf in leaves)
        raise ValueError(
            f"{name} must give batches, rows first. Received: shapes {shapes}. "
            f"Did you mean {name}.batch(32)?"
        )


def content(name, inputs, targets, outputs):
    """The first rows can be learnt from: numbers that are finite, classes that the head has."""
    leaves = [np.asarray(leaf) for leaf in keras.tree.flatten((inputs, targets))]
    if any(leaf.dtype.kind == "f" and not np.isfinite(leaf).all() for leaf in leaves):
        raise ValueError(
            f"{name} must be finite. Received: NaN or infinity in the first batch. "
            "Fill the gaps or leave out those rows."
        )
    labels = [np.asarray(leaf) for leaf in keras.tree.flatten(targets)]
    if any(leaf.dtype.kind in "OSU" for leaf in labels):
        raise TypeError(
            f"{name} must give targets that are numbers. Received: text in the first batch. "
            "Number the classes from 0 on."
        )
    # One number a row for several outputs is a class; for one output it may be a count.
    several = isinstance(outputs, int) and outputs > 1
    whole = hasattr(targets, "dtype") and targets.dtype.kind in "iu"
    if several and whole and targets.size == len(targets) > 0 and targets.max() >= outputs:
        raise ValueError(
            f"{name} must give classes from 0 to {outputs - 1}, as outputs={outputs} says. "
            f"Received: class {targets.max()} in the first batch. "
            f"Did you mean outputs={targets.max() + 1}, or classes numbered from 0?"
        )


def same_form(name, received, expected):
    """Rows to score on are like those to train on."""
    if received != expected:
        raise ValueError(
            f"{name} must have rows of shape {expected}, like x. Received: {received}."
        )


def inputs(name, data, expected):
    """A dict of arrays, one for each input of the model, with the names that are expected."""
    if not data:
        raise ValueError(f"{name} must hold at least one array. Received: {{}}.")
    if expected and set(data) != set(expected):
        raise ValueError(f"{name} must hold {sorted(expected)}. Received: {sorted(data)}.")


def no_batch_size(space):
    """The batches have their size."""
    if "batch_size" in space:
        raise ValueError(
            "space must not hold 'batch_size' where x brings its own batches. "
            "Received: both. Give arrays, or leave it out."
        )


def can_be_copied(**data):
    """What other processes are to read can be sent to them."""
    for name, value in data.items():
        if hasattr(value, "element_spec"):
            raise ValueError(
                f"{name} must be arrays, a PyDataset or a function that makes the dataset where "
                "workers is above 1: a tf.data.Dataset cannot be sent to another process. "
                f"Did you mean {name}=make_dataset?"
            )


def kind(value):
    """A value's kind, in a message."""
    if inspect.isgenerator(value):
        return "generator"
    return type(value).__name__.lstrip("_")
