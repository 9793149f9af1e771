"""Averages of predictions against hand-computed figures; test-time augmentation."""

import keras
import numpy as np
import pytest

import recipes

A = np.array([[0.9, 0.1], [0.2, 0.8]])
B = np.array([[0.5, 0.5], [0.4, 0.6]])


class TestAverage:
    def test_mean_and_weights(self):
        np.testing.assert_allclose(recipes.average([A, B]), (A + B) / 2)
        np.testing.assert_allclose(recipes.average([A, B], weights=[3, 1]), (3 * A + B) / 4)

    def test_geometric_rows_sum_to_1_and_labels_do_not(self):
        expected = np.sqrt(A * B)
        made = recipes.average([A, B], "geometric")
        np.testing.assert_allclose(made, expected / expected.sum(1, keepdims=True))
        column = recipes.average([A[:, :1], B[:, :1]], "geometric")
        np.testing.assert_allclose(column, expected[:, :1])

    def test_geometric_survives_a_zero(self):
        assert np.isfinite(recipes.average([np.array([[0.0, 1.0]]), B[:1]], "geometric")).all()

    def test_ranks_look_at_the_order_only(self):
        scores = np.array([0.1, 0.9, 0.5])
        np.testing.assert_allclose(
            recipes.average([scores, scores**9], "rank"), [1 / 3, 1.0, 2 / 3]
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"predictions": []}, "at least one array"),
            ({"predictions": [A, B[:1]]}, "have one shape"),
            ({"predictions": [A, B], "kind": "media"}, "kind must be one of"),
            ({"predictions": [A, B], "weights": [1]}, "same number of rows"),
            ({"predictions": [A, B], "weights": [0, 0]}, "not all 0"),
            ({"predictions": [A, -B], "kind": "geometric"}, "be probabilities"),
            ({"predictions": [A, B * np.nan]}, "must be finite"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            recipes.average(**arguments)


class TestPredictWithAugmentation:
    X = np.random.default_rng(0).uniform(size=(7, 6, 6, 1)).astype("float32")

    def test_mean_of_original_and_flip(self):
        model = recipes.build_cnn((6, 6, 1), 3, filters=(2,), seed=0)
        flipped = self.X[:, :, ::-1]
        made = recipes.predict_with_augmentation(
            model, self.X, lambda batch: batch[:, :, ::-1], 1, batch_size=3
        )
        expected = (model.predict(self.X, verbose=0) + model.predict(flipped, verbose=0)) / 2
        np.testing.assert_allclose(made, expected, rtol=1e-5)

    def test_a_layer_is_on_and_draws_each_time(self):
        model = recipes.build_mlp((6, 6, 1), 3, seed=0)
        noise = keras.layers.GaussianNoise(0.5, seed=1)
        draws = [
            recipes.predict_with_augmentation(model, self.X, noise, 1, original=False)
            for _ in range(2)
        ]
        assert not np.allclose(*draws)

    def test_bad_input(self):
        model = recipes.build_mlp((6, 6, 1), 3)
        for arguments, error, message in (
            ({"n": 0}, ValueError, "n must be at least 1"),
            ({"augmentation": "flip"}, TypeError, "augmentation must be"),
            ({"x": self.X[:, 0]}, ValueError, "x must have rows of shape"),
            ({"x": self.X * np.nan}, ValueError, "x must be finite"),
        ):
            given = {"x": self.X, "augmentation": lambda batch: batch, **arguments}
            with pytest.raises(error, match=message):
                recipes.predict_with_augmentation(model, **given)
