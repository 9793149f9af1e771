"""Checks of a search's arguments, beside those of `recipes._checks`, with the same error text."""

import keras
import numpy as np

from recipes._checks import (
    TASKS,
    array,
    count,
    counts,
    file,
    flag,
    folder,
    fraction,
    known_names,
    number,
    one_of,
    positive,
    same_rows,
    seed,
    shape,
    targets,
    text,
)
from recipes.diagnosis import Diagnosis

__all__ = [
    "TASKS",
    "array",
    "bounds",
    "builder",
    "callbacks",
    "compiled",
    "count",
    "counts",
    "depth",
    "diagnosis",
    "direction",
    "enough_trials",
    "file",
    "flag",
    "folder",
    "folds",
    "folds_of_keras",
    "fraction",
    "hypermodel_alone",
    "in_use",
    "installed",
    "known_names",
    "lies_in",
    "no_epochs",
    "not_free",
    "number",
    "objective",
    "one_of",
    "options",
    "optuna_only",
    "positive",
    "repeated_name",
    "required",
    "same_rows",
    "same_study",
    "seed",
    "shape",
    "space",
    "start",
    "starts",
    "targets",
    "text",
    "validation",
]


def bounds(owner, low, high, *, step=None, log=False):
    """low < high, whole steps between them, and above 0 on a logarithmic scale."""
    flag("log", log)
    received = f"Received: low={low}, high={high}"
    if low >= high:
        raise ValueError(
            f"{owner} must have low below high. {received}. For one value give it as a constant."
        )
    if log and low <= 0:
        smallest = high / 1000 if step is None else 1
        begin = f"Begin at the smallest value that may matter, such as low={smallest:g}, or leave"
        raise ValueError(
            f"{owner} must have low above 0 with log=True. {received}. "
            f"{begin if smallest < high else 'Leave'} out log=True."
        )
    if step is None:
        return
    count("step", step)
    if log and step != 1:
        raise ValueError(f"{owner} must have step=1 with log=True. Received: step={step}.")
    if (high - low) % step:
        raise ValueError(
            f"{owner} must reach high in whole steps from low. {received}, step={step}. "
            f"Did you mean high={high - (high - low) % step}?"
        )


def lies_in(owner, default, start):
    """`default` is None or a value of the range, whose nearest value is `start`."""
    if default is not None and default != start:
        raise ValueError(
            f"{owner} must have a default in its range. Received: default={default!r}, "
            f"the nearest is {start!r}."
        )


def options(owner, value):
    """At least two options that can be told apart."""
    for option in value:
        if getattr(option, "ndim", 0):
            single = f"Its values as options: {owner}(*array.tolist())"
            each = "Give each as a tuple: tuple(array.tolist())"
            raise TypeError(
                f"{owner} must have options that can be told apart by ==. Received: an array of "
                f"shape {tuple(option.shape)}. {single if len(value) == 1 else each}."
            )
    names = [repr(option) for option in value]
    if len(names) < 2:
        raise ValueError(
            f"{owner} must have at least two options. Received: {', '.join(names) or 'none'}. "
            "For one value give it as a constant."
        )
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{owner} must have options that differ. Received: {name} twice.")


