"""A trial over folds: `run_folds` trains a model in each, and reports their mean fold by fold."""

import functools
import math
import time
from pathlib import Path

import keras_tuner
import numpy as np

from recipes._steps import take
from tuning._watch import Watch, are_whole, save_weights

FOLD_WEIGHTS = "fold_{}.weights.h5"


def run_folds(tuner, trial, x, y, *, seed=None, validation_data=None, **kwargs):
    """A model a fold on one compiled step; the folds that a killed process had done stay done.

    Args:
        tuner: the `LeanTuner`, with its folds.
        trial: the running one.
        x, y: all rows.
        seed, kwargs: for the hypermodel's `fit`.
        validation_data: not used: each fold has its own.

    Returns:
        list of dicts, what the best epoch of each fold reported.
    """
    folder = Path(tuner.get_trial_dir(trial.trial_id))
    known = dict(enumerate(tuner.oracle.folds_of(trial.trial_id)))
    done: list[dict] = []
    for number, (train, held) in enumerate(tuner.folds):
        path = folder / FOLD_WEIGHTS.format(number)
        if number not in known or not are_whole(path):
            model = tuner.fresh_model(trial, seed)
            tuner.look_at(trial, model, x)
            watch = Watch(tuner, trial, functools.partial(_on_epoch, tuner))
            tuner.hypermodel.fit(
                trial.hyperparameters,
                model,
                take(x, train),
                take(y, train),
                validation_data=(take(x, held), take(y, held)),
                callbacks=[*tuner.callbacks_of(trial, number), watch],
                seed=seed,
                **kwargs,
            )
            known[number] = _logs(watch, number)
            save_weights(model, watch.weights, path)
        done.append(known[number])
        _report(tuner, trial, done)
        if tuner.ended:
            break
    return done


def _logs(watch, number):
    """What the best epoch reported, with the seconds and the number of all of them."""
    if not math.isfinite(watch.best):
        message = f"{watch.objective.name} was not finite in any epoch of fold {number}."
        raise keras_tuner.errors.FailedTrialError(message)
    whole = {"seconds": time.monotonic() - watch.started, "epochs": watch.epochs}
    return {name: float(value) for name, value in {**watch.logs, **whole}.items()}


def _on_epoch(tuner, trial, model, epoch, logs, last):
    """End a training that is lost or out of time."""
    tuner.progress.epoch(trial, epoch)
    if not math.isfinite(logs.get("loss", 0.0)):
        model.stop_training = True
    elif not last and tuner.time_is_up():
        tuner.ended = "STOPPED"
        model.stop_training = True


def _report(tuner, trial, done):
    """Tell the oracle the means so far; end a trial that is not worth another fold."""
    means = {name: float(np.mean([logs[name] for logs in done])) for name in done[0]}
    for name in ("seconds", "epochs"):
        means[name] = float(sum(logs[name] for logs in done))
    means["fold"] = done[-1][tuner.oracle.objective.name]
    tuner.oracle.keep_folds(trial.trial_id, done)
    reported = tuner.oracle.update_trial(trial.trial_id, means, step=len(done) - 1)
    if len(done) < len(tuner.folds) and not tuner.ended:
        if reported.status == "PRUNED":
            tuner.ended = "PRUNED"
        elif tuner.time_is_up():
            tuner.ended = "STOPPED"
