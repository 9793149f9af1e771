"""What `cross_validate` returns: `CrossValidation`, with its report, picture and submission."""

import dataclasses
from typing import Any

import keras
import numpy as np

from recipes import _checks
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
        failures: dict from a fold's name to its traceback.
        names: the finished folds, in the order of scores, histories and models.
        seconds: of every finished fold.
        classifies: the test predictions are probabilities of classes (ranks are not).

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
    failures: dict[str, str]
    names: tuple[str, ...]
    seconds: tuple[float, ...]
    classifies: bool

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

    def to_submission(self, path, ids, *, kind="label", columns=("id", "target"), threshold=0.5):
        """Write the test predictions as a csv file that Kaggle takes.

        Args:
            path: of the file to write; its folder must be there.
            ids: id of every row of x_test, (rows,).
            kind: "label" writes the likeliest class (or the number that was predicted);
                "probability" writes the probability of yes, or one column a class.
            columns: names of the columns: of the id and of the target, or one a class.
            threshold: from where one sigmoid column means yes, such as
                `best_threshold(y, result.predictions)`.

        Returns:
            The pandas DataFrame that was written.

        Raises:
            ValueError: no x_test was given, ids differ in rows, or columns do not fit.
        """
        import pandas as pd

        _checks.one_of("kind", kind, ("label", "probability"))
        threshold = _checks.fraction("threshold", threshold)
        predicted = self.test_predictions
        given = isinstance(predicted, np.ndarray)
        received = "several outputs" if predicted is not None else "no x_test"
        _checks.require(given, "cross_validate", "have predicted one x_test", received)
        predicted = predicted.reshape(len(predicted), -1)
        if kind == "label" and self.classifies:
            if predicted.shape[1] > 1:
                predicted = predicted.argmax(-1)[:, None]
            else:
                predicted = (predicted >= threshold).astype(int)
        _checks.same_rows(ids=ids, test_predictions=predicted)
        _checks.require(
            len(columns) == predicted.shape[1] + 1,
            "columns",
            f"name the id and {predicted.shape[1]} column(s)",
            f"columns={tuple(columns)}",
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


def collect(records, plan, y, rows, task, metrics, kind):
    """The `CrossValidation` of all folds that finished.

    Raises:
        RuntimeError: none did.
    """
    found = {name: records.found[name] for name in plan}
    failures = {name: r["failure"] for name, r in found.items() if "failure" in r}
    done = {name: r for name, r in found.items() if "failure" not in r}
    if not done:
        last = list(failures.values())[-1]
        raise RuntimeError(f"All {len(failures)} folds failed; the last with:\n{last}")
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
    score = _scorer(y, example, first["held"], task, metrics)
    by_fold = [score(held[name], record["held"]) for name, record in done.items()]
    unseen_apart = keras.tree.map_structure(lambda part: part[seen], predictions)
    return CrossValidation(
        predictions=predictions,
        test_predictions=tests,
        scores={name: [found[name] for found in by_fold] for name in by_fold[0]},
        overall=score(seen, unseen_apart),
        histories=tuple(record["history"] for record in done.values()),
        models=tuple(records.models[name] for name in done if name in records.models),
        failures=failures,
        names=tuple(done),
        seconds=tuple(record["seconds"] for record in done.values()),
        classifies=kind != "rank" and _classifies(y, example, first["held"], task),
    )


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


def _scorer(y, rows, prediction, task, metrics):
    """Function (rows, predictions of them) -> dict from metric to figure.

    `rows` and `prediction` are those of one fold, from which the metrics are chosen where the
    caller named none.
    """
    leaves, first = keras.tree.flatten(y), keras.tree.flatten(prediction)
    _checks.require(
        len(leaves) == len(first),
        "y",
        f"hold a part for every output of the model, {len(first)}",
        f"{len(leaves)} parts",
    )
    names = sorted(y) if isinstance(y, dict) else [f"output_{i}" for i in range(len(leaves))]
    names = [""] if len(leaves) == 1 else [f"{name}_" for name in names]
    chosen = [
        metrics or scoring.default_metrics(leaf[rows], made, task)
        for leaf, made in zip(leaves, first, strict=True)
    ]

    def score(rows, predicted):
        parts = zip(names, leaves, keras.tree.flatten(predicted), chosen, strict=True)
        return {
            f"{name}{getattr(metric, '__name__', metric)}": scoring.score(
                leaf[rows], made, metric, task=task
            )
            for name, leaf, made, of_output in parts
            for metric in of_output
        }

    return score


def _classifies(y, rows, prediction, task):
    if not hasattr(y, "shape") or not hasattr(prediction, "shape"):
        return False
    return scoring.of_classes(y[rows], prediction, task)
