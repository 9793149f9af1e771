"""One sequence into another: `build_seq2seq`, and `decode` for what a trained one answers.

Training shows the decoder the right tokens so far (teacher forcing), all steps at once, by plain
`fit`; `decode` lets it read its own, step by step, and keeps its state between steps.
"""

import dataclasses
import weakref
from typing import Any

import keras
import numpy as np
from keras import layers

from recipes import _attention, _checks, _heads, _model_checks, _recurrent, text
from recipes._recipe import recipe

_DECODERS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@recipe
def build_seq2seq(
    source_vocabulary,
    target_vocabulary,
    *,
    cell="lstm",
    units=(128,),
    embedding_dim=64,
    attention="additive",
    bidirectional=True,
    dropout=0.1,
    label_smoothing=0.0,
    optimizer="adam",
    learning_rate=2e-3,
    seed=None,
    name="seq2seq",
):
    """An encoder and a decoder for sequences of tokens of different lengths.

    Args:
        source_vocabulary, target_vocabulary: a `Vocabulary` each, which the model keeps, or how
            many tokens there are; 0 is padding, in the target 2 is the start and 3 the end.
            `check_tokens` finds numbers beyond them before `fit` does something else with them.
        cell: "rnn", "lstm" or "gru".
        units: width of each recurrent layer of the decoder, and of each direction of the encoder;
            the length is the depth.
        embedding_dim: width of both embeddings, at least 1.
        attention: what the decoder looks back with: "additive", "dot" (faster), or None, with
            which the encoder's last state has to hold all.
        bidirectional: the encoder reads both ways.
        dropout: rate in [0, 1) behind the embeddings and between the recurrent layers.
        label_smoothing: rate in [0, 1).
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own.
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, {"source": (batch, timesteps), "target": (batch, steps)} -> (batch,
        steps, tokens): probabilities of the token that follows each token of the target. Train it
        with `fit(batches({"source": source, "target": target[:, :-1]}, target[:, 1:]))`, where
        each row of `target` is start, tokens, end, padding, as `Vocabulary.encode(ends=True)`
        gives it. Padding changes no answer and costs nothing in the loss.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Sutskever et al., 2014 (encoder and decoder); Bahdanau et al., 2015 ("additive"); Luong
    et al., 2015 ("dot", and where the attention stands).

    >>> import numpy as np
    >>> model = build_seq2seq(20, 12, units=(8,))
    >>> rows = {"source": np.ones((2, 7), "int32"), "target": np.full((2, 4), 2, "int32")}
    >>> tuple(model(rows).shape)
    (2, 4, 12)
    """
    sizes = [
        text.check_vocabulary("source_vocabulary", source_vocabulary),
        text.check_vocabulary(
            "target_vocabulary", target_vocabulary, minimum=len(text.SPECIAL) + 1
        ),
    ]
    units = _recurrent.check(cell, units, bidirectional, dropout, 0.0, None, 0.0, 0.0)
    _checks.count("embedding_dim", embedding_dim)
    if attention is not None:
        _checks.one_of("attention", attention, _attention.KINDS)
    _heads.check(sizes[1], "multiclass", label_smoothing, None, None, optimizer, learning_rate)

    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")

    x = text.embed(source, source_vocabulary, embedding_dim, name="source_embedding")
    x = layers.Dropout(dropout)(x) if dropout else x
    starts = []
    for depth, width in enumerate(units, start=1):
        layer = _recurrent.CELLS[cell](
            width, return_sequences=True, return_state=True, name=f"encoder_{depth}"
        )
        layer = layers.Bidirectional(layer, name=f"encoder_{depth}") if bidirectional else layer
        x, *states = layer(x)
        if bidirectional:
            states = _bridge(states, width, depth)
        starts.append(states)
        x = layers.Dropout(dropout)(x) if dropout and depth < len(units) else x

    y = text.embed(target, target_vocabulary, embedding_dim, "target_embedding", mask_end=True)
    y = layers.Dropout(dropout)(y) if dropout else y
    for depth, (width, states) in enumerate(zip(units, starts, strict=True), start=1):
        layer = _recurrent.CELLS[cell](
            width, return_sequences=True, return_state=True, name=f"decoder_{depth}"
        )
        y, *_ = layer(y, initial_state=states)
        y = layers.Dropout(dropout)(y) if dropout and depth < len(units) else y
    if attention is not None:
        context, _ = _attention.SourceAttention(attention, units[-1], name="attention")(
            y, x, source
        )
        y = layers.Concatenate(name="seen")([y, context])
    y = layers.Dense(units[-1], "tanh", name="combined")(y)
    y = layers.Dropout(dropout)(y) if dropout else y
    outputs = _heads.output_layer(sizes[1], "multiclass")(y)

    model = keras.Model({"source": source, "target": target}, outputs, name=name)
    return _heads.compile_for(
        model,
        "multiclass",
        label_smoothing=label_smoothing,
        optimizer=optimizer,
        learning_rate=learning_rate,
    )


