"""What units respond to and what attention looks at, against answers computed by hand."""

import keras
import numpy as np
import pytest
from keras import layers

import recipes

random = np.random.default_rng(0)


@pytest.fixture(scope="module")
def patterned():
    """A convolution whose two filters wait for a pattern of the size of the image."""
    convolution = layers.Conv2D(2, 5, name="filters", activation="relu")
    model = keras.Sequential([keras.Input((5, 5, 1)), convolution, layers.Flatten()])
    convolution.set_weights([random.normal(size=(5, 5, 1, 2)), 30 * np.ones(2)])
    return model


def test_the_best_input_of_a_filter_is_its_pattern(patterned):
    found = recipes.maximize_activation(
        patterned, "filters", [1, 0], jitter=0, blur=0, step_size=0.2, steps=64, seed=0
    )
    kernel = patterned.get_layer("filters").get_weights()[0]
    for picture, number in zip(found, (1, 0), strict=True):
        wanted = (kernel[..., number] > 0).astype(float)
        small = np.abs(kernel[..., number]) < 0.1  # the gradient hardly speaks there
        np.testing.assert_allclose(picture[~small], wanted[~small], atol=0.05)


def test_raises_what_it_maximises_and_is_repeatable(patterned):
    made = recipes.maximize_activation(patterned, None, 0, steps=8, value_range=(-2, 3), seed=1)
    again = recipes.maximize_activation(patterned, None, 0, steps=8, value_range=(-2, 3), seed=1)
    np.testing.assert_array_equal(made, again)
    assert made.shape == (1, 5, 5, 1)
    assert made.min() >= -2
    assert made.max() <= 3
    grey = np.full((1, 5, 5, 1), 0.5, "float32")
    assert patterned.predict(made, verbose=0)[0, 0] > patterned.predict(grey, verbose=0)[0, 0]


def softmax(scores):
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


class AttentionPool(layers.Layer):
    """Weighs the steps of a series once, as a recurrent network with attention does."""

    def build(self, shape):
        self.score = self.add_weight((shape[-1],), name="score")

    def call(self, inputs, return_attention_scores=False):
        weights = keras.ops.softmax(keras.ops.matmul(inputs, self.score), axis=-1)
        pooled = keras.ops.sum(weights[..., None] * inputs, axis=1)
        return (pooled, weights) if return_attention_scores else pooled


@pytest.fixture(scope="module")
def sequences():
    """Series and a second input: a pooling of the steps, and the three layers of Keras."""
    series, query = keras.Input((6, 4), name="series"), keras.Input((3, 4), name="query")
    pooled = AttentionPool(name="attention_pool")(series)
    dot = layers.Attention(name="dot")([query, series])
    additive = layers.AdditiveAttention(name="additive")([query, series])
    heads = layers.MultiHeadAttention(2, 3, name="heads")(query, series)
    return keras.Model([series, query], [pooled, dot, additive, heads])


SERIES = random.normal(size=(5, 6, 4)).astype("float32")
QUERY = random.normal(size=(5, 3, 4)).astype("float32")


def test_attention_weights_are_those_of_numpy(sequences):
    def weights(name):
        found = recipes.attention_weights(sequences, [SERIES, QUERY], layer=name, batch_size=2)
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
        return found

    score = sequences.get_layer("attention_pool").get_weights()[0]
    np.testing.assert_allclose(weights("attention_pool"), softmax(SERIES @ score), atol=1e-5)
    dot = np.einsum("nqf,nkf->nqk", QUERY, SERIES)
    np.testing.assert_allclose(weights("dot"), softmax(dot), atol=1e-5)
    scale = sequences.get_layer("additive").get_weights()[0]
    summed = np.tanh(QUERY[:, :, None] + SERIES[:, None]) @ scale
    np.testing.assert_allclose(weights("additive"), softmax(summed), atol=1e-5)
    wq, bq, wk, bk = sequences.get_layer("heads").get_weights()[:4]
    q, k = np.einsum("nqf,fhd->nhqd", QUERY, wq), np.einsum("nkf,fhd->nhkd", SERIES, wk)
    q, k = q + bq[:, None], k + bk[:, None]
    found = weights("heads")
    assert found.shape == (5, 2, 3, 6)
    expected = softmax(np.einsum("nhqd,nhkd->nhqk", q, k) / np.sqrt(3))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_attention_by_name_inside_a_nested_model():
    """A layer that returns the weights alone, and one that returns them last."""
    inner = keras.Input((6, 4))
    weights = layers.Dense(6, "softmax", name="attention")(layers.Flatten()(inner))
    nested = keras.Model(inner, layers.Dot(1)([weights, inner]), name="encoder")
    inputs = keras.Input((6, 4))
    model = keras.Model(inputs, nested(inputs))
    kernel = nested.get_layer("attention").get_weights()[0]
    expected = softmax(SERIES.reshape(5, -1) @ kernel)
    np.testing.assert_allclose(recipes.attention_weights(model, SERIES), expected, atol=1e-5)
    broken = keras.Model(inner, layers.Dense(6, name="attention_like")(inner))
    with pytest.raises(ValueError, match="weights that sum to 1"):
        recipes.attention_weights(broken, SERIES)


