"""Which layers of a model learn in which stage, and how fast: the parts of `fine_tune`."""

import dataclasses
import math
import re

import keras
from keras import layers

from recipes import _checks, _layer_rates

# Parts of a backbone that share a learning rate, whatever its layers are called.
PARTS = 6

# Stages of gradual unfreezing, beside the head's.
GRADUAL_STAGES = 3

# Between the backbone and the head: what has nothing to learn and nothing random.
POOLING = (
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.Flatten,
)


@dataclasses.dataclass(frozen=True)
class Stage:
    """Name, passes over the data, and how many layers of the backbone learn, from the top."""

    name: str
    epochs: int
    trained: int


def plan(backbone, unfreeze, *, gradual, head_epochs, epochs):
    """The stages of one call."""
    whole = count(backbone.layers, unfreeze)
    stages = [Stage("head", head_epochs, 0)] if head_epochs else []
    if not epochs:
        return stages
    if not gradual:
        return [*stages, Stage(str(unfreeze), epochs, whole)]
    _checks.require(
        epochs >= GRADUAL_STAGES, "epochs", f"be at least {GRADUAL_STAGES} with gradual", epochs
    )
    ends = [round(epochs * (i + 1) / GRADUAL_STAGES) for i in range(GRADUAL_STAGES)]
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        trained = math.ceil(whole * (number + 1) / GRADUAL_STAGES)
        stages.append(Stage(f"last:{trained}", end - start, trained))
    return stages


def count(stack, unfreeze):
    """Layers that learn, counted from the top; at least one of them has weights."""
    trained = _asked(stack, unfreeze)
    weighted = [place for place, layer in enumerate(reversed(stack), 1) if layer.weights]
    first = weighted[0] if weighted else 1
    expected = "reach a layer with weights"
    _checks.require(
        trained >= first,
        "unfreeze",
        expected,
        f"unfreeze={unfreeze!r}, layers without",
        f"Did you mean 'last:{first}'?",
    )
    return trained


def _asked(stack, unfreeze):
    if isinstance(unfreeze, str):
        if unfreeze == "all":
            return len(stack)
        last = re.fullmatch(r"last:\s*(\d+)", unfreeze)
        if last:
            n = int(last[1])
            expected = f"name 1 to {len(stack)} layers"
            _checks.require(0 < n <= len(stack), "unfreeze", expected, f"unfreeze={unfreeze!r}")
            return n
        names = [layer.name for layer in stack]
        if unfreeze in names:
            return len(stack) - names.index(unfreeze)
        raise ValueError(
            "unfreeze must be 'all', 'last:N', a share in (0, 1], or the name of one of the "
            f"{len(stack)} layers of the backbone. Received: unfreeze={unfreeze!r}."
            f"{_checks.nearest(unfreeze, [*names, 'all'])}"
        )
    share = _checks.number("unfreeze", unfreeze)
    hint = f"Did you mean 'last:{share:g}'?" if share > 1 and share.is_integer() else ""
    _checks.require(0 < share <= 1, "unfreeze", "be a share in (0, 1]", unfreeze, hint)
    return math.ceil(share * len(stack))


def check_decay(layer_decay, optimizer):
    """The factor from part to part, before any work."""
    layer_decay = _checks.number("layer_decay", layer_decay)
    received = f"layer_decay={layer_decay:g}"
    _checks.require(0 < layer_decay <= 1, "layer_decay", "be a factor in (0, 1]", received)
    _layer_rates.check(optimizer)


def apply(backbone, trained):
    """Unfreeze so many layers of the backbone, from the top, and freeze the others."""
    # One by one: TensorFlow passes a value on only where it is new, so that True over layers which
    # an earlier stage froze would change nothing.
    for layer in backbone._flatten_layers():
        layer.trainable = trained > 0
    for layer in backbone.layers[: len(backbone.layers) - trained]:
        layer.trainable = False


def rates(model, backbone, layer_decay):
    """A share of the learning rate for every trainable weight of the model, in their order."""
    weighted = [layer for layer in _leaves(backbone) if layer.weights]
    share: dict[int, float] = {}
    for above, layer in enumerate(reversed(weighted)):
        part = 1 + above * PARTS // max(len(weighted), PARTS)
        share |= {id(weight): layer_decay**part for weight in layer.weights}
    return [share.get(id(weight), 1.0) for weight in model.trainable_weights]


def _leaves(model):
    """The layers of a model and of those inside it, in their order."""
    for layer in model.layers:
        yield from _leaves(layer) if isinstance(layer, keras.Model) else (layer,)


def has_plain_head(model):
    """Whether everything after the backbone is one line of layers, each called once."""
    behind = _behind(model)
    return bool(behind) and all(
        len(layer._inbound_nodes) == 1 and not isinstance(layer.input, (list, dict))
        for layer in behind
    )


def split(model):
    """(images -> features, features -> predictions): the second a copy of the model's own head."""
    behind = _behind(model)
    while len(behind) > 1 and isinstance(behind[0], POOLING):
        behind = behind[1:]
    features = keras.Model(model.inputs, behind[0].input)
    x = inputs = keras.Input(features.output_shape[1:])
    for layer in behind:
        twin = type(layer).from_config(layer.get_config())
        x = twin(x)
        twin.set_weights(layer.get_weights())
    return features, keras.Model(inputs, x)


def give_back(head, model):
    """Copy the weights of the head that `split` made into the model."""
    behind = {layer.name: layer for layer in _behind(model)}
    for layer in head.layers:
        if layer.weights:
            behind[layer.name].set_weights(layer.get_weights())


def _behind(model):
    names = [layer.name for layer in model.layers]
    return model.layers[names.index("backbone") + 1 :]
