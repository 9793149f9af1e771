"""Which learning rate to begin with: `lr_find`, a short test that leaves no trace in the model."""

import dataclasses
import itertools

import keras
import numpy as np

from recipes import _checks, _model_checks
from recipes.feeding import batches, gives_batches, one_pass

# The test ends when the smoothed loss is this many times its lowest value.
DIVERGED = 4.0
# Share of the past in the smoothed loss.
MEMORY = 0.9


@dataclasses.dataclass(frozen=True, repr=False)
class LearningRates:
    """What `lr_find` returns.

    Attributes:
        rates: learning rate of each step, (steps,), growing by one factor.
        losses: loss of each step's batch before the step, (steps,).
        smoothed: the same with the past averaged in, (steps,).
        suggestion: rate to begin with, for Adam and the like with `build_*(learning_rate=...)`.
        steepest: rate at which the smoothed loss fell fastest.

    >>> import numpy as np
    >>> result = LearningRates(
    ...     np.array([0.1, 1.0]), np.array([2.0, 1.0]), np.array([2.0, 1.0]), 0.1, 0.2)
    >>> result
    LearningRates(suggestion=0.1, steepest=0.2, 2 steps from 0.1 to 1)
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float
    steepest: float

    def __repr__(self):
        first, last = self.rates[0], self.rates[-1]
        return (
            f"LearningRates(suggestion={self.suggestion:.2g}, steepest={self.steepest:.2g}, "
            f"{len(self.rates)} steps from {first:.2g} to {last:.2g})"
        )

    def plot(self, ax=None):
        """Loss over learning rate, as `plot_learning_rates`."""
        from recipes.plots import plot_learning_rates

        return plot_learning_rates(self, ax=ax)


def lr_find(model, x, y=None, *, low=1e-6, high=1.0, steps=100, batch_size=32, seed=None):
    """Train for some steps while the learning rate grows, and say where the loss falls best.

    Afterwards weights, optimizer (its step count, slots and rate or schedule), metrics and random
    layers are bit for bit as before: the test trains with an optimizer of its own and puts all
    else back, also when it fails half-way.

    Args:
        model: a compiled `keras.Model`, fresh or trained.
        x: array (rows, ...), or a dict or list of them; or what gives batches: `batches(...)`, a
            `tf.data.Dataset` or a `keras.utils.PyDataset`.
        y: targets of x where x holds arrays; None where x gives batches.
        low, high: first and last learning rate, 0 < low < high.
        steps: steps from low to high, at least 10; it ends sooner where the loss goes to pieces.
            Batches start again from the first where they run out.
        batch_size: rows in a batch, for arrays.
        seed: int for the order of the rows of arrays, or None.

    Returns:
        `LearningRates` with `suggestion` and `plot()`.

    Raises:
        ValueError, TypeError: the model is not compiled, its optimizer has no one learning rate, a
            knob is out of range, or x gives no batches. The loss is NaN from the first step.

    Source: Smith, 2017, Cyclical Learning Rates for Training Neural Networks.

    >>> import numpy as np
    >>> from recipes import build_mlp
    >>> x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    >>> model = build_mlp((4,), 2, units=(8,), seed=0)
    >>> before = model.get_weights()
    >>> found = lr_find(model, x, (x[:, 0] > 0).astype(int), steps=20, seed=0)
    >>> 1e-6 < found.suggestion < 1.0
    True
    >>> all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    True
    """
    _model_checks.compiled("model", model)
    low, high = _checks.positive("low", low), _checks.positive("high", high)
    _checks.require(low < high, "low", "be less than high", f"low={low:g}, high={high:g}")
    steps = _checks.count("steps", steps, minimum=10)
    seed = _checks.seed(seed)
    if gives_batches(x):
        _checks.require(y is None, "y", "be None where x gives batches", f"a {type(y).__name__}")
    else:
        # What is compiled without a loss, such as a model of added losses alone, needs no targets.
        needed = getattr(model, "_compile_loss", None) is not None
        hint = "An autoencoder's are x itself."
        _checks.require(y is not None or not needed, "y", "be given with x", "y=None", hint)
        x = batches(x, y, _checks.count("batch_size", batch_size), seed=seed)

    rates = np.geomspace(low, high, steps)
    with _Untouched(model) as probe:
        losses = np.array(list(_losses(model, probe, x, rates)))
    _checks.require(
        len(losses) > 1 and np.isfinite(losses[0]),
        "model",
        "have a finite loss at the lowest rate",
        f"losses {losses[:2]}",
        "Look for NaN in x and y.",
    )
    losses = losses[np.isfinite(losses)]
    rates, smoothed = rates[: len(losses)], _smoothed(losses)
    suggestion, steepest = _read(rates, smoothed)
    return LearningRates(rates, losses, smoothed, suggestion, steepest)


class _Untouched:
    """Lends the model an optimizer of its own for the time being, and takes all traces away."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        model = self.model
        probe = _fresh(model.optimizer)
        # Weights, what layers count along, seeds, metrics: the variables themselves, because the
        # first step of a model adds some.
        self.before = [(item, keras.ops.convert_to_numpy(item).copy()) for item in model.variables]
        self.kept = (model.optimizer, model.steps_per_execution, model.train_function)
        # A train function is compiled for one optimizer; here each step shows its own loss.
        model.optimizer, model.steps_per_execution, model.train_function = probe, 1, None
        return probe

    def __exit__(self, *_):
        model = self.model
        model.optimizer, model.steps_per_execution, model.train_function = self.kept
        model.reset_metrics()
        for variable, value in self.before:
            variable.assign(value)


