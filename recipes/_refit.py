"""One compiled model for many fits, with fresh weights, states and seeds each time.

Tracing or compiling the training step costs more than the training of a small model. A model that
is reused pays it once. Fresh values come from building again, which is cheap: whatever the
builder initialises, from kernels to the states of dropout, is what a new model would have. `Refit`
calls a builder that stays the same; `Reuse` takes what was built otherwise, as in a search.
"""

import functools
import inspect

import keras

from recipes import _checks, _targets
from recipes._descriptions import name_of
from recipes._lean_steps import make_lean
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
        self.outputs = None  # where all rows tell more than those that train
        self.class_names = None  # where the targets were names
        self.accept = None  # function of the first model, which raises where it does not serve
        self.reuse = Reuse()

    @property
    def model(self):
        """The model that trains, None before the first."""
        return self.reuse.model

    @property
    def task(self):
        """The task of the head, None where the builder names none."""
        return _targets.task_of(self.parameters)

    def fresh(self, x, y, seed):
        """A compiled model with initial weights of `seed`, and its untrained twin or None."""
        if self.model is None and self.twins:
            self.reuse.of(self._build(x, y, seed))
        made = self._build(x, y, seed)
        model = self.reuse.of(made)
        return model, (None if model is made else made)

    def _build(self, x, y, seed):
        known = {"seed": seed, "class_names": self.class_names}
        if hasattr(x, "shape"):
            known["input_shape"] = tuple(x.shape[1:])
        elif isinstance(x, dict):
            known["input_shape"] = {name: tuple(part.shape[1:]) for name, part in x.items()}
        if hasattr(y, "shape"):
            task = self.task or _targets.told_task(y)
            known["outputs"] = self.outputs or _targets.width(y, task)
            if self.parameters.get("loss") in COUNTED:
                known["class_counts"] = _targets.counts(y, task, known["outputs"])
                if self.outputs and task != "multilabel":  # a class may be in no row that trains
                    known["class_counts"] = tuple(max(n, 1) for n in known["class_counts"])
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
        if self.model is None and self.accept is not None:
            self.accept(model)
        return model


class Reuse:
    """A compiled model that stands for others which differ from it in values only."""

    def __init__(self):
        self.forget()

    def forget(self):
        """Let the model go, as after a training that was broken off."""
        self.model = self.traits = self.knobs = self.decay = None

    def of(self, made, knobs=None):
        """The model of before with all that `made` has; `made` itself where they differ.

        Values are weights, states, seeds, and of the optimizer the learning rate and, on
        TensorFlow, the weight decay; schedules are no values.

        Args:
            made: a compiled model, not trained.
            knobs: what else says that two models are the same: a builder may put a number where no
                config shows it.
        """
        traits = _traits(made)
        model = self.model
        same = traits is not None and (traits, knobs) == (self.traits, self.knobs)
        if model is not None and same and _traits(model) == traits:  # nothing has changed it since
            copy_state(made, model)
            if self.decay is not None:
                model.optimizer.weight_decay = made.optimizer.weight_decay
                self.decay.assign(made.optimizer.weight_decay)
            return model
        if is_built(made) and not getattr(made.optimizer, "built", True):
            # TensorFlow traces a step twice that makes variables the first time.
            made.optimizer.build(made.trainable_variables)
        self.model, self.traits, self.knobs = made, traits, knobs
        self.decay = _decay_as_variable(made.optimizer) if _decays(made.optimizer) else None
        make_lean(made)
        return made


def parameters(build):
    """Argument names of a builder with their defaults; bound positional ones are left out."""
    skipped = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    try:
        signature = inspect.signature(build)
    except ValueError:
        if not isinstance(build, functools.partial):
            raise
        known = parameters(build.func)  # Python does not say which argument is wrong
        wrong = next((name for name in build.keywords if name not in known), None)
        hint = _checks.nearest(wrong, known).strip() if wrong else ""
        received = f"{name_of(build)} with {wrong or 'too many arguments'}"
        _checks.require(False, "build", "be bound to arguments that it has", received, hint)
    return {
        name: item.default
        for name, item in signature.parameters.items()
        if item.kind not in skipped
    }


def is_built(model):
    """Whether all layers have their variables; Keras calls a model of one's own built without."""
    return all(layer.built for layer in model._flatten_layers())


def copy_state(source, target):
    """Give `target` the weights, the random states and the optimizer's state of `source`."""
    for model in (source, target):
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
    for old, new in zip(_variables(target), _variables(source), strict=True):
        old.assign(new.value)
    target.stop_training = False
    # What a training that was broken off left: Keras would score the next one on its rows.
    target._eval_epoch_iterator = None


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _traits(model):
    """All that two models must share for one compiled step to serve both; None if it is not known.

    Names and seeds may differ: they are values or labels, not code.
    """
    if not is_built(model):  # its optimizer cannot be, and what it will be is not known
        return None
    try:
        layers = [
            (type(layer).__name__, _bare(layer.get_config()))
            for layer in model._flatten_layers()
            if not isinstance(layer, keras.Model)
        ]
        compiled = _bare(model.get_compile_config())
        compiled["optimizer"] = _without_values(compiled.get("optimizer"), model.optimizer)
    except Exception:  # a layer or loss of the user's without a config: nothing can be promised
        return None
    shapes = [(tuple(variable.shape), variable.dtype) for variable in model.variables]
    return repr((layers, compiled, shapes, [w.shape for w in model.trainable_variables]))


def _without_values(config, optimizer):
    """The config of an optimizer without the numbers that its step reads from variables."""
    if not isinstance(config, dict) or config.get("class_name") != type(optimizer).__name__:
        return config  # a name, or an optimizer that Keras has wrapped
    rate = getattr(optimizer, "_learning_rate", None)
    by_variable = {
        "learning_rate": any(variable is rate for variable in optimizer.variables),
        "weight_decay": _decays(optimizer),
    }
    numbers = {k: "a variable" if by_variable.get(k) else v for k, v in config["config"].items()}
    return {**config, "config": numbers}


def _decays(optimizer):
    """Whether the weight decay is a number that can be made a variable.

    Elsewhere than on TensorFlow a step sees no variables but those that are saved with the model.
    """
    on_tensorflow = keras.backend.backend() == "tensorflow"
    return on_tensorflow and isinstance(getattr(optimizer, "weight_decay", None), float)


def _decay_as_variable(optimizer):
    """Let the step read the weight decay from a variable, which is returned."""
    variable = keras.Variable(optimizer.weight_decay, trainable=False, name="weight_decay")
    apply = optimizer._apply_weight_decay

    def from_variable(variables):
        # Not by assignment: the optimizer would keep the variable as one of its own, and save it.
        number = optimizer.weight_decay
        object.__setattr__(optimizer, "weight_decay", variable)
        try:
            apply(variables)
        finally:
            object.__setattr__(optimizer, "weight_decay", number)

    optimizer._apply_weight_decay = from_variable
    return variable


def _bare(config):
    """A config without names, seeds and numbers of layers."""
    if isinstance(config, dict):
        return {k: _bare(v) for k, v in config.items() if k not in ("name", "seed")}
    if isinstance(config, (list, tuple)):
        return [_bare(item) for item in config]
    return config