@dataclasses.dataclass(frozen=True)
class Decoded:
    """What `decode` found: the best sequence of each row.

    Attributes:
        tokens: (rows, steps), with the end, padded behind with 0.
        log_probabilities: (rows,), of the whole sequences.
        attention: (rows, steps, timesteps), what each token looked at; None without attention.
        source: (rows, timesteps), what was decoded.
        vocabularies: those of source and target, None where the model was given a number.

    >>> decode(build_seq2seq(20, 12, units=(4,), attention=None), [[5, 6]], max_length=1)
    ... # doctest: +ELLIPSIS
    Decoded(1 rows, 1 steps, mean log-probability ...)
    """

    tokens: np.ndarray
    log_probabilities: np.ndarray
    attention: Any
    source: np.ndarray
    vocabularies: tuple

    def __repr__(self):
        rows, steps = self.tokens.shape
        mean = self.log_probabilities.mean()
        return f"Decoded({rows} rows, {steps} steps, mean log-probability {mean:.3f})"

    def texts(self):
        """The sequences as texts, by the vocabulary that the model was built with."""
        vocabulary = self.vocabularies[1]
        _checks.require(
            vocabulary is not None,
            "target_vocabulary",
            "be a Vocabulary, to give texts",
            "a number",
        )
        return vocabulary.decode(self.tokens)

    def plot(self, row=0, ax=None):
        """The attention map of one row: source across, answer down. Returns the Axes."""
        from recipes.plots import plot_attention

        _checks.require(
            self.attention is not None,
            "attention",
            "not be None in the model, to be plotted",
            "None",
        )
        sides = []
        for numbers, vocabulary in zip((self.source, self.tokens), self.vocabularies, strict=True):
            kept = numbers[row][numbers[row] != text.PADDING]
            names = [str(n) if vocabulary is None else vocabulary.tokens[n] for n in kept]
            sides.append([name.replace("[END]", "end") for name in names])
        across, down = sides
        return plot_attention(self.attention[row][: len(down), : len(across)], across, down, ax=ax)


def decode(model, source, *, max_length=50, beam=1, batch_size=256):
    """What a sequence-to-sequence model answers, token by token.

    Args:
        model: a model of `build_seq2seq`.
        source: tokens (rows, timesteps), padded behind with 0.
        max_length: most tokens of an answer, the end included, at least 1.
        beam: sequences that are followed for each row; 1 takes the likeliest token at every step.
            More find likelier answers at as many times the cost.
        batch_size: rows in one step, at least 1.

    Returns:
        `Decoded`: tokens, log-probabilities and attention weights, with `.texts()` and
        `.plot(row)`. Each step costs the same: the decoder's state is kept.

    Raises:
        ValueError: the model is not of `build_seq2seq`, or source holds tokens that it does not
            know.

    >>> import numpy as np
    >>> model = build_seq2seq(20, 12, units=(8,), seed=0)
    >>> decode(model, np.ones((3, 7), "int32"), max_length=5, beam=2).tokens.shape[0]
    3
    """
    _model_checks.model("model", model)
    _checks.require(
        any(layer.name == "decoder_1" for layer in model.layers),
        "model",
        "come from build_seq2seq",
        repr(model.name),
    )
    embeddings = [model.get_layer(f"{side}_embedding") for side in ("source", "target")]
    source = _checks.array("source", source, ndim=2)
    _checks.tokens("source", source, embeddings[0].input_dim)
    max_length = _checks.count("max_length", max_length)
    beam = _checks.count("beam", beam)
    batch_size = _checks.count("batch_size", batch_size)

    if model not in _DECODERS:
        _DECODERS[model] = _parts(model)
    parts = [
        _search(_DECODERS[model], source[start : start + batch_size], max_length, beam)
        for start in range(0, len(source), batch_size)
    ]
    steps = max(tokens.shape[1] for tokens, _, _ in parts)
    attends = parts[0][2] is not None
    return Decoded(
        np.concatenate([_padded(tokens, steps) for tokens, _, _ in parts]),
        np.concatenate([scores for _, scores, _ in parts]),
        np.concatenate([_padded(weights, steps) for _, _, weights in parts]) if attends else None,
        source,
        tuple(embedding.vocabulary for embedding in embeddings),
    )


