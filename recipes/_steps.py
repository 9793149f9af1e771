"""What happens inside one fold of `cross_validate`: preprocess, resample, prepare, fit, predict."""

import os
import time
import traceback
import uuid

import keras
import numpy as np

from recipes import _targets
from recipes._refit import copy_state
from recipes.feeding import batches
from recipes.imbalance import class_weights, resample, sample_weights

PREDICTION_ROWS = 1024
BATCH_SIZE = 32


class Steps:
    """What happens inside one fold."""

    def __init__(self, preprocess, preprocess_y, resample, prepare, fit, predict):
        self.preprocess = preprocess
        self.preprocess_y = preprocess_y
        self.resample = resample
        self.prepare = prepare
        self.fit = fit
        self.predict = predict or _predict

    def run(self, refit, x, y, x_test, *, train, held, watched, seed):
        """The record of a fold, and what may be kept of it: its trained model and transformers.

        Args:
            train, held, watched: numbers of the rows to learn from, to predict and to show to
                `fit` as validation data; the last may be None.
        """
        start = time.perf_counter()
        fit = dict(self.fit)
        weights = fit.pop("sample_weight", None)
        x_train, y_train, x_held = take(x, train), take(y, train), take(x, held)
        x_watched = None if watched is None else take(x, watched)
        weights = None if weights is None else weights[train]
        fitted, fitted_y = _fitted(self.preprocess, x_train, y_train), None
        if fitted is not None:
            x_train, x_held, x_watched, x_test = (
                None if rows is None else _dense(fitted.transform(rows))
                for rows in (x_train, x_held, x_watched, x_test)
            )
        if self.preprocess_y is not None:
            fitted_y = _fitted(self.preprocess_y, _in_columns(y_train))
        scaled, unscaled = _there_and_back(fitted_y)
        y_train = scaled(y_train)
        if self.resample is not None:
            x_train, y_train = resample(x_train, y_train, self.resample, seed=seed)
        fit["class_weight"], weights = _weights_of(
            fit.get("class_weight"), y_train, weights, refit.task
        )
        model, twin = refit.fresh(x_train, y_train, seed)

        feed = _feed(self.prepare, x_train, y_train, weights, fit, seed)
        if watched is not None:
            y_watched = scaled(take(y, watched))
            fit["validation_data"] = batches(x_watched, y_watched, PREDICTION_ROWS, shuffle=False)
        callbacks = fit.pop("callbacks", None)
        callbacks = callbacks() if callable(callbacks) else callbacks
        history = model.fit(feed, callbacks=callbacks, shuffle=False, verbose=0, **fit)
        predicted = [self.predict(model, rows) for rows in (x_held, x_test) if rows is not None]
        _check_finite(predicted, history.history)
        predicted = [unscaled(part) for part in predicted]
        record = {
            "held": predicted[0],
            "test": None if x_test is None else predicted[1],
            "outputs": list(getattr(model, "output_names", ())),
            "history": {name: [float(v) for v in h] for name, h in history.history.items()},
        }
        if twin is not None:
            copy_state(model, twin)
        record["seconds"] = time.perf_counter() - start
        return record, (twin or model, (fitted, fitted_y))


class Fold:
    """One call of `cross_validate`, which runs any of its folds: in this process or in another.

    Args:
        refit: the `Refit` of the builder.
        steps: the `Steps` inside a fold.
        x, y, x_test: all rows.
    """

    def __init__(self, refit, steps, x, y, x_test):
        self.refit = refit
        self.steps = steps
        self.data = x, y, x_test

    def __call__(self, **part):
        """(record, what may be kept); what goes wrong in a fold is its record."""
        try:
            return self.steps.run(self.refit, *self.data, **part)
        except Exception as error:
            if self.refit.model is None:
                raise  # nothing has been fitted yet: the call is wrong, not the fold
            return {"failure": traceback.format_exc(), "error": repr(error)}, None


