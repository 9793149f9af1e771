"""Before any training: does the first model build and run, and what can be its score?"""

import re

import keras_tuner

from tuning import _checks, _study_checks
from tuning.ranges import RANGES

# Knobs that change the loss itself: with them one trial's loss says nothing about another's.
LOSS_KNOBS = {
    "kl_weight",
    "l1",
    "l2",
    "label_smoothing",
    "loss",
    "penalty",
    "sparsity",
    "sparsity_weight",
}

# Keras Tuner's own guess minimises F1 and R2, and knows nothing of a user's metric.
HIGHER_IS_BETTER = re.compile(
    r"acc|auc|precision|recall|sensitivity|specificity|f1|fbeta|f_beta|iou|r2|dice|similarity|"
    r"positives_rate|kappa|correlation|matthews"
)
LOWER_IS_BETTER = re.compile(
    r"loss|error|entropy|divergence|deviance|mse|mae|mape|msle|rmse|logcosh|log_cosh|perplexity|"
    r"hinge|poisson|kl|distance|false"
)

# What is measured of a trial's model beside the values of its epochs.
MEASURED = {"parameters": "min", "latency": "min"}

ROWS = 2  # of the first pass


def first_pass(hypermodel, data):
    """Build the first model and run a few rows through it; the names that epochs will report.

    Returns None where the hypermodel trains in its own way and reports what it likes.
    """
    hp = _StrictHyperParameters()
    try:
        model = hypermodel.build(hp)
    except Exception as error:
        _study_checks.hint_at_ranges(error, hypermodel.listed, hypermodel.space)
        raise
    _checks.compiled(hypermodel.name, model)
    if not hypermodel.reports_epochs:
        return None
    model.run_eagerly = True  # nothing to trace for a few rows
    try:
        logs = model.test_on_batch(*data.sample(ROWS), return_dict=True)
    except Exception as error:
        error.add_note("Raised by the first model on the first rows, before the search began.")
        raise
    return [*logs, *(f"val_{name}" for name in logs)]


def choose_objectives(objective, names, space):
    """A `keras_tuner.Objective` for each that the user asked for, one or a list of them.

    Args:
        objective: name, `keras_tuner.Objective` or None; or a list of them.
        names: names that epochs report, or None where they are not known.
        space: dict, for the objective in the place of None.
    """
    asked = list(objective) if isinstance(objective, (list, tuple)) else [objective]
    _study_checks.objectives(asked, MEASURED)
    first, *others = asked
    return [
        _choose(first, names, space),
        *(_choose(other, names and [*names, *MEASURED], space) for other in others),
    ]


def _choose(objective, names, space):
    if objective is None:
        metrics = [name for name in names or () if name.startswith("val_") and name != "val_loss"]
        searched = {name for name, value in space.items() if isinstance(value, RANGES)}
        objective = metrics[0] if metrics and searched & LOSS_KNOBS else "val_loss"
    if isinstance(objective, keras_tuner.Objective):
        _checks.one_of("objective.direction", objective.direction, ("min", "max"))
        if names:
            _checks.objective(objective.name, names)
        return objective
    if names:
        _checks.objective(objective, names)
    return keras_tuner.Objective(objective, _checks.direction(objective, direction_of(objective)))


def direction_of(name):
    """ "max" or "min" for a metric's name; None where the name does not say.

    >>> direction_of("val_f1_score"), direction_of("val_mae"), direction_of("val_fun")
    ('max', 'min', None)
    """
    if name in MEASURED or LOWER_IS_BETTER.search(name):
        return "min"
    return "max" if HIGHER_IS_BETTER.search(name) else None


class _StrictHyperParameters(keras_tuner.HyperParameters):
    """Refuses a name that comes twice with different ranges: the second would be ignored."""

    def _retrieve(self, hp):
        for known in self._hps[hp.name]:
            if known.conditions == hp.conditions and known.get_config() != hp.get_config():
                raise _checks.repeated_name(hp.name, known, hp)
        return super()._retrieve(hp)
