"""The trial loop: one lean `keras_tuner.Tuner` for every engine.

Keras Tuner's own loop writes a checkpoint whenever an epoch improves, collects garbage over
everything that was ever imported, copies the user's callbacks and imports TensorBoard in every
trial. This one keeps the best weights in memory, reports each epoch to the oracle, and writes once.
"""

import contextlib
import copy
import gc
import math
import os
import time
from pathlib import Path

import keras_tuner

from recipes._lean_steps import forget_kernels
from recipes._recipe import seeded
from recipes._refit import Reuse
from tuning import _checks, _faults, _study_checks, _tensorboard
from tuning._batches import rows_of
from tuning._folds import FOLD_WEIGHTS, run_folds
from tuning._fronts import number_of
from tuning._latency import latency
from tuning._watch import Watch, average_of, load_weights, make_layers, save_weights

WEIGHTS = "best.weights.h5"
# What an epoch, or a fold, reports beside the model's own metrics: "fold" is the fold's own score.
OWN_METRICS = ("seconds", "parameters", "latency", "fold", "epochs")
# Trials that may fail before one works; when one has worked any number may.
FAILURES_AT_FIRST = 3
# Trials from one forgetting of TensorFlow's kernels to the next: about a MB each, and 0.03 s.
FORGET_EVERY = 10
# Trials whose weights stay on disk: the best.
KEEP = 5


class _SkippedError(Exception):
    """The model of a trial is over a limit."""


