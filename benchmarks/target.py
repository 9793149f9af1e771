"""Seconds until a search reaches a target: `search` beside Keras Tuner and Optuna by hand.

All sides build the same models from the same space, on the same rows, for the same epochs and wall
budget, with the builder's defaults as their first trial, for which Keras Tuner has no argument and
is given here. Each is used as its users do: Keras Tuner's tuners and a hand-written Optuna
objective give `fit` arrays, with Optuna's default sampler and pruner and a callback that prunes.
The clock starts with the search and stops at the first epoch whose validation loss is the target; a
search that never gets there counts with its whole budget.

A target is as good as the best of every twelfth random trial; `benchmarks pruning` prints it. The
defaults do not reach it. Where they did, with accuracy as the score, it was luck that counted. On
Fashion-MNIST the defaults (0.585) are ahead of 23 of 24 random trials; the target there is a tenth
less than what they reach.

    python -m benchmarks target [seeds] [task, such as MLP] [sides, such as search,Optuna] [until]

`until` is "target", so that a search that has reached it ends, or "budget", so that it goes on, and
the best scores are those at the budget.
"""

import contextlib
import dataclasses
import functools
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
import optuna
from sklearn.model_selection import train_test_split

from benchmarks import _data, _measure
from recipes import build_cnn, build_mlp
from tuning import SPACES, Widths, _proposals, hypermodel, search

SCORE = "val_loss"
MANY = 1000  # trials: the budget ends every search


@dataclasses.dataclass(frozen=True)
class Task:
    """What is searched, for how long, and what is to be reached."""

    load: Callable[[], tuple]
    build: Callable[..., keras.Model]
    space: dict[str, Any]
    target: float
    budget: float  # seconds
    epochs: int

    @functools.cached_property
    def rows(self):
        """x, x_val, y, y_val."""
        x, y = self.load()
        return train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)

    @functools.cached_property
    def model(self):
        """The hypermodel, for those who take one."""
        x, _, y, _ = self.rows
        space = {"input_shape": x.shape[1:], "outputs": len(np.unique(y)), **self.space}
        return hypermodel(self.build, space)


def fashion():
    """10,000 rows of the official training part."""
    (x, y), _ = _data.fashion_mnist()
    return x[:10_000] / np.float32(255), y[:10_000]


