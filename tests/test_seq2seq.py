"""Sequence to sequence: attention and decoding against NumPy, the whole model and all answers."""

import itertools

import keras
import numpy as np
import pytest

import recipes
from recipes._attention import SourceAttention

RANDOM = np.random.default_rng(0)
SOURCE = RANDOM.integers(1, 9, (5, 6)).astype("int32")
SOURCE[0, 4:] = SOURCE[3, 2:] = 0
PADDING, UNKNOWN, START, END = range(4)

KINDS = {
    "additive": {"cell": "lstm", "units": (5, 4)},
    "none": {"cell": "gru", "units": (4,), "attention": None, "bidirectional": False},
}


def random_model(kind):
    """A model whose answers are far from even, so that the likeliest is no matter of rounding."""
    model = recipes.build_seq2seq(9, 7, embedding_dim=4, seed=1, **KINDS[kind])
    random = np.random.default_rng(2)
    model.set_weights([2 * random.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return random_model(request.param)


def log_probabilities(model, source, target):
    """Of each next token, by the model that was trained: (rows, steps, tokens)."""
    made = model({"source": source, "target": target}, training=False)
    return np.log(keras.ops.convert_to_numpy(made).astype("float64"))


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_attention_is_the_formula(kind):
    layer = SourceAttention(kind, 4)
    queries, values = RANDOM.normal(size=(5, 3, 2)), RANDOM.normal(size=(5, 6, 5))
    queries = RANDOM.normal(size=(5, 3, 4)) if kind == "dot" else queries
    context, weights = layer(queries.astype("float32"), values.astype("float32"), SOURCE)
    keys, *rest = [values @ w if i == 0 else w for i, w in enumerate(layer.get_weights())]
    for row, step in itertools.product(range(5), range(3)):
        kept = SOURCE[row] != 0
        if kind == "additive":
            kernel, query = rest
            energy = np.tanh(queries[row, step] @ kernel + keys[row]) @ query[:, 0]
        else:
            energy = keys[row] @ queries[row, step]
        expected = np.where(kept, np.exp(energy), 0) / np.exp(energy)[kept].sum()
        np.testing.assert_allclose(weights[row, step], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(context[row, step], expected @ values[row], rtol=1e-4, atol=1e-5)


def test_greedy_decoding_is_the_whole_model_run_again_at_every_step(model):
    decoded = recipes.decode(model, SOURCE, max_length=6)
    target, done, total = np.full((5, 1), START), np.zeros(5, bool), np.zeros(5)
    for _ in range(6):
        logs = log_probabilities(model, SOURCE, target)[:, -1]
        logs[:, [PADDING, START]] = -np.inf
        token = np.where(done, PADDING, logs.argmax(-1))
        total += np.where(done, 0, logs.max(-1))
        done |= token == END
        target = np.concatenate([target, token[:, None]], 1)
    steps = decoded.tokens.shape[1]
    np.testing.assert_array_equal(decoded.tokens, target[:, 1 : steps + 1])
    assert (target[:, steps + 1 :] == PADDING).all()
    np.testing.assert_allclose(decoded.log_probabilities, total, rtol=1e-3, atol=1e-3)


def test_a_wide_beam_finds_the_likeliest_of_all_answers(model):
    decoded = recipes.decode(model, SOURCE[:2], max_length=3, beam=36)
    for row, source in enumerate(SOURCE[:2]):
        best = {}
        for answer in itertools.product((UNKNOWN, END, 4, 5, 6), repeat=3):
            ended = answer.index(END) + 1 if END in answer else 3
            best[answer[:ended]] = 0.0
        rows = np.array([(START, *(*a, 0, 0)[:3]) for a in best])
        logs = log_probabilities(model, np.repeat(source[None], len(rows), 0), rows[:, :-1])
        for number, answer in enumerate(best):
            best[answer] = sum(logs[number, step, token] for step, token in enumerate(answer))
        likeliest = max(best, key=best.get)
        found = decoded.tokens[row]
        assert tuple(found[found != PADDING]) == likeliest
        np.testing.assert_allclose(
            decoded.log_probabilities[row], best[likeliest], rtol=1e-3, atol=1e-3
        )


def test_padding_of_the_source_changes_no_answer(model):
    padded = np.pad(SOURCE, [(0, 0), (0, 3)])
    short, long = (recipes.decode(model, x, max_length=4) for x in (SOURCE, padded))
    np.testing.assert_array_equal(short.tokens, long.tokens)
    np.testing.assert_allclose(short.log_probabilities, long.log_probabilities, atol=1e-4)


def test_padding_of_the_target_costs_nothing(model):
    target = np.array([[START, 4, 5, 6, END]] * 5)
    losses = []
    for extra in (0, 3):
        padded = np.pad(target, [(0, 0), (0, extra)])
        x = {"source": SOURCE, "target": padded[:, :-1]}
        losses.append(float(model.compute_loss(None, padded[:, 1:], model(x))))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_attention_sums_to_1_over_the_source_and_batches_change_nothing():
    model = random_model("additive")
    whole = recipes.decode(model, SOURCE, max_length=6)
    parts = recipes.decode(model, SOURCE, max_length=6, batch_size=2)
    assert whole.attention.shape == (5, whole.tokens.shape[1], 6)
    first = whole.attention[:, 0]  # later steps of short answers are padding
    np.testing.assert_allclose(first.sum(-1), 1, rtol=1e-5)
    assert (first[SOURCE == 0] == 0).all()
    np.testing.assert_array_equal(whole.tokens, parts.tokens)
    np.testing.assert_allclose(whole.log_probabilities, parts.log_probabilities, rtol=1e-4)


@pytest.fixture(scope="module")
def reverser(tmp_path_factory):
    """A model that was trained to turn words round, saved and loaded, and its data."""
    words = ["".join(RANDOM.choice(list("abc"), RANDOM.integers(2, 4))) for _ in range(256)]
    turned = [word[::-1] for word in words]
    vocabulary = recipes.Vocabulary.of(words, split="character")
    model = recipes.build_seq2seq(
        vocabulary, vocabulary, units=(24,), embedding_dim=8, learning_rate=0.02, seed=0
    )
    source, target = vocabulary.encode(words), vocabulary.encode(turned, ends=True)
    feed = recipes.batches({"source": source, "target": target[:, :-1]}, target[:, 1:], 32, seed=0)
    model.fit(feed, epochs=12, shuffle=False, verbose=0)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return model, keras.models.load_model(path), words, turned


def test_it_learns_and_the_loaded_model_answers_alike_in_texts(reverser):
    model, loaded, words, turned = reverser
    vocabulary = recipes.vocabulary_of(loaded, "source_embedding")
    first, second = (
        recipes.decode(m, vocabulary.encode(words), max_length=6) for m in (model, loaded)
    )
    assert np.mean([a == b for a, b in zip(first.texts(), turned, strict=True)]) > 0.9
    assert first.texts() == second.texts()
    ax = second.plot(0)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(words[0])
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "end"


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"source": [[1, 9]]}, ValueError, r"source must hold tokens from 0 to 8.*9 first at"),
        ({"source": [[1.5]]}, TypeError, "source"),
        ({"source": np.zeros((0, 3), int)}, ValueError, "source"),
        ({"source": [1, 2]}, ValueError, "source"),
        ({"max_length": 0}, ValueError, "max_length"),
        ({"beam": 0}, ValueError, "beam"),
        (
            {"model": keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])},
            ValueError,
            "model",
        ),
    ],
)
def test_decode_refuses(arguments, error, name):
    with pytest.raises(error, match=name):
        recipes.decode(**{"model": random_model("none"), "source": SOURCE, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"source_vocabulary": 1}, ValueError, "source_vocabulary"),
        ({"target_vocabulary": 4}, ValueError, "target_vocabulary"),
        ({"target_vocabulary": "abc"}, TypeError, "target_vocabulary"),
        ({"attention": "adictive"}, ValueError, "Did you mean 'additive'"),
        ({"cell": "transformer"}, ValueError, "cell"),
        ({"units": 8}, TypeError, "units"),
        ({"embedding_dim": 0}, ValueError, "embedding_dim"),
        ({"dropout": 20}, ValueError, "Did you mean 0.2"),
        ({"optimizer": "adma"}, ValueError, "Did you mean 'adam'"),
    ],
)
def test_build_refuses(arguments, error, name):
    with pytest.raises(error, match=name):
        recipes.build_seq2seq(**{"source_vocabulary": 9, "target_vocabulary": 9, **arguments})
