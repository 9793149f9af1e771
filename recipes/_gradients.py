"""Gradients and activations of any layer on every backend: the one file that names backends.

A layer is watched, not cut out of its graph: while the model is traced its `call` is wrapped, so
that Sequential, functional, nested and subclassed models are all treated alike. What is traced is
kept for as long as the model lives, so that a second call costs no tracing.

    gradients      of a score by the input or by a layer's output
    activations    what a layer puts out, what goes into it, or its attention scores
    calls          which layers run, in which order, and the shapes that they take and put out
"""

import contextlib
import functools
import inspect
import itertools
import weakref

import keras
import numpy as np
from keras import ops

from recipes import _watching

# model -> {what is asked of it: compiled function}. Functions hold their model weakly.
_KEPT: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def gradients(model, x, chosen, sign, *, of=None, by=None, last=None, output=0, batch_size=32):
    """Batches of (score, chosen, sign, values, gradient) as arrays.

    The score of a row is `sign * values_of[chosen]`, a mean over places where there are any.

    Args:
        model: a built model with one input.
        x: rows in the units of the model.
        chosen: columns, (rows,); -1 is the column with the highest score.
        sign: 1 or -1, (rows,); 0 is the sign that makes the score positive.
        of: layer whose output is scored; None is the model's.
        by: layer by whose output the score is derived; None is the input.
        last: layer whose activation is left out (`logits_of`), or None.
        output: number of the model's output, where it has several.
        batch_size: rows that are on the device at a time.
    """

    def work(call, x, chosen, sign):
        def forward(see):
            values: list = []
            scored: list = []

            def look(value):
                values.append(see(value))
                return values[-1]

            with contextlib.ExitStack() as watching:
                watching.enter_context(_watching.without_activation(last))
                if of is not None:
                    watching.enter_context(
                        _watching.watched([of], _watching.outputs_to(scored.append))
                    )
                if by is not None:
                    watching.enter_context(
                        _watching.watched([by], _watching.outputs_to(look, replace=True))
                    )
                result = call(look(x) if by is None else x)
            scored = scored[-1] if of is not None else keras.tree.flatten(result)[output]
            return (*_score(scored, chosen, sign), values[-1])

        *figures, values, gradient = _DIFFERENTIATE[keras.backend.backend()](forward)
        return (*figures, ops.cast(values, "float32"), ops.cast(gradient, "float32"))

    key = ("gradients", id(of), id(by), id(last), output)
    arrays = [x, np.asarray(chosen, "int32"), np.asarray(sign, "float32")]
    yield from _batches(model, key, work, arrays, batch_size)


def activations(model, x, layer, *, what="output", batch_size=32):
    """What `layer` puts out for all rows; "input" is what goes in, "attention" its scores.

    `x` may be a list or dict of arrays, for a model with several inputs.
    """
    structure = keras.tree.map_structure(lambda _: 0, x)

    def work(call, *leaves):
        seen: list = []
        with _watching.watched([layer], _watching.SEE[what](seen.append)):
            call(keras.tree.pack_sequence_as(structure, leaves))
        return (ops.cast(seen[-1], "float32"),)

    key = ("activations", id(layer), what)
    batches = _batches(model, key, work, keras.tree.flatten(x), batch_size)
    return np.concatenate([values for (values,) in batches])


def calls(model, x):
    """(layer, shape that goes in, shape that comes out) of the layers that run, in order.

    Layers with inner layers are left out.
    """
    kept = _kept(model)
    key = ("calls", x.shape[1:])
    if key not in kept:
        order: list = []

        def see(layer, call_layer, *args, **kwargs):
            result = call_layer(*args, **kwargs)
            order.append((layer, _shape((args, kwargs)), _shape(result)))
            return result

        def work(call, x):
            order.clear()
            with _watching.watched(
                [layer for layer in _watching.inner_layers(model) if not layer._layers], see
            ):
                call(x)
            # Nothing that was computed is asked for: tracing is all that this costs.
            return (ops.zeros((1,)),)

        row = x[:1].astype(input_dtype(model))
        _COMPILE[keras.backend.backend()](work, weakref.ref(model), [row])(row)
        kept[key] = order
    return kept[key]


def _shape(values):
    """Of the first array there; () where it has none."""
    return tuple(getattr(keras.tree.flatten(values)[0], "shape", ()))


def input_dtype(model):
    """The type that a model with one input computes it in."""
    inputs = getattr(model, "inputs", None)
    return inputs[0].dtype if inputs else keras.config.floatx()


