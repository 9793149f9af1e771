"""What a search found: `Study`."""

import math
import statistics

from tuning._watch import average_of
from tuning.tuner import KEEP, OWN_METRICS

HEAD = 10  # rows of the leaderboard in a notebook
LOG_SCALE_FROM = 10  # times the best score


class Study:
    """The result of `search`.

    Args:
        tuner: the `LeanTuner` that ran.
        input_shape: shape of one row.
        keeper: what deletes the folder with the study, or None where the user keeps it.

    Attributes:
        tuner: the `keras_tuner.Tuner` that ran, with its `oracle`.
        best_arguments: keyword arguments of the best model, beside the shapes.
        best_training: "batch_size" and "epochs" of the best trial, where they were searched.
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

    def __init__(self, tuner, input_shape, keeper=None):
        self.tuner = tuner
        self.objective = tuner.oracle.objective.name
        self._input_shape = input_shape
        self._keeper = keeper  # deletes a temporary folder together with the study

    def leaderboard(self):
        """All trials, the best first.

        Returns:
            pandas DataFrame: rank, trial, score, the other scores on the validation rows at the
            best epoch, status, every knob that was searched, parameters, epochs, seconds, and error
            where a trial failed. With folds the scores are means over them, and "folds" and
            "spread", their standard deviation, stand in the place of epochs.
        """
        import pandas as pd

        rows = [self._row(trial) for trial in self.tuner.oracle.trials.values()]
        table = pd.DataFrame(rows)
        lower_first = self.tuner.oracle.objective.direction == "min"
        ranked = table["score"].where(table["status"].isin(["completed", "stopped"]))
        table = table.sort_values("score", ascending=lower_first, kind="stable")
        ranks = ranked[table.index].rank(method="first", ascending=lower_first).astype("Int64")
        table.insert(0, "rank", ranks)
        table["parameters"] = table["parameters"].astype("Int64")
        return table.dropna(axis="columns", how="all").reset_index(drop=True)

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
        return {_number(t): t.message for t in trials if t.status == "FAILED"}

    def best_model(self):
        """The best model of the search, compiled, with the weights of its best epoch.

        With folds: one model that averages the predictions of the fold's models.
        """
        return self.tuner.load_model(self._best(), self._input_shape)

    def code(self):
        """The one line of Python that builds the best model, untrained.

        Objects among the arguments (layers, functions) stand there by name.

        Raises:
            TypeError: the search was over a `keras_tuner.HyperModel`, which is not called by a
                line.
        """
        line = self.tuner.hypermodel.line(self._best().hyperparameters)
        if line is None:
            raise TypeError(
                "code() needs a search over a builder. "
                f"Received: a search over the HyperModel {self.tuner.hypermodel.name}."
            )
        return line

    def plot(self, ax=None):
        """The search as it went: every trial's score and the best so far. Returns the Axes."""
        from recipes import plots

        trials = self.tuner.oracle.trials.values()
        scores = {_number(t): t.score for t in trials if t.status in ("COMPLETED", "STOPPED")}
        numbers, values = list(scores), list(scores.values())
        pick = min if self.tuner.oracle.objective.direction == "min" else max
        best = [pick(values[: i + 1]) for i in range(len(values))]
        star = _number(self._best())

        ax = plots._axes(ax)
        ax.plot(numbers, values, "o", color=plots.GREY, label="trial")
        ax.step(numbers, best, where="post", color=plots.BLUE, label="best so far")
        ax.plot(star, best[-1], "*", color=plots.ORANGE, markersize=14, label=f"trial {star}")
        for i, number in enumerate(self.failures):
            label = None if i else "failed"
            ax.axvline(number, color=plots.ORANGE, linestyle=":", linewidth=1, label=label)
        if min(values) > 0 and max(values) > LOG_SCALE_FROM * min(values):
            ax.set_yscale("log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="trial", ylabel=self.objective.replace("_", " "))
        ax.set_title(f"{self.tuner.hypermodel.name}: best {best[-1]:.4g} of {len(trials)} trials")
        ax.legend(frameon=False)
        return ax

    def plot_curves(self, ax=None):
        """The objective over the epochs, a line a trial, the best in colour. Returns the Axes."""
        from tuning import _pictures

        return _pictures.plot_curves(self, ax)

    def plot_importance(self, ax=None):
        """How much of the scores' spread each knob explains, by Optuna's fANOVA. Returns the Axes.

        Raises:
            ValueError: fewer than two trials were completed.
        """
        from tuning import _checks, _pictures

        completed = [t for t in self.tuner.oracle.trials.values() if t.status == "COMPLETED"]
        _checks.enough_trials("plot_importance", len(completed), 2)
        return _pictures.plot_importance(self, ax)

    def ensemble(self, k=5):
        """One model that averages the predictions of the best `k`.

        Args:
            k: number of models, from 2 to 5; the weights of no more are kept.

        Returns:
            `keras.Model` with one output, not compiled.

        Raises:
            ValueError: fewer than `k` trials have weights.
        """
        from tuning import _checks

        k = _checks.count("k", k, minimum=2)
        best = self.tuner.oracle.get_best_trials(min(k, KEEP))
        _checks.enough_trials("ensemble", len(best), k)
        loaded = [self.tuner.load_model(trial, self._input_shape) for trial in best]
        names = [f"trial_{_number(trial)}" for trial in best]
        return average_of(loaded, self._input_shape, names)

    def __repr__(self):
        trials = self.tuner.oracle.trials
        failed = f", {len(self.failures)} failed" if self.failures else ""
        line = self.tuner.hypermodel.line(self._best().hyperparameters)
        return (
            f"Study of {self.tuner.hypermodel.name}: {len(trials)} trials{failed}, "
            f"best {self.objective} {self.best_score:.4f} (trial {_number(self._best())})\n"
            f"{line or self.best_arguments}"
        )

    def _repr_html_(self):
        from html import escape

        head = escape(repr(self)).replace("\n", "<br>")
        return f"<p>{head}</p>{self.leaderboard().head(HEAD).to_html(index=False)}"

    def _best(self):
        trial = self.tuner.best_trial()
        if trial is None:
            raise RuntimeError("No trial was completed; `failures` says why.")
        return trial

    def _steps(self, curves):
        """How far a trial came, and with folds how far these are apart (standard deviation)."""
        steps = max((step + 1 for curve in curves.values() for step in curve), default=0)
        if not self.tuner.folds:
            return {"epochs": steps}
        scores = list(curves.get("fold", {}).values())
        return {"folds": steps, "spread": statistics.stdev(scores) if steps > 1 else math.nan}

    def _row(self, trial):
        model, hp = self.tuner.hypermodel, trial.hyperparameters
        curves = _curves(trial)
        done = trial.status in ("COMPLETED", "PRUNED", "STOPPED") and trial.score is not None
        others = [name for name in curves if name[:4] == "val_" and name != self.objective]
        # Empty where the trial's file could not be read.
        knobs = {**model.arguments(hp), **model.training(hp)} if hp.space else {}
        return {
            "trial": _number(trial),
            "score": trial.score if done else math.nan,
            **{name: curves[name][trial.best_step] for name in others if done},
            "status": trial.status.lower(),
            **{k: v for k, v in knobs.items() if model.searched is None or k in model.searched},
            "parameters": _last(curves, "parameters"),
            **self._steps(curves),
            "seconds": _last(curves, "seconds"),
            "error": trial.message.strip().splitlines()[-1] if trial.message else None,
        }


def _curves(trial):
    """Name -> epoch -> value, for all that the epochs reported."""
    metrics = trial.metrics.metrics
    return {name: {o.step: o.mean() for o in metrics[name].get_history()} for name in metrics}


def _last(curves, name):
    return list(curves[name].values())[-1] if name in curves else None


def _number(trial):
    return int(trial.trial_id) + 1
