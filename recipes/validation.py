"""Cross-validation: `cross_validate` trains one model a fold and predicts every row unseen."""

import functools

import keras
import numpy as np

from recipes import _checks, _folds, _targets
from recipes._recipe import drawn
from recipes._records import Records
from recipes._refit import Refit
from recipes._steps import Fold, Steps, outcomes
from recipes.ensembles import KINDS
from recipes.imbalance import SCHEMES, check_how, was_resampled
from recipes.naming import names_of, told_names
from recipes.out_of_fold import check_outputs, collect
from recipes.scores import check_metrics

# What `fit=` may hold; the rest of Keras's `fit` is given by the folds.
FIT = {
    "batch_size",
    "callbacks",
    "class_weight",
    "epochs",
    "initial_epoch",
    "sample_weight",
    "steps_per_epoch",
    "validation_freq",
}


def cross_validate(
    build,
    x,
    y,
    *,
    folds=5,
    split="kfold",
    stratify=True,
    groups=None,
    repeats=1,
    seeds=1,
    x_test=None,
    preprocess=None,
    preprocess_y=None,
    resample=None,
    prepare=None,
    fit=None,
    validation="fold",
    predict=None,
    metrics=None,
    average="mean",
    keep_models=False,
    directory=None,
    overwrite=False,
    workers=1,
    seed=None,
    verbose=0,
):
    """Train one model a fold; predict every row by the model that did not see it.

    What is fitted to data is fitted inside the fold, on its training rows only, in this order:
    `preprocess`, `resample`, `prepare`, the model. One compiled model serves all folds, with
    weights, optimizer and random states of its own in each.

    Args:
        build: function that returns a compiled `keras.Model`: a recipe such as `build_mlp` or a
            `functools.partial` of one, a function without arguments, or one of the shape of a row.
            Arguments named `input_shape`, `outputs`, `seed` and, with a loss that counts classes,
            `class_counts` are told from the rows where they are not bound.
        x: rows to learn from: array (rows, ...), a dict or list of arrays, or a pandas DataFrame.
        y: their targets: integer classes, one-hot rows, labels, numbers, or names of classes, which
            are numbered in sorted order; or a dict by the names of the model's outputs, or a list
            in their order.
        folds: number of folds, at least 2; for "kfold" and "time".
        split: "kfold" draws the folds; "time" trains on the past and holds out what follows (rows
            are in order of time; the first part is never held out); a scikit-learn splitter; or a
            list of (training rows, held-out rows).
        stratify: keep the shares of the classes in every fold, where y holds classes or labels.
        groups: id of each row, (rows,): rows of one id stay in one part; or None.
        repeats: rounds of folds, each with folds and seeds of its own; predictions are averaged.
        seeds: models of each fold, which differ by their seed only; predictions are averaged.
        x_test: rows to predict by every model, in the form of x, or None. A DataFrame's columns are
            taken by name.
        preprocess: scikit-learn transformer such as `StandardScaler()` or `TableEncoder()`, which
            is cloned in each fold; or None.
        preprocess_y: the like for targets that are numbers, such as `StandardScaler()`: the model
            learns y as transformed, predictions and scores are in units of y; or None.
        resample: as `how` in `recipes.resample`, for the training rows; or None.
        prepare: function (x, y) of the training rows that returns (x, y), (x, y, sample_weight) or
            a dataset for `fit`, such as `BalancedBatches(x, y)`; or None.
        fit: dict of arguments of `fit`: "epochs", "batch_size", "callbacks" (a list, or a function
            that makes one for each fold), "class_weight" (a dict, or a scheme of `class_weights`,
            which then counts the rows that training sees), "sample_weight" of each row of x.
        validation: "fold" shows the held-out rows to `fit` as validation data, for the curves;
            callbacks that stop by them make the scores somewhat optimistic. A share in (0, 1) is
            taken off the training rows instead, by whole groups, or the last ones of a time split;
            None is no validation data.
        predict: function (model, x) -> predictions, such as a partial of
            `predict_with_augmentation`; None is `model.predict`.
        metrics: names as in `score`, or functions (y, prediction) -> number; or a dict of them by
            the keys of a dict y. None is accuracy and log_loss for classes, rmse and mae for
            numbers. One that cannot be computed is refused before the first fit.
        average: "mean", "geometric" or "rank", for the predictions of x_test, as in `average`.
        keep_models: keep a trained model of every fold and what `preprocess` and `preprocess_y`
            were when fitted there, in memory or in `directory`.
        directory: folder in which every finished fold is stored: the same call again goes on with
            the folds that are missing. None stores nothing.
        overwrite: begin anew where `directory` holds another run.
        workers: processes that share the folds and the cores, started by joblib. 1 is this one,
            which is faster for small models: a process takes some seconds to start.
        seed: int for folds, weights and orders; None draws new weights, with the folds of seed 0.
        verbose: 0 is silent, 1 is a line a fold.

    Returns:
        `CrossValidation`: `predictions` out of fold, `test_predictions`, `scores`, `histories`,
        `models`, `transformers`, `failures`; `report()`, `plot()`, `to_submission(path, ids)`.

    Raises:
        ValueError, TypeError: before the first fit: y and x differ in rows or, as pandas names
            them, in their order; they hold NaN, or a class has fewer rows than there are folds;
            groups or a split that put one id or row into both parts; weights for classes that are
            not there; rows that `resample` made; a directory with another run.
        RuntimeError: every fold failed. One that fails alone keeps its traceback in `failures`.

    Warns:
        UserWarning: a function was edited since the run in `directory` began; its folds are kept.
            Or classes are numbered with holes, such as 1 to 7, or 1000 and 2000.
            Or a builder of `task="regression"` is to learn numbers far from 0 and 1, which takes
            it thousands of steps.
            Or a metric raised for the predictions: its score is nan.

    Source: Stone, 1974, Cross-Validatory Choice and Assessment of Statistical Predictions.

    >>> from recipes import build_mlp
    >>> x, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    >>> result = cross_validate(build_mlp, x, y, folds=3, fit={"epochs": 1}, seed=0)
    >>> result.predictions.shape, list(result.report().index)
    ((30, 3), ['fold 0', 'fold 1', 'fold 2', 'mean', 'std', 'out of fold'])
    """
    for name, value in {"repeats": repeats, "seeds": seeds, "workers": workers}.items():
        _checks.count(name, value)
    _checks.one_of("average", average, KINDS)
    _checks.flag("keep_models", keep_models)
    _checks.flag("stratify", stratify)
    metrics = check_metrics(metrics, y)
    seed = _checks.seed(seed)
    refit = Refit(build, twins=keep_models)
    _same_order(x, y=y, groups=groups, sample_weight=(fit or {}).get("sample_weight"))
    if refit.task in (None, "binary", "multiclass"):
        y, refit.class_names = told_names(y, names_of(refit.parameters))
    x, y, x_test = _data(x, y, x_test, preprocess)
    if hasattr(y, "shape"):
        # Of all rows: one that groups or time keep from a fold's training is a class of it too.
        refit.outputs = _targets.width(y, refit.task or _targets.told_task(y))
    if refit.task and hasattr(y, "shape"):
        outputs = refit.parameters.get("outputs")
        outputs = outputs if isinstance(outputs, int) else refit.outputs
        _checks.targets("y", y, task=refit.task, outputs=outputs)
        if not isinstance(refit.parameters.get("outputs"), int):
            _targets.warn_of_gaps(y, refit.task, stacklevel=3)
    fit = _fit_arguments(fit, y, refit.task, refit.class_names)
    _check_steps(preprocess, preprocess_y, resample, prepare, validation, predict)
    _check_numbers(y, refit.task, preprocess_y, resample)
    both = resample is not None and fit.get("sample_weight") is not None
    _checks.require(not both, "sample_weight", "be None where rows are drawn anew", "resample=")
    rows = _rows(x)
    first = keras.tree.flatten(y)[0]
    strata = _targets.strata(first, refit.task)
    how = {"folds": folds, "split": split, "stratify": stratify, "groups": groups}
    rounds = [
        _folds.make_folds(rows, strata, **how, seed=(seed or 0) + repeat)
        for repeat in range(repeats)
    ]
    plan = _plan(rounds, seeds, seed)
    records = Records(directory, overwrite, keep_models)
    steps = Steps(preprocess, preprocess_y, resample, prepare, fit, predict)
    folds_only = [(part["train"], part["held"]) for part in plan.values()]
    for part in plan.values():
        part |= _folds.watched(**part, strata=strata, share=validation, groups=groups, split=split)
    said = {"validation": validation, **vars(steps)}
    said |= {"build": build, "seed": seed, "keep_models": keep_models}
    records.claim((x, y, x_test), folds_only, said)
    missing = {name: part for name, part in plan.items() if not records.load(name)}
    if predict is None:  # what another function makes of the outputs is not known
        refit.accept = functools.partial(check_outputs, y=y, task=refit.task, metrics=metrics)
    run = Fold(refit, steps, x, y, x_test)
    for name, record, kept in outcomes(run, missing, workers):
        records.store(name, record, kept if keep_models else None)
        if verbose:
            print(f"{name}: {record.get('error') or _last(record)}", flush=True)
    return collect(records, plan, y, refit.class_names, refit.task, metrics, average)


