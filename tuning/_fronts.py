"""What trials are called, why some failed, what they reached, and which no other one beats."""

import math


def number_of(trial):
    """A trial's number, as the leaderboard and the progress line count: from 1."""
    return int(trial.trial_id) + 1


def reason_of(trial):
    """Why a trial has failed or was skipped, in a line; None for others."""
    return trial.message.strip().splitlines()[-1] if trial.message else None


def values_of(trial, objectives):
    """The value of each objective at the trial's best epoch, NaN where there is none."""
    return [_value(trial, objective.name) for objective in objectives]


def front_of(trials, objectives):
    """Those of `trials` than which no other is as good in all objectives and better in one.

    The order stays; of several with the same values all are kept.
    """
    signs = [1 if objective.direction == "min" else -1 for objective in objectives]
    costs = [
        [sign * value for sign, value in zip(signs, values_of(trial, objectives), strict=True)]
        for trial in trials
    ]
    return [
        trial
        for trial, own in zip(trials, costs, strict=True)
        if not any(_beats(other, own) for other in costs)
    ]


def _beats(other, own):
    return other != own and all(a <= b for a, b in zip(other, own, strict=True))


def _value(trial, name):
    metrics = trial.metrics.metrics
    if trial.best_step is None or name not in metrics:
        return math.nan
    history = metrics[name].get_history()
    return next((float(one.mean()) for one in history if one.step == trial.best_step), math.nan)
