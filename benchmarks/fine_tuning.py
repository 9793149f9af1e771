"""Grocery photos: `build_pretrained` and `fine_tune` by default beside Keras's guide by hand.

    python -m benchmarks fine_tuning                          675 photos to train on, 1,322 to score
    python -m benchmarks fine_tuning coarse                   with 5 classes instead of 14
    python -m benchmarks fine_tuning finegrained validation   a third of the 675 to score
    python -m benchmarks fine_tuning finegrained test 97      smaller photos, a third of the time
    python -m benchmarks fine_tuning cifar10 FOLDER 97        500 of CIFAR-10, 1,000 to score
    python -m benchmarks fine_tuning finegrained test 161 efficientnet_lite0      another network
    python -m benchmarks fine_tuning finegrained test 161 mobilenet_v2_both_ends  padded, see below
    python -m benchmarks fine_tuning finegrained test 161 mobilenet_v2 1 12 as_they_come
                                     seed 1, 12 epochs, photos that are not enlarged
    python -m benchmarks fine_tuning cifar10 FOLDER 97 mobilenet_v2 1 30 288 10
                                     enlarged to 288 pixels, 10 photos of each class to train on

The guide (keras.io/guides/transfer_learning) gets the CPU seconds that the recipe took, half for
each of its phases. Both start from MobileNetV2's ImageNet weights, at 161 pixels.

"validation", "validation1" and "validation2" each hold out a third of each class in whole clusters
of photos that look alike, as those of one shelf do: frozen features score 0.60 to 0.70 there and
0.74 on the test photos, but 0.90 on photos that merely come last in the table. The defaults were
chosen on such thirds, of another draw of clusters, at 97 pixels, seed 0, one run each. Accuracy on
two of the thirds, 226 and 228 photos, and on the table's 57 photos "val", 14 classes; the head
alone has 0.65 to 0.70 on the first and 0.68 on the second:

    rate    augmentation                       epochs   third 0, val   third 1, val
    0.001   none                               20       stopped after 5: 0.45
    0.0001  none                               10       0.730, 0.649
    0.00003 medium                             16       0.712, 0.684
    0.0001  medium                             20       0.783, 0.737
    0.0002  medium                             12       0.796, 0.737
    0.0002  medium, gradients clipped to 1     12       0.805, 0.789
    0.0002  strong, label smoothing 0.1        12       0.783, 0.667
    0.0001  photo                              12       -              0.772, 0.474
    0.0002  photo                              12       0.863, 0.789   0.811, 0.579
    0.0002  photo with zoom (0.8, 2)           12       0.854, 0.754   -
    0.0002  photo, moving average of weights   12       0.858, 0.789   0.803, 0.579
    0.0002  photo, label smoothing 0.1         12       -              0.803, 0.491
    0.0002  photo                              24       -              0.811, 0.596

One run of so few photos is good to 0.03. Of 74 photos of both thirds that the defaults' rate and
augmentation got wrong, 26 were satsumas and oranges taken for each other, 16 Royal Gala and Pink
Lady; the photos shown in training were right to 0.98.

On another draw of clusters, all three thirds together, 675 photos, 97 pixels, 12 epochs, seed 0:

    defaults                                            0.796
    photos enlarged to 129 pixels in the model          0.813, 1.7 times the time
    read at 161 pixels, shrunk to 97 once augmented     0.772
    brightness=0.25, contrast=0.4                       0.809
    layer_decay=0.9                                     0.807
    blends of two photos (mixup)                        0.764
    SGD with momentum, rate 0.01                        0.073
    four fifths of the way from the head's weights      0.791
    defaults, brightness and decay: mean of weights     0.797
    the same three: mean of predictions                 0.809

What is wrong there is not the chance of one run: three networks together are no better than the
best of them. A share of 0.013 is nine photos, and brightness, contrast and decay together have
0.804; no default was changed for it. The mean over a photo, its middle and both mirrored is 0.000
to 0.021 better than the photo alone in seven such runs: `predict_with_augmentation`.

On these thirds at 161 pixels, 12 epochs, seed 0 where nothing is said:

    defaults, seeds 0 and 1                             0.825, 0.813
    boxes erased in half of the photos, seeds 0 and 1   0.831, 0.806
    dropout=0.5                                         0.825
    features of six depths of the network to the head   0.824; frozen 0.751, its last alone 0.739
    learning_rate=0.0004                                0.819
    patches of other photos (cutmix)                    0.807
    sharpness-aware minimisation, radius 0.05           third 0 only: 0.671, for 0.744 and 0.778
    the eight runs of all thirds: mean of predictions   0.831

One third moves by 0.07 from seed to seed, the mean of eight networks is no better than the best of
them: 16 of 100 photos are wrong in most of the eight, 9 in all. They are kinds of one fruit, Royal
Gala and Pink Lady, satsumas and oranges, Golden Delicious and Granny Smith.

What does help is to enlarge the photos. Logistic regression on frozen features, all thirds: 0.724
with 161 pixels, 0.763 with 225, 0.796 with 289, 0.804 with 321. Fine-tuned, 12 epochs, seeds 0 and
1:

    as they come                                        0.825, 0.813
    enlarged to 224 pixels                              0.852, 0.847, in twice the time
    enlarged to 289 pixels, third 0 before the model    0.858, 0.861, in three and a half times
    CIFAR-10 at 97 pixels, as it comes                  0.788, 0.777
    CIFAR-10 at 97 pixels, enlarged to 194              0.837, 0.849, in three times the time
    CIFAR-10 at 161 pixels, enlarged to 224             0.842, 0.827
    CIFAR-10 at 161 pixels, enlarged to 288             0.826, 0.839, in 1.6 times the time

So `build_pretrained` enlarges small photos, to the 224 pixels that networks were trained with, and
before it augments: of what had been augmented at 161 pixels it did not help on third 0, 0.768 for
0.773, with brightness, contrast and decay as above. Channels brighter or darker by a tenth, as
under other lamps, did harm there: 0.686.

Part of that gain may be the network's: as Keras builds it for images of any size, MobileNetV2 pads
one end of them in four layers, where PyTorch, which trained the weights, padded both ends. That is
"mobilenet_v2_both_ends" here. On the same thirds, logistic regression on frozen features, by side
in pixels:

                       161     224     257     289
    one end            0.724   0.745   0.772   0.791
    both ends          0.757   0.763   0.776   0.775

and fine-tuned with both ends, 12 epochs:

    as they come, seed 0                                0.843
    enlarged to 224 pixels, seed 0                      0.827, in 1.7 times the time
    CIFAR-10 at 97 pixels, as it comes, seeds 0 and 1   0.801, 0.783
    CIFAR-10 at 97 pixels, enlarged to 160              0.853, 0.849, in 2.2 times the time
    CIFAR-10 at 97 pixels, enlarged to 194, seed 0      0.857, in 3.2 times the time
    test photos as they come, 14 and 5 classes, seed 0  0.805, 0.885

There, photos of 161 pixels gain nothing on the thirds, one seed, and small ones what 160 pixels
give. With the test photos' 0.817 and 0.912 (one end, enlarged) that was too little to change the
default for.

To ask about photos that are larger than those in training (Touvron et al.) is no default either.
One end, enlarged to 224, seeds 0, 1 and 2: 0.858, 0.864, 0.844 asked at 257 and 0.868, 0.861, 0.850
at 289, for 0.852, 0.847, 0.825. Both ends, seed 0: 0.846 and 0.834 for 0.827; as they come 0.852 at
193 for 0.843. But CIFAR-10 at 97 pixels has 0.797 and 0.794 at 113 for 0.801 and 0.783, and the
test photos, both ends, 0.782 at 193 for 0.800.

How many epochs: CIFAR-10 at 97 pixels, accuracy on 1,000 photos, one seed where one is given. The
head's epochs were set by hand, not by this command; so was what is asked at another size above:

    100 photos, enlarged, 12, 30, 60 epochs             0.680 and 0.709 (three seeds), 0.714 (two)
    the same, 150 epochs of the head alone, not 30      0.710, for 0.709
    500 photos, as they come, 12, 30 epochs             0.783 (two seeds), 0.776
    2,000 photos, as they come, 4, 12, 30 epochs        0.810, 0.852, 0.850

So it takes some 500 steps where photos are few and some 12 epochs where they are more.

Proportions: 322 of the 1,322 test rows are photos of 3 to 4, mostly upright, but 43 of the 675 to
learn from, which suggested a look at it. `load_images` stretched them to a square when all of the
above was measured; now it crops them. Accuracy on the 322, each line one classifier that is shown
them in three ways:

                                                        stretched   cropped   padded
    logistic regression, frozen, learnt from stretched  0.696       0.739     -
    the same, enlarged to 224                           0.745       0.783     -
    fine-tuned by default on cropped ones, seed 0       0.832       0.870     0.789
    seed 1                                              0.820       0.863     0.801
    the same, as they come, seed 0                      0.826       0.857     0.826
    seed 1                                              0.783       0.770     0.801
    thirds, cut to 3 to 4 at random places, seed 0      0.839       0.846     0.836

The last line is of all photos of the three thirds, which with their own proportions, mostly square,
have 0.833 stretched and 0.834 cropped. Photos made wider or higher by up to 4 to 3 in augmentation
did not help: 0.744 for 0.763 and 0.810 for 0.815 on the first two thirds, seed 0.

Cropped, all 1,322 test rows, 12 epochs, seeds 0 and 1: 0.825 and 0.841 enlarged, 0.820 and 0.809 as
they come.

Sharpness: what makes photos of 348 pixels ones of 161, and those 224, decides how much of their
fine structure is left. Logistic regression on frozen features, one end padded, thirds of cropped
photos, accuracy / log loss, by the filters of both steps (`benchmarks resampling`):

    read with (Pillow)     as they come     enlarged: bilinear  bicubic          lanczos3
    bilinear               0.714 / 0.794    0.745 / 0.754       0.753 / 0.734    0.754 / 0.725
    hamming                0.726 / 0.763    0.759 / 0.730       0.767 / 0.711    0.770 / 0.704
    bicubic                0.735 / 0.762    0.756 / 0.732       0.766 / 0.714    0.767 / 0.706
    lanczos                0.733 / 0.744    0.763 / 0.719       0.773 / 0.701    0.781 / 0.692
    read at 224 pixels, bilinear, not enlarged: 0.793 / 0.669

Both ends padded, bilinear and bicubic alone: 0.724 / 0.768 and 0.741 / 0.747 as they come, 0.738 /
0.758 and 0.763 / 0.732 enlarged. CIFAR-10 at 97 pixels, enlarged to 194: 0.751 / 0.722 bilinear,
0.751 / 0.706 bicubic. So `load_images` reads with Lanczos' filter, 1.2 ms a photo more than the 2.7
of bilinear, and `build_pretrained` resizes with the bicubic one, since Keras has no other sharp one
on PyTorch. All that is above was measured with bilinear filters; the thirds are drawn by features,
so those of sharp photos are others. Fine-tuned, seed 0, the thirds move by chance (0.834 bilinear,
0.827 sharp), CIFAR-10 has 0.840 for 0.837. Blurring or sharpening the sharp photos in predictions
alone helps nothing.

Sharp photos asked at 256 pixels, learnt at 224, have 0.834 for 0.827 on the thirds, bilinear ones
0.846 for 0.834; CIFAR-10 0.844 at 222 for 0.840 at 194; the test photos, seed 1, 0.855 and 0.915
for 0.859 and 0.917. Predictions would take 1.3 times as long: no default.

Sharp, all 1,322 test rows, by default, seeds 0, 1 and 2: 14 classes 0.835, 0.859, 0.834, 5 classes
0.912, 0.917, 0.918. The 57 photos "val" learnt from as well, seeds 0 and 1: 5 classes 0.911, 0.918.
Enlarged to 288 pixels, frozen features have 0.812 / 0.635 on the thirds for 0.772 / 0.701, but
CIFAR-10, whose things fill the photo, a log loss of 0.758 for 0.709.

What frozen features gain, fine-tuning evens out. Thirds, accuracy / log loss of the head alone as
`fine_tune` trains it, and fine-tuned, seed 0, on the second third and on the test photos, 14
classes, on a slower machine (15 CPU minutes), where the defaults' seed 0 is another network:

                                                        frozen          second   test
    defaults                                            0.800 / 0.582   0.852    0.826
    enlarged to 288 pixels, 1.8 times the time          0.844 / 0.485   0.857    0.829
    each of the 49 positions judged on its own          0.804 / 0.560   0.852    0.817
    the mean of the three's predictions                 -               -        0.835

5 classes, seed 0, have 0.912 with positions and 0.920 with brightness=0.25, contrast=0.4, for 0.912
to 0.918 by default, three seeds. Frozen on the test photos, the head has 0.773 and, of positions
judged on their own, 0.790, but on CIFAR-10 0.755 and 0.747. The spread of each feature beside its
mean (or its maximum, as fastai pools) lowers the log loss of logistic regression, thirds 0.659 to
0.634 (0.637), CIFAR-10 0.706 to 0.675 (0.673), its accuracy is 0.803 (0.801) for 0.800 and 0.762
(0.762) for 0.751: not fine-tuned.

On the test photos, stretched, 661 that the table lists twice each, what enlarging brings does not
show. Enlarged, seeds 0 and 1: 0.817 and 0.828; seed 0 with 30 epochs 0.818. As they come, seed 1:
0.821; with 30 epochs, in two runs, 0.835 and 0.828. Frozen features 0.764 and 0.743. 70 of the 228
rows that are wrong at 0.828 are satsumas and oranges. 5 classes have 0.912, as they come with 30
epochs 0.917, frozen features 0.879 and 0.847. As they come, 30 epochs, EfficientNet-Lite0, on which
nothing was chosen, has 0.775 with 14 classes, its frozen features 0.713, the guide by hand 0.526.
"""

