"""Training rows that look like the rows to predict: `importance_weights`.

It helps where train and test differ in how often a kind of row occurs, not in what its label is.
Rows of a kind that the training set has not at all cannot be weighted up: see
`recipes.build_domain_adversarial`.
"""

import dataclasses
import warnings

import numpy as np

from recipes import _checks, _style, _targets

METHODS = ("classifier", "kmm")

# Under this share of the rows, the weighted training set is worth too few rows to learn from.
SPARSE = 0.1

# Kernel mean matching solves for a weight a row with a table of rows by rows.
MOST_ROWS = 4000

# How strongly the weights' mean is held at 1, beside a kernel whose values are at most 1.
MEAN_PENALTY = 10.0


@dataclasses.dataclass(frozen=True, repr=False)
class ImportanceWeights:
    """What `importance_weights` returns.

    Attributes:
        weights: one for each source row, (rows,), at least 0, with mean 1: `sample_weight` of fit.
        effective_sample_size: rows without weights that would say as much.

    >>> ImportanceWeights(np.array([2.0, 0.0]), 1.0)
    ImportanceWeights: 2 rows, worth 1.0 (50%)
    """

    weights: np.ndarray
    effective_sample_size: float

    def __repr__(self):
        rows = len(self.weights)
        share = self.effective_sample_size / rows
        return (
            f"ImportanceWeights: {rows} rows, worth {self.effective_sample_size:.1f} ({share:.0%})"
        )

    def plot(self, ax=None):
        """How many rows have which weight, as a histogram."""
        ax = _style.axes(ax)
        ax.hist(self.weights, bins=40, color=_style.BLUE)
        ax.set_yscale("log")
        ax.set(xlabel="weight", ylabel="source rows", title=repr(self).partition(": ")[2])
        return ax


def importance_weights(
    x_source,
    x_target,
    *,
    method="classifier",
    estimator=None,
    maximum=20.0,
    folds=5,
    seed=None,
):
    """Weights that make the source rows, as a whole, look like the target rows.

    Args:
        x_source: rows with labels, to train on, (rows, ...).
        x_target: rows like those to predict, without labels, (target rows, ...).
        method: "classifier" tells source from target out of fold and weighs a row by the odds;
            "kmm" (kernel mean matching) equals their means in a Gaussian kernel's space, which
            suits up to a few thousand rows.
        estimator: scikit-learn classifier with `predict_proba` for "classifier"; None is logistic
            regression on standardised columns, which sees shifts but no changes of spread.
            `HistGradientBoostingClassifier()` sees both.
        maximum: no row weighs more than this, above 1, while the mean is 1.
        folds: for "classifier": no row is judged by a classifier that was shown it.
        seed: int for the folds, or None.

    Returns:
        `ImportanceWeights` with `weights` for `fit(sample_weight=...)`, `effective_sample_size` and
        `plot()`.

    Raises:
        ValueError, TypeError: rows of different shapes, NaN, a knob out of range, or more rows than
            "kmm" can take.

    Warns:
        UserWarning: the weighted rows are worth less than a tenth of their number, or hardly a
            source row looks like the target rows.

    Source: Shimodaira, 2000 (covariate shift); Bickel et al., 2009 (a classifier); Huang et al.,
    2006 (kernel mean matching).

    >>> random = np.random.default_rng(0)
    >>> source, target = random.normal(0, 1, (500, 1)), random.normal(0.5, 1, (500, 1))
    >>> weights = importance_weights(source, target, seed=0).weights
    >>> print(f"{source.mean():.1f} {np.average(source[:, 0], weights=weights):.1f}")
    -0.0 0.5
    """
    x_target = _targets.like("x_target", x_target, x_source, of="x_source")
    x_source = _checks.array("x_source", x_source)
    x_target = _checks.array("x_target", x_target, shape=x_source.shape[1:])
    _checks.one_of("method", method, METHODS)
    maximum = _checks.number("maximum", maximum)
    _checks.require(maximum > 1, "maximum", "be above 1", f"maximum={maximum:g}")
    _checks.count("folds", folds, minimum=2)
    seed = _checks.seed(seed)
    if estimator is not None:
        fits = hasattr(estimator, "predict_proba") and not isinstance(estimator, type)
        _checks.require(fits, "estimator", "have predict_proba", repr(estimator))
    fewest = min(len(x_source), len(x_target))
    enough = method == "kmm" or fewest >= folds
    _checks.require(enough, "folds", f"be at most {fewest}", f"folds={folds}")

    source, target = (
        rows.reshape(len(rows), -1).astype("float64") for rows in (x_source, x_target)
    )
    if method == "kmm":
        raw, near = _matched(source, target, maximum)
    else:
        raw, near = _odds(source, target, estimator, folds, seed), 1.0
    weights = _limited(raw / raw.mean(), maximum)
    worth = float(weights.sum() ** 2 / (weights**2).sum())
    # Odds have a mean of about 1, or of this with a classifier that weighs both sides alike.
    usual = min(1.0, len(source) / len(target)) if method == "classifier" else 1.0
    if worth < SPARSE * len(weights) or raw.mean() < SPARSE * usual or near < SPARSE:
        what = f"are worth {worth:.0f}: few of them carry all weight, because"
        if worth >= SPARSE * len(weights):
            what = "do not look like the target rows:"
        warnings.warn(
            f"{len(weights)} weighted rows {what} the target rows lie where there are hardly any "
            "source rows. Lower maximum=, use fewer columns, or do not weigh.",
            stacklevel=2,
        )
    return ImportanceWeights(weights, worth)


