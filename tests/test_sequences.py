"""Recurrent networks: every cell, attention and feedback against NumPy; padding; generation."""

import functools

import keras
import numpy as np
import pytest

import recipes
from recipes import _recurrent

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(4, 7, 3)).astype("float32")
TENSORFLOW = keras.backend.backend() == "tensorflow"


def with_random_weights(model, seed=0):
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def answer(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_step(x, h, c, kernel, recurrent, bias):
    return np.tanh(x @ kernel + h @ recurrent + bias), c


def lstm_step(x, h, c, kernel, recurrent, bias):
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, h, c, kernel, recurrent, bias):
    xz, xr, xn = np.split(x @ kernel + bias[0], 3, -1)
    hz, hr, hn = np.split(h @ recurrent + bias[1], 3, -1)
    z, n = sigmoid(xz + hz), np.tanh(xn + sigmoid(xr + hr) * hn)
    return z * h + (1 - z) * n, c


STEPS = {"rnn": simple_step, "lstm": lstm_step, "gru": gru_step}


def loop(cell, x, weights):
    """States at every step, (batch, timesteps, units)."""
    h = c = np.zeros((len(x), weights[1].shape[0]))
    states = []
    for t in range(x.shape[1]):
        h, c = STEPS[cell](x[:, t], h, c, *weights)
        states.append(h)
    return np.stack(states, 1)


