"""Weights against hand-computed figures; `resample` keeps rows, forms and kinds."""

import numpy as np
import pytest
from imblearn.over_sampling import ADASYN, RandomOverSampler

import recipes

Y = np.repeat([0, 1, 2], [6, 3, 1])
X = np.random.default_rng(0).normal(size=(10, 2))


class TestWeights:
    @pytest.mark.parametrize(
        ("scheme", "expected"),
        [
            ("balanced", [10 / 18, 10 / 9, 10 / 3]),
            ("inverse", [1 / 6, 1 / 3, 1]),
            ("ratio", [10 / 6, 10 / 3, 10]),
        ],
    )
    def test_by_hand(self, scheme, expected):
        assert recipes.class_weights(Y, scheme) == pytest.approx(dict(enumerate(expected)))

    def test_effective_numbers(self):
        inverse = np.array([(1 - 0.9) / (1 - 0.9**n) for n in (6, 3, 1)])
        expected = dict(enumerate(inverse / inverse.mean()))
        assert recipes.class_weights(Y, "effective", beta=0.9) == pytest.approx(expected)

    def test_plain_types_for_fit(self):
        weights = recipes.class_weights(np.eye(3)[Y])
        assert {type(key) for key in weights} == {int}
        assert {type(weight) for weight in weights.values()} == {float}
        model = recipes.build_mlp((2,), 3, units=(4,))
        assert np.isfinite(model.fit(X, Y, class_weight=weights, verbose=0).history["loss"][0])

    def test_sample_weights_are_class_weights_row_by_row(self):
        weights = recipes.class_weights(Y)
        np.testing.assert_allclose(recipes.sample_weights(Y), [weights[y] for y in Y], rtol=1e-6)

    def test_several_labels_weigh_the_mean_over_them(self):
        labels = np.array([[1, 0], [0, 0], [0, 1], [0, 1]])
        first = np.array([4 / 2, 4 / 6, 4 / 6, 4 / 6])
        second = np.ones(4)
        np.testing.assert_allclose(recipes.sample_weights(labels), (first + second) / 2, rtol=1e-6)

    def test_steps_have_weights_of_their_own(self):
        steps = np.array([[0, 0, 1, 2], [0, 0, 0, 2]])
        weights = recipes.sample_weights(steps)
        assert weights.shape == steps.shape
        np.testing.assert_allclose(weights[0], [8 / 15, 8 / 15, 8 / 3, 8 / 6], rtol=1e-6)

    def test_bad_input(self):
        with pytest.raises(ValueError, match="Use sample_weights"):
            recipes.class_weights([[1, 1], [0, 1]])
        with pytest.raises(ValueError, match="Did you mean 'balanced'"):
            recipes.class_weights(Y, "balancd")
        with pytest.raises(ValueError, match=r"y\.astype\(int\)"):
            recipes.class_weights([0.5, 1.5])


class TestResample:
    def test_under_and_over_draw_whole_rows_of_any_rank(self):
        images = np.arange(10, dtype="uint8").reshape(10, 1, 1, 1) * np.ones((1, 4, 4, 1), "uint8")
        for how, rows in (("under", 1), ("over", 6)):
            x, y = recipes.resample({"i": images, "t": X}, Y, how, seed=0)
            assert np.bincount(y).tolist() == [rows] * 3
            assert x["i"].dtype == "uint8"
            np.testing.assert_array_equal(X[x["i"][:, 0, 0, 0]], x["t"])

    def test_a_list_of_numbers_is_rows_and_one_of_arrays_is_several_inputs(self):
        x, y = recipes.resample([[0.0], [1.0], [2.0]], [0, 0, 1], "over", seed=0)
        np.testing.assert_array_equal(x, [[0], [1], [2], [2]])
        (first, second), _ = recipes.resample([x, 2 * x], y, "over", seed=0)
        np.testing.assert_array_equal(second, 2 * first)

    def test_smote_lies_between_neighbours_and_keeps_form_and_kind(self):
        x = np.linspace(0, 1, 20, dtype="float32").reshape(20, 1, 1)
        y = np.repeat([0, 1], [16, 4])
        made, labels = recipes.resample(x, np.eye(2)[y], "smote", seed=0)
        assert made.shape == (32, 1, 1)
        assert made.dtype == "float32"
        assert labels.sum(0).tolist() == [16, 16]
        new = made[20:, 0, 0]
        assert new.min() >= x[16, 0, 0]
        assert new.max() <= 1

    def test_smote_between_false_and_true(self):
        x, y = np.arange(40).reshape(20, 2) % 3 > 0, np.arange(20) < 14
        made, _ = recipes.resample(x, y.astype(int), "smote", seed=0)
        assert made.dtype == "float32"
        assert ((made >= 0) & (made <= 1)).all()

    def test_smote_enn_and_any_sampler(self):
        y = np.repeat([0, 1], [40, 10])
        x = np.random.default_rng(1).normal(size=(50, 3)) + y[:, None]
        _, cleaned = recipes.resample(x, y, "smote_enn", seed=0)
        assert 10 < len(cleaned) < 80
        sampler = ADASYN(n_neighbors=3)
        before = sampler.get_params()
        assert len(recipes.resample(x, y, sampler, seed=0)[0]) > 50
        assert sampler.get_params() == before
        _, over = recipes.resample(x, y, RandomOverSampler(sampling_strategy={1: 20}), seed=0)
        assert np.bincount(over).tolist() == [40, 20]

    def test_the_seed_fixes_the_draw_and_nothing_given_changes(self):
        before = X.copy()
        draws = [recipes.resample(X, Y, "over", seed=seed)[0] for seed in (1, 1, 2)]
        np.testing.assert_array_equal(draws[0], draws[1])
        assert not np.array_equal(draws[0], draws[2])
        np.testing.assert_array_equal(X, before)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"how": "smot"}, ValueError, "Did you mean 'smote'"),
            ({"how": 3}, TypeError, "how"),
            ({"how": "smote"}, ValueError, "at least 2 rows of every class"),
            ({"y": Y[:3]}, ValueError, "same number of rows"),
            ({"y": Y * 0}, ValueError, "at least two classes"),
            ({"y": X}, ValueError, "hold classes"),
        ],
    )
    def test_bad_input(self, arguments, error, message):
        with pytest.raises(error, match=message):
            recipes.resample(**{"x": X, "y": Y, **arguments})
