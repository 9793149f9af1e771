"""Lean steps on TensorFlow train and score as Keras's own do."""

import gc

import keras
import numpy as np
import pytest

from recipes import batches, build_mlp
from recipes._lean_steps import make_lean

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="other backends keep Keras's steps"
)
X = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
STEPS = 4  # per execution: seven batches of 12 rows make two executions, the second not full


def build(optimizer="adam"):
    model = build_mlp((4,), 3, units=(8,), dropout=0.2, optimizer=optimizer, seed=0)
    model.compile(
        model.optimizer, model.loss, metrics=["accuracy"], weighted_metrics=["accuracy"],
        steps_per_execution=STEPS,
    )  # fmt: skip
    return model


def fitted(model):
    feed = batches(X[:80], Y[:80], 12, sample_weight=1 + X[:80, 3] ** 2, seed=0)
    held = batches(X[80:], Y[80:], 16, shuffle=False)
    return model.fit(feed, validation_data=held, epochs=3, shuffle=False, verbose=0).history


def lean(model):
    model.optimizer.build(model.trainable_variables)
    make_lean(model)
    return model


@pytest.mark.parametrize("optimizer", ["momentum", keras.optimizers.AdamW(weight_decay=0.1)])
def test_the_numbers_are_keras_s_own(optimizer):
    plain, faster = build(optimizer), lean(build(optimizer))
    expected, seen = fitted(plain), fitted(faster)
    assert list(seen) == list(expected)
    for name in expected:
        np.testing.assert_allclose(seen[name], expected[name], rtol=1e-4, err_msg=name)
    for ours, theirs in zip(faster.variables, plain.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=ours.path)
    assert int(faster.optimizer.iterations) == 3 * 7


def test_single_batches_and_arrays_still_work():
    plain, faster = build(), lean(build())
    for model in (plain, faster):
        model.train_on_batch(X[:8], Y[:8])
        model.fit(X, Y, batch_size=50, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        faster.evaluate(X, Y, verbose=0), plain.evaluate(X, Y, verbose=0), rtol=1e-4
    )


def test_rows_of_an_embedding_that_were_not_looked_up_stay():
    def embedded():
        table = keras.layers.Embedding(5, 3, embeddings_initializer="ones")
        head = keras.layers.Dense(1, kernel_initializer="ones")
        model = keras.Sequential([keras.Input((2,)), table, keras.layers.Flatten(), head])
        model.compile("adam", "mse")
        return model

    plain, faster = embedded(), lean(embedded())
    words, y = np.array([[0, 1], [1, 2]]), np.ones((2, 1))
    for model in (plain, faster):
        model.fit(words, y, epochs=3, verbose=0)
    np.testing.assert_allclose(faster.get_weights()[0], plain.get_weights()[0], rtol=1e-4)


def test_nothing_is_left_of_a_model_that_is_gone():
    def graphs():
        gc.collect()
        return sum(isinstance(found, FuncGraph) for found in gc.get_objects())

    from tensorflow.python.framework.func_graph import FuncGraph

    before = graphs()
    fitted(lean(build()))
    assert graphs() <= before


def test_a_step_of_the_user_s_own_is_left_alone():
    class Own(keras.Sequential):
        def train_step(self, data):
            return {"mine": keras.ops.sum(keras.ops.ones_like(data[1]))}

    model = Own([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    assert lean(model).fit(X, Y, batch_size=100, verbose=0).history == {"mine": [100]}


def test_models_of_a_strategy_are_left_alone():
    import tensorflow as tf

    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        model = build()
    make_lean(model)
    assert model.train_function is None
