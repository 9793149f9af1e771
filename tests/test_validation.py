"""`cross_validate`: every row predicted unseen, folds that do not leak, runs that go on."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import recipes
from recipes import _checks, _targets
from recipes._folds import hold_out, watched
from recipes._refit import Refit, copy_state

ROWS = 60
_random = np.random.default_rng(0)
X = _random.normal(size=(ROWS, 4)).astype("float32")
Y = np.arange(ROWS) % 3
X[:, 0] += Y
SMALL = functools.partial(recipes.build_mlp, units=(4,))
ONE_STEP = {"epochs": 1, "batch_size": ROWS}
LONGER = {"epochs": 2, "batch_size": 16}


def quick(input_shape, outputs, task="multiclass", loss=None, class_counts=None, seed=None):
    """One layer and nothing to compile, for what does not hang on how a network learns."""
    options = {"task": task, "loss": loss, "class_counts": class_counts, "seed": seed}
    plain = {"units": (), "batch_norm": False, "optimizer": "sgd", "learning_rate": 0.5}
    return eager(recipes.build_mlp(input_shape, outputs, **plain, **options))


def eager(model):
    model.run_eagerly = True
    return model


def outputs_of(model, x=X):
    """What `predict` returns, without compiling it."""
    return keras.ops.convert_to_numpy(model(x, training=False))


class RowNumbers(keras.layers.Layer):
    """Predicts what its training rows were told: nothing is learned, rows can be followed."""

    def call(self, x):
        return x[:, :1]


def follower():
    """A model whose prediction is the first column of x: the row's own number."""
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(inputs)
    model = keras.Model(inputs, RowNumbers()(inputs) + 0 * outputs)
    model.compile("sgd", "mse")
    return eager(model)


def validate(build=quick, x=X, y=Y, **arguments):
    return recipes.cross_validate(
        build, x, y, **{"folds": 3, "seed": 0, "fit": ONE_STEP, **arguments}
    )


@pytest.fixture(scope="module")
def result():
    return validate(SMALL, x_test=X[:7], keep_models=True, fit=LONGER)


class TestNumbers:
    def test_targets_are_learnt_as_transformed_and_predicted_in_their_own_units(self):
        x = np.random.default_rng(0).normal(size=(60, 2))
        y = 5000 + 2000 * x[:, 0]
        build = functools.partial(
            recipes.build_mlp, units=(), task="regression", learning_rate=0.05, batch_norm=False
        )
        options = {"validation": "fold", "fit": {"epochs": 30, "batch_size": 8}, "x_test": x[:5]}
        result = validate(build, x, y, preprocess_y=StandardScaler(), **options)
        assert result.overall["rmse"] < 200
        np.testing.assert_allclose(result.test_predictions[:, 0], y[:5], atol=500)
        assert result.histories[0]["val_loss"][-1] < 0.1  # in units of their spread

    def test_it_warns_of_numbers_that_are_slow_to_learn(self):
        build = functools.partial(quick, task="regression")
        for y in (X[:, :1] + 5000, X[:, :1] / 5000):
            with pytest.warns(UserWarning, match=r"y has means.*preprocess_y=StandardScaler\(\)"):
                validate(build, y=y, folds=2)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"preprocess_y": StandardScaler}, TypeError, "preprocess_y must be a transformer"),
            ({"preprocess_y": StandardScaler(), "y": Y}, ValueError, "y must hold one array of"),
            ({"resample": "over"}, ValueError, "resample must be None where y holds numbers"),
        ],
    )
    def test_bad_input(self, arguments, error, message):
        y = 2 * np.arange(ROWS) + 1
        task = "multiclass" if "y" in arguments else "regression"
        with pytest.raises(error, match=message):
            validate(functools.partial(quick, task=task), **{"y": y, **arguments})


class TestLabels:
    def test_a_class_at_every_step(self):
        x = np.random.default_rng(0).normal(size=(24, 6, 2)).astype("float32")
        build = functools.partial(recipes.build_rnn, pattern="many_to_many", units=(2,))
        for y in ((x[..., 0] > 0).astype(int), (x[..., :1] > 0) + (x[..., 1:] > 0).astype(int)):
            result = validate(build, x, y, folds=2)
            assert result.predictions.shape == (24, 6, y.max() + 1)
            assert list(result.scores) == ["accuracy", "log_loss"]
            assert result.holds == "classes"
        assert _targets.counts(y, _checks.STEPS, 3) == tuple(np.bincount(y.ravel()))

    @pytest.mark.parametrize(
        ("labels", "said"), [((1, 2, 3), "from 1 to 3.*4 outputs"), ((0, 1, 9), "10 outputs")]
    )
    def test_it_warns_of_classes_numbered_with_holes(self, labels, said):
        with pytest.warns(UserWarning, match=f"y holds 3 classes numbered.*{said}"):
            validate(y=np.array(labels)[Y], folds=2)

    def test_numbers_that_pandas_keeps_as_objects(self):
        column = pd.Series([*(Y % 2 > 0), None]).dropna()
        assert column.dtype == object
        result = validate(y=column)
        np.testing.assert_allclose(result.predictions, validate(y=Y % 2).predictions, rtol=1e-5)

    def test_a_misspelt_argument_of_a_partial(self):
        with pytest.raises(ValueError, match=r"build must be bound.*build_mlp with unit.*'units'"):
            validate(functools.partial(recipes.build_mlp, unit=(4,)))

    def test_a_builder_is_told_the_shapes_of_a_dict(self):
        def build(input_shape, outputs):
            inputs = {name: keras.Input(shape, name=name) for name, shape in input_shape.items()}
            joined = keras.layers.Concatenate()(list(inputs.values()))
            model = keras.Model(inputs, keras.layers.Dense(outputs, "softmax")(joined))
            model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
            return model

        assert validate(build, {"a": X, "b": X[:, :2]}).predictions.shape == (ROWS, 3)


