"""The best epoch of a training: `Watch` keeps it, `save_weights` and `load_weights` store it."""

import math
import os
import time

import keras


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


def load_weights(model, path):
    """Weights and the optimizer's state, so that training goes on where it was."""
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)


def average_of(models, input_shape, names):
    """One model whose prediction is the mean of theirs; parts of one model need their own names."""
    if isinstance(input_shape, dict):
        inputs = {key: keras.Input(shape, name=key) for key, shape in input_shape.items()}
    else:
        inputs = keras.Input(input_shape)
    parts = [
        keras.Model(inputs, model(inputs), name=name)
        for model, name in zip(models, names, strict=True)
    ]
    outputs = keras.layers.Average()([part(inputs) for part in parts])
    return keras.Model(inputs, outputs, name="ensemble")