def _data(x, y, x_test, preprocess):
    """Checked rows; tables stay DataFrames where a transformer is to read them."""
    x_test = _targets.like("x_test", x_test, x)
    y = keras.tree.map_structure(lambda leaf: _checks.array("y", leaf), _targets.plain(y, "y"))
    for leaf in keras.tree.flatten(x):
        _checks.require(
            not was_resampled(leaf),
            "x",
            "hold the rows as they were collected, or copies of one row train and score",
            "what resample() returned",
            "Give it the original rows and cross_validate(..., resample=how).",
        )

    def ready(name, rows):
        if rows is None or (preprocess is not None and hasattr(rows, "iloc")):
            return rows
        plain = rows if preprocess is not None else _targets.plain(rows, name)
        check = np.asarray if preprocess is not None else functools.partial(_checks.array, name)
        # A list of arrays is as good as a tuple of them.
        return keras.tree.lists_to_tuples(keras.tree.map_structure(check, plain))

    x, x_test = ready("x", x), ready("x_test", x_test)
    _checks.same_rows(x=range(_rows(x)), y=keras.tree.flatten(y)[0])
    for data in (x, y):
        if not hasattr(data, "iloc"):
            leaves = keras.tree.flatten(data)
            _checks.same_rows(**{f"part {i}": leaf for i, leaf in enumerate(leaves)})
    if x_test is not None:
        _same_form(x, x_test)
    return x, y, x_test