def cnn(most):
    """The space of `build_cnn`, narrow enough for many trials on one core."""
    return SPACES[build_cnn] | {"filters": Widths(most // 4, most, step=most // 4, depth=(1, 3))}


TASKS = {
    "digits, MLP": Task(_data.digits, build_mlp, SPACES[build_mlp], 0.0461, 75, 20),
    "digits, CNN": Task(_data.digits, build_cnn, cnn(32), 0.0598, 110, 10),
    "Fashion-MNIST, CNN": Task(fashion, build_cnn, cnn(16), 0.526, 150, 5),
}


class OverError(BaseException):
    """A search has come to its end, which its own user could not tell it."""


class Clock(keras.callbacks.Callback):
    """When the target was reached, and the best score; ends the search with the budget."""

    def __init__(self, task, until):
        super().__init__()
        self.task, self.until, self.started = task, until, time.perf_counter()
        self.reached, self.best, self.trials = task.budget, math.inf, 0

    def __deepcopy__(self, memo):
        return self  # Keras Tuner copies callbacks, and this one is to be seen afterwards

    def on_train_begin(self, logs=None):
        self.trials += 1

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        if seconds > self.task.budget:
            raise OverError
        self.best = min(self.best, logs[SCORE])
        if logs[SCORE] <= self.task.target:
            self.reached = min(self.reached, seconds)
            if self.until == "target":
                raise OverError


def ours(task, clock, seed, pruner=None):
    """`search` as it comes."""
    x, x_val, y, y_val = task.rows
    search(
        task.build,
        x,
        y,
        space=task.space,
        pruner=pruner,
        objective=SCORE,
        validation=(x_val, y_val),
        max_trials=MANY,
        time_budget=task.budget,
        epochs=task.epochs,
        callbacks=[clock],
        seed=seed,
        verbose=False,
    )


def keras_tuners(tuner, task, clock, seed, **arguments):
    """A tuner of Keras Tuner, on a function of hp."""
    x, x_val, y, y_val = task.rows
    with tempfile.TemporaryDirectory() as folder:
        # Seed 0 means none there.
        settings = {"objective": SCORE, "seed": seed + 1, "directory": folder, **arguments}
        made = tuner(task.model.build, **settings)
        _begin_with_defaults(made.oracle)
        made.search(
            x,
            y,
            validation_data=(x_val, y_val),
            epochs=task.epochs,
            callbacks=[clock],
            verbose=0,
        )


def _begin_with_defaults(oracle):
    draw = oracle._random_values

    def defaults_first():
        return draw() if oracle.trials else _proposals.defaults(oracle.get_space())

    oracle._random_values = defaults_first


class Pruning(keras.callbacks.Callback):
    """What a user of Optuna writes, or takes from optuna-integration."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs[SCORE], epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def optuna_by_hand(task, clock, seed):
    """The objective of Optuna's own example for Keras."""
    x, x_val, y, y_val = task.rows
    space = keras_tuner.HyperParameters()
    task.model.declare_hyperparameters(space)

    def objective(trial):
        keras.backend.clear_session()
        hp = space.copy()
        hp.values = _proposals.drawn(space, trial)  # trial.suggest_..., knob by knob
        history = task.model.build(hp).fit(
            x,
            y,
            validation_data=(x_val, y_val),
            epochs=task.epochs,
            callbacks=[clock, Pruning(trial)],
            verbose=0,
        )
        return min(history.history[SCORE])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    study.enqueue_trial(_proposals.recorded(space, _proposals.defaults(space))[0])
    study.optimize(objective, n_trials=MANY)


def sides(task):
    """name -> function (task, clock, seed)."""
    return {
        "search": ours,
        "halving for median": functools.partial(ours, pruner="halving"),
        "Keras Tuner, RandomSearch": functools.partial(
            keras_tuners, keras_tuner.RandomSearch, max_trials=MANY
        ),
        "Keras Tuner, BayesianOptimization": functools.partial(
            keras_tuners, keras_tuner.BayesianOptimization, max_trials=MANY
        ),
        # Brackets until the budget ends it: by itself it stops after one round of them.
        "Keras Tuner, Hyperband": functools.partial(
            keras_tuners, keras_tuner.Hyperband, max_epochs=task.epochs, hyperband_iterations=MANY
        ),
        "Optuna by hand": optuna_by_hand,
    }


def run(side, task, seed, until="budget"):
    """The clock of one search."""
    keras.backend.clear_session()
    clock = Clock(task, until)
    with contextlib.suppress(OverError):
        side(task, clock, seed)
    return clock


def main(seeds=10, task="", only="", until="target"):
    """All tasks whose name holds `task`; `only` is a part of the sides' names, or several."""
    _measure.versions()
    chosen = {name: one for name, one in TASKS.items() if task in name}
    rows = []
    for name, one in chosen.items():
        _warm_up(one)
        found = _compared(name, one, int(seeds), only, until)
        rows += [(name, side, *_figures(clocks, one)) for side, clocks in found.items()]
    header = ("task", "side", "seconds to target", "reached", "best score", "trials")
    _measure.table(header, rows)
    return 0


def _warm_up(task):
    """The first training of a process is slower for whoever does it."""
    x, _, y, _ = task.rows
    task.build(x.shape[1:], 10, seed=0).fit(x[:64], y[:64], verbose=0)


def _compared(name, task, seeds, only, until):
    """side -> clocks, seed by seed, each time with another side first."""
    chosen = {
        side: call for side, call in sides(task).items() if any(s in side for s in only.split(","))
    }
    clocks: dict = {side: [] for side in chosen}
    for seed in range(seeds):
        order = list(chosen)
        for side in order[seed % len(order) :] + order[: seed % len(order)]:
            clock = run(chosen[side], task, seed, until)
            clocks[side].append(clock)
            print(
                f"{name}, seed {seed}, {side}: {clock.reached:.1f} s, best {clock.best:.4f}, "
                f"{clock.trials} trials",
                flush=True,
            )
    return clocks


def _figures(clocks, task):
    reached = [clock.reached for clock in clocks]
    best = [clock.best for clock in clocks]
    return (
        _spread(reached, ".1f"),
        f"{sum(seconds < task.budget for seconds in reached)} of {len(reached)}",
        _spread(best, ".4f"),
        f"{statistics.median(clock.trials for clock in clocks):.0f}",
    )


def _spread(values, style):
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:{style}} ({low:{style}}-{high:{style}})"