def put_in(model, name, x):
    """What goes into a layer of a functional model."""
    return keras.Model(model.input, model.get_layer(name).input)(x)


@pytest.mark.parametrize("pattern", ["many_to_one", "many_to_many"])
def test_attention_of_build_rnn(pattern):
    """A weighted mean over the steps, and over those that each step may see."""
    model = recipes.build_rnn((6, 4), 2, pattern=pattern, cell="rnn", units=(3,), attention=True)
    found = recipes.attention_weights(model, SERIES, batch_size=2)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    states = put_in(model, "attention", SERIES)
    weights = [w.astype("float32") for w in model.get_layer("attention").get_weights()]
    if pattern == "many_to_one":
        kernel, bias, query = weights
        states = keras.ops.convert_to_numpy(states)
        energy = (np.tanh(states @ kernel + bias) @ query)[..., 0]
    else:
        (scale,) = weights
        states = keras.ops.convert_to_numpy(states[0])
        ahead = np.triu(np.ones((6, 6), bool), 1)
        energy = np.where(ahead, -np.inf, scale * np.einsum("nqf,nkf->nqk", states, states))
    np.testing.assert_allclose(found, softmax(energy), atol=1e-5)


def test_attention_of_build_seq2seq():
    """Every step of the answer looks at the source, and at no padding."""
    model = recipes.build_seq2seq(9, 9, cell="rnn", units=(3,), embedding_dim=4)
    source, target = random.integers(4, 9, (5, 7)), random.integers(4, 9, (5, 3))
    source[:2, 5:] = 0
    x = {"source": source, "target": target}
    found = recipes.attention_weights(model, x)
    assert found.shape == (5, 3, 7)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    queries, values, _ = map(keras.ops.convert_to_numpy, put_in(model, "attention", x))
    values_kernel, kernel, query = model.get_layer("attention").get_weights()
    both = np.tanh((queries @ kernel)[:, :, None] + (values @ values_kernel)[:, None])
    energy = np.where(source[:, None] == 0, -np.inf, (both @ query)[..., 0])
    np.testing.assert_allclose(found, softmax(energy), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layer": "filtres"}, ValueError, "mean 'filters'"),
        ({"filters": 2}, ValueError, "filters must be from 0 to 1"),
        ({"filters": []}, ValueError, "filters must name at least one"),
        ({"filters": 0.5}, TypeError, "filters"),
        ({"steps": 0}, ValueError, "steps"),
        ({"value_range": (1, 0)}, ValueError, "value_range"),
        ({"blur": -1}, ValueError, "blur"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_input(patterned, arguments, error, message):
    with pytest.raises(error, match=message):
        recipes.maximize_activation(patterned, **{"layer": "filters", "filters": 0, **arguments})


def test_attention_that_is_not_there(patterned, sequences):
    with pytest.raises(ValueError, match=r"attention layer.*'filters'"):
        recipes.attention_weights(patterned, np.ones((2, 5, 5, 1)))
    with pytest.raises(ValueError, match="same number of rows"):
        recipes.attention_weights(sequences, [SERIES, QUERY[:2]])
