"""Text as numbers: `tokenize` cuts it up, `Vocabulary` numbers the pieces and puts them back.

A model that is given a `Vocabulary` keeps it, saved and loaded: `vocabulary_of`. `check_tokens`
says which numbers a model does not know, before `fit` does something else with them.
"""

import collections
import functools

import keras
import numpy as np
from keras import layers, ops

from recipes import _checks, _model_checks

# The first tokens of every vocabulary, as in Keras's own: padding, unknown, first and last.
SPECIAL = ("", "[UNK]", "[START]", "[END]")
PADDING, UNKNOWN, START, END = range(4)
SPLITS = ("word", "character")


def tokenize(texts, *, split="word", lowercase=True):
    """Cut texts into words and signs, or into characters.

    Args:
        texts: strings, in a list or whatever holds them one by one.
        split: "word" (runs of letters and digits, and each other sign but spaces) or "character".
        lowercase: write everything small.

    Returns:
        A list of tokens for each text. Words are found by scikit-learn's `CountVectorizer`.

    Raises:
        TypeError: texts is one string, or holds something else than strings.

    >>> tokenize(["Can't wait!", "über 90%"])
    [['can', "'", 't', 'wait', '!'], ['über', '90', '%']]
    """
    texts = _check_texts(texts)
    _checks.one_of("split", split, SPLITS)
    _checks.flag("lowercase", lowercase)
    if split == "character":
        return [list(text.lower() if lowercase else text) for text in texts]
    analyzer = _analyzer(lowercase)
    return [analyzer(text) for text in texts]


