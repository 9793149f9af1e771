"""What a study's trials look like: the pictures of `Study`."""

from tuning._ledger import quiet_optuna
from tuning._proposals import recorded

SHOWN = 10  # knobs in a picture of importances


def plot_curves(study, ax=None):
    """The objective over the epochs, a line a trial: the best in colour, a cross where pruned."""
    from recipes import plots

    ax = plots._axes(ax)
    best = study._best()
    for trial in study.tuner.oracle.trials.values():
        metrics = trial.metrics.metrics
        if study.objective not in metrics or trial is best:
            continue
        history = metrics[study.objective].get_history()
        steps, values = [o.step + 1 for o in history], [o.mean() for o in history]
        pruned = trial.status == "PRUNED"
        ax.plot(steps, values, color=plots.GREY, linewidth=1, alpha=0.6)
        if pruned:
            ax.plot(steps[-1], values[-1], "x", color=plots.ORANGE, markersize=5)
    history = best.metrics.metrics[study.objective].get_history()
    number = int(best.trial_id) + 1
    ax.plot(
        [o.step + 1 for o in history],
        [o.mean() for o in history],
        color=plots.BLUE,
        linewidth=2,
        label=f"trial {number}, the best",
    )
    if any(trial.status == "PRUNED" for trial in study.tuner.oracle.trials.values()):
        ax.plot([], [], "x", color=plots.ORANGE, label="pruned")
    ax.xaxis.get_major_locator().set_params(integer=True)
    step = "fold" if study.tuner.folds else "epoch"
    ax.set(xlabel=step, ylabel=study.objective.replace("_", " "))
    ax.legend(frameon=False)
    return ax


def plot_importance(study, ax=None):
    """How much of the scores' spread each knob explains."""
    from recipes import plots

    shares = importances(study)
    names, values = list(shares)[:SHOWN][::-1], list(shares.values())[:SHOWN][::-1]
    ax = plots._axes(ax)
    ax.barh(names, values, color=plots.BLUE)
    ax.set(xlabel=f"share of the spread of {study.objective.replace('_', ' ')}")
    return ax


def importances(study):
    """Knob -> share of the scores' spread that it explains, the largest first."""
    optuna = quiet_optuna()
    copy = _as_optuna(study)
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(copy, evaluator=evaluator)


def _as_optuna(study):
    """The completed trials of any engine as an Optuna study in memory."""
    optuna = quiet_optuna()
    oracle = study.tuner.oracle
    direction = {"min": "minimize", "max": "maximize"}[oracle.objective.direction]
    copy = optuna.create_study(direction=direction)
    for trial in oracle.trials.values():
        if trial.status == "COMPLETED":
            params, kinds = recorded(oracle.get_space(), trial.hyperparameters.values)
            copy.add_trial(
                optuna.trial.create_trial(params=params, distributions=kinds, value=trial.score)
            )
    return copy
