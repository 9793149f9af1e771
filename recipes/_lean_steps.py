"""Steps that TensorFlow traces in half the time, and forgets with their model: `make_lean`.

To trace a step costs more than to train a small model. Keras's own is a function in a branch in a
loop in a function, and in it Adam takes 39 operations for each variable. Here it is a loop around
the step, and Adam is TensorFlow's own kernel of the same formula: the same numbers, but for the
last digits. Other backends keep what they have.
"""

import functools
import weakref
from typing import Any

import keras

# What a model must have from Keras for its step to be the one below.
PLAIN = ("train_step", "test_step", "compute_metrics", "get_metrics_result")


def make_lean(model):
    """Give a compiled model lean steps, where Keras's own would do no more."""
    if keras.backend.backend() == "tensorflow" and _is_plain(model):
        _reduce_nothing(model.optimizer)
        _fuse(model.optimizer)
        model.make_train_function(force=True)
        model.train_function = _steps(model, model.train_step, model.train_function)
        model.make_test_function(force=True)
        model.test_function = _steps(model, model.test_step, model.test_function)


def forget_kernels():
    """Let TensorFlow forget the kernels that it has compiled, those of models that are gone too."""
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()


def _is_plain(model):
    """Whether it trains as Keras has it, on one device, traced but not compiled."""
    import tensorflow as tf

    inherited = all(getattr(type(model), name) is getattr(keras.Model, name) for name in PLAIN)
    default = tf.distribute.get_strategy()
    on_one_device = model.distribute_strategy is default and not tf.distribute.has_strategy()
    return inherited and on_one_device and not model.run_eagerly and not model.jit_compile


def _steps(model, step, own):
    """`steps_per_execution` times `step`, or less where the rows end; `own` is Keras's function."""
    import tensorflow as tf

    @functools.partial(tf.function, autograph=False, reduce_retracing=True)
    def steps(iterator, batch):
        def run(done, batch):
            step(keras.tree.map_structure(_value, batch.get_value()))
            return done + 1, iterator.get_next_as_optional()

        def goes_on(done, batch):
            return tf.logical_and(batch.has_value(), done < model.steps_per_execution)

        done, batch = tf.while_loop(goes_on, run, (tf.constant(0), batch))
        return done, batch, model.get_metrics_result()

    # A branch around the step would cost as much as a third of it. So a batch is drawn before it
    # is known to be wanted, and waits here for the next call, with the iterator that it is from.
    waiting: list[Any] = [lambda: None, None]

    def function(iterator):
        if not isinstance(iterator, tf.data.Iterator):
            return own(iterator)
        first = waiting[1] if waiting[0]() is iterator else iterator.get_next_as_optional()
        done, batch, logs = steps(iterator, first)
        waiting[:] = weakref.ref(iterator), batch
        if not done:
            raise StopIteration
        return logs

    return function


def _value(part):
    """A part of a batch; what a generator left out comes as an empty optional."""
    import tensorflow as tf

    return None if isinstance(part, tf.experimental.Optional) else part


def _reduce_nothing(optimizer):
    """Spare the sum over devices, where there is one.

    TensorFlow registers a gradient for it with each trace, and never forgets it: with it the whole
    graph of the step stays in memory, some MB for a small model.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a scaled loss
    inner._all_reduce_sum_gradients = lambda pairs: pairs


def _fuse(optimizer):
    """Let Adam, with or without weight decay, update a variable in one operation."""
    if type(optimizer).update_step is not keras.optimizers.Adam.update_step or optimizer.amsgrad:
        return
    import tensorflow as tf

    own = optimizer.update_step

    def update_step(gradient, variable, learning_rate):
        if isinstance(gradient, tf.IndexedSlices):  # of an embedding: the rows that were looked up
            return own(gradient, variable, learning_rate)
        index = optimizer._get_variable_index(variable)
        moments = optimizer._momentums[index], optimizer._velocities[index]
        number = functools.partial(tf.cast, dtype=variable.dtype)
        beta_1, beta_2 = number(optimizer.beta_1), number(optimizer.beta_2)
        step = number(optimizer.iterations.value + 1)
        return tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=moments[0].value.handle,
            v=moments[1].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=number(learning_rate),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=number(optimizer.epsilon),
            grad=number(gradient),
        )

    optimizer.update_step = update_step
