"""Learning rates that follow a curve over the steps of a run: `OneCycle`, `WarmupCosine`.

Both rise first and fall to the end; each goes to `build_*(learning_rate=...)`. They count steps,
one a batch, and are computed where the step is, so that `steps_per_execution` stays as it is. Who
does not want to count: `recipes.CosineAnnealing` takes its length from `fit`.

    OneCycle        up to a rate above the usual and far down again: few epochs, larger rates
    WarmupCosine    a short rise and a long fall: deep networks, large batches, fine-tuning
"""

import math

import keras
from keras import ops

from recipes import _checks


@keras.saving.register_keras_serializable("recipes")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that climbs to a peak and falls far below its start, once in a run.

    Both halves are half cosines. After the last step the rate stays at its end.

    Args:
        peak: highest learning rate, above 0; the steep part of `lr_find`'s curve, or some 3 to 10
            times the constant rate that works.
        steps: optimizer steps of the whole run: `epochs * math.ceil(rows / batch_size)`.
        warmup: share of the steps that climb, in (0, 1).
        start_factor: the first rate is `peak / start_factor`, at least 1.
        end_factor: the last rate is `peak / end_factor`, at least 1.

    Call: step -> learning rate, a float32 scalar.

    Raises:
        ValueError, TypeError: an argument out of range or of the wrong kind.

    Source: Smith and Topin, 2018, Super-Convergence. Momentum, which the paper cycles the other
    way, stays as it is.

    >>> rate = OneCycle(peak=0.01, steps=100, warmup=0.3)
    >>> [f"{float(rate(step)):.7f}" for step in (0, 30, 100)]
    ['0.0004000', '0.0100000', '0.0000010']
    """

    def __init__(
        self,
        peak,
        steps,
        *,
        warmup=0.3,
        start_factor=25.0,
        end_factor=1e4,
        name="one_cycle",
    ):
        super().__init__()
        self.peak = _checks.positive("peak", peak)
        self.steps = _checks.count("steps", steps)
        self.warmup = _checks.fraction("warmup", warmup)
        self.start_factor = _factor("start_factor", start_factor)
        self.end_factor = _factor("end_factor", end_factor)
        self.name = name

    def __call__(self, step):
        # A step is a large integer: only the shares of the run, in [0, 1], are safe in float32.
        done = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        climbed = ops.minimum(done / self.warmup, 1.0)
        fallen = ops.maximum(done - self.warmup, 0.0) / (1.0 - self.warmup)
        start, end = self.peak / self.start_factor, self.peak / self.end_factor
        return ops.where(
            done < self.warmup,
            _half_cosine(start, self.peak, climbed),
            _half_cosine(self.peak, end, fallen),
        )

    def get_config(self):
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup": self.warmup,
            "start_factor": self.start_factor,
            "end_factor": self.end_factor,
            "name": self.name,
        }


@keras.saving.register_keras_serializable("recipes")
class WarmupCosine(keras.optimizers.schedules.CosineDecay):
    """A learning rate that climbs in a straight line and falls along a half cosine.

    Keras's `CosineDecay`, told in the terms of a whole run: its `decay_steps` are counted after the
    warm-up, and its `initial_learning_rate` is where the warm-up starts, here 0.

    Args:
        peak: highest learning rate, above 0.
        steps: optimizer steps of the whole run, warm-up included:
            `epochs * math.ceil(rows / batch_size)`.
        warmup: share of the steps that climb, in [0, 1).
        minimum: share of the peak that the last step reaches, in [0, 1).

    Call: step -> learning rate, a float32 scalar.

    Raises:
        ValueError, TypeError: an argument out of range or of the wrong kind.

    Source: Goyal et al., 2017 (warm-up); Loshchilov and Hutter, 2017 (cosine).

    >>> rate = WarmupCosine(peak=0.01, steps=100, warmup=0.1)
    >>> [f"{float(rate(step)):.4f}" for step in (0, 5, 10, 55, 100)]
    ['0.0000', '0.0050', '0.0100', '0.0050', '0.0000']
    """

    def __init__(self, peak, steps, *, warmup=0.1, minimum=0.0, name="warmup_cosine"):
        self.peak = _checks.positive("peak", peak)
        self.steps = _checks.count("steps", steps)
        self.warmup = _checks.rate("warmup", warmup)
        self.minimum = _checks.rate("minimum", minimum)
        climbing = math.floor(self.warmup * self.steps)
        super().__init__(
            0.0 if climbing else self.peak,
            decay_steps=self.steps - climbing,
            alpha=self.minimum,
            warmup_target=self.peak if climbing else None,
            warmup_steps=climbing,
            name=name,
        )

    def get_config(self):
        return {
            "peak": self.peak,
            "steps": self.steps,
            "warmup": self.warmup,
            "minimum": self.minimum,
            "name": self.name,
        }


def _half_cosine(start, end, share):
    # Built up from the end, which is the small one of a run: float32 keeps all its digits.
    return end + (start - end) * 0.5 * (1.0 + ops.cos(math.pi * share))


def _factor(name, value):
    value = _checks.number(name, value)
    _checks.require(value >= 1, name, "be at least 1", f"{name}={value:g}")
    return value
