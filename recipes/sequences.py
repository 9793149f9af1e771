"""Recurrent networks for series and text: `build_rnn`, and `generate_sequence` to let one go on.

`build_lstm_fcn` (recipes/lstm_fcn.py) is the better classifier of series of one known length;
`build_seq2seq` (recipes/seq2seq.py) turns one sequence into another of a different length.
"""

import keras
import numpy as np
from keras import layers, ops

from recipes import _attention, _blocks, _checks, _heads, _model_checks, _recurrent, text
from recipes._recipe import generator, recipe
from recipes.augmentation import from_level

PATTERNS = ("many_to_one", "many_to_many", "one_to_many")


@recipe
def build_rnn(
    input_shape,
    outputs,
    *,
    pattern="many_to_one",
    task="multiclass",
    cell="lstm",
    units=(64,),
    bidirectional=False,
    attention=False,
    vocabulary=None,
    embedding_dim=64,
    mask_value=None,
    window=None,
    steps=None,
    feed_back=False,
    dropout=0.1,
    recurrent_dropout=0.0,
    l1=0.0,
    l2=0.0,
    batch_norm=True,
    normalisation=None,
    noise=0.0,
    label_smoothing=0.0,
    augmentation=None,
    loss=None,
    class_counts=None,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="rnn",
):
    """A recurrent network for series or tokens, in each of the three patterns.

    Args:
        input_shape: (timesteps, features) of numbers; (timesteps,) of tokens, with `vocabulary`;
            (features,) with `pattern="one_to_many"`. timesteps may be None.
        outputs: number of classes, labels or values to predict (at every step, but for
            "many_to_one"); 1 for `task="binary"`.
        pattern: "many_to_one" (a class of a series), "many_to_many" (a class of every step) or
            "one_to_many" (a series from one row).
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        cell: "rnn", "lstm" or "gru".
        units: width of each recurrent layer (of each direction); the length is the depth.
        bidirectional: read both ways.
        attention: "many_to_one" ends in a weighted mean over the steps instead of the last step,
            the weights are the output of the layer "attention"; "many_to_many" adds to each step a
            mean over the steps that it may see. Not with "one_to_many".
        vocabulary: a `Vocabulary`, which the model keeps, or the number of tokens, from 0, which is
            padding, to `vocabulary - 1`; None for numbers. `check_tokens` finds others before `fit`
            does something else with them.
        embedding_dim: width of the embedding of tokens, at least 1.
        mask_value: steps whose features all have this value are padding; None where none is.
        window: timesteps to read, the latest of each series: a number, or a share in (0, 1] such as
            0.5; None reads all. For series of numbers and "many_to_one"; a text is cut by
            `Vocabulary.encode(length=...)`.
        steps: length of the series to give, for "one_to_many".
        feed_back: for "one_to_many": each step reads the input and the step before's output,
            instead of the input alone. `dropout` is then on the input.
        dropout: rate in [0, 1) after each recurrent layer, never on the output.
        recurrent_dropout: rate in [0, 1) of the state to drop at every step; it is slow.
        l1, l2: weight penalties on every kernel, at least 0.
        batch_norm: standardise the input, feature by feature. It lets raw series train.
        normalisation: "layer" or "batch", after each recurrent layer, or None.
        noise: standard deviation of Gaussian noise on the input while training, in units of the
            standardised input (or of the raw input with `batch_norm=False`).
        label_smoothing: rate in [0, 1); not for regression.
        augmentation: "light", "medium" or "strong", for `series_augmentation`; a Keras layer for
            the input; or None. Series only.
        loss: None is cross-entropy (squared error for numbers); "focal", "weighted",
            "class_balanced" or "logit_adjusted" for rare classes; "mse", "mae", "huber" or
            "log_cosh" for numbers; or a Keras loss object.
        class_counts: rows of each class, such as `np.bincount(y)`, for the last three of the losses
            for rare classes; (negatives, positives) for `task="binary"`, a list of such pairs for
            "multilabel".
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> (batch, outputs), or (batch, timesteps or
        steps, outputs) for the other two patterns: probabilities, or values for regression. Padding
        changes no answer and costs nothing in the loss.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind, or does not go
            with the pattern.

    Source: Elman, 1990 ("rnn"); Hochreiter and Schmidhuber, 1997 ("lstm"); Cho et al., 2014
    ("gru"); Schuster and Paliwal, 1997 (bidirectional); Bahdanau et al., 2015 (attention).

    >>> build_rnn((None, 3), 2, units=(8, 8), cell="gru").output_shape
    (None, 2)
    >>> build_rnn((None,), 5, vocabulary=100, pattern="many_to_many").output_shape
    (None, None, 5)
    >>> build_rnn((4,), 1, pattern="one_to_many", steps=12, task="regression").output_shape
    (None, 12, 1)
    """
    _checks.one_of("pattern", pattern, PATTERNS)
    input_shape = _shape(input_shape, pattern, vocabulary)
    units = _recurrent.check(
        cell, units, bidirectional, dropout, recurrent_dropout, normalisation, l1, l2
    )
    _check_pattern(pattern, steps, feed_back, attention)
    if feed_back:
        _check_feed_back(bidirectional, recurrent_dropout, normalisation)
    _checks.count("embedding_dim", embedding_dim)
    if mask_value is not None:
        _checks.number("mask_value", mask_value)
        series = vocabulary is None and pattern != "one_to_many"
        _checks.require(series, "mask_value", "be None but for series of numbers", mask_value)
    steps_read = _recurrent.latest(window, input_shape[0])
    if steps_read != input_shape[0]:
        series = vocabulary is None and pattern == "many_to_one"
        _checks.require(series, "window", "be None but for one answer to a series", window)
    _checks.flag("batch_norm", batch_norm)
    _checks.non_negative("noise", noise)
    augmentation = from_level(augmentation, "series")
    moves = getattr(augmentation, "moves_steps", False)
    hint = "'light' moves none."
    fits = mask_value is None or not moves
    _checks.require(
        fits, "augmentation", "move no steps beside a mask_value", "one that does", hint
    )
    if vocabulary is not None:
        _checks.require(augmentation is None, "augmentation", "be None for tokens", "a layer")
    _heads.check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate)

    if vocabulary is not None:
        x = inputs = keras.Input(input_shape, dtype="int32", name="x")
        x = text.embed(x, vocabulary, embedding_dim, name="embedding")
    else:
        x = inputs = keras.Input(input_shape, name="x")
        x = _recurrent.cropped(x, steps_read)
        if mask_value is not None:
            x = layers.Masking(mask_value)(x)
        x = augmentation(x) if augmentation is not None else x
    # Embedded tokens are of one spread as they are.
    x = _blocks.standardised(x, batch_norm and vocabulary is None, noise)
    if pattern == "one_to_many":
        x = layers.RepeatVector(steps)(x)
    if feed_back:
        x = layers.Dropout(dropout)(x) if dropout else x
        last = _recurrent.FeedBack(
            cell, units, outputs, _heads.ACTIVATIONS[task], l1, l2, dtype="float32"
        )
        outputs = layers.RNN(last, return_sequences=True, dtype="float32", name="output")(x)
    else:
        x = _recurrent.recurrent(
            x,
            cell=cell,
            units=units,
            bidirectional=bidirectional,
            return_sequences=pattern != "many_to_one" or attention,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            normalisation=normalisation,
            l1=l1,
            l2=l2,
        )
        x = _attend(x, pattern, units[-1], bidirectional) if attention else x
        outputs = _heads.output_layer(outputs, task, kernel_regularizer=_blocks.penalty(l1, l2))(x)

    model = keras.Model(inputs, outputs, name=name)
    return _heads.compile_for(
        model,
        task,
        label_smoothing=label_smoothing,
        loss=loss,
        class_counts=class_counts,
        optimizer=optimizer,
        learning_rate=learning_rate,
    )