def _score(values, chosen, sign):
    """The chosen column of every row times its sign, with -1 and 0 resolved."""
    values = ops.cast(values, "float32")
    values = values[:, None] if len(values.shape) == 1 else values
    places = tuple(range(1, len(values.shape) - 1))
    values = ops.mean(values, places) if places else values
    chosen = ops.where(chosen < 0, ops.cast(ops.argmax(values, -1), "int32"), chosen)
    score = ops.sum(values * ops.one_hot(chosen, values.shape[-1], dtype="float32"), -1)
    sign = ops.where(sign == 0, ops.where(score < 0, -1.0, 1.0), sign)
    return score * sign, chosen, sign


def _batches(model, key, work, arrays, batch_size):
    """What `work` returns for every batch, as arrays; compiled once for a shape of rows."""
    kept = _kept(model)
    key = (*key, *(array.shape[1:] for array in arrays))
    several = len(getattr(model, "inputs", None) or [0]) > 1
    for start in range(0, len(arrays[0]), batch_size):
        part = [array[start : start + batch_size] for array in arrays]
        rows = len(part[0])
        part[0] = part[0] if several else part[0].astype(input_dtype(model))
        if keras.backend.backend() == "jax":
            # Compiled once a size: fill up to a power of two, so that there are few sizes.
            more = (1 << (rows - 1).bit_length()) - rows
            part = [np.concatenate([array, array[:1].repeat(more, 0)]) for array in part]
        if key not in kept:
            kept[key] = _COMPILE[keras.backend.backend()](work, weakref.ref(model), part)
        yield [ops.convert_to_numpy(values)[:rows] for values in kept[key](*part)]


def _kept(model):
    """What is compiled for the model as it stands: a Sequential may be given other layers."""
    layers = tuple(map(id, _watching.inner_layers(model)))
    return _KEPT.setdefault(model, {}).setdefault(layers, {})


def _inference(model):
    """What tells the model that it does not train, if it listens."""
    return {"training": False} if "training" in inspect.signature(model.call).parameters else {}


def _tensorflow(work, model, arrays):
    import tensorflow as tf

    rows = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays]

    @functools.partial(tf.function, input_signature=rows, autograph=False)
    def run(*tensors):
        return work(functools.partial(model(), **_inference(model())), *tensors)

    # Traced here and now: TensorFlow takes one new function after the other for retracing.
    traced = run.get_concrete_function()
    return lambda *arrays: traced(*map(tf.convert_to_tensor, arrays))


def _tensorflow_gradient(forward):
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def see(value):
            tape.watch(value)
            return value

        *figures, values = forward(see)
    return *figures, values, tape.gradient(figures[0], values, unconnected_gradients="zero")


def _jax(work, model, arrays):
    import jax

    @jax.jit
    def run(trainable, fixed, *tensors):
        def call(x):
            return model().stateless_call(trainable, fixed, x, **_inference(model()))[0]

        return work(call, *tensors)

    def run_with_weights(*tensors):
        trainable, fixed = model().trainable_variables, model().non_trainable_variables
        return run([v.value for v in trainable], [v.value for v in fixed], *tensors)

    return run_with_weights


def _jax_gradient(forward):
    import jax

    seen: list = []

    def note(value):
        seen.append(value)
        return value

    jax.eval_shape(lambda: forward(note))
    shape, dtype, uses = seen[-1].shape, seen[-1].dtype, len(seen)

    def shifted(shift):
        # A layer that runs several times is asked for its last run.
        runs = itertools.count(1)
        result = forward(lambda value: value + shift if next(runs) == uses else value)
        return result[0].sum(), result

    gradient, result = jax.grad(shifted, has_aux=True)(jax.numpy.zeros(shape, dtype))
    return *result, gradient


def _torch(work, model, arrays):
    import torch

    def run(*arrays):
        with torch.no_grad():
            tensors = [ops.convert_to_tensor(array) for array in arrays]
            return work(functools.partial(model(), **_inference(model())), *tensors)

    return run


def _torch_gradient(forward):
    import torch

    with torch.enable_grad():
        *figures, values = forward(lambda value: value.detach().requires_grad_())
        (gradient,) = torch.autograd.grad(figures[0].sum(), values, allow_unused=True)
    gradient = torch.zeros_like(values) if gradient is None else gradient
    return *(figure.detach() for figure in figures), values.detach(), gradient


_COMPILE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
_DIFFERENTIATE = {
    "tensorflow": _tensorflow_gradient,
    "jax": _jax_gradient,
    "torch": _torch_gradient,
}
