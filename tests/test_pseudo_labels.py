"""`pseudo_label`: which rows get labels, what is held out, and when it stops."""

import functools
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest

from recipes import (
    build_mlp,
    build_stacked_autoencoder,
    class_names,
    predict_names,
    pseudo_label,
)
from recipes._folds import hold_out
from recipes.naming import ClassNames
from recipes.pseudo_labels import _Trainer

_random = np.random.default_rng(0)
Y = np.arange(240) % 3
X = (_random.normal(0, 0.5, (240, 2)) + np.array([[0, 0], [4, 0], [0, 4]])[Y]).astype("float32")
BUILD = partial(build_mlp, units=(16,), dropout=0.0, learning_rate=0.01)


def named(input_shape, outputs, class_names=None, seed=None):
    """A classifier that keeps the names of its classes, as `build_pretrained` does."""
    x = keras.Input(input_shape)
    shares = keras.layers.Dense(outputs, "softmax", name="output")(x)
    model = keras.Model(x, ClassNames(class_names, name="class_names")(shares))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def with_loss(input_shape, outputs, loss):
    """A classifier of Keras's own, whose losses take either integers or shares."""
    x = keras.Input(input_shape)
    model = keras.Model(x, keras.layers.Dense(outputs, "softmax")(x))
    model.compile("adam", loss)
    return model


@functools.cache
def run(method):
    noise = {name: keras.layers.GaussianNoise(0.1, seed=0) for name in ("weak", "strong")}
    return pseudo_label(
        BUILD,
        X[:12],
        Y[:12],
        X[12:200],
        method=method,
        rounds=2,
        steps=60,
        batch_size=8,
        validation=(X[200:], Y[200:]),
        seed=0,
        **(noise if method == "fixmatch" else {}),
    )


@pytest.mark.parametrize("method", ["hard", "soft", "fixmatch"])
def test_it_labels_what_lies_apart(method):
    result = run(method)
    assert (result.labels == Y[12:200]).mean() > 0.95
    report = result.report()
    assert report["pseudo"].iloc[0] == 0
    assert report["pseudo"].iloc[-1] > 60
    assert (report["labelled"] == 12).all()
    after_one = 1 if method == "fixmatch" else 0.5  # of two rounds; its climb is over by then
    assert report["weight"].tolist() == [0, after_one, 1][: len(report)]
    assert result.best_round <= len(report) - 1
    best = result.rounds[result.best_round]["accuracy"]
    accuracy = (result.model.predict(X[200:], verbose=0).argmax(-1) == Y[200:]).mean()
    assert accuracy == pytest.approx(best)


class Fixed:
    """Stands for a model: says for each row what it was given."""

    output_shape = (None, 2)

    def predict(self, x, **options):
        return np.stack([1 - x[:, 0], x[:, 0]], axis=1)


def trainer(y=(0, 0, 0, 1)):
    made = _Trainer(None, np.zeros((4, 1)), np.array(y), None, 2, 0, None, None)
    made.model = Fixed()
    return made


def test_only_sure_rows_are_chosen_and_no_class_has_more_than_its_share():
    made = trainer()
    made.x_unlabeled = np.array([[0.99], [0.97], [0.96], [0.5], [0.02], [0.2], [0.01], [0.6]])
    rows, labels = made.choose(0.9, False, 1.0, "hard")
    assert rows.tolist() == [0, 1, 2, 4, 6]
    assert labels.tolist() == [1, 1, 1, 0, 0]
    # A quarter of the labels are of class 1: two of eight rows, the surest.
    rows, labels = made.choose(0.9, True, 1.0, "hard")
    assert rows.tolist() == [0, 1, 4, 6]
    rows, shares = made.choose(0.9, True, 0.5, "soft")
    assert rows.tolist() == [0, 4, 6]
    np.testing.assert_allclose(shares[:, 1], [0.99, 0.02, 0.01])


