"""Noise while training: `inject_noise` for a model that exists, `WeightNoise` for one layer.

Builders have a knob for noise on the input, `noise=`.
"""

import keras
from keras import layers, ops

from recipes import _blocks, _checks, _model_checks
from recipes._recipe import seeded
from recipes.layers import DropConnect

PLACES = ("input", "hidden", "both", "weights")

_ACTIVATIONS = (
    layers.Activation,
    layers.ELU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ReLU,
)

# Layers of one input whose weights are kernels.
_KERNELS = (
    layers.Dense,
    layers.EinsumDense,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv2D,
)


def inject_noise(model, stddev=0.1, *, where="input", seed=None):
    """A new model with the same weights that sees Gaussian noise while it trains.

    Training on noisy inputs acts like a penalty on sharp functions; noise between layers does the
    same for hidden units. Inference is exactly that of the model given.

    Args:
        model: a built `keras.Model`, functional or Sequential; it stays as it is. Parts such as
            "encoder" keep their names.
        stddev: standard deviation of the noise, at least 0, in units of what it is added to; for
            weights in units of the spread of each kernel.
        where: "input", "hidden" (behind every activation but the last), "both" of these, or
            "weights" (kernels of dense and convolutional layers, as `WeightNoise`).
        seed: int for the noise, or None.

    Returns:
        `keras.Model` with the shapes of `model`, compiled like it if it was compiled.

    Raises:
        ValueError: stddev is negative, where is misspelt, or the model is a subclass whose layers
            cannot be seen.
        TypeError: model is not a `keras.Model`.

    Source: Bishop, 1995, Training with Noise is Equivalent to Tikhonov Regularization.

    >>> import numpy as np
    >>> from recipes import build_mlp
    >>> model = build_mlp((4,), 3, units=(8,))
    >>> noisy = inject_noise(model, 0.5, where="both")
    >>> x = np.ones((2, 4), "float32")
    >>> np.allclose(model(x), noisy(x)), np.allclose(noisy(x), noisy(x, training=True))
    (True, False)
    """
    _model_checks.model("model", model)
    stddev = _checks.non_negative("stddev", stddev)
    _checks.one_of("where", where, PLACES)
    _model_checks.functional("model", model)

    with seeded(seed):
        one = isinstance(model, keras.Sequential)  # which has no `input` before it is called
        ends = (model.inputs[0], model.outputs[0]) if one else (model.input, model.output)
        noisy = keras.Model(*ends, name=model.name)
        if where == "weights":
            noisy = _noise_on_weights(noisy, stddev)
        if where in ("input", "both"):
            noisy = _noise_on_inputs(noisy, stddev)
        if where in ("hidden", "both"):
            noisy = _noise_behind_activations(noisy, stddev)
    noisy.set_weights(model.get_weights())
    if model.compiled:
        noisy.compile_from_config(model.get_compile_config())
    return noisy


@keras.saving.register_keras_serializable("recipes")
class WeightNoise(DropConnect):
    """Adds fresh Gaussian noise to the kernels of `layer` in each training step.

    It looks for weights around which the loss is flat. Inference uses the kernels as they are.

    Args:
        layer: a Dense, Conv or other layer with weights named "kernel".
        stddev: standard deviation of the noise in units of each kernel's own, at least 0.
        seed: int for the noise, or None.

    Call: as `layer`.

    Raises:
        TypeError: layer is not a keras.Layer.
        ValueError: stddev is negative, or the layer turns out to have no kernel.

    Source: Graves, 2011, Practical Variational Inference for Neural Networks.

    >>> import numpy as np
    >>> x = np.ones((1, 4), "float32")
    >>> layer = WeightNoise(keras.layers.Dense(8), stddev=0.5, seed=0)
    >>> np.allclose(layer(x), layer.layer(x)), np.allclose(layer(x), layer(x, training=True))
    (True, False)
    """

    def __init__(self, layer, stddev=0.1, seed=None, **kwargs):
        super().__init__(layer, rate=0.0, seed=seed, **kwargs)
        self.stddev = _checks.non_negative("stddev", stddev)

    def call(self, inputs, training=False):
        if not training or not self.stddev:
            return self.layer(inputs)
        return self._with_other_kernels(inputs)

    def _changed(self, kernel):
        noise = keras.random.normal(ops.shape(kernel), dtype=kernel.dtype, seed=self.seed_generator)
        # The spread is a unit, not something to learn by.
        return kernel + self.stddev * ops.stop_gradient(ops.std(kernel)) * noise

    def get_config(self):
        config = super().get_config()
        del config["rate"]
        return {**config, "stddev": self.stddev}


def _noise_on_weights(model, stddev):
    def clone(layer):
        copy = type(layer).from_config(layer.get_config())
        return WeightNoise(copy, stddev, name=layer.name) if isinstance(layer, _KERNELS) else copy

    return keras.models.clone_model(model, clone_function=clone, recursive=True)


def _noise_on_inputs(model, stddev):
    noisy = {}

    def noise(value):
        """One noisy version of each input, for all the layers that read it."""
        history = getattr(value, "_keras_history", None)
        if history is None or not isinstance(history.operation, layers.InputLayer):
            return value
        name = history.operation.name
        if name not in noisy:
            noisy[name] = _blocks.GaussianNoise(stddev)(value)
        return noisy[name]

    def call(layer, *args, **kwargs):
        return layer(*keras.tree.map_structure(noise, args), **kwargs)

    return keras.models.clone_model(model, call_function=call)


def _noise_behind_activations(model, stddev):
    last = {name for tensor in model.outputs for name in _last_layers(tensor)}

    def call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        if _is_activation(layer) and layer.name not in last:
            return _blocks.GaussianNoise(stddev)(outputs)
        return outputs

    return keras.models.clone_model(model, call_function=call, recursive=True)


def _last_layers(tensor):
    """Names of the layer that made `tensor` and, where that is a model, of its own last layers."""
    layer = tensor._keras_history.operation
    yield layer.name
    if isinstance(layer, keras.Model):
        for inner in layer.outputs:
            yield from _last_layers(inner)


def _is_activation(layer):
    activation = getattr(layer, "activation", None)
    return isinstance(layer, _ACTIVATIONS) or activation not in (None, keras.activations.linear)