def depth(value):
    """(fewest, most) layers."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"depth must be (fewest, most) layers. Received: depth={value!r}.")
    fewest = count("depth", value[0], minimum=0)
    most = count("depth", value[1])
    if fewest > most:
        raise ValueError(f"depth must be (fewest, most) layers. Received: depth={value}.")
    return fewest, most


def space(owner, value):
    """A dict from names to ranges and constants."""
    if value is None:
        raise ValueError(
            f"space must be given for {owner}, which has none of its own. "
            "Example: space={'units': Int(8, 64)}."
        )
    if not isinstance(value, dict):
        raise TypeError(f"space must be a dict from names to ranges. Received: space={value!r}.")
    if not value:
        raise ValueError(
            f"space must hold at least one name. Received: space={{}}. None is that of {owner}."
        )


def required(owner, names, given):
    """Every argument of `owner` that has no default is given."""
    for name in names:
        if name not in given:
            hint = f"{name}=... or y, to take it from" if name == "outputs" else f"{name} in space"
            raise ValueError(f"{owner} needs its argument {name!r}. Received: none. Give {hint}.")


def validation_or_folds(validation, folds, groups):
    """One way to score a trial."""
    if validation is not None and folds is not None:
        raise ValueError(
            "validation must be None where folds are given: each fold is held out in its turn. "
            f"Received: validation={_short(validation)}, folds={_short(folds)}."
        )
    if groups is not None and folds is None:
        raise ValueError(
            f"groups needs folds, such as folds=5. Received: folds=None, groups={_short(groups)}."
        )


def folds(value):
    """No name: `search` has none for its folds."""
    if isinstance(value, str):
        raise TypeError(
            "folds must be an int, a scikit-learn splitter or a list of (training rows, held-out "
            f"rows). Received: folds={value!r}. For series use TimeSeriesSplit(5)."
        )


def folds_of_keras(folds, reported):
    """A hypermodel that trains in its own way does not say what a fold scored."""
    if folds is not None and reported is None:
        raise ValueError(
            "folds needs a HyperModel whose fit is Keras Tuner's own. Received: one with a fit of "
            "its own. Cross-validate in that, and return the mean."
        )


def _short(value):
    """A value in a message; of arrays and lists the kind."""
    plain = value is None or isinstance(value, (int, float, str))
    return repr(value) if plain else f"a {type(value).__name__}"


def validation(value):
    """A share of the rows, or (x_val, y_val), or (x_val,) where there is no y."""
    if isinstance(value, (tuple, list)):
        if len(value) not in (1, 2):
            raise ValueError(
                "validation must be a share of the rows or (x_val, y_val). "
                f"Received: {len(value)} parts."
            )
        return tuple(value)
    return fraction("validation", value)


def compiled(owner, value):
    """What a builder returned is a compiled keras.Model."""
    if not isinstance(value, keras.Model):
        raise TypeError(
            f"{owner} must return a keras.Model. Received: {value!r}. Did it forget to return?"
        )
    if not value.compiled:
        raise ValueError(
            f"{owner} must return a compiled model. Received: {value.name!r}, which is not. "
            "Call model.compile(...) in it."
        )


def objective(name, names):
    """The name of a value that every epoch reports."""
    return one_of("objective", name, sorted(names))


def direction(name, value):
    """ "min" or "max", which the name of the objective has told."""
    if value is None:
        raise ValueError(
            "objective must say whether high or low is better. "
            f"Received: objective={name!r}, whose name does not tell. "
            f"Did you mean keras_tuner.Objective({name!r}, 'max')?"
        )
    return value


def repeated_name(name, first, second):
    """The error for a hyperparameter that is asked for twice, with different ranges."""
    return ValueError(
        f"hp names must be asked for with one range each. Received: {name!r} as {first!r} and as "
        f"{second!r}; Keras Tuner would ignore the second. Give one of them another name."
    )


def hypermodel_alone(**given):
    """A `keras_tuner.HyperModel` brings its space and shapes itself."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} must be None where build is a keras_tuner.HyperModel, which brings its "
                f"own. Received: {name}={value!r}."
            )


def diagnosis(value):
    """What `recipes.diagnose` returned."""
    if not isinstance(value, Diagnosis):
        raise TypeError(
            "diagnosis must be what recipes.diagnose returned. "
            f"Received: {type(value).__name__}. Use narrow(build, diagnose(history))."
        )


def builder(value):
    """A function, or the instance of a hypermodel."""
    if not callable(value) and not hasattr(value, "declare_hyperparameters"):
        raise TypeError(
            "build must be a function that returns a compiled model, or a keras_tuner.HyperModel. "
            f"Received: build={value!r}."
        )
    if isinstance(value, type):
        raise TypeError(
            f"build must be a function or an instance. Received: the class {value.__name__!r}. "
            f"Did you mean {value.__name__}()?"
        )