def _limited(weights, maximum):
    """Weights of mean 1, none above the maximum unless too few rows have any."""
    for _ in range(100):  # what is cut off goes to the others, which may then be too much for them
        weights = np.minimum(weights, maximum)
        weights = weights / weights.mean()
        if weights.max() <= maximum:
            break
    return weights


def _odds(source, target, estimator, folds, seed):
    """How much likelier each source row is among the target rows, judged out of fold."""
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if estimator is None:
        estimator = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    x = np.concatenate([source, target])
    from_target = np.repeat([0, 1], [len(source), len(target)])
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed or 0)
    judged = cross_val_predict(clone(estimator), x, from_target, cv=parts, method="predict_proba")
    likely = np.clip(judged[: len(source), 1], 1e-6, 1 - 1e-6)
    return likely / (1 - likely) * len(source) / len(target)


def _matched(source, target, maximum):
    """Kernel mean matching: weights in [0, maximum] whose kernel mean is the target's.

    And how near the target rows are to their nearest source rows, in [0, 1]: the kernel's mean.
    """
    from scipy.optimize import minimize
    from scipy.spatial.distance import cdist

    rows = max(len(source), len(target))
    hint = "Use method='classifier'."
    _checks.require(
        rows <= MOST_ROWS,
        "method",
        f"be 'classifier' above {MOST_ROWS:,} rows",
        f"{rows:,} rows",
        hint,
    )
    spread = source.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    source, target = source / scale, target / scale
    distances = cdist(source, source, "sqeuclidean")
    middle = np.median(distances[distances > 0]) if (distances > 0).any() else 1.0
    kernel = np.exp(-distances / middle)
    between = np.exp(-cdist(source, target, "sqeuclidean") / middle)
    drawn = between.mean(axis=1)
    n = len(source)

    def cost(weights):
        pulled = kernel @ weights / n
        off = weights.mean() - 1
        value = weights @ pulled / n / 2 - weights @ drawn / n + MEAN_PENALTY * off**2 / 2
        return value * n, pulled - drawn + MEAN_PENALTY * off

    start = np.ones(n)
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=[(0, maximum)] * n)
    return found.x, between.max(axis=0).mean()
