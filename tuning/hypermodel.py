"""From a builder and a space to a `keras_tuner.HyperModel`: `hypermodel`.

`search` uses it; with Keras Tuner's own tuners it is used as any hypermodel is. The builder stays
a plain function that never sees an `hp`.
"""

import contextlib
import functools
import inspect
import re

import keras
import keras_tuner

import recipes
from recipes import batches
from recipes._descriptions import PLAIN, described, name_of
from recipes._heads import make_optimizer
from recipes.initialization import initial_weights
from tuning import _checks, _proposals, _study_checks, _training
from tuning._batches import in_order
from tuning._descriptions import same, source
from tuning.ranges import RANGES, describe, without_default
from tuning.spaces import SPACES
from tuning.tuner import spare_tensorboard

# Names in a space that belong to the training, not to the builder, where that has none of the name.
TRAINING = _training.DEFAULTS

# Knobs that the recipes give to the optimizer only, whose compiled step reads them from variables:
# models that differ in nothing else can share one. A builder of one's own may put them anywhere.
NUMBERS = ("learning_rate", "weight_decay")

# What Python says before a call whose keyword stands both in the caller's own code and in **kwargs.
GIVEN_TWICE = re.compile(r"multiple values for keyword argument '(\w+)'")


def hypermodel(build, space=None, *, input_shape=None, outputs=None):
    """A Keras Tuner hypermodel of a builder: the space is drawn, the builder called.

    Args:
        build: a recipe, or any function that returns a compiled `keras.Model`.
        space: dict from argument names to ranges and constants; None is the recipe's own,
            `SPACES[build]`. The names "batch_size", "epochs", "augmentation", "class_weight",
            "schedule" and "initial_weights" go to the training, as `search` has them.
        input_shape, outputs: the builder's arguments of these names; None where the space has
            them.

    Returns:
        `keras_tuner.HyperModel`, for any tuner of Keras Tuner. Its `fit` feeds arrays through
        `recipes.batches`. The first values of the ranges are the builder's own defaults. Keras
        Tuner's tuners no longer need TensorBoard after this call (`tuning.tuner`).

    Raises:
        ValueError: a name that the builder lacks (the nearest is suggested), an argument without
            default that is not given, a builder without a space of its own.

    >>> import keras_tuner
    >>> from recipes import build_mlp
    >>> from tuning import Float, hypermodel
    >>> model = hypermodel(build_mlp, {"dropout": Float(0.0, 0.5)}, input_shape=(4,), outputs=3)
    >>> model.build(keras_tuner.HyperParameters()).output_shape
    (None, 3)
    """
    spare_tensorboard()
    given = {"input_shape": input_shape, "outputs": outputs}
    given = {name: value for name, value in given.items() if value is not None}
    if input_shape is not None:
        given["input_shape"] = _checks.shape("input_shape", input_shape)
    space = SPACES.get(build) if space is None else space
    _checks.space(described(build), space)
    return BuilderModel(build, {**given, **space})


