"""Bayes's rule for other class shares; calibration on held-out rows; decisions at 0.5."""

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, recall_score

import recipes

random = np.random.default_rng(0)
X = random.normal(size=(400, 3)).astype("float32")
Y = (X[:, 0] + 0.7 * random.normal(size=400) > 1.6).astype(int)
# Two fits from different starts meet no closer on JAX.
CALM = 0.05 if keras.backend.backend() == "jax" else 0.03
LABELS = np.digitize(X[:, 0] + 0.5 * random.normal(size=400), [-1.2, 1.2])


@pytest.fixture(scope="module")
def binary():
    model = recipes.build_mlp((3,), 1, task="binary", units=(8,), dropout=0.0, seed=0)
    model.fit(X, Y, epochs=15, verbose=0)
    return model


@pytest.fixture(scope="module")
def multiclass():
    model = recipes.build_mlp((3,), 3, units=(8,), dropout=0.0, seed=0)
    model.fit(X, LABELS, epochs=10, verbose=0)
    return model


class TestShiftPrior:
    def test_two_gaussians_by_bayes(self):
        """With equal spreads the posterior is known for every share."""
        x, rare = np.linspace(-2, 4, 50), 0.02

        def posterior(share):
            one, zero = share * np.exp(-((x - 2) ** 2) / 2), (1 - share) * np.exp(-(x**2) / 2)
            return one / (one + zero)

        shifted = recipes.shift_prior(posterior(0.5), (0.5, 0.5), (1 - rare, rare))
        np.testing.assert_allclose(shifted, posterior(rare), rtol=1e-6)

    def test_there_and_back(self):
        p = random.dirichlet(np.ones(4), size=9)
        seen, wanted = (1, 2, 3, 4), (4, 3, 2, 1)
        back = recipes.shift_prior(recipes.shift_prior(p, seen, wanted), wanted, seen)
        np.testing.assert_allclose(back, p)

    def test_a_model_predicts_what_its_predictions_become(self, binary, multiclass):
        for model, wanted in ((binary, (9, 1)), (multiclass, (1, 5, 2))):
            seen = np.ones(len(wanted))
            shifted = recipes.shift_prior(model, seen, wanted)
            expected = recipes.shift_prior(model.predict(X, verbose=0), seen, wanted)
            np.testing.assert_allclose(shifted.predict(X, verbose=0), expected, atol=1e-5)

    def test_the_model_given_stays_and_the_new_one_saves_and_trains(self, binary, tmp_path):
        before = [w.copy() for w in binary.get_weights()]
        shifted = recipes.shift_prior(binary, (1, 1), (9, 1))
        for old, new in zip(before, binary.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        shifted.save(tmp_path / "m.keras")
        loaded = keras.models.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(
            loaded.predict(X, verbose=0), shifted.predict(X, verbose=0), atol=1e-6
        )
        assert np.isfinite(loaded.fit(X, Y, verbose=0).history["loss"][0])

    def test_balanced_weights_are_undone(self):
        """A weighted logistic regression, brought back, predicts as many rows as there are."""
        model = recipes.build_mlp((3,), 1, task="binary", units=(), learning_rate=0.05, seed=0)
        weights = recipes.class_weights(Y)
        model.fit(X, Y, epochs=40, class_weight=weights, verbose=0)
        tilted = model.predict(X, verbose=0).mean()
        honest = recipes.shift_prior(model, (1, 1), np.bincount(Y)).predict(X, verbose=0).mean()
        assert tilted > 2 * Y.mean()
        assert honest == pytest.approx(Y.mean(), abs=0.03)


class TestCalibrate:
    def test_mean_probability_is_the_share_and_the_order_stays(self, binary):
        tilted = recipes.shift_prior(binary, (1, 1), (1, 30))
        honest = recipes.calibrate(tilted, X, Y)
        p, before = honest.predict(X, verbose=0).ravel(), tilted.predict(X, verbose=0).ravel()
        assert p.mean() == pytest.approx(Y.mean(), abs=0.01)
        assert recipes.score(Y, p, "log_loss") < 0.8 * recipes.score(Y, before, "log_loss")
        ranked = average_precision_score(Y, p)
        assert ranked == pytest.approx(average_precision_score(Y, before), abs=1e-3)

    def test_overconfidence_is_cooled(self, multiclass):
        """Logits made three times as large are brought back to where they were."""
        loud = keras.models.clone_model(multiclass)
        weights = multiclass.get_weights()
        loud.set_weights([*weights[:-2], 3 * weights[-2], 3 * weights[-1]])
        calm = recipes.calibrate(loud, X, LABELS)
        best = recipes.calibrate(multiclass, X, LABELS)
        np.testing.assert_allclose(
            calm.predict(X, verbose=0), best.predict(X, verbose=0), atol=CALM
        )

    def test_one_rare_row_does_not_run_away(self, binary):
        y = np.zeros(60, int)
        y[0] = 1
        p = recipes.calibrate(binary, X[:60], y).predict(X, verbose=0)
        assert np.isfinite(p).all()
        assert 0.001 < p.mean() < 0.2


class TestRebalance:
    def test_finds_more_and_ranks_the_same(self, binary):
        models = [binary] + [recipes.rebalance(binary, X[::2], Y[::2], m) for m in ("f1", "f2")]
        before, by_f1, by_f2 = (model.predict(X, verbose=0).ravel() for model in models)
        recalls = [recall_score(Y, p > 0.5) for p in (before, by_f1, by_f2)]
        assert recalls == sorted(recalls)
        assert recalls[2] > recalls[0]
        for after in (by_f1, by_f2):
            assert (np.argsort(before[:50]) == np.argsort(after[:50])).all()

    def test_more_classes_are_shifted_to_even_shares(self, multiclass):
        even = recipes.rebalance(multiclass, X, LABELS)
        before, after = (m.predict(X, verbose=0) for m in (multiclass, even))
        assert recipes.score(LABELS, after, "balanced_accuracy") > recipes.score(
            LABELS, before, "balanced_accuracy"
        )

    def test_shift_threshold_moves_the_line(self, binary):
        p = binary.predict(X, verbose=0)
        moved = recipes.shift_threshold(binary, 0.1).predict(X, verbose=0)
        np.testing.assert_array_equal(moved > 0.5, p > 0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: recipes.shift_prior(np.array([[0.5, 0.6]]), (1, 1), (2, 1)), "sum to 1"),
        (lambda m: recipes.shift_prior(np.array([1.5]), (1, 1), (2, 1)), "lie in"),
        (lambda m: recipes.shift_prior(m, (1, 0), (2, 1)), "seen must be above 0"),
        (lambda m: recipes.shift_prior(m, (1, 1, 1), (2, 1)), "seen must hold 2 shares"),
        (lambda m: recipes.shift_prior(m, (1, 1, 1), (2, 1, 1)), "be given for 2 classes"),
        (lambda m: recipes.calibrate(m, X, Y * 0), r"none of \[1\]"),
        (lambda m: recipes.calibrate(m, X, Y[:9]), "same number of rows"),
        (lambda m: recipes.calibrate(m, X * np.nan, Y), "x must be finite"),
        (lambda m: recipes.shift_threshold(m, 0), "threshold must be a share"),
        (lambda m: recipes.rebalance(m, X, Y, "f3"), "metric must be one of"),
        (
            lambda m: recipes.calibrate(recipes.build_mlp((3,), 2, task="regression"), X, Y),
            "end in a Dense layer with a softmax",
        ),
    ],
)
def test_bad_input(call, message, binary):
    with pytest.raises(ValueError, match=message):
        call(binary)
