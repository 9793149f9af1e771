"""Few labels and many rows without: `pseudo_label` lets a model label the rest, with care.

It pays where the classes lie apart and the model is right when it is sure; where it is sure and
wrong, it learns its own mistakes. benchmarks/few_labels.py has both.
"""

import dataclasses
import inspect
import warnings
from functools import partial
from typing import Any

import keras
import numpy as np

from recipes import _checks, _targets
from recipes._folds import among, hold_out
from recipes._recipe import generator, in_turn
from recipes._refit import Refit
from recipes.augmentation import image_augmentation, tabular_augmentation
from recipes.feeding import batches
from recipes.naming import as_labels, names_of, told_names

METHODS = ("hard", "soft", "fixmatch")

# Steps between two draws of rows; "fixmatch" labels its rows anew in each.
CHUNK = 50

# Rows that are predicted or augmented at once.
AT_ONCE = 512

# The share of a "fixmatch" run over which the weight of unlabelled rows climbs to its end.
RAMP = 0.4


@dataclasses.dataclass(frozen=True, repr=False)
class PseudoLabels:
    """What `pseudo_label` returns.

    Attributes:
        model: `keras.Model` of the best round, or of the last where nothing was held out.
        labels: class that this model gives each unlabelled row, (rows,) int.
        confidence: its share for that class, (rows,), in [0, 1].
        rounds: a dict for each round: "round", "labelled" and "pseudo" (rows), "weight" and
            "accuracy" (on the rows held out; None where there are none).
        best_round: number of the model's round; 0 is that of the labelled rows alone.

    >>> rounds = ({"round": 0, "labelled": 9, "pseudo": 0, "weight": 0.0, "accuracy": 0.5},)
    >>> PseudoLabels(None, np.array([1, 0]), np.array([0.9, 0.7]), rounds, 0)
    PseudoLabels: round 0 of 0..0 is the best, accuracy 0.5; 0 rows with pseudo-labels
    """

    model: keras.Model
    labels: np.ndarray
    confidence: np.ndarray
    rounds: tuple[dict, ...]
    best_round: int

    def __repr__(self):
        best = self.rounds[self.best_round]
        known = best["accuracy"] is not None
        said = f"is the best, accuracy {best['accuracy']:.4g}" if known else "is the last"
        among = f"round {self.best_round} of 0..{self.rounds[-1]['round']}"
        return f"PseudoLabels: {among} {said}; {best['pseudo']} rows with pseudo-labels"

    def report(self):
        """The rounds as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rounds).set_index("round")


def pseudo_label(
    build,
    x,
    y,
    x_unlabeled,
    *,
    threshold=0.95,
    rounds=3,
    method="hard",
    balance=True,
    weight=1.0,
    validation=None,
    steps=500,
    batch_size=32,
    weak=None,
    strong=None,
    seed=None,
    verbose=0,
):
    """Train on labelled rows, label the rest where the model is sure, and train on both.

    Round 0 learns from the labelled rows alone. With "hard" and "soft" every further round trains a
    fresh model on the labelled rows and on those that the round before was sure of; with
    "fixmatch" one model goes on, labels weakly augmented rows anew all the time, and learns these
    labels on strongly augmented ones. Each step sees as many labelled as unlabelled rows.

    Args:
        build: builder of a classifier, as `cross_validate` takes it, such as `build_cnn` or a
            `functools.partial` of one; "binary" or "multiclass".
        x: labelled rows, (rows, ...).
        y: their classes, (rows,) integers; or names where build takes `class_names`: the model
            keeps them for `predict_names`.
        x_unlabeled: rows without labels, (unlabelled rows, ...), each as a row of x.
        threshold: share in (0, 1] that a class must have for a row to be labelled with it.
        rounds: rounds after the one of the labelled rows alone, at least 1.
        method: "hard" (the likeliest class), "soft" (the shares of all classes) or "fixmatch".
        balance: let no class have more than its share of the labelled rows, of the surest rows
            first; more rows are let in with each round. "fixmatch" does without.
        weight: of a pseudo-labelled row beside a labelled one, above 0, reached step by step.
        validation: (x, y), or a share in (0, 1) of the labelled rows, that score every round: they
            are never trained on, nor rows of x_unlabeled that equal them; the best round's model is
            returned, and rounds end when the accuracy falls. None trains on all and returns the
            last round's.
        steps: optimizer steps of every round, at least 1.
        batch_size: labelled rows in a step; as many unlabelled ones join them.
        weak, strong: Keras layers that augment the unlabelled rows of "fixmatch" before they are
            labelled and before they are learnt; labelled rows are augmented by weak too. None is
            `image_augmentation(...)` for images and `tabular_augmentation(...)` for tables.
        seed: int for initial weights, orders and draws, or None.
        verbose: 0 is silent, 1 is a line a round.

    Returns:
        `PseudoLabels` with `model`, `labels`, `confidence`, `rounds` and `report()`.

    Raises:
        ValueError, TypeError: before the first step: rows of another shape, threshold outside
            (0, 1], labels that are no classes, a build that makes no classifier of them, a knob
            out of range.

    Warns:
        UserWarning: hardly an unlabelled row reaches the threshold in a round.

    Source: Lee, 2013, Pseudo-Label; Zou et al., 2018, Class-Balanced Self-Training; Sohn et al.,
    2020, FixMatch.

    >>> from recipes import build_mlp
    >>> random = np.random.default_rng(0)
    >>> x, y = random.normal(size=(200, 2)), np.arange(200) % 2
    >>> x[:, 0] += 6 * y
    >>> result = pseudo_label(build_mlp, x[:10], y[:10], x[10:], rounds=1, steps=60, seed=0)
    >>> bool((result.labels == y[10:]).mean() > 0.9), result.rounds[1]["pseudo"] > 0
    (True, True)
    """
    x_unlabeled = _targets.like("x_unlabeled", x_unlabeled, x)
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        validation = _targets.like("validation x", validation[0], x), validation[1]
    x = _checks.array("x", x)
    build, names = _with_names(build, y)
    y = told = _classes("y", y, names)
    _checks.same_rows(x=x, y=y)
    distinct = np.unique(y)
    _checks.require(len(distinct) > 1, "y", "hold at least 2 classes", f"class {distinct[0]} alone")
    x_unlabeled = _checks.array("x_unlabeled", x_unlabeled, shape=x.shape[1:])
    threshold = _checks.number("threshold", threshold)
    hint = f"Did you mean {threshold / 100:g}?" if 2 <= threshold <= 100 else ""
    inside = 0 < threshold <= 1
    _checks.require(inside, "threshold", "be in (0, 1]", f"threshold={threshold:g}", hint)
    _checks.count("rounds", rounds)
    _checks.one_of("method", method, METHODS)
    _checks.flag("balance", balance)
    _checks.positive("weight", weight)
    _checks.count("steps", steps)
    _checks.count("batch_size", batch_size)
    _checks.layer("weak", weak)
    _checks.layer("strong", strong)
    seed = _checks.seed(seed)
    refit = Refit(build)
    expected = "make a classifier, of task 'binary' or 'multiclass'"
    single = refit.task in (None, "binary", "multiclass")
    _checks.require(single, "build", expected, f"task={refit.task!r}")
    refit.outputs = _targets.width(y, refit.task or "multiclass")  # those held out are classes too
    (x, y), held = _held_out(x, y, validation, names, seed)

    fixmatch = method == "fixmatch"
    if fixmatch:
        weak, strong = _augmentations(x, weak, strong, seed)
    others = x_unlabeled if held is None else x_unlabeled[~among(x_unlabeled, held[0])]
    _checks.require(
        len(others) > 0, "x_unlabeled", "hold other rows than validation", "those alone"
    )
    trainer = _Trainer(refit, x, y, others, batch_size, seed, weak, strong)
    trainer.fresh()
    shares = _check_classifier(trainer.model, x, told, held)
    _check_loss(trainer.model, shares[:2], told[:2], soft=method == "soft")
    notes: list[dict] = []
    best, best_weights = 0, None
    for number in range(rounds + 1):
        # For fixmatch where its climb stands at the end of the round.
        share = weight * min(1.0, number / (rounds * (RAMP if fixmatch else 1)))
        if number == 0:
            trainer.fit(steps)
            used = 0
        elif fixmatch:
            used = trainer.fit_labelling(steps, threshold, weight, number, rounds)
        else:
            chosen, targets = trainer.choose(threshold, balance, number / rounds, method)
            trainer.fresh()
            trainer.fit(steps, chosen, targets, share)
            used = len(chosen)
        if number > 0 and not used:
            warnings.warn(_none_sure(number, threshold, steps), stacklevel=2)
        accuracy = None if held is None else float((trainer.classes_of(held[0]) == held[1]).mean())
        note = {"round": number, "labelled": len(y), "pseudo": used, "weight": share}
        notes.append({**note, "accuracy": accuracy})
        if verbose:
            print(notes[-1], flush=True)
        fell = accuracy is not None and number > 0 and accuracy < notes[best]["accuracy"]
        if fell:
            break
        best, best_weights = number, trainer.model.get_weights()
    trainer.model.set_weights(best_weights)
    shares = trainer.shares(x_unlabeled)
    return PseudoLabels(trainer.model, shares.argmax(-1), shares.max(-1), tuple(notes), best)


class _Trainer:
    """One model, labelled rows that it always sees, and unlabelled rows that may join them."""

    def __init__(self, refit, x, y, x_unlabeled, batch_size, seed, weak, strong):
        self.refit = refit
        self.x, self.y, self.x_unlabeled = x, y, x_unlabeled
        self.batch_size = batch_size
        self.seed = seed
        self.weak, self.strong = weak, strong
        self.random = generator(seed)
        self.model: Any = None

    @property
    def outputs(self):
        return max(self.model.output_shape[-1], 2)

    def fresh(self):
        self.model, _ = self.refit.fresh(self.x, self.y, self.seed)

    def shares(self, x):
        """A share for every class, (rows, classes)."""
        shares = self.model.predict(x, batch_size=AT_ONCE, verbose=0)
        return np.hstack([1 - shares, shares]) if shares.shape[-1] == 1 else shares

    def classes_of(self, x):
        return self.shares(x).argmax(-1)

    def choose(self, threshold, balance, progress, method):
        """(rows, targets): the unlabelled rows that the model is sure of."""
        shares = self.shares(self.x_unlabeled)
        labels, sure = shares.argmax(-1), shares.max(-1)
        chosen = np.flatnonzero(sure >= threshold)
        if balance:
            prior = np.bincount(self.y, minlength=self.outputs) / len(self.y)
            most = np.ceil(prior * len(self.x_unlabeled) * progress).astype(int)
            surest = chosen[np.argsort(-sure[chosen], kind="stable")]
            of_class = [surest[labels[surest] == label][:n] for label, n in enumerate(most)]
            chosen = np.sort(np.concatenate(of_class))
        return chosen, shares[chosen] if method == "soft" else labels[chosen]

    def fit(self, steps, chosen=(), targets=None, weight=1.0):
        """Steps on labelled rows and, in each, as many of the chosen ones."""
        for count in _chunks(steps):
            labelled = self._labelled(count)
            if not len(chosen):
                self._train(labelled, self.batch_size)
                continue
            rows = self._draw(len(chosen), count)
            weights = np.full(len(rows), weight)
            pseudo = self.x_unlabeled[chosen[rows]], targets[rows], weights
            self._train(self._join(labelled, pseudo), 2 * self.batch_size)

    def fit_labelling(self, steps, threshold, weight, number, rounds):
        """Steps on labelled rows and on unlabelled ones, which are labelled before each chunk."""
        used = 0
        done, whole = (number - 1) * steps, rounds * steps
        for count in _chunks(steps):
            drawn = self.x_unlabeled[self._draw(len(self.x_unlabeled), count)]
            shares = self.shares(_augmented(self.weak, drawn))
            sure = shares.max(-1) >= threshold
            climbed = min(1.0, (done + count) / (RAMP * whole))
            x, y, w = self._labelled(count)
            pseudo = _augmented(self.strong, drawn), shares.argmax(-1), weight * climbed * sure
            joined = self._join((_augmented(self.weak, x), y, w), pseudo)
            self._train(joined, 2 * self.batch_size)
            done += count
            used = int(sure.mean() * len(self.x_unlabeled))
        return used

    def _labelled(self, count):
        rows = self._draw(len(self.x), count)
        return self.x[rows], self.y[rows], np.ones(len(rows))

    def _draw(self, rows, count):
        """Rows for so many steps."""
        return in_turn(rows, count * self.batch_size, self.random)

    def _join(self, labelled, pseudo):
        """Both kinds of rows, so that every step has as many of each."""
        (x, y, w), (x2, y2, w2) = labelled, pseudo
        if y2.ndim > 1:
            y = np.eye(self.outputs, dtype="float32")[y]
        size = self.batch_size

        def weave(first, second):
            parts = [part.reshape(-1, size, *part.shape[1:]) for part in (first, second)]
            return np.concatenate(parts, axis=1).reshape(-1, *first.shape[1:])

        return weave(x, x2), weave(y, y2), weave(w, w2)

    def _train(self, rows, size):
        x, y, weight = rows
        if self.model.output_shape[-1] == 1 and y.ndim > 1:
            y = y[:, 1:]
        feed = batches(x, y, size, sample_weight=weight, shuffle=False)
        self.model.fit(feed, shuffle=False, verbose=0)


def _none_sure(number, threshold, steps):
    return (
        f"Round {number} learns from hardly a row without a label: they do not reach "
        f"threshold={threshold:g}. Give more steps (Received: steps={steps}), so that the model is "
        "sure of some, or lower the threshold."
    )


def _chunks(steps):
    """The steps in pieces of at most CHUNK."""
    return [min(CHUNK, steps - start) for start in range(0, steps, CHUNK)]


def _augmented(layer, x):
    parts = [
        keras.ops.convert_to_numpy(layer(x[start : start + AT_ONCE], training=True))
        for start in range(0, len(x), AT_ONCE)
    ]
    return np.concatenate(parts)


def _augmentations(x, weak, strong, seed):
    """The layers given, or those that suit the rows."""
    if x.ndim == 4:
        made = [image_augmentation(level, flip=None, seed=seed) for level in ("light", "strong")]
    else:
        made = [tabular_augmentation(rate, seed=seed) for rate in (0.05, 0.3)]
    return weak or made[0], strong or made[1]


def _with_names(build, y):
    """(build, names): a builder that is told the names of the classes, where y holds names."""
    known = Refit(build).parameters
    labels, names = told_names(y, names_of(known))
    if labels is y:
        return build, names
    hint = "Give build class_names, as build_pretrained takes them, or number the classes."
    _checks.require("class_names" in known, "y", "hold integers for this build", "names", hint)
    outputs = 1 if known.get("task") == "binary" else len(names)
    free = {k for k, v in known.items() if v is None or v is inspect.Parameter.empty}
    asked = {"class_names": names, "outputs": outputs}
    return partial(build, **{k: v for k, v in asked.items() if k in free}), names


def _classes(name, y, names):
    """One class a row, (rows,) integers from 0 on."""
    y = _checks.array(name, as_labels(name, y, names))
    kind = _targets.kind(y)
    hint = f"Did you mean {name}.argmax(-1)?" if kind == "one_hot" else ""
    received = f"{y.dtype}, shape {y.shape}"
    _checks.require(kind == "classes", name, "hold one integer class a row", received, hint)
    y = y.reshape(-1).astype("int64")
    received = f"{y.min()}, {(y < 0).sum()} times below 0"
    hint = "Move rows without a label into x_unlabeled."
    _checks.require(y.min() >= 0, name, "hold classes from 0 on", received, hint)
    return y


def _check_classifier(model, x, told, held):
    """That a model just built says shares of as many classes as there are; what it says of x."""
    shape = model.output_shape
    single = isinstance(shape, tuple) and len(shape) == 2
    _checks.require(single, "build", "make a classifier of one class a row", f"outputs {shape}")
    shares = model.predict(x[:AT_ONCE], batch_size=AT_ONCE, verbose=0)
    sums = shares.sum(-1) if shape[-1] > 1 else np.ones(len(shares))
    whole = shares.min() >= 0 and shares.max() <= 1 and np.allclose(sums, 1, atol=0.01)
    expected = "make a classifier, whose outputs are shares of the classes"
    received = f"{model.name!r} with outputs from {shares.min():.3g} to {shares.max():.3g}"
    _checks.require(whole, "build", expected, received, "Is its last layer a softmax or sigmoid?")
    classes, width = int(told.max()) + 1, max(shape[-1], 2)
    received = f"{shape[-1]} outputs" if shape[-1] > 1 else "1 output, for two"
    _checks.require(width >= classes, "build", f"make a classifier of {classes} classes", received)
    if held is not None:
        highest = int(held[1].max())
        expected = f"hold classes from 0 to {width - 1}, as y does"
        _checks.require(highest < width, "validation y", expected, highest)
    return shares


def _check_loss(model, shares, labels, soft):
    """That the loss takes the labels which the method will make."""
    width = shares.shape[-1]
    rows = np.eye(max(width, 2), dtype="float32")[labels, 1 if width == 1 else 0 :]
    for what, y in [("integer labels", labels), ("rows of shares", rows)][: 1 + soft]:
        try:
            model.compute_loss(y=y, y_pred=shares)
        except ValueError as error:
            expected = f"compile a loss that takes {what}, as the recipes' do"
            _checks.require(False, "build", expected, f"{model.loss!r}, which says: {error}")


def _held_out(x, y, validation, names, seed):
    """((x, y) to learn from, (x, y) held out or None)."""
    if validation is None:
        return (x, y), None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        held = _checks.array("validation x", validation[0], shape=x.shape[1:])
        labels = _classes("validation y", validation[1], names)
        _checks.same_rows(**{"validation x": held, "validation y": labels})
        return (x, y), (held, labels)
    share = _checks.fraction("validation", validation)
    rows, others = hold_out(len(y), y, share, seed)
    return (x[rows], y[rows]), (x[others], y[others])
