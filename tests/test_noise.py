"""`inject_noise`: same weights, same inference, noise in training."""

import keras
import numpy as np
import pytest
from keras import layers

import recipes

X = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")


def sequential():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(6)]
    )
    model.compile("adam", "mse")
    return model


MODELS = {
    "sequential": sequential,
    "mlp": lambda: recipes.build_mlp((6,), 6, task="regression", units=(8, 4)),
    "nested": lambda: recipes.build_stacked_autoencoder((6,), units=(8,), latent_dim=3),
}


@pytest.mark.parametrize("where", ["input", "hidden", "both"])
@pytest.mark.parametrize("name", MODELS)
def test_same_inference_noisy_training_and_it_trains_on(name, where, tmp_path):
    model = MODELS[name]()
    noisy = recipes.inject_noise(model, 0.3, where=where, seed=0)
    for ours, theirs in zip(noisy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(
        noisy.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )
    trained = [np.asarray(noisy(X, training=True)) for _ in range(2)]
    assert not np.array_equal(*trained)

    noisy.save(tmp_path / "noisy.keras")
    loaded = keras.models.load_model(tmp_path / "noisy.keras")
    before = model.get_weights()
    assert np.isfinite(loaded.fit(X, X, verbose=0).history["loss"][0])
    for start, weight in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(start, weight)


def test_noise_has_the_standard_deviation_asked_for():
    inputs = keras.Input((6,))
    identity = keras.Model(inputs, layers.Activation("linear")(inputs))
    noisy = recipes.inject_noise(identity, 0.3, seed=0)
    x = np.zeros((5000, 6), "float32")
    assert abs(np.asarray(noisy(x, training=True)).std() - 0.3) < 0.01


def test_hidden_noise_stands_behind_every_activation_but_the_last():
    model = recipes.build_mlp((6,), 3, units=(8, 4), dropout=0.0)
    noisy = recipes.inject_noise(model, 0.3, where="hidden")
    kinds = [type(layer).__name__ for layer in noisy.layers]
    assert kinds.count("GaussianNoise") == 2
    assert kinds[-1] == "Dense"


def test_parts_keep_their_names():
    noisy = recipes.inject_noise(MODELS["nested"](), 0.3)
    assert noisy.get_layer("encoder").output_shape == (None, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "mlp"}, TypeError, r"model must be a keras\.Model"),
        ({"stddev": -1}, ValueError, "stddev must not be negative"),
        ({"where": "inputs"}, ValueError, "Did you mean 'input'"),
        ({"model": keras.Sequential([layers.Dense(2)])}, ValueError, "model must be built"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        recipes.inject_noise(**{"model": sequential(), **arguments})


class TestWeightNoise:
    def test_noise_has_the_spread_that_was_asked_for_and_is_fresh_each_step(self):
        layer = recipes.WeightNoise(keras.layers.Dense(300), stddev=0.5, seed=0)
        x = np.eye(200, dtype="float32")
        layer(x)
        kernel = keras.ops.convert_to_numpy(layer.layer.kernel)
        first, second = (np.array(layer(x, training=True)) - kernel for _ in range(2))
        assert first.std() == pytest.approx(0.5 * kernel.std(), rel=0.02)
        assert abs(first.mean()) < 0.01 * kernel.std()
        assert not np.array_equal(first, second)

    def test_inject_noise_keeps_inference_trains_saves_and_loads(self, tmp_path):
        x, y = np.random.default_rng(0).normal(size=(16, 4)).astype("float32"), np.arange(16) % 3
        model = recipes.build_mlp((4,), 3, units=(5,), seed=0)
        noisy = recipes.inject_noise(model, 0.3, where="weights", seed=0)
        np.testing.assert_allclose(noisy(x), model(x), rtol=1e-5, atol=1e-6)
        assert not np.allclose(noisy(x, training=True), model(x, training=True), atol=1e-3)
        before = noisy.get_weights()
        noisy.fit(x, y, verbose=0)
        assert all(
            not np.array_equal(a, b)
            for a, b in zip(before, noisy.get_weights(), strict=True)
            if a.ndim == 2
        )
        noisy.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(
            loaded.predict(x, verbose=0), noisy.predict(x, verbose=0), rtol=1e-5, atol=1e-6
        )
