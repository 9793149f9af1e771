"""One page about a model, to send or to keep: `report`."""

import html

import numpy as np

from recipes import (
    _checks,
    _explained,
    _model_checks,
    _page,
    _recipe,
    _targets,
    _watching,
    plots,
    scores,
)
from recipes.naming import as_labels, class_names

SHOWN = 6  # samples in a picture of maps or reconstructions


def report(model, x, y=None, history=None, path="report.html", *, names=None):
    """Write one HTML page about a model: scores, plots that fit its task, findings, its call.

    The page holds its pictures and loads nothing, so that it can be sent and opens offline.

    Args:
        model: a trained model with one output; an autoencoder for y=None.
        x: held-out rows in the units that the model gets.
        y: their targets: classes or their names, one-hot rows, labels of 0 and 1, or numbers. None,
            or x itself, is what an autoencoder should give back.
        history: what `fit` returned, or its dict, for the learning curves and what `diagnose`
            reads in them; or None.
        path: the file to write; a file that is there is replaced.
        names: a name for every class; or None for those that the model keeps, or its number.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        ValueError, TypeError: x and y differ in rows, hold NaN or do not fit the model.

    >>> import tempfile
    >>> from recipes import build_mlp
    >>> x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    >>> page = report(build_mlp((3,), 2), x, y, path=tempfile.mkdtemp() + "/report.html")
    >>> "build_mlp((3,), 2)" in page.read_text()
    True
    """
    x = _explained.rows(model, _targets.plain(x, "x"), "x")
    names = class_names(model) if names is None else tuple(str(name) for name in names)
    y = x if y is None else _checks.array("y", as_labels("y", y, names))
    _checks.same_rows(x=x, y=y)
    history = None if history is None else _model_checks.history("history", history)
    path = _checks.file("path", path)
    prediction = model.predict(x, batch_size=256, verbose=0)
    one = isinstance(prediction, np.ndarray)
    _checks.require(one, "model", "have one output", type(prediction).__name__)
    task = _task(x, y, prediction)
    shown = "answers" if task != "reconstruction" else "reconstructions"
    sections = [
        ("Scores", _scores(y, prediction, task)),
        ("Learning curves", _curves(history, y, prediction, task)),
        (f"The model's {shown}", OF_TASK[task](model, x, y, prediction, names)),
        ("How it comes to them", _explanations(model, x, prediction, task)),
        ("The model", _model(model)),
    ]
    note = f"{len(x):,} held-out rows of shape {x.shape[1:]}, {model.count_params():,} parameters"
    return _page.write(path, model.name, note, sections)


def _task(x, y, prediction):
    """What the rows ask for, told by the data: the key of `OF_TASK`."""
    if y is x or (y.shape == x.shape and y.ndim > 1 and np.array_equal(x, y)):
        return "reconstruction"
    if _targets.kind(y) == "labels" and y.shape == prediction.shape:
        return "labels"
    return "classes" if scores.of_classes(y, prediction) else "numbers"


def _scores(y, prediction, task):
    figures = {
        "classes": ("accuracy", "balanced_accuracy", "log_loss", "roc_auc"),
        "labels": ("accuracy", "f1", "average_precision", "roc_auc"),
    }.get(task, ("rmse", "mae", "r2"))
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in figures)
    cells = "".join(f"<td>{scores.score(y, prediction, name):.4g}</td>" for name in figures)
    return f"<table><tr>{head}</tr><tr>{cells}</tr></table>"


def _curves(history, y, prediction, task):
    if not history:
        return ""
    from recipes.diagnosis import diagnose

    names = [name for name in history if not name.startswith("val_") and name != "learning_rate"]
    pictures = "".join(_page.figure(plots.plot_history(history, name), name) for name in names[:4])
    if len(history.get("loss", ())) < 3:
        return pictures
    integer = task == "classes" and y.dtype.kind in "iu" and y.ndim == 1
    found = diagnose(history, y, prediction) if integer else diagnose(history)
    return pictures + found._repr_html_()


def _classes(model, x, y, prediction, names):
    from recipes.reports import per_class_report

    table = per_class_report(y, prediction, names=names)
    parts = [
        _page.figure(plots.plot_confusion_matrix(y, prediction, names), "confusion matrix"),
        _page.figure(table.plot(), "scores of every class"),
        _page.figure(plots.plot_reliability(y, prediction), "reliability"),
    ]
    if len(np.unique(scores.class_rows(y, prediction)[0])) > 1:
        parts.append(
            _page.figure(plots.plot_precision_recall(y, prediction), "precision and recall")
        )
    if x.ndim > 2 and prediction.ndim == 2:
        ax = plots.plot_mistakes(x, y, prediction, names=names)
        parts.append(_page.figure(ax, "the worst mistakes"))
    return "".join(parts) + table._repr_html_()


def _labels(model, x, y, prediction, names):
    from recipes.reports import per_class_report

    table = per_class_report(y, prediction, names=names)
    return _page.figure(table.plot(), "scores of every label") + table._repr_html_()


def _numbers(model, x, y, prediction, names):
    return _page.figure(plots.plot_residuals(y, prediction), "errors")


def _reconstructions(model, x, y, prediction, names):
    from recipes.encodings import encode

    error = np.square(prediction - x).mean(axis=tuple(range(1, x.ndim)))
    parts = [
        _page.figure(plots.plot_reconstructions(model, x, n=SHOWN), "reconstructions"),
        _page.figure(plots.plot_anomaly_scores(error), "mean squared error of every row"),
    ]
    if any(layer.name == "encoder" for layer in model.layers):
        codes = encode(model, x)
        if codes.shape[1] > 1:
            parts.append(_page.figure(plots.plot_latent(codes), "codes"))
    return "".join(parts)


OF_TASK = {
    "classes": _classes,
    "labels": _labels,
    "numbers": _numbers,
    "reconstruction": _reconstructions,
}


def _explanations(model, x, prediction, task):
    """Grad-CAM of the first rows where there are convolutions, attention where there is some."""
    from recipes.explanations import grad_cam
    from recipes.inside import weights_of

    parts, few = [], x[:SHOWN]
    convolves = any("Conv" in type(one).__name__ for one in _watching.inner_layers(model))
    if convolves and x.ndim in (3, 4) and task == "classes" and prediction.ndim == 2:
        sure = prediction[:SHOWN].reshape(len(few), -1)
        titles = [f"{p.argmax() if len(p) > 1 else int(p[0] > 0.5)}" for p in sure]
        ax = plots.plot_maps(few, grad_cam(model, few), n=SHOWN, titles=titles)
        parts.append(_page.figure(ax, "where the class predicted is seen (Grad-CAM)"))
    for layer in _watching.attention_layers(model)[-1:]:
        weights = weights_of(model, few, layer)
        if weights is not None:
            ax = plots.plot_attention(weights[0])
            parts.append(_page.figure(ax, "attention of the first row"))
    return "".join(parts)


def _model(model):
    rows = []
    for layer in model.layers:
        shape = getattr(getattr(layer, "output", None), "shape", "")
        cells = (layer.name, type(layer).__name__, str(shape), f"{layer.count_params():,}")
        rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("layer", "kind", "output", "parameters"))
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    call = _recipe.call_of(model)
    made = f"<pre>model = {html.escape(call)}</pre>" if call else ""
    summary = f"<summary>{len(rows)} layers</summary>"
    return f"{made}<details>{summary}<table><tr>{head}</tr>{table}</table></details>"