def generate_sequence(model, start, length, *, temperature=1.0, seed=None):
    """Let a model go on with a sequence: what it says of the next step is its next input.

    Args:
        model: a model whose answer is of the kind of its input: tokens (batch, timesteps) ->
            probabilities of the next token, or numbers (batch, timesteps, features) -> the next
            step's numbers; at every step, as `build_rnn(pattern="many_to_many")` gives them, or
            after the last.
        start: tokens (batch, timesteps) or numbers (batch, timesteps, features), at least one step,
            none of it padding.
        length: steps to add, at least 1.
        temperature: 0 takes the likeliest token; 1 draws as likely as the model says; less draws
            more carefully, more draws more boldly. Numbers are taken as they are.
        seed: int for the draws, or None.

    Returns:
        Array (batch, length) of tokens or (batch, length, features) of numbers: the new steps.
        A model of fixed timesteps reads the last so many; padding, token 0, is never drawn.

    Raises:
        ValueError: start has too few axes or steps, or the model's answer cannot be its input.

    Source: Graves, 2013, Generating Sequences With Recurrent Neural Networks.

    >>> model = build_rnn((None,), 10, vocabulary=10, pattern="many_to_many", units=(4,))
    >>> tokens = generate_sequence(model, [[1, 2], [3, 4]], 5, seed=0)
    >>> tokens.shape, bool(tokens.min() >= 1)
    ((2, 5), True)
    """
    shape = _model_checks.model("model", model).input_shape
    tokens = len(shape) == 2
    start = _checks.array("start", start, ndim=len(shape), shape=(None, *shape[2:]))
    if tokens:
        _checks.tokens("start", start, model.output_shape[-1])
    length = _checks.count("length", length)
    temperature = _checks.non_negative("temperature", temperature)
    random = generator(seed)
    _checks.require(
        tokens or model.output_shape[-1] == shape[-1],
        "model",
        "answer with as many values as a step of its input has",
        f"{shape[-1]} in and {model.output_shape[-1]} out",
    )
    window = shape[1]
    _checks.require(
        window is None or start.shape[1] >= window,
        "start",
        f"hold at least the {window} steps that the model reads",
        f"{start.shape[1]} steps",
    )
    every_step = len(model.output_shape) == 3
    made = list(np.moveaxis(start, 1, 0))
    # One shape for all steps, so that backends compile once: what is not yet there is padding
    # behind, which a model that looks back only cannot see.
    ahead = length if window is None and every_step and not _looks_ahead(model) else 0
    for _ in range(length):
        seen = made if window is None else made[-window:]
        last = len(seen) - 1
        empty = [np.zeros_like(made[0])] * max(start.shape[1] + ahead - len(seen), 0)
        answer = model(np.stack([*seen, *(empty if ahead else [])], axis=1), training=False)
        answer = ops.convert_to_numpy(answer)
        answer = answer[:, last] if every_step else answer
        made.append(_draw(answer, temperature, random) if tokens else answer)
    return np.stack(made[-length:], axis=1)