@pytest.mark.parametrize("cell", STEPS)
def test_a_cell_is_the_loop_in_numpy(cell):
    options = {"cell": cell, "units": (4,), "batch_norm": False, "task": "regression"}
    model = with_random_weights(
        recipes.build_rnn((None, 3), 2, pattern="many_to_many", bidirectional=True, **options)
    )
    *weights, kernel, bias = model.get_weights()
    forward, backward = weights[: len(weights) // 2], weights[len(weights) // 2 :]
    states = [loop(cell, X, forward), loop(cell, X[:, ::-1], backward)[:, ::-1]]
    np.testing.assert_allclose(
        answer(model, X), np.concatenate(states, -1) @ kernel + bias, rtol=1e-4, atol=1e-5
    )
    last = with_random_weights(recipes.build_rnn((None, 3), 2, **options))
    *weights, kernel, bias = last.get_weights()
    np.testing.assert_allclose(
        answer(last, X), loop(cell, X, weights)[:, -1] @ kernel + bias, rtol=1e-4, atol=1e-5
    )


def test_attention_is_a_weighted_mean_of_the_steps():
    model = with_random_weights(
        recipes.build_rnn((7, 3), 2, units=(4,), attention=True, batch_norm=False)
    )
    *cell, kernel, bias, query, head, head_bias = model.get_weights()
    states = loop("lstm", X, cell)
    energy = (np.tanh(states @ kernel + bias) @ query)[..., 0]
    weights = np.exp(energy) / np.exp(energy).sum(-1, keepdims=True)
    logits = np.einsum("bt,btu->bu", weights, states) @ head + head_bias
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(answer(model, X), expected, rtol=1e-4, atol=1e-5)
    seen = keras.Model(model.input, model.get_layer("attention").output)
    np.testing.assert_allclose(answer(seen, X), weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "build",
    [
        functools.partial(recipes.build_rnn, units=(4,)),
        functools.partial(recipes.build_lstm_fcn, units=(4,), filters=(4,)),
    ],
    ids=["rnn", "lstm_fcn"],
)
def test_window_reads_the_latest_timesteps_alone(build):
    model = build((7, 3), 2, window=0.6, seed=0)  # four of seven
    changed = X.copy()
    changed[:, :3] += 1
    np.testing.assert_array_equal(answer(model, X), answer(model, changed))
    changed[:, 3] += 1
    assert not np.allclose(answer(model, X), answer(model, changed))
    assert build((7, 3), 2, window=1.0).count_params() == build((7, 3), 2).count_params()


def test_feed_back_reads_the_step_before():
    model = recipes.build_rnn(
        (3,), 2, pattern="one_to_many", steps=4, feed_back=True, units=(5,), task="regression",
        batch_norm=False, cell="rnn",
    )  # fmt: skip
    *cell, kernel, bias = with_random_weights(model).get_weights()
    h, y, expected = np.zeros((4, 5)), np.zeros((4, 2)), []
    for _ in range(4):
        h, _ = simple_step(np.concatenate([X[:, 0], y], -1), h, None, *cell)
        y = h @ kernel + bias
        expected.append(y)
    np.testing.assert_allclose(answer(model, X[:, 0]), np.stack(expected, 1), rtol=1e-4, atol=1e-4)


def test_one_to_many_repeats_its_input():
    options = {"units": (5,), "batch_norm": False}
    one = recipes.build_rnn((3,), 2, pattern="one_to_many", steps=7, **options)
    many = recipes.build_rnn((7, 3), 2, pattern="many_to_many", **options)
    many.set_weights(with_random_weights(one).get_weights())
    repeated = np.repeat(X[:, :1], 7, 1)
    np.testing.assert_allclose(answer(one, X[:, 0]), answer(many, repeated), rtol=1e-5)


@pytest.mark.parametrize(
    ("cell", "pattern", "kind"),
    [
        ("lstm", "many_to_one", "numbers"),
        ("lstm", "many_to_many", "tokens"),
        ("gru", "many_to_one", "tokens"),
        ("rnn", "many_to_many", "numbers"),
    ],
)
def test_padding_changes_no_answer(cell, pattern, kind):
    tokens = kind == "tokens"
    data = {"vocabulary": 9} if tokens else {"mask_value": -1.0}
    model = recipes.build_rnn(
        (None,) if tokens else (None, 3), 2, units=(4, 3), cell=cell, pattern=pattern,
        bidirectional=True, attention=True, normalisation="layer", **data,
    )  # fmt: skip
    x = RANDOM.integers(1, 9, (4, 7)) if tokens else X
    expected = answer(with_random_weights(model), x)
    for before, after in ((0, 4), (3, 0), (1, 2)):
        sides = [(0, 0), (before, after), (0, 0)][: x.ndim]
        padded = answer(model, np.pad(x, sides, constant_values=0 if tokens else -1))
        if pattern == "many_to_many":
            padded = padded[:, before : before + 7]
        np.testing.assert_allclose(padded, expected, rtol=1e-4, atol=1e-5)


def test_padding_costs_nothing_in_the_loss():
    model = recipes.build_rnn((None,), 3, vocabulary=9, pattern="many_to_many", units=(4,))
    x, y = RANDOM.integers(1, 9, (8, 5)), RANDOM.integers(0, 3, (8, 5))
    padded = [np.pad(values, [(0, 0), (0, 3)]) for values in (x, y)]
    loss, padded_loss = (float(model.compute_loss(None, y, model(x))) for x, y in ((x, y), padded))
    np.testing.assert_allclose(padded_loss, loss, rtol=1e-5)


@pytest.mark.parametrize("cell", STEPS)
def test_recurrent_dropout_is_of_training_only(cell):
    model = recipes.build_rnn((7, 3), 2, cell=cell, units=(4,), recurrent_dropout=0.5, dropout=0.0)
    np.testing.assert_array_equal(answer(model, X), answer(model, X))
    drawn = [keras.ops.convert_to_numpy(model(X, training=True)) for _ in range(2)]
    assert not np.allclose(*drawn)


@pytest.mark.parametrize("attention", [False, True])
def test_many_to_many_sees_no_future(attention):
    model = recipes.build_rnn(
        (None, 3), 2, pattern="many_to_many", units=(4, 3), attention=attention
    )
    changed = X.copy()
    changed[:, 4:] += 1
    before, after = answer(with_random_weights(model), X), answer(model, changed)
    np.testing.assert_allclose(before[:, :4], after[:, :4], rtol=1e-5)
    assert not np.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.skipif(not TENSORFLOW, reason="elsewhere it is Keras's own loop")
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_the_fused_lstm_is_keras_lstm_with_its_gradients(sequences, backwards, masked):
    import tensorflow as tf

    options = {"return_sequences": sequences, "return_state": True, "go_backwards": backwards}
    slow, fast = keras.layers.LSTM(4, **options), _recurrent.LSTM(4, **options)
    x = tf.constant(X)
    start = [tf.constant(RANDOM.normal(size=(4, 4)).astype("float32")) for _ in range(2)]
    slow(x), fast(x)
    fast.set_weights(slow.get_weights())
    assert fast.fused
    mask = np.array([[1] * 7, [0] * 7, [0, 0, 1, 1, 1, 0, 0], [0, 1, 0, 1, 0, 1, 0]], bool)
    found = []
    for layer in (slow, fast):
        with tf.GradientTape() as tape:
            tape.watch([x, *start])
            made = layer(x, mask=tf.constant(mask) if masked else None, initial_state=start)
            loss = sum(tf.reduce_sum(tf.sin(part * (i + 1))) for i, part in enumerate(made))
        found.append([*made, *tape.gradient(loss, [x, *layer.trainable_variables, *start])])
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_lstm_fcn_is_two_branches_side_by_side():
    model = recipes.build_lstm_fcn(
        (7, 3), 2, units=(4,), filters=(5,), kernel_size=3, task="regression"
    )
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    named = {layer.name: layer.get_weights() for layer in model.layers if layer.get_weights()}
    names = list(named)
    find = {kind: [n for n in names if kind in n] for kind in ("batch", "lstm", "conv")}
    mean, variance = named[find["batch"][0]]
    x = (X - mean) / np.sqrt(variance + 1e-3)
    recurrent = loop("lstm", x.transpose(0, 2, 1), named[find["lstm"][0]])[:, -1]
    (kernel,) = named[find["conv"][0]]
    padded = np.pad(x, [(0, 0), (1, 1), (0, 0)])
    convolved = sum(padded[:, shift : shift + 7] @ kernel[shift] for shift in range(3))
    gamma, beta, mean, variance = named[find["batch"][1]]
    normal = (convolved - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    both = np.concatenate([recurrent, np.maximum(normal, 0).mean(1)], -1)
    head, bias = named["output"]
    np.testing.assert_allclose(answer(model, X), both @ head + bias, rtol=1e-4, atol=1e-4)


# --- generation -----------------------------------------------------------------------------------

CHANCES = np.array(
    [[0.2] * 5, [0, 0, 0.7, 0.2, 0.1], [0, 0.1, 0, 0.8, 0.1]] + [[0, 0, 0, 0, 1]] * 2
)


def chain():
    """Tokens whose next token depends on the last alone, by CHANCES."""
    inputs = keras.Input((None,), dtype="int32")
    table = keras.layers.Embedding(5, 5)
    model = keras.Model(inputs, table(inputs))
    table.set_weights([CHANCES.astype("float32")])
    return model


def test_temperature_0_takes_the_likeliest():
    tokens = recipes.generate_sequence(chain(), [[1], [2], [4]], 4, temperature=0)
    np.testing.assert_array_equal(tokens, [[2, 3, 4, 4], [3, 4, 4, 4], [4, 4, 4, 4]])


@pytest.mark.parametrize(("temperature", "power"), [(1.0, 1.0), (0.5, 2.0), (2.0, 0.5)])
def test_temperature_sharpens_the_chances(temperature, power):
    start = np.ones((20_000, 1), int)
    drawn = recipes.generate_sequence(chain(), start, 1, temperature=temperature, seed=0)
    expected = CHANCES[1] ** power / (CHANCES[1] ** power).sum()
    np.testing.assert_allclose(np.bincount(drawn[:, 0], minlength=5) / 20_000, expected, atol=0.01)


def test_same_seed_same_sequence():
    start = np.ones((50, 2), int)
    one, two, other = (
        recipes.generate_sequence(chain(), start, 3, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("shape", [(None, 2), (3, 2)])
@pytest.mark.parametrize("pattern", ["many_to_one", "many_to_many"])
def test_numbers_are_fed_back_as_they_are(shape, pattern):
    model = recipes.build_rnn(
        shape, 2, pattern=pattern, task="regression", units=(3,), batch_norm=False
    )
    start = X[:, :3, :2]
    made = recipes.generate_sequence(with_random_weights(model), start, 2)
    expected, all_steps = [], start
    for _ in range(2):
        next_step = answer(model, all_steps if shape[0] is None else all_steps[:, -3:])
        next_step = next_step[:, -1] if pattern == "many_to_many" else next_step
        expected.append(next_step)
        all_steps = np.concatenate([all_steps, next_step[:, None]], 1)
    np.testing.assert_allclose(made, np.stack(expected, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"start": [1, 2]}, "start"),
        ({"start": np.zeros((0, 3), int)}, "start"),
        ({"length": 0}, "length"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_generation_refuses_what_it_cannot_go_on_with(arguments, name):
    with pytest.raises(ValueError, match=name):
        recipes.generate_sequence(**{"model": chain(), "start": [[1]], "length": 2, **arguments})


def test_answers_must_be_inputs():
    model = recipes.build_rnn((4, 3), 2, task="regression", units=(2,))
    with pytest.raises(ValueError, match="3 in and 2 out"):
        recipes.generate_sequence(model, X[:, :4], 2)
