"""Watching layers while a model runs, of any kind and at any depth, without changing the model.

`watched` puts a function in place of a layer's `call` for as long as it lasts. What that function
does with the call is told by `outputs_to`, `inputs_to` and `attention_to`.
"""

import contextlib
import functools
import inspect

import keras


def inner_layers(model):
    """All layers inside the model, at any depth."""
    return model._flatten_layers(include_self=False)


@contextlib.contextmanager
def watched(layers, see):
    """`see(layer, call, *args)` runs in place of `call(*args)` of each of the layers."""
    before = [(layer, vars(layer).get("call")) for layer in layers]
    for layer in layers:
        vars(layer)["call"] = functools.partial(see, layer, layer.call)
    try:
        yield
    finally:
        for layer, own in before:
            if own is None:
                del vars(layer)["call"]
            else:
                vars(layer)["call"] = own


def outputs_to(use, replace=False):
    def see(layer, call, *args, **kwargs):
        result = call(*args, **kwargs)
        changed = use(keras.tree.flatten(result)[0])
        return changed if replace else result

    return see


def inputs_to(use):
    def see(layer, call, *args, **kwargs):
        use(keras.tree.flatten((args, kwargs))[0])
        return call(*args, **kwargs)

    return see


def attention_to(use):
    def see(layer, call, *args, **kwargs):
        if not gives_attention(layer):
            result = call(*args, **kwargs)
            use(keras.tree.flatten(result)[-1])
            return result
        asked = kwargs.pop("return_attention_scores", False)
        result, scores = call(*args, return_attention_scores=True, **kwargs)
        use(scores)
        return (result, scores) if asked else result

    return see


SEE = {"output": outputs_to, "input": inputs_to, "attention": attention_to}


def gives_attention(layer):
    """Whether the layer's call can be asked for its attention scores."""
    return "return_attention_scores" in inspect.signature(type(layer).call).parameters


def attention_layers(model):
    """Those of all layers whose weights can be seen, in order; by name where none says so."""
    inside = inner_layers(model)
    known = [layer for layer in inside if gives_attention(layer)]
    return known or [layer for layer in inside if layer.name.startswith("attention")]


@contextlib.contextmanager
def without_activation(layer):
    """The layer's softmax or sigmoid left out, so that the model ends in logits."""
    if layer is None:
        yield
    elif isinstance(layer, keras.layers.Softmax):
        with watched([layer], lambda layer, call, inputs, **kwargs: inputs):
            yield
    else:
        activation = vars(layer)["activation"]
        vars(layer)["activation"] = keras.activations.linear
        try:
            yield
        finally:
            vars(layer)["activation"] = activation