import functools
import time

import keras
import numpy as np
from keras import layers
from sklearn.cluster import AgglomerativeClustering
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import recipes
from benchmarks import _measure, _photos

SIDE = 161
KINDS = {"finegrained": 14, "coarse": 5, "cifar10": 10}
SPLITS = ("test", "validation", "validation1", "validation2")  # of the grocery photos
SIZES = {"auto": "auto", "as_they_come": None}  # `image_size` of the recipe; or pixels
CIFAR10_SCORED = 1000  # photos
CLUSTERS = 9  # of each class, for "validation"
# (the network, the scaling that it was trained with)
NETWORKS = {
    "mobilenet_v2": (_photos.mobilenet_v2, "torch"),
    "mobilenet_v2_both_ends": (functools.partial(_photos.mobilenet_v2, both_ends=True), "torch"),
    "efficientnet_lite0": (_photos.efficientnet_lite0, "tf"),
}


class Until(keras.callbacks.Callback):
    """Stops at the end of the epoch in which the CPU seconds are spent."""

    def __init__(self, seconds):
        super().__init__()
        self.end = time.process_time() + seconds

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = time.process_time() > self.end


def by_hand(x, y, classes, seconds, seed, network, sides=None):
    """Keras's guide: the head alone, then everything with a small rate; photos of these sides."""
    keras.utils.set_random_seed(seed)
    make, mode = NETWORKS[network]
    backbone = make()
    backbone.trainable = False
    z = inputs = keras.Input(x.shape[1:])
    if sides is not None:
        z = layers.Resizing(*sides, interpolation="bicubic", antialias=True)(z)
    z = layers.RandomFlip("horizontal")(z)
    z = layers.RandomRotation(0.1)(z)
    z = layers.Lambda(lambda z: keras.applications.imagenet_utils.preprocess_input(z, mode=mode))(z)
    z = backbone(z, training=False)
    z = layers.GlobalAveragePooling2D()(z)
    z = layers.Dropout(0.2)(z)
    model = keras.Model(inputs, layers.Dense(classes, activation="softmax")(z))
    for rate in (1e-3, 1e-5):
        backbone.trainable = rate == 1e-5
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        until = Until(seconds / 2)
        taken = model.fit(x, y, epochs=1000, callbacks=[until], verbose=0).epoch
        print(f"by hand, learning rate {rate:g}: {len(taken)} epochs", flush=True)
    return model


