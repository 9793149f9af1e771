"""Metrics: which way is better, and the accuracy for integer labels and soft rows in one run."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("recipes")
class Accuracy(keras.metrics.MeanMetricWrapper):
    """Share of rows whose likeliest class is the label's likeliest class.

    Keras settles what "accuracy" means by the first labels that it sees: after one-hot or mixed
    training rows it compares integer validation labels with the wrong thing, without a word. Here
    integers (batch, ...), the same with a last axis of 1, and rows of shares (batch, ..., classes)
    may change from call to call. One sigmoid output is compared at 0.5.
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(_matches, name=name, dtype=dtype)
        self._direction = "up"

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def falls(metric):
    """Whether less is better: errors and losses, not scores."""
    return any(part in metric for part in ("loss", "error", "mae", "mse", "entropy"))


def _matches(y_true, y_pred):
    classes = y_pred.shape[-1]
    same_rank = len(y_true.shape) == len(y_pred.shape)
    if classes == 1:
        y_true = ops.cast(y_true if same_rank else ops.expand_dims(y_true, -1), y_pred.dtype)
        return ops.squeeze(ops.equal(y_true > 0.5, y_pred > 0.5), -1)
    if same_rank:
        soft = y_true.shape[-1] == classes
        y_true = ops.argmax(y_true, axis=-1) if soft else ops.squeeze(y_true, -1)
    return ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
