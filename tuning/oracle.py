"""The engines: Keras Tuner's four oracles, which start from the defaults and may be killed.

`make_oracle(engine, ...)` gives one by name. What they share is `Durable`: the first trial is the
builder's own defaults, every file is replaced in one step, and a killed search goes on from what
the folder holds.
"""

import json
import os
import warnings
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial

# Random draws that were seen before, until a space counts as used up. Keras Tuner's 20 gives up
# on small spaces long before they are.
MAX_REPEATS = 1000


def make_oracle(engine, objective, *, max_trials, epochs, seed):
    """The oracle of that name: "random", "bayesian", "hyperband" or "grid"."""
    # Keras Tuner takes seed 0 for "no seed".
    seed = None if seed is None else seed + 1
    if engine == "hyperband":
        # None: bracket after bracket until max_trials ends it.
        oracle = Hyperband(objective, max_epochs=epochs, hyperband_iterations=None, seed=seed)
    elif engine == "bayesian":
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

    def _random_values(self):
        """The defaults first, then random draws: the random trials of three of the engines."""
        if self.trials:
            return super()._random_values()
        space = self.get_space()
        return {hp.name: hp.default for hp in space.space if space.is_active(hp)}

    def save(self):
        """Write the sampler's state; trials have files of their own."""
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        write_json(Path(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state())

    def reload(self):
        """Go on from the folder: the trials' own files decide what is done.

        A trial that was running runs again from its start; one whose file cannot be read counts as
        failed. Without a readable oracle.json the sampler starts anew, and repeats no trial.
        """
        trials = self._read_trials()
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


ENGINES = {"random": Random, "bayesian": Bayesian, "hyperband": Hyperband, "grid": Grid}

_ENDED = ("COMPLETED", "FAILED")


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
