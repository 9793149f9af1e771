"""Sharpness of photos: frozen features by the filters that read photos and enlarge them.

    python -m benchmarks resampling               MobileNetV2, one end of an image padded
    python -m benchmarks resampling mobilenet_v2_both_ends

Photos of 348 pixels are read at 161 with one of Pillow's filters, then enlarged to 224 with one of
`keras.layers.Resizing`'s, as `load_images` and `build_pretrained` do. Logistic regression on what a
network with ImageNet weights makes of them, every third of the 675 grocery photos held out in
clusters of photos that look alike: accuracy / log loss. The last row reads at 224 pixels. What came
of it is in fine_tuning.py.
"""

import io

import keras
import numpy as np
from sklearn.metrics import accuracy_score, log_loss

from benchmarks import _measure, _photos, fine_tuning

READ = ("bilinear", "hamming", "bicubic", "lanczos")
ENLARGED = (None, "bilinear", "bicubic", "lanczos3")
SMALL, LARGE = fine_tuning.SIDE, 224


def read(encoded, side, method):
    """Photos cropped to squares, as `load_images` does, with any of Pillow's filters."""
    from PIL import Image, ImageOps

    method = Image.Resampling[method.upper()]
    images = (Image.open(io.BytesIO(one)).convert("RGB") for one in encoded)
    read = [np.asarray(ImageOps.fit(one, (side, side), method)) for one in images]
    return np.stack(read).astype("float32")  # which Resizing does not round again


def enlarged(x, method):
    if method is None:
        return x
    return np.asarray(keras.layers.Resizing(LARGE, LARGE, method, antialias=True)(x))


def scored(features, y, thirds):
    """Accuracy and log loss over all rows, each predicted without its third."""
    features = features.astype("float64")  # of float32 the probabilities do not sum to 1
    predicted = np.zeros((len(y), y.max() + 1))
    for third in np.unique(thirds):
        held = thirds == third
        predicted[held] = (
            fine_tuning.logistic().fit(features[~held], y[~held]).predict_proba(features[held])
        )
    return f"{accuracy_score(y, predicted.argmax(-1)):.3f} / {log_loss(y, predicted):.3f}"


def main(network="mobilenet_v2"):
    if network not in fine_tuning.NETWORKS:
        known = tuple(fine_tuning.NETWORKS)
        raise ValueError(f"network must be one of {known}. Received: {network!r}.")
    _measure.versions()
    photos, labels = _photos.photos("finegrained")["train"]
    y = np.unique(labels, return_inverse=True)[1]
    as_read = read(photos, SMALL, "bilinear")  # with which the thirds were drawn
    thirds = fine_tuning.thirds(as_read, y)
    rows = []
    for method in READ:
        x = read(photos, SMALL, method)
        images = (enlarged(x, larger) for larger in ENLARGED)
        described = (fine_tuning.described(one, network) for one in images)
        rows.append((f"{method}, {SMALL}", *(scored(one, y, thirds) for one in described)))
        print(rows[-1], flush=True)
    whole = fine_tuning.described(read(photos, LARGE, "bilinear"), network)
    rows.append((f"bilinear, {LARGE}", scored(whole, y, thirds), *[""] * (len(ENLARGED) - 1)))
    _measure.table(("read", "as read", *(f"enlarged, {one}" for one in ENLARGED[1:])), rows)