@keras.saving.register_keras_serializable("recipes")
class Vocabulary:
    """Tokens and their numbers: 0 is padding, 1 unknown, 2 the start, 3 the end, then the others.

    Args:
        tokens: the tokens from number 4 on, each once; `Vocabulary.of(texts)` finds them.
        split: "word" or "character", as in `tokenize`.
        lowercase: write everything small.

    `len(vocabulary)` counts all numbers, what `build_rnn(vocabulary=...)` needs.

    Raises:
        ValueError: a token occurs twice, is one of the first four or is not small.

    >>> vocabulary = Vocabulary.of(["good film", "bad film"])
    >>> vocabulary.encode(["film good", "a film"])
    array([[4, 6],
           [1, 4]], dtype=int32)
    >>> vocabulary.decode([[4, 6, 0], [1, 4, 0]])
    ['film good', '[UNK] film']
    """

    def __init__(self, tokens, split="word", lowercase=True):
        listed = hasattr(tokens, "__iter__")
        _checks.require(listed, "tokens", "be a list of strings", f"tokens={tokens!r}")
        self.tokens = (*SPECIAL, *tokens)
        self.split = _checks.one_of("split", split, SPLITS)
        self.lowercase = _checks.flag("lowercase", lowercase)
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        if len(self.numbers) < len(self.tokens):
            twice = collections.Counter(self.tokens).most_common(1)[0][0]
            _checks.require(False, "tokens", "hold every token once", f"{twice!r} twice")
        own = self.tokens[len(SPECIAL) :]
        large = next((t for t in own if lowercase and t != t.lower()), None)
        hint = "Write them small, or give lowercase=False."
        _checks.require(large is None, "tokens", "be as lowercase=True writes them", large, hint)

    @classmethod
    def of(cls, texts, *, split="word", lowercase=True, max_tokens=None, min_count=1):
        """The vocabulary of texts: the commonest `max_tokens` tokens that occur `min_count` times.

        Of equally common tokens the first in the alphabet comes first.
        """
        if max_tokens is not None:
            _checks.count("max_tokens", max_tokens, minimum=len(SPECIAL) + 1)
        _checks.count("min_count", min_count)
        texts = _check_texts(texts)
        pieces = tokenize(texts, split=split, lowercase=lowercase)
        counts = collections.Counter(token for tokens in pieces for token in tokens)
        kept = sorted(
            (token for token, n in counts.items() if n >= min_count and token not in SPECIAL),
            key=lambda token: (-counts[token], token),
        )
        return cls(
            kept[: None if max_tokens is None else max_tokens - len(SPECIAL)], split, lowercase
        )

    def __len__(self):
        return len(self.tokens)

    def __repr__(self):
        return f"Vocabulary({len(self)} tokens, split={self.split!r})"

    def encode(self, texts, *, length=None, ends=False):
        """Numbers (texts, length), int32, padded behind with 0.

        `length` None is that of the longest; longer texts are cut. `ends` puts the start in front
        and the end behind: what the target of `build_seq2seq` needs. A text without a token raises
        a ValueError that names its place.
        """
        if length is not None:
            length = _checks.count("length", length, minimum=3 if ends else 1)
        _checks.flag("ends", ends)
        texts = _check_texts(texts)
        pieces = tokenize(texts, split=self.split, lowercase=self.lowercase)
        _checks.require(len(pieces) > 0, "texts", "hold at least one text", "none")
        empty = [number for number, tokens in enumerate(pieces) if not tokens]
        _checks.require(
            not empty,
            "texts",
            "hold at least one token each",
            f"{texts[empty[0]]!r} first at index {empty[0]}" if empty else "",
            "Drop it, or write '[UNK]' there.",
        )
        room = None if length is None else length - 2 * ends
        rows = [[self.numbers.get(token, UNKNOWN) for token in tokens[:room]] for tokens in pieces]
        rows = [[START, *row, END] for row in rows] if ends else rows
        encoded = np.zeros((len(rows), length or max(map(len, rows))), "int32")
        for row, numbers in zip(encoded, rows, strict=True):
            row[: len(numbers)] = numbers
        return encoded

    def decode(self, numbers):
        """Texts from numbers (texts, length): up to the end, without padding and start."""
        numbers = _checks.array("numbers", numbers, ndim=2)
        _checks.tokens("numbers", numbers, len(self))
        between = " " if self.split == "word" else ""
        return [between.join(self.pieces(row)) for row in numbers]

    def pieces(self, row):
        """Tokens of one row of numbers: up to the end, without padding and start."""
        row = list(row)
        row = row[: row.index(END)] if END in row else row
        return [self.tokens[number] for number in row if number not in (PADDING, START)]

    def get_config(self):
        """What `from_config` and a saved model need."""
        tokens = list(self.tokens[len(SPECIAL) :])
        return {"tokens": tokens, "split": self.split, "lowercase": self.lowercase}

    @classmethod
    def from_config(cls, config):
        """The vocabulary of a config."""
        return cls(**config)


@keras.saving.register_keras_serializable("recipes")
class TokenEmbedding(layers.Embedding):
    """`keras.layers.Embedding` of tokens, 0 masked, that remembers what the numbers mean.

    `mask_end` masks the end too, behind which a decoder has nothing to say.
    """

    def __init__(self, input_dim, output_dim, vocabulary=None, mask_end=False, **kwargs):
        super().__init__(input_dim, output_dim, **{**kwargs, "mask_zero": True})
        self.mask_end = mask_end
        if isinstance(vocabulary, dict):
            vocabulary = keras.saving.deserialize_keras_object(vocabulary)
        self.vocabulary = vocabulary

    def compute_mask(self, inputs, mask=None):
        counts = ops.not_equal(inputs, PADDING)
        return ops.logical_and(counts, ops.not_equal(inputs, END)) if self.mask_end else counts

    def get_config(self):
        vocabulary = keras.saving.serialize_keras_object(self.vocabulary)
        mine = {"vocabulary": vocabulary, "mask_end": self.mask_end}
        return {**super().get_config(), **mine}


def embed(tokens, vocabulary, width, name, mask_end=False):
    """Embed `tokens`; `vocabulary` is a checked number or a `Vocabulary`."""
    known = vocabulary if isinstance(vocabulary, Vocabulary) else None
    size = len(vocabulary) if known else vocabulary
    return TokenEmbedding(size, width, known, mask_end, name=name)(tokens)


