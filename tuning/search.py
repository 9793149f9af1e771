"""`search`: build, train and score a recipe many times, each time with other knobs."""

import inspect
import os
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np

from recipes._descriptions import code, described
from recipes._targets import counts, task_of
from recipes.naming import as_labels, names_of, told_names
from tuning import (
    _batch_checks,
    _checks,
    _device_checks,
    _folders,
    _study_checks,
    _tensorboard,
    _training,
)
from tuning._batches import Batches
from tuning._data import SINGLE_LABEL, prepare
from tuning._database import shown
from tuning._ledger import Ledger, sqlite_url
from tuning._progress import Progress
from tuning._proposals import PRUNERS, SAMPLERS, SEVERAL
from tuning._workers import work
from tuning.hypermodel import ForeignModel, from_function, hypermodel
from tuning.objectives import choose_objectives, first_pass
from tuning.optuna_oracle import OptunaOracle
from tuning.oracle import ENGINES, make_oracle
from tuning.spaces import SPACES
from tuning.study import Study
from tuning.tuner import LeanTuner

# Arguments of a builder that `search` takes beside the space.
TOLD = ("input_shape", "outputs", "task")


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
    max_latency=None,
    start_from=(),
    epochs=20,
    batch_size=32,
    callbacks=(),
    tensorboard=None,
    seed=None,
    workers=None,
    distribution=None,
    directory=None,
    storage=None,
    name=None,
    overwrite=False,
    verbose=True,
):
    """Search the knobs of a builder on your data; the first trial is its defaults.

    Args:
        build: a recipe, any function that returns a compiled `keras.Model`, or what Keras Tuner
            takes: a `keras_tuner.HyperModel`, or a function whose one argument is `hp`.
        x: array (rows, ...), or a dict of them by input's name. Or batches of (inputs, targets):
            a `tf.data.Dataset`, a `keras.utils.PyDataset`, or a function that returns either or a
            new generator for each epoch, which comes to an end; they need `validation`, and
            `outputs` where the targets are classes. One study of batches is told from another by
            their number and shapes only.
        y: targets, one a row: integers or names for classes, 0 and 1, or numbers; a dict of them by
            output's name. None makes x the target, as for an autoencoder. Names are numbered in
            sorted order, or in that of `class_names` in the space; `Study.class_names` has them.
        input_shape, outputs: arguments of the builder; None takes them from x and y, as the horizon
            and the targets of a forecaster.
        task: argument of the builder; None is its own default.
        space: dict from argument names to ranges and constants; None is `SPACES[build]`. Names that
            the builder lacks go to the training: "batch_size"; "epochs"; "augmentation", a level
            for tables, series or images; "class_weight", a scheme of `recipes.class_weights`;
            "schedule", "cosine" or "plateau"; "initial_weights", of `recipes.initial_weights`.
            None, for the last four, is none.
        engine: "tpe" (tree-structured Parzen estimator; the second trial is the first with three
            times the learning rate, where that is searched by orders), "random", "grid" (all
            combinations, a number in ten steps), "cmaes" (evolution, needs the package cmaes), "gp"
            (Gaussian process, needs torch): Optuna's. Keras Tuner's own: "keras-random",
            "keras-bayesian", "keras-hyperband" (many short trainings, the best trained on; `epochs`
            is the longest), "keras-grid".
        pruner: for Optuna's engines, which trainings end early: "median" (worse than the median of
            the others at that epoch), "halving" (successive halving) or "none". None is "median".
        objective: name of a value that each epoch reports, such as "val_accuracy", or a
            `keras_tuner.Objective`. None is "val_loss", or the model's first metric where the space
            holds a knob that changes the loss itself (l1, l2, label_smoothing, ...). A list of them
            searches for the best compromises (`Study.pareto`), and may hold "parameters" and
            "latency" (milliseconds for a batch of 32 rows, measured, so that no seed repeats it)
            behind the first, which ranks the leaderboard and says which epoch counts. With "tpe",
            "random", "grid" or "gp", without a pruner.
        validation: share of the rows to score on, classes in equal shares, or (x_val, y_val), or
            (x_val,) without y. None is 0.2. Where x is batches: batches too, or (x_val, y_val).
        folds: in its place, for Optuna's engines: a number of folds, a scikit-learn splitter such
            as `TimeSeriesSplit(5)`, or a list of (training rows, held-out rows). A trial trains a
            model a fold, scores the mean of their best epochs, and ends early behind a fold where
            that mean is worse than others' (`pruner`). A killed one goes on behind its last fold.
        groups: id of each row, (rows,), for folds: rows of one id stay in one part; or None.
        max_trials: number of trials, at least 1, those of an earlier run in `directory` included.
        time_budget: seconds after which the running trial ends with its epoch and no other begins.
        patience: trials without a better score after which the search ends, or None.
        max_parameters: models with more are skipped untrained, or None.
        max_latency: models are skipped untrained that take more milliseconds to predict a batch of
            32 rows, compiled and warm, the median of 15 calls; or None.
        start_from: list of dicts from names in the space to values: the trials after the first,
            which is the defaults; for Optuna's engines. A study's `best_arguments` is one: it may
            hold constants of this search.
        epochs: passes over the training rows in a trial, at least 1.
        batch_size: rows in a batch, at least 1, for arrays.
        callbacks: Keras callbacks, used as they are in every trial, or a function that makes new
            ones for each.
        tensorboard: folder into which every trial writes its curves and knobs for TensorBoard, in
            "trial_1", "trial_2", ...; needs the package tensorboard. None writes none.
        seed: int that fixes trials, weights and order of rows, or None. With one worker the same
            seed gives the same scores; what is decided by the clock (`time_budget`, latency) it
            does not fix.
        workers: processes on this machine that share the trials, with Optuna's engines. None is 1,
            or what `python -m tuning.launch` was given. Callbacks are copied to each process. A
            process makes room for a fresh one after 50 trials, since a model with a training step
            of its own may leave some MB of memory behind.
        distribution: for several devices in one trial: a `tf.distribute.Strategy` such as
            `MirroredStrategy()`, or on JAX a `keras.distribution.DataParallel()` or
            `ModelParallel`; every model is built and trained in its scope. None is one device.
        directory: folder that keeps the study. The same call goes on where a killed one ended, and
            a larger `max_trials` extends a finished one. None keeps it for this process only.
            With Optuna's engines several processes may work on it at once. It holds one study, and
            any number that have a `name`.
        storage: URL of the database that keeps the trials, such as
            "postgresql://user@host/studies"; None is an SQLite file, study.db, in `directory`.
            optuna-dashboard opens either. Weights of the best models stay in `directory`.
        name: the study's name in the database, and its folder's in `directory`; None is the
            builder's, and `directory` itself.
        overwrite: delete this study, and the trials in the folder `tensorboard`, and start anew.
        verbose: print a line a trial with the best score so far.

    Returns:
        `Study`: leaderboard, best arguments, best model, the line that rebuilds it, plots.

    Raises:
        ValueError, TypeError: before any training, for bad data, a name that the builder lacks, an
            objective that the model does not report, a folder that holds another study.
        RuntimeError: the first trials all failed. Later ones that fail are in the leaderboard, and
            the search goes on.

    Warns:
        UserWarning: the builder was edited since the study in `directory` began; its trials stay.
            Or a builder of `task="regression"` is to learn numbers far from 0 and 1.

    >>> import numpy as np
    >>> from recipes import build_mlp
    >>> from tuning import Float, search
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    >>> space = {"units": (4,), "dropout": Float(0.0, 0.5)}
    >>> study = search(build_mlp, x, y, space=space, max_trials=1, epochs=1, verbose=False)
    >>> print(study.code())
    build_mlp((3,), 2, units=(4,), dropout=0.1)
    """
    call = _checked(locals())
    space = _space(call["build"], call["space"], {name: call[name] for name in TOLD})
    call, space, class_names = _numbered(call, space)
    given = SimpleNamespace(**call)
    data = _data(given, space)
    model = _model(given, space, data)
    first = [model.values_of(i, arguments) for i, arguments in enumerate(given.start_from)]
    about = model.description()  # before any run, which may change what was given
    folder, keeper = _folders.opened(directory)
    reported = first_pass(model, data)
    _checks.folds_of_keras(folds, reported)
    objectives = choose_objectives(objective, reported, space)

    description = _description(given, about, data, objectives)
    own = _folders.of_study(folder, name, model.name, description)
    known_as = model.name if name is None else name
    functions = code([getattr(build, "build", build), space])
    _folders.claim(own, known_as, description, overwrite, functions)
    if given.engine in SAMPLERS and not given.storage:
        _folders.warn_of_loss(own, folder / "study.db")
    if overwrite and given.tensorboard is not None:
        _tensorboard.clear(given.tensorboard)
    tuner = LeanTuner(
        _oracle(given, model, data, objectives, first, folder, description),
        model,
        own,
        given.callbacks,
        Progress(objectives, given.max_trials, time_budget, verbose),
        time_budget=time_budget,
        patience=given.patience,
        max_parameters=given.max_parameters,
        max_latency=max_latency,
        folds=data.folds,
        distribution=distribution,
        tensorboard=given.tensorboard,
    )
    if given.workers > 1:
        theirs = _call_of_a_worker(call, data, objectives, folder)
        tuner.watch(lambda tuner: work(theirs, given.workers, tuner))
    else:
        tuner.search(
            data.x,
            data.y,
            **data.for_fit(given.batch_size),
            epochs=given.epochs,
            seed=given.seed,
            verbose=0,
        )
    rows = keras.tree.map_structure(np.array, data.sample(1)[0])  # copies: x itself may be large
    return Study(tuner, rows, keeper, description, class_names)


