"""`search`: build, train and score a recipe many times, each time with other knobs."""

import inspect
import os
import shutil
import tempfile
from pathlib import Path

import keras_tuner

from recipes._targets import counts
from tuning import _checks
from tuning._data import prepare
from tuning._ledger import Ledger, sqlite_url
from tuning._progress import Progress
from tuning._proposals import PRUNERS, SAMPLERS
from tuning._workers import work
from tuning.hypermodel import ForeignModel, hypermodel, name_of
from tuning.objectives import choose_objective, first_pass
from tuning.optuna_oracle import OptunaOracle
from tuning.oracle import ENGINES, make_oracle, read_json, write_json
from tuning.spaces import SPACES
from tuning.study import Study
from tuning.tuner import LeanTuner


def search(
    build,
    x,
    y=None,
    *,
    input_shape=None,
    outputs=None,
    task=None,
    space=None,
    engine="tpe",
    pruner=None,
    objective=None,
    validation=None,
    folds=None,
    groups=None,
    max_trials=20,
    time_budget=None,
    patience=None,
    max_parameters=None,
    start_from=(),
    epochs=20,
    batch_size=32,
    callbacks=(),
    seed=None,
    workers=None,
    directory=None,
    storage=None,
    name=None,
    overwrite=False,
    verbose=True,
):
    """Search the knobs of a builder on your data; the first trial is its defaults.

    Args:
        build: a recipe, any function that returns a compiled `keras.Model`, or a
            `keras_tuner.HyperModel`.
        x: array (rows, ...).
        y: targets, one a row: integers for classes, 0 and 1, or numbers. None makes x the target,
            as for an autoencoder.
        input_shape, outputs: arguments of the builder; None takes them from x and y, as the horizon
            and the targets of a forecaster.
        task: argument of the builder; None is its own default.
        space: dict from argument names to ranges and constants; None is `SPACES[build]`. The names
            "batch_size" and "epochs" go to the training.
        engine: "tpe" (tree-structured Parzen estimator), "random", "grid" (all combinations, a
            number in ten steps), "cmaes" (evolution, needs the package cmaes), "gp" (Gaussian
            process, needs torch): Optuna's. Keras Tuner's own: "keras-random", "keras-bayesian",
            "keras-hyperband" (many short trainings, the best trained on; `epochs` is the longest),
            "keras-grid".
        pruner: for Optuna's engines, which trainings end early: "median" (worse than the median of
            the others at that epoch), "halving" (successive halving) or "none". None is "median".
        objective: name of a value that each epoch reports, such as "val_accuracy", or a
            `keras_tuner.Objective`. None is "val_loss", or the model's first metric where the space
            holds a knob that changes the loss itself (l1, l2, label_smoothing, ...).
        validation: share of the rows to score on, classes in equal shares, or (x_val, y_val), or
            (x_val,) without y. None is 0.2.
        folds: in its place, for Optuna's engines: a number of folds, a scikit-learn splitter such
            as `TimeSeriesSplit(5)`, or a list of (training rows, held-out rows). A trial trains a
            model a fold, scores the mean of their best epochs, and ends early behind a fold where
            that mean is worse than others' (`pruner`). A killed one goes on behind its last fold.
        groups: id of each row, (rows,), for folds: rows of one id stay in one part; or None.
        max_trials: number of trials, at least 1, those of an earlier run in `directory` included.
        time_budget: seconds after which the running trial ends with its epoch and no other begins.
        patience: trials without a better score after which the search ends, or None.
        max_parameters: models with more are skipped untrained, or None.
        start_from: list of dicts from names in the space to values: the trials after the first,
            which is the defaults; for Optuna's engines.
        epochs: passes over the training rows in a trial, at least 1.
        batch_size: rows in a batch, at least 1.
        callbacks: Keras callbacks, used as they are in every trial, or a function that makes new
            ones for each.
        seed: int that fixes trials, weights and order of rows, or None.
        workers: processes on this machine that share the trials, with Optuna's engines. None is 1,
            or what `python -m tuning.launch` was given. Callbacks are copied to each process.
        directory: folder that keeps the study. The same call goes on where a killed one ended, and
            a larger `max_trials` extends a finished one. None keeps it for this process only.
            With Optuna's engines several processes may work on it at once.
        storage: URL of the database that keeps the trials, such as
            "postgresql://user@host/studies"; None is an SQLite file in `directory`. Weights of the
            best models stay in `directory`.
        name: the study's name in the database; None is the builder's.
        overwrite: delete this study and start anew.
        verbose: print a line a trial with the best score so far.

    Returns:
        `Study`: leaderboard, best arguments, best model, the line that rebuilds it, plots.

    Raises:
        ValueError, TypeError: before any training, for bad data, a name that the builder lacks, an
            objective that the model does not report, a folder that holds another study.
        RuntimeError: the first trials all failed. Later ones that fail are in the leaderboard, and
            the search goes on.

    >>> import numpy as np
    >>> from recipes import build_mlp
    >>> from tuning import Float, search
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    >>> space = {"units": (4,), "dropout": Float(0.0, 0.5)}
    >>> study = search(build_mlp, x, y, space=space, max_trials=1, epochs=1, verbose=False)
    >>> print(study.code())
    build_mlp((3,), 2, units=(4,), dropout=0.1)
    """
    max_trials = _checks.count("max_trials", max_trials)
    epochs = _checks.count("epochs", epochs)
    batch_size = _checks.count("batch_size", batch_size)
    seed = _checks.seed(seed)
    _checks.one_of("engine", engine, (*SAMPLERS, *ENGINES))
    start_from = _checks.starts(start_from)
    workers = workers if workers is not None else int(os.environ.get("TUNING_WORKERS", 1))
    workers = _checks.count("workers", workers)
    storage = storage or os.environ.get("TUNING_STORAGE")
    if engine in ENGINES:
        _checks.optuna_only(
            engine,
            pruner=pruner,
            storage=storage,
            max_parameters=max_parameters,
            start_from=tuple(start_from),
            folds=folds,
            workers=workers if workers > 1 else None,
        )
    pruner = _checks.one_of("pruner", pruner or "median", PRUNERS)
    storage = _checks.storage(storage)
    if patience is not None:
        patience = _checks.count("patience", patience)
    if max_parameters is not None:
        max_parameters = _checks.count("max_parameters", max_parameters)
    if task is not None:
        _checks.one_of("task", task, _checks.TASKS)
    if time_budget is not None:
        _checks.positive("time_budget", time_budget)
    make_callbacks = _checks.callbacks(callbacks)

    _checks.builder(build)
    told = {"input_shape": input_shape, "outputs": outputs, "task": task}
    space = _space(build, space, told)
    data = prepare(
        x,
        y,
        validation,
        input_shape=space.get("input_shape"),
        task=_task(build, space),
        outputs=space.get("outputs"),
        seed=seed,
        folds=folds,
        groups=groups,
    )
    if isinstance(build, keras_tuner.HyperModel):
        model = ForeignModel(build)
    else:
        model = hypermodel(build, {**_from_data(build, data, y, seed, space), **space})
    _checks.no_epochs(engine, space)
    first = [model.values_of(i, arguments) for i, arguments in enumerate(start_from)]
    folder, keeper = _folder(directory)
    reported = first_pass(model, data)
    _checks.folds_of_keras(folds, reported)
    objective = choose_objective(objective, reported, space)

    description = {
        **model.description(),
        "engine": engine,
        "objective": f"{objective.direction} {objective.name}",
        "data": data.checksum(),
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
    }
    if engine in SAMPLERS:
        description["pruner"] = pruner
    _claim(folder, description, overwrite)
    progress = Progress(objective.name, max_trials, time_budget, verbose)
    if engine in ENGINES:
        oracle = make_oracle(engine, objective, max_trials=max_trials, epochs=epochs, seed=seed)
    else:
        ledger = Ledger(
            storage or sqlite_url(folder),
            name or model.name,
            objective.direction,
            description,
            overwrite,
        )
        oracle = OptunaOracle(
            engine,
            objective,
            max_trials=max_trials,
            epochs=epochs,
            pruner=pruner,
            seed=seed,
            ledger=ledger,
            first=first,
            by_folds=data.folds is not None,
        )
    tuner = LeanTuner(
        oracle,
        model,
        folder,
        make_callbacks,
        progress,
        time_budget=time_budget,
        patience=patience,
        max_parameters=max_parameters,
        folds=data.folds,
    )
    if workers > 1:
        held_out = (data.x_val,) if y is None else (data.x_val, data.y_val)
        call = {
            "build": build,
            "x": data.x,
            "y": None if y is None else data.y,
            "input_shape": input_shape,
            "outputs": outputs,
            "task": task,
            "space": None if isinstance(build, keras_tuner.HyperModel) else space,
            "engine": engine,
            "pruner": pruner,
            "objective": objective,
            "validation": None if data.folds else held_out,
            "folds": data.folds,
            "max_trials": max_trials,
            "time_budget": time_budget,
            "patience": patience,
            "max_parameters": max_parameters,
            "start_from": start_from,
            "epochs": epochs,
            "batch_size": batch_size,
            "callbacks": callbacks,
            "seed": seed,
            "workers": 1,
            "directory": folder,
            "storage": storage,
            "name": name,
            "verbose": False,
        }
        tuner.watch(lambda tuner: work(call, workers, tuner))
        return Study(tuner, data.input_shape, keeper)
    tuner.search(
        data.x,
        data.y,
        validation_data=(data.x_val, data.y_val),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        verbose=0,
    )
    return Study(tuner, data.input_shape, keeper)


