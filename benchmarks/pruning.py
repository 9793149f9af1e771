"""Which trainings to end early: the pruners of `search` on learning curves that were trained out.

Trials of the tasks of `target`, the builder's defaults and random ones, train to the end; then they
are replayed in many orders, the defaults always first, and each pruner says where it would have
ended them. So all pruners see the same trials, and a replay costs no training. A replay ends when
an epoch is as good as the best of all but every twelfth trial; what is counted are the CPU seconds
of building, tracing and epochs until then.

    python -m benchmarks pruning [trials] [task, such as MLP] [orders]
"""

import functools
import random
import time
from typing import Any, NamedTuple

import keras_tuner
import numpy as np
import optuna

from benchmarks import _measure
from benchmarks.searching import Epochs
from benchmarks.target import SCORE, TASKS
from recipes import batches
from recipes._refit import Reuse
from tuning import _proposals

BEST = 1 / 12


class Curve(NamedTuple):
    """A trial that was trained to the end."""

    before: float  # CPU seconds until the epochs
    epoch: float  # CPU seconds of one
    scores: list[float]  # of each epoch
    values: dict[str, Any]  # of the knobs

    @property
    def best(self):
        return min(self.scores)


def curves(task, trials):
    """`Curve` of the builder's defaults and of random trials."""
    x, x_val, y, y_val = task.rows
    held = batches(x_val, y_val, shuffle=False)
    generator = random.Random(0)
    found = []
    for trial in range(trials):
        hp = keras_tuner.HyperParameters()
        task.model.declare_hyperparameters(hp)
        if trial:
            hp.values = {knob.name: knob.random_sample(generator.random()) for knob in hp.space}
        epochs, start = Epochs(time.process_time), time.process_time()
        model = Reuse().of(task.model.build(hp))
        history = model.fit(
            batches(x, y, seed=trial),
            validation_data=held,
            epochs=task.epochs,
            callbacks=[epochs],
            verbose=0,
        )
        epoch = float(np.median(np.diff(epochs.ends)))
        before = epochs.ends[0] - start - epoch
        found.append(Curve(before, epoch, history.history[SCORE], hp.values))
    return found


def pruners(epochs):
    """name -> function that makes one: those of `search`, and others of their kinds."""
    made = {
        name: functools.partial(_proposals.make_pruner, name, epochs)
        for name in ("none", "median", "halving")
    }
    for trials, warm_up in ((1, 0), (1, 2), (2, 2), (4, 2), (6, 2)):
        made[f"median from trial {trials}, epoch {warm_up} on"] = functools.partial(
            optuna.pruners.MedianPruner, n_startup_trials=trials, n_warmup_steps=warm_up
        )
    for first, factor in ((1, 2), (2, 2), (2, 4)):
        made[f"halving from epoch {first} on, by {factor}"] = functools.partial(
            optuna.pruners.SuccessiveHalvingPruner, min_resource=first, reduction_factor=factor
        )
    return made


def train(study, asked, curve, target):
    """(CPU seconds, whether the target was reached) of a trial with this curve, pruned or not."""
    seconds = curve.before
    for step, score in enumerate(curve.scores):
        seconds += curve.epoch
        if score <= target:
            return seconds, True
        asked.report(score, step)
        if step + 1 < len(curve.scores) and asked.should_prune():
            study.tell(asked, state=optuna.trial.TrialState.PRUNED)
            return seconds, False
    study.tell(asked, curve.best)
    return seconds, False


def replay(found, order, pruner, target):
    """CPU seconds to the target; infinite where its trials were all ended before."""
    study = optuna.create_study(pruner=pruner)
    seconds = 0.0
    for place in order:
        taken, reached = train(study, study.ask(), found[place], target)
        seconds += taken
        if reached:
            return seconds
    return np.inf


def spread(seconds):
    """Median and quartiles, any of which may be infinite."""
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75], method="nearest")
    return f"{middle:.1f} ({low:.1f}-{high:.1f})"


def main(trials=36, task="", orders=100):
    _measure.versions()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for name, one in TASKS.items():
        if task not in name:
            continue
        found = curves(one, int(trials))
        target = np.quantile([curve.best for curve in found], BEST)
        generator = np.random.default_rng(0)
        drawn = [[0, *1 + generator.permutation(len(found) - 1)] for _ in range(int(orders))]
        print(f"{name}: target {target:.4f}, defaults {found[0].best:.4f}", flush=True)
        for pruner, make in pruners(one.epochs).items():
            taken = [replay(found, order, make(), target) for order in drawn]
            never = f"{np.mean(np.isinf(taken)):.0%}"
            rows.append((name, pruner, spread(taken), never))
    _measure.table(("task", "pruner", "CPU seconds to the target", "never"), rows)
    return 0
