"""Text: what counts as a token, which number it gets, and the way back."""

import keras
import numpy as np
import pandas as pd
import pytest

import recipes

TEXTS = ["the cat sat", "The cat!", "a dog sat"]


def test_words_signs_and_characters():
    assert recipes.tokenize(["A-b  c2."]) == [["a", "-", "b", "c2", "."]]
    assert recipes.tokenize(["A-b"], lowercase=False) == [["A", "-", "b"]]
    assert recipes.tokenize(["Ab c"], split="character") == [["a", "b", " ", "c"]]


def test_texts_that_come_one_by_one():
    texts = ["good film", "bad"]
    assert recipes.tokenize(iter(texts)) == recipes.tokenize(texts)
    assert recipes.Vocabulary.of(iter(texts)).tokens == recipes.Vocabulary.of(texts).tokens
    assert recipes.Vocabulary.of(texts).encode(iter(texts)).shape == (2, 2)
    column = pd.Series(["bad", " "], index=[5, 6])
    with pytest.raises(ValueError, match="Received: ' ' first at index 1"):
        recipes.Vocabulary.of(texts).encode(column)


def test_numbers_go_by_how_common_a_token_is_then_by_the_alphabet():
    vocabulary = recipes.Vocabulary.of(TEXTS)
    assert vocabulary.tokens == (
        "",
        "[UNK]",
        "[START]",
        "[END]",
        "cat",
        "sat",
        "the",
        "!",
        "a",
        "dog",
    )
    assert recipes.Vocabulary.of(TEXTS, max_tokens=6).tokens[4:] == ("cat", "sat")
    assert recipes.Vocabulary.of(TEXTS, min_count=2).tokens[4:] == ("cat", "sat", "the")
    assert len(vocabulary) == 10


def test_encode_pads_cuts_and_marks_ends():
    vocabulary = recipes.Vocabulary.of(TEXTS)
    np.testing.assert_array_equal(vocabulary.encode(TEXTS[:2]), [[6, 4, 5], [6, 4, 7]])
    np.testing.assert_array_equal(
        vocabulary.encode(["cat", "a new dog"], length=2), [[4, 0], [8, 1]]
    )
    ends = vocabulary.encode(["cat", "a dog sat"], length=4, ends=True)
    np.testing.assert_array_equal(ends, [[2, 4, 3, 0], [2, 8, 9, 3]])
    assert vocabulary.decode(ends) == ["cat", "a dog"]
    assert ends.dtype == "int32"


@pytest.mark.parametrize("split", ["word", "character"])
def test_decode_undoes_encode(split):
    vocabulary = recipes.Vocabulary.of(TEXTS, split=split)
    assert vocabulary.decode(vocabulary.encode(["a cat sat"], ends=True)) == ["a cat sat"]


def test_a_model_keeps_its_vocabulary(tmp_path):
    vocabulary = recipes.Vocabulary.of(TEXTS, split="character", lowercase=False)
    model = recipes.build_rnn((None,), 2, vocabulary=vocabulary, units=(2,), embedding_dim=2)
    model.save(tmp_path / "model.keras")
    loaded = recipes.vocabulary_of(keras.models.load_model(tmp_path / "model.keras"))
    assert loaded.get_config() == vocabulary.get_config()
    assert recipes.vocabulary_of(recipes.build_rnn((3,), 2, vocabulary=9, units=(2,))) is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recipes.tokenize("text"), TypeError, r"Did you mean \[texts\]"),
        (lambda: recipes.tokenize(["a", None]), TypeError, "None first at index 1"),
        (lambda: recipes.tokenize(["a"], split="words"), ValueError, "Did you mean 'word'"),
        (lambda: recipes.Vocabulary(["a", "b", "a"]), ValueError, "'a' twice"),
        (lambda: recipes.Vocabulary(["[END]"]), ValueError, "twice"),
        (lambda: recipes.Vocabulary(["a", "Good"]), ValueError, "Good.*lowercase=False"),
        (lambda: recipes.Vocabulary.of(TEXTS, max_tokens=4), ValueError, "max_tokens"),
        (lambda: recipes.Vocabulary.of(TEXTS, min_count=0), ValueError, "min_count"),
        (lambda: recipes.Vocabulary.of(TEXTS).encode(["a", " "]), ValueError, "index 1"),
        (lambda: recipes.Vocabulary.of(TEXTS).encode(["a"], length=0), ValueError, "length"),
        (lambda: recipes.Vocabulary.of(TEXTS).decode([[99]]), ValueError, "from 0 to 9"),
        (lambda: recipes.vocabulary_of(recipes.build_rnn((2, 1), 2)), ValueError, "embedding"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[4, 9]], ValueError, r"x must hold tokens from 0 to 8. Received: 9 first at .* \(0, 1\)"),
        ([[4, 1], [-1, 2]], ValueError, r"-1 first at index \(1, 0\)"),
        ([[4.0, 1.0]], TypeError, "whole numbers"),
        ([4, 1], ValueError, "2 axes"),
        (np.zeros((0, 3), int), ValueError, "at least one row"),
    ],
)
def test_tokens_that_a_model_does_not_know_are_named(x, error, message):
    with pytest.raises(error, match=message):
        recipes.check_tokens(recipes.build_rnn((None,), 2, vocabulary=9, units=(2,)), x)


def test_both_sides_of_a_translation_are_checked():
    source, target = recipes.Vocabulary(["a", "b"]), recipes.Vocabulary(["c"])
    model = recipes.build_seq2seq(source, target, units=(2,), embedding_dim=2)
    x = {"source": source.encode(["a b"]), "target": target.encode(["c"], ends=True)}
    assert recipes.check_tokens(model, x) is x
    # The vocabulary of the other side is another one.
    with pytest.raises(ValueError, match=r"x\['target'\] must hold tokens from 0 to 4.*5 first"):
        recipes.check_tokens(model, {**x, "target": source.encode(["a b"], ends=True)})
    with pytest.raises(ValueError, match="be a dict with the inputs source, target"):
        recipes.check_tokens(model, x["source"])
    with pytest.raises(ValueError, match="read tokens"):
        recipes.check_tokens(recipes.build_rnn((3, 1), 2, units=(2,)), x)
