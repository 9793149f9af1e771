"""Explanations against NumPy: one tiny convolution whose maps can be computed by hand.

Every backend is held against the same NumPy figures, so that backends agree among themselves.
"""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers

import recipes

random = np.random.default_rng(0)
IMAGES = random.normal(size=(5, 8, 6, 2)).astype("float32")
KERNEL = random.normal(size=(3, 3, 2, 4)).astype("float32")
HEAD = random.normal(size=(4, 3)).astype("float32")


def features(images=IMAGES):
    """What the convolution puts out, computed by NumPy: (rows, 8, 6, 4)."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nhwcij,ijck->nhwk", windows, KERNEL), 0)


# Such that the mean row is undecided, and the rows are of several classes.
BIAS = -(features().mean((0, 1, 2)) @ HEAD)


def convolution(name="conv"):
    return layers.Conv2D(4, 3, padding="same", use_bias=False, activation="relu", name=name)


def body():
    return [convolution(), layers.GlobalAveragePooling2D(), layers.Dropout(0.5)]


def with_weights(model):
    model.set_weights([KERNEL, HEAD, BIAS])
    return model


def sequential():
    head = layers.Dense(3, activation="softmax")
    return with_weights(keras.Sequential([keras.Input((8, 6, 2)), *body(), head]))


def functional():
    x = inputs = keras.Input((8, 6, 2))
    for layer in body():
        x = layer(x)
    x = layers.Activation("softmax")(layers.Dense(3)(x))
    return with_weights(keras.Model(inputs, x))


def nested():
    inner = keras.Input((8, 6, 2))
    backbone = keras.Model(inner, convolution()(inner), name="backbone")
    x = inputs = keras.Input((8, 6, 2))
    x = layers.GlobalAveragePooling2D()(backbone(x))
    head = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Softmax()])
    return with_weights(keras.Model(inputs, head(x)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv, self.pool = convolution(), layers.GlobalAveragePooling2D()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(self.pool(self.conv(inputs)))


def subclassed():
    model = Subclassed()
    model(IMAGES[:1])
    return with_weights(model)


KINDS = {make.__name__: make() for make in (sequential, functional, nested, subclassed)}
MODEL = KINDS["functional"]


def logits(images=IMAGES):
    return features(images).mean((1, 2)) @ HEAD + BIAS


def close(actual, expected, tolerance=1e-4):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


class TestGradCam:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_that_of_numpy_on_every_kind_of_model(self, kind):
        maps = recipes.grad_cam(KINDS[kind], IMAGES, classes=[0, 1, 2, 0, 1])
        weights = HEAD[:, [0, 1, 2, 0, 1]] / (8 * 6)
        close(maps, np.maximum(np.einsum("nhwk,kn->nhw", features(), weights), 0))

    @pytest.mark.parametrize("kind", ["sequential", "functional"])
    def test_is_the_class_activation_map_but_for_its_scale(self, kind):
        cam = recipes.class_activation_map(KINDS[kind], IMAGES)
        close(recipes.grad_cam(KINDS[kind], IMAGES), np.maximum(cam, 0) / (8 * 6))

    def test_without_classes_looks_at_the_predicted_ones(self):
        predicted = logits().argmax(-1)
        assert len(set(predicted)) > 1
        close(recipes.grad_cam(MODEL, IMAGES), recipes.grad_cam(MODEL, IMAGES, predicted))

    def test_is_the_same_in_batches(self):
        close(recipes.grad_cam(MODEL, IMAGES, batch_size=2), recipes.grad_cam(MODEL, IMAGES))

    def test_changes_when_weights_are_randomised(self):
        """Adebayo et al., 2018: a map that does not depend on the weights explains nothing."""
        model = sequential()
        before = recipes.grad_cam(model, IMAGES, 0)
        model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
        after = recipes.grad_cam(model, IMAGES, 0)
        assert abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 0.5

    def test_a_planted_patch_is_found(self):
        """A filter that answers to bright corners, one bright corner in each image."""
        kernel = np.zeros_like(KERNEL)
        kernel[:2, :2, :, 0] = 1
        model = sequential()
        model.set_weights([kernel, np.eye(4, 3, dtype="float32"), BIAS])
        images = random.uniform(0, 0.1, size=(20, 8, 6, 2))
        corners = random.integers(0, (7, 5), size=(20, 2))
        for image, (row, column) in zip(images, corners, strict=True):
            image[row : row + 2, column : column + 2] = 1
        found = [np.unravel_index(m.argmax(), m.shape) for m in recipes.grad_cam(model, images, 0)]
        assert (np.abs(np.array(found) - corners - 0.5) <= 0.5).all()

    @pytest.mark.parametrize(("side", "row", "column"), [(16, 5, 13), (17, 0, 16)])
    def test_a_bright_pixel_is_found_where_strided_windows_see_it(self, side, row, column):
        """Every kernel takes the pixel in its middle; a grid that is stretched would be off."""
        strided = {"strides": 2, "use_bias": False}
        body = [
            layers.Conv2D(1, 3, padding="same", **strided),
            layers.ZeroPadding2D(1),
            layers.Conv2D(1, 3, **strided),
            layers.Conv2D(1, 3, padding="same", **strided),
        ]
        head = [layers.GlobalAveragePooling2D(), layers.Dense(1)]
        model = keras.Sequential([keras.Input((side, side, 1)), *body, *head])
        middle = np.zeros((3, 3, 1, 1))
        middle[1, 1] = 1
        model.set_weights([middle] * 3 + [np.ones((1, 1)), np.zeros(1)])
        image = np.zeros((1, side, side, 1))
        image[0, row, column] = 1
        for explain in (recipes.grad_cam, recipes.class_activation_map):
            (found,) = explain(model, image)
            assert found[row, column] == found.max() > 0
            assert found[row + 1, column] < found.max() > found[row, column - 1]

    def test_one_sigmoid_has_two_classes(self):
        model = keras.Sequential([keras.Input((8, 6, 2)), *body(), layers.Dense(1, "sigmoid")])
        model.set_weights([KERNEL, HEAD[:, :1], 0 * BIAS[:1]])
        signed = features() @ HEAD[:, 0] / (8 * 6)
        close(recipes.grad_cam(model, IMAGES, 1), np.maximum(signed, 0))
        close(recipes.grad_cam(model, IMAGES, 0), np.maximum(-signed, 0))
        predicted = (signed.sum((1, 2)) > 0).astype(int)
        close(recipes.grad_cam(model, IMAGES), recipes.grad_cam(model, IMAGES, predicted))
        close(recipes.class_activation_map(model, IMAGES, 0), -signed * 8 * 6)

    def test_several_outputs_and_the_way_to_one_of_them(self):
        inputs = keras.Input((8, 6, 2))
        x = convolution()(inputs)
        kind = layers.Dense(3, "softmax", name="kind")(layers.GlobalAveragePooling2D()(x))
        size = layers.Dense(1, name="size")(layers.Flatten()(x))
        model = keras.Model(inputs, {"kind": kind, "size": size})
        flat = random.normal(size=(8 * 6 * 4, 1)).astype("float32")
        model.get_layer("conv").set_weights([KERNEL])
        model.get_layer("kind").set_weights([HEAD, BIAS])
        model.get_layer("size").set_weights([flat, BIAS[:1]])
        weights = flat.reshape(8, 6, 4).mean((0, 1))
        close(recipes.grad_cam(model, IMAGES, output="size"), np.maximum(features() @ weights, 0))
        expected = np.maximum(features() @ HEAD[:, 1] / (8 * 6), 0)
        close(recipes.grad_cam(model, IMAGES, 1, output="kind"), expected)

    def test_looks_before_pooling_and_after_normalisation(self):
        model = recipes.build_cnn((8, 6, 2), 3, filters=(4, 4), seed=0)
        grid = recipes.grad_cam(model, IMAGES, resize=False)
        cam = recipes.class_activation_map(model, IMAGES, resize=False)
        assert grid.shape == (5, 2, 2)
        close(grid, np.maximum(cam, 0) / 4)
        first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
        named = recipes.grad_cam(model, IMAGES, layer=first.name, resize=False)
        assert named.shape == (5, 8, 6)
        close(named, recipes.grad_cam(model, IMAGES, layer=first, resize=False))

    def test_of_series(self):
        x = inputs = keras.Input((20, 2))
        x = layers.Conv1D(4, 5, padding="same", activation="relu")(x)
        x = layers.MaxPooling1D(2)(x)
        model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
        series = random.normal(size=(3, 20, 2))
        assert recipes.grad_cam(model, series).shape == (3, 20)
        assert recipes.saliency(model, series).shape == (3, 20)

    def test_resizing_is_linear_between_the_centres_of_cells(self):
        from recipes._geometry import resized

        maps = np.array([[[0.0, 4.0], [8.0, 12.0]]])
        close(resized(maps, (4, 2))[0, :, 0], [0, 2, 6, 8])
        close(resized(maps, (4, 4)).mean(), maps.mean())


def test_mean_of_a_class_activation_map_and_bias_is_the_logit():
    maps = recipes.class_activation_map(KINDS["sequential"], IMAGES, 2, resize=False)
    close(maps.mean((1, 2)) + BIAS[2], logits()[:, 2])


def test_integrated_gradients_sum_to_the_difference_of_the_logits():
    parts = recipes.integrated_gradients(MODEL, IMAGES, steps=64, baseline=0.5, batch_size=3)
    whole, base = logits(), logits(np.full_like(IMAGES, 0.5))
    every, chosen = np.arange(5), whole.argmax(-1)
    difference = whole[every, chosen] - base[every, chosen]
    assert parts.shape == IMAGES.shape
    np.testing.assert_allclose(parts.sum((1, 2, 3)), difference, rtol=0.01)


def test_saliency_of_a_linear_model_is_its_weights():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    maps = recipes.saliency(model, random.normal(size=(2, 4)), [0, 2])
    close(maps, np.abs(keras.ops.convert_to_numpy(model.layers[0].kernel).T[[0, 2]]))


def test_occlusion_costs_what_the_hidden_pixels_gave():
    model = keras.Sequential([keras.Input((4, 6, 1)), layers.Flatten(), layers.Dense(1)])
    kernel = random.normal(size=(24, 1)).astype("float32")
    model.set_weights([kernel, np.zeros(1, "float32")])
    images = random.normal(size=(3, 4, 6, 1)).astype("float32")
    maps = recipes.occlusion_map(model, images, 1, size=2, stride=2, value=0)
    given = (images[..., 0] * kernel.reshape(4, 6)).reshape(3, 2, 2, 3, 2).sum((2, 4))
    close(maps, given.repeat(2, 1).repeat(2, 2))


class TestOverlay:
    def test_is_the_image_where_the_map_is_cold_and_colour_where_it_is_hot(self):
        maps = np.zeros((1, 2, 2))
        maps[0, 1, 1] = 7
        picture = recipes.overlay(np.full((1, 2, 2, 1), 51, "uint8"), maps, alpha=1.0)
        close(picture[0, 0, 0], [0.2, 0.2, 0.2])
        close(picture[0, 1, 1], [0.988, 0.998, 0.645], 1e-2)

    def test_single_pixels_do_not_hide_the_rest(self):
        maps = np.ones((1, 20, 20))
        maps[0, 0, 0] = 1000
        picture = recipes.overlay(np.zeros((1, 20, 20)), maps, alpha=1.0)
        close(picture[0, 0, 0], picture[0, 9, 9])

    def test_takes_grey_rgb_and_no_channels(self):
        for images in (IMAGES[..., 0], IMAGES[..., :1], np.concatenate([IMAGES, IMAGES], -1)):
            picture = recipes.overlay(images, np.ones((5, 8, 6)))
            assert picture.shape == (5, 8, 6, 3)
            assert 0 <= picture.min() <= picture.max() <= 1


def test_the_model_stays_as_it_is_and_dies_with_its_last_name():
    model = sequential()
    before = model.predict(IMAGES, verbose=0)
    recipes.grad_cam(model, IMAGES)
    recipes.integrated_gradients(model, IMAGES, steps=1)
    assert model.layers[-1].activation is keras.activations.softmax
    assert not any("call" in vars(layer) for layer in model.layers)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), before)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_sequential_model_may_change():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    x = random.normal(size=(1, 4))
    recipes.saliency(model, x, 0)
    model.pop()
    kernel = keras.ops.convert_to_numpy(model.layers[0].get_weights()[0])
    close(recipes.saliency(model, x, 2), np.abs(kernel[:, [2]].T))


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="nothing is traced")
def test_a_second_call_traces_nothing():
    traced = []

    class Noted(layers.Layer):
        def call(self, inputs):
            traced.append(1)
            return inputs

    x = inputs = keras.Input((8, 6, 2))
    x = layers.GlobalAveragePooling2D()(Noted()(convolution()(x)))
    model = keras.Model(inputs, layers.Dense(3)(x))
    recipes.grad_cam(model, IMAGES[:4], batch_size=4)
    times = len(traced)
    recipes.grad_cam(model, IMAGES, classes=1, batch_size=4)
    recipes.grad_cam(model, IMAGES[:3], batch_size=32)
    # JAX compiles for 1 and 4 rows; TensorFlow once for any number.
    assert len(traced) <= times * (2 if keras.backend.backend() == "jax" else 1)


TABLE = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="only", activation="softmax")])
TOKENS = keras.Sequential([keras.Input((4,), dtype="int32"), layers.Embedding(9, 2, name="words")])


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: recipes.grad_cam(TABLE, np.ones((2, 4))), ValueError, "convolution.*'only'"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, 3), ValueError, "classes must be from 0 to 2"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, -1), ValueError, "classes must be from 0"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, [0, 1]), ValueError, "hold 5 classes"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, 0.5), TypeError, "classes"),
        (lambda: recipes.grad_cam(MODEL, IMAGES[..., :1]), ValueError, "images must have rows"),
        (lambda: recipes.grad_cam(MODEL, IMAGES[0]), ValueError, r"Did you mean x\[None\]"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, layer="cnov"), ValueError, "mean 'conv'"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, layer=layers.Dense(1)), ValueError, "inside"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, output=1), ValueError, "output"),
        (lambda: recipes.grad_cam(MODEL, IMAGES, batch_size=0), ValueError, "batch_size"),
        (lambda: recipes.grad_cam("cnn", IMAGES), TypeError, "model"),
        (lambda: recipes.class_activation_map(TABLE, np.ones((2, 4))), ValueError, "grad_cam"),
        (lambda: recipes.saliency(TOKENS, np.ones((2, 4), int)), ValueError, "tokens"),
        (lambda: recipes.integrated_gradients(MODEL, IMAGES, steps=0), ValueError, "steps"),
        (
            lambda: recipes.integrated_gradients(MODEL, IMAGES, baseline=np.ones(3)),
            ValueError,
            "baseline",
        ),
        (lambda: recipes.occlusion_map(MODEL, IMAGES, size=7), ValueError, "size"),
        (lambda: recipes.occlusion_map(MODEL, IMAGES, 3), ValueError, "classes"),
        (lambda: recipes.overlay(IMAGES, np.ones((5, 4, 4))), ValueError, "maps"),
        (lambda: recipes.overlay(IMAGES, np.ones((5, 8, 6)), alpha=2), ValueError, "alpha"),
    ],
)
def test_bad_input(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
