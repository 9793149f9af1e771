"""What a search shows while it runs: a line a trial, the best score so far, the time left."""

import sys
import time
from collections import Counter

from tuning._fronts import number_of, reason_of, values_of


class Progress:
    """Prints a line a trial, and on a terminal or in a notebook the epoch that runs.

    Args:
        objectives: list of `keras_tuner.Objective`; the first is the score.
        max_trials: number of trials that are to run.
        time_budget: seconds, or None.
        verbose: False for nothing at all.
    """

    def __init__(self, objectives, max_trials, time_budget, verbose):
        self.objectives = objectives
        self.max_trials = max_trials
        self.time_budget = time_budget
        self.verbose = verbose
        self.started = time.monotonic()
        self.best = None
        self.statuses: Counter = Counter()
        self.earlier = None  # trials that had ended before this search began
        self.begun = None  # when the first trial did: starting workers says nothing of its pace
        self.live = sys.stdout.isatty() or "ipykernel" in type(sys.stdout).__module__
        self.width = 0

    def look(self, trials):
        """Take in how the study stands: all its trials, those of other processes too."""
        self.statuses = Counter(trial.status for trial in trials)
        if self.earlier is None:
            self.earlier = self._ended()
        if self.begun is None and self.statuses["RUNNING"]:
            self.begun = time.monotonic() - self.started

    def epoch(self, trial, epoch):
        """An epoch of a running trial has ended."""
        if self.live:
            self._show(f"{self._head(trial)} epoch {epoch + 1}{self._tail()}", end="\r")

    def trial(self, trial, best):
        """A trial has ended."""
        reason = reason_of(trial) or "no message"
        if trial.status == "FAILED":
            self._show(f"{self._head(trial)} failed: {reason}")
            return
        if trial.status in ("PRUNED", "SKIPPED"):
            said = f": {reason}" if trial.status == "SKIPPED" else ""
            line = f"{self._head(trial)} {trial.status.lower()}{said}{self._tail()}"
            self._show(line, self._end())
            return
        improved = self.best is None or best.trial_id != self.best.trial_id
        self.best = best
        names = [objective.name for objective in self.objectives]
        values = [trial.score, *values_of(trial, self.objectives[1:])]
        said = ", ".join(f"{n} {short(v)}" for n, v in zip(names, values, strict=True))
        line = f"{self._head(trial)} {said}{self._tail()}"
        self._show(line, self._end(improved))

    def close(self):
        """The search has ended."""
        if self.live and self.width:
            self._show("", end="\r")

    def _end(self, keep=False):
        """A terminal keeps the lines that matter: each improvement."""
        return "\n" if keep or not self.live else "\r"

    def _head(self, trial):
        return f"trial {number_of(trial):>{len(str(self.max_trials))}}/{self.max_trials}"

    def _tail(self):
        parts = []
        if self.best is not None:
            parts.append(f"best {self.best.score:.4f} (trial {number_of(self.best)})")
        counts = {word: self.statuses[word.upper()] for word in ("running", "pruned")}
        parts.append(", ".join(f"{count} {word}" for word, count in counts.items() if count))
        taken = time.monotonic() - self.started
        parts.append(f"{_clock(taken)}{self._left(taken)}")
        return "".join(f" | {part}" for part in parts if part)

    def _left(self, taken):
        """What remains, at the pace of the trials so far, of `max_trials` or of the time budget."""
        left = [] if self.time_budget is None else [max(self.time_budget - taken, 0.0)]
        done = self._ended() - (self.earlier or 0)
        if done > 0:
            pace = (taken - (self.begun or 0.0)) / done
            left.append(pace * (self.max_trials - self._ended()))
        return f", {_clock(min(left))} left" if left else ""

    def _ended(self):
        return self.statuses.total() - self.statuses["RUNNING"]

    def _show(self, line, end="\n"):
        if self.verbose:
            print(line.ljust(self.width), end=end, flush=True)
            self.width = len(line) if end == "\r" else 0


def short(value):
    """A number for a line: four decimals of a small one, none of a large one."""
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def _clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