def test_targets_may_be_a_tensor(result):
    of_tensor = validate(SMALL, y=keras.ops.convert_to_tensor(Y), x_test=X[:7], fit=LONGER)
    np.testing.assert_allclose(of_tensor.predictions, result.predictions, rtol=1e-5)


class TestNames:
    NAMES = np.array(["setosa", "virginica", "iris of another kind"])[Y]

    @pytest.mark.parametrize("form", ["array", "list", "column", "categories"])
    def test_they_are_numbered_and_come_back_in_the_submission(self, form, tmp_path):
        forms = {"column": pd.Series, "categories": pd.Categorical, "list": list}
        y = forms.get(form, np.asarray)(self.NAMES)
        result = validate(y=pd.Series(y) if form == "categories" else y, x_test=X[:9])
        names = ("iris of another kind", "setosa", "virginica")
        assert result.class_names == names
        numbered = validate(y=np.array([1, 2, 0])[Y], x_test=X[:9])
        np.testing.assert_allclose(result.predictions, numbered.predictions, rtol=1e-5)
        table = result.to_submission(tmp_path / "s.csv", range(9))
        assert table["target"].tolist() == [names[i] for i in result.test_predictions.argmax(-1)]
        weights = {"class_weight": dict(zip(names, (1, 2, 3), strict=True)), **ONE_STEP}
        weighted = validate(y=self.NAMES, fit=weights)
        told = validate(y=self.NAMES, fit={**weights, "class_weight": {0: 1, 1: 2, 2: 3}})
        np.testing.assert_allclose(weighted.predictions, told.predictions)
        table = result.to_submission(tmp_path / "s.csv", range(9), names=("x", "y", "z"))
        assert set(table["target"]) <= {"x", "y", "z"}

    @pytest.mark.parametrize("own", [None, ("virginica", "setosa", "iris of another kind")])
    def test_a_builder_with_class_names_is_told_them_or_orders_them(self, own):
        made = []

        def build(input_shape, outputs, class_names=own):
            made.append(class_names)
            return quick(input_shape, outputs)

        result = validate(build, y=self.NAMES)
        assert set(made) == {own or tuple(np.unique(self.NAMES).tolist())} == {result.class_names}
        assert result.overall["accuracy"] == pytest.approx(
            np.mean(np.array(result.class_names)[result.predictions.argmax(-1)] == self.NAMES)
        )

    @pytest.mark.parametrize(
        ("y", "task", "error", "message"),
        [
            ([*NAMES[:-1], None], "multiclass", ValueError, "y must hold a label in every row"),
            ([None, *NAMES[1:]], "multiclass", ValueError, "none in row 0, of 1 such rows"),
            (NAMES[:0], "multiclass", ValueError, "y must hold at least one row"),
            (NAMES, "regression", TypeError, "y must be numeric.*with pandas.factorize"),
            (NAMES, "binary", ValueError, "y must hold labels from 0 to 1"),
        ],
        ids=["gap", "first", "empty", "regression", "binary"],
    )
    def test_bad_input(self, y, task, error, message):
        with pytest.raises(error, match=message):
            validate(functools.partial(quick, task=task), y=y)


class TestSeveralInputs:
    def test_a_list_is_as_good_as_a_tuple_and_another_form_is_refused(self):
        def two(seed=None):
            inputs = [keras.Input((4,)), keras.Input((4,))]
            model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(sum(inputs)))
            model.compile("sgd", "sparse_categorical_crossentropy")
            return eager(model)

        result = validate(two, x=[X, X], x_test=(X[:5], X[:5]))
        assert result.test_predictions.shape == (5, 3)
        for x_test in ({"a": X, "b": X}, [X], X):
            with pytest.raises(ValueError, match="x_test must have the inputs of x"):
                validate(two, x=[X, X], x_test=x_test)


class TestPandasRows:
    def test_the_same_rows_in_another_order_are_refused(self):
        x, y = pd.DataFrame(X), pd.Series(Y)
        shuffled = y.sample(frac=1, random_state=0)
        with pytest.raises(ValueError, match=r"order of x.*Did you mean y\.loc\[x\.index\]\?"):
            validate(x=x, y=shuffled)
        with pytest.raises(ValueError, match=r"groups\.loc"):
            validate(x=x, y=y, groups=shuffled)
        validate(x=x, y=shuffled.loc[x.index])
        validate(x=x, y=shuffled.reset_index(drop=True))


