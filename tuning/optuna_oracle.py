"""The default engines: a Keras Tuner oracle whose proposals and pruning are Optuna's.

The trials stand in a `Ledger`, a database that other processes may work on at the same time. This
oracle sees them through a copy in memory: the samplers and pruners read that copy, so a proposal
costs milliseconds, and what a sampler notes for itself never enters the database.
"""

import itertools
import math
import time
from random import SystemRandom

import keras_tuner
from keras_tuner.engine.trial import Trial

from tuning import _ledger, _proposals
from tuning._fronts import front_of, values_of

# Proposals that were seen before, until the first combination that was not is taken instead.
MAX_REPEATS = 30
# Seconds between two looks at whether another worker's trial has ended or died, the first and the
# longest: a look costs the database as much as a report.
LOOK, LONGEST_LOOK = 0.5, 2.0

# How a trial ended -> Optuna's word for it.
STATES = {
    "COMPLETED": "COMPLETE",
    "PRUNED": "PRUNED",  # worse than the others were at this epoch
    "STOPPED": "PRUNED",  # the time was up
    "SKIPPED": "PRUNED",  # too large
    "FAILED": "FAIL",
}
RANKED = ("COMPLETED", "STOPPED")


class OptunaOracle(keras_tuner.Oracle):
    """Optuna's proposals for Keras Tuner's tuners, over trials that other processes share.

    Args:
        engine: one of `_proposals.SAMPLERS`.
        objective: `keras_tuner.Objective`, or a list of them: the first ranks the trials and says
            which epoch counts.
        max_trials: places in the ledger that are to be filled.
        epochs: the most that a trial trains.
        pruner: one of `_proposals.PRUNERS`.
        seed: int, or None.
        ledger: `Ledger` of this study.
        first: list of dicts, the values of the first trials after the defaults.
        by_folds: a step is a fold and the last mean counts; else an epoch, of which the best does.
    """

    def __init__(
        self,
        engine,
        objective,
        *,
        max_trials,
        epochs,
        pruner,
        seed,
        ledger,
        first=(),
        by_folds=False,
    ):
        self.objectives = objective if isinstance(objective, list) else [objective]
        seed = None if seed is None else seed + 1
        super().__init__(self.objectives[0], max_trials=max_trials, seed=seed)
        self.verbose = 0
        self.engine = engine
        self.ledger = ledger
        self.first = list(first)
        self.by_folds = by_folds
        self.pruner = _proposals.make_pruner(pruner, epochs, by_folds)
        optuna = _ledger.quiet_optuna()
        self.memory = optuna.storages.InMemoryStorage()
        directions = _ledger.directions_of([one.direction for one in self.objectives])
        self.seen = optuna.create_study(storage=self.memory, directions=directions)
        self.trials: dict = {}
        self.ongoing_trials: dict = {}
        self._ids: dict[int, int] = {}  # number in the ledger -> id in memory
        self._own: dict[str, tuple] = {}  # running here: trial_id -> ids in ledger and memory
        self._deaths: dict[int, tuple] = {}  # as `Ledger.deaths` has them
        self._closed = False
        self._look = LOOK

    def create_trial(self, tuner_id):
        """The next trial; IDLE while only other workers' trials are running, then STOPPED."""
        lost = 0  # claims for which another worker was earlier
        while not self._closed:
            self.reload()
            free = [i for i in range(self.max_trials) if str(i) not in self.trials]
            if not free:
                break
            # Losers of one place would all meet again at the next: they spread, ever wider.
            place = free[SystemRandom().randrange(min(2**lost, len(free)))]
            values, deaths = self._deaths.get(place, (None, 0))
            in_memory = None
            if not deaths:
                values, in_memory = self._proposal(place)
            if values is None:  # the space is used up
                break
            trial_id = self._claim(place, values, in_memory)
            if trial_id is None:
                lost += 1
                continue
            trial = self.trials[trial_id]
            if deaths < _ledger.DEATHS:
                self._look = LOOK
                self.ongoing_trials[tuner_id] = trial
                return trial
            trial.status, trial.message = "FAILED", f"Its process died {deaths} times."
            self.end_trial(trial)
        # A call of more trials may run beside this one, at places that are none of this one's.
        ours = [trial for trial in self.trials.values() if int(trial.trial_id) < self.max_trials]
        others = any(trial.status == "RUNNING" for trial in ours)
        if others and not self._closed:
            time.sleep(self._look)
            self._look = min(2 * self._look, LONGEST_LOOK)
            return Trial(self.get_space(), None, "IDLE")
        return Trial(self.get_space(), None, "STOPPED")

    def update_trial(self, trial_id, metrics, step=0):
        """Report an epoch; the trial's status becomes PRUNED where it is not worth going on."""
        trial = super().update_trial(trial_id, metrics, step)
        value = metrics.get(self.objective.name, math.nan)
        # With several objectives one of them says nothing about what is worth going on.
        if math.isfinite(value) and len(self.objectives) == 1:
            in_ledger, in_memory = self._own[trial_id]
            self.ledger.report(in_ledger, step, float(value))
            self.memory.set_trial_intermediate_value(in_memory, step, float(value))
            if self.pruner.prune(self.seen, self.memory.get_trial(in_memory)):
                trial.status = "PRUNED"
        return trial

    def end_trial(self, trial):
        """Score the trial and write down how it ended."""
        own = self.trials[trial.trial_id]
        own.hyperparameters, own.message = trial.hyperparameters, trial.message
        own.status = "FAILED" if trial.status == "INVALID" else trial.status
        self.update_space(own.hyperparameters)
        if own.metrics.exists(self.objective.name):
            self.score_trial(own)
        values = values_of(own, self.objectives)
        if own.status in RANKED and not all(map(math.isfinite, values)):
            own.status = "FAILED"
        in_ledger, in_memory = self._own.pop(own.trial_id)
        self.ongoing_trials = {k: v for k, v in self.ongoing_trials.items() if v is not own}
        values = values if own.status == "COMPLETED" else None
        try:
            self.ledger.finish(in_ledger, STATES[own.status], values, _record(own))
        except _ledger.LostError:
            del self.trials[own.trial_id]  # whoever took it over will end it
            return
        _settle(self.memory, in_memory, STATES[own.status], values)
        self.end_order.append(own.trial_id)

    def score_trial(self, trial):
        """The best epoch counts, or the mean over the folds so far."""
        super().score_trial(trial)
        if self.by_folds:
            last = trial.metrics.metrics[self.objective.name].get_history()[-1]
            trial.score, trial.best_step = last.mean(), last.step

    def keep_folds(self, trial_id, scores):
        """Write down what each fold reported, so that a killed trial goes on behind them."""
        self.ledger.note(self._own[trial_id][0], "folds", scores)

    def folds_of(self, trial_id):
        """What the folds of this trial reported before its process died, [] where none had."""
        return self.ledger.last_note(int(trial_id), "folds") or []

    def get_best_trials(self, num_trials=1):
        """The best trials that have a score, the earlier of two equal ones first."""
        ranked = [trial for trial in self.trials.values() if trial.status in RANKED]
        ranked.sort(key=lambda trial: int(trial.trial_id))
        ranked.sort(key=lambda trial: trial.score, reverse=self.objective.direction == "max")
        return ranked[:num_trials]

    def front(self):
        """The trials that no other one beats in every objective, the best in the first one first.

        With one objective that is the best trial.
        """
        ranked = self.get_best_trials(len(self.trials))
        return front_of(ranked, self.objectives) if len(self.objectives) > 1 else ranked[:1]

    def forgive(self):
        """Try failed trials again, where nothing has worked: what was wrong may be mended."""
        self.ledger.forgive()

    def stop(self):
        """Begin no trial any more."""
        self._closed = True

    def close(self):
        """The search is over, however it ended."""
        self.ledger.close()

    def reload(self):
        """Take in what other processes have written, and free the places of dead ones."""
        rows = self.ledger.bury()
        places, self._deaths = self.ledger.places(rows), self.ledger.deaths(rows)
        for place, found in places.items():
            trial_id = str(place)
            if trial_id in self._own:
                continue
            known = self.trials.get(trial_id)
            ended = known and known.status == "RUNNING" and found.state.is_finished()
            if known is None or ended:
                self.trials[trial_id] = self._restored(trial_id, found)
            self._remember(found)
        for trial_id in [name for name in self.trials if int(name) not in places]:
            if trial_id not in self._own:
                del self.trials[trial_id]
        self.trials = dict(sorted(self.trials.items(), key=lambda item: int(item[0])))
        self.start_order = list(self.trials)

    def save(self):
        """Nothing: every change stands in the ledger at once."""

    def _save_trial(self, trial):
        """Nothing, as in `save`."""

    def _proposal(self, place):
        """Values that nobody has tried, None where there are none, and their id in memory."""
        space = self.get_space()
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        own = [_proposals.begun(space, values, i) for i, values in enumerate(self.first)]
        known = [_proposals.defaults(space), *own]
        if self.engine == "tpe":
            known += _proposals.faster(space, known[0])
        if place < len(known) and known[place] not in tried:
            return known[place], None
        late = [values for values in own if values not in tried]  # of a study that goes on
        if late and place >= len(known):
            return late[0], None
        if self.engine == "grid":
            return self._untried(space, tried), None
        # A sampler of its own for every place: a resumed search draws what an unbroken one would.
        seed = (self.seed * 1_000_003 + place) % 2**31
        self.seen.sampler = _proposals.make_sampler(self.engine, seed, self.max_trials)
        for _ in range(MAX_REPEATS):
            trial = self.seen.ask()
            in_memory = self._memory_id(trial.number)
            values = _proposals.drawn(space, trial)
            if values not in tried:
                return values, in_memory
            _settle(self.memory, in_memory, "FAIL", None)
        return self._untried(space, tried), None

    def _memory_id(self, number):
        study = self.memory.get_study_id_from_name(self.seen.study_name)
        return self.memory.get_trial_id_from_study_id_trial_number(study, number)

    def _untried(self, space, tried):
        known = set(map(_key, tried))
        return next((v for v in _proposals.grid(space) if _key(v) not in known), None)

    def _claim(self, place, values, in_memory):
        """Begin a trial, in the ledger and in memory; its name, or None where it was not to be."""
        space = self.get_space()
        params, kinds = _proposals.recorded(space, values)
        in_ledger = self.ledger.claim(place, values, params, kinds)
        if in_ledger is None:
            if in_memory is not None:
                _settle(self.memory, in_memory, "FAIL", None)
            return None
        found = self.ledger.trial(in_ledger)
        if in_memory is not None:
            self._ids[found.number] = in_memory
        self._remember(found)
        trial_id = str(place)
        space.values = dict(values)
        self.trials[trial_id] = Trial(space, trial_id, "RUNNING")
        self._own[trial_id] = in_ledger, self._ids[found.number]
        return trial_id

    def _remember(self, found):
        """Copy a trial of the ledger into memory, or what has become of it."""
        if found.number not in self._ids:
            study = self.memory.get_study_id_from_name(self.seen.study_name)
            self._ids[found.number] = self.memory.create_new_trial(study, template_trial=found)
            return
        in_memory = self._ids[found.number]
        if found.state.is_finished() and not self.memory.get_trial(in_memory).state.is_finished():
            for step, value in found.intermediate_values.items():
                self.memory.set_trial_intermediate_value(in_memory, step, value)
            _settle(self.memory, in_memory, found.state.name, found.values)

    def _restored(self, trial_id, found):
        """The Keras Tuner trial of what stands in the ledger."""
        result = found.user_attrs.get("result", {})
        space = self.get_space()
        space.values = dict(result.get("values", found.user_attrs["values"]))
        trial = Trial(space, trial_id, "RUNNING")
        self.trials[trial_id] = trial
        curves = result.get("curves", {})
        for step in sorted({step for curve in curves.values() for step, _ in curve}):
            logs = {name: dict(curve).get(step) for name, curve in curves.items()}
            logs = {name: value for name, value in logs.items() if value is not None}
            super().update_trial(trial_id, logs, step)
        if found.state.is_finished():
            trial.status, trial.message = result["status"], result["message"]
            trial.score, trial.best_step = result["score"], result["best_step"]
        return trial


def _record(trial):
    """What the ledger keeps of a trial that has ended."""
    metrics = trial.metrics.metrics
    message = trial.message
    return {
        "status": trial.status,
        "message": message and message[-_ledger.MESSAGE :],
        "score": trial.score,
        "best_step": trial.best_step,
        "values": trial.hyperparameters.values,
        "curves": {
            name: [[o.step, float(o.mean())] for o in metrics[name].get_history()]
            for name in metrics
        },
    }


def _settle(memory, trial_id, state, values):
    memory.set_trial_state_values(trial_id, _state(state), values)


def _state(name):
    from optuna.trial import TrialState

    return TrialState[name]


def _key(values):
    return tuple(itertools.chain.from_iterable(sorted(values.items())))
