"""What `cross_validate` returns: `CrossValidation`, with its report, picture and submission."""

import dataclasses
import warnings
from typing import Any

import keras
import numpy as np

from recipes import _checks, _targets
from recipes import scores as scoring
from recipes.ensembles import average


@dataclasses.dataclass(frozen=True, repr=False)
class CrossValidation:
    """What `cross_validate` found; made by it.

    Attributes:
        predictions: of every row by the models that did not see it, in the order of x: (rows, ...),
            or the structure of such arrays that the model returns. nan where a row was never held
            out (time splits) or its fold failed; the mean where it was held out several times.
        test_predictions: of x_test, averaged over the models; None without x_test.
        scores: dict from metric to its value in every fold.
        overall: dict from metric to its value on all out-of-fold predictions.
        histories: one dict a fold, from name to values an epoch, for `plot_history`.
        models: one trained `keras.Model` a fold where models were kept, else ().
        transformers: (preprocess, preprocess_y) as fitted in the fold of each of the models; None
            where there was none.
        failures: dict from a fold's name to its traceback.
        names: the finished folds, in the order of scores, histories and models.
        seconds: of every finished fold.
        holds: what the test predictions are: of "classes", "labels" (several a row may be true) or
            "numbers", or "ranks".
        class_names: of the classes in the order of the predictions' columns, where y held names
            (`np.searchsorted(class_names, y)` numbers them so), else None.

    >>> import numpy as np
    >>> from recipes import build_mlp, cross_validate
    >>> x = np.random.default_rng(0).normal(size=(30, 4))
    >>> from functools import partial
    >>> build = partial(build_mlp, task="regression")
    >>> result = cross_validate(build, x, x[:, :1], folds=3, seed=0)
    >>> list(result.scores), len(result.histories), result.failures
    (['rmse', 'mae'], 3, {})
    """

    predictions: Any
    test_predictions: Any
    scores: dict[str, list[float]]
    overall: dict[str, float]
    histories: tuple[dict[str, list[float]], ...]
    models: tuple[keras.Model, ...]
    transformers: tuple[tuple[Any, Any], ...]
    failures: dict[str, str]
    names: tuple[str, ...]
    seconds: tuple[float, ...]
    holds: str
    class_names: tuple[str, ...] | None = None

    def report(self):
        """A pandas DataFrame: every fold's scores, epochs and seconds, then mean, spread and
        the scores of all out-of-fold predictions together."""
        import pandas as pd

        table = pd.DataFrame(self.scores, index=list(self.names))
        table["epochs"] = [len(history["loss"]) for history in self.histories]
        table["seconds"] = self.seconds
        spread = table.std(ddof=1) if len(table) > 1 else table.mean() * np.nan
        table.loc["mean"], table.loc["std"] = table.mean(), spread
        table.loc["out of fold"] = pd.Series(self.overall)
        return table

    def plot(self, metric="loss", ax=None):
        """The curves of all folds and their mean, as `plot_folds`. Returns the Axes."""
        from recipes.plots import plot_folds

        ax = plot_folds(self.histories, metric, ax=ax)
        ax.set_title(f"{self._figures()[0]} over {len(self.names)} folds")
        return ax

    def to_submission(
        self, path, ids, *, kind="label", columns=("id", "target"), threshold=0.5, names=None
    ):
        """Write the test predictions as a csv file that Kaggle takes.

        Args:
            path: of the file to write; its folder must be there.
            ids: id of every row of x_test, (rows,).
            kind: "label" writes the likeliest class, 0 or 1 in a column a label, or the number that
                was predicted; "probability" writes the probability of yes, or one column a class.
            columns: names of the columns: of the id and of the target, or one a class or label.
            threshold: from where one sigmoid column, the second of two classes or a label means
                yes, such as `best_threshold(y, result.predictions)`; in (0, 1).
            names: what "label" writes instead of a class's number: a name for every class, such as
                (False, True) for no and yes, also of labels; None is `class_names`.

        Returns:
            The pandas DataFrame that was written.

        Raises:
            ValueError: no x_test was given, ids differ in rows, columns or names do not fit, or
                labels are asked of averaged ranks.
        """
        import pandas as pd

        _checks.one_of("kind", kind, ("label", "probability"))
        threshold = _checks.fraction("threshold", threshold)
        predicted = self.test_predictions
        given = isinstance(predicted, np.ndarray)
        received = "several outputs" if predicted is not None else "no x_test"
        _checks.require(given, "cross_validate", "have predicted one x_test", received)
        decided = kind == "label" and self.holds != "numbers"
        if decided:
            called = self.class_names if names is None else names
            predicted = _decided(predicted, self.holds, threshold, called)
        received = f"{kind!r} of {self.holds}"
        _checks.require(decided or names is None, "names", "be None but for labels", received)
        predicted = predicted.reshape(len(predicted), -1)
        _checks.same_rows(ids=ids, test_predictions=predicted)
        _checks.require(
            len(columns) == predicted.shape[1] + 1,
            "columns",
            f"name the id and {predicted.shape[1]} column(s)",
            f"columns={tuple(columns)}",
            "Give one name a class or label." if predicted.shape[1] > 1 else "",
        )
        table = pd.DataFrame(predicted, columns=list(columns[1:]))
        table.insert(0, columns[0], np.asarray(ids))
        table.to_csv(path, index=False)
        return table

    def _figures(self):
        return [
            f"{name} {np.mean(values):.4g} ± {np.std(values, ddof=1):.2g}"
            if len(values) > 1
            else f"{name} {values[0]:.4g}"
            for name, values in self.scores.items()
        ]

    def _summary(self):
        return f"{', '.join(self._figures())} over {len(self.names)} folds"

    def __repr__(self):
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"CrossValidation: {self._summary()}{failed}"

    def _repr_html_(self):
        from html import escape

        return f"<p>{escape(repr(self))}</p>{self.report().to_html()}"