def _checked(call):
    """The call of `search` with every argument checked that needs no data, and None resolved."""
    given = SimpleNamespace(**call)
    _checks.builder(given.build)
    _checks.one_of("engine", given.engine, (*SAMPLERS, *ENGINES))
    workers, storage = given.workers, given.storage or os.environ.get("TUNING_STORAGE")
    workers = int(os.environ.get("TUNING_WORKERS", 1)) if workers is None else workers
    checked = {
        "build": from_function(given.build),
        "workers": _checks.count("workers", workers),
        "storage": _device_checks.storage(storage),
        "start_from": _checks.starts(given.start_from),
        "seed": _checks.seed(given.seed),
        "callbacks": _checks.callbacks(given.callbacks),
    }
    for name in ("max_trials", "epochs", "batch_size", "patience", "max_parameters"):
        value = call[name]
        optional = name in ("patience", "max_parameters")
        checked[name] = None if optional and value is None else _checks.count(name, value)
    for name in ("time_budget", "max_latency"):
        if call[name] is not None:
            _checks.positive(name, call[name])
    if given.tensorboard is not None:
        _checks.installed("tensorboard", "tensorboard=...")
        checked["tensorboard"] = _checks.folder("tensorboard", given.tensorboard)
    if given.name is not None:
        _checks.text("name", given.name)
    if given.task is not None:
        _checks.one_of("task", given.task, _checks.TASKS)
    several = isinstance(given.objective, (list, tuple)) and len(given.objective) > 1
    if given.engine in ENGINES:
        _checks.optuna_only(
            given.engine,
            objective=given.objective if several else None,
            pruner=given.pruner,
            storage=storage and shown(storage),
            max_parameters=given.max_parameters,
            max_latency=given.max_latency,
            start_from=tuple(checked["start_from"]),
            folds=given.folds,
            workers=workers if workers > 1 else None,
        )
    _device_checks.distribution(given.distribution, workers)
    if several:
        _study_checks.with_several_objectives("pruner", given.pruner, (None, "none"))
        _study_checks.with_several_objectives("engine", given.engine, SEVERAL)
    usual = "none" if several else "median"
    checked["pruner"] = _checks.one_of("pruner", given.pruner or usual, PRUNERS)
    return {**call, **checked}


