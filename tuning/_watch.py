"""The best epoch of a training: `Watch` keeps it, `save_weights` and `load_weights` store it."""

import math
import os
import time

import keras

from recipes._refit import is_built
from tuning import _faults


class Watch(keras.callbacks.Callback):
    """Keeps the weights and the report of the best epoch; hands every epoch to `report`.

    Args:
        tuner: the `LeanTuner`, for its objective.
        trial: the running one.
        report: function (trial, model, epoch, logs, last).
    """

    def __init__(self, tuner, trial, report):
        super().__init__()
        self.objective = tuner.oracle.objective
        self.measured = tuner.measured
        self.trial = trial
        self.report = report
        self.best = None
        self.weights = None
        self.logs = None
        self.epochs = 0
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        own = {"seconds": time.monotonic() - self.started, "parameters": self.model.count_params()}
        logs = {**logs, **self.measured, **own}
        self.epochs += 1
        score = logs.get(self.objective.name, math.nan)
        if self.best is None or self.objective.better_than(score, self.best):
            self.best, self.logs = score, logs
            self.weights = self.model.get_weights()
        last = epoch + 1 >= self.params["epochs"] or self.model.stop_training
        self.report(self.trial, self.model, epoch, logs, last)


def save_weights(model, weights, path):
    """Write the best epoch's weights in one step."""
    model.set_weights(weights)
    draft = path.with_name(f"{os.getpid()}.tmp.weights.h5")
    try:
        model.save_weights(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)  # half of it, where the disk is full


def load_weights(model, path, rows, number):
    """Trial `number`'s weights and the optimizer's state, so that training goes on where it was."""
    make_layers(model, rows)
    model.optimizer.build(model.trainable_variables)
    try:
        model.load_weights(path)
    except (OSError, RuntimeError, KeyError) as error:  # as h5py says it, by what is damaged
        raise _faults.damaged_weights(path, number, error) from error


def are_whole(path):
    """Whether there are weights: a file that was cut short cannot be opened."""
    import h5py  # Keras's own, which writes weights

    try:
        with h5py.File(path):
            return True
    except OSError:
        return False


def make_layers(model, rows):
    """Let a model make what it makes in its first call: into what is not there Keras loads nothing.

    `Model.build` would not do, as a model of one's own knows nothing of its layers' shapes.
    """
    if not is_built(model):
        model(keras.tree.map_structure(lambda part: part[:1], rows), training=False)


def average_of(models, rows, names):
    """One model whose prediction is the mean of theirs; parts of one model need their own names."""

    def input_like(part, name=None):
        # Only models of one's own may need whole numbers to be whole: others know their types.
        dtype = None if getattr(models[0], "inputs", None) else part.dtype
        return keras.Input(part.shape[1:], dtype=dtype, name=name)

    if isinstance(rows, dict):
        inputs = {key: input_like(part, key) for key, part in rows.items()}
    else:
        inputs = input_like(rows)
    parts = [
        keras.Model(inputs, model(inputs), name=name)
        for model, name in zip(models, names, strict=True)
    ]
    predicted = [part(inputs) for part in parts]
    # Keras finds the losses of several outputs by the names of the layers that they come from.
    labels = getattr(models[0], "output_names", None) or []
    if not 1 < len(labels) == len(set(labels)):
        labels = [None] * len(keras.tree.flatten(predicted[0]))
    each = zip(*map(keras.tree.flatten, predicted), strict=True)
    means = [
        keras.layers.Average(name=label)(list(same))
        for label, same in zip(labels, each, strict=True)
    ]
    outputs = keras.tree.pack_sequence_as(predicted[0], means)
    return keras.Model(inputs, outputs, name="ensemble")