def outcomes(run, parts, workers):
    """(name, record, what may be kept) of every fold in `parts`, as they finish."""
    if workers == 1 or len(parts) < 2:
        for name, part in parts.items():
            yield name, *run(**part)
        return
    import joblib

    call = uuid.uuid4()
    threads = str(max(1, joblib.cpu_count() // workers))
    tasks = (
        joblib.delayed(_elsewhere)(run, call, name, part, threads) for name, part in parts.items()
    )
    pool = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    yield from pool(tasks)


_run_here: dict[uuid.UUID, "Fold"] = {}


def _elsewhere(run, call, name, part, threads):
    """A fold in a process of joblib, whose compiled model serves all folds of the call."""
    for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, threads)  # read when TensorFlow runs its first operation
    if call not in _run_here:
        _run_here.clear()
        _run_here[call] = run
    return name, *_run_here[call](**part)


def take(data, rows):
    """These rows of an array, a DataFrame, or a dict or list of arrays."""
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    return keras.tree.map_structure(lambda leaf: leaf[rows], data)


def _fitted(preprocess, x, y=None):
    """A copy of the transformer that has seen the training rows only."""
    if preprocess is None:
        return None
    from sklearn.base import clone

    return clone(preprocess).fit(x, y if hasattr(y, "shape") else None)


def _dense(made):
    """What a transformer has made; a OneHotEncoder makes sparse matrices by default."""
    return made.toarray() if hasattr(made, "toarray") else made


def _in_columns(y):
    return y.reshape(len(y), -1)


def _there_and_back(fitted):
    """Functions that scale targets by the fitted transformer, and predictions back."""
    if fitted is None:
        return (lambda y: y), (lambda y: y)
    return tuple(
        lambda y, function=function: function(_in_columns(y)).reshape(y.shape)
        for function in (fitted.transform, fitted.inverse_transform)
    )


def _weights_of(weight, y, rows, task):
    """The weights of classes and those of rows; several labels a row have the latter only."""
    if not isinstance(weight, str):
        return weight, rows
    if _targets.kind(y, task) in ("classes", "one_hot"):
        return class_weights(y, weight), rows
    own = sample_weights(y, weight)
    return None, own if rows is None else (own.T * rows).T


def _feed(prepare, x, y, weights, fit, seed):
    """The dataset for `fit`, whose class weights went into the rows where that is possible."""
    size = fit.pop("batch_size", BATCH_SIZE)
    if prepare is not None:
        made = prepare(x, y) if weights is None else prepare(x, y, weights)
        if not isinstance(made, tuple):
            return made
        x, y, weights = (*made, None)[:3] if len(made) == 2 else made
    by_class = fit.pop("class_weight", None)
    if by_class is not None:
        own = _row_weights(y, by_class)
        weights = own if weights is None else own * weights
    return batches(x, y, size, sample_weight=weights, seed=seed)


def _row_weights(y, by_class):
    """The weight of each row; a mixed label weighs what its classes weigh, in its shares."""
    y = keras.ops.convert_to_numpy(y)
    table = np.zeros(int(max(by_class)) + 1)
    table[[int(label) for label in by_class]] = list(by_class.values())
    if y.ndim > 1 and y.shape[-1] > 1:
        table = np.resize(np.append(table, np.zeros(y.shape[-1])), y.shape[-1])
        return (y @ table).astype("float32")
    y = y.reshape(-1)
    low = np.floor(y).astype(int)  # one column of sigmoid targets may be mixed too
    high = np.minimum(low + 1, len(table) - 1)
    return (table[low] + (y - low) * (table[high] - table[low])).astype("float32")


def _check_finite(predicted, history):
    """What a model that has lost itself predicts is no figure: its fold has failed."""
    if all(np.isfinite(leaf).all() for leaf in keras.tree.flatten(predicted)):
        return
    lost = np.flatnonzero(~np.isfinite(history.get("loss", [])))
    since = f"; its loss is not from epoch {lost[0] + 1} on" if len(lost) else ""
    raise FloatingPointError(
        f"The model's predictions are not finite{since}. Lower the learning rate, or standardise "
        "its input."
    )


def _predict(model, x):
    feed = batches(x, batch_size=PREDICTION_ROWS, shuffle=False)
    return keras.tree.map_structure(np.asarray, model.predict(feed, verbose=0))
