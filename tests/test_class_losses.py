"""Losses for rare classes against closed forms, in every form that labels come in."""

import keras
import numpy as np
import pytest

import recipes
from tuning import Choice, search

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.25, 0.5, 0.25], [0.05, 0.05, 0.9]], "float32")
Y = np.array([0, 1, 1, 2])
ONE_HOT = np.eye(3, dtype="float32")[Y]
MIXED = 0.7 * ONE_HOT + 0.3 * ONE_HOT[::-1]
COUNTS = (50, 30, 20)
SHARES = np.array(COUNTS) / 100
TRUE_P = P[np.arange(4), Y]

MADE = {
    "focal": recipes.FocalCrossentropy(2.0),
    "weighted": recipes.WeightedCrossentropy(COUNTS),
    "class_balanced": recipes.ClassBalancedCrossentropy(COUNTS),
    "logit_adjusted": recipes.LogitAdjustedCrossentropy(COUNTS),
}


def value(loss, y, p):
    return float(keras.ops.convert_to_numpy(loss(np.asarray(y), np.asarray(p, "float32"))))


class TestFocal:
    def test_gamma_0_is_cross_entropy(self):
        expected = value(keras.losses.SparseCategoricalCrossentropy(), Y, P)
        assert value(recipes.FocalCrossentropy(0.0), Y, P) == pytest.approx(expected, rel=1e-5)

    def test_gamma_0_with_smoothing_is_smoothed_cross_entropy_for_one_and_many_outputs(self):
        loss = recipes.FocalCrossentropy(0.0, label_smoothing=0.1)
        expected = value(keras.losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT, P)
        assert value(loss, Y, P) == pytest.approx(expected, rel=1e-5)
        binary = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
        y, p = np.array([[0], [1], [1], [0]], "float32"), P[:, :1]
        assert value(loss, y, p) == pytest.approx(value(binary, y, p), rel=1e-4)
        loss = recipes.FocalCrossentropy(0.0, label_smoothing=0.1, independent=True)
        assert value(loss, ONE_HOT, P) == pytest.approx(value(binary, ONE_HOT, P), rel=1e-4)

    def test_formula_and_keras(self):
        expected = -((1 - TRUE_P) ** 2 * np.log(TRUE_P)).mean()
        assert value(MADE["focal"], Y, P) == pytest.approx(expected, rel=1e-5)
        theirs = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)
        assert value(theirs, ONE_HOT, P) == pytest.approx(expected, rel=1e-5)


def test_weighted_is_what_class_weights_make_of_cross_entropy():
    weights = recipes.class_weights(np.repeat([0, 1, 2], COUNTS))
    expected = np.mean([-weights[label] * np.log(p) for label, p in zip(Y, TRUE_P, strict=True)])
    assert value(MADE["weighted"], Y, P) == pytest.approx(expected, rel=1e-5)


def test_class_balanced_by_hand():
    """Cui et al., formula 10: effective numbers 1, 1.5 and 1.75 for 1, 2 and 3 rows."""
    loss = recipes.ClassBalancedCrossentropy((1, 2, 3), beta=0.5)
    inverse = np.array([1, 1 / 1.5, 1 / 1.75])
    weights = inverse * 3 / inverse.sum()
    np.testing.assert_allclose(loss.weights, weights)
    assert value(loss, Y, P) == pytest.approx((-weights[Y] * np.log(TRUE_P)).mean(), rel=1e-5)


class TestLogitAdjusted:
    def test_closed_form_on_logits(self):
        logits = np.random.default_rng(0).normal(size=(6, 3))
        y = np.array([0, 1, 2, 0, 1, 2])
        adjusted = logits + np.log(SHARES)
        expected = (np.log(np.exp(adjusted).sum(-1)) - adjusted[np.arange(6), y]).mean()
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        assert value(MADE["logit_adjusted"], y, p) == pytest.approx(expected, rel=1e-4)

    def test_binary_shifts_the_logit(self):
        logit, y = 0.3, np.array([[1.0]])
        expected = np.log1p(np.exp(-(logit + np.log(0.1 / 0.9))))
        p = [[1 / (1 + np.exp(-logit))]]
        loss = recipes.LogitAdjustedCrossentropy((90, 10))
        assert value(loss, y, p) == pytest.approx(expected, rel=1e-4)

    def test_even_classes_and_tau_0_are_cross_entropy(self):
        plain = value(recipes.FocalCrossentropy(0.0), Y, P)
        for loss in (
            recipes.LogitAdjustedCrossentropy((1, 1, 1)),
            recipes.LogitAdjustedCrossentropy(COUNTS, tau=0.0),
        ):
            assert value(loss, Y, P) == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("name", MADE)
class TestEvery:
    def test_integers_columns_and_one_hot_rows_cost_the_same(self, name):
        values = [value(MADE[name], y, P) for y in (Y, Y[:, None], ONE_HOT)]
        assert values == pytest.approx([values[0]] * 3, rel=1e-6)

    def test_mixed_labels_cost_the_mean_of_their_parts(self, name):
        parts = 0.7 * value(MADE[name], ONE_HOT, P) + 0.3 * value(MADE[name], ONE_HOT[::-1], P)
        assert value(MADE[name], MIXED, P) == pytest.approx(parts, rel=1e-5)

    def test_config_makes_an_equal_loss(self, name):
        again = keras.losses.deserialize(keras.losses.serialize(MADE[name]))
        assert value(again, Y, P) == pytest.approx(value(MADE[name], Y, P))

    def test_steps_of_a_sequence(self, name):
        y, p = Y.reshape(2, 2), P.reshape(2, 2, 3)
        assert value(MADE[name], y, p) == pytest.approx(value(MADE[name], Y, P), rel=1e-5)


def test_search_over_losses_looks_at_accuracy_and_tells_the_counts():
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = np.arange(60) % 3
    study = search(
        recipes.build_mlp,
        x,
        y,
        space={"units": (4,), "loss": Choice("focal", "logit_adjusted", None)},
        max_trials=2,
        epochs=1,
        seed=0,
        verbose=False,
    )
    assert study.objective == "val_accuracy"
    assert set(study.leaderboard()["status"]) == {"completed"}
    assert "class_counts=(16, 16, 16)" in study.code()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recipes.FocalCrossentropy(-1), "gamma must not be negative"),
        (lambda: recipes.FocalCrossentropy(label_smoothing=1), "label_smoothing must be a rate"),
        (lambda: recipes.WeightedCrossentropy((3, 0)), "class_counts must be above 0"),
        (lambda: recipes.WeightedCrossentropy((3,)), "class_counts must be one number a class"),
        (lambda: recipes.ClassBalancedCrossentropy((3, 1), beta=1), "beta must be a share"),
        (lambda: recipes.LogitAdjustedCrossentropy((3, 1), tau=-1), "tau must not be negative"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