def no_epochs(engine, searched):
    """Hyperband sets the epochs of each trial itself."""
    if engine == "keras-hyperband" and "epochs" in searched:
        raise ValueError(
            "space must not hold 'epochs' with engine='keras-hyperband', which sets them itself. "
            "Received: both. Give the most as epochs=..."
        )


def callbacks(value):
    """A list of callbacks, or a function that makes one; returns the function."""
    if isinstance(value, keras.callbacks.Callback) or not (
        callable(value) or isinstance(value, (tuple, list))
    ):
        raise TypeError(
            "callbacks must be a list of callbacks, or a function that makes one for each trial. "
            f"Received: callbacks={value!r}."
        )
    made = value() if callable(value) else value
    if not hasattr(made, "__iter__"):
        kind = type(made).__name__
        raise TypeError(
            "callbacks must be a list of callbacks, or a function that makes one for each trial. "
            f"Received: a function that returns {kind}. Did you mean lambda: [{kind}(...)]?"
        )
    for item in made:
        if not isinstance(item, keras.callbacks.Callback):
            raise TypeError(f"callbacks must hold keras Callbacks. Received: {item!r}.")
    return value if callable(value) else lambda: list(value)


def not_free(directory, trials, damaged):
    """The error for a folder without a study that holds something where the trials would be."""
    about, fix = f"which has no study.json, but {trials.name!r}", ""
    if damaged:
        about, fix = "whose study.json is damaged", ", or overwrite=True to delete the study"
    return ValueError(
        f"directory must be new, or hold a study. Received: {str(directory)!r}, {about}. "
        f"Choose another directory{fix}."
    )


def same_study(directory, found, wanted):
    """The study in a folder is the one that is to be resumed."""
    differs = [name for name in wanted if found.get(name) != wanted[name]]
    if differs:
        name = differs[0]
        raise ValueError(
            "directory or storage must be new, or hold this very study to go on with. "
            f"Received: {str(directory)!r}, whose study has another {', another '.join(differs)} "
            f"({found.get(name)!r}, not {wanted[name]!r}). "
            "Choose another directory or name, or overwrite=True to delete it."
        )


def installed(package, for_what):
    """A package that only some of the engines need."""
    import importlib.util

    if importlib.util.find_spec(package) is None:
        raise ImportError(f"{for_what} needs the package {package!r}: pip install {package}")


def optuna_only(engine, **given):
    """Arguments that Keras Tuner's own engines know nothing of."""
    for name, value in given.items():
        if value not in (None, ()):
            raise ValueError(
                f"{name} needs one of Optuna's engines, such as 'tpe'. "
                f"Received: {name}={value!r}, engine={engine!r}."
            )


def start(position, name, range_, value, nearest):
    """A value that the user would begin with lies in its range."""
    if value != nearest and not (
        isinstance(value, (int, float)) and abs(value - nearest) <= 0.01 * abs(nearest)
    ):
        raise ValueError(
            f"start_from[{position}][{name!r}] must lie in {range_!r}. "
            f"Received: {value!r}, the nearest is {nearest!r}."
        )


def starts(value):
    """A list of dicts, numbers of NumPy in them as plain ones."""
    listed = isinstance(value, (list, tuple)) and all(isinstance(item, dict) for item in value)
    if not listed:
        raise TypeError(
            "start_from must be a list of dicts from names to values. "
            f"Received: start_from={value!r}. Example: start_from=[{{'dropout': 0.2}}]."
        )
    return [{k: v.item() if isinstance(v, np.generic) else v for k, v in d.items()} for d in value]


def enough_trials(owner, found, needed):
    """As many completed trials as a summary of them needs."""
    if found < needed:
        raise ValueError(f"{owner} needs {needed} completed trials. Received: {found}.")


def in_use(directory):
    """The error for a second process on a folder of Keras Tuner's engines."""
    return ValueError(
        f"directory must not be in use. Received: {str(directory)!r}, where another process is "
        "searching. Keras Tuner's engines cannot share it; 'tpe' and Optuna's others can."
    )
