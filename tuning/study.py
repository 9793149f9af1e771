"""What a search found: `Study`."""

import math
import statistics
from collections import Counter
from pathlib import Path

from tuning import _checks, _pictures, _study_checks
from tuning._fronts import number_of, reason_of
from tuning._watch import average_of
from tuning.tuner import KEEP, OWN_METRICS

HEAD = 10  # rows of the leaderboard in a notebook


class Study:
    """The result of `search`.

    With several objectives the best is the best in the first of them; `pareto` has the others that
    no trial beats, and `model` and `code` take the number of any.

    Args:
        tuner: the `LeanTuner` that ran.
        rows: a few rows of x, for models that make their layers when they see them.
        keeper: what deletes the folder with the study, or None where the user keeps it.
        description: dict that says what was searched.
        class_names: of the classes in the order of the models' outputs, where y held names.

    Attributes:
        objective: name of the score; `objectives` has the names of all objectives.
        tuner: the `keras_tuner.Tuner` that ran, with its `oracle`.
        best_arguments: keyword arguments of the best model, beside the shapes.
        best_training: what the training of the best trial was given, where that was searched:
            "batch_size", "epochs", ...
        best_score: objective of the best trial at its best epoch.
        best_history: dict from name to values an epoch, for `recipes.plot_history`.
        failures: dict from trial number to traceback.

    >>> import numpy as np
    >>> from recipes import build_mlp
    >>> from tuning import Choice, search
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    >>> space = {"units": Choice((4,), (8,))}
    >>> study = search(build_mlp, x, y, space=space, max_trials=2, epochs=1, verbose=False)
    >>> sorted(study.leaderboard()["units"]), study.best_arguments["units"] in [(4,), (8,)]
    ([(4,), (8,)], True)
    """

    def __init__(self, tuner, rows, keeper=None, description=None, class_names=None):
        self.tuner = tuner
        self.objectives = [objective.name for objective in tuner.oracle.objectives]
        self.objective = self.objectives[0]
        self.description = description or {}
        self.class_names = class_names
        self._rows = rows
        self._keeper = keeper  # deletes a temporary folder together with the study

    def leaderboard(self):
        """All trials, the best first.

        Returns:
            pandas DataFrame: rank, trial, score, the other scores on the validation rows at the
            best epoch, status, every knob that was searched, parameters (the model's size), latency
            where it was measured (milliseconds), epochs, seconds, and error where a trial failed or
            was skipped. With folds the scores are means over them, "folds" is their number, and
            "spread" their standard deviation. With several objectives "pareto" says which trials no
            other one beats.
        """
        import pandas as pd

        rows = [self._row(trial) for trial in self.tuner.oracle.trials.values()]
        table = pd.DataFrame(rows)
        lower_first = self.tuner.oracle.objective.direction == "min"
        ranked = table["score"].where(table["status"].isin(["completed", "stopped"]))
        table = table.sort_values("score", ascending=lower_first, kind="stable")
        ranks = ranked[table.index].rank(method="first", ascending=lower_first).astype("Int64")
        table.insert(0, "rank", ranks)
        if len(self.objectives) > 1:
            front = [number_of(trial) for trial in self.tuner.oracle.front()]
            table.insert(1, "pareto", table["trial"].isin(front))
        table["parameters"] = table["parameters"].astype("Int64")
        knobs = self.tuner.hypermodel.searched or ()
        empty = [name for name in table if name not in knobs and table[name].isna().all()]
        return table.drop(columns=empty).reset_index(drop=True)

    def pareto(self):
        """The compromises: the trials than which no other is better in all objectives.

        Returns:
            pandas DataFrame, those rows of the leaderboard, the best in the first objective first.

        Raises:
            ValueError: the study has one objective.
        """
        _study_checks.several("pareto", self.objectives)
        table = self.leaderboard()
        return table[table["pareto"]].drop(columns="pareto").reset_index(drop=True)

    @property
    def best_arguments(self):
        model = self.tuner.hypermodel
        arguments = model.arguments(self._best().hyperparameters)
        return {k: v for k, v in arguments.items() if k not in model.positional}

    @property
    def best_training(self):
        return self.tuner.hypermodel.training(self._best().hyperparameters)

    @property
    def best_score(self):
        return self._best().score

    @property
    def best_history(self):
        curves = _curves(self._best())
        return {k: list(v.values()) for k, v in curves.items() if k not in OWN_METRICS}

    @property
    def failures(self):
        trials = self.tuner.oracle.trials.values()
        return {number_of(t): t.message for t in trials if t.status == "FAILED"}

    def best_model(self):
        """The best model of the search, compiled, with the weights of its best epoch.

        With folds: one model that averages the predictions of the fold's models.

        Raises:
            FileNotFoundError: the trial was run by an earlier call that had no `directory`.
        """
        return self._load(self._best())

    def model(self, trial):
        """The model of one trial, compiled, with the weights of its best epoch.

        Args:
            trial: its number in the leaderboard, one of the best five or of the Pareto front.

        Raises:
            ValueError: no trial has that number, or its weights were not kept.
            FileNotFoundError: as `best_model`.
        """
        chosen, oracle = self._trial(trial), self.tuner.oracle
        best = [*oracle.get_best_trials(KEEP), *oracle.front()]
        if chosen.trial_id not in [one.trial_id for one in best]:
            _study_checks.kept(trial, self._weights(chosen), KEEP)
        return self._load(chosen)

    def code(self, trial=None):
        """The one line of Python that builds the best model, untrained.

        Objects among the arguments (layers, functions) stand there by name.

        Args:
            trial: number of another trial in the leaderboard, or None.

        Raises:
            TypeError: the search was over a `keras_tuner.HyperModel`, which is not called by a
                line.
            ValueError: no trial has that number.
        """
        chosen = self._best() if trial is None else self._trial(trial)
        line = self.tuner.hypermodel.line(chosen.hyperparameters)
        if line is None:
            raise TypeError(
                "code() needs a search over a builder. "
                f"Received: a search over the HyperModel {self.tuner.hypermodel.name}."
            )
        return line

    def plot_history(self, ax=None):
        """The search as it went: every trial's score and the best so far. Returns the Axes."""
        return _pictures.plot_history(self, ax)

    plot = plot_history

    def plot_curves(self, ax=None):
        """The objective over the epochs, a line a trial, the best in colour. Returns the Axes."""
        return _pictures.plot_curves(self, ax)

    def plot_importance(self, ax=None):
        """How much of the scores' spread each knob explains, by Optuna's fANOVA. Returns the Axes.

        Raises:
            ValueError: fewer than two trials were completed.
        """
        _checks.enough_trials("plot_importance", len(self._completed()), 2)
        return _pictures.plot_importance(self, ax)

    def plot_parallel(self, ax=None):
        """A line a trial through its knobs, the eight that matter most, to its score.

        Knobs with a logarithmic range stand on such an axis; a trial without a knob (units of layer
        3, where there are two) passes below it. Returns the Axes.

        Raises:
            ValueError: fewer than two trials were completed.
        """
        _checks.enough_trials("plot_parallel", len(self._completed()), 2)
        return _pictures.plot_parallel(self, ax)

    def plot_pareto(self, ax=None, *, against=None):
        """Every trial by two objectives, those of the front with their numbers.

        Args:
            ax: matplotlib Axes, or None for new ones.
            against: objective on the horizontal axis, None for the second; the first one stands on
                the vertical axis.

        Returns:
            The Axes.

        Raises:
            ValueError: the study has one objective, or none of that name.
        """
        _study_checks.several("plot_pareto", self.objectives)
        others = self.objectives[1:]
        against = others[0] if against is None else _checks.one_of("against", against, others)
        return _pictures.plot_pareto(self, against, ax)

    def report(self, path="study.html"):
        """Write the study as one HTML page: the best model's line, pictures, leaderboard, failures.

        The page holds its pictures and loads nothing, so that it can be sent and opens offline.

        Args:
            path: the file to write; a file that is there is replaced.

        Returns:
            `pathlib.Path` of the page.

        Raises:
            RuntimeError: no trial was completed.
        """
        from tuning import _report

        return _report.write(self, path)

    def ensemble(self, k=5):
        """One model that averages the predictions of the best `k`.

        Args:
            k: number of models, from 2 to 5; the weights of no more are kept.

        Returns:
            `keras.Model` with one output, not compiled.

        Raises:
            ValueError: fewer than `k` trials have weights.
        """
        k = _checks.count("k", k, minimum=2)
        best = self.tuner.oracle.get_best_trials(min(k, KEEP))
        _checks.enough_trials("ensemble", len(best), k)
        loaded = [self._load(trial) for trial in best]
        names = [f"trial_{number_of(trial)}" for trial in best]
        return average_of(loaded, self._rows, names)

    def __repr__(self):
        trials = self.tuner.oracle.trials
        failed = f", {len(self.failures)} failed" if self.failures else ""
        if len(self.objectives) > 1:
            front = len(self.tuner.oracle.front())
            failed += f", {front} on the Pareto front of {', '.join(self.objectives)}"
        if self.tuner.best_trial() is None:
            return f"Study of {self.tuner.hypermodel.name}: {self._nothing()}"
        line = self.tuner.hypermodel.line(self._best().hyperparameters)
        return (
            f"Study of {self.tuner.hypermodel.name}: {len(trials)} trials{failed}, "
            f"best {self.objective} {self.best_score:.4f} (trial {number_of(self._best())})\n"
            f"{line or self.best_arguments}"
        )

    def _repr_html_(self):
        from html import escape

        head = escape(repr(self)).replace("\n", "<br>")
        return f"<p>{head}</p>{self.leaderboard().head(HEAD).to_html(index=False)}"

    def _best(self):
        trial = self.tuner.best_trial()
        if trial is None:
            raise RuntimeError(f"Study of {self.tuner.hypermodel.name}: {self._nothing()}.")
        return trial

    def _nothing(self):
        """Why there is no best trial: the last reason of each kind of end."""
        trials = self.tuner.oracle.trials.values()
        reasons = {trial.status.lower(): reason_of(trial) for trial in trials}
        ends = Counter(trial.status.lower() for trial in trials)
        counts = [
            f"{count} {status}" + (f": {reasons[status]}" if reasons[status] else "")
            for status, count in ends.items()
        ]
        return f"no trial completed; {'; '.join(counts) or 'none was begun'}"

    def _trial(self, number):
        """The trial of that number in the leaderboard."""
        trials = {number_of(trial): trial for trial in self.tuner.oracle.trials.values()}
        return _study_checks.trial(number, trials)

    def _load(self, trial):
        """The model of a trial that is among those whose weights are kept."""
        _study_checks.found(
            number_of(trial),
            self._weights(trial),
            folder=self.tuner.project_dir,
            temporary=self._keeper is not None,
            own_fit=not self.tuner.hypermodel.reports_epochs,
        )
        return self.tuner.load_model(trial, self._rows)

    def _weights(self, trial):
        """The files of a trial's weights, one a fold."""
        return list(Path(self.tuner.get_trial_dir(trial.trial_id)).glob("*.weights.h5"))

    def _completed(self):
        return [t for t in self.tuner.oracle.trials.values() if t.status == "COMPLETED"]

    def _steps(self, curves):
        """How far a trial came, and with folds how far these are apart (standard deviation)."""
        steps = max((step + 1 for curve in curves.values() for step in curve), default=0)
        if not self.tuner.folds:
            return {"epochs": steps}
        scores = list(curves.get("fold", {}).values())
        return {
            "spread": statistics.stdev(scores) if len(scores) > 1 else math.nan,
            "folds": steps,
            "epochs": _last(curves, "epochs"),
        }

    def _row(self, trial):
        model, hp = self.tuner.hypermodel, trial.hyperparameters
        curves = _curves(trial)
        done = trial.status in ("COMPLETED", "PRUNED", "STOPPED") and trial.score is not None
        others = [
            name
            for name in curves
            if (name[:4] == "val_" or name in self.objectives)
            and name not in (self.objective, *OWN_METRICS)
        ]
        # Empty where the trial's file could not be read.
        knobs = model.knobs(hp) if hp.space else {}
        return {
            "trial": number_of(trial),
            "score": trial.score if done else math.nan,
            **{name: curves[name][trial.best_step] for name in others if done},
            "status": trial.status.lower(),
            **knobs,
            "parameters": _last(curves, "parameters"),
            "latency": _last(curves, "latency"),
            **self._steps({} if trial.status == "SKIPPED" else curves),
            "seconds": _last(curves, "seconds"),
            "error": reason_of(trial),
        }


def _curves(trial):
    """Name -> epoch -> value, for all that the epochs reported."""
    metrics = trial.metrics.metrics
    return {name: {o.step: o.mean() for o in metrics[name].get_history()} for name in metrics}


def _last(curves, name):
    return list(curves[name].values())[-1] if name in curves else None
