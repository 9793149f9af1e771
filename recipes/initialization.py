"""Other initial weights for a model that is built: `initial_weights`."""

import keras
import numpy as np

from recipes import _checks, _model_checks
from recipes._recipe import generator

INITIALIZERS = (
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "orthogonal",
)


def initial_weights(model, initializer, *, seed=None):
    """Draw the kernels of an untrained model anew.

    Glorot's rule, Keras's default, is for tanh and sigmoid; He's, with twice the variance or more,
    for relu and its kin; LeCun's for selu; orthogonal kernels keep lengths through deep networks.

    Args:
        model: a built `keras.Model`, changed in place. Kernels that are frozen or all zero, biases
            and recurrent kernels stay as they are.
        initializer: "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
            "lecun_normal" or "orthogonal".
        seed: int for the draws, or None.

    Returns:
        The same model.

    Raises:
        ValueError, TypeError: the model is not built, the name is misspelt.

    Source: Glorot and Bengio, 2010; He et al., 2015; LeCun et al., 1998; Saxe et al., 2014.

    >>> from recipes import build_mlp
    >>> model = initial_weights(build_mlp((500,), 3, units=(400,)), "he_normal", seed=0)
    >>> kernel = max(model.get_weights(), key=np.size)
    >>> bool(abs(kernel.std() - (2 / 500) ** 0.5) < 0.001)
    True
    """
    _model_checks.model("model", model)
    _checks.one_of("initializer", initializer, INITIALIZERS)
    seeds = generator(seed)
    kind = type(keras.initializers.get(initializer))
    for variable in model.trainable_variables:
        if variable.name != "kernel" or len(variable.shape) < 2:
            continue
        draw = kind(seed=int(seeds.integers(2**31)))
        if np.any(keras.ops.convert_to_numpy(variable)):
            variable.assign(draw(variable.shape, variable.dtype))
    return model
