"""What a learning curve says: `diagnose` reads a history and names the knobs to turn.

The reading is that of the notes: training far above validation is overfitting, both poor is
underfitting, a curve that still falls wants more epochs or a larger rate, and so on. The symptoms
with their limits are in `recipes/_symptoms.py`; benchmarks/diagnosis.py says how often they are
right.
"""

import dataclasses
import html
from typing import Any

import numpy as np

from recipes import _checks
from recipes._symptoms import REMEDIES, SYMPTOMS, Curves


@dataclasses.dataclass(frozen=True)
class Finding:
    """One symptom in a learning curve.

    Attributes:
        symptom: its name, such as "overfitting".
        evidence: the figures that show it.
        remedy: what to change, in words.
        space: builder and `fit` arguments with values to try: (low, high) or a list of options.
            `tuning.narrow` makes a space for `tuning.search` of it.

    >>> Finding("overfitting", "validation loss 0.9", "dropout", {"dropout": (0.2, 0.6)})
    overfitting: validation loss 0.9
      -> dropout
      try dropout=(0.2, 0.6)
    """

    symptom: str
    evidence: str
    remedy: str
    space: dict[str, Any]

    def __repr__(self):
        tried = ", ".join(f"{name}={values}" for name, values in self.space.items())
        return f"{self.symptom}: {self.evidence}\n  -> {self.remedy}\n  try {tried}"


@dataclasses.dataclass(frozen=True, repr=False)
class Diagnosis:
    """What `diagnose` returns.

    Attributes:
        findings: a `Finding` for each symptom, the gravest first; () where nothing was found.
        history: the curves, a dict from name to one value an epoch.

    >>> Diagnosis((), {"loss": [1.0, 0.1]})
    Diagnosis: nothing found in 2 epochs
    """

    findings: tuple[Finding, ...]
    history: dict[str, list]

    @property
    def symptoms(self):
        """Names of all symptoms found."""
        return tuple(finding.symptom for finding in self.findings)

    @property
    def space(self):
        """The values to try of all findings; of two for one argument the graver finding's."""
        merged: dict[str, Any] = {}
        for finding in reversed(self.findings):
            merged |= finding.space
        return merged

    def plot(self, ax=None):
        """The losses with the findings as title, as `plot_history`."""
        from recipes.plots import plot_history

        ax = plot_history(self.history, ax=ax)
        ax.set_title(", ".join(self.symptoms) or "nothing found")
        return ax

    def __repr__(self):
        epochs = len(next(iter(self.history.values())))
        if not self.findings:
            return f"Diagnosis: nothing found in {epochs} epochs"
        return "\n".join([f"Diagnosis of {epochs} epochs", *map(repr, self.findings)])

    def _repr_html_(self):
        if not self.findings:
            return f"<p>{html.escape(repr(self))}</p>"
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{html.escape(str(cell))}</td>"
                for cell in (
                    finding.symptom,
                    finding.evidence,
                    finding.remedy,
                    ", ".join(f"{name}={values}" for name, values in finding.space.items()),
                )
            )
            + "</tr>"
            for finding in self.findings
        )
        head = "".join(f"<th>{name}</th>" for name in ("symptom", "evidence", "remedy", "try"))
        return f"<table><tr>{head}</tr>{rows}</table>"


def diagnose(history, y=None, predictions=None):
    """Read the learning curves of a fit and say what ails it, why, and what to try.

    Args:
        history: what `fit` returned, or its dict from name to one value an epoch: "loss", and as a
            rule "val_loss"; at least 3 epochs, unless the loss became NaN.
        y: held-out targets, (rows,) integers or (rows, ...) numbers: with them "high" and "low" are
            measured by what knowing nothing of x would cost. None measures by the first epoch.
        predictions: `model.predict` of the held-out rows, (rows, classes): with them classes that
            are never predicted are seen. None tells it from an accuracy that stands still.

    Returns:
        `Diagnosis` with `findings`, `symptoms`, `space`, `plot()` and a table as its repr.

    Raises:
        ValueError, TypeError: the history has no loss or too few epochs, or y and predictions
            differ in rows.

    Source: Prechelt, 1998, Early Stopping - But When?; Smith, 2018, A Disciplined Approach to
    Neural Network Hyper-Parameters, part 1 (learning rates).

    >>> losses = {"loss": [1.0, 0.5, 0.2, 0.1, 0.05], "val_loss": [0.9, 0.6, 0.7, 0.9, 1.1]}
    >>> diagnose(losses).symptoms
    ('overfitting', 'best epoch long past')
    >>> diagnose(losses).space["dropout"]
    (0.2, 0.6)
    """
    history = _curves(history)
    if y is not None:
        y = _checks.array("y", y)
    if predictions is not None:
        predictions = _checks.array("predictions", np.nan_to_num(predictions))
        _checks.require(y is not None, "y", "be given with predictions", "y=None")
        _checks.same_rows(y=y, predictions=predictions)
    curves = Curves(history, y, predictions)
    findings = []
    for symptom, look in SYMPTOMS.items():
        evidence = look(curves)
        if evidence:
            remedy, space = REMEDIES[symptom]
            findings.append(Finding(symptom, evidence, remedy, space))
        if evidence and curves.broken:
            break
    return Diagnosis(tuple(findings), history)


def _curves(history):
    """A history's dict with lists of floats, checked."""
    history = getattr(history, "history", history)
    _checks.require(
        isinstance(history, dict) and "loss" in history,
        "history",
        "be what fit returned, or a dict with 'loss'",
        f"{sorted(history) if isinstance(history, dict) else type(history).__name__}",
    )
    history = {name: [float(value) for value in values] for name, values in history.items()}
    epochs = len(history["loss"])
    broken = not np.isfinite(history["loss"]).all()
    _checks.require(epochs >= 3 or (broken and epochs), "history", "have 3 epochs", f"{epochs}")
    return history
