"""Recurrent layers for the builders: `recurrent`, a stack of them; `LSTM`, faster on a CPU;
`FeedBack`, a cell that reads its own last output.

`LSTM` is `keras.layers.LSTM` with the same weights. On TensorFlow without an accelerator it runs
all steps in one operation, as cuDNN does on a GPU; benchmarks/recurrent.py has the figures, and why
the GRU and the simple layer are Keras's own.
"""

import keras
from keras import layers, ops

from recipes import _blocks, _checks

NORMALISATIONS = ("layer", "batch")


def recurrent(
    x,
    *,
    cell,
    units,
    bidirectional=False,
    return_sequences=True,
    dropout=0.0,
    recurrent_dropout=0.0,
    normalisation=None,
    l1=0.0,
    l2=0.0,
):
    """Recurrent layers in line: cell -> normalisation -> dropout for each number in `units`.

    `x` is (batch, timesteps, features), with or without a mask; `return_sequences` is that of the
    last layer. What is off adds no layer.
    """
    for depth, width in enumerate(units, start=1):
        layer = CELLS[cell](
            width,
            return_sequences=return_sequences or depth < len(units),
            recurrent_dropout=recurrent_dropout,
            kernel_regularizer=_blocks.penalty(l1, l2),
            recurrent_regularizer=_blocks.penalty(l1, l2),
        )
        x = layers.Bidirectional(layer)(x) if bidirectional else layer(x)
        if normalisation == "batch":
            x = _blocks.batch_normalization()(x)
        elif normalisation == "layer":
            x = layers.LayerNormalization()(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return x


def check(
    cell,
    units,
    bidirectional,
    dropout,
    recurrent_dropout,
    normalisation,
    l1,
    l2,
    allow_empty=False,
):
    """Check what `recurrent` will be given; returns `units` as a tuple."""
    _checks.one_of("cell", cell, CELLS)
    _checks.flag("bidirectional", bidirectional)
    _checks.rate("dropout", dropout)
    _checks.rate("recurrent_dropout", recurrent_dropout)
    if normalisation is not None:
        _checks.one_of("normalisation", normalisation, NORMALISATIONS)
    _checks.non_negative("l1", l1)
    _checks.non_negative("l2", l2)
    return _checks.counts("units", units, allow_empty=allow_empty)


def latest(window, steps, least=1):
    """How many of `steps` timesteps are read: a number, or a share; None and 1.0 are all."""
    if window is None or (isinstance(window, float) and window == 1):
        return steps
    received = f"window={window}"
    _checks.require(steps is not None, "window", "be None where timesteps is", received)
    kinds = "an int or a share in (0, 1]"
    if isinstance(window, float):
        window = _checks.positive("window", window)
        _checks.require(window <= 1, "window", f"be {kinds}", received)
        return min(max(round(window * steps), least), steps)
    window = _checks.count("window", window, kinds=kinds)
    received += f" of {steps} timesteps"
    _checks.require(window <= steps, "window", "be at most the timesteps of a row", received)
    return window


def cropped(x, window):
    """The latest `window` timesteps of x, (batch, timesteps, features)."""
    steps = x.shape[1]
    return x if window == steps else layers.Cropping1D((steps - window, 0))(x)


@keras.saving.register_keras_serializable("recipes")
class LSTM(layers.LSTM):
    """`keras.layers.LSTM`, on TensorFlow on a CPU in one operation over all steps.

    Keras's own loop runs where that operation does not serve: on other backends and devices, with
    recurrent dropout, other activations or no bias.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fused = _fusible(self)
        if self.fused:
            self.supports_jit = False  # XLA lacks the operation

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if not self.fused or (training and self.dropout):
            return super().inner_loop(sequences, initial_state, mask, training)
        mask = mask[0] if keras.tree.is_nested(mask) else mask
        return _fused_lstm(self, sequences, initial_state, mask)


def _fusible(layer):
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return (
        all(device.device_type == "CPU" for device in tf.config.get_visible_devices())
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and layer.use_bias
        and not layer.recurrent_dropout
        and not layer.unroll
        and not layer.zero_output_for_mask
        and layer.compute_dtype != "float64"
    )


def _fused_lstm(layer, sequences, initial_state, mask):
    """(last output, outputs, states), as `keras.layers.RNN.inner_loop` gives them."""
    import tensorflow as tf

    if layer.go_backwards:
        sequences = ops.flip(sequences, axis=1)
        mask = None if mask is None else ops.flip(mask, axis=1)
    if mask is not None:
        # The operation knows no masks: steps that count move to the front, in order.
        front = tf.argsort(tf.cast(~mask, "int32"), axis=1, stable=True)
        sequences = tf.gather(sequences, front, axis=1, batch_dims=1)
    # float32 also under mixed precision: the operation has no bfloat16.
    h, c = (tf.cast(state, "float32") for state in initial_state)
    cell = layer.cell
    kernel = tf.concat([cell.kernel, cell.recurrent_kernel, cell.bias[None]], 0)
    # From Keras's order of the gates to that of the operation. Its second version has Keras's order
    # and a wrong gradient (TensorFlow 2.21).
    input_gate, forget_gate, new, output_gate = tf.split(tf.cast(kernel, "float32"), 4, axis=1)
    kernel = tf.concat([input_gate, new, forget_gate, output_gate], 1)
    no_peephole = tf.zeros((layer.units,))
    fused = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.cast(tf.shape(sequences)[1], "int64"),
        x=tf.transpose(tf.cast(sequences, "float32"), (1, 0, 2)),
        cs_prev=c,
        h_prev=h,
        w=kernel[:-1],
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=kernel[-1],
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    )
    if mask is None:
        last, states = fused.h[-1], [fused.h[-1], fused.cs[-1]]
        return (
            last,
            tf.transpose(fused.h, (1, 0, 2)) if layer.return_sequences else last[:, None],
            states,
        )
    # A masked step repeats the output before it, which is zero before the first that counts.
    counted = tf.cumsum(tf.cast(mask, "int32"), axis=1)
    some = counted[:, -1:] > 0

    def after(steps, start, counted):
        steps = tf.concat([start[:, None], tf.transpose(steps, (1, 0, 2))], 1)
        return tf.gather(steps, counted, axis=1, batch_dims=1)

    outputs = after(
        fused.h, tf.zeros_like(h), counted if layer.return_sequences else counted[:, -1:]
    )
    last = outputs[:, -1]
    states = [tf.where(some, last, h), after(fused.cs, c, counted[:, -1:])[:, 0]]
    return last, outputs, states


CELLS = {"rnn": layers.SimpleRNN, "lstm": LSTM, "gru": layers.GRU}


@keras.saving.register_keras_serializable("recipes")
class FeedBack(keras.Layer):
    """A stack of cells and a dense output that the next step reads beside its input.

    For `keras.layers.RNN(FeedBack(...))`: each step sees what the model itself said at the step
    before, zeros at the first, in training too.
    """

    def __init__(self, cell, units, outputs, activation, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.options = {"cell": cell, "units": tuple(units), "outputs": outputs}
        self.options |= {"activation": activation, "l1": l1, "l2": l2}
        self.cells = [
            CELL_OF_ONE_STEP[cell](
                width,
                kernel_regularizer=_blocks.penalty(l1, l2),
                recurrent_regularizer=_blocks.penalty(l1, l2),
                dtype=self.dtype_policy,
            )
            for width in units
        ]
        self.head = layers.Dense(
            outputs, activation, kernel_regularizer=_blocks.penalty(l1, l2), dtype=self.dtype_policy
        )
        self.sizes = [keras.tree.flatten(cell.state_size) for cell in self.cells]
        self.state_size = [*(size for sizes in self.sizes for size in sizes), outputs]
        self.output_size = outputs

    def build(self, input_shape):
        width = input_shape[-1] + self.output_size
        for cell in self.cells:
            cell.build((input_shape[0], width))
            width = cell.units
        self.head.build((input_shape[0], width))

    def call(self, inputs, states, training=False):
        states = list(states)
        x, after = ops.concatenate([inputs, states[-1]], axis=-1), []
        for cell, sizes in zip(self.cells, self.sizes, strict=True):
            mine = [states.pop(0) for _ in sizes]
            x, new = cell(x, mine, training=training)
            after += keras.tree.flatten(new)
        output = self.head(x)
        return output, [*after, output]

    def get_config(self):
        return {**super().get_config(), **self.options}


CELL_OF_ONE_STEP = {
    "rnn": layers.SimpleRNNCell,
    "lstm": layers.LSTMCell,
    "gru": layers.GRUCell,
}
