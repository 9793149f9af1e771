"""Numeric truth of `recipes.losses`."""

import keras
import numpy as np
import pytest
from keras import ops

import recipes

random = np.random.default_rng(0)
LABELS = random.integers(0, 4, size=(6,))
P = random.dirichlet(np.ones(4), size=6).astype("float32")


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.4])
@pytest.mark.parametrize(
    "labels",
    [LABELS, LABELS[:, None], LABELS.astype("float32"), np.eye(4)[LABELS]],
    ids=["integers", "column", "float", "one-hot"],
)
def test_smoothed_crossentropy_is_keras_on_one_hot(label_smoothing, labels):
    ours = recipes.SmoothedCrossentropy(label_smoothing)(labels, P)
    keras_loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    np.testing.assert_allclose(float(ours), float(keras_loss(np.eye(4)[LABELS], P)), rtol=1e-5)


def test_smoothed_crossentropy_over_time_steps():
    p = np.stack([P, P], axis=1)
    labels = np.stack([LABELS, LABELS], axis=1)
    loss = recipes.SmoothedCrossentropy(0.1)
    np.testing.assert_allclose(float(loss(labels, p)), float(loss(LABELS, P)), rtol=1e-5)


def test_smoothed_crossentropy_takes_class_and_sample_weights():
    x = random.normal(size=(6, 3)).astype("float32")
    model = recipes.build_mlp((3,), 4, units=(), batch_norm=False, label_smoothing=0.1, seed=0)
    weight = {0: 1.0, 1: 2.0, 2: 0.5, 3: 0.0}
    by_class = model.evaluate(
        x, LABELS, sample_weight=np.array([weight[c] for c in LABELS]), verbose=0
    )
    fitted = model.fit(x, LABELS, class_weight=weight, verbose=0, batch_size=6).history["loss"]
    np.testing.assert_allclose(fitted[0], by_class[0], rtol=1e-4)


def test_kl_sparsity_closed_form():
    activations = random.uniform(0.1, 0.9, size=(8, 5)).astype("float32")
    mean, rho = activations.mean(0), 0.05
    expected = np.sum(rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean)))
    penalty = recipes.KLSparsity(rho, weight=0.3)
    np.testing.assert_allclose(float(penalty(activations)), 0.3 * expected, rtol=1e-4)


def test_kl_sparsity_is_float32_finite_and_serialises():
    penalty = recipes.KLSparsity(0.2, weight=0.5)
    value = penalty(ops.zeros((4, 3), dtype="bfloat16"))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert np.isfinite(float(value))
    clone = keras.regularizers.deserialize(keras.regularizers.serialize(penalty))
    assert clone.get_config() == penalty.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recipes.SmoothedCrossentropy(10), "Did you mean 0.1"),
        (lambda: recipes.KLSparsity(0), "sparsity must be a share"),
        (lambda: recipes.KLSparsity(0.1, weight=-1), "weight must not be negative"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