class BuilderModel(keras_tuner.HyperModel):
    """The hypermodel of `builder` over `space`; made by `hypermodel`."""

    reports_epochs = True

    def __init__(self, builder, space):
        super().__init__(name=name_of(builder))
        parameters = inspect.signature(builder).parameters
        named = {
            name: parameter
            for name, parameter in parameters.items()
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        }
        open_ended = any(item.kind == item.VAR_KEYWORD for item in parameters.values())
        if not open_ended:
            _checks.known_names(self.name, space, {*named, *TRAINING})
        needed = [name for name, item in named.items() if item.default is item.empty]
        _checks.required(self.name, needed, space)
        self.builder = builder
        self.space = {name: space[name] for name in (*named, *space) if name in space}
        for name, value in self.space.items():
            _study_checks.no_class(name, value, RANGES)
            if name not in named:
                _training.check(name, value)
        self.searched = [k for k, v in self.space.items() if isinstance(v, RANGES)]
        self.defaults = {name: item.default for name, item in named.items()}
        self.numbers = NUMBERS if _is_recipe(builder) else ()
        self.listed = {k: v for k, v in map(self._options, self.space) if len(v) > 1}
        self.positional = [
            name for name in needed if named[name].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ]

    def declare_hyperparameters(self, hp):
        """Name every range to `hp`, without building a model."""
        self._draw(hp)

    def build(self, hp):
        """The model of these values."""
        model = self.builder(**self.arguments(hp))
        kind = self.training(hp).get("initial_weights")
        return model if kind is None else initial_weights(model, kind, seed=self.space.get("seed"))

    def arguments(self, hp):
        """What the builder is called with for these values."""
        return {name: value for name, value in self._draw(hp).items() if not self.trains(name)}

    def training(self, hp):
        """The knobs of the training among these values: "batch_size", "epochs", ..."""
        return {name: value for name, value in self._draw(hp).items() if self.trains(name)}

    def knobs(self, hp):
        """The values of what is searched, by their names in the space."""
        drawn = self._draw(hp)
        return {name: drawn[name] for name in self.searched}

    def values_of(self, position, arguments):
        """The hyperparameters that give these arguments, the defaults for the others.

        Constants may be among them, as they are in a study's `best_arguments`.
        """
        known = {**self.defaults, **self.space}
        _checks.known_names(f"start_from[{position}]", arguments, set(known))
        for name in set(arguments) - set(self.searched):
            unchanged = same(arguments[name], known[name])
            _study_checks.constant(position, name, known[name], arguments[name], unchanged)
        hp = keras_tuner.HyperParameters()
        for name in self.searched:
            free = without_default(self.space[name])
            wanted = arguments.get(name, self.space[name].start(self._default(name)))
            wanted = tuple(wanted) if isinstance(wanted, list) else wanted
            _checks.start(position, name, self.space[name], wanted, free.start(wanted))
            free.draw(hp, name, wanted)
        return hp.values

    def fit(self, hp, model, x, y=None, *, validation_data=None, seed=None, **kwargs):
        """Train `model`; arrays go through `recipes.batches`, datasets as they are.

        Returns its History.
        """
        knobs = self.training(hp)
        own = {name: knobs.pop(name, None) for name in _training.OPTIONS}
        kwargs |= knobs
        # First, so that the others see the learning rate that it reports.
        kwargs["callbacks"] = [
            *_training.callbacks(own["schedule"]),
            *(kwargs.get("callbacks") or ()),
        ]
        if "tuner/epochs" in hp.values:  # Hyperband says how long
            kwargs["epochs"] = hp.values["tuner/epochs"]
        if not (hasattr(x, "shape") or isinstance(x, dict)):
            _training.need_arrays(own)
            kwargs.pop("batch_size", None)
            x, order = in_order(x, seed)
            return model.fit(x, y, validation_data=validation_data, **order, **kwargs)
        size = kwargs.pop("batch_size", TRAINING["batch_size"])
        if isinstance(validation_data, (tuple, list)):
            x_val, y_val = validation_data
            validation_data = batches(x_val, y_val, size, shuffle=False)
        weights = _training.weights(own["class_weight"], y)
        feed = batches(x, y, size, sample_weight=weights, seed=seed)
        feed = _training.with_augmentation(
            feed, own["augmentation"], getattr(x, "ndim", 0) - 1, seed
        )
        return model.fit(feed, validation_data=validation_data, shuffle=False, **kwargs)

    def line(self, hp):
        """The one line of Python that builds the model of these values."""
        arguments = self.arguments(hp)
        bound = self.builder if isinstance(self.builder, functools.partial) else None
        first = [source(value, "argument") for value in (bound.args if bound else ())]
        first += [source(arguments.pop(name), name) for name in self.positional]
        named = {**bound.keywords, **arguments} if bound else arguments
        rest = [f"{name}={source(value, name)}" for name, value in named.items()]
        line = f"{self.name}({', '.join(first + rest)})"
        training = [f"{name}={value!r}" for name, value in self.training(hp).items()]
        return f"{line}  # fit with {', '.join(training)}" if training else line

    def description(self):
        """The builder and its space as text, to tell two studies apart."""
        space = {name: describe(value) for name, value in self.space.items()}
        return {"build": described(self.builder), **space}

    def _draw(self, hp):
        return {
            name: value.draw(hp, name, self._default(name)) if isinstance(value, RANGES) else value
            for name, value in self.space.items()
        }

    def _default(self, name):
        """The builder's own default; where that is None, that of the recipe's own space, or, for a
        learning rate, of the optimizer of the first trial.
        """
        default = self.defaults.get(name, TRAINING.get(name))
        if default is not None:
            return default
        recipe = next((space for build, space in SPACES.items() if build is self.builder), {})
        default = getattr(recipe.get(name), "default", None)
        if name != "learning_rate":
            return default
        own = self.defaults.get("optimizer")
        optimizer = self.space.get("optimizer", own)
        if isinstance(optimizer, RANGES):
            optimizer = optimizer.start(own)
        return default if default and optimizer == own else _rate_of(optimizer)

    def _options(self, name):
        """A name with the values of a list where the builder's default is one plain value."""
        value = self.space[name]
        value = value.tolist() if hasattr(value, "tolist") else value
        listed = isinstance(value, (list, tuple)) and isinstance(self.defaults.get(name), PLAIN)
        return name, list(value) if listed else []

    def trains(self, name):
        """Whether a name of the space is of the training."""
        return name in TRAINING and name not in self.defaults


