"""`CosineAnnealing`: the curve, the way back, and schedules that it refuses."""

import copy

import keras
import numpy as np
import pytest

import recipes

X, Y = np.random.default_rng(0).normal(size=(40, 4)).astype("float32"), np.arange(40) % 3


def test_falls_along_a_half_cosine_and_gives_the_rate_back():
    model = recipes.build_mlp((4,), 3, units=(4,), learning_rate=0.02)
    callback = recipes.CosineAnnealing(minimum=0.1)
    for epochs in (4, 5):  # one object serves two fits
        fitted = model.fit(X, Y, epochs=epochs, callbacks=[callback], verbose=0)
        cosine = 0.5 * (1 + np.cos(np.pi * np.arange(epochs) / epochs))
        np.testing.assert_allclose(
            fitted.history["learning_rate"], 0.02 * (0.1 + 0.9 * cosine), rtol=1e-5
        )
        assert float(model.optimizer.learning_rate) == pytest.approx(0.02)


def test_the_rate_is_used():
    """With SGD the first step is the rate times the gradient; a second epoch steps half as far."""
    model = recipes.build_mlp(
        (4,), 1, units=(), task="regression", batch_norm=False, optimizer="sgd", learning_rate=1e-4
    )
    kernels = [model.get_weights()[0]]
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kernels.append(model.get_weights()[0])
    )
    model.fit(
        X,
        X[:, :1] * 9,
        batch_size=40,
        epochs=2,
        verbose=0,
        callbacks=[recipes.CosineAnnealing(), keep],
    )
    first, second = (np.abs(np.diff(kernels, axis=0)[i]).sum() for i in (0, 1))
    assert second / first == pytest.approx(0.5, rel=0.02)


def test_can_be_copied_during_a_fit():
    copy.deepcopy(recipes.CosineAnnealing())


def test_refuses_a_schedule_and_a_share_above_one():
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    model = recipes.build_mlp((4,), 3, units=(4,), learning_rate=schedule)
    with pytest.raises(ValueError, match="learning_rate of the optimizer must be a number"):
        model.fit(X, Y, callbacks=[recipes.CosineAnnealing()], verbose=0)
    with pytest.raises(ValueError, match="minimum must be a rate"):
        recipes.CosineAnnealing(minimum=1.5)