def _bridge(states, width, depth):
    """From the last states of both directions to those that the decoder starts with."""
    half = len(states) // 2
    return [
        layers.Dense(width, "tanh", name=f"bridge_{depth}_{number}")(
            layers.Concatenate()([forward, backward])
        )
        for number, (forward, backward) in enumerate(
            zip(states[:half], states[half:], strict=True), start=1
        )
    ]


def _parts(model):
    """Encoder: source -> memory and first states. Decoder: one step, with the states after it.

    Both are made of the layers of the trained model.
    """
    names = [layer.name for layer in model.layers]
    depth = sum(name.startswith("decoder_") for name in names)
    attends = "attention" in names
    decoders = [model.get_layer(f"decoder_{number}") for number in range(1, depth + 1)]
    starts = [_starts(model, names, number) for number in range(1, depth + 1)]
    encoder = model.get_layer(f"encoder_{depth}")
    source = model.input["source"]
    memory = encoder.output[0]
    flat = [state for states in starts for state in states]
    encode = keras.Model(source, [memory, *flat])

    token = keras.Input((1,), dtype="int32")
    seen = keras.Input((None,), dtype="int32")
    values = keras.Input((None, memory.shape[-1]))
    befores = [[keras.Input(state.shape[1:]) for state in states] for states in starts]
    y, afters = model.get_layer("target_embedding")(token), []
    for layer, states in zip(decoders, befores, strict=True):
        y, *after = layer(y, initial_state=states)
        afters += after
    weights = []
    if attends:
        context, found = model.get_layer("attention")(y, values, seen)
        y = model.get_layer("seen")([y, context])
        weights = [found]
    y = model.get_layer("output")(model.get_layer("combined")(y))
    given = [token, *(state for states in befores for state in states)]
    given += [values, seen] if attends else []
    return encode, keras.Model(given, [y, *afters, *weights]), attends


def _starts(model, names, depth):
    """What a layer of the decoder is started with, as tensors of the trained graph."""
    bridges = [name for name in names if name.startswith(f"bridge_{depth}_")]
    if not bridges:
        return list(model.get_layer(f"encoder_{depth}").output[1:])
    return [model.get_layer(name).output for name in sorted(bridges)]


def _search(decoder, source, max_length, beam):
    """Beam search over one batch: tokens (rows, steps), log-probabilities, attention or None."""
    encode, step, attends = decoder
    rows = len(source)
    memory, *states = encode.predict_on_batch(source)
    repeated = np.repeat(np.arange(rows), beam)
    states = [state[repeated] for state in states]
    fixed = [memory[repeated], source[repeated]] if attends else []
    token = np.full((rows * beam, 1), text.START, "int32")
    scores = np.full((rows, beam), -np.inf)
    scores[:, 0] = 0.0  # all beams start alike: one of them counts
    tokens = np.zeros((rows * beam, 0), "int32")
    seen: list[np.ndarray] = []
    done = np.zeros(rows * beam, bool)
    for _ in range(max_length):
        probabilities, *found = step.predict_on_batch([token, *states, *fixed])
        logs = np.log(np.maximum(probabilities[:, 0], 1e-30).astype("float64"))
        logs[:, [text.PADDING, text.START]] = -np.inf
        # A sequence that has ended goes on with padding, at no cost.
        logs[done] = -np.inf
        logs[done, text.PADDING] = 0.0
        scores, place = _best(scores[..., None] + logs.reshape(rows, beam, -1), beam)
        parent = (np.arange(rows)[:, None] * beam + place // logs.shape[-1]).ravel()
        token = (place % logs.shape[-1]).reshape(-1, 1).astype("int32")
        weights = [found.pop()] if attends else []
        states = [state[parent] for state in found]
        tokens = np.concatenate([tokens[parent], token], axis=1)
        seen = [past[parent] for past in (*seen, *weights)]
        done = done[parent] | (token[:, 0] == text.END)
        if done.all():
            break
    first = np.arange(rows) * beam  # the best of each row comes first
    attention = np.concatenate([weights[first] for weights in seen], axis=1) if attends else None
    return tokens[first], scores[:, 0], attention


def _best(scores, beam):
    """The best `beam` candidates of each row, best first: their scores and places."""
    flat = scores.reshape(len(scores), -1)
    place = np.argpartition(-flat, beam - 1, axis=1)[:, :beam]
    found = np.take_along_axis(flat, place, 1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(found, order, 1), np.take_along_axis(place, order, 1)


def _padded(values, steps):
    return np.pad(values, [(0, 0), (0, steps - values.shape[1])] + [(0, 0)] * (values.ndim - 2))
