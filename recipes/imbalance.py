"""Rare classes: weights for `fit`, and rows drawn anew before it.

`class_weights` and `sample_weights` let rare classes count more, `resample` changes how often they
are there, `BalancedBatches` (recipes/balanced.py) draws every batch evenly. All distort the
probabilities in favour of rare classes; `shift_prior` and `calibrate` undo that.
"""

import weakref

import numpy as np

from recipes import _checks, _targets

SCHEMES = ("balanced", "inverse", "ratio", "effective")

SAMPLERS = {
    "under": ("under_sampling", "RandomUnderSampler"),
    "over": ("over_sampling", "RandomOverSampler"),
    "smote": ("over_sampling", "SMOTE"),
    "smote_enn": ("combine", "SMOTEENN"),
}
SMOTE_NEIGHBOURS = 5

# What `resample` has returned and somebody still holds: `cross_validate` refuses it.
_resampled: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def class_weights(y, scheme="balanced", *, beta=0.999):
    """A weight for every class, for `fit(class_weight=...)`.

    With n rows of a class, N rows and K classes in all:

        "balanced"   N / (K n): every class counts alike, the mean weight of a row is 1
        "inverse"    1 / n: the same ratios, but far smaller steps: raise the learning rate
        "ratio"      N / n: the same ratios, but K times larger steps: lower the learning rate
        "effective"  (1 - beta) / (1 - beta ** n), scaled to a mean of 1 over the classes: more
                     rows of a class count less and less

    Args:
        y: integer classes, (rows,) or (rows, 1), or one-hot rows.
        scheme: one of these names.
        beta: for "effective": share in (0, 1); nearer to 1 is nearer to "balanced".

    Returns:
        dict from class (int) to weight (float), of the classes that y holds.

    Raises:
        ValueError: y holds no classes (for several labels a row, or a class at every step, use
            `sample_weights`), the scheme is misspelt or beta is no share.

    Source: King and Zeng, 2001 (balanced); Cui et al., 2019, Class-Balanced Loss Based on Effective
    Number of Samples.

    >>> class_weights([0, 0, 0, 1]), class_weights([0, 0, 0, 1], "ratio")
    ({0: 0.6666666666666666, 1: 2.0}, {0: 1.3333333333333333, 1: 4.0})
    """
    _checks.one_of("scheme", scheme, SCHEMES)
    beta = _checks.fraction("beta", beta)
    y = _checks.array("y", y)
    what = _targets.kind(y)
    _checks.require(
        what in ("classes", "one_hot"),
        "y",
        "hold one class a row",
        f"shape {y.shape} of {y.dtype}",
        "Use sample_weights for several labels a row or a class at every step."
        if what in ("labels", "steps")
        else "Did you mean y.astype(int)?",
    )
    classes, sizes = np.unique(_targets.strata(y), return_counts=True)
    _checks.require(classes[0] >= 0, "y", "hold classes from 0", f"the class {classes[0]}")
    weights = _weights(sizes, scheme, beta)
    return {int(label): float(weight) for label, weight in zip(classes, weights, strict=True)}


def sample_weights(y, scheme="balanced", *, beta=0.999):
    """The weight of every row, for `fit(sample_weight=...)` and `batches(sample_weight=...)`.

    It says what `class_weights` says and works where Keras takes no `class_weight`: several
    outputs, several labels a row, a class at every step. With several labels every label weighs
    its two states as `class_weights` weighs two classes, and a row has the mean over its labels.

    Args:
        y: classes or one-hot rows; labels of 0 and 1, (rows, labels); or integer classes at every
            step, (rows, steps), at least one of them above 1 (else they are taken for labels).
        scheme, beta: as in `class_weights`.

    Returns:
        Array of float32: (rows,), or (rows, steps) for a class at every step.

    Raises:
        ValueError: y holds neither classes nor labels, or an argument is out of range.

    >>> print(sample_weights([0, 0, 0, 1], "ratio"))
    [1.3333334 1.3333334 1.3333334 4.       ]
    >>> print(sample_weights([[0, 0, 1, 2], [0, 0, 1, 2]], "inverse"))
    [[0.25 0.25 0.5  0.5 ]
     [0.25 0.25 0.5  0.5 ]]
    """
    _checks.one_of("scheme", scheme, SCHEMES)
    y = _checks.array("y", y)
    what = _targets.kind(y)
    if what == "labels":
        columns = [_by_class(column.astype(int), scheme, beta) for column in y.T]
        return np.mean(columns, axis=0).astype("float32")
    if what == "steps":
        return _by_class(y.astype(int), scheme, beta).astype("float32")
    weights = class_weights(y, scheme, beta=beta)
    return np.array([weights[label] for label in _targets.strata(y)], "float32")


