"""Scores class by class: beside scikit-learn, from labels and probabilities in every form."""

import functools

import keras
import numpy as np
import pytest
from sklearn import metrics

import recipes

random = np.random.default_rng(0)
Y = random.integers(0, 3, size=80)
P = random.dirichlet(np.ones(3), size=80) * 0.6 + 0.4 * np.eye(3)[Y]
BINARY_Y = (Y == 0).astype(int)
BINARY_P = P[:, :1]


class TestReport:
    def test_beside_scikit_learn(self):
        report = recipes.per_class_report(Y, P)
        theirs = metrics.precision_recall_fscore_support(Y, P.argmax(1))
        for name, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
            np.testing.assert_allclose(getattr(report, name), values)
        expected = [metrics.average_precision_score(label == Y, P[:, label]) for label in range(3)]
        np.testing.assert_allclose(report.average_precision, expected)

    def test_every_form_of_labels_gives_the_same(self):
        expected = repr(recipes.per_class_report(Y, P))
        for form in (Y[:, None], np.eye(3)[Y], Y.astype("float32")):
            assert repr(recipes.per_class_report(form, P)) == expected
        steps = recipes.per_class_report(Y.reshape(20, 4), P.reshape(20, 4, 3))
        assert repr(steps) == expected

    def test_one_sigmoid_column_and_its_threshold(self):
        report = recipes.per_class_report(BINARY_Y, BINARY_P, threshold=0.3, names=["no", "yes"])
        called = BINARY_P[:, 0] >= 0.3
        assert report.recall[1] == metrics.recall_score(BINARY_Y, called)
        assert report.precision[0] == metrics.precision_score(BINARY_Y, called, pos_label=0)
        assert list(report.table().index) == ["no", "yes"]

    def test_labels_that_happen_to_be_one_a_row(self):
        y, p = np.eye(3, dtype=int), np.array([[0.9, 0.9, 0.1], [0.9, 0.9, 0.1], [0.6, 0.1, 0.9]])
        report = recipes.per_class_report(y, p, task="multilabel")
        np.testing.assert_allclose(report.precision, [1 / 3, 1 / 2, 1])
        high = recipes.per_class_report(y, p, task="multilabel", threshold=0.7)
        np.testing.assert_allclose(high.precision, [1 / 2, 1 / 2, 1])
        assert recipes.score(y, p, task="multilabel") == pytest.approx(6 / 9)
        assert recipes.score(y, p) == pytest.approx(2 / 3)

    def test_labels_are_classes_of_their_own(self):
        labels = (P > 0.3).astype(int)
        report = recipes.per_class_report(labels, P, threshold=0.5)
        expected = metrics.precision_recall_fscore_support(labels, (P >= 0.5).astype(int))
        np.testing.assert_allclose(report.recall, expected[1])

    def test_classes_without_rows_are_not_scored(self):
        report = recipes.per_class_report([0, 0, 1], [[0.8, 0.1, 0.1]] * 3)
        assert np.isnan(report.recall[2])
        assert report.precision[1] == 0
        assert report.support.tolist() == [2, 1, 0]

    def test_predicted_classes_instead_of_probabilities(self):
        report = recipes.per_class_report(Y, P.argmax(1))
        np.testing.assert_allclose(report.recall, recipes.per_class_report(Y, P).recall)
        assert np.isnan(report.average_precision).all()

    @pytest.mark.parametrize("names", [None, ["kiwi", "lime", "pear"], ["pear", "lime", "kiwi"]])
    def test_names_of_classes_in_place_of_numbers(self, names):
        order = np.array(names or ["kiwi", "lime", "pear"])
        y, predicted = order[Y].tolist(), order[P.argmax(1)]
        expected = repr(recipes.per_class_report(Y, P, names=order))
        assert repr(recipes.per_class_report(y, P, names=names)) == expected
        by_class = recipes.per_class_report(Y, P.argmax(1), names=order)
        assert repr(recipes.per_class_report(y, predicted, names=names)) == repr(by_class)
        assert repr(recipes.per_class_report(Y, predicted, names=order)) == repr(by_class)

    def test_named_classes_that_do_not_occur(self):
        report = recipes.per_class_report(["a", "b"], ["a", "a"], names=["a", "b", "c"])
        assert report.support.tolist() == [1, 1, 0]
        assert recipes.per_class_report(["a"], ["b"]).names == ("a", "b")

    def test_plot(self):
        assert len(recipes.per_class_report(Y, P).plot().patches) == 9

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"y": Y[:3]}, "same number of rows"),
            ({"y": Y + 1}, "fit each other"),
            ({"names": ["a"]}, "names must name every class"),
            ({"threshold": 0}, "threshold"),
            ({"prediction": P * np.nan}, "must be finite"),
            ({"y": ["a"] * len(Y)}, "names must name every class"),
            ({"y": ["a", None] * 40}, "y must hold a label in every row"),
            ({"y": ["a", np.nan] * 40}, "y must hold a label in every row"),
            ({"y": ["a", np.nan] * 40, "names": list("abc")}, "y must hold a label in every row"),
            ({"y": ["a", "z"] * 40, "names": list("abc")}, "every label of y must be one"),
            ({"prediction": ["a", "b"] * 40}, "names must be given where prediction holds names"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            recipes.per_class_report(**{"y": Y, "prediction": P, **arguments})


class TestCallback:
    def test_recall_from_integer_labels_where_keras_is_wrong(self):
        """Keras's Recall(class_id=1) takes the second label for the second class."""
        y = np.array([0, 1, 1, 2, 2, 2])
        p = np.eye(3)[[0, 1, 0, 2, 2, 1]].astype("float32")
        theirs = []
        for labels in (np.eye(3)[y], y):
            recall = keras.metrics.Recall(class_id=1)
            recall.update_state(labels, p)
            theirs.append(float(recall.result()))
        assert theirs[0] == 0.5
        assert theirs[1] != 0.5, "Keras has mended it: recipes/reports.py says otherwise"
        inputs = keras.Input((3,))
        model = keras.Model(inputs, keras.layers.Identity()(inputs))
        model.run_eagerly = True
        for labels in (y, y[:, None], np.eye(3)[y]):
            watch = recipes.PerClassMetrics(p, labels)
            watch.set_model(model)
            logs = {}
            watch.on_epoch_end(0, logs)
            assert logs["val_recall_1"] == 0.5
            assert logs["val_precision_1"] == 0.5
            assert logs["val_f1_2"] == pytest.approx(0.8)

    def test_logs_reach_early_stopping_and_history(self):
        x = random.normal(size=(80, 4))
        watch = recipes.PerClassMetrics(x, Y, figures="recall", names=["a", "b b", "c"], every=2)
        stop = keras.callbacks.EarlyStopping("val_recall_b_b", mode="max", patience=50)
        model = recipes.build_mlp((4,), 3, units=(4,), seed=0)
        history = model.fit(x, Y, epochs=3, callbacks=[watch, stop], verbose=0).history
        assert len(history["val_recall_a"]) == 3
        assert stop.best is not None
        assert watch.report.support.sum() == 80

    def test_bad_input(self):
        with pytest.raises(ValueError, match="Did you mean 'recall'"):
            recipes.PerClassMetrics(P, Y, figures=("recal",))
        with pytest.raises(ValueError, match="same number of rows"):
            recipes.PerClassMetrics(P, Y[:3])


class TestThreshold:
    @pytest.mark.parametrize("metric", ["f1", "f2", "accuracy", "balanced_accuracy"])
    def test_no_other_threshold_is_better(self, metric):
        measures = {
            "f1": metrics.f1_score,
            "f2": functools.partial(metrics.fbeta_score, beta=2),
            "accuracy": metrics.accuracy_score,
            "balanced_accuracy": metrics.balanced_accuracy_score,
        }
        measure = measures[metric]
        found = recipes.best_threshold(BINARY_Y, BINARY_P, metric)
        best = max(measure(BINARY_Y, BINARY_P[:, 0] >= cut) for cut in np.linspace(0, 1, 2001))
        assert measure(BINARY_Y, BINARY_P[:, 0] >= found) == pytest.approx(best)
        by_function = recipes.best_threshold(BINARY_Y, BINARY_P, measure)
        assert measure(BINARY_Y, BINARY_P[:, 0] >= by_function) == pytest.approx(best)
        softmax = np.hstack([1 - BINARY_P, BINARY_P])
        assert recipes.best_threshold(BINARY_Y, softmax, metric) == found

    def test_recall_at_a_precision_and_the_other_way_round(self):
        cut = recipes.best_threshold(BINARY_Y, BINARY_P, "recall", at_least=0.8)
        called = BINARY_P[:, 0] >= cut
        assert metrics.precision_score(BINARY_Y, called) >= 0.8
        cut = recipes.best_threshold(BINARY_Y, BINARY_P, "precision", at_least=0.9)
        assert metrics.recall_score(BINARY_Y, BINARY_P[:, 0] >= cut) >= 0.9

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"y": BINARY_Y * 0}, "y must hold 0 and 1"),
            ({"p": BINARY_P * 9}, "p must hold probabilities"),
            ({"metric": "f3"}, "metric must be one of"),
            ({"metric": "recall"}, "at_least must be the precision to keep .* Received: None"),
            ({"metric": "precision"}, "at_least must be the recall to keep"),
            ({"metric": "recall", "at_least": 2}, "at_least must be a share"),
            ({"y": BINARY_Y[:4]}, "same number of rows"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            recipes.best_threshold(**{"y": BINARY_Y, "p": BINARY_P, **arguments})


class TestScore:
    @pytest.mark.parametrize(
        ("metric", "theirs"),
        [
            ("accuracy", lambda: metrics.accuracy_score(Y, P.argmax(1))),
            ("balanced_accuracy", lambda: metrics.balanced_accuracy_score(Y, P.argmax(1))),
            ("log_loss", lambda: metrics.log_loss(Y, P)),
            ("roc_auc", lambda: metrics.roc_auc_score(Y, P, multi_class="ovr")),
            ("f1", lambda: metrics.f1_score(Y, P.argmax(1), average="macro")),
        ],
    )
    def test_beside_scikit_learn(self, metric, theirs):
        assert recipes.score(Y, P, metric) == pytest.approx(theirs())
        assert recipes.score(np.eye(3)[Y], P, metric) == pytest.approx(theirs())

    def test_binary_column(self):
        auc = metrics.roc_auc_score(BINARY_Y, BINARY_P[:, 0])
        assert recipes.score(BINARY_Y, BINARY_P, "roc_auc") == pytest.approx(auc)
        brier = metrics.brier_score_loss(BINARY_Y, BINARY_P[:, 0])
        assert recipes.score(BINARY_Y, BINARY_P, "brier") == pytest.approx(brier)

    def test_numbers(self):
        y, p = random.normal(size=(9, 2)), random.normal(size=(9, 2))
        assert recipes.score(y, p, "rmse") == pytest.approx(np.sqrt(((y - p) ** 2).mean()))
        one = recipes.score(y[:, 0], p[:, :1], "r2")
        assert one == pytest.approx(metrics.r2_score(y[:, 0], p[:, 0]))

    @pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", bool])
    @pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
    def test_numbers_of_small_types(self, metric, dtype):
        top = {"uint8": 255, "float16": 6e4, bool: 1}.get(dtype, 2e9)
        y, p = (top * np.array(part) for part in ([0.0, 1, 0, 1], [1.0, 0, 0, 1]))
        small = recipes.score(y.astype(dtype), p.astype(dtype), metric)
        assert small == pytest.approx(recipes.score(y, p, metric), rel=1e-3)

    @pytest.mark.parametrize("metric", ["accuracy", "log_loss", "roc_auc", "f1", "brier"])
    def test_labels_of_any_kind(self, metric):
        y = np.stack([BINARY_Y, Y == 1, Y > 0], axis=1)
        expected = recipes.score(y, P, metric)
        for kind in (bool, "float32"):
            assert recipes.score(y.astype(kind), P, metric) == pytest.approx(expected)


def test_probabilities_that_do_not_sum_to_1():
    with pytest.raises(ValueError, match="prediction must sum to 1"):
        recipes.score(Y, 2 * P, "log_loss")


def test_confusion_matrix():
    ax = recipes.plot_confusion_matrix(Y, P, names=["a", "b", "c"])
    shown = np.array([int(text.get_text()) for text in ax.texts]).reshape(3, 3)
    np.testing.assert_array_equal(shown, metrics.confusion_matrix(Y, P.argmax(1)))
    named = recipes.plot_confusion_matrix(
        np.array(list("abc"))[Y], np.array(list("abc"))[P.argmax(1)]
    )
    assert [text.get_text() for text in named.texts] == [text.get_text() for text in ax.texts]
    assert [text.get_text() for text in named.get_yticklabels()] == list("abc")
