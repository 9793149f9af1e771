"""What to suggest after a learning-rate test: rules beside the best rate of a grid.

The test is one, the readings are several: a tenth, a third or all of the rate of the lowest loss,
and the rate where the loss falls fastest. Each suggestion trains its network from the same weights
for the same epochs as a grid of half decades does. What counts is the regret: validation loss at
the suggested rate beside that at the best rate of the grid, 1.0 or a little less at best.
"""

import functools

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

import recipes
from benchmarks import _data, _measure
from recipes._refit import Refit

GRID = 10.0 ** np.arange(-4.5, 0.1, 0.5)
EPOCHS, BATCH_SIZE = 10, 32

RULES = {
    "lowest / 10": lambda found: found.rates[found.smoothed.argmin()] / 10,
    "lowest / 3": lambda found: found.rates[found.smoothed.argmin()] / 3,
    "lowest": lambda found: found.rates[found.smoothed.argmin()],
    "steepest": lambda found: found.steepest,
    "Adam's 0.001": lambda found: 1e-3,
}


def tasks():
    """name -> (builder, x, y)."""
    images, labels = _data.digits()
    cancer, benign = datasets.load_breast_cancer(return_X_y=True)
    wine, kind = datasets.load_wine(return_X_y=True)
    diabetes, worse = datasets.load_diabetes(return_X_y=True)
    worse = (worse - worse.mean()) / worse.std()
    mlp, cnn = recipes.build_mlp, recipes.build_cnn
    plain = {"batch_norm": False, "dropout": 0.0}
    table = images.reshape(len(images), -1)
    return {
        "MLP, digits": (functools.partial(mlp, (64,), 10), table, labels),
        "MLP without batch norm, digits": (
            functools.partial(mlp, (64,), 10, units=(64, 64, 64), **plain),
            table,
            labels,
        ),
        "MLP by SGD, digits": (
            functools.partial(mlp, (64,), 10, optimizer="momentum"),
            table,
            labels,
        ),
        "CNN, digits": (functools.partial(cnn, (8, 8, 1), 10, filters=(8, 16)), images, labels),
        "MLP, breast_cancer": (functools.partial(mlp, (30,), 2), cancer, benign),
        "MLP, wine": (functools.partial(mlp, (13,), 3), wine, kind),
        "MLP, diabetes": (
            functools.partial(mlp, (10,), 1, task="regression", units=(32,)),
            diabetes,
            worse,
        ),
    }


def losses_at(refit, seed, train, held, rates):
    """Validation loss behind the last epoch at each of the rates; infinite where it is NaN."""
    losses = []
    for rate in rates:
        model, _ = refit.fresh(*train, seed)
        model.optimizer.learning_rate = rate
        feed = recipes.batches(*train, BATCH_SIZE, seed=seed)
        model.fit(feed, epochs=EPOCHS, shuffle=False, verbose=0)
        loss = model.evaluate(recipes.batches(*held, 1024, shuffle=False), verbose=0)[0]
        losses.append(loss if np.isfinite(loss) else np.inf)
    return np.array(losses)


def regrets(build, x, y, seeds):
    """(seeds, rules) validation loss beside the grid's best, and the rates suggested."""
    refit, found, rates = Refit(build), [], []
    x = x.astype("float32")
    for seed in range(seeds):
        x_train, x_held, y_train, y_held = train_test_split(x, y, test_size=0.3, random_state=seed)
        train, held = (x_train, y_train), (x_held, y_held)
        model, _ = refit.fresh(*train, seed)
        tested = recipes.lr_find(model, *train, batch_size=BATCH_SIZE, seed=seed)
        suggested = np.array([rule(tested) for rule in RULES.values()])
        best = losses_at(refit, seed, train, held, GRID).min()
        found.append(losses_at(refit, seed, train, held, suggested) / best)
        rates.append(suggested)
    return np.array(found), np.array(rates)


def main(seeds=2):
    _measure.versions()
    rows, every = [], []
    for name, (build, x, y) in tasks().items():
        found, rates = regrets(build, x, y, int(seeds))
        every.append(found)
        means = zip(found.mean(0), np.exp(np.log(rates).mean(0)), strict=True)
        rows.append((name, *(f"{regret:.2f} at {rate:.2g}" for regret, rate in means)))
    every = np.concatenate(every)
    rows.append(("median", *(f"{value:.2f}" for value in np.median(every, axis=0))))
    rows.append(("worst", *(f"{value:.2f}" for value in every.max(0))))
    print(f"\nValidation loss beside the best of {len(GRID)} rates, {EPOCHS} epochs\n")
    _measure.table(("network", *RULES), rows)