def check_outputs(model, y, task, metrics):
    """Refuse a `y` or metrics that do not fit the model's outputs, before anything is trained."""
    outputs = getattr(model, "outputs", None)  # a model of one's own has none
    if not outputs:
        return
    structure = outputs[0] if len(outputs) == 1 else model.output
    for name, part, made in _paired(y, structure, getattr(model, "output_names", ())):
        chosen = metrics.get(name) if isinstance(metrics, dict) else metrics
        if chosen and None not in made.shape[1:]:
            scoring.try_metrics(chosen, part, made.shape[1:], task)


def collect(records, plan, y, class_names, task, metrics, kind):
    """The `CrossValidation` of all folds that finished.

    Raises:
        RuntimeError: none did.

    Warns:
        UserWarning: a metric raised; its scores are nan.
    """
    found = {name: records.found[name] for name in plan}
    failures = {name: r["failure"] for name, r in found.items() if "failure" in r}
    done = {name: r for name, r in found.items() if "failure" not in r}
    if not done:
        cause = next(iter(failures.values()))
        raise RuntimeError(f"All {len(failures)} folds failed; the first with:\n{cause}")
    rows = len(keras.tree.flatten(y)[0])
    held = {name: plan[name]["held"] for name in done}
    first = next(iter(done.values()))
    predictions = keras.tree.map_structure(
        lambda *parts: _in_order(parts, list(held.values()), rows),
        *[record["held"] for record in done.values()],
    )
    tests = None
    if first["test"] is not None:
        tests = keras.tree.map_structure(
            lambda *parts: average(parts, kind), *[record["test"] for record in done.values()]
        )
    seen = np.unique(np.concatenate(list(held.values())))
    example = next(iter(held.values()))
    score = _Scorer(y, example, first["held"], first.get("outputs", ()), task, metrics)
    by_fold = [score(held[name], record["held"]) for name, record in done.items()]
    unseen_apart = keras.tree.map_structure(lambda part: part[seen], predictions)
    overall = score(seen, unseen_apart)
    for name, error in score.raised.items():
        warnings.warn(
            f"metrics must fit y and the predictions. Received: {name!r}, which raises {error}. "
            "It is nan there; all else is kept.",
            stacklevel=3,
        )
    return CrossValidation(
        predictions=predictions,
        test_predictions=tests,
        scores={name: [found[name] for found in by_fold] for name in by_fold[0]},
        overall=overall,
        histories=tuple(record["history"] for record in done.values()),
        models=tuple(records.kept[name][0] for name in done if name in records.kept),
        transformers=tuple(records.kept[name][1] for name in done if name in records.kept),
        failures=failures,
        names=tuple(done),
        seconds=tuple(record["seconds"] for record in done.values()),
        holds="ranks" if kind == "rank" else _holds(y, example, first["held"], task),
        class_names=class_names,
    )