class HyperFunction(keras_tuner.HyperModel):
    """The hypermodel of a function of `hp`, as Keras Tuner's own tuners take it."""

    def __init__(self, function):
        super().__init__(name=name_of(function))
        self.function = function

    def build(self, hp):
        return self.function(hp)


def from_function(build):
    """`build`, or the hypermodel of it where its one argument is `hp`."""
    if isinstance(build, keras_tuner.HyperModel):
        return build
    bound = build.keywords if isinstance(build, functools.partial) else ()
    names = [name for name in inspect.signature(build).parameters if name not in bound]
    return HyperFunction(build) if names == ["hp"] else build


class ForeignModel(keras_tuner.HyperModel):
    """A user's `keras_tuner.HyperModel` as it is, with what `search` asks of one beside it."""

    searched = None  # known only by building
    positional = ()
    numbers = ()
    space: dict[str, object] = {}
    listed: dict[str, list] = {}

    def __init__(self, model):
        super().__init__(name=model.name or name_of(model))
        self.model = model
        self.sets: set[str] = set()  # arguments that its fit gives to `model.fit`

    def declare_hyperparameters(self, hp):
        self.model.declare_hyperparameters(hp)

    def build(self, hp):
        return self.model.build(hp)

    def fit(self, hp, model, x, y=None, *, seed=None, **kwargs):
        """The user's own; what it gives to `model.fit` itself stands before what we would give."""
        if self.reports_epochs:
            x, order = in_order(x, seed)
            kwargs |= order
        data = (x,) if y is None else (x, y)
        while True:
            given = {name: value for name, value in kwargs.items() if name not in self.sets}
            try:
                return self.model.fit(hp, model, *data, **given)
            except TypeError as error:
                twice = GIVEN_TWICE.search(str(error))
                if twice is None or twice[1] not in given:
                    raise
                self.sets.add(twice[1])

    def values_of(self, position, arguments):
        """The values that its build asks for: those given, the defaults for the others."""
        hp = _Given(position, arguments)
        self.declare_hyperparameters(hp)
        with contextlib.suppress(keras_tuner.errors.FailedTrialError):
            self.build(hp)
        asked = {knob.name for knob in hp.space}
        if self.reports_epochs:  # else its fit may ask for more
            _checks.known_names(f"start_from[{position}]", arguments, asked)
        return {k: v for k, v in hp.values.items() if k not in asked or hp.is_active(k)}

    def arguments(self, hp):
        """The values themselves, without those that Hyperband adds."""
        return {name: value for name, value in hp.values.items() if name[:6] != "tuner/"}

    knobs = arguments

    def training(self, hp):
        return {}

    def line(self, hp):
        """None: no line of Python builds it."""

    def description(self):
        function = isinstance(self.model, HyperFunction)
        return {"build": described(self.model.function) if function else self.name}

    @property
    def reports_epochs(self):
        """Whether training is Keras's own, which reports every epoch."""
        return type(self.model).fit is keras_tuner.HyperModel.fit


class _Given(keras_tuner.HyperParameters):
    """Has values before it is asked for them, and refuses one that is not in its range."""

    def __init__(self, position, values):
        super().__init__()
        self.values = dict(values)
        self.given = position, set(values)

    def _register(self, hyperparameter, overwrite=False):
        position, names = self.given
        if hyperparameter.name in names and self.is_active(hyperparameter):
            _proposals.check_start(position, hyperparameter, self.values[hyperparameter.name])
        return super()._register(hyperparameter, overwrite)


def _is_recipe(builder):
    """Whether a builder, or what it binds arguments of, is one of this package's."""
    source = getattr(builder, "func", builder)
    return source is getattr(recipes, getattr(source, "__name__", ""), None)


def _rate_of(optimizer):
    """The learning rate that an optimizer has by itself; None where no name tells."""
    if isinstance(optimizer, str):
        rate = make_optimizer(optimizer).learning_rate
        return float(f"{float(keras.ops.convert_to_numpy(rate)):.6g}")
