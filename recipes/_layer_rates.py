"""Keras's optimizers with a learning rate of its own for every weight: `with_layer_rates`.

`MultiOptimizer` does not load again. These are subclasses of the optimizers themselves, so that
schedules, clipping, weight decay and every backend work as they do, and are registered one by one,
so that a model compiled with one loads without `custom_objects` and trains on.
"""

from typing import Any

import keras

from recipes import _checks


def _with_rates(base):
    class WithRates(base):  # type: ignore[valid-type, misc]
        """`base` whose steps are scaled by `rates`, one share for each trainable weight."""

        def __init__(self, *args, rates=(), **kwargs):
            super().__init__(*args, **kwargs)
            self.rates = [float(rate) for rate in rates]

        def build(self, variables):
            _checks.require(
                len(self.rates) == len(variables),
                "rates",
                f"hold a share for each of {len(variables)} trainable weights",
                f"{len(self.rates)}",
                "Compile the model anew after changing what is trainable.",
            )
            super().build(variables)

        def update_step(self, gradient, variable, learning_rate):
            rate = self.rates[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * rate)

        def get_config(self):
            return {**super().get_config(), "rates": self.rates}

    WithRates.__name__ = WithRates.__qualname__ = f"{base.__name__}WithLayerRates"
    return keras.saving.register_keras_serializable("recipes")(WithRates)


_WRAPPERS = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}
KINDS: dict[Any, Any] = {
    value: _with_rates(value)
    for name, value in vars(keras.optimizers).items()
    if isinstance(value, type)
    and issubclass(value, keras.optimizers.Optimizer)
    and name not in _WRAPPERS
}
PLAIN = {scaled: plain for plain, scaled in KINDS.items()}


def check(optimizer):
    """The Keras class of an optimizer that can have a rate for every layer."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed_float16
    kind = PLAIN.get(type(optimizer), type(optimizer))
    _checks.require(
        kind in KINDS,
        "the model's optimizer",
        "be one of keras.optimizers, to have a learning rate for every layer",
        type(optimizer).__name__,
    )
    return kind


def with_layer_rates(optimizer, rates, learning_rate=None):
    """A fresh optimizer of the same kind and settings, with these shares of the learning rate."""
    kind = check(optimizer)
    config = {**getattr(optimizer, "inner_optimizer", optimizer).get_config(), "rates": rates}
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    return KINDS[kind].from_config(config)


def plain(optimizer, learning_rate=None):
    """A fresh optimizer of the same kind and settings, one rate for all layers."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    config = optimizer.get_config()
    config.pop("rates", None)
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    return PLAIN.get(type(optimizer), type(optimizer)).from_config(config)


def told(optimizer):
    """Kind and settings, as plain JSON, without the learning rate, which each stage sets anew."""
    config = plain(optimizer).get_config()
    return [check(optimizer).__name__, {**config, "name": None, "learning_rate": None}]