def check_vocabulary(name, value, minimum=2):
    """A `Vocabulary`, or how many tokens there are; returns how many."""
    if isinstance(value, Vocabulary):
        value = len(value)
    return _checks.count(name, value, minimum=minimum)


def vocabulary_of(model, name="embedding"):
    """The vocabulary that a model was built with.

    Args:
        model: a model that was given a `Vocabulary`, as it came or loaded from a file.
        name: layer that holds it: "embedding"; "source_embedding" or "target_embedding" in
            `build_seq2seq`.

    Returns:
        `Vocabulary`, or None where the model was given a number.

    Raises:
        ValueError: the model has no such layer.

    >>> from recipes import build_rnn
    >>> model = build_rnn((None,), 2, vocabulary=Vocabulary(["good", "bad"]))
    >>> vocabulary_of(model).encode(["bad"])
    array([[5]], dtype=int32)
    """
    return _model_checks.part(_model_checks.model("model", model), name).vocabulary


def check_tokens(model, x):
    """Tokens as they are, if the model knows all of them.

    Inside `fit` and `predict` nothing can look at single tokens without slowing every step. There a
    number beyond the vocabulary is an error of TensorFlow's in the midst of training, and NaN on
    JAX; one below 0 counts from the end, as in NumPy. What `Vocabulary.encode` gives is known to a
    model with that vocabulary; for numbers from anywhere else,
    `model.fit(batches(check_tokens(model, x), y))`.
    `decode` and `generate_sequence` check by themselves.

    Args:
        model: a model of `build_rnn(vocabulary=...)` or `build_seq2seq`.
        x: tokens (rows, timesteps); {"source": tokens, "target": tokens} for `build_seq2seq`.

    Returns:
        x, unchanged.

    Raises:
        ValueError: a number below 0 or beyond the vocabulary, with its first place; a model without
            tokens; an input that is missing.
        TypeError: numbers that are not whole.

    >>> from recipes import build_rnn
    >>> model = build_rnn((None,), 2, vocabulary=9)
    >>> check_tokens(model, [[4, 5], [8, 0]])
    [[4, 5], [8, 0]]
    >>> check_tokens(model, [[4, 5], [9, 0]])
    Traceback (most recent call last):
    ValueError: x must hold tokens from 0 to 8. Received: 9 first at index (1, 0).
    """
    _model_checks.model("model", model)
    sizes = {
        layer.name.removesuffix("embedding").removesuffix("_"): layer.input_dim
        for layer in model.layers
        if isinstance(layer, TokenEmbedding)
    }
    _checks.require(sizes, "model", "read tokens", f"{model.name!r}, which has no embedding")
    if list(sizes) == [""]:
        _checks.tokens("x", _checks.array("x", x, ndim=2), sizes[""])
        return x
    given = x if isinstance(x, dict) else {}
    for side, size in sizes.items():
        expected = f"be a dict with the inputs {', '.join(sizes)}"
        _checks.require(side in given, "x", expected, f"{sorted(given) or type(x).__name__}")
        name = f"x[{side!r}]"
        _checks.tokens(name, _checks.array(name, given[side], ndim=2), size)
    return x


def _check_texts(texts):
    """The texts as a list, whatever holds them."""
    if isinstance(texts, str) or not hasattr(texts, "__iter__"):
        hint = " Did you mean [texts]?" if isinstance(texts, str) else ""
        raise TypeError(f"texts must be a list of strings. Received: texts={texts!r}.{hint}")
    texts = list(texts)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts must hold strings. Received: {text!r} first at index {number}.")
    return texts


@functools.cache
def _analyzer(lowercase):
    from sklearn.feature_extraction.text import CountVectorizer

    pattern = r"(?u)\[(?:UNK|unk)\]|\w+|[^\w\s]"
    tokens = CountVectorizer(token_pattern=pattern, lowercase=lowercase).build_analyzer()
    return lambda text: [token.upper() if token == "[unk]" else token for token in tokens(text)]