def _shape(input_shape, pattern, vocabulary):
    """The checked shape of the input: one axis for tokens and rows, two for series of numbers."""
    if vocabulary is None:
        ndim = 1 if pattern == "one_to_many" else 2
        return _checks.shape("input_shape", input_shape, ndim=ndim)
    text.check_vocabulary("vocabulary", vocabulary)
    _checks.require(
        pattern != "one_to_many", "vocabulary", "be None for 'one_to_many'", f"{vocabulary}"
    )
    is_tuple = isinstance(input_shape, (tuple, list))
    _checks.shape("input_shape", (*input_shape, 1) if is_tuple else input_shape)
    _checks.require(
        len(input_shape) == 1,
        "input_shape",
        "be (timesteps,) for tokens",
        f"input_shape={tuple(input_shape)}",
    )
    return tuple(input_shape)


def _check_pattern(pattern, steps, feed_back, attention):
    """Which knobs go with which pattern."""
    _checks.flag("attention", attention)
    _checks.flag("feed_back", feed_back)
    if pattern == "one_to_many":
        _checks.require(steps is not None, "steps", "be given for 'one_to_many'", "None")
        _checks.count("steps", steps)
        _checks.require(not attention, "attention", "be False for 'one_to_many'", "True")
    else:
        hint = "Did you mean pattern='one_to_many'?"
        _checks.require(steps is None, "steps", f"be None for {pattern!r}", f"{steps}", hint)
        _checks.require(not feed_back, "feed_back", f"be False for {pattern!r}", "True", hint)


def _check_feed_back(bidirectional, recurrent_dropout, normalisation):
    off = {"bidirectional": False, "recurrent_dropout": 0, "normalisation": None}
    given = (bidirectional, recurrent_dropout, normalisation)
    for (name, value), received in zip(off.items(), given, strict=True):
        _checks.require(received == value, name, f"be {value} with feed_back", received)


def _attend(x, pattern, width, bidirectional):
    if pattern == "many_to_one":
        return _attention.pooled(x, width)
    context = layers.Attention(use_scale=True, name="attention")(
        [x, x], use_causal_mask=not bidirectional
    )
    return layers.Concatenate()([x, context])


# Layers that say nothing of a step from the steps behind it.
_LOOK_BACK = (
    layers.InputLayer,
    layers.Embedding,
    layers.Masking,
    layers.RNN,
    layers.Dense,
    layers.Activation,
    layers.Dropout,
    layers.GaussianNoise,
    layers.BatchNormalization,
    layers.LayerNormalization,
)


def _looks_ahead(model):
    return not all(isinstance(layer, _LOOK_BACK) for layer in model.layers)


def _draw(probabilities, temperature, random):
    """A token for each row; 0 is padding and none."""
    scores = np.log(np.maximum(probabilities[:, 1:].astype("float64"), 1e-30))
    if temperature:
        scores = scores / temperature + random.gumbel(size=scores.shape)
    return scores.argmax(-1) + 1