def _fresh(optimizer):
    """An optimizer of the same kind and settings whose learning rate is a number."""
    if hasattr(optimizer, "inner_optimizer"):  # of mixed_float16
        inner = _fresh(optimizer.inner_optimizer)
        return keras.optimizers.LossScaleOptimizer(inner)
    config = optimizer.get_config()
    _checks.require(
        "learning_rate" in config,
        "the model's optimizer",
        "have one learning rate",
        type(optimizer).__name__,
    )
    return type(optimizer).from_config({**config, "learning_rate": 1e-3})


def _losses(model, probe, feed, rates):
    """The loss of one batch a rate, until it goes to pieces."""
    best = mean = None
    for rate, batch in zip(rates, _endless(feed), strict=False):
        getattr(probe, "inner_optimizer", probe).learning_rate = float(rate)
        model.reset_metrics()
        x, y, weight = map(_as_arrays, keras.utils.unpack_x_y_sample_weight(batch))
        loss = float(model.train_on_batch(x, y, weight, return_dict=True)["loss"])
        yield loss
        mean = loss if mean is None else MEMORY * mean + (1 - MEMORY) * loss
        best = mean if best is None else min(best, mean)
        if not np.isfinite(loss) or mean > DIVERGED * max(best, 1e-12) > 0:
            return


def _endless(feed):
    for _ in itertools.count():
        empty = True
        for batch in one_pass(feed):
            empty = False
            yield batch
        _checks.require(not empty, "x", "give at least one batch", "none")


def _as_arrays(part):
    """Part of a batch as every backend reads it: JAX takes no tensor of TensorFlow's."""
    return None if part is None else keras.tree.map_structure(np.asarray, part)


def _smoothed(losses):
    """An average that forgets, without the pull towards 0 at its start."""
    mean, out = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        out.append(mean / (1 - MEMORY**step))
    return np.array(out)


def _read(rates, smoothed):
    """(suggestion, steepest): a tenth of the rate of the lowest loss; where it falls fastest."""
    lowest = int(np.argmin(smoothed))
    slopes = np.gradient(smoothed, np.log(rates))[: max(lowest, 1) + 1]
    steepest = float(rates[int(np.argmin(slopes))])
    return float(max(rates[lowest] / 10, rates[0])), steepest
