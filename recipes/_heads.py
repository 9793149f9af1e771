"""From a task to the last layer, the loss, the metric and the compiled model, in one place."""

import keras
from keras import layers

from recipes import _checks
from recipes._metrics import Accuracy
from recipes.losses import SmoothedCrossentropy

# Steps that run on the device between two visits to Python. Losses are the same as with 1 on
# TensorFlow and JAX; per-batch callbacks see every 32nd batch. benchmarks/training.py measures it.
STEPS_PER_EXECUTION = 32

ACTIVATIONS = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multilabel": "sigmoid",
    "regression": "linear",
}

# The notes' names that Keras spells with arguments.
OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
}


def output_layer(outputs, task, **kwargs):
    """The last layer, in float32 also under mixed precision."""
    return layers.Dense(outputs, ACTIVATIONS[task], dtype="float32", name="output", **kwargs)


def check(outputs, task, label_smoothing, optimizer, learning_rate):
    """Check what `output_layer` and `compile_for` will be given, before anything is built."""
    _checks.one_of("task", task, _checks.TASKS)
    _checks.outputs(outputs, task)
    _checks.rate("label_smoothing", label_smoothing)
    if task == "regression" and label_smoothing:
        raise ValueError(
            "label_smoothing must be 0 for task='regression', which has no labels. "
            f"Received: label_smoothing={label_smoothing:g}."
        )
    make_optimizer(optimizer, learning_rate)


def compile_for(model, task, *, label_smoothing=0.0, optimizer="adam", learning_rate=None):
    """Compile `model`, which ends in `output_layer(outputs, task)`, and return it."""
    losses = {
        "binary": lambda: keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing),
        "multiclass": lambda: SmoothedCrossentropy(label_smoothing),
        "multilabel": lambda: keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing),
        "regression": lambda: keras.losses.MeanSquaredError(),
    }
    metrics = {"multilabel": "binary_accuracy", "regression": "mae"}
    metric = metrics[task] if task in metrics else Accuracy()
    return compile_with(
        model,
        losses[task](),
        metric,
        make_optimizer(optimizer, learning_rate),
    )


def compile_with(model, loss, metric, optimizer):
    """Compile the way all recipes do, and return the model."""
    model.compile(
        optimizer=optimizer, loss=loss, metrics=[metric], steps_per_execution=STEPS_PER_EXECUTION
    )
    return model


def make_optimizer(optimizer, learning_rate=None):
    """A fresh optimizer from a name or from the user's object, which stays as it is.

    `learning_rate` is a number, a `LearningRateSchedule`, or None for the optimizer's own default.
    """
    if isinstance(optimizer, keras.optimizers.Optimizer):
        if learning_rate is not None:
            raise ValueError(
                "learning_rate must be None where optimizer is an object, which brings its own. "
                f"Received: learning_rate={learning_rate}. Set it on the optimizer."
            )
        return type(optimizer).from_config(optimizer.get_config())
    names = {*OPTIMIZERS, *_keras_optimizers()}
    _checks.one_of("optimizer", optimizer, sorted(names))
    if learning_rate is not None and not isinstance(
        learning_rate, keras.optimizers.schedules.LearningRateSchedule
    ):
        learning_rate = _checks.positive("learning_rate", learning_rate)
    made = OPTIMIZERS[optimizer]() if optimizer in OPTIMIZERS else keras.optimizers.get(optimizer)
    if learning_rate is None:
        return made
    return type(made).from_config({**made.get_config(), "learning_rate": learning_rate})


def _keras_optimizers():
    return {
        name.lower()
        for name, value in vars(keras.optimizers).items()
        if isinstance(value, type)
        and issubclass(value, keras.optimizers.Optimizer)
        and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
    }
