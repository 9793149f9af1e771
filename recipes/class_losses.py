"""Losses for rare and for easy classes; `loss="focal"` and the like in every classifier builder.

    FocalCrossentropy           "focal"           easy rows count less
    WeightedCrossentropy        "weighted"        every class counts alike
    ClassBalancedCrossentropy   "class_balanced"  rare classes count more, less so than "weighted"
    LogitAdjustedCrossentropy   "logit_adjusted"  learns which class is likelier than its share says

All take probabilities and integer, one-hot or mixed labels, and smooth labels. The last three need
the rows of each class: `class_counts=`, which `cross_validate` tells the builder by itself. They
tilt probabilities towards rare classes; `shift_prior` and `calibrate` undo that.
"""

import keras
import numpy as np
from keras import ops

from recipes import _checks

SMALLEST = 1e-7  # probabilities are kept away from 0 by this much, as in Keras


class _ClassLoss(keras.losses.Loss):
    """Brings labels and probabilities of any task into one form, classes along the last axis.

    A sigmoid column p, and with `independent` each of several, becomes the two classes (1 - p, p).
    """

    def __init__(self, label_smoothing=0.0, independent=False, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = _checks.rate("label_smoothing", label_smoothing)
        self.independent = _checks.flag("independent", independent)

    def call(self, y_true, y_pred):
        width = y_pred.shape[-1]
        same_rank = len(y_true.shape) == len(y_pred.shape)
        as_rows = same_rank and y_true.shape[-1] == width
        if self.independent or width == 1:
            y_true = ops.cast(y_true, y_pred.dtype)
            y_true = y_true if same_rank else ops.expand_dims(y_true, -1)
            y_true = ops.stack([1 - y_true, y_true], axis=-1)
            y_pred = ops.stack([1 - y_pred, y_pred], axis=-1)
            classes = 2
        else:
            classes = width
            if not as_rows:
                y_true = ops.squeeze(y_true, -1) if same_rank else y_true
                y_true = ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype)
            y_true = ops.cast(y_true, y_pred.dtype)
        y_true = (1 - self.label_smoothing) * y_true + self.label_smoothing / classes
        y_pred = ops.clip(y_pred, SMALLEST, 1 - SMALLEST)
        costs = ops.sum(-y_true * self.log_scores(y_pred), axis=-1)
        return ops.mean(costs, axis=-1) if self.independent or width == 1 else costs

    def log_scores(self, p):
        """What a target of each class gains: for cross-entropy the logarithm of p."""
        raise NotImplementedError

    def get_config(self):
        mine = {"label_smoothing": self.label_smoothing, "independent": self.independent}
        return {**super().get_config(), **mine}