def resample(x, y, how="over", *, seed=None):
    """Rows drawn anew so that the classes are more even, for training rows only.

    Never resample before splitting: copies of one row would train and score. `cross_validate` does
    it inside its folds with `resample=how`, and refuses what this function returns.

    Args:
        x: array (rows, ...) of any rank; for "under" and "over" also a dict or list of arrays.
        y: integer classes or one-hot rows, (rows,) or (rows, classes); for "under" and "over" also
            labels of 0 and 1, whose rows belong to their rarest label.
        how: "under" drops rows of frequent classes; "over" repeats rows of rare ones; "smote" adds
            points between neighbours of a rare class (at most 5, fewer where a class is small);
            "smote_enn" also drops rows whose neighbours disagree; or any sampler of
            imbalanced-learn, which stays as it is.
        seed: int for the draws, or None.

    Returns:
        (x, y), with the forms and dtypes they had.

    Raises:
        ValueError: x and y differ in rows, y holds no classes or one class only, a class has too
            few rows for its neighbours, or how is misspelt.
        TypeError: how is neither a name nor a sampler.

    Source: Chawla et al., 2002, SMOTE; Batista et al., 2004 (SMOTE with edited neighbours).

    >>> x, y = resample(np.zeros((5, 8, 8, 1)), [0, 0, 0, 0, 1], "over")
    >>> x.shape, np.bincount(y).tolist()
    ((8, 8, 8, 1), [4, 4])
    """
    import keras

    x = _targets.plain(x, "x")
    leaves = keras.tree.flatten(x)
    for leaf in leaves:
        _checks.same_rows(x=leaf, y=y)
    y = _checks.array("y", y)
    labels = _targets.strata(y)
    _checks.require(labels is not None, "y", "hold classes", f"shape {y.shape} of {y.dtype}")
    sampler = _sampler(how, labels, _checks.seed(seed))
    if how in ("under", "over"):
        sampler.fit_resample(np.zeros((len(y), 1)), labels)
        rows = sampler.sample_indices_
        drawn, classes = keras.tree.map_structure(lambda leaf: np.asarray(leaf)[rows], x), y[rows]
    else:
        what = _targets.kind(y)
        _checks.require(what != "labels", "y", f"hold one class a row for how={how!r}", "labels")
        _checks.require(len(leaves) == 1, "x", f"be one array for how={how!r}", type(x).__name__)
        x = _checks.array("x", x)
        x = x.astype("float32") if x.dtype == bool else x  # between False and True there is more
        table = x.reshape(len(x), -1)
        made, classes = sampler.fit_resample(table, labels)
        made = np.round(made) if x.dtype.kind in "biu" else made
        drawn = made.reshape(-1, *x.shape[1:]).astype(x.dtype)
        if what == "one_hot":
            classes = np.eye(y.shape[-1], dtype=y.dtype)[classes]
        classes = classes.reshape(-1, *y.shape[1:]).astype(y.dtype)
    for leaf in keras.tree.flatten(drawn):
        _resampled[id(leaf)] = leaf
    return drawn, classes


def was_resampled(x):
    """Whether an array, or what it is a view of, came out of `resample`."""
    while isinstance(x, np.ndarray):
        if _resampled.get(id(x)) is x:
            return True
        x = x.base
    return False


def _weights(sizes, scheme, beta):
    sizes = np.asarray(sizes, "float64")
    if scheme == "inverse":
        return 1 / sizes
    if scheme == "ratio":
        return sizes.sum() / sizes
    if scheme == "balanced":
        return sizes.sum() / (len(sizes) * sizes)
    weights = (1 - beta) / (1 - beta**sizes)
    return weights / weights.mean()


def _by_class(labels, scheme, beta):
    """The weight of every entry of an integer array."""
    _, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return _weights(sizes, scheme, beta)[places.reshape(labels.shape)]


def check_how(how):
    """A name of `resample` or an imbalanced-learn sampler."""
    if hasattr(how, "fit_resample") and not isinstance(how, type):
        return how
    return _checks.one_of("how", how, tuple(SAMPLERS))


def _sampler(how, labels, seed):
    import importlib

    from sklearn.base import clone

    check_how(how)
    classes, sizes = np.unique(labels, return_counts=True)
    _checks.require(len(classes) > 1, "y", "hold at least two classes", f"{len(classes)}")
    if not isinstance(how, str):
        sampler = clone(how)
        if seed is not None and "random_state" in sampler.get_params():
            sampler.set_params(random_state=seed)
        return sampler
    module, name = SAMPLERS[how]
    make = getattr(importlib.import_module(f"imblearn.{module}"), name)
    if how not in ("smote", "smote_enn"):
        return make(random_state=seed)
    _checks.require(
        sizes.min() > 1,
        "y",
        f"hold at least 2 rows of every class for how={how!r}",
        f"1 of class {classes[sizes.argmin()]}",
        "Use how='over'.",
    )
    neighbours = int(min(SMOTE_NEIGHBOURS, sizes.min() - 1))
    if how == "smote":
        return make(random_state=seed, k_neighbors=neighbours)
    inner = importlib.import_module("imblearn.over_sampling").SMOTE
    return make(random_state=seed, smote=inner(random_state=seed, k_neighbors=neighbours))
