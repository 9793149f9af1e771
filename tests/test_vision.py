"""What `scale` makes of a convolutional network."""

import keras
import numpy as np
import pytest

from recipes import build_cnn


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def work(model):
    """Multiplications of one image in all convolutions, before pooling."""
    layers = convolutions(model)
    return sum(np.prod(c.output.shape[1:3]) * np.prod(c.kernel.shape) for c in layers)


def test_scale_moves_depth_width_and_size_together():
    models = [build_cnn((32, 32, 3), 10, filters=(8, 16, 32), scale=step) for step in range(5)]
    # 3 * 1.2^scale convolutions, 8 * 1.1^scale channels, 32 * 1.15^scale pixels
    assert [len(convolutions(model)) for model in models] == [3, 4, 4, 5, 6]
    assert [convolutions(model)[0].filters for model in models] == [8, 9, 10, 11, 12]
    assert [convolutions(model)[0].output.shape[1] for model in models] == [32, 37, 42, 49, 56]
    assert not any(layer.name == "resizing" for layer in models[0].layers)
    # 2.0 a step in the paper; whole channels and layers make it uneven.
    assert (work(models[4]) / work(models[0])) ** (1 / 4) == pytest.approx(1.9, abs=0.3)


def test_scale_and_image_size_go_together():
    model = build_cnn((None, None, 1), 2, filters=(4,), image_size=20, scale=2)
    assert model.get_layer("resizing").output.shape[1:3] == (26, 26)
