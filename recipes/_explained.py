"""What is asked of a model that is to be explained: scores of classes, layers, rows, maps."""

import dataclasses
import re
from typing import Any

import keras
import numpy as np

from recipes import _checks, _gradients, _model_checks, _watching

# Layers whose output is no better a place to look at than their input.
PASSED_OVER = re.compile("Pool|Dropout|Pad|UpSampling|Reshape|Flatten|RNN|LSTM|GRU|Attention|Input")
ROUNDS_OFF = (keras.activations.softmax, keras.activations.sigmoid)


@dataclasses.dataclass(frozen=True)
class Question:
    """Rows of a model and the scores that are asked about: one column of one output for each row.

    A score is the logit, the value before the softmax or sigmoid in which the output ends; for the
    class 0 of a single sigmoid its negative.
    """

    model: Any
    x: np.ndarray
    chosen: np.ndarray  # column of each row, -1 for the highest
    sign: np.ndarray  # 1 or -1, 0 for the sign that makes the score positive
    output: int
    last: Any  # layer whose softmax or sigmoid is left out, or None
    binary: bool

    def parts(self, size):
        """The same question about `size` rows at a time."""
        size = _checks.count("batch_size", size)
        for start in range(0, len(self.x), size):
            fields = {
                name: getattr(self, name)[start : start + size] for name in ("x", "chosen", "sign")
            }
            yield dataclasses.replace(self, **fields)

    def gradients(self, *, by=None, batch_size=32):
        yield from _gradients.gradients(
            self.model,
            self.x,
            self.chosen,
            self.sign,
            by=by,
            last=self.last,
            output=self.output,
            batch_size=_checks.count("batch_size", batch_size),
        )


def ask(model, x, classes=None, output=None, name="images"):
    """The checked question."""
    x = rows(model, x, name)
    number = _output(model, output)
    last = logits_of(model, number)
    outputs = getattr(model, "outputs", None)
    columns = outputs[number].shape[-1] if outputs else None
    columns = 1 if outputs and len(outputs[number].shape) == 1 else columns
    binary = columns == 1 and getattr(last, "activation", None) is keras.activations.sigmoid
    if classes is None:
        chosen = np.full(len(x), -1)
    else:
        chosen = checked_classes(classes, len(x), columns, binary)
    sign = np.ones(len(x))
    if binary:
        sign = np.zeros(len(x)) if classes is None else 2.0 * chosen - 1
        chosen = np.zeros(len(x), int)
    return Question(model, x, chosen, sign, number, last, binary)


def rows(model, x, name="images"):
    """Checked rows that fit the model."""
    _model_checks.model("model", model)
    inputs = getattr(model, "inputs", None)
    if inputs:
        received = f"{model.name!r} with {len(inputs)} inputs"
        _checks.require(len(inputs) == 1, "model", "have one input", received)
    return _checks.array(name, x, shape=inputs[0].shape[1:] if inputs else None)


def logits_of(model, output=0):
    """The layer whose softmax or sigmoid ends the output; None where there is none to be seen."""
    if not getattr(model, "outputs", None):
        return None
    layer = _maker(model.outputs[output])
    ends = getattr(layer, "activation", None) in ROUNDS_OFF
    return layer if ends or isinstance(layer, keras.layers.Softmax) else None


def layer_of(model, layer):
    """A layer at any depth of the model, by name or as it is."""
    inside = _watching.inner_layers(model)
    if isinstance(layer, keras.Layer):
        received = f"{layer.name!r}, which {model.name!r} does not hold"
        _checks.require(
            any(layer is one for one in inside), "layer", "be inside the model", received
        )
        return layer
    # Outer layers come first: a name means the outermost layer that bears it.
    by_name = {one.name: one for one in reversed(inside)}
    return by_name[_checks.one_of("layer", layer, tuple(dict.fromkeys(o.name for o in inside)))]


def last_places(model, x):
    """The last layer that still has a place for what it sees: where Grad-CAM looks.

    It is the last convolution, or what normalises and activates it; not the pooling after it.
    """
    calls = _gradients.calls(model, x)
    places = [
        (layer, "Conv" in type(layer).__name__)
        for layer, _, shape in calls
        if len(shape) == x.ndim > 2 and max(shape[1:-1]) > 1
    ]
    convolutions = [i for i, (_, is_convolution) in enumerate(places) if is_convolution]
    names = [layer.name for layer, *_ in calls]
    _checks.require(
        convolutions,
        "model",
        "have a convolution whose output has more than one place",
        f"{model.name!r} with the layers {_checks.some_names(names)}",
        "Name the layer to look at, or use occlusion_map, which needs none.",
    )
    after = [layer for layer, _ in places[convolutions[-1] :]]
    return [layer for layer in after if not PASSED_OVER.search(type(layer).__name__)][-1]


def pooled_head(model, question):
    """The global average pooling and the dense layer in which the output ends."""
    _model_checks.functional("model", model)
    dense = _maker(model.outputs[question.output])
    if dense is question.last and not isinstance(dense, keras.layers.Dense):
        dense = _maker(dense.input)
    pooling = dense
    if isinstance(dense, keras.layers.Dense):
        pooling = _maker(dense.input)
        while isinstance(pooling, keras.layers.Dropout):
            pooling = _maker(pooling.input)
    linear = getattr(dense, "activation", None) is keras.activations.linear
    _checks.require(
        "GlobalAveragePool" in type(pooling).__name__ and (linear or dense is question.last),
        "model",
        "end in global average pooling and one Dense layer",
        f"{model.name!r}, which ends in {dense.name!r} after {pooling.name!r}",
        "Use grad_cam.",
    )
    return pooling, dense


def weights(dense):
    """Kernel and bias of a dense layer as arrays."""
    kernel, *bias = (weight.astype("float32") for weight in dense.get_weights())
    return kernel, bias[0] if bias else np.zeros(kernel.shape[1], "float32")


def in_unit_range(images):
    """Pixels in [0, 1]: as they are, by 255 for bytes, else by their own lowest and highest."""
    low, high = float(images.min()), float(images.max())
    as_bytes = images.dtype == np.uint8 or 0 <= low < 128 <= high <= 255
    images = images.astype("float32")
    if as_bytes:
        return images / 255
    if low >= 0 and high <= 1:
        return images
    return (images - low) / max(high - low, 1e-12)


def _output(model, output):
    """The number of an output, by name or number."""
    names = list(getattr(model, "output_names", None) or ["output"])
    if output is None:
        return 0
    if isinstance(output, str):
        return names.index(_checks.one_of("output", output, names))
    output = _checks.count("output", output, minimum=0)
    _checks.require(output < len(names), "output", f"be below {len(names)}", output)
    return output


def _maker(tensor):
    """The layer that a symbolic tensor comes from, in nested models the innermost."""
    history = tensor._keras_history
    while isinstance(history.operation, keras.Model):
        history = history.operation.outputs[history.tensor_index]._keras_history
    return history.operation


def checked_classes(classes, count, columns, binary=False):
    """One class a row, in range."""
    classes = np.asarray(classes)
    _checks.whole_numbers("classes", classes)
    if classes.ndim == 1:
        _checks.require(len(classes) == count, "classes", f"hold {count} classes", len(classes))
    if columns is not None:
        highest = 1 if binary else columns - 1
        wrong = classes[(classes < 0) | (classes > highest)]
        expected = f"be from 0 to {highest}"
        _checks.require(wrong.size == 0, "classes", expected, wrong.reshape(-1)[:1].tolist())
    return np.broadcast_to(classes, (count,)).astype("int64")
