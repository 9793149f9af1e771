"""Checks of several objectives, of knobs of the training and of what is asked of a study."""

import re

from tuning._checks import count
from tuning._fronts import number_of


def objectives(asked, measured):
    """At least one, none twice, the first of them a value of the epochs."""
    names = [str(getattr(one, "name", one)) for one in asked]
    if not names:
        raise ValueError("objective must name at least one. Received: objective=[].")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"objective must name each one once. Received: {name!r} twice.")
    if names[0] in measured:
        rest = [name for name in names if name not in measured]
        raise ValueError(
            f"objective must begin with a value that the epochs report, which tells the best of "
            f"them. Received: {names[0]!r}, of which a model has one. "
            f"Did you mean {[*(rest or ['val_loss']), *(n for n in names if n in measured)]}?"
        )


def with_several_objectives(name, value, allowed):
    """An argument that knows of several objectives."""
    if value not in allowed:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, allowed))} with several objectives. "
            f"Received: {name}={value!r}."
        )


def several(owner, names):
    """The study has several objectives."""
    if len(names) < 2:
        raise ValueError(
            f"{owner} needs several objectives. Received: {names[0]!r} alone. "
            f"Example: objective=[{names[0]!r}, 'parameters']."
        )


def trial(number, trials):
    """The trial of that number."""
    number = count("trial", number)
    if number not in trials:
        raise ValueError(f"trial must be one of 1 to {max(trials)}. Received: trial={number}.")
    return trials[number]


def kept(number, weights, best):
    """The weights of a trial are on disk."""
    if not weights:
        raise ValueError(
            f"trial must be one of the best {best} or of the Pareto front: the weights of others "
            f"are not kept. Received: trial={number}. Its code() builds it untrained."
        )


def found(number, weights, folder, temporary, own_fit):
    """The weights of one of the best trials are still where they were written."""
    if weights:
        return
    where = (
        "in the folder of an earlier call, which is gone. Give directory=... to keep them"
        if temporary
        else f"in another folder than {str(folder)!r}. Give the directory of that call"
    )
    hint = (
        ", and let the fit of its HyperModel pass its callbacks on to model.fit"
        if own_fit
        else f". Without them code({number}) builds the model, untrained"
    )
    raise FileNotFoundError(
        f"trial {number} must have its weights. Received: none; they lay {where}{hint}."
    )


def constant(position, name, expected, value, unchanged):
    """A start has a constant of the search as it is."""
    if not unchanged:
        raise ValueError(
            f"start_from[{position}][{name!r}] must be {expected!r}, which is no range in this "
            f"search. Received: {value!r}. Leave it out, or give {name!r} a range in space."
        )


def start_value(position, knob, value, fits):
    """A value that the user would begin with is one that Keras Tuner's knob can have."""
    if not fits:
        raise ValueError(
            f"start_from[{position}][{knob.name!r}] must be a value of {knob!r}. "
            f"Received: {value!r}."
        )


def whole_knob(name, value, wrong):
    """A knob of whole numbers is no range of other things."""
    if isinstance(value, wrong):
        raise TypeError(
            f"{name} must be an int, an Int or a Choice of ints. Received: {name}={value!r}. "
            "Did you mean Int(8, 64, step=8)?"
        )


def same_size(trial, trained, made):
    """The builder has made again, with all its layers, the model whose weights were kept."""
    if made != trained:
        raise ValueError(
            "build must make the model that was trained. Received: one of "
            f"{made:,} parameters for trial {number_of(trial)}, which had {trained:,.0f}. "
            "Is the builder the same, and does the model's call make all its layers?"
        )


def no_class(name, value, ranges):
    """A range, not its class, which a builder would be given as it is."""
    if isinstance(value, type) and issubclass(value, ranges):
        kind = value.__name__
        made = {"Boolean": "", "Choice": "first, second"}.get(kind, "low, high")
        raise TypeError(
            f"space[{name!r}] must be a range or a constant. Received: the class {kind}. "
            f"Did you mean {kind}({made})?"
        )


def hint_at_ranges(error, listed, names):
    """Note beside a builder's error which lists it was given where it takes one value.

    An error that speaks of some of `names`, the arguments, is about no others.
    """
    told = {name for name in names if re.search(rf"\b{name}\b", str(error))}
    for name, options in listed.items():
        if told and name not in told:
            continue
        hint = f"Choice({', '.join(map(repr, options))})"
        numbers = len(options) == 2 and {type(one) for one in options} <= {int, float}
        if numbers and options[0] < options[1]:
            whole = all(isinstance(one, int) for one in options)
            hint += f", or {'Int' if whole else 'Float'}({options[0]}, {options[1]})"
        error.add_note(f"A list in a space is one value. To search {name!r}, give {hint}.")


def class_weight(classes):
    """Targets of classes, one array."""
    if not classes:
        raise ValueError(
            "class_weight needs y as one array of classes or labels. Received: numbers, or batches "
            "that are not counted. Leave class_weight out of the space."
        )


def augmentation(rank, known):
    """Rows for which there is an augmentation outside of the model."""
    if rank not in known:
        raise ValueError(
            "augmentation needs x as one array of tables, series or images, or a builder with an "
            f"argument of this name. Received: rows of rank {rank}. Leave it out of the space."
        )
