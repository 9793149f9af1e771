"""What is given by mistake: one error that names it, says what it should be and what it was.

Functions that have a file of tests keep such rows there; these are of all the others.
"""

import keras
import matplotlib
import numpy as np
import pytest

import recipes

matplotlib.use("Agg")

X, Y = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) % 2
SHARES = np.stack([1 - Y, Y], -1) * 0.6 + 0.2
IMAGES = np.zeros((6, 4, 4, 1))
NOT_A_HISTORY = "history must be what fit returned"


@pytest.fixture(scope="module")
def models():
    series = recipes.build_rnn((4, 3), 2, cell="rnn", units=(2,), attention=True)
    return {
        "mlp": recipes.build_mlp((3,), 2, units=(2,)),
        "images": keras.Sequential(
            [keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3, name="conv")]
        ),
        "series": series,
        "translator": recipes.build_seq2seq(9, 9, cell="rnn", units=(2,)),
        "table": keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
    }


OF_ARRAYS = {
    "batches of nothing": (lambda: recipes.batches(None), ValueError, "x must be given"),
    "shuffle": (lambda: recipes.batches(X, Y, shuffle="no"), TypeError, "shuffle must be True or"),
    "misspelt argument": (
        lambda: recipes.build_mlp((3,), 2, dropuot=0.1),
        TypeError,
        "build_mlp has no argument 'dropuot'.*Did you mean 'dropout'",
    ),
    "ragged": (lambda: recipes.plot_residuals([[1, 2], [3]], Y), ValueError, "rows of one length"),
    "score of nothing": (lambda: recipes.score([], []), ValueError, "y must hold at least one row"),
    "score of names": (
        lambda: recipes.score(list("ab"), SHARES[:2]),
        TypeError,
        "y must be numeric",
    ),
    "classes": (lambda: recipes.class_weights(-Y), ValueError, "y must hold classes from 0.*-1"),
    "images": (lambda: recipes.load_images(3), ValueError, "source must be a folder"),
    "folder": (lambda: recipes.standard_callbacks(3), TypeError, "folder must be a path"),
    "texts": (lambda: recipes.tokenize(3), TypeError, "texts must be a list of strings"),
    "no texts": (lambda: recipes.Vocabulary("a").encode([]), ValueError, "at least one text"),
    "tokens": (lambda: recipes.Vocabulary(3), ValueError, "tokens must be a list"),
}
OF_PLOTS = {
    "history": (lambda: recipes.plot_history(None), TypeError, NOT_A_HISTORY),
    "no epoch": (lambda: recipes.plot_history({"loss": []}), ValueError, "history must hold an"),
    "folds": (lambda: recipes.plot_folds(None), ValueError, "histories must be a list"),
    "one fold": (lambda: recipes.plot_folds(["a"]), TypeError, "every history must be what fit"),
    "fold scores": (lambda: recipes.plot_fold_scores("ab"), ValueError, "scores must be what"),
    "one code": (lambda: recipes.plot_latent(X[:, :1]), ValueError, "at least two columns"),
    "one row": (lambda: recipes.plot_latent(X[:1]), ValueError, "at least two rows"),
    "threshold": (lambda: recipes.plot_anomaly_scores([1, 2], "a"), TypeError, "threshold must"),
    "rates": (lambda: recipes.plot_learning_rates("a"), ValueError, "found must be what lr_find"),
    "no share": (lambda: recipes.plot_reliability(Y, 4 * SHARES), ValueError, r"in \[0, 1\]"),
    "titles": (lambda: recipes.plot_maps(X, X, titles=3), ValueError, "titles must be a list"),
    "colours": (lambda: recipes.plot_maps(X, X, cmap="oranges"), ValueError, "mean 'Oranges'"),
    "numbers": (lambda: recipes.plot_mistakes(X[:, 0], Y, SHARES), ValueError, "x must hold rows"),
}
OF_MODELS = {
    "reconstruction": (
        lambda m: recipes.reconstruction_error(m["mlp"], X),
        ValueError,
        r"model must give back its input.*\(None, 3\) to \(None, 2\)",
    ),
    "drawn": (
        lambda m: recipes.plot_reconstructions(m["mlp"], X),
        ValueError,
        "model must give back its input",
    ),
    "targets": (lambda m: recipes.lr_find(m["mlp"], X), ValueError, "y must be given with x"),
    "pictures": (
        lambda m: recipes.maximize_activation(m["images"], "conv", 0, shape=(4, 4, 3)),
        ValueError,
        r"shape must fit the model's \(4, 4, 1\)",
    ),
    "one image": (
        lambda m: recipes.plot_feature_maps(m["images"], IMAGES, "conv"),
        ValueError,
        r"Did you mean image\[0\]",
    ),
    "series": (
        lambda m: recipes.attention_weights(m["series"], np.zeros((2, 4, 5))),
        ValueError,
        r"x must have rows of shape \(4, 3\)",
    ),
    "an input is missing": (
        lambda m: recipes.attention_weights(m["translator"], {"source": np.ones((2, 3), int)}),
        ValueError,
        "x must be a dict with 'source', 'target'. Received: a dict with 'source'",
    ),
    "inputs without names": (
        lambda m: recipes.attention_weights(m["translator"], np.ones((2, 3), int)),
        ValueError,
        "x must be a dict with",
    ),
    "backbone": (
        lambda m: recipes.build_pretrained((8, 8, 3), 2, backbone=m["table"]),
        ValueError,
        r"backbone must take \(height, width, channels\)",
    ),
    "learning curves": (
        lambda m: recipes.report(m["mlp"], X, Y, "loss", "report.html"),
        TypeError,
        NOT_A_HISTORY,
    ),
    "page": (lambda m: recipes.report(m["mlp"], X, Y, path="."), ValueError, "path must be a file"),
}


@pytest.mark.parametrize("case", OF_ARRAYS)
def test_arrays(case):
    ask, error, message = OF_ARRAYS[case]
    with pytest.raises(error, match=message):
        ask()


@pytest.mark.parametrize("case", OF_PLOTS)
def test_plots(case):
    ask, error, message = OF_PLOTS[case]
    with pytest.raises(error, match=message):
        ask()


@pytest.mark.parametrize("case", OF_MODELS)
def test_models(case, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ask, error, message = OF_MODELS[case]
    with pytest.raises(error, match=message):
        ask(models)
    assert not list(tmp_path.iterdir())


def test_columns_of_a_table():
    import pandas as pd

    table = pd.DataFrame({"age": [30, 40], "city": ["Rome", "Oslo"]})
    for argument in ("numeric", "dates"):
        with pytest.raises(ValueError, match=f"{argument} must name columns.*'city'.*'Rome'"):
            recipes.TableEncoder(**{argument: ["city"]}).fit(table)
    for argument in ("categorical", "drop"):
        with pytest.raises(TypeError, match=rf"{argument} must be a list.*Did you mean \['city'\]"):
            recipes.TableEncoder(**{argument: "city"}).fit(table)


def test_a_fit_that_broke_is_still_drawn():
    ax = recipes.plot_history({"loss": [1.0, np.nan], "val_loss": [np.nan, np.nan]})
    assert len(ax.lines) == 2
    assert ax.get_title() == ""
