"""Keras Tuner's own four oracles, made to start from the defaults and to outlive a kill.

`make_oracle(engine, ...)` gives one by name; the default engine is in `optuna_oracle`. What they
share is `Durable`: the first trial is the builder's own defaults, every file is replaced in one
step, and a killed search goes on from what the folder holds. One process at a time.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial

from tuning import _checks

# Random draws that were seen before, until a space counts as used up. Keras Tuner's 20 gives up
# on small spaces long before they are.
MAX_REPEATS = 1000


def make_oracle(engine, objective, *, max_trials, epochs, seed):
    """The oracle of that name, one of `ENGINES`."""
    # Keras Tuner takes seed 0 for "no seed".
    seed = None if seed is None else min(seed + 1, 2**32 - 1)
    if engine == "keras-hyperband":
        # None: bracket after bracket until max_trials ends it.
        oracle = Hyperband(objective, max_epochs=epochs, hyperband_iterations=None, seed=seed)
    elif engine == "keras-bayesian":
        # Keras Tuner's own three random trials a knob often leave none for the model.
        points = max(3, max_trials // 3)
        oracle = Bayesian(objective, num_initial_points=points, seed=seed)
    else:
        oracle = ENGINES[engine](objective, seed=seed)
    oracle.max_trials = max_trials
    # The tuner decides when failures end a search.
    oracle.max_consecutive_failed_trials = None
    oracle._max_collisions = MAX_REPEATS
    oracle.verbose = 0
    return oracle


class Durable(keras_tuner.Oracle):
    """What every engine has beside its way of drawing; mixed in before a Keras Tuner oracle."""

    _lock: Any = None

    @property
    def objectives(self):
        """One, in a list, as Optuna's engines have it."""
        return [self.objective]

    def front(self):
        """The best trial, in a list."""
        return self.get_best_trials(1)

    def _random_values(self):
        """The defaults first, then random draws: the random trials of three of the engines."""
        if self.trials:
            return super()._random_values()
        space = self.get_space()
        return {hp.name: hp.default for hp in space.space if space.is_active(hp)}

    def end_trial(self, trial):
        """As Keras Tuner's; a trial that the time has stopped counts with the score it has."""
        stopped = trial.status == "STOPPED"
        if stopped:
            trial.status = "COMPLETED"
        super().end_trial(trial)
        own = self.trials[trial.trial_id]
        if stopped and own.status == "COMPLETED":
            own.status = "STOPPED"
            self._save_trial(own)

    def get_best_trials(self, num_trials=1):
        """The best trials that have a score, the earlier of two equal ones first."""
        ranked = [t for t in self.trials.values() if t.status in _SCORED]
        ranked.sort(key=lambda t: t.score, reverse=self.objective.direction == "max")
        return ranked[:num_trials]

    def forgive(self):
        """Nothing: `reload` does it."""

    def stop(self):
        """Begin no trial any more."""
        self.max_trials, self._retry_queue = len(self.trials), []

    def close(self):
        """The search is over: another process may go on."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _set_project_dir(self, directory, project_name):
        """As Keras Tuner's; two oracles on one folder would overwrite each other's trials."""
        super()._set_project_dir(directory, project_name)
        self._lock = lock(Path(directory, "lock"))
        if self._lock is None:
            raise _checks.in_use(directory)

    def save(self):
        """Write the sampler's state; trials have files of their own."""
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        write_json(Path(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state())

    def reload(self):
        """Go on from the folder: the trials' own files decide what is done.

        A trial that was running runs again from its start; one whose file cannot be read counts as
        failed. Without a readable oracle.json the sampler starts anew, and repeats no trial.
        Where nothing has worked yet, what failed runs again too: what was wrong may be mended.
        """
        trials = self._read_trials()
        if not any(trial.status in _SCORED for trial in trials):
            for trial in trials:
                if trial.hyperparameters.space:
                    trial.status, trial.message = "RUNNING", None
        self.trials = {trial.trial_id: trial for trial in trials}
        state = read_json(self._get_oracle_fname())
        if state is not None:
            known = [name for name in state["start_order"] if name in self.trials]
            self.set_state({**state, "start_order": known, "ongoing_trials": {}})
        self.start_order = list(self.trials)
        self.end_order = [trial.trial_id for trial in trials if trial.status in _ENDED]
        # Keras Tuner takes from the end of the queue.
        unfinished = [trial for trial in trials if trial.status not in _ENDED]
        self._retry_queue = [trial.trial_id for trial in reversed(unfinished)]
        for trial in unfinished:
            trial.metrics = type(trial.metrics)()
        for trial in trials:
            if trial.hyperparameters.space:
                self._record_values(trial)

    def _read_trials(self):
        """The trials in the folder by number; a broken one fails, with an empty space."""
        folders = sorted(Path(self._project_dir).glob("trial_*"), key=_trial_number)
        while folders and not (folders[-1] / "trial.json").exists():
            folders.pop()  # killed before it was more than a folder
        trials = []
        for folder in folders:
            state = read_json(folder / "trial.json")
            if state is not None:
                trials.append(Trial.from_state(state))
                continue
            message = f"{folder / 'trial.json'} could not be read."
            name = folder.name.removeprefix("trial_")
            trials.append(Trial(keras_tuner.HyperParameters(), name, "FAILED", message))
        return trials


class Random(Durable, keras_tuner.oracles.RandomSearchOracle):
    """Random search."""


class Bayesian(Durable, keras_tuner.oracles.BayesianOptimizationOracle):
    """Gaussian process with an upper confidence bound."""

    def populate_space(self, trial_id):
        with warnings.catch_warnings():
            # scikit-learn's notes on the process's own length scales say nothing to the user.
            warnings.simplefilter("ignore")
            return super().populate_space(trial_id)


class Hyperband(Durable, keras_tuner.oracles.HyperbandOracle):
    """Many short trainings, of which the best are trained on."""


class Grid(Durable, keras_tuner.oracles.GridSearchOracle):
    """Every combination, numbers in ten steps."""

    def reload(self):
        super().reload()
        # Keras Tuner does not save a grid's place: without it a resumed grid stops at once.
        known = [name for name in self.start_order if self.trials[name].hyperparameters.space]
        for trial_id in known:
            self._ordered_ids.insert(trial_id)
        self._populate_next = known[-1:]


ENGINES = {
    "keras-random": Random,
    "keras-bayesian": Bayesian,
    "keras-hyperband": Hyperband,
    "keras-grid": Grid,
}

_SCORED = ("COMPLETED", "STOPPED")
_ENDED = (*_SCORED, "FAILED")


def lock(path):
    """An open file that no other process can lock until it is closed; None where one has."""
    file = open(path, "w")  # noqa: SIM115
    if os.name == "posix":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
    return file


def write_json(path, value):
    """Write all of a file or nothing of it, also where the process is killed."""
    path = Path(path)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(value))
    os.replace(draft, path)


def read_json(path):
    """What a file holds; None where it is missing or broken."""
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return None


def _trial_number(folder):
    return int(folder.name.removeprefix("trial_"))