def _same_form(x, x_test):
    if hasattr(x, "iloc"):
        missing = [name for name in x.columns if name not in getattr(x_test, "columns", ())]
        _checks.require(not missing, "x_test", "have the columns of x", f"none named {missing}")
        return
    try:
        keras.tree.assert_same_structure(x, x_test)
    except (TypeError, ValueError):
        received = f"a {type(x_test).__name__}, where x is a {type(x).__name__}"
        _checks.require(False, "x_test", "have the inputs of x", received)
    pairs = zip(keras.tree.flatten(x), keras.tree.flatten(x_test), strict=True)
    for leaf, new in pairs:
        _checks.array("x_test", new, shape=leaf.shape[1:])


def _same_order(x, **others):
    """Rows of pandas that x names are in the same order elsewhere."""
    for name, other in others.items():
        if not (hasattr(x, "iloc") and hasattr(other, "iloc")) or x.index.equals(other.index):
            continue
        shuffled = x.index.is_unique and x.index.sort_values().equals(other.index.sort_values())
        hint = f"Did you mean {name}.loc[x.index]?"
        expected = "have its rows in the order of x"
        _checks.require(not shuffled, name, expected, "the index of x in another order", hint)


def _check_numbers(y, task, preprocess_y, resample):
    """What is asked of targets that are numbers, and of others."""
    numbers = hasattr(y, "shape") and _targets.kind(y, task) == "numbers"
    _checks.require(
        not numbers or resample is None, "resample", "be None where y holds numbers", resample
    )
    if preprocess_y is not None:
        received = _targets.kind(y, task) if hasattr(y, "shape") else "several arrays"
        hint = "Did you mean functools.partial(build, task='regression')?"
        expected = "hold one array of numbers for preprocess_y"
        _checks.require(numbers, "y", expected, received, hint)
    elif numbers and task == "regression":
        _targets.warn_where_far(y, "Give preprocess_y=StandardScaler().", stacklevel=4)


