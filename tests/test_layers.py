"""Numeric truth of `recipes.layers`: closed forms, masks and ties."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops

import recipes


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


class TestReversible:
    def test_dense_runs_its_kernel_backwards(self):
        x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
        layer = recipes.ReversibleDense(3, activation="tanh", reverse_activation="sigmoid")
        code = numbers(layer(x))
        kernel = numbers(layer.kernel)
        np.testing.assert_allclose(code, np.tanh(x @ kernel), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            numbers(layer(code, reverse=True)), 1 / (1 + np.exp(-code @ kernel.T)), rtol=1e-4
        )

    def test_convolution_and_its_reverse_are_adjoint(self):
        """<conv(x), z> equals <x, conv_reverse(z)>: the kernel is one and the same."""
        random = np.random.default_rng(0)
        layer = recipes.ReversibleConv2D(4, kernel_size=3, strides=2)
        x = random.normal(size=(1, 8, 8, 2)).astype("float32")
        z = random.normal(size=(1, 4, 4, 4)).astype("float32")
        forwards = np.sum(numbers(layer(x)) * z)
        backwards = np.sum(x * numbers(layer(z, reverse=True)))
        np.testing.assert_allclose(forwards, backwards, rtol=1e-4)

    @pytest.mark.parametrize("strides", [1, 2, 3])
    def test_convolution_gives_odd_sizes_back(self, strides):
        x = np.ones((2, 11, 7, 3), "float32")
        layer = recipes.ReversibleConv2D(4, strides=strides)
        assert layer(layer(x), reverse=True).shape == x.shape

    @pytest.mark.parametrize(
        "layer", [recipes.ReversibleDense(4), recipes.ReversibleConv2D(4)], ids=["dense", "conv"]
    )
    def test_both_biases_and_the_one_kernel_train(self, layer):
        x = np.random.default_rng(0).normal(size=(4, 6, 6, 3)).astype("float32")
        inputs = keras.Input(x.shape[1:])
        model = keras.Model(inputs, layer(layer(inputs), reverse=True))
        model.compile("sgd", "mse")
        before = [numbers(weight).copy() for weight in model.trainable_weights]
        model.fit(x, x, verbose=0)
        assert len(before) == 3
        for start, weight in zip(before, model.trainable_weights, strict=True):
            assert not np.array_equal(start, numbers(weight))


class TestDropConnect:
    def test_masks_the_share_of_weights_and_keeps_the_mean(self):
        layer = recipes.DropConnect(layers.Dense(200, kernel_initializer="ones"), 0.3, seed=0)
        x = np.eye(200, dtype="float32")
        kernel = numbers(layer(x, training=True))  # the identity shows the masked kernel itself
        assert set(np.round(np.unique(kernel), 5)) == {0.0, np.round(np.float32(1 / 0.7), 5)}
        assert abs((kernel == 0).mean() - 0.3) < 0.01
        assert abs(kernel.mean() - 1) < 0.02

    def test_a_fresh_mask_each_training_step_and_none_in_inference(self):
        layer = recipes.DropConnect(layers.Conv2D(3, 3), 0.5, seed=0)
        x = np.ones((1, 5, 5, 2), "float32")
        first, second = (numbers(layer(x, training=True)) for _ in range(2))
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(numbers(layer(x)), numbers(layer.layer(x)))

    def test_fit_draws_a_mask_a_step(self):
        """With a learning rate of 0 only the mask can change the loss from step to step."""
        x, y = np.ones((4, 8), "float32"), np.zeros((4, 1), "float32")
        inputs = keras.Input((8,))
        model = keras.Model(inputs, recipes.DropConnect(layers.Dense(1), 0.5, seed=1)(inputs))
        model.compile(keras.optimizers.SGD(0.0), "mse")
        losses = model.fit(x, y, epochs=6, verbose=0).history["loss"]
        assert len(set(losses)) > 3

    def test_gradients_reach_kept_weights_only(self):
        x, y = np.ones((1, 50), "float32"), np.full((1, 1), 9.0, "float32")
        inputs = keras.Input((50,))
        wrapped = recipes.DropConnect(layers.Dense(1), 0.5, seed=1)
        model = keras.Model(inputs, wrapped(inputs))
        model.compile(keras.optimizers.SGD(0.01), "mse")
        before = numbers(wrapped.layer.kernel).copy()
        model.fit(x, y, verbose=0)
        still = (numbers(wrapped.layer.kernel) == before).mean()
        assert 0.25 < still < 0.75

    def test_keeps_the_penalty_of_the_wrapped_layer(self):
        dense = layers.Dense(2, kernel_regularizer="l2")
        layer = recipes.DropConnect(dense, 0.5)
        layer(np.ones((1, 3), "float32"), training=True)
        assert len(layer.losses) == 1

    def test_refuses_a_layer_without_a_kernel(self):
        with pytest.raises(ValueError, match="layer must have a kernel"):
            recipes.DropConnect(layers.ReLU(), 0.5)(np.ones((1, 3)))
        with pytest.raises(TypeError, match=r"layer must be a keras\.Layer"):
            recipes.DropConnect("dense", 0.5)


class TestSwapNoise:
    def test_swaps_the_share_of_cells_within_columns(self):
        x = np.arange(4000, dtype="float32").reshape(1000, 4)
        noisy = numbers(recipes.SwapNoise(0.25, seed=0)(x, training=True))
        assert abs((noisy != x).mean() - 0.25) < 0.03
        assert (noisy % 4 == x % 4).all()  # every value still stands in its own column

    def test_is_off_in_inference(self):
        x = np.arange(8, dtype="float32").reshape(4, 2)
        np.testing.assert_array_equal(numbers(recipes.SwapNoise(0.9)(x)), x)


class TestDisturbLabel:
    P = np.array([0.7, 0.2, 0.06, 0.04], "float32")

    def test_expected_loss_is_the_closed_form(self):
        """A share `rate` of labels drawn from all K: (1 - rate) CE(y) + rate / K sum of CE(k)."""
        rate, rows, label = 0.3, 40_000, 1
        p = np.tile(self.P, (rows, 1))
        disturbed = numbers(recipes.DisturbLabel(rate, seed=0)(p, training=True))
        loss = -np.log(disturbed[:, label]).mean()
        expected = (1 - rate) * -np.log(self.P[label]) + rate * -np.log(self.P).mean()
        np.testing.assert_allclose(loss, expected, rtol=0.01)

    def test_one_sigmoid_output(self):
        p = np.full((40_000, 1), 0.9, "float32")
        disturbed = numbers(recipes.DisturbLabel(0.2, seed=0)(p, training=True))
        np.testing.assert_allclose(np.mean(disturbed < 0.5), 0.2 / 2, atol=0.01)

    def test_validation_sees_the_true_labels(self):
        p = np.tile(self.P, (8, 1))
        np.testing.assert_array_equal(numbers(recipes.DisturbLabel(0.9)(p)), p)


def test_sampling_adds_the_closed_form_divergence_and_draws_in_training_only():
    mean = np.array([[1.0, -2.0]], "float32")
    log_variance = np.log(np.array([[4.0, 0.25]], "float32"))
    layer = recipes.Sampling(kl_weight=0.5, seed=0)
    np.testing.assert_array_equal(numbers(layer([mean, log_variance])), mean)
    expected = 0.5 * 0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance)
    np.testing.assert_allclose(float(layer.losses[0]), expected, rtol=1e-5)

    many = [np.repeat(values, 20_000, 0) for values in (mean, log_variance)]
    draws = numbers(layer(many, training=True))
    np.testing.assert_allclose(draws.mean(0), mean[0], atol=0.06)
    np.testing.assert_allclose(draws.std(0), [2.0, 0.5], rtol=0.03)


@pytest.mark.parametrize(
    "layer",
    [
        recipes.ReversibleDense(3, activation="relu", kernel_regularizer="l2"),
        recipes.ReversibleConv2D(3, kernel_size=2, strides=2, reverse_activation="sigmoid"),
        recipes.DropConnect(layers.Dense(3, activation="relu"), 0.4, seed=2),
        recipes.SwapNoise(0.3, seed=1),
        recipes.DisturbLabel(0.3, seed=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_survive_save_and_load(layer, tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )
    configs = [json.dumps(each.get_config()) for each in (loaded.layers[-1], layer)]
    assert configs[0] == configs[1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recipes.ReversibleDense(0), "units must be at least 1"),
        (lambda: recipes.ReversibleConv2D(4, strides=0), "strides must be at least 1"),
        (lambda: recipes.DropConnect(layers.Dense(2), 1.0), r"rate must be a rate in \[0, 1\)"),
        (lambda: recipes.SwapNoise(15), "Did you mean 0.15"),
        (lambda: recipes.DisturbLabel(-0.1), r"rate must be a rate in \[0, 1\)"),
        (lambda: recipes.Sampling(-1), "kl_weight must not be negative"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
