"""What a search shows while it runs: one line for each trial, with the best score so far."""

import sys
import time

# What is said of trials that have no rank.
WITHOUT_RANK = {"PRUNED": "pruned", "SKIPPED": "skipped: too many parameters"}


class Progress:
    """Prints a line a trial, and on a terminal or in a notebook the epoch that runs.

    Args:
        objective: name of the score.
        max_trials: number of trials that are to run.
        time_budget: seconds, or None.
        verbose: False for nothing at all.
    """

    def __init__(self, objective, max_trials, time_budget, verbose):
        self.objective = objective
        self.max_trials = max_trials
        self.limit = f" of {_clock(time_budget)}" if time_budget else ""
        self.verbose = verbose
        self.started = time.monotonic()
        self.best = None
        self.live = sys.stdout.isatty() or "ipykernel" in type(sys.stdout).__module__
        self.width = 0

    def epoch(self, trial, epoch):
        """An epoch of a running trial has ended."""
        if self.live:
            self._show(f"{self._head(trial)} epoch {epoch + 1}{self._tail()}", end="\r")

    def trial(self, trial, best):
        """A trial has ended."""
        if trial.status == "FAILED":
            reason = (trial.message or "no message").strip().splitlines()[-1]
            self._show(f"{self._head(trial)} failed: {reason}")
            return
        if trial.status in WITHOUT_RANK:
            line = f"{self._head(trial)} {WITHOUT_RANK[trial.status]}{self._tail()}"
            self._show(line, self._end())
            return
        improved = self.best is None or best.trial_id != self.best.trial_id
        self.best = best
        line = f"{self._head(trial)} {self.objective} {trial.score:.4f}{self._tail()}"
        self._show(line, self._end(improved))

    def close(self):
        """The search has ended."""
        if self.live and self.width:
            self._show("", end="\r")

    def _end(self, keep=False):
        """A terminal keeps the lines that matter: each improvement."""
        return "\n" if keep or not self.live else "\r"

    def _head(self, trial):
        number = int(trial.trial_id) + 1
        return f"trial {number:>{len(str(self.max_trials))}}/{self.max_trials}"

    def _tail(self):
        best = ""
        if self.best is not None:
            best = f" | best {self.best.score:.4f} (trial {int(self.best.trial_id) + 1})"
        return f"{best} | {_clock(time.monotonic() - self.started)}{self.limit}"

    def _show(self, line, end="\n"):
        if self.verbose:
            print(line.ljust(self.width), end=end, flush=True)
            self.width = len(line) if end == "\r" else 0


def _clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
