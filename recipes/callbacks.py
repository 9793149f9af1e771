"""Callbacks for `fit` that take their lengths from its `epochs`.

    CosineAnnealing      a learning rate that falls as training ends
    standard_callbacks   stop early, lower the rate on a plateau, stop at NaN, log, best model

Both lower the learning rate, each in its way: with the first, `plateau=False` in the second.
"""

import math

import keras

from recipes import _checks, _model_checks


class CosineAnnealing(keras.callbacks.Callback):
    """Lets the learning rate fall along a half cosine over the epochs of this `fit`.

    A constant rate keeps weights jumping around the optimum; letting it fall is worth most of what
    longer training is worth. The length is the `epochs` of `fit`, so there is nothing to set, and
    the rate changes between epochs, so `steps_per_execution` stays as it is. Afterwards the
    optimizer has its own rate back, and one object serves any number of fits.

    Args:
        minimum: share of the optimizer's learning rate that the last epoch tends to, in [0, 1).

    Raises:
        ValueError: minimum is not in [0, 1), or the optimizer follows a `LearningRateSchedule`.

    Source: Loshchilov and Hutter, 2017, SGDR: Stochastic Gradient Descent with Warm Restarts.

    >>> import numpy as np
    >>> from recipes import build_mlp
    >>> model = build_mlp((4,), 3, learning_rate=0.01)
    >>> x, y = np.ones((8, 4), "float32"), np.zeros(8)
    >>> history = model.fit(x, y, epochs=4, callbacks=[CosineAnnealing()], verbose=0)
    >>> [f"{rate:.4f}" for rate in history.history["learning_rate"]]
    ['0.0100', '0.0085', '0.0050', '0.0015']
    """

    def __init__(self, minimum=0.0):
        super().__init__()
        self.minimum = _checks.rate("minimum", minimum)

    def on_train_begin(self, logs=None):
        self._start = _model_checks.plain_learning_rate(self.model.optimizer)

    def on_epoch_begin(self, epoch, logs=None):
        cosine = 0.5 * (1 + math.cos(math.pi * epoch / self.params["epochs"]))
        share = self.minimum + (1 - self.minimum) * cosine
        self.model.optimizer.learning_rate = self._start * share

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    def on_train_end(self, logs=None):
        self.model.optimizer.learning_rate = self._start


# Fewer epochs without a better score say nothing, however short the run.
FEWEST_EPOCHS = 5

# The rate is lowered this often before early stopping gives up.
CHANCES = 2


def standard_callbacks(
    folder=None,
    *,
    monitor="val_loss",
    mode="auto",
    patience=0.25,
    early_stopping=True,
    plateau=True,
    nan_stop=True,
    csv=True,
    checkpoint=True,
):
    """The callbacks that most runs want, ready for `fit(callbacks=...)`.

    Validation loss often rises for a while and then falls a second time, below its first dip: so
    patience is a share of the run, not a handful of epochs, and the weights of the best epoch come
    back at the end, whatever came after it.

    Args:
        folder: where `history.csv` and `best.keras` go, made where it is missing; None writes
            neither.
        monitor: what is watched: a value that each epoch reports, such as "val_accuracy" or, where
            there are no validation rows, "loss".
        mode: "min" or "max" says which of its values are better; "auto" lets Keras tell it by the
            name, which it knows for losses and for metrics that the model was compiled with.
        patience: share of the epochs of `fit` to wait for a better value, in (0, 1], but no fewer
            than 5 epochs.
        early_stopping: stop when patience is at an end, and take back the best epoch's weights.
        plateau: multiply the learning rate by 0.3 when a third of the patience is at an end. Leave
            it out (False) with a `LearningRateSchedule` or `CosineAnnealing`.
        nan_stop: stop at the first loss that is NaN or infinite.
        csv: write `history.csv`, a line an epoch, into the folder.
        checkpoint: write `best.keras`, the best model so far, into the folder.

    Returns:
        List of `keras.callbacks.Callback`. Use it for one `fit` at a time.

    Raises:
        ValueError, TypeError: a knob is out of range or the folder cannot be written to; in `fit`,
            the optimizer follows a schedule although `plateau` is set (before the first step), or
            `monitor` is none of the values that the first epoch reports.

    Source: Prechelt, 1998, Early Stopping - But When?; Nakkiran et al., 2020, Deep Double Descent
    (the second dip).

    >>> [type(callback).__name__ for callback in standard_callbacks(plateau=False)]
    ['Watch', 'EarlyStopping', 'TerminateOnNaN']
    """
    _checks.text("monitor", monitor)
    _checks.one_of("mode", mode, ("auto", "min", "max"))
    patience = _checks.number("patience", patience)
    _checks.require(0 < patience <= 1, "patience", "be a share in (0, 1]", f"patience={patience:g}")
    switches = {
        "early_stopping": early_stopping,
        "plateau": plateau,
        "nan_stop": nan_stop,
        "csv": csv,
        "checkpoint": checkpoint,
    }
    for name, value in switches.items():
        _checks.flag(name, value)
    if folder is not None:
        folder = _checks.folder("folder", folder)

    chosen = [Watch(monitor, plain_rate=plateau)]
    if early_stopping:
        chosen.append(EarlyStopping(monitor, patience, mode))
    if plateau:
        chosen.append(ReduceLROnPlateau(monitor, patience / (CHANCES + 1), mode))
    if nan_stop:
        chosen.append(keras.callbacks.TerminateOnNaN())
    if folder is not None and csv:
        chosen.append(keras.callbacks.CSVLogger(str(folder / "history.csv")))
    if folder is not None and checkpoint:
        best = str(folder / "best.keras")
        chosen.append(
            keras.callbacks.ModelCheckpoint(best, monitor, mode=mode, save_best_only=True)
        )
    return chosen


class Watch(keras.callbacks.Callback):
    """Says in time what Keras says late or as a warning in each epoch."""

    def __init__(self, monitor, plain_rate):
        super().__init__()
        self.monitor = monitor
        self.plain_rate = plain_rate

    def on_train_begin(self, logs=None):
        if self.plain_rate:
            _model_checks.plain_learning_rate(self.model.optimizer)

    def on_epoch_end(self, epoch, logs=None):
        _model_checks.reported("monitor", self.monitor, logs or {})


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's, with patience as a share of the run."""

    def __init__(self, monitor, share, mode="auto"):
        super().__init__(monitor, mode=mode, restore_best_weights=True)
        self.share = share

    def on_train_begin(self, logs=None):
        self.patience = _epochs(self.share, self.params["epochs"])
        self.best = None  # Keras 3.12 remembers the best of the last fit
        super().on_train_begin(logs)


class ReduceLROnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras's, with patience as a share of the run."""

    def __init__(self, monitor, share, mode="auto"):
        super().__init__(monitor, mode=mode, factor=0.3)
        self.share = share

    def on_train_begin(self, logs=None):
        whole = _epochs(self.share * (CHANCES + 1), self.params["epochs"])
        self.patience = max(whole // (CHANCES + 1), 1)
        super().on_train_begin(logs)


def _epochs(share, epochs):
    return max(math.ceil(share * epochs), FEWEST_EPOCHS)
