# %% [markdown]
# # From train.csv to submission.csv
#
# A table of numbers, categories, dates and gaps; five folds with everything fitted inside them; a
# score that can be trusted before anything is submitted. With files of your own:
# `python examples/kaggle_table.py --train train.csv --test test.csv --target Survived --id Id`

# %%
import argparse
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from recipes import TableEncoder, build_mlp, cross_validate, per_class_report


def main(quick=False, output="output/kaggle_table", train=None, test=None, target="sick", id="id"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if train is None:
        train, test = write_example(output)
    train, test = pd.read_csv(train), None if test is None else pd.read_csv(test)
    y, names = pd.factorize(train[target], sort=True)  # 0 and 1, whatever the csv calls them

    # %% All that there is to it: the network, the encoder, the folds.
    stop = partial(keras.callbacks.EarlyStopping, patience=10, restore_best_weights=True)
    result = cross_validate(
        partial(build_mlp, task="binary", units=(64, 32), dropout=0.3),
        train.drop(columns=target),
        y,
        preprocess=TableEncoder(drop=[id]),
        x_test=test,
        folds=3 if quick else 5,
        repeats=1 if quick else 2,
        fit={"epochs": 5 if quick else 60, "callbacks": lambda: [stop()]},
        metrics=("accuracy", "roc_auc", "log_loss"),
        average="geometric",
        seed=0,
        verbose=1,
    )
    if test is not None:
        columns = (id, target)
        result.to_submission(output / "submission.csv", test[id], columns=columns, names=names)

    # %% What the folds say.
    print(result.report().round(4).to_string())
    print(per_class_report(y, result.predictions, names=names.astype(str)))
    result.plot().figure.savefig(output / "folds.png", dpi=150)
    print(f"\nWritten to {output}: {'' if test is None else 'submission.csv, '}folds.png")
    return result


# %% A real table for want of another: diabetes patients, made as untidy as tables are
def write_example(folder):
    """scikit-learn's diabetes data as train.csv and test.csv: who gets worse within a year?"""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(as_frame=True, scaled=False)
    table, random = data.data.copy(), np.random.default_rng(0)
    table["sex"] = table["sex"].map({1.0: "female", 2.0: "male"})
    table["visit"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        random.integers(0, 365, len(table)), unit="D"
    )
    for name in ("bmi", "bp", "sex", "s5"):
        table.loc[random.uniform(size=len(table)) < 0.05, name] = np.nan
    table.insert(0, "id", range(len(table)))
    table["sick"] = (data.target > data.target.median()).astype(int)
    table = table.sample(frac=1, random_state=0)
    train, test = table.iloc[:350], table.iloc[350:].drop(columns="sick")
    paths = folder / "train.csv", folder / "test.csv"
    for part, path in zip((train, test), paths, strict=True):
        part.to_csv(path, index=False)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/kaggle_table", help="folder for what it writes")
    parser.add_argument("--train", help="csv file with the target")
    parser.add_argument("--test", help="csv file without it, for submission.csv")
    parser.add_argument("--target", default="sick", help="name of the column to predict, yes or no")
    parser.add_argument("--id", default="id", help="name of the column that names the rows")
    given = parser.parse_args()
    for name, path in (("target", given.train), ("id", given.train), ("id", given.test)):
        if path and getattr(given, name) not in (columns := pd.read_csv(path, nrows=0).columns):
            parser.error(f"--{name} must be a column of {path}: {', '.join(columns)}")
    main(**vars(given))
