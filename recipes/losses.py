"""Losses and penalties that Keras does not bring.

`SmoothedCrossentropy` is the loss of every multiclass recipe: integer or one-hot labels, with or
without label smoothing. Those for rare classes are in recipes/class_losses.py. `KLSparsity` keeps
the mean activation of a code near a target; it goes into `activity_regularizer=`. To disturb labels
at random, see `recipes.DisturbLabel`, a layer.
"""

import keras
from keras import ops

from recipes import _checks


@keras.saving.register_keras_serializable("recipes")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of class probabilities that takes integer labels and smooths them.

    A smoothed target gives `1 - label_smoothing` to the true class and shares the rest evenly over
    all classes, the true one included. Equal to `keras.losses.CategoricalCrossentropy` with the
    same `label_smoothing` on one-hot labels.

    Args:
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call: `y_true` (batch, ...) integers or (batch, ..., classes) one-hot, `y_pred` (batch, ...,
    classes) probabilities -> a scalar, the mean over the batch.

    Raises:
        ValueError: label_smoothing is not a rate.

    Source: Szegedy et al., 2016, Rethinking the Inception Architecture, section 7.

    >>> import numpy as np
    >>> probabilities = np.array([[0.8, 0.1, 0.1]], "float32")
    >>> plain, smooth = SmoothedCrossentropy(), SmoothedCrossentropy(0.1)
    >>> label = np.array([0])
    >>> float(plain(label, probabilities)) < float(smooth(label, probabilities))
    True
    """

    def __init__(self, label_smoothing=0.0, name="smoothed_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = _checks.rate("label_smoothing", label_smoothing)

    def call(self, y_true, y_pred):
        classes = y_pred.shape[-1]
        same_rank = len(y_true.shape) == len(y_pred.shape)
        one_hot = same_rank and y_true.shape[-1] == classes
        if not one_hot and same_rank:
            y_true = ops.squeeze(y_true, -1)
        if not one_hot and not self.label_smoothing:
            return ops.sparse_categorical_crossentropy(ops.cast(y_true, "int32"), y_pred)
        if not one_hot:
            y_true = ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype)
        y_true = (1 - self.label_smoothing) * y_true + self.label_smoothing / classes
        return ops.categorical_crossentropy(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("recipes")
class KLSparsity(keras.regularizers.Regularizer):
    """Keeps the mean activation of every unit near `sparsity`; for `activity_regularizer=`.

    The penalty is `weight * sum over units of KL(sparsity || mean activation)`, where the mean runs
    over the batch (and over positions, for images) and is clipped to stay inside (0, 1). The units
    should be sigmoid units, whose activations lie in that range.

    Keras 3.14 and later divide what an `activity_regularizer` returns by the batch size: multiply
    `weight` by it. `build_sparse_autoencoder` adds the penalty undivided on every version.

    Args:
        sparsity: mean activation to aim for, in (0, 1).
        weight: how much the penalty counts beside the loss, at least 0.

    Raises:
        ValueError: sparsity is outside (0, 1) or weight is negative.

    Source: Ng, 2011, CS294A lecture notes on sparse autoencoders.

    >>> import numpy as np
    >>> penalty = KLSparsity(sparsity=0.1, weight=1.0)
    >>> print(f"{float(penalty(np.full((4, 3), 0.1, 'float32'))):.3f}")
    0.000
    >>> print(f"{float(penalty(np.full((4, 3), 0.5, 'float32'))):.3f}")
    1.104
    """

    def __init__(self, sparsity=0.05, weight=0.1):
        self.sparsity = _checks.fraction("sparsity", sparsity)
        self.weight = _checks.non_negative("weight", weight)

    def __call__(self, x):
        # float32 because TensorFlow cannot add a bfloat16 penalty to the loss.
        x = ops.cast(x, "float32")
        mean = ops.mean(x, axis=tuple(range(len(x.shape) - 1)))
        mean = ops.clip(mean, 1e-6, 1 - 1e-6)
        on = self.sparsity * ops.log(self.sparsity / mean)
        off = (1 - self.sparsity) * ops.log((1 - self.sparsity) / (1 - mean))
        return self.weight * ops.sum(on + off)

    def get_config(self):
        return {"sparsity": self.sparsity, "weight": self.weight}