@keras.saving.register_keras_serializable("recipes")
class FocalCrossentropy(_ClassLoss):
    """Cross-entropy that forgets easy rows: `-(1 - p) ** gamma * log(p)` of the true class.

    Args:
        gamma: how fast a row counts less as it gets easy, at least 0; 0 is cross-entropy.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        independent: each output is a yes or no of its own (`task="multilabel"`).
        **kwargs: `name`, `reduction` and `dtype` of `keras.losses.Loss`.

    Call: `y_true` (batch, ...) integers or (batch, ..., classes) rows, `y_pred` (batch, ...,
    classes) probabilities, or (batch, 1) of the class 1 -> a scalar, the mean over the batch.

    Raises:
        ValueError: gamma is negative or label_smoothing is not a rate.

    Source: Lin et al., 2017, Focal Loss for Dense Object Detection.

    >>> label, p = np.array([0]), np.array([[0.9, 0.1]], "float32")
    >>> print(f"{float(FocalCrossentropy(2.0)(label, p) / FocalCrossentropy(0.0)(label, p)):.3f}")
    0.010
    """

    def __init__(self, gamma=2.0, name="focal_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma = _checks.non_negative("gamma", gamma)

    def log_scores(self, p):
        return ops.power(1 - p, self.gamma) * ops.log(p) if self.gamma else ops.log(p)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable("recipes")
class WeightedCrossentropy(_ClassLoss):
    """Cross-entropy in which each class counts by N / (K n): all classes alike.

    The same as `fit(class_weight=class_weights(y))`, as part of the model.

    Args:
        class_counts: rows of each class, (negatives, positives) for a sigmoid output; a list of
            such pairs for several independent ones. At least 1 each.
        label_smoothing, independent, **kwargs: as in `FocalCrossentropy`.

    Call: as `FocalCrossentropy`.

    Raises:
        ValueError: a count is below 1.

    Source: King and Zeng, 2001, Logistic Regression in Rare Events Data.

    >>> loss = WeightedCrossentropy((90, 10))
    >>> p = np.full((2, 2), 0.5, "float32")
    >>> rare, frequent = (float(loss(np.array([label] * 2), p)) for label in (1, 0))
    >>> print(f"{rare / frequent:.1f}")
    9.0
    """

    def __init__(self, class_counts, name="weighted_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.class_counts = counts_of(class_counts)

    @property
    def weights(self):
        """The weight of every class, (..., classes)."""
        counts = np.asarray(self.class_counts, "float64")
        return counts.sum(-1, keepdims=True) / (counts.shape[-1] * counts)

    def log_scores(self, p):
        return ops.convert_to_tensor(self.weights.astype("float32"), dtype=p.dtype) * ops.log(p)

    def get_config(self):
        return {**super().get_config(), "class_counts": self.class_counts}


@keras.saving.register_keras_serializable("recipes")
class ClassBalancedCrossentropy(WeightedCrossentropy):
    """Cross-entropy in which a class of n rows counts by (1 - beta) / (1 - beta ** n).

    More rows of a class bring less and less that is new. The weights have a mean of 1.

    Args:
        class_counts: as in `WeightedCrossentropy`.
        beta: share in (0, 1): near 0 all rows count alike, near 1 all classes.
        label_smoothing, independent, **kwargs: as in `FocalCrossentropy`.

    Call: as `FocalCrossentropy`.

    Raises:
        ValueError: a count is below 1 or beta is not a share.

    Source: Cui et al., 2019, Class-Balanced Loss Based on Effective Number of Samples.

    >>> ClassBalancedCrossentropy((3, 1), beta=0.5).weights.round(4).tolist()
    [0.7273, 1.2727]
    """

    def __init__(self, class_counts, beta=0.999, name="class_balanced_crossentropy", **kwargs):
        super().__init__(class_counts, name=name, **kwargs)
        self.beta = _checks.fraction("beta", beta)

    @property
    def weights(self):
        counts = np.asarray(self.class_counts, "float64")
        weights = (1 - self.beta) / (1 - self.beta**counts)
        return weights / weights.mean(-1, keepdims=True)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable("recipes")
class LogitAdjustedCrossentropy(_ClassLoss):
    """Cross-entropy of the probabilities times the class shares, made to sum to 1 again.

    The share of a class is taken over by the loss, so the model learns the odds that the input
    itself speaks for: as if all classes were equally frequent, without drawing or weighting rows.

    Args:
        class_counts: as in `WeightedCrossentropy`; shares do as well.
        tau: power to which the shares are taken, at least 0; 0 is cross-entropy.
        label_smoothing, independent, **kwargs: as in `FocalCrossentropy`.

    Call: as `FocalCrossentropy`.

    Raises:
        ValueError: a count is not above 0 or tau is negative.

    Source: Menon et al., 2021, Long-Tail Learning via Logit Adjustment.

    >>> loss = LogitAdjustedCrossentropy((90, 10))
    >>> print(f"{float(loss(np.array([1]), np.array([[0.5, 0.5]], 'float32'))):.4f}")
    2.3026
    """

    def __init__(self, class_counts, tau=1.0, name="logit_adjusted_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.class_counts = counts_of(class_counts)
        self.tau = _checks.non_negative("tau", tau)

    def log_scores(self, p):
        counts = np.asarray(self.class_counts, "float64")
        log_share = self.tau * np.log(counts / counts.sum(-1, keepdims=True))
        shift = ops.convert_to_tensor(log_share.astype("float32"), dtype=p.dtype)
        return ops.log_softmax(ops.log(p) + shift, axis=-1)

    def get_config(self):
        return {**super().get_config(), "class_counts": self.class_counts, "tau": self.tau}


LOSSES = {
    "focal": FocalCrossentropy,
    "weighted": WeightedCrossentropy,
    "class_balanced": ClassBalancedCrossentropy,
    "logit_adjusted": LogitAdjustedCrossentropy,
}

# Those that need to know how many rows each class has.
COUNTED = ("weighted", "class_balanced", "logit_adjusted")


def counts_of(value):
    """Checked counts as a tuple of numbers, or of pairs of them."""
    counts = _checks.array("class_counts", value)
    paired = counts.ndim == 1 or (counts.ndim == 2 and counts.shape[1] == 2)
    _checks.require(
        paired and counts.shape[-1] > 1,
        "class_counts",
        "be one number a class, or (negatives, positives) of every label",
        f"shape {counts.shape}",
    )
    lowest = counts.min()
    _checks.require(
        lowest > 0,
        "class_counts",
        "be above 0",
        f"{lowest:g} for a class that is not there",
        "Leave such a class out of outputs.",
    )
    return _tuples(counts.tolist())


def check_counts(class_counts, task, outputs):
    """`class_counts` fits the head; None is none."""
    if class_counts is None:
        return
    shape = {"binary": (2,), "multilabel": (outputs, 2)}.get(task, (outputs,))
    found = np.shape(counts_of(class_counts))
    _checks.require(
        found == shape, "class_counts", f"have the shape {shape} for task={task!r}", found
    )


def _tuples(value):
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