class TestResult:
    def test_predictions_are_those_of_the_models_that_did_not_see_the_row(self, result):
        assert result.predictions.shape == (ROWS, 3)
        np.testing.assert_allclose(result.predictions.sum(1), 1, rtol=1e-5)
        by_model = [outputs_of(model) for model in result.models]
        owners = [
            [np.allclose(made[row], result.predictions[row], atol=1e-6) for made in by_model]
            for row in range(ROWS)
        ]
        assert np.sum(owners, axis=0).tolist() == [20, 20, 20]
        tests = recipes.average([made[:7] for made in by_model])
        np.testing.assert_allclose(result.test_predictions, tests, atol=1e-6)

    def test_models_are_apart_and_compiled(self, result):
        first, second = (model.get_weights()[2] for model in result.models[:2])
        assert not np.allclose(first, second)
        assert np.isfinite(result.models[0].evaluate(X, Y, verbose=0)).all()

    def test_scores_are_those_of_the_predictions(self, result):
        right = result.predictions.argmax(1) == Y
        assert result.overall["accuracy"] == pytest.approx(right.mean())
        assert np.mean(result.scores["accuracy"]) == pytest.approx(right.mean())
        assert set(result.scores) == {"accuracy", "log_loss"}

    def test_report_plot_and_repr(self, result):
        report = result.report()
        assert report.loc["mean", "accuracy"] == pytest.approx(np.mean(result.scores["accuracy"]))
        assert report.loc["std", "log_loss"] == pytest.approx(
            np.std(result.scores["log_loss"], ddof=1)
        )
        assert "3 folds" in repr(result)
        assert "accuracy" in result.plot().get_title()
        assert set(result.histories[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}

    def test_submission(self, result, tmp_path):
        path = tmp_path / "submission.csv"
        result.to_submission(path, range(7), columns=("ImageId", "Label"))
        written = pd.read_csv(path)
        assert list(written) == ["ImageId", "Label"]
        assert written["Label"].tolist() == result.test_predictions.argmax(1).tolist()
        columns = ("id", "a", "b", "c")
        table = result.to_submission(path, range(7), kind="probability", columns=columns)
        np.testing.assert_allclose(table[["a", "b", "c"]], result.test_predictions)
        with pytest.raises(ValueError, match="columns must name the id and 3"):
            result.to_submission(path, range(7), kind="probability")
        with pytest.raises(ValueError, match="same number of rows"):
            result.to_submission(path, range(6))
        named = result.to_submission(path, range(7), names=["a", "b", "c"])["target"]
        assert named.tolist() == ["abc"[i] for i in result.test_predictions.argmax(1)]
        for arguments, message in (
            ({"names": ["a", "b"]}, "names must name 3 classes"),
            ({"names": list("abc"), "kind": "probability"}, "names must be None"),
            ({"threshold": 0.3}, "threshold must be left out for 3 classes"),
        ):
            with pytest.raises(ValueError, match=message):
                result.to_submission(path, range(7), **arguments)

    def test_a_submission_of_labels_has_a_column_each(self, tmp_path):
        labels = np.stack([Y == 0, np.arange(ROWS) < 40], axis=1)
        result = validate(functools.partial(quick, task="multilabel"), y=labels, x_test=X)
        said = {"columns": ("id", "a", "b"), "path": tmp_path / "labels.csv", "ids": range(ROWS)}
        table = result.to_submission(**said, threshold=0.4)
        assert (table[["a", "b"]] == (result.test_predictions >= 0.4)).all(axis=None)
        named = result.to_submission(**said, names=("no", "yes"))["b"]
        assert ((named == "yes") == (result.test_predictions[:, 1] >= 0.5)).all()
        with pytest.raises(ValueError, match="columns must name the id and 2"):
            result.to_submission(tmp_path / "labels.csv", range(ROWS))

    @pytest.mark.parametrize("task", ["binary", "multiclass"])
    def test_a_submission_of_two_classes_goes_by_the_threshold(self, tmp_path, task):
        result = validate(functools.partial(quick, task=task), y=Y % 2, x_test=X)
        p = result.test_predictions[:, -1]
        cut = float(np.quantile(p, 0.9))
        table = result.to_submission(
            tmp_path / "yes.csv", range(ROWS), threshold=cut, names=(False, True)
        )
        assert table["target"].tolist() == (p >= cut).tolist()

    def test_averaged_ranks_are_no_labels(self, tmp_path):
        build = functools.partial(quick, task="binary")
        result = validate(build, y=Y % 2, x_test=X[:9], average="rank")
        table = result.to_submission(tmp_path / "ranks.csv", range(9), kind="probability")
        assert table["target"].max() <= 1
        with pytest.raises(ValueError, match=r"kind must be 'probability'.*average='mean'"):
            result.to_submission(tmp_path / "ranks.csv", range(9))

    def test_the_seed_fixes_all(self, result):
        again = validate(SMALL, fit=LONGER)
        np.testing.assert_allclose(again.predictions, result.predictions, rtol=1e-4, atol=1e-6)
        one, other = (validate(seed=seed).predictions for seed in (0, 1))
        assert not np.allclose(one, other, atol=1e-3)


class TestRefit:
    def test_a_reused_model_trains_as_a_new_one(self):
        """Weights, momenta, batch statistics and dropout: all as in a model built for the fold."""
        losses = {}
        for how in ("reused", "new"):
            refit = Refit(functools.partial(recipes.build_mlp, units=(8,), dropout=0.5))
            if how == "reused":
                model, _ = refit.fresh(X, Y, 1)
                model.fit(X, Y, epochs=2, verbose=0)
            model, twin = refit.fresh(X, Y, 2)
            assert (twin is not None) == (how == "reused")
            losses[how] = model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"]
        np.testing.assert_allclose(losses["reused"], losses["new"], rtol=1e-5)

    def test_dropout_differs_between_folds(self):
        refit = Refit(functools.partial(recipes.build_mlp, dropout=0.5))
        states = []
        for seed in (1, 2):
            model, _ = refit.fresh(X, Y, seed)
            states.append([np.array(v.value).tolist() for v in model.variables if "seed" in v.path])
        assert states[0]
        assert states[0] != states[1]

    def test_a_builder_that_makes_another_model_is_not_forced_into_the_first(self):
        rates = iter([0.1, 0.1, 0.4])
        refit = Refit(lambda: recipes.build_mlp((4,), 3, units=(4,), dropout=next(rates)))
        models = [refit.fresh(X, Y, seed)[0] for seed in range(3)]
        assert models[0] is models[1]
        assert models[2] is not models[1]

    @pytest.mark.parametrize("built", [False, True])
    def test_a_model_of_ones_own_class_trains_in_every_fold(self, built):
        """Keras takes it for built by a shape alone, when it has no variables yet."""

        class Own(keras.Model):
            def __init__(self):
                super().__init__()
                self.head = keras.layers.Dense(3, "softmax")

            def build(self, input_shape):
                self.built = True

            def call(self, x):
                return self.head(x)

        def build():
            model = Own()
            if built:
                model.build((None, 4))
            model.compile("sgd", "sparse_categorical_crossentropy")
            return model

        result = validate(build, keep_models=True)
        assert result.failures == {}
        assert len(result.models) == 3

    def test_the_learning_rate_comes_back(self):
        refit = Refit(functools.partial(SMALL, learning_rate=0.01))
        model, _ = refit.fresh(X, Y, 0)
        model.optimizer.learning_rate = 1.0
        model, twin = refit.fresh(X, Y, 1)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
        copy_state(twin, model)


class TestFolds:
    def test_no_row_trains_where_it_is_held_out(self):
        numbers = np.arange(12.0).reshape(12, 1) * np.ones((1, 2))
        trained = []

        def prepare(x, y):
            trained.append(set(x[:, 0].astype(int)))
            return x, y

        result = validate(follower, numbers, numbers[:, :1], prepare=prepare, fit={}, folds=4)
        np.testing.assert_allclose(result.predictions[:, 0], np.arange(12))
        assert [len(rows) for rows in trained] == [9] * 4
        assert sorted(row for rows in trained for row in set(range(12)) - rows) == list(range(12))

    def test_classes_keep_their_shares(self):
        y = np.array([0] * 50 + [1] * 10)
        result = validate(y=y, folds=5, metrics=lambda y, p: float(y.mean()))
        assert list(result.scores.values()) == [[pytest.approx(1 / 6)] * 5]

    def test_groups_stay_together(self):
        groups = np.arange(ROWS) // 6
        counted = validate(groups=groups, metrics=lambda y, p: len(y), stratify=False, folds=5)
        assert sum(next(iter(counted.scores.values()))) == ROWS
        with pytest.raises(ValueError, match="keep every group in one part"):
            validate(groups=groups, split=ShuffleSplit(2, test_size=0.3, random_state=0))
        validate(groups=groups, split=GroupKFold(2))

    def test_time_trains_on_the_past_only(self):
        result = validate(split="time", folds=3)
        unseen = np.isnan(result.predictions[:, 0])
        assert unseen[:15].all()
        assert not unseen[15:].any()
        assert np.isfinite(list(result.overall.values())).all()

    def test_repeats_average_over_seeds(self):
        result = validate(y=Y.tolist(), repeats=2)
        assert result.names[-1] == "repeat 1, fold 2"
        assert len(result.scores["accuracy"]) == 6
        assert np.isfinite(result.predictions).all()

    def test_seeds_share_the_folds_and_differ_in_the_models(self):
        result = validate(seeds=2, x_test=X[:3], keep_models=True)
        assert result.names[:2] == ("fold 0, seed 0", "fold 0, seed 1")
        predicted = [outputs_of(model) for model in result.models]
        assert not np.allclose(predicted[0], predicted[1], atol=1e-3)
        held = np.isclose(np.mean(predicted[:2], axis=0), result.predictions, atol=1e-5).all(1)
        assert held.sum() == ROWS / 3
        np.testing.assert_allclose(
            result.test_predictions, np.mean(predicted, axis=0)[:3], atol=1e-5
        )

    def test_a_share_held_out_keeps_the_classes_where_it_can(self):
        y = np.array([0] * 30 + [1] * 10)
        train, held = hold_out(40, y, 0.2, seed=1)
        assert sorted([*train, *held]) == list(range(40))
        assert (np.diff(train) > 0).all()
        assert np.bincount(y[held]).tolist() == [6, 2]
        assert hold_out(40, y, 0.2, seed=None)[1].tolist() == hold_out(40, y, 0.2, 0)[1].tolist()
        for strata in (None, np.arange(40), np.arange(40) // 2):
            assert [len(part) for part in hold_out(40, strata, 0.1, seed=0)] == [36, 4]
        assert [len(part) for part in hold_out(2, None, 0.01, seed=0)] == [1, 1]

    def test_a_share_that_validates_is_cut_as_the_folds_are(self):
        rows, groups = np.arange(20, 60), np.arange(ROWS) // 6

        def parts(**how):
            how = {"groups": None, "split": "kfold", "strata": Y, "share": 0.25, **how}
            return watched(rows, np.arange(20), 0, **how).values()

        for train, shown in (parts(), parts(groups=groups), parts(split="time")):
            assert sorted([*train, *shown]) == rows.tolist()
        train, shown = parts(groups=groups)
        assert not set(groups[train]) & set(groups[shown])
        for late in ("time", TimeSeriesSplit(2)):
            train, shown = parts(split=late)
            assert shown.tolist() == list(range(50, 60))
        assert np.isfinite(validate(groups=groups, validation=0.3).predictions).all()

    def test_a_class_that_only_one_fold_has_is_a_class_of_all(self):
        groups = np.repeat(np.arange(6), 10)
        y = np.where(groups == 3, 2, np.arange(ROWS) % 2)
        result = validate(quick, y=y, groups=groups, stratify=False)
        assert result.predictions.shape == (ROWS, 3)
        assert not result.failures
        counted = functools.partial(quick, loss="weighted")
        assert not validate(counted, y=y, groups=groups, stratify=False).failures
        late = np.sort(y)
        assert validate(quick, y=late, split="time").predictions.shape == (ROWS, 3)

    def test_own_folds_as_a_list(self):
        half = np.arange(30), np.arange(30, 60)
        result = validate(split=[half, half[::-1]])
        assert np.isfinite(result.predictions).all()
        first = np.arange(ROWS) < 30
        masks = validate(split=[(first, ~first), (~first, first)])
        np.testing.assert_array_equal(masks.predictions, result.predictions)


class TestFitting:
    def test_preprocessing_sees_training_rows_only(self):
        seen = []

        class Spy(TransformerMixin, BaseEstimator):
            def fit(self, x, y=None):
                seen.append(len(x))
                self.scaler_ = StandardScaler().fit(x)
                return self

            def transform(self, x):
                return self.scaler_.transform(x)

        result = validate(preprocess=Spy(), x_test=X[:3] * 1e3)
        assert seen == [40] * 3
        assert result.test_predictions.shape == (3, 3)

    @pytest.mark.parametrize(
        ("build", "shape", "resample"),
        [
            (functools.partial(recipes.build_mlp, units=(16,)), (5,), None),
            (functools.partial(recipes.build_rnn, cell="rnn", units=(8,)), (4, 2), "smote"),
            (functools.partial(recipes.build_cnn, filters=(8,)), (6, 6, 1), None),
        ],
        ids=["table", "sequence", "images"],
    )
    def test_mixup_class_weights_smoothing_and_folds_in_one_run(self, build, shape, resample):
        """Rare classes are found in rows that no model saw, with every remedy at once."""
        y = np.array([0] * 36 + [1] * 18 + [2] * 6)
        random = np.random.default_rng(0)
        x = random.normal(size=(3, *shape))[y] * 2 + random.normal(size=(ROWS, *shape))
        sizes = []

        def mixup(x, y):
            sizes.append(np.bincount(y).tolist())
            return recipes.mix(x, y, outputs=3, seed=len(sizes))

        result = validate(
            functools.partial(build, label_smoothing=0.1, learning_rate=0.02),
            x,
            y,
            resample=resample,
            prepare=mixup,
            fit={"epochs": 15, "batch_size": 8, "class_weight": "balanced"},
            validation=None,
        )
        assert sizes == [[24, 24, 24] if resample else [24, 12, 4]] * 3
        recall = [(result.predictions[y == c].argmax(1) == c).mean() for c in range(3)]
        assert min(recall) > 0.6, recall

    def test_class_weights_by_scheme_are_what_fit_makes_of_a_dict(self):
        y = np.array([0] * 36 + [1] * 18 + [2] * 6)
        weights = recipes.class_weights(np.array([0] * 24 + [1] * 12 + [2] * 4))
        by_name, by_dict = (
            validate(y=y, fit={**ONE_STEP, "class_weight": weight})
            for weight in ("balanced", weights)
        )
        np.testing.assert_allclose(by_name.predictions, by_dict.predictions, rtol=1e-4, atol=1e-6)
        plain = validate(y=y)
        assert not np.allclose(by_name.predictions, plain.predictions, atol=1e-3)

    def test_class_weights_of_several_labels(self):
        labels = np.stack([Y == 0, np.arange(ROWS) < 15], axis=1).astype(int)
        build = functools.partial(quick, task="multilabel")
        fit = {**ONE_STEP, "class_weight": "balanced"}
        weighted, plain = (validate(build, y=labels, fit=f) for f in (fit, ONE_STEP))
        assert set(weighted.scores) == {"accuracy", "log_loss"}
        assert not np.allclose(weighted.predictions, plain.predictions, atol=1e-4)
        with pytest.raises(ValueError, match="class_weight must be a scheme"):
            validate(build, y=labels, fit={"class_weight": {0: 1.0, 1: 1.0}})

    def test_a_dataset_from_prepare(self):
        balanced = functools.partial(recipes.BalancedBatches, batch_size=9, seed=0)
        result = validate(prepare=balanced, y=np.array([0] * 36 + [1] * 18 + [2] * 6))
        assert np.isfinite(result.predictions).all()

    def test_a_loss_that_counts_classes_is_told_them(self):
        told = []

        def build(input_shape, outputs, loss="logit_adjusted", class_counts=None):
            told.append(class_counts)
            return quick(input_shape, outputs, loss=loss, class_counts=class_counts)

        validate(build, y=np.array([0] * 40 + [1] * 12 + [2] * 8), folds=2)
        assert told == [(20, 6, 4)] * 2

    def test_a_share_of_the_training_rows_for_validation(self):
        sizes = []
        result = validate(validation=0.25, prepare=lambda x, y: sizes.append(len(x)) or (x, y))
        assert sizes == [30] * 3
        assert "val_loss" in result.histories[0]
        assert "val_loss" not in validate(validation=None).histories[0]

    def test_callbacks_of_each_fold(self):
        made = []

        def callbacks():
            made.append(keras.callbacks.EarlyStopping("loss", patience=0, min_delta=100))
            return made[-1:]

        result = validate(fit={"epochs": 5, "callbacks": callbacks})
        assert len(made) == 3
        assert [len(history["loss"]) for history in result.histories] == [2, 2, 2]

    def test_prediction_by_augmentation(self):
        predict = functools.partial(
            recipes.predict_with_augmentation,
            augmentation=keras.layers.GaussianNoise(0.1, seed=0),
            n=2,
        )
        result = validate(predict=predict)
        assert result.predictions.shape == (ROWS, 3)


class TestForms:
    def test_dicts_in_and_several_outputs(self):
        def two_headed():
            inputs = {"a": keras.Input((4,), name="a"), "b": keras.Input((2,), name="b")}
            joined = keras.layers.Concatenate()([inputs["a"], inputs["b"]])
            outputs = {
                "kind": keras.layers.Dense(3, "softmax", name="kind")(joined),
                "size": keras.layers.Dense(1, name="size")(joined),
            }
            model = keras.Model(inputs, outputs)
            model.compile("adam", loss={"kind": "sparse_categorical_crossentropy", "size": "mse"})
            return eager(model)

        x = {"a": X, "b": X[:, :2]}
        y = {"kind": Y, "size": X[:, :1]}
        test = {"a": X[:5], "b": X[:5, :2]}
        result = validate(two_headed, x, y, x_test=test)
        assert result.predictions["kind"].shape == (ROWS, 3)
        assert result.test_predictions["size"].shape == (5, 1)
        assert set(result.scores) == {"kind_accuracy", "kind_log_loss", "size_rmse", "size_mae"}

    def test_a_list_of_outputs_goes_by_their_names(self):
        """Keras trains so; in the order of the keys `age` would be scored with `cls`."""
        y = {"cls": Y % 2, "age": 100 + X[:, 0]}
        metrics = {"cls": "accuracy", "age": ("rmse", "mae")}
        result = validate(class_and_age, y=y, metrics=metrics)
        cls, age = result.predictions
        assert set(result.overall) == {"cls_accuracy", "age_rmse", "age_mae"}
        assert result.overall["cls_accuracy"] == recipes.score(y["cls"], cls)
        assert result.overall["age_rmse"] == pytest.approx(recipes.score(y["age"], age, "rmse"))
        chosen = {"cls_accuracy", "cls_log_loss", "age_rmse", "age_mae"}
        assert set(validate(class_and_age, y=y, metrics={"cls": None}).scores) == chosen

    def test_images_sequences_and_regression(self):
        images = np.repeat(X, 16, axis=1).reshape(ROWS, 8, 8, 1)

        def cnn(input_shape, outputs):
            return eager(recipes.build_cnn(input_shape, outputs, filters=(2,)))

        assert validate(cnn, images).predictions.shape == (ROWS, 3)

        def steps():
            model = keras.Sequential(
                [keras.Input((4, 1)), keras.layers.Dense(3, activation="softmax")]
            )
            model.compile("adam", "sparse_categorical_crossentropy")
            return eager(model)

        labels = (np.arange(ROWS * 4) % 3).reshape(ROWS, 4)
        result = validate(steps, X[..., None], labels)
        assert result.predictions.shape == (ROWS, 4, 3)
        assert "accuracy" in result.scores
        assert result.holds == "classes"
        numbers = functools.partial(quick, task="regression")
        assert set(validate(numbers, y=X[:, :1]).scores) == {"rmse", "mae"}

    @pytest.mark.parametrize(
        "build",
        [
            functools.partial(quick, (4,), 3),
            functools.partial(quick, outputs=3),
            lambda: quick((4,), 3),
            lambda shape: quick(shape, 3),
        ],
        ids=["bound", "told", "nothing", "shape"],
    )
    def test_builders(self, build):
        assert validate(build).predictions.shape == (ROWS, 3)

    def test_data_frames(self):
        frame = pd.DataFrame(X, columns=list("abcd"))
        result = validate(x=frame, y=pd.Series(Y), preprocess=StandardScaler(), x_test=frame[:4])
        assert result.test_predictions.shape == (4, 3)

    @pytest.mark.parametrize("preprocess", [None, StandardScaler()])
    def test_columns_of_the_test_rows_are_taken_by_name(self, preprocess):
        frame = pd.DataFrame(X, columns=list("abcd"))
        new = frame.assign(id=7.0)[["id", "d", "c", "b", "a"]]
        by_name, plain = (
            validate(x=frame, x_test=test, preprocess=preprocess).test_predictions
            for test in (new, frame)
        )
        np.testing.assert_array_equal(by_name, plain)
        with pytest.raises(ValueError, match=r"x_test must have the columns of x.*\['a'\]"):
            validate(x=frame, x_test=new.drop(columns="a"), preprocess=preprocess)

    def test_what_a_transformer_makes_sparse(self):
        codes = pd.DataFrame({"a": np.arange(ROWS) % 2, "b": Y})
        sparse, full = (
            validate(x=codes, preprocess=OneHotEncoder(sparse_output=how)) for how in (True, False)
        )
        np.testing.assert_array_equal(sparse.predictions, full.predictions)

    def test_numbers_of_several_kinds_in_a_frame(self):
        frame = pd.DataFrame(X, columns=list("abcd")).assign(b=X[:, 1] > 0)
        frame["c"] = frame["c"].astype("Float32")
        by_frame, plain = (validate(x=x) for x in (frame, frame.to_numpy("float32").tolist()))
        np.testing.assert_allclose(by_frame.predictions, plain.predictions, rtol=1e-5)

    def test_labels_that_happen_to_be_one_a_row_in_a_fold(self):
        y = np.eye(3, dtype=int)[Y]
        y[0] = 1
        build = functools.partial(quick, task="multilabel")
        result = validate(build, y=y, metrics=("accuracy", "log_loss"))
        each = (result.predictions >= 0.5) == y
        assert result.overall["accuracy"] == pytest.approx(each.mean())
        assert np.mean(result.scores["accuracy"]) == pytest.approx(each.mean())

    @pytest.mark.parametrize("kind", [bool, float])
    def test_labels_need_not_be_whole_numbers(self, kind):
        y = np.stack([Y == 0, np.arange(ROWS) < 40], axis=1)
        build = functools.partial(quick, task="multilabel")
        by_kind, plain = (validate(build, y=y.astype(k)).overall for k in (kind, int))
        assert by_kind == pytest.approx(plain)


class TestFailures:
    def test_a_failing_fold_keeps_its_traceback_and_the_others_go_on(self):
        calls = iter(range(3))

        def prepare(x, y):
            if next(calls) == 1:
                raise RuntimeError("out of luck")
            return x, y

        result = validate(prepare=prepare)
        assert result.names == ("fold 0", "fold 2")
        assert "out of luck" in result.failures["fold 1"]
        assert "1 failed" in repr(result)
        assert np.isnan(result.predictions).any(1).sum() == 20

    def test_the_seed_of_all_keras_fixes_a_run_without_one(self):
        runs = []
        for everywhere in (1, 1, 2):
            keras.utils.set_random_seed(everywhere)
            runs.append(validate(seed=None).predictions)
        np.testing.assert_array_equal(runs[0], runs[1])
        assert not np.allclose(runs[0], runs[2])

    @pytest.mark.processes
    def test_processes_give_what_one_process_gives(self):
        first = X[0, 0]

        def prepare(x, y):
            if first not in x[:, 0]:
                raise RuntimeError("the first row is held out")
            return x, y

        one, two = (validate(SMALL, prepare=prepare, workers=n, keep_models=True) for n in (1, 2))
        assert two.names == one.names
        assert len(two.models) == 2
        assert list(two.failures) == list(one.failures)
        assert "the first row is held out" in next(iter(two.failures.values()))
        np.testing.assert_allclose(two.predictions, one.predictions, atol=1e-5)

    def test_all_folds_failed(self):
        def prepare(x, y):
            raise RuntimeError("never works")

        with pytest.raises(RuntimeError, match="All 3 folds failed; the first with"):
            validate(prepare=prepare)

    def test_all_folds_failed_by_the_first_of_them(self):
        numbers = iter(range(3))

        def prepare(x, y):
            raise RuntimeError(f"failure {next(numbers)}")

        with pytest.raises(RuntimeError, match="failure 0"):
            validate(prepare=prepare)

    def test_a_metric_that_raises_keeps_the_predictions(self):
        def particular(y, p):
            if len(y) < ROWS:
                raise KeyError("all rows or none")
            return 1.0

        with pytest.warns(UserWarning, match=r"'particular', which raises KeyError.*all rows"):
            result = validate(metrics=("accuracy", particular))
        assert np.isnan(result.scores["particular"]).all()
        assert result.overall["particular"] == 1
        assert np.isfinite(result.scores["accuracy"]).all()
        assert np.isfinite(result.predictions).all()

    @pytest.mark.parametrize("lost", [0, 1])
    def test_a_fold_that_diverges_fails_alone(self, lost):
        folds = iter(range(3))

        def prepare(x, y):
            return (x * 1e30 if next(folds) == lost else x), y

        result = validate(prepare=prepare, fit={"epochs": 2}, x_test=X[:4])
        assert list(result.failures) == [f"fold {lost}"]
        assert "not finite; its loss is not from epoch" in result.failures[f"fold {lost}"]
        assert np.isnan(result.predictions).any(axis=1).sum() == ROWS / 3
        assert np.isfinite(result.test_predictions).all()
        assert result.holds == "classes"
        assert np.isfinite(result.scores["accuracy"]).all()

    def test_a_run_goes_on_where_it_was_interrupted(self, tmp_path):
        calls = []

        def prepare(x, y):
            calls.append(len(x))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return x, y

        arguments = {"prepare": prepare, "directory": tmp_path, "x_test": X[:2]}
        with pytest.raises(KeyboardInterrupt):
            validate(**arguments)
        result = validate(**arguments)
        assert len(calls) == 4
        whole = validate(x_test=X[:2])
        np.testing.assert_allclose(result.predictions, whole.predictions, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(result.test_predictions, whole.test_predictions, rtol=1e-4)
        assert result.histories[0]["loss"] == pytest.approx(whole.histories[0]["loss"])
        with pytest.raises(ValueError, match=r"this very run.*another data"):
            validate(**arguments, x=X + 1)
        validate(**arguments, x=X + 1, overwrite=True)
        assert len(calls) == 7

    def test_other_weights_of_the_rows_are_another_run(self, tmp_path):
        weights = np.ones(ROWS)
        fit = {**ONE_STEP, "sample_weight": weights}
        validate(directory=tmp_path, fit=fit)
        validate(directory=tmp_path, fit={**fit, "sample_weight": weights.copy()})
        with pytest.raises(ValueError, match=r"this very run.*another fit"):
            validate(directory=tmp_path, fit={**fit, "sample_weight": weights + Y})

    def test_folds_of_a_function_that_was_edited_since_are_kept_with_a_warning(self, tmp_path):
        one, another = lambda shape: quick(shape, 3), lambda shape: quick(shape, 3, seed=1)
        first, again = (validate(one, directory=tmp_path) for _ in range(2))
        with pytest.warns(UserWarning, match=r"run of other code.*kept.*overwrite=True"):
            kept = validate(another, directory=tmp_path)
        for other in (again, kept):
            np.testing.assert_array_equal(other.predictions, first.predictions)

    def test_another_optimizer_bound_to_the_builder_is_another_run(self, tmp_path):
        def run(rate, **arguments):
            optimizer = keras.optimizers.SGD(rate)
            build = functools.partial(recipes.build_mlp, units=(), optimizer=optimizer)
            return validate(build, directory=tmp_path, folds=2, **arguments)

        first = run(0.1)
        np.testing.assert_array_equal(run(0.1).predictions, first.predictions)
        with pytest.raises(ValueError, match=r"this very run.*another build"):
            run(0.2)

    def test_kept_models_come_with_what_was_fitted_in_their_folds(self, tmp_path):
        y = 3 + 2 * X[:, 0]
        scaler = StandardScaler()
        build = functools.partial(quick, task="regression")
        options = {"preprocess": scaler, "preprocess_y": scaler, "keep_models": True}
        for _ in range(2):  # trained, then loaded
            result = validate(build, y=y, directory=tmp_path, **options)
            for model, (of_x, of_y) in zip(result.models, result.transformers, strict=True):
                made = of_y.inverse_transform(model.predict(of_x.transform(X), verbose=0))
                assert np.isclose(made, result.predictions, rtol=1e-4).sum() >= ROWS // 3
        assert not hasattr(scaler, "mean_")
        assert validate(keep_models=True).transformers == ((None, None),) * 3

    def test_a_fold_whose_file_is_damaged_is_trained_again(self, tmp_path):
        options = {"directory": tmp_path, "keep_models": True}
        first = validate(**options)
        for file in ("fold-0.npz", "fold-1.keras"):
            path = tmp_path / "folds" / file
            path.write_bytes(path.read_bytes()[:100])
        again = validate(**options)
        np.testing.assert_allclose(again.predictions, first.predictions, rtol=1e-5)

    def test_kept_models_come_back_from_the_folder(self, tmp_path):
        first, second = (validate(directory=tmp_path, keep_models=True) for _ in range(2))
        for old, new in zip(first.models, second.models, strict=True):
            np.testing.assert_allclose(outputs_of(old), outputs_of(new), atol=1e-6)

    @pytest.mark.processes
    def test_a_killed_process_loses_one_fold_at_most(self, tmp_path):
        """Another process is killed in its second fold; this one trains that fold only."""
        code = textwrap.dedent(
            """
            import time, functools, numpy as np, recipes
            from pathlib import Path

            FOLD = Path("run/folds/fold-0.npz")

            def halt(x, y):
                while FOLD.exists():
                    time.sleep(1)
                return x, y

            def run(prepare, directory):
                x = np.random.default_rng(0).normal(size=(12, 2))
                build = functools.partial(recipes.build_mlp, units=(2,))
                return recipes.cross_validate(
                    build, x, np.arange(12) % 2, folds=2, seed=0, prepare=prepare,
                    directory=directory,
                )
            """
        )
        root = str(Path(recipes.__file__).parent.parent)
        command = [sys.executable, "-c", f"{code}\nrun(halt, 'run')"]
        environment = {**os.environ, "PYTHONPATH": root}
        finished = tmp_path / "run/folds/fold-0.npz"
        with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
            deadline = time.time() + 120
            while not finished.exists() and process.poll() is None and time.time() < deadline:
                time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
        assert finished.exists()
        written, calls = finished.stat().st_mtime_ns, []
        namespace = {}
        exec(code, namespace)

        def halt(x, y):
            calls.append(len(x))
            return x, y

        result = namespace["run"](halt, tmp_path / "run")
        assert calls == [6]
        assert finished.stat().st_mtime_ns == written
        assert np.isfinite(result.predictions).all()


def class_and_age():
    """Two outputs as a list, which is not in the order of the names."""
    inputs = keras.Input((4,))
    heads = {"cls": "sigmoid", "age": None}
    outputs = [keras.layers.Dense(1, form, name=name)(inputs) for name, form in heads.items()]
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"cls": "binary_crossentropy", "age": "mse"})
    return eager(model)


def never(*arguments):
    raise AssertionError("a fold began")


NUMBERS = functools.partial(quick, task="regression")
TWO = {"build": class_and_age, "y": {"cls": Y % 2, "age": X[:, 0]}}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": Y[:9]}, ValueError, "same number of rows"),
        ({"x": np.where(X > 2, np.nan, X)}, ValueError, "x must be finite"),
        ({"y": np.array([0] * 58 + [1] * 2)}, ValueError, r"2 of class 1\. Did you mean folds=2"),
        ({"groups": np.zeros(ROWS)}, ValueError, "groups must hold at least as many groups"),
        ({"groups": np.zeros(5)}, ValueError, "same number of rows"),
        ({"groups": ["a", None] * 30}, ValueError, "groups must hold an id .* first at index 1"),
        ({"split": [(np.arange(40), np.arange(30, 60))]}, ValueError, "rows that do not train"),
        ({"split": [(np.arange(40), np.arange(40, 99))]}, ValueError, "rows from 0 to 59"),
        ({"split": "kfolds"}, ValueError, "Did you mean 'kfold'"),
        ({"split": 5}, TypeError, "split must be"),
        ({"folds": 1}, ValueError, "folds must be at least 2"),
        ({"fit": {"class_weight": {0: 1, 1: 1, 2: 1, 3: 9}}}, ValueError, "weigh the classes of y"),
        ({"fit": {"class_weight": {0: 1.0}}}, ValueError, "weigh the classes of y"),
        ({"fit": {"class_weight": "balance"}}, ValueError, "Did you mean 'balanced'"),
        ({"fit": {"epoch": 3}}, ValueError, "Did you mean 'epochs'"),
        ({"fit": {"sample_weight": np.ones(3)}}, ValueError, "same number of rows"),
        ({"fit": {"sample_weight": np.ones(ROWS)}, "resample": "over"}, ValueError, "drawn anew"),
        ({"x_test": X[:, :2]}, ValueError, "x_test must have rows of shape"),
        ({"resample": "smoot"}, ValueError, "Did you mean 'smote'"),
        ({"preprocess": StandardScaler}, TypeError, "preprocess"),
        ({"prepare": "mixup"}, TypeError, "prepare"),
        ({"validation": 2}, ValueError, "validation must be a share"),
        ({"average": "median"}, ValueError, "Did you mean|average must be one of"),
        ({"metrics": "acuracy"}, ValueError, "Did you mean 'accuracy'"),
        ({"metrics": accuracy_score}, ValueError, r"metrics must fit.*argmax.*mean 'accuracy'"),
        ({"metrics": roc_auc_score}, ValueError, r"raises.*multi_class.*Did you mean 'roc_auc'"),
        (
            {"build": NUMBERS, "y": X[:, 0], "metrics": "accuracy"},
            ValueError,
            r"'accuracy', which raises.*Did you mean 'rmse' or 'mae'",
        ),
        (
            {"build": NUMBERS, "y": X[:, 0], "metrics": f1_score},
            ValueError,
            r"'f1_score', which raises.*Did you mean 'rmse' or 'mae'",
        ),
        ({"metrics": {"cls": "f1"}}, ValueError, "y must be a dict of several outputs"),
        ({**TWO, "metrics": {"clz": "f1"}}, ValueError, "Did you mean 'cls'"),
        ({**TWO, "metrics": "accuracy"}, ValueError, r"'accuracy', which raises.*'rmse'"),
        ({**TWO, "y": {"clz": Y, "age": Y}}, ValueError, r"y must .*'clz', 'age'.*mean 'cls'"),
        ({**TWO, "y": {"cls": Y}}, ValueError, "y must hold a part for every output"),
        ({**TWO, "y": Y}, ValueError, "y must hold a part for every output"),
        ({"build": recipes.build_mlp((4,), 3)}, TypeError, "build must be a function"),
        ({"build": lambda a, b: None}, ValueError, "functools.partial"),
        ({"build": lambda: None}, ValueError, "compiled keras.Model"),
        ({"y": Y + 0.5}, ValueError, "y must hold class labels"),
        ({"build": functools.partial(SMALL, outputs=2)}, ValueError, "labels from 0 to 1"),
        ({"validation": 0.2, "groups": Y % 2, "folds": 2}, ValueError, "at least 2 groups"),
        ({"validation": 0.5, "split": [([0], [1])]}, ValueError, "at least 2 rows"),
        ({"x": [[1, 2], [3]] * 30}, ValueError, "x must have rows of one length"),
        ({"seed": -1}, ValueError, "seed"),
        ({"repeats": 0}, ValueError, "repeats"),
        ({"seeds": 0, "x": np.nan * X}, ValueError, "seeds"),
        ({"workers": 1.5, "x": np.nan * X}, TypeError, "workers"),
    ],
)
def test_bad_input_before_the_first_fit(arguments, error, message):
    with pytest.raises(error, match=message):
        validate(**{"fit": {"callbacks": never}, **arguments})


def test_rows_that_were_resampled_are_refused():
    x, y = recipes.resample(X, np.array([0] * 50 + [1] * 10), "over", seed=0)
    for rows in (x, x[5:], x.reshape(len(x), 4)):
        with pytest.raises(ValueError, match="resample=how"):
            validate(x=rows, y=y[-len(rows) :])
