"""What a study's trials look like: the pictures of `Study`.

Optuna computes what is shown. Its own matplotlib plots take no Axes and change the style of all
plots that come after them, so the drawing is done here, in the one style of `recipes.plots`.
"""

import math
import re

from recipes import _style
from tuning._fronts import number_of, values_of
from tuning._ledger import directions_of, quiet_optuna
from tuning._proposals import recorded

SHOWN = 10  # knobs in a picture of importances
LINES = 8  # knobs in a picture of lines through them
LOG_SCALE_FROM = 10  # times the smallest value
ABSENT = -0.12  # where a line passes that has no value at a knob, below the axis from 0 to 1


def plot_history(study, ax=None):
    """Every trial's score and the best so far."""
    trials = study.tuner.oracle.trials.values()
    scores = {number_of(t): t.score for t in trials if t.status in ("COMPLETED", "STOPPED")}
    numbers, values = list(scores), list(scores.values())
    pick = min if study.tuner.oracle.objective.direction == "min" else max
    best = [pick(values[: i + 1]) for i in range(len(values))]
    star = number_of(study._best())

    ax = _style.axes(ax)
    ax.plot(numbers, values, "o", color=_style.GREY, label="trial")
    ax.step(numbers, best, where="post", color=_style.BLUE, label="best so far")
    ax.plot(star, best[-1], "*", color=_style.ORANGE, markersize=14, label=f"trial {star}")
    for i, number in enumerate(study.failures):
        label = None if i else "failed"
        ax.axvline(number, color=_style.ORANGE, linestyle=":", linewidth=1, label=label)
    if min(values) > 0 and max(values) > LOG_SCALE_FROM * min(values):
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="trial", ylabel=_words(study.objective))
    ax.set_title(f"{study.tuner.hypermodel.name}: best {best[-1]:.4g} of {len(trials)} trials")
    ax.legend(frameon=False)
    return ax


def plot_curves(study, ax=None):
    """The objective over the epochs, a line a trial: the best in colour, a cross where pruned."""
    ax = _style.axes(ax)
    best = study._best()
    for trial in study.tuner.oracle.trials.values():
        metrics = trial.metrics.metrics
        if study.objective not in metrics or trial is best:
            continue
        history = metrics[study.objective].get_history()
        steps, values = [o.step + 1 for o in history], [o.mean() for o in history]
        pruned = trial.status == "PRUNED"
        ax.plot(steps, values, color=_style.GREY, linewidth=1, alpha=0.6)
        if pruned:
            ax.plot(steps[-1], values[-1], "x", color=_style.ORANGE, markersize=5)
    history = best.metrics.metrics[study.objective].get_history()
    ax.plot(
        [o.step + 1 for o in history],
        [o.mean() for o in history],
        color=_style.BLUE,
        linewidth=2,
        label=f"trial {number_of(best)}, the best",
    )
    if any(trial.status == "PRUNED" for trial in study.tuner.oracle.trials.values()):
        ax.plot([], [], "x", color=_style.ORANGE, label="pruned")
    ax.xaxis.get_major_locator().set_params(integer=True)
    step = "fold" if study.tuner.folds else "epoch"
    ax.set(xlabel=step, ylabel=_words(study.objective))
    ax.legend(frameon=False)
    return ax


def plot_importance(study, ax=None):
    """How much of the scores' spread each knob explains."""
    shares = importances(study)
    names, values = list(shares)[:SHOWN][::-1], list(shares.values())[:SHOWN][::-1]
    ax = _style.axes(ax)
    ax.barh(names, values, color=_style.BLUE)
    ax.set(xlabel=f"share of the spread of {_words(study.objective)}")
    return ax


