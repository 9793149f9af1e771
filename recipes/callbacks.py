"""Callbacks for `fit`: `CosineAnnealing`, a learning rate that falls as training ends."""

import math

import keras

from recipes import _checks


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
        self._start = _checks.plain_learning_rate(self.model.optimizer)

    def on_epoch_begin(self, epoch, logs=None):
        cosine = 0.5 * (1 + math.cos(math.pi * epoch / self.params["epochs"]))
        share = self.minimum + (1 - self.minimum) * cosine
        self.model.optimizer.learning_rate = self._start * share

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    def on_train_end(self, logs=None):
        self.model.optimizer.learning_rate = self._start