def recipe(x, y, classes, seed, network, epochs, image_size):
    """Defaults, but for where the weights come from and what the command line says."""
    model = built(x, classes, network, seed, image_size=image_size)
    result = recipes.fine_tune(model, x, y, epochs=epochs, seed=seed)
    print(result, flush=True)
    return model


def built(x, classes, network, seed=None, **options):
    """`build_pretrained` by default on the network, for images of the size of x."""
    make, mode = NETWORKS[network]
    return recipes.build_pretrained(
        x.shape[1:], classes, backbone=make(), preprocessing=mode, seed=seed, **options
    )


def frozen(x, y, x_test, y_test, network, image_size):
    """Logistic regression on the features of the frozen network."""
    classifier = logistic().fit(described(x, network, image_size), y)
    return classifier.score(described(x_test, network, image_size), y_test)


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))


def described(x, network, image_size=None):
    """The features of the frozen network, of photos as they come or enlarged."""
    model = built(x, 2, network, image_size=image_size)
    return keras.Model(model.inputs, model.get_layer("pooling").output).predict(x, verbose=0)


def data(kind, split, side, each=50):
    """(x, y) to train on and (x, y) to score; for "cifar10" `split` is a folder."""
    if kind == "cifar10":
        return _photos.cifar10(split, each, CIFAR10_SCORED, side)
    parts = _photos.photos(kind)
    names = tuple(sorted(set(parts["train"][1])))

    def arrays(part):
        return recipes.load_images(*parts[part], image_size=side, class_names=names).arrays()

    x, y = arrays("train")
    if split == "test":
        return (x, y), arrays("test")
    held = thirds(x, y) == SPLITS.index(split) - 1
    return (x[~held], y[~held]), (x[held], y[held])


