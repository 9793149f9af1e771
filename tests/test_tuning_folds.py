"""`search(folds=...)`: a trial is scored by the mean over folds, and goes on fold by fold."""

import keras
import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit

from tuning import Choice, Float, search

ROWS = 30
X = np.random.default_rng(0).normal(size=(ROWS, 2)).astype("float32")
Y = (X @ [1.0, -2.0]).astype("float32")
RATES = {"learning_rate": Choice(0.1, 0.05, 0.02, 0.01, 0.005, 0.0)}


def build_line(input_shape, outputs, *, learning_rate=0.1):
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
    model.compile(keras.optimizers.SGD(learning_rate), "mse")
    return model


def by_folds(build=build_line, x=X, y=Y, **arguments):
    settings = {"space": RATES, "folds": 3, "max_trials": 1, "epochs": 2, "seed": 0}
    return search(build, x, y, verbose=False, **{**settings, **arguments})


class Fits(keras.callbacks.Callback):
    """Counts trainings; interrupts one, as Ctrl-C would."""

    def __init__(self, interrupted=None):
        super().__init__()
        self.count = 0
        self.interrupted = interrupted

    def on_train_begin(self, logs=None):
        self.count += 1
        if self.count == self.interrupted:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def study():
    return by_folds(max_trials=2)


class TestScore:
    def test_is_the_mean_over_the_folds_and_their_spread_stands_beside_it(self, study):
        row = study.leaderboard().iloc[0]
        folds = study.tuner.oracle.trials[str(row["trial"] - 1)].metrics.metrics["fold"]
        scores = [step.mean() for step in folds.get_history()]
        assert len(set(scores)) == row["folds"] == 3
        assert row["score"] == study.best_score == pytest.approx(np.mean(scores))
        assert row["spread"] == pytest.approx(np.std(scores, ddof=1))

    def test_belongs_to_rows_that_were_held_out(self, study):
        """Each fold's weights, loaded, give the fold's score on its held-out rows only."""
        trial = study.tuner.best_trial()
        model = study.best_model()
        parts = [model.get_layer(f"fold_{i}") for i in range(3)]
        steps = trial.metrics.metrics["fold"].get_history()
        for part, (train, held), step in zip(parts, study.tuner.folds, steps, strict=True):
            error = (part.predict(X[held], verbose=0)[:, 0] - Y[held]) ** 2
            assert error.mean() == pytest.approx(step.mean(), rel=1e-4)
            assert not set(train) & set(held)
        predicted = np.mean([part.predict(X, verbose=0) for part in parts], axis=0)
        np.testing.assert_allclose(model.predict(X, verbose=0), predicted, rtol=1e-5)
        assert np.isfinite(model.evaluate(X, Y, verbose=0))
        assert study.plot_curves().get_xlabel() == "fold"


def test_a_trial_that_is_worse_behind_a_fold_gets_no_more():
    rates = [{"learning_rate": rate} for rate in (0.05, 0.02, 0.01, 0.005, 0.0)]
    table = by_folds(max_trials=6, start_from=rates).leaderboard()
    still = table[table["learning_rate"] == 0.0].iloc[0]
    assert (still["status"], still["folds"]) == ("pruned", 1)
    assert table.iloc[0]["folds"] == 3


def test_an_interrupted_trial_goes_on_behind_its_last_fold(tmp_path):
    whole, first, second = Fits(), Fits(interrupted=3), Fits()
    expected = by_folds(callbacks=[whole]).best_score
    with pytest.raises(KeyboardInterrupt):
        by_folds(callbacks=[first], directory=tmp_path)
    study = by_folds(callbacks=[second], directory=tmp_path)
    assert (whole.count, second.count) == (3, 1)
    assert study.best_score == pytest.approx(expected, rel=1e-5)
    assert study.leaderboard()["folds"].tolist() == [3]


def test_a_fold_whose_weights_were_cut_short_trains_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        by_folds(callbacks=[Fits(interrupted=3)], directory=tmp_path)
    path = tmp_path / "trials" / "trial_0" / "fold_0.weights.h5"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = Fits()
    study = by_folds(callbacks=[again], directory=tmp_path)
    assert again.count == 2
    assert study.best_model().predict(X, verbose=0).shape == (ROWS, 1)


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ({"folds": TimeSeriesSplit(2)}, [10, 10]),
        ({"folds": [(range(20), range(20, 30))]}, [10]),
        ({"folds": 2, "groups": [0] * 20 + [1] * 10}, [10, 20]),
        ({"folds": np.int64(3)}, [10, 10, 10]),
    ],
    ids=["time", "own", "groups", "NumPy"],
)
def test_kinds_of_folds(given, sizes):
    study = by_folds(epochs=1, **given)
    assert sorted(len(held) for _, held in study.tuner.folds) == sizes
    assert study.best_model().predict(X, verbose=0).shape == (ROWS, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"validation": 0.2}, "validation must be None where folds are given"),
        ({"folds": None, "groups": [1] * ROWS}, "groups needs folds"),
        ({"folds": 1}, "folds must be"),
        ({"engine": "keras-random"}, "folds needs one of Optuna's engines"),
        ({"groups": [1] * ROWS}, "groups must hold at least as many groups"),
        ({"space": {"learning_rate": Float(0.1, 0.2)}, "groups": [1, 2]}, "groups"),
    ],
)
def test_bad_input(given, message):
    with pytest.raises(ValueError, match=message):
        by_folds(**given)


@pytest.mark.parametrize(
    ("folds", "error", "message"),
    [
        ([1, 2], TypeError, r"folds must be an int, a scikit-learn splitter.*folds=\[1, 2\]"),
        (["ab", "cd"], TypeError, "folds must be an int"),
        ("time", TypeError, "folds must be an int.*TimeSeriesSplit"),
        (3.0, TypeError, "folds must be an int"),
        (True, TypeError, "folds must be an int"),
        (StratifiedKFold, TypeError, r"the class StratifiedKFold\. Did you mean StratifiedKFold\("),
        (GroupKFold(2), ValueError, r"folds must be able to divide.*Give groups=\.\.\."),
        (TimeSeriesSplit(ROWS), ValueError, "folds must be able to divide the rows"),
        ([(range(20), range(10, 30))], ValueError, "folds must hold out rows that do not train"),
    ],
    ids=str,
)
def test_folds_that_are_none(folds, error, message):
    with pytest.raises(error, match=message):
        by_folds(folds=folds)


def test_a_rare_class_is_answered_with_what_search_has():
    rare = (np.arange(ROWS) == 0).astype(int)
    with pytest.raises(ValueError, match=r"1 of class 1.*Did you mean folds=KFold\(3, shuffle"):
        by_folds(y=rare)


def test_the_tenth_fold_comes_behind_the_ninth():
    study = by_folds(folds=11, epochs=1)
    parts = study.best_model()
    steps = study.tuner.best_trial().metrics.metrics["fold"].get_history()
    for i, ((_, held), step) in enumerate(zip(study.tuner.folds, steps, strict=True)):
        kernel, bias = parts.get_layer(f"fold_{i}").get_weights()
        error = (X[held] @ kernel + bias)[:, 0] - Y[held]
        assert np.square(error).mean() == pytest.approx(step.mean(), rel=1e-4)