def _numbered(call, space):
    """The call with numbers for names of classes, its space, and the names or None.

    A builder that keeps names is told them, in every worker.
    """
    names = names_of(space)
    if _task(call["build"], space) not in (None, *SINGLE_LABEL):
        return call, space, names
    y, names = told_names(call["y"], names)
    if y is call["y"]:
        return call, space, names
    validation = call["validation"]
    if isinstance(validation, tuple) and len(validation) == 2:
        validation = (validation[0], as_labels("y_val", validation[1], names))
    if "class_names" in _parameters(call["build"]):
        space = {**space, "class_names": names}
    return {**call, "y": y, "validation": validation, "space": space or None}, space, names


def _data(given, space):
    """The rows, checked and split."""
    return prepare(
        given.x,
        given.y,
        given.validation,
        input_shape=space.get("input_shape"),
        task=_task(given.build, space),
        outputs=space.get("outputs"),
        seed=given.seed,
        folds=given.folds,
        groups=given.groups,
    )


def _model(given, space, data):
    """The hypermodel, with what the data tell of its arguments."""
    _checks.no_epochs(given.engine, space)
    if isinstance(data, Batches):
        _batch_checks.no_batch_size(space)
    if isinstance(given.build, keras_tuner.HyperModel):
        return ForeignModel(given.build)
    told = _from_data(given.build, data, given.seed, space)
    model = hypermodel(given.build, {**told, **space})
    _training.check_data([name for name in space if model.trains(name)], data.x, data.y)
    return model