def thirds(x, y):
    """0, 1 or 2 for each photo: thirds of each class, in whole clusters of the frozen features."""
    random = np.random.default_rng(0)
    features = described(x, "mobilenet_v2")
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    parts = np.zeros(len(y), int)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        clusters = AgglomerativeClustering(CLUSTERS).fit_predict(features[rows])
        sizes = np.zeros(3)
        for cluster in random.permutation(CLUSTERS):
            smallest = sizes.argmin()
            parts[rows[clusters == cluster]] = smallest
            sizes[smallest] += (clusters == cluster).sum()
    return parts


def main(
    kind="finegrained",
    split="test",
    side=SIDE,
    network="mobilenet_v2",
    seed=0,
    epochs=None,
    size="auto",
    each=50,
):
    if network not in NETWORKS:
        raise ValueError(f"network must be one of {tuple(NETWORKS)}. Received: {network!r}.")
    if kind != "cifar10" and split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}. Received: {split!r}.")
    if size not in SIZES and not size.isdigit():
        raise ValueError(f"size must be pixels or one of {tuple(SIZES)}. Received: {size!r}.")
    _measure.versions()
    seed = int(seed)
    (x, y), (x_test, y_test) = data(kind, split, int(side), int(each))
    photos = f"{len(x)} photos to train on, {len(x_test)} to score"
    print(f"{side} pixels, {photos}, {KINDS[kind]} classes", flush=True)

    def score(model):
        return float(np.mean(model.predict(x_test, verbose=0).argmax(-1) == y_test))

    rows = []
    image_size = SIZES[size] if size in SIZES else int(size)
    seen = built(x, KINDS[kind], network, image_size=image_size).get_layer("augmentation")
    sides = tuple(seen.output.shape[1:3])
    peers = {"": None} if sides == x.shape[1:3] else {"": None, ", photos enlarged": sides}
    for name, inside in peers.items():
        accuracy = frozen(x, y, x_test, y_test, network, inside)
        rows.append((f"frozen, logistic regression{name}", accuracy, None))
        print(rows[-1], flush=True)
    start = time.perf_counter(), time.process_time()
    model = recipe(x, y, KINDS[kind], seed, network, epochs and int(epochs), image_size)
    minutes, spent = (time.perf_counter() - start[0]) / 60, time.process_time() - start[1]
    rows.append(("build_pretrained, fine_tune", score(model), spent))
    print(rows[-1], f"{minutes:.1f} minutes", flush=True)
    for name, inside in peers.items():
        start = time.process_time()
        model = by_hand(x, y, KINDS[kind], spent, seed, network, inside)
        took = time.process_time() - start
        rows.append((f"Keras's guide by hand{name}", score(model), took))
        print(rows[-1], flush=True)
    _measure.table(
        ("what", "accuracy", "CPU minutes to train"),
        [
            (name, f"{accuracy:.3f}", "-" if spent is None else f"{spent / 60:.1f}")
            for name, accuracy, spent in rows
        ],
    )