def _rows(x):
    return len(x) if hasattr(x, "iloc") else len(keras.tree.flatten(x)[0])


def _fit_arguments(fit, y, task, names):
    """Checked arguments of `fit`, weights of rows and classes included."""
    fit = dict(fit or {})
    _checks.known_names("fit", fit, FIT)
    weight = fit.get("class_weight")
    if weight is not None:
        leaves = keras.tree.flatten(y)
        _checks.require(len(leaves) == 1, "class_weight", "be None for several outputs", weight)
        what = _targets.kind(leaves[0], task)
        _checks.require(what != "numbers", "y", "hold classes for class_weight", leaves[0].dtype)
        if names is not None and isinstance(weight, dict) and set(weight) == set(names):
            weight = fit["class_weight"] = {i: weight[name] for i, name in enumerate(names)}
        if isinstance(weight, str):
            _checks.one_of("class_weight", weight, SCHEMES)
        else:
            one = what in ("classes", "one_hot")
            _checks.require(one, "class_weight", f"be a scheme for y of {what}", weight)
            present = {int(label) for label in np.unique(_targets.strata(leaves[0], task))}
            wrong = f"weights for {sorted(weight)}"
            expected = f"weigh the classes of y, {sorted(present)}"
            _checks.require(set(weight) == present, "class_weight", expected, wrong)
    if fit.get("sample_weight") is not None:
        weights = _checks.array("sample_weight", fit["sample_weight"])
        _checks.same_rows(y=keras.tree.flatten(y)[0], sample_weight=weights)
        fit["sample_weight"] = weights
    return fit


def _check_steps(preprocess, preprocess_y, resample, prepare, validation, predict):
    for name, value, method in (
        ("preprocess", preprocess, "transform"),
        ("preprocess_y", preprocess_y, "inverse_transform"),
    ):
        fits = value is None or (hasattr(value, "fit") and hasattr(value, method))
        if not fits or isinstance(value, type):
            raise TypeError(
                f"{name} must be a transformer with fit and {method}. Received: {name}={value!r}."
            )
    if resample is not None:
        check_how(resample)
    for name, function in (("prepare", prepare), ("predict", predict)):
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function. Received: {name}={function!r}.")
    if validation is not None and validation != "fold":
        _checks.fraction("validation", validation)


def _plan(rounds, seeds, seed):
    """The rows and the seed of every model to train, by its name in reports and files."""
    plan, seed = {}, drawn(seed)
    for repeat, pairs in enumerate(rounds):
        for number, (train, held) in enumerate(pairs):
            for twin in range(seeds):
                name = f"fold {number}"
                if len(rounds) > 1:
                    name = f"repeat {repeat}, {name}"
                if seeds > 1:
                    name = f"{name}, seed {twin}"
                own = np.random.SeedSequence((seed, repeat, number, twin)).generate_state(1)[0]
                plan[name] = {"train": train, "held": held, "seed": int(own >> 1)}
    return plan


def _last(record):
    history = record["history"]
    return ", ".join(f"{name} {values[-1]:.4g}" for name, values in history.items() if values)
