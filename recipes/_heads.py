"""From a task to the last layer, the loss, the metric and the compiled model, in one place."""

import keras
from keras import layers

from recipes import _checks, class_losses
from recipes._metrics import Accuracy
from recipes.losses import SmoothedCrossentropy

# Steps that run on the device between two visits to Python. Losses are the same as with 1 on
# TensorFlow and JAX; per-batch callbacks see every 32nd batch. benchmarks/training.py measures it.
# On PyTorch Keras takes 1 alone.
STEPS_PER_EXECUTION = 1 if keras.backend.backend() == "torch" else 32

ACTIVATIONS = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multilabel": "sigmoid",
    "regression": "linear",
}

# Losses by name for numbers; those for classes are `class_losses.LOSSES`.
REGRESSION_LOSSES = {
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
    "log_cosh": keras.losses.LogCosh,
}

# The notes' names that Keras spells with arguments.
OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
}


def output_layer(outputs, task, **kwargs):
    """The last layer, in float32 also under mixed precision."""
    return layers.Dense(outputs, ACTIVATIONS[task], dtype="float32", name="output", **kwargs)


def check(outputs, task, label_smoothing, loss, class_counts, optimizer, learning_rate):
    """Check what `output_layer` and `compile_for` will be given, before anything is built."""
    _checks.one_of("task", task, _checks.TASKS)
    _checks.outputs(outputs, task)
    _checks.rate("label_smoothing", label_smoothing)
    if task == "regression" and label_smoothing:
        raise ValueError(
            "label_smoothing must be 0 for task='regression', which has no labels. "
            f"Received: label_smoothing={label_smoothing:g}."
        )
    if class_counts is not None:
        received = f"class_counts={class_counts}"
        _checks.require(task != "regression", "class_counts", "be None for numbers", received)
        class_losses.check_counts(class_counts, task, outputs)
    make_loss(loss, task, label_smoothing, class_counts)
    make_optimizer(optimizer, learning_rate)


def compile_for(
    model,
    task,
    *,
    label_smoothing=0.0,
    loss=None,
    class_counts=None,
    optimizer="adam",
    learning_rate=None,
):
    """Compile `model`, which ends in `output_layer(outputs, task)`, and return it."""
    return compile_with(
        model,
        make_loss(loss, task, label_smoothing, class_counts),
        metric(task),
        make_optimizer(optimizer, learning_rate),
    )


def metric(task):
    """What a task reports beside its loss."""
    metrics = {"multilabel": "binary_accuracy", "regression": "mae"}
    return metrics[task] if task in metrics else Accuracy()


def make_loss(loss, task, label_smoothing=0.0, class_counts=None):
    """The loss of a task: None is cross-entropy, or squared error for numbers.

    A name is one of `class_losses.LOSSES` (of `REGRESSION_LOSSES` for numbers); a loss object or a
    function is used as it is.
    """
    if callable(loss):
        _checks.require(
            not label_smoothing,
            "label_smoothing",
            "be 0 where loss is an object, which brings its own",
            f"label_smoothing={label_smoothing:g}",
        )
        return loss
    if task == "regression":
        loss = _checks.one_of("loss", "mse" if loss is None else loss, tuple(REGRESSION_LOSSES))
        return REGRESSION_LOSSES[loss]()
    if loss is None and task == "multiclass":
        return SmoothedCrossentropy(label_smoothing)
    if loss is None:
        return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    _checks.one_of("loss", loss, tuple(class_losses.LOSSES))
    options = {"label_smoothing": label_smoothing, "independent": task == "multilabel"}
    if loss in class_losses.COUNTED:
        _checks.require(
            class_counts is not None,
            "class_counts",
            f"hold the rows of every class for loss={loss!r}",
            "None",
            "Give class_counts=np.bincount(y).",
        )
        options["class_counts"] = class_counts
    return class_losses.LOSSES[loss](**options)


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