def _description(given, about, data, objectives):
    """What makes this study another one than others."""
    description = {
        **about,
        "engine": given.engine,
        "objective": ", ".join(f"{one.direction} {one.name}" for one in objectives),
        "data": data.checksum(),
        "epochs": given.epochs,
        "batch_size": given.batch_size,
        "seed": given.seed,
    }
    return {**description, "pruner": given.pruner} if given.engine in SAMPLERS else description


def _oracle(given, model, data, objectives, first, folder, description):
    """Who says what to try next, and remembers."""
    if given.engine in ENGINES:
        return make_oracle(
            given.engine,
            objectives[0],
            max_trials=given.max_trials,
            epochs=given.epochs,
            seed=given.seed,
        )
    ledger = Ledger(
        given.storage or sqlite_url(folder),
        model.name if given.name is None else given.name,
        [one.direction for one in objectives],
        description,
        given.overwrite,
        [one.name for one in objectives],
    )
    return OptunaOracle(
        given.engine,
        objectives,
        max_trials=given.max_trials,
        epochs=given.epochs,
        pruner=given.pruner,
        seed=given.seed,
        ledger=ledger,
        first=first,
        by_folds=data.folds is not None,
    )


def _call_of_a_worker(call, data, objectives, folder):
    """The same search as this one, in one process, on the rows as they were split here."""
    return {
        **call,
        **data.for_worker(call["y"] is not None),
        "groups": None,
        "objective": objectives,
        "workers": 1,
        "directory": folder,
        "overwrite": False,
        "verbose": False,
    }


def _space(build, space, told):
    """The user's space or the recipe's, with what else the user told of the model."""
    if isinstance(build, keras_tuner.HyperModel):
        _checks.hypermodel_alone(space=space, **told)
        return {}
    space = SPACES.get(build) if space is None else space
    _checks.space(described(build), space)
    return {**{name: value for name, value in told.items() if value is not None}, **space}


def _task(build, space):
    """The task of the head: what was told, else the builder's default; None where it has none."""
    return task_of({**_parameters(build), **space})


def _from_data(build, data, seed, space):
    """The arguments of this builder that the data tell, and the seed."""
    known = {"input_shape": data.input_shape, "outputs": data.outputs, "seed": seed}
    _, target = data.sample(1)
    if getattr(target, "ndim", 0) == 3:
        known |= {"horizon": target.shape[1], "targets": target.shape[2]}
    counted = space.get("loss") is not None and hasattr(data.y, "dtype")
    if counted and _task(build, space) not in (None, "regression"):
        known["class_counts"] = counts(data.y, _task(build, space), known["outputs"])
    names = _parameters(build)
    return {name: value for name, value in known.items() if name in names and value is not None}


def _parameters(build):
    """Argument names of a builder, with their defaults."""
    if isinstance(build, keras_tuner.HyperModel):
        return {}
    return {name: item.default for name, item in inspect.signature(build).parameters.items()}
