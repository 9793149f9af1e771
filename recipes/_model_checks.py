"""Checks of models, of their histories and of what is asked of them; plain values: `_checks`."""

import keras

from recipes import _checks


def model(name, value):
    """A built keras.Model."""
    if not isinstance(value, keras.Model):
        raise TypeError(f"{name} must be a keras.Model. Received: {name}={_checks._show(value)}.")
    if not value.built:
        raise ValueError(
            f"{name} must be built: give it an input shape, or call it once. "
            f"Received: {value.name!r}."
        )
    return value


def compiled(name, value):
    """A built and compiled keras.Model."""
    if not model(name, value).compiled:
        raise ValueError(f"{name} must be compiled. Received: {value.name!r}. Call compile first.")
    return value


def plain_learning_rate(optimizer):
    """The learning rate of an optimizer that follows no schedule."""
    if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        raise ValueError(
            "learning_rate of the optimizer must be a number, so that a callback can change it. "
            f"Received: a {type(optimizer._learning_rate).__name__}. Leave one of the two out."
        )
    return float(optimizer.learning_rate)


def functional(name, value):
    """A functional or Sequential model, whose layers can be walked."""
    if not getattr(value, "inputs", None) or not getattr(value, "outputs", None):
        raise ValueError(
            f"{name} must be a functional or Sequential model. Received: {value.name!r}, a "
            f"{type(value).__name__} whose layers cannot be seen."
        )
    return value


def part(model, name):
    """The nested model of that name, such as 'encoder'."""
    for inner in model.layers:
        if inner.name == name:
            return inner
    raise ValueError(
        f"model must have a part named {name!r}. Received: {model.name!r} with the layers "
        f"{_checks._names([inner.name for inner in model.layers])}."
    )


def autoencoder(name, value):
    """A built model whose output has the shape of its input."""
    model(name, value)
    into, out = value.input_shape, value.output_shape
    fits = isinstance(into, tuple) and isinstance(out, tuple) and _checks._fits(out, into)
    _checks.require(fits, name, "give back its input, as an autoencoder", f"{into} to {out}")
    return value


def history(name, value):
    """What `fit` returned, or its dict from name to one value an epoch: the dict."""
    value = getattr(value, "history", value)
    if not isinstance(value, dict):
        received = f"{name}={_checks._show(value)}"
        raise TypeError(f"{name} must be what fit returned, or its dict. Received: {received}.")
    return value


def reported(name, value, reports):
    """A value that the epochs of a fit report."""
    if value not in reports:
        if any(key.startswith("val_") for key in reports):
            hint = _checks.nearest(value, reports)
        else:
            hint = " Give fit validation_data." if value.startswith("val_") else ""
        raise ValueError(
            f"{name} must be one of the values that an epoch reports: {_checks._names(reports)}. "
            f"Received: {name}={value!r}.{hint}"
        )
    return value
