"""`distribution=`: several devices in one trial."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import pytest

from tests.test_tuning_search import tiny

ROOT = Path(__file__).parent.parent
BACKEND = keras.backend.backend()

# A process of its own: devices are divided before the first operation.
SCRIPT = """
    import keras
    import numpy as np
    from tests.test_tuning_search import X, Y, build_small
    from tuning import search

    if keras.backend.backend() == "jax":
        distribution = keras.distribution.DataParallel()
        devices = len(distribution.device_mesh.devices.flatten())
    else:
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        distribution = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        devices = distribution.num_replicas_in_sync

    seen = []

    def build(input_shape, outputs, *, dropout=0.0):
        model = build_small(input_shape, outputs, units=(4,), dropout=0.0)
        if keras.backend.backend() == "jax":
            seen.append(len(model.trainable_variables[0].value.devices()))
        else:
            # The first model only shows that the builder works, on one device.
            seen.append(len(getattr(model.trainable_variables[0].value, "values", [0])))
        return model

    given = dict(space={"dropout": 0.0}, validation=(X[:20], Y[:20]), epochs=2, batch_size=20)
    study = search(build, X[20:], Y[20:], **given, distribution=distribution, verbose=False)
    scores = study.best_history["val_loss"]
    one = search(build, X[20:], Y[20:], **given, verbose=False).best_history["val_loss"]
    assert study.best_model().predict(X, verbose=0).shape == (60, 3)
    print("result", devices, max(seen), np.isfinite(scores).all(), len(scores), len(one))
"""


@pytest.mark.processes
@pytest.mark.skipif(BACKEND not in ("tensorflow", "jax"), reason="no distribution on this backend")
def test_a_trial_runs_on_two_devices():
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KERAS_BACKEND": BACKEND,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert "result 2 2 True 2 2" in run.stdout, run.stderr[-3000:]


class Scope:
    """What looks like a strategy of TensorFlow."""

    def scope(self):
        raise AssertionError("never entered")


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"distribution": "all GPUs"}, TypeError, "distribution must be a tf.distribute.Strategy"),
        ({"distribution": Scope}, TypeError, "distribution must be"),
        ({"distribution": Scope()}, ValueError, "of the backend 'jax'")
        if BACKEND == "jax"
        else ({"distribution": Scope(), "workers": 2}, ValueError, "distribution needs workers=1"),
    ],
)
def test_bad_distributions_are_one_error(given, error, text):
    with pytest.raises(error, match=text):
        tiny(**given)
