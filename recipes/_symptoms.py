"""The symptoms that `diagnose` knows: what shows them, from which limit on, and what helps.

Losses are measured in units of `base`: what it costs to know nothing of x. Limits were chosen on
the runs on digits and wine of benchmarks/diagnosis.py.
"""

from typing import Any

import numpy as np

# Shares of `base`, unless said otherwise.
SPIKE = 3.0  # first training loss that no sensible start has
EXPLOSION = 5.0  # validation loss of a model that is wrong with certainty
OSCILLATION = 0.1  # mean distance of training loss from its neighbours' mean
GAP = 0.15  # validation above training loss
RISE = 0.03  # validation loss above its best
PAST = 0.6  # share of the run after which a best epoch is not long past
STILL_FALLING = 0.05  # fall of validation loss over the last fifth of the run, share of its value
HIGH = 0.5  # loss of a model that has learnt little
FLAT = 0.01  # change over the last half of the run
STEADY = 0.4  # fall in the last third of the run, share of the fall in the first
NOISE = 0.08  # mean distance of validation loss from its neighbours' mean, share of its value
COLLAPSED_ROWS = 2  # rows of a class that make its absence from the predictions remarkable


class Curves:
    """A history as arrays, with the few figures that the symptoms are told by."""

    def __init__(self, history, y=None, predictions=None):
        self.loss = np.array(history["loss"])
        self.val = np.array(history.get("val_loss", []))
        self.score, self.val_score = _accuracies(history)
        self.y, self.predictions = y, predictions
        self.broken = not (np.isfinite(self.loss).all() and np.isfinite(self.val).all())
        self.epochs = len(self.loss)
        self.chance = None if y is None else _chance(y)
        start = max(self.loss[0], *self.val[:1], 1e-12)
        self.base = self.chance or start
        self.held_out = len(self.val) == self.epochs

    @property
    def late(self):
        """Epochs in a fifth of the run."""
        return max(self.epochs // 5, 1)

    def end(self, curve):
        """Level at the end: the mean of the last tenth of the run."""
        return float(curve[-max(self.epochs // 10, 1) :].mean())

    def roughness(self, curve):
        """Mean distance from the mean of the two neighbours, in the last two thirds."""
        curve = curve[self.epochs // 3 :]
        if len(curve) < 4:
            return 0.0
        return float(np.abs(curve[1:-1] - (curve[:-2] + curve[2:]) / 2).mean())

    def change(self, curve):
        """From the third to the last quarter of the run, in units of base; a fall is positive."""
        half, quarter = self.epochs // 2, 3 * self.epochs // 4
        return float(curve[half:quarter].mean() - curve[quarter:].mean()) / self.base


def rate_too_high(c):
    """NaN, a loss that jumps at the start, explodes, rises or oscillates."""
    if c.broken:
        where = np.flatnonzero(~np.isfinite(c.loss))
        epoch = int(where[0]) + 1 if len(where) else c.epochs
        return f"the loss was NaN or infinite in epoch {epoch}"
    second = c.loss[1:].max()
    # A strong penalty makes the first losses high, too, but validation loss fades with them.
    fades = c.held_out and c.base < c.val[0] and (np.diff(c.val[:4]) < 0).all()
    spike = c.chance and c.loss[0] > SPIKE * c.chance and c.loss[0] > 2 * c.loss[1]
    if spike and not fades:
        return f"training loss {c.loss[0]:.3g} in the first epoch, {c.chance:.3g} by guessing"
    if c.chance and c.held_out and c.val[1:].max() > max(EXPLOSION * c.chance, 2 * c.loss[0]):
        return f"validation loss up to {c.val[1:].max():.3g}, {c.chance:.3g} by guessing"
    # Strong dropout makes training loss jump, too, but leaves validation loss calm.
    calm = c.held_out and c.roughness(c.val) < OSCILLATION / 4 * c.base
    if second > 1.2 * c.loss[0] and not (calm and c.end(c.val) <= c.val[0]):
        return f"training loss rose from {c.loss[0]:.3g} to {second:.3g}"
    rough = c.roughness(c.loss) / c.base
    if rough > OSCILLATION and not calm:
        return f"training loss jumps by {rough:.0%} of its start from epoch to epoch"
    return None


def class_collapse(c):
    """Classes that are never predicted; or an accuracy that stands still at a low value."""
    if c.predictions is not None and c.predictions.ndim == 2 and c.y.dtype.kind in "biu":
        if c.predictions.shape[1] > 1:
            predicted = c.predictions.argmax(1)
        else:
            predicted = (c.predictions[:, 0] > 0.5).astype(int)
        labels, rows = np.unique(c.y, return_counts=True)
        missing = [k for k in labels[rows >= COLLAPSED_ROWS] if k not in predicted]
        if missing:
            shown = ", ".join(map(str, missing[:8]))
            return f"{len(missing)} of {len(labels)} classes are never predicted: {shown}"
        if len(set(predicted)) == 1 and (c.y != predicted[0]).sum() >= COLLAPSED_ROWS:
            return f"every row is predicted to be of class {predicted[0]}"
        return None
    still = c.val_score[c.epochs // 2 :]
    stands = len(still) > 3 and np.ptp(still) == 0 and still[0] < 0.9
    if stands and c.end(c.loss) > 0.8 * c.base:
        return f"validation accuracy is {still[0]:.3g} in each of the last {len(still)} epochs"
    return None


def overfitting(c):
    """Training loss far below validation loss, which no longer falls."""
    if not c.held_out:
        return None
    low, high, best = c.end(c.loss), c.end(c.val), c.val.min()
    gap = (high - low) / c.base
    if gap > GAP and high > 1.5 * low and (high > 1.05 * best or gap > 2 * GAP):
        scores = ""
        if len(c.val_score):
            scores = f"; accuracy {c.score[-1]:.3f} and {c.val_score[-1]:.3f}"
        return f"training loss {low:.3g}, validation loss {high:.3g}{scores}"
    return None


def best_long_past(c):
    """Validation loss was lowest in an early epoch and has risen since."""
    if not c.held_out or c.epochs < 5:
        return None
    best, high = int(np.argmin(c.val)), c.end(c.val)
    risen = high - c.val[best]
    noise = c.roughness(c.val)
    if best + 1 <= PAST * c.epochs and risen > max(RISE * c.base, 0.1 * c.val[best], 3 * noise):
        where = f"epoch {best + 1} of {c.epochs}"
        return f"validation loss {c.val[best]:.3g} in {where}, {high:.3g} now"
    return None


def rate_too_low(c):
    """Training loss still falls at nearly the pace of the start, and is high."""
    if c.epochs < 5 or c.end(c.loss) < HIGH * min(c.base, c.loss[0]):
        return None
    third = c.epochs // 3
    first, last = c.loss[0] - c.loss[third], c.loss[-1 - third] - c.loss[-1]
    rises = (np.diff(c.loss) > 0).mean()
    if rises < 0.2 and first > 0 and last > max(STEADY * first, FLAT * c.base):
        pace = f"{last:.2g} in {third} epochs"
        return f"training loss falls as steadily at the end ({pace}) as before"
    return None


def best_not_reached(c):
    """Validation loss is lowest at the end and still falls."""
    if not c.held_out:
        return None
    fallen = float(c.val[-1 - c.late] - c.val[-1])
    noise = 4 * c.roughness(c.val)  # two epochs lie so far apart by chance once in 200 times
    at_end = int(np.argmin(c.val)) >= c.epochs - max(c.epochs // 10, 1)
    if at_end and fallen > max(STILL_FALLING * c.val[-1], 0.01 * c.base, noise):
        where = f"the last {c.late} epochs"
        return f"validation loss fell by {fallen:.2g} to {c.val[-1]:.3g} in {where}"
    return None


def plateau(c):
    """Training loss stands still at a high value."""
    if c.epochs < 8 or c.end(c.loss) < 0.7 * HIGH * c.base:
        return None
    if abs(c.change(c.loss)) < FLAT and c.roughness(c.loss) < 2 * FLAT * c.base:
        half = c.epochs - c.epochs // 2
        return f"training loss stays at {c.end(c.loss):.3g} over the last {half} epochs"
    return None


def underfitting(c):
    """Training and validation loss both high, and no longer falling."""
    low = min(c.end(c.loss), c.end(c.val)) if c.held_out else c.end(c.loss)
    if c.epochs < 8 or low < HIGH * c.base:
        return None
    gap = (c.end(c.val) - c.end(c.loss)) / c.base if c.held_out else 0.0
    # Dropout makes training loss jump; validation loss shows whether learning goes on.
    pace = c.change(c.val if c.held_out else c.loss)
    if gap < GAP and pace < 5 * FLAT:
        beside = "by guessing" if c.chance else "at the start"
        return f"loss {low:.3g} in training and validation, {c.base:.3g} {beside}"
    return None


def noisy_validation(c):
    """Validation loss jumps from epoch to epoch, more than training loss does."""
    if not c.held_out or c.broken:
        return None
    rough = c.roughness(c.val)
    share = rough / max(c.val[c.epochs // 3 :].mean(), 1e-12)
    if share > NOISE and rough > 0.02 * c.base and rough > 0.3 * c.roughness(c.loss):
        return f"validation loss jumps by {share:.0%} of its value from epoch to epoch"
    return None


# The gravest first: a rate far off spoils all that comes after it.
SYMPTOMS = {
    "learning rate too high": rate_too_high,
    "class collapse": class_collapse,
    "overfitting": overfitting,
    "best epoch long past": best_long_past,
    "learning rate too low": rate_too_low,
    "plateau": plateau,
    "underfitting": underfitting,
    "best epoch not reached": best_not_reached,
    "noisy validation": noisy_validation,
}

# Words, and values to try by argument: (low, high), or a list of options.
REMEDIES: dict[str, tuple[str, dict[str, Any]]] = {
    "learning rate too high": (
        "a smaller learning rate (lr_find suggests one), batch_norm=True, scaled inputs",
        {"learning_rate": (1e-5, 1e-3), "batch_norm": [True, False]},
    ),
    "class collapse": (
        "class weights or balanced batches, then a smaller learning rate and less regularisation",
        {"learning_rate": (1e-4, 3e-3), "dropout": (0.0, 0.2), "batch_norm": [True, False]},
    ),
    "overfitting": (
        "augmentation, dropout, weight penalties, label smoothing, noise, fewer units, more rows",
        {"dropout": (0.2, 0.6), "l2": (1e-5, 1e-2), "drop_connect": (0.0, 0.3)},
    ),
    "best epoch long past": (
        "standard_callbacks(): stop early and take back the best epoch's weights",
        {"epochs": [5, 10, 20], "dropout": (0.2, 0.6)},
    ),
    "learning rate too low": (
        "a learning rate 3 to 30 times larger (lr_find suggests one), or OneCycle",
        {"learning_rate": (1e-3, 3e-2)},
    ),
    "plateau": (
        "another learning rate: larger where the loss never fell, a later decay where it once did; "
        "batch_norm=True and relu where layers are deep",
        {
            "learning_rate": (3e-4, 3e-2),
            "batch_norm": [True, False],
            "activation": ["relu", "elu", "gelu"],
        },
    ),
    "underfitting": (
        "more or wider layers, less dropout and smaller penalties, more features",
        {"dropout": (0.0, 0.2), "l1": [0.0], "l2": [0.0, 1e-6], "learning_rate": (3e-4, 1e-2)},
    ),
    "best epoch not reached": (
        "more epochs",
        {"epochs": [30, 60, 120], "learning_rate": (1e-3, 1e-2)},
    ),
    "noisy validation": (
        "more validation rows or cross_validate, larger batches, a rate that falls "
        "(CosineAnnealing)",
        {"batch_size": [32, 64, 128], "learning_rate": (1e-4, 3e-3)},
    ),
}


def _accuracies(history):
    """Training and validation accuracy, empty where there is none."""
    names = [name for name in history if "accuracy" in name and not name.startswith("val_")]
    name = names[0] if names else ""
    return np.array(history.get(name, [])), np.array(history.get(f"val_{name}", []))


def _chance(y):
    """Loss of the best guess without x: the entropy of the classes, or the variance of numbers."""
    if y.dtype.kind == "f":
        return float(y.var(axis=0).mean())
    shares = np.unique(y, return_counts=True)[1] / y.size
    entropy = float(-(shares * np.log(shares)).sum())
    return entropy or None
