"""One compiled model for many fits: `Refit` gives it fresh weights, states and seeds each time.

Tracing or compiling the training step costs more than the training of a small model. A model that
is reused pays it once. Fresh values come from building again, which is cheap: whatever the
builder initialises, from kernels to the states of dropout, is what a new model would have.
"""

import inspect

import keras

from recipes import _checks, _targets
from recipes._recipe import seeded
from recipes.class_losses import COUNTED

# Facts of the data that a builder may ask for by these argument names.
FROM_DATA = ("input_shape", "outputs", "seed")


class Refit:
    """Models of `build`, one after the other, on one compiled model where that is possible.

    Args:
        build: a builder as `cross_validate` takes it.
        twins: keep the model that trains apart from those that are handed out for keeping.
    """

    def __init__(self, build, twins=False):
        if not callable(build) or isinstance(build, keras.Model):
            raise TypeError(
                "build must be a function that returns a compiled model, so that every fold starts "
                f"afresh. Received: build={build!r}."
            )
        self.build = build
        self.twins = twins
        self.parameters = parameters(build)
        self.model = None
        self.traits = None

    @property
    def task(self):
        """The task of the head, None where the builder names none."""
        task = self.parameters.get("task")
        return task if task in _checks.TASKS else None

    def fresh(self, x, y, seed):
        """A compiled model with initial weights of `seed`, and its untrained twin or None."""
        if self.model is None and self.twins:
            self.model = self._build(x, y, seed)
            self.traits = _traits(self.model)
        made = self._build(x, y, seed)
        if self.model is not None and self.traits is not None and _traits(made) == self.traits:
            copy_state(made, self.model)
            return self.model, made
        self.model, self.traits = made, _traits(made)
        return made, None

    def _build(self, x, y, seed):
        known = {"seed": seed}
        if hasattr(x, "shape"):
            known["input_shape"] = tuple(x.shape[1:])
        if hasattr(y, "shape"):
            task = self.task or _targets.told_task(y)
            known["outputs"] = _targets.width(y, task)
            if self.parameters.get("loss") in COUNTED:
                known["class_counts"] = _targets.counts(y, task, known["outputs"])
        asked = {
            name: value
            for name, value in known.items()
            # What the caller bound stays as it is.
            if name in self.parameters
            and (self.parameters[name] is inspect.Parameter.empty or self.parameters[name] is None)
        }
        needed = [n for n, default in self.parameters.items() if default is inspect.Parameter.empty]
        others = [name for name in needed if name not in asked]
        if len(others) == 1 and len(needed) == 1 and "input_shape" in known:
            asked[others[0]] = known["input_shape"]  # one argument: the shape of a row
            others = []
        _checks.require(
            not others,
            "build",
            f"need no argument but {', '.join(FROM_DATA)} (from arrays) or the shape of a row",
            f"a builder that also needs {', '.join(others)}",
            "Bind it: functools.partial(build, ...).",
        )
        if "seed" in self.parameters:
            model = self.build(**asked)
        else:
            with seeded(seed):
                model = self.build(**asked)
        compiled = isinstance(model, keras.Model) and model.compiled
        _checks.require(compiled, "build", "return a compiled keras.Model", repr(model))
        return model


def parameters(build):
    """Argument names of a builder with their defaults; bound positional ones are left out."""
    skipped = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {
        name: item.default
        for name, item in inspect.signature(build).parameters.items()
        if item.kind not in skipped
    }


def copy_state(source, target):
    """Give `target` the weights, the random states and the optimizer's state of `source`."""
    for model in (source, target):
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    for old, new in zip(_variables(target), _variables(source), strict=True):
        old.assign(new.value)
    target.stop_training = False


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _traits(model):
    """All that two models must share for one compiled step to serve both; None if it is not known.

    Names and seeds may differ: they are values or labels, not code.
    """
    try:
        layers = [
            (type(layer).__name__, _bare(layer.get_config()))
            for layer in model._flatten_layers()
            if not isinstance(layer, keras.Model)
        ]
        compiled = _bare(model.get_compile_config())
    except Exception:  # a layer or loss of the user's without a config: nothing can be promised
        return None
    shapes = [(tuple(variable.shape), variable.dtype) for variable in model.variables]
    return repr((layers, compiled, shapes, [w.shape for w in model.trainable_variables]))


def _bare(config):
    """A config without names, seeds and numbers of layers."""
    if isinstance(config, dict):
        return {k: _bare(v) for k, v in config.items() if k not in ("name", "seed")}
    if isinstance(config, (list, tuple)):
        return [_bare(item) for item in config]
    return config
