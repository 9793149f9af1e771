"""What `fine_tune` knows after every epoch, in memory and, with a folder, on disk: `State`."""

import json
import os
import zipfile
from typing import Any

import keras
import numpy as np

from recipes import _checks, _metrics, _model_checks, _records, _unfreezing

PLAN, NOW, BEST = "fine_tuning.json", "now.npz", "best.npz"


class State:
    """History, best weights and place in the plan of one run.

    Args:
        model: the model that is tuned.
        directory: folder, or None to keep all in memory.
        overwrite: begin anew where the folder holds another run.
        said: what must be the same for a stored run to be gone on with; plain JSON.
        monitor: what is best, or None where nothing is.
    """

    def __init__(self, model, directory, overwrite, said, monitor):
        _checks.flag("overwrite", overwrite)
        self.model = model
        self.monitor = monitor
        self.seed = said["settings"][-1]
        self.history: dict[str, list] = {}
        self.epochs = [0] * len(said["stages"])
        self.ended = 0
        self.best: Any = None
        self.best_epoch: int | None = None
        self.best_weights: list[np.ndarray] | None = None
        self.optimizer_values: list[np.ndarray] | None = None
        self.folder = directory and _checks.folder("directory", directory)
        if self.folder:
            left = [self.folder / NOW, self.folder / BEST]
            _records.claim(self.folder / PLAN, said, overwrite, left)
            self._read()

    def finished(self, number):
        """Whether this stage is over."""
        return number < self.ended

    def begin(self, number, model):
        """Epochs of this stage that are done; the optimizer goes on where it was."""
        if self.optimizer_values is not None:
            model.optimizer.build(model.trainable_variables)
            _assign(model.optimizer.variables, self.optimizer_values)
            self.optimizer_values = None
        return self.epochs[number]

    def callback(self, number, head=None):
        """For `fit`: notes every epoch."""
        return _Note(self, number, head)

    def note(self, number, logs, head):
        """An epoch of this stage is over."""
        self.epochs[number] += 1
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if self.monitor is not None:
            _model_checks.reported("monitor", self.monitor, logs)
            value = float(logs[self.monitor])
            falls = _metrics.falls(self.monitor)
            if self.best is None or (value < self.best if falls else value > self.best):
                self._keep(value, head)
        if head is None:
            self._write()

    def end(self, number, head=None):
        """A stage is over; the next one begins with the best weights so far, where it is known."""
        if head is not None:
            _unfreezing.give_back(head, self.model)
        self.ended = number + 1
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
        self._write()

    def _keep(self, value, head):
        if head is not None:
            _unfreezing.give_back(head, self.model)
        self.best = value
        self.best_epoch = sum(self.epochs)
        self.best_weights = self.model.get_weights()
        if self.folder:
            meta = json.dumps([self.best, self.best_epoch])
            _save(self.folder / BEST, meta, self.best_weights)

    def _write(self):
        if not self.folder:
            return
        variables = self.model.variables  # weights, and the seeds of dropout and augmentation
        optimizer = self.model.optimizer
        # Between two stages there is no optimizer to go on with.
        over = self.ended == len(self.epochs)
        within = over or self.epochs[self.ended] > 0
        stored = [*variables, *(optimizer.variables if within else [])]
        meta = {
            "history": self.history,
            "epochs": self.epochs,
            "ended": self.ended,
            "variables": len(variables),
        }
        values = [keras.ops.convert_to_numpy(variable) for variable in stored]
        _save(self.folder / NOW, json.dumps(meta), values)

    def _read(self):
        """Where the run stood, if it was begun."""
        if not (self.folder / NOW).exists():
            return
        meta, values = _load(self.folder / NOW)
        self.history, self.epochs, self.ended = meta["history"], meta["epochs"], meta["ended"]
        own = meta["variables"]
        _assign(self.model.variables, values[:own])
        self.optimizer_values = values[own:] or None
        if self.monitor is not None and (self.folder / BEST).exists():
            (self.best, self.best_epoch), self.best_weights = _load(self.folder / BEST)


class _Note(keras.callbacks.Callback):
    def __init__(self, state, number, head):
        super().__init__()
        self.state, self.number, self.head = state, number, head

    def on_epoch_end(self, epoch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        self.state.note(self.number, {**(logs or {}), "learning_rate": rate}, self.head)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _save(path, meta, values):
    """In one step, so that a kill leaves the old file or the new one."""
    draft = path.with_name(f"{path.stem}.{os.getpid()}.tmp.npz")
    arrays = {f"a{i}": value for i, value in enumerate(values)}
    np.savez(draft, meta=np.array(meta), **arrays)  # type: ignore[arg-type]
    os.replace(draft, path)


def _load(path):
    try:
        with np.load(path) as stored:
            meta = json.loads(str(stored["meta"]))
            return meta, [stored[f"a{i}"] for i in range(len(stored.files) - 1)]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return _records.refuse(path, f"whose file {path.name} is damaged")
