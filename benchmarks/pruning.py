"""Seconds until a search reaches a target score: without pruning, median, successive halving.

The search is over `build_mlp` on digits with the default engine, the same seeds, rows, knobs and
wall budget for all. The clock starts with the search and stops at the first epoch whose validation
accuracy is the target; a search that never gets there counts with its whole budget.
"""

import statistics
import time

import keras
from sklearn.model_selection import train_test_split

from benchmarks import _data, _measure
from recipes import build_mlp
from tuning import SPACES, search
from tuning._proposals import PRUNERS


class Clock(keras.callbacks.Callback):
    """The second at which `val_accuracy` first reached `target`."""

    def __init__(self, target):
        super().__init__()
        self.target, self.started, self.reached = target, time.perf_counter(), None

    def on_epoch_end(self, epoch, logs=None):
        if self.reached is None and logs["val_accuracy"] >= self.target:
            self.reached = time.perf_counter() - self.started


def main(seeds=3, budget=25, target=0.985, epochs=30):
    """`python -m benchmarks pruning 1 20` is a short run: seeds, seconds a search."""
    _measure.versions()
    seeds, budget, target, epochs = int(seeds), float(budget), float(target), int(epochs)
    images, labels = _data.digits()
    x, x_val, y, y_val = train_test_split(images, labels, test_size=0.3, random_state=0)
    found: dict = {name: [] for name in PRUNERS}
    for seed in range(seeds):
        for name, runs in found.items():
            clock = Clock(target)
            study = search(
                build_mlp,
                x,
                y,
                space=SPACES[build_mlp],
                pruner=name,
                objective="val_accuracy",
                validation=(x_val, y_val),
                max_trials=500,
                time_budget=budget,
                epochs=epochs,
                callbacks=[clock],
                seed=seed,
                verbose=False,
            )
            table = study.leaderboard()
            pruned = (table["status"] == "pruned").sum()
            runs.append((clock.reached or budget, study.best_score, len(table), pruned))
            print(f"seed {seed}, {name}: {runs[-1][0]:.0f} s, {len(table)} trials", flush=True)
    rows = []
    for name, runs in found.items():
        times, scores, trials, pruned = zip(*runs, strict=True)
        rows.append(
            (
                name,
                f"{statistics.median(times):.0f} ({min(times):.0f}-{max(times):.0f})",
                f"{statistics.median(scores):.4f}",
                f"{statistics.median(trials):.0f}",
                f"{statistics.median(pruned):.0f}",
            )
        )
    _measure.table(("pruner", "seconds to target", "best score", "trials", "pruned"), rows)
    return 0
