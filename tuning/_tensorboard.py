"""TensorBoard for a search: `callback` writes a trial's curves, and its knobs for HParams.

`clear` deletes those of an earlier search.
"""

import shutil
from pathlib import Path

import keras

from tuning._fronts import number_of


def callback(folder, trial, knobs, fold=None):
    """Keras's callback for one training, which writes into a folder of its own.

    Args:
        folder: of the whole search.
        trial: `keras_tuner` trial.
        knobs: dict from name to value.
        fold: number of the fold, or None.
    """
    run = Path(folder, f"trial_{number_of(trial)}", "" if fold is None else f"fold_{fold}")
    _write_knobs(run, knobs)
    # A graph for every trial would take seconds and megabytes of each.
    return keras.callbacks.TensorBoard(str(run), write_graph=False)


def clear(folder):
    """Delete the trials of an earlier search, with which TensorBoard would mix the new ones."""
    for run in Path(folder).glob("trial_*"):
        if run.is_dir() and run.name.removeprefix("trial_").isdigit():
            shutil.rmtree(run)


def _write_knobs(run, knobs):
    """The knobs as TensorBoard's HParams has them: numbers, switches and text."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import api

    plain = {k: v if isinstance(v, (bool, int, float)) else str(v) for k, v in knobs.items()}
    with tf.summary.create_file_writer(str(run)).as_default():
        api.hparams(plain, trial_id=run.as_posix())