class LeanTuner(keras_tuner.Tuner):
    """Runs the trials of `oracle`, each a `hypermodel.build` and a `hypermodel.fit`.

    Args:
        oracle: of `tuning.oracle` or `tuning.optuna_oracle`, whose trials it goes on with.
        hypermodel: of `tuning.hypermodel`.
        directory: folder for trials/trial_0, trial_1, ...
        make_callbacks: function that returns the callbacks of a trial. They are used as they are,
            so that what they gather is there afterwards; Keras's own start afresh with each fit.
        progress: of `tuning._progress.Progress`.
        time_budget: seconds until no epoch begins any more, or None.
        patience: trials without a better score until the search ends, or None.
        max_parameters: the largest model that is trained, or None.
        max_latency: milliseconds of a prediction by the slowest model that is trained, or None.
        folds: list of (training rows, held-out rows): a trial trains a model on each, and scores
            the mean of their best epochs; or None.
        distribution: what divides a trial among devices, by its `scope()`; or None.
        tensorboard: folder for TensorBoard's files, or None.
    """

    def __init__(
        self,
        oracle,
        hypermodel,
        directory,
        make_callbacks,
        progress,
        *,
        time_budget=None,
        patience=None,
        max_parameters=None,
        max_latency=None,
        folds=None,
        distribution=None,
        tensorboard=None,
    ):
        super().__init__(oracle, hypermodel, directory=str(directory), project_name="trials")
        self.make_callbacks = make_callbacks
        self.progress = progress
        self.patience = math.inf if patience is None else patience
        self.limits = {"parameters": max_parameters, "latency": max_latency}
        self.measured = {}  # what `look_at` found of the running trial's model
        self.folds = folds
        self.distribution = distribution
        self.models = Reuse()
        self.tensorboard = tensorboard
        self.trials_left = int(os.environ.get("TUNING_TRIALS", 0)) or math.inf  # of this process
        self.is_recycled = False
        self._shown = None  # trials whose end was shown
        self.ended = None  # how the running trial ended, where not by itself
        self.time_budget = math.inf if time_budget is None else time_budget
        self.started = time.monotonic()
        if self.trials_left == math.inf:  # what failed now in another worker stays
            self.oracle.forgive()
        self.oracle.reload()
        self.progress.look(self.oracle.trials.values())

    def search(self, *args, **kwargs):
        """Run trials until the oracle or the budget ends them.

        Raises:
            RuntimeError: the first three trials failed, or all of fewer.
        """
        gc.collect()
        # What is here now stays: a collection then costs milliseconds instead of 0.35 s.
        gc.freeze()
        try:
            super().search(*args, **kwargs)
            self._stop_where_all_failed(at_least=1)
        finally:
            gc.unfreeze()
            self.oracle.close()
            self.progress.close()

    def watch(self, work):
        """Let `work` run the trials in other processes, and show them as they end."""
        try:
            self.look()
            work(self)
            self._stop_where_all_failed(at_least=1)
        finally:
            self.oracle.close()
            self.progress.close()

    def look(self):
        """Show the trials of other processes that have ended since the last look."""
        self.oracle.reload()
        self.progress.look(self.oracle.trials.values())
        ended = [t for t in self.oracle.trials.values() if t.status != "RUNNING"]
        for trial in ended:
            if self._shown is not None and trial.trial_id not in self._shown:
                self.progress.trial(trial, self.best_trial())
        self._shown = {trial.trial_id for trial in ended}

    def run_trial(self, trial, x, y=None, **kwargs):
        """Build, fit, and keep the weights of the best epoch; with folds, in each of them."""
        gc.collect()
        if int(trial.trial_id) % FORGET_EVERY == 0:
            forget_kernels()
        run = run_folds if self.folds else LeanTuner._run_once
        with self.distribution.scope() if self.distribution else contextlib.nullcontext():
            try:
                return run(self, trial, x, y, **kwargs)
            except BaseException as error:
                self.models.forget()
                _faults.stop_where_disk_is_full(error, self.directory)
                raise

    def _run_once(self, trial, x, y, **kwargs):
        hp = trial.hyperparameters
        watch = Watch(self, trial, self.on_epoch_end)
        model = self.fresh_model(trial, kwargs.get("seed"))
        self.look_at(trial, model, x)
        if "tuner/initial_epoch" in hp.values:
            kwargs["epochs"] = hp.values["tuner/epochs"]
            kwargs["initial_epoch"] = hp.values["tuner/initial_epoch"]
        if "tuner/trial_id" in hp.values:
            earlier = hp.values["tuner/trial_id"]
            load_weights(model, self._weights(earlier), rows_of(x), int(earlier) + 1)
        callbacks = self.callbacks_of(trial)
        results = self.hypermodel.fit(hp, model, x, y, callbacks=[*callbacks, watch], **kwargs)
        if self.ended != "PRUNED" and self._worth_keeping(watch.best, hp):
            save_weights(model, watch.weights, self._weights(trial.trial_id))
        return results

    def fresh_model(self, trial, seed):
        """The trial's untrained model: the last one's, traced, where only numbers differ."""
        hp = trial.hyperparameters
        with seeded(seed):
            made = self.hypermodel.build(hp)
        _checks.compiled("build", made)
        if self.distribution or not self.hypermodel.reports_epochs:
            return made  # a fit of its own may do with the model what it likes
        no_matter = {*self.hypermodel.numbers, *self.hypermodel.training(hp)}
        knobs = {k: v for k, v in hp.values.items() if k not in no_matter and k[:6] != "tuner/"}
        return self.models.of(made, repr(sorted(knobs.items())))

    def on_epoch_end(self, trial, model, epoch, logs=None, last=False):
        """Report to the oracle; end a training that is lost, not worth going on or out of time."""
        reported = self.oracle.update_trial(trial.trial_id, logs, step=epoch)
        self.progress.epoch(trial, epoch)
        if not math.isfinite(logs.get("loss", 0.0)):
            model.stop_training = True
        elif not last and (reported.status == "PRUNED" or self.time_is_up()):
            self.ended = "PRUNED" if reported.status == "PRUNED" else "STOPPED"
            model.stop_training = True

    def on_trial_begin(self, trial):
        """Show that it runs."""
        self.progress.look(self.oracle.trials.values())

    def on_trial_end(self, trial):
        """Record the trial; stop where nothing has worked from the start."""
        self.trials_left -= 1
        self.oracle.end_trial(trial)
        if trial.trial_id not in self.oracle.trials:
            return  # another process has taken it over
        self.progress.look(self.oracle.trials.values())
        self.progress.trial(self.oracle.get_trial(trial.trial_id), self.best_trial())
        self._forget_weights()
        if not self._others_may_work():
            self._stop_where_all_failed(at_least=FAILURES_AT_FIRST)

    def pre_create_trial(self):
        """End the search where a budget is used up."""
        ended = [t for t in self.oracle.trials.values() if t.status not in ("RUNNING", "FAILED")]
        latest = max((int(t.trial_id) for t in self.oracle.front()), default=math.inf)
        after = [t for t in ended if int(t.trial_id) > latest]
        self.is_recycled = self.trials_left <= 0
        over = len(after) >= self.patience or (ended and self.time_is_up())
        if over or self.is_recycled:
            self.oracle.stop()

    def best_trial(self):
        """The trial with the best score, the earlier of two equal ones; or None."""
        return next(iter(self.oracle.get_best_trials(1)), None)

    def load_model(self, trial, rows):
        """The model of a trial with the weights of its best epoch; with folds, the mean of theirs.

        Args:
            trial: one whose weights were kept.
            rows: some of the inputs; models of one's own make their layers when they see them.
        """
        paths = [self._weights(trial.trial_id)]
        if self.folds:
            folder = Path(self.get_trial_dir(trial.trial_id))
            paths = [folder / FOLD_WEIGHTS.format(i) for i in range(len(self.folds))]
            paths = [path for path in paths if path.exists()]  # the time may have ended it
        models = [self.hypermodel.build(trial.hyperparameters) for _ in paths]
        for model, path in zip(models, paths, strict=True):
            load_weights(model, path, rows, number_of(trial))
            if trial.metrics.exists("parameters"):
                trained = trial.metrics.get_history("parameters")[-1].mean()
                _study_checks.same_size(trial, trained, model.count_params())
        if len(models) == 1:
            return models[0]
        mean = average_of(models, rows, [f"fold_{i}" for i in range(len(paths))])
        mean.compile_from_config(models[0].get_compile_config())
        return mean

    def callbacks_of(self, trial, fold=None):
        """The user's callbacks for one training, and TensorBoard's where it was asked for."""
        chosen = [_in_trial(callback, trial) for callback in self.make_callbacks()]
        if self.tensorboard is not None:
            knobs = self.hypermodel.knobs(trial.hyperparameters)
            chosen.append(_tensorboard.callback(self.tensorboard, trial, knobs, fold))
        return chosen

    def save(self):
        """All that is worth saving is the oracle's."""
        self.oracle.save()

    def _populate_initial_space(self):
        if self.hypermodel.searched is None:
            super()._populate_initial_space()  # a foreign hypermodel shows its space by building
            return
        space = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(space)
        self.oracle.update_space(space)

    def _try_run_and_update_trial(self, trial, *args, **kwargs):
        """Run; failures of the trial stay in it."""
        self.ended, self.measured = None, {}
        super()._try_run_and_update_trial(trial, *args, **kwargs)
        if trial.status == "COMPLETED" or self.ended == "SKIPPED":
            trial.status = self.ended or trial.status

    def _run_and_update_trial(self, trial, *args, **kwargs):
        """Run; where `fit` was not Keras's and no epoch reported, report what it returned."""
        try:
            results = self.run_trial(trial, *args, **kwargs)
        except _SkippedError as reason:  # no error, of which Keras Tuner would print the traceback
            self.ended, trial.message = "SKIPPED", str(reason)
            return
        name = self.oracle.objective.name
        metrics = self.oracle.get_trial(trial.trial_id).metrics
        if not metrics.exists(name):
            results = results if isinstance(results, dict) else {name: float(results)}
            self.oracle.update_trial(trial.trial_id, {**self.measured, **results})
        if not math.isfinite(metrics.get_best_value(name)):
            raise keras_tuner.errors.FailedTrialError(f"{name} was not finite in any epoch.")
        for other in self.oracle.objectives[1:]:
            if not metrics.exists(other.name):
                message = f"{other.name}, one of the objectives, was not reported."
                raise keras_tuner.errors.FailedTrialError(message)

    def _others_may_work(self):
        """Whether a trial is running in another process that began beside the first to fail."""
        running = [int(t.trial_id) for t in self.oracle.trials.values() if t.status == "RUNNING"]
        return any(place < FAILURES_AT_FIRST + len(running) for place in running)

    def _stop_where_all_failed(self, at_least):
        messages = [t.message for t in self.oracle.trials.values() if t.status == "FAILED"]
        if self.best_trial() is None and len(messages) >= at_least:
            raise RuntimeError(
                f"The first trials all failed, {len(messages)} of them; the last with:\n"
                f"{messages[-1]}"
            )

    def look_at(self, trial, model, x):
        """Before it trains on rows of x: measure it, and leave it where it is over a limit."""
        asked = {one.name for one in self.oracle.objectives}
        if self.limits["parameters"] or "parameters" in asked:
            make_layers(model, rows_of(x))
        if "latency" not in self.measured and (self.limits["latency"] or "latency" in asked):
            self.measured["latency"] = latency(model, rows_of(x))
        if model.built:
            self.measured["parameters"] = model.count_params()
        for name, limit in self.limits.items():
            if limit is not None and self.measured.get(name, 0) > limit:
                self._skip(trial, name, limit)

    def _skip(self, trial, name, limit):
        """Leave a model untrained that is over a limit."""
        for measure, value in self.measured.items():
            trial.metrics.register(measure, direction="min")
            trial.metrics.update(measure, value, step=0)
        value = round(self.measured[name], 2)
        raise _SkippedError(f"{name} {value:,}, more than max_{name}={limit:,}")

    def _worth_keeping(self, score, hp):
        """Among the best so far; with Hyperband all, since a later round may train it on, and with
        several objectives, where only the ended trial tells."""
        if score is None or "tuner/round" in hp.values or len(self.oracle.objectives) > 1:
            return score is not None
        best = self.oracle.get_best_trials(KEEP)
        return len(best) < KEEP or self.oracle.objective.better_than(score, best[-1].score)

    def _forget_weights(self):
        """Delete the weights of trials that are no longer among the best, nor on the front."""
        front = {trial.trial_id for trial in self.oracle.front()}
        for trial in self.oracle.get_best_trials(len(self.oracle.trials))[KEEP:]:
            if trial.trial_id not in front and "tuner/round" not in trial.hyperparameters.values:
                for path in Path(self.get_trial_dir(trial.trial_id)).glob("*.weights.h5"):
                    path.unlink(missing_ok=True)

    def _weights(self, trial_id):
        return Path(self.get_trial_dir(trial_id), WEIGHTS)

    def seconds_left(self):
        """What is left of the time budget."""
        return self.time_budget - (time.monotonic() - self.started)

    def time_is_up(self):
        return self.seconds_left() < 0


def spare_tensorboard():
    """Let Keras Tuner's own tuners run where TensorBoard is not installed.

    Their `_configure_tensorboard_dir` imports it in every trial, also where no callback asks for
    it, and TensorFlow no longer brings it: every trial fails. After this call it is imported only
    for a TensorBoard callback.
    """
    keras_tuner.Tuner._configure_tensorboard_dir = _configure_when_asked


_configure = keras_tuner.Tuner._configure_tensorboard_dir


def _configure_when_asked(self, callbacks, trial, execution=0):
    if any(type(callback).__name__ == "TensorBoard" for callback in callbacks):
        _configure(self, callbacks, trial, execution)


def _in_trial(callback, trial):
    """The callback itself; a TensorBoard that writes into the trial's own folder."""
    if type(callback).__name__ != "TensorBoard":
        return callback
    callback = copy.deepcopy(callback)
    callback.log_dir = os.path.join(callback.log_dir, trial.trial_id)
    return callback