def _decided(predicted, holds, threshold, names):
    """The class of every row, or no and yes of every label: numbers, or their names."""
    _checks.require(
        holds != "ranks",
        "kind",
        "be 'probability' where the test predictions are averaged ranks",
        "'label'",
        "Did you mean cross_validate(..., average='mean')?",
    )
    width = predicted.shape[-1] if predicted.ndim > 1 else 1
    several = holds == "classes" and width > 2
    fits = not several or threshold == 0.5
    _checks.require(fits, "threshold", f"be left out for {width} classes", threshold)
    if several:
        numbers = predicted.argmax(-1)
    else:
        two = holds == "classes" and width == 2
        numbers = ((predicted[..., 1] if two else predicted) >= threshold).astype(int)
    if names is None:
        return numbers
    classes = width if several else 2
    fits = len(names) == classes
    _checks.require(fits, "names", f"name {classes} classes", f"{len(names)}: {list(names)}")
    return np.asarray(names)[numbers]


def _in_order(parts, rows_of, rows):
    """Predictions in the order of the rows; the mean where a row was held out several times."""
    total = np.zeros((rows, *parts[0].shape[1:]), "float64")
    times = np.zeros(rows)
    for part, held in zip(parts, rows_of, strict=True):
        total[held] += part
        times[held] += 1
    times = times.reshape(-1, *[1] * (total.ndim - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total / times).astype(parts[0].dtype)


class _Scorer:
    """Function (rows, predictions of them) -> dict from metric to figure.

    Args:
        y: all targets.
        rows, prediction: those of one fold, from which the metrics are chosen where the caller
            named none.
        outputs: names of the model's outputs, () where it has none.
        task: of the builder, or None.
        metrics: as `check_metrics` returns them.

    Attributes:
        raised: dict from a metric to what it raised first; its figure was nan then.
    """

    def __init__(self, y, rows, prediction, outputs, task, metrics):
        self.y, self.outputs, self.task = y, outputs, task
        by_output = metrics if isinstance(metrics, dict) else {}
        common = None if isinstance(metrics, dict) else metrics
        self.chosen = {
            name: by_output.get(name) or common or scoring.default_metrics(part[rows], made, task)
            for name, part, made in _paired(y, prediction, outputs)
        }
        self.raised: dict[str, str] = {}

    def __call__(self, rows, predicted):
        found = {}
        for output, part, made in _paired(self.y, predicted, self.outputs):
            for metric in self.chosen[output]:
                name = f"{output}{output and '_'}{scoring.name_of(metric)}"
                try:
                    found[name] = scoring.score(part[rows], made, metric, task=self.task)
                except Exception as error:  # hours of training are worth more than a score
                    self.raised.setdefault(name, scoring.said(error))
                    found[name] = np.nan
        return found


def _paired(y, prediction, outputs):
    """(name, part of y, its prediction) of every output, as Keras pairs them in training.

    A dict goes by the names of the outputs, anything else by their order; "" names an only one.
    """
    leaves, made = keras.tree.flatten(y), keras.tree.flatten(prediction)
    if isinstance(y, dict) and len(y) == len(leaves) and len(made) > 1:
        by_name = prediction
        if not isinstance(prediction, dict):
            by_name = dict(zip(outputs, made, strict=False))
        unknown = [name for name in y if name not in by_name]
        _checks.require(
            not unknown and len(y) == len(by_name),
            "y",
            f"hold a part for every output of the model, {_checks.some_names(by_name)}",
            f"parts named {_checks.some_names(y)}",
            _checks.nearest(unknown[0], by_name).strip() if unknown else "",
        )
        return [(name, y[name], by_name[name]) for name in sorted(y)]
    _checks.require(
        len(leaves) == len(made),
        "y",
        f"hold a part for every output of the model, {len(made)}",
        f"{len(leaves)} parts",
    )
    if len(leaves) == 1:
        return [("", leaves[0], made[0])]
    names = [f"output_{i}" for i in range(len(leaves))]
    return list(zip(names, leaves, made, strict=True))


def _holds(y, rows, prediction, task):
    """What predictions of these rows are: of "classes", "labels" or "numbers"."""
    if not hasattr(y, "shape") or not hasattr(prediction, "shape"):
        return "numbers"
    if not scoring.of_classes(y[rows], prediction, task):
        return "numbers"
    several = _targets.kind(y, task) == "labels" and y[rows].shape == prediction.shape
    return "labels" if several else "classes"