def plot_parallel(study, ax=None):
    """A line a trial through its knobs to its score; the best one in orange, on top."""
    import matplotlib

    trials = as_optuna(study).trials
    kinds = {name: kind for trial in trials for name, kind in trial.distributions.items()}
    names = [name for name in importances(study) if name in kinds][:LINES]
    names += [name for name in kinds if name not in names][: LINES - len(names)]
    places = [_place(kinds[name], [t.params.get(name) for t in trials]) for name in names]
    scores = [trial.value for trial in trials]
    low, high = min(scores), max(scores)
    high_is_best = study.tuner.oracle.objective.direction == "max"
    worst, best = (low, high) if high_is_best else (high, low)
    heights = [(score - worst) / (best - worst or 1) for score in scores]

    ax = _style.axes(ax, width=1.5 + 1.2 * (len(names) + 1), height=4.4)
    colours = matplotlib.colormaps[_style.SHARES]
    order = sorted(range(len(trials)), key=lambda i: (heights[i], -i))
    for i in order:
        line = [ABSENT if place[0][i] is None else place[0][i] for place in places] + [heights[i]]
        style = {"color": colours(0.25 + 0.75 * heights[i]), "linewidth": 1, "alpha": 0.7}
        if i == order[-1]:
            style = {"color": _style.ORANGE, "linewidth": 2.5, "label": "the best"}
        ax.plot(range(len(line)), line, **style)
    ends = [(0.0, f"{worst:.4g}"), (1.0, f"{best:.4g}")]
    for column, ticks in enumerate([*(place[1] for place in places), ends]):
        ax.axvline(column, 0, 1, color="black", linewidth=0.8)
        for height, text in ticks:
            ax.annotate(
                text,
                (column, height),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                bbox={"boxstyle": "round,pad=0.1", "color": "white", "alpha": 0.75},
                zorder=5,
            )
    if any(None in place[0] for place in places):
        ax.annotate(
            "absent", (0, ABSENT), (-4, 0), textcoords="offset points", ha="right", va="center"
        )
    ax.set_xticks(range(len(names) + 1), [*names, _words(study.objective)], rotation=20, ha="right")
    ax.set_yticks([])
    ax.set_ylim(2 * ABSENT, 1.05)
    ax.set_xlim(-0.4, len(names) + 0.5)
    ax.spines[["left"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    return ax


def plot_pareto(study, against, ax=None):
    """Trials by the first objective and another one, the front in colour."""
    objectives = {one.name: one for one in study.tuner.oracle.objectives}
    pair = [objectives[against], objectives[study.objective]]
    ranked = study.tuner.oracle.get_best_trials(len(study.tuner.oracle.trials))
    front = study.tuner.oracle.front()
    others = [values_of(trial, pair) for trial in ranked if trial not in front]
    points = sorted((*values_of(trial, pair), number_of(trial)) for trial in front)

    ax = _style.axes(ax)
    if others:
        ax.plot(*zip(*others, strict=True), "o", color=_style.GREY, label="beaten by another trial")
    x, y, numbers = zip(*points, strict=True)
    style = {"marker": "o", "color": _style.BLUE, "label": "Pareto front, with numbers of trials"}
    if len(objectives) > 2:
        ax.plot(x, y, linestyle="", **style)
    else:
        rising = objectives[against].direction == "max"
        ax.plot(x, y, drawstyle="steps-pre" if rising else "steps-post", **style)
    for place, number in zip(zip(x, y, strict=True), numbers, strict=True):
        ax.annotate(str(number), place, (4, 4), textcoords="offset points", fontsize=9)
    for axis, values in (("x", x), ("y", y)):
        every = [*values, *(other["xy".index(axis)] for other in others)]
        if min(every) > 0 and max(every) > LOG_SCALE_FROM * min(every):
            ax.set(**{f"{axis}scale": "log"})
    units = {"latency": "latency in milliseconds"}
    ax.set(xlabel=units.get(against, _words(against)), ylabel=_words(study.objective))
    ax.legend(frameon=False)
    return ax


def importances(study):
    """Knob -> share of the scores' spread that it explains, the largest first."""
    optuna = quiet_optuna()
    copy = as_optuna(study)
    if len({trial.value for trial in copy.trials}) == 1:  # nothing to explain
        return {name: 0.0 for trial in copy.trials for name in trial.params}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return optuna.importance.get_param_importances(copy, evaluator=evaluator)


def as_optuna(study):
    """The completed trials of any engine as an Optuna study in memory, of the first objective."""
    optuna = quiet_optuna()
    oracle = study.tuner.oracle
    copy = optuna.create_study(directions=directions_of(oracle.objective.direction))
    for trial in oracle.trials.values():
        if trial.status == "COMPLETED":
            params, kinds = recorded(oracle.get_space(), trial.hyperparameters.values)
            copy.add_trial(
                optuna.trial.create_trial(params=params, distributions=kinds, value=trial.score)
            )
    return copy


def _place(kind, values):
    """Heights from 0 to 1 for a knob's values, None where there is none; and (height, text) ticks.

    A number stands between the ends of its range, an option at its place in their list.
    """
    if hasattr(kind, "choices"):
        options = list(kind.choices)
        last = max(len(options) - 1, 1)
        heights = [None if value is None else options.index(value) / last for value in values]
        # Options that Keras Tuner cannot hold are numbered: "1: (8, 5, 3)".
        texts = [re.sub(r"^\d+: ", "", str(option)) for option in options]
        return heights, [(i / last, text) for i, text in enumerate(texts)]
    scale = math.log if kind.log else float
    low, high = scale(kind.low), scale(kind.high)
    width = (high - low) or 1
    heights = [None if value is None else (scale(value) - low) / width for value in values]
    return heights, [(0.0, f"{kind.low:g}"), (1.0, f"{kind.high:g}")]


def _words(name):
    return name.replace("_", " ")