def test_every_step_has_as_many_of_each_kind():
    made = trainer()
    labelled = np.zeros((4, 1)), np.zeros(4, int), np.ones(4)
    pseudo = np.ones((4, 1)), np.ones(4, int), np.full(4, 0.5)
    x, y, weight = made._join(labelled, pseudo)
    assert x[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert y.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert weight.tolist() == [1, 1, 0.5, 0.5, 1, 1, 0.5, 0.5]


def test_all_rows_come_before_any_comes_again():
    drawn = trainer()._draw(6, 5)
    assert len(drawn) == 10
    assert sorted(drawn[:6]) == list(range(6))


@pytest.mark.parametrize("method", ["hard", "fixmatch"])
def test_it_says_where_no_row_is_sure_enough(method):
    options = {"rounds": 1, "steps": 1, "threshold": 1.0, "method": method, "seed": 0}
    with pytest.warns(UserWarning, match=r"Round 1 .* threshold=1\. .*steps=1\)"):
        result = pseudo_label(BUILD, X[:12], Y[:12], X[12:200], **options)
    assert result.rounds[1]["pseudo"] == 0


def test_it_stops_when_validation_falls_and_never_trains_on_it(monkeypatch):
    """Held-out labels that are all wrong can only be met by chance: the first fall ends it."""
    seen = []
    monkeypatch.setattr(_Trainer, "_train", lambda self, rows, size: seen.append(rows[0]))
    scores = iter([0.5, 0.7, 0.6, 0.9])
    answers = Y[200:]

    def classes_of(self, x):
        right = np.arange(len(answers)) < next(scores) * len(answers)
        return np.where(right, answers, 9)

    monkeypatch.setattr(_Trainer, "classes_of", classes_of)
    result = pseudo_label(
        BUILD,
        X[:12],
        Y[:12],
        X[12:210],  # ten of which are held out
        rounds=3,
        steps=2,
        threshold=0.1,
        seed=0,
        validation=(X[200:], answers),
    )
    assert [note["accuracy"] for note in result.rounds] == pytest.approx([0.5, 0.7, 0.6])
    assert result.best_round == 1
    trained = {tuple(row) for x in seen for row in x}
    assert not trained & {tuple(row) for row in X[200:]}
    assert len(result.labels) == 198


@pytest.mark.parametrize("order", [None, ("south", "north", "east", "west")])
def test_classes_by_name(order):
    names = np.array(["north", "east", "south"])
    build = partial(named, class_names=order) if order else named
    held = X[200:], names[Y[200:]].tolist()
    options = {"rounds": 1, "steps": 1, "threshold": 0.1, "validation": held, "seed": 0}
    result = pseudo_label(build, X[:12], names[Y[:12]], X[12:200], **options)
    assert class_names(result.model) == (order or ("east", "north", "south"))
    expected = np.array(class_names(result.model))[result.labels]
    assert predict_names(result.model, X[12:200], verbose=0).tolist() == expected.tolist()


def test_columns_of_frames_go_by_name():
    x = pd.DataFrame(X * [1, 5], columns=["a", "b"])
    other = x[["b", "a"]]
    options = {"rounds": 1, "steps": 30, "threshold": 0.5, "seed": 0}
    first, mixed = (
        pseudo_label(BUILD, x[:12], Y[:12], u[12:200], validation=(u[200:], Y[200:]), **options)
        for u in (x, other)
    )
    np.testing.assert_array_equal(first.labels, mixed.labels)
    assert first.rounds == mixed.rounds


def test_a_class_that_is_held_out_is_one():
    y = np.array([0, 1] * 5 + [2])
    options = {"rounds": 1, "steps": 1, "threshold": 0.1}
    for seed in range(1, 30):
        rows, _ = hold_out(len(y), y, 0.2, seed)
        if 2 not in y[rows]:
            break
    result = pseudo_label(BUILD, X[:11], y, X[12:], validation=0.2, seed=seed, **options)
    assert result.model.output_shape == (None, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"threshold": 0}, ValueError, "threshold"),
        ({"threshold": 95}, ValueError, "Did you mean 0.95"),
        ({"x_unlabeled": X[:, :1]}, ValueError, "x_unlabeled"),
        ({"y": Y[:12] + 0.5}, ValueError, "integer class"),
        ({"y": np.eye(3)[Y[:12]]}, ValueError, r"y\.argmax\(-1\)"),
        ({"y": Y[:12] - 1}, ValueError, r"-1, 4 times below 0\. .*into x_unlabeled"),
        ({"y": np.ones(12, int)}, ValueError, "class 1 alone"),
        ({"y": list("abc") * 4}, ValueError, "y must hold integers for this build"),
        ({"y": ["a", None, "b"] * 4, "build": named}, ValueError, "none in row 1"),
        ({"validation": (X[200:], Y[200:] + 1)}, ValueError, "validation y must .* 0 to 2"),
        ({"validation": (X[200:], np.eye(3)[Y[200:]])}, ValueError, "validation y.argmax"),
        ({"build": partial(BUILD, task="binary")}, ValueError, "3 classes. Received: 1 output"),
        ({"build": partial(BUILD, task="multilabel")}, ValueError, "task='multilabel'"),
        ({"build": partial(BUILD, task="regression")}, ValueError, "task='regression'"),
        ({"build": partial(build_stacked_autoencoder, units=(4,))}, ValueError, "shares of the"),
        ({"y": Y[:11]}, ValueError, "same number of rows"),
        ({"method": "fixmach"}, ValueError, "Did you mean 'fixmatch'"),
        ({"rounds": 0}, ValueError, "rounds"),
        ({"strong": 3}, TypeError, "strong"),
        ({"validation": 2.0}, ValueError, "validation"),
        ({"build": build_mlp((2,), 3)}, TypeError, "build"),
        (
            {
                "method": "soft",
                "build": partial(with_loss, loss="sparse_categorical_crossentropy"),
            },
            ValueError,
            "loss that takes rows of shares",
        ),
        (
            {"build": partial(with_loss, loss="categorical_crossentropy")},
            ValueError,
            "loss that takes integer labels",
        ),
    ],
)
def test_bad_input(arguments, error, message):
    given = {"build": BUILD, "x": X[:12], "y": Y[:12], "x_unlabeled": X[12:], **arguments}
    with pytest.raises(error, match=message) as caught:
        pseudo_label(**given)
    assert "Received" in str(caught.value)