def _space(build, space, told):
    """The user's space or the recipe's, with what else the user told of the model."""
    if isinstance(build, keras_tuner.HyperModel):
        _checks.hypermodel_alone(space=space, **told)
        return {}
    space = SPACES.get(build) if space is None else space
    _checks.space(name_of(build), space)
    return {**{name: value for name, value in told.items() if value is not None}, **space}


def _task(build, space):
    """The task of the head: what was told, else the builder's default; None where it has none."""
    task = space.get("task", _parameters(build).get("task"))
    return task if task in _checks.TASKS else None


def _from_data(build, data, y, seed, space):
    """The arguments of this builder that the data tell, and the seed."""
    known = {"input_shape": data.input_shape, "outputs": data.outputs if y is not None else None}
    if data.y.ndim == 3:
        known |= {"horizon": data.y.shape[1], "targets": data.y.shape[2]}
    known |= {"seed": seed}
    if space.get("loss") is not None and _task(build, space) not in (None, "regression"):
        known["class_counts"] = counts(data.y, _task(build, space), known["outputs"])
    names = _parameters(build)
    return {name: value for name, value in known.items() if name in names and value is not None}


def _parameters(build):
    """Argument names of a builder, with their defaults."""
    if isinstance(build, keras_tuner.HyperModel):
        return {}
    return {name: item.default for name, item in inspect.signature(build).parameters.items()}


def _folder(directory):
    """The study's folder, and what deletes it with the study where the user gave none."""
    if directory is not None:
        return _checks.folder("directory", directory), None
    keeper = tempfile.TemporaryDirectory(prefix="study-")
    return Path(keeper.name), keeper


def _claim(folder, description, overwrite):
    """Make the folder this study's: the first one's, or the same one's again."""
    trials = folder / "trials"
    used = trials.exists()  # asked first: another process may be making both just now
    found = read_json(folder / "study.json")
    if found is None and used:
        raise _checks.not_free(folder, trials)
    if found is not None and not overwrite:
        _checks.same_study(folder, found, description)
    if found is not None and overwrite:
        shutil.rmtree(trials, ignore_errors=True)
    write_json(folder / "study.json", description)
