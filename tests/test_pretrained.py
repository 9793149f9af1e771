"""`build_pretrained`: preprocessing, sizes, weights from files, messages; classes by name."""

import keras
import numpy as np
import pytest
from keras import layers

from recipes import (
    _backbones,
    build_convolutional_autoencoder,
    build_pretrained,
    build_sparse_autoencoder,
    build_variational_autoencoder,
    class_names,
    fine_tune,
    predict_names,
)
from recipes.pretrained import PixelScaling

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 12, 10, 3)).astype("float32")


def small(channels=3, filters=4):
    return keras.Sequential(
        [
            keras.Input((None, None, channels)),
            layers.Conv2D(filters, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
        ]
    )


def fixed():
    return keras.Sequential([keras.Input((9, 7, 3)), layers.Conv2D(4, 3)])


def halving():
    """As VGG16 does, five times, without padding."""
    return keras.Sequential([keras.Input((None, None, 3)), *map(layers.MaxPooling2D, [2] * 5)])


@pytest.mark.parametrize("family", sorted(_backbones.PREPROCESSING))
def test_preprocessing_is_that_of_keras(family):
    scaled = PixelScaling(_backbones.PREPROCESSING[family])(IMAGES)
    expected = getattr(keras.applications, family).preprocess_input(IMAGES.copy())
    np.testing.assert_allclose(scaled, expected, atol=1e-4)


def test_every_network_of_keras_is_known():
    assert {_backbones.family(name) for name in _backbones.names()} == {*_backbones.PREPROCESSING}


def test_grayscale_is_the_same_as_three_equal_channels():
    backbone = small()
    grey = build_pretrained((12, 10, 1), 2, backbone=backbone, preprocessing="caffe", seed=0)
    color = build_pretrained((12, 10, 3), 2, backbone=backbone, preprocessing="caffe", seed=0)
    np.testing.assert_allclose(
        grey.predict(IMAGES[..., :1], verbose=0),
        color.predict(np.repeat(IMAGES[..., :1], 3, axis=-1), verbose=0),
        rtol=1e-5,
    )


def test_a_given_model_is_copied_with_its_weights():
    backbone = small()
    before = backbone.get_weights()
    options = {"preprocessing": "tf", "unfreeze": "all", "seed": 0}
    model = build_pretrained((None, None, 3), 2, backbone=backbone, **options)
    model.fit(IMAGES, np.arange(4) % 2, verbose=0)
    for old, now in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    moved = model.get_layer("backbone").get_weights()
    assert not np.array_equal(moved[0], before[0])
    # Statistics of batch normalisation stay, also where its scale is trained.
    np.testing.assert_array_equal(moved[-2], before[-2])
    np.testing.assert_array_equal(moved[-1], before[-1])


@pytest.mark.parametrize("latent_dim", [None, 5])
def test_the_encoder_of_an_autoencoder_is_a_backbone(latent_dim):
    autoencoder = build_convolutional_autoencoder((8, 6, 1), filters=(2, 3), latent_dim=latent_dim)
    encoder = autoencoder.get_layer("encoder")
    model = build_pretrained((8, 6, 1), 2, backbone=encoder)
    assert model.get_layer("output").kernel.shape == (3 if latent_dim is None else 5, 2)
    for mine, theirs in zip(
        model.get_layer("backbone").get_weights(), encoder.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("build", [build_sparse_autoencoder, build_variational_autoencoder])
def test_what_an_encoder_adds_to_the_loss_is_left_behind(build):
    encoder = build((8, 8, 3), units=(8,)).get_layer("encoder")
    options = {"augmentation": None, "image_size": None, "dropout": 0.0, "seed": 0}
    model = build_pretrained((8, 8, 3), 2, backbone=encoder, **options)
    images, labels = IMAGES[:, :8, :8] / 255, np.arange(4) % 2
    said = model.predict(images, verbose=0)[np.arange(4), labels]
    loss = model.evaluate(images, labels, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(-np.log(said).mean(), rel=1e-4)


def test_images_are_resized_inside():
    shape = build_pretrained((None, None, 3), 2, backbone=small(), image_size=(9, 7))
    assert shape.get_layer("backbone").input_shape[1:] == (None, None, 3)
    assert shape.get_layer("resizing").output.shape == (None, 9, 7, 3)
    assert shape.predict(IMAGES, verbose=0).shape == (4, 2)


@pytest.mark.parametrize(
    ("images", "seen"),
    [
        ((40, 60), (80, 120)),  # twice, at most
        ((150, 200), (224, 299)),
        ((224, 300), (224, 300)),
        ((None, 40), (None, 40)),
    ],
)
def test_small_photos_are_enlarged(images, seen):
    model = build_pretrained((*images, 3), 2, backbone=small())
    assert model.get_layer("augmentation").output.shape[1:3] == seen
    as_they_come = build_pretrained((*images, 3), 2, backbone=small(), image_size=None)
    assert "resizing" not in [layer.name for layer in as_they_come.layers]


def test_enlarged_photos_are_not_blurred():
    """Stripes of four pixels, of which bilinear interpolation takes a fifth away."""
    stripes = 127.5 + 100 * np.sin(2 * np.pi * (np.arange(40) + 0.5) / 4)
    image = np.tile(stripes[None, None, :, None], (1, 40, 1, 3))
    model = build_pretrained((40, 40, 3), 2, backbone=small(), augmentation=None)
    enlarged = np.asarray(model.get_layer("resizing")(image))[..., 10:-10, :]
    assert enlarged.std() * np.sqrt(2) > 90


def test_a_backbone_of_fixed_sides_gets_images_of_these():
    for sides in ((12, 10), (5, 6), (None, None)):
        model = build_pretrained((*sides, 3), 2, backbone=fixed())
        assert model.get_layer("resizing").output.shape == (None, 9, 7, 3)
    strip = keras.Sequential([keras.Input((None, 10, 3)), layers.Conv2D(4, 3)])
    model = build_pretrained((12, 10, 3), 2, backbone=strip)
    assert model.predict(IMAGES, verbose=0).shape == (4, 2)


def test_images_are_augmented_at_the_larger_size():
    for sides, order in ((20, ["resizing", "augmentation"]), (6, ["augmentation", "resizing"])):
        model = build_pretrained((12, 10, 3), 2, backbone=small(), image_size=sides)
        assert [layer.name for layer in model.layers if layer.name in order] == order


def test_a_network_of_keras_from_a_file(tmp_path):
    name = "MobileNetV2"
    weights = keras.applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )
    weights.save_weights(tmp_path / "mobilenet.weights.h5")
    model = build_pretrained(
        (40, 36, 1), 3, backbone=name, weights=tmp_path / "mobilenet.weights.h5"
    )
    loaded = model.get_layer("backbone").get_weights()
    for mine, theirs in zip(loaded, weights.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len(model.trainable_weights) == 2
    assert model.get_layer("preprocessing").mode == "tf"


def test_the_default_backbone():
    model = build_pretrained((32, 40, 1), 3, weights=None, seed=0)
    backbone = model.get_layer("backbone")
    assert backbone.output_shape == (None, 1, 2, 1280)  # EfficientNetV2B0's
    assert len(model.trainable_weights) == 2
    # It scales pixels itself: what comes before only makes three channels of one.
    assert model.get_layer("preprocessing").mode is None
    assert any(isinstance(layer, layers.Rescaling) for layer in backbone.layers)


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "other.weights.h5"
    small().save_weights(path)
    with pytest.raises(ValueError, match="weights must fit the backbone") as caught:
        build_pretrained((8, 8, 3), 3, backbone=small(filters=5), weights=path)
    assert all(part in str(caught.value) for part in ("Received", str(path), "classifier"))


def test_the_backbone_of_a_saved_model(tmp_path):
    first = build_pretrained((12, 10, 3), 2, backbone=small())
    first.save(tmp_path / "first.keras")
    second = build_pretrained((12, 10, 3), 5, backbone=small(), weights=tmp_path / "first.keras")
    for mine, theirs in zip(
        second.get_layer("backbone").get_weights(),
        first.get_layer("backbone").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_without_a_network_it_says_which_file_goes_where(monkeypatch, tmp_path):
    def offline(**options):
        raise Exception(
            "URL fetch failure on https://storage.example/models/mobilenet_no_top.h5: "
            "None -- [Errno -2] Name or service not known"
        )

    offline.__module__ = "keras.src.applications.mobilenet_v2"
    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="Without a network") as caught:
        build_pretrained((64, 64, 3), 2, backbone="MobileNetV2")
    message = str(caught.value)
    assert str(tmp_path / "models" / "mobilenet_no_top.h5") in message
    assert "weights='/path/to/mobilenet_no_top.h5'" in message
    assert "https://storage.example/models/mobilenet_no_top.h5" in message


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backbone": "MobilNetV2"}, ValueError, "Did you mean 'MobileNetV2'"),
        ({"backbone": "vgg16"}, ValueError, "Did you mean 'VGG16'"),
        ({"backbone": "convnext"}, ValueError, "Did you mean 'ConvNeXt"),
        ({"backbone": 3}, TypeError, "backbone"),
        ({"backbone": fixed(), "image_size": None}, ValueError, r"image_size must be \(9, 7\)"),
        ({"backbone": fixed(), "image_size": 9}, ValueError, r"Received: \(9, 9\)\. .*'auto'"),
        ({"backbone": halving(), "image_size": 16}, ValueError, r"\(16, 16\).*larger image_size"),
        ({"backbone": "Xception", "input_shape": (30, 80, 3)}, ValueError, "at least 71"),
        ({"image_size": "atuo"}, ValueError, "Did you mean 'auto'"),
        ({"image_size": "224"}, ValueError, "'auto', a side in pixels"),
        ({"backbone": small(1), "input_shape": (9, 9, 3)}, ValueError, "have 1 channel for"),
        ({"backbone": "MobileNetV2", "image_size": 16}, ValueError, "at least 32"),
        ({"weights": "imagnet"}, ValueError, "Did you mean 'imagenet'"),
        ({"weights": "/nowhere/file.h5"}, ValueError, "weights"),
        ({"input_shape": (32, 32, 2)}, ValueError, "1 or 3 channels"),
        ({"class_names": ("a", "a")}, ValueError, "different names"),
        ({"class_names": "ab"}, TypeError, "class_names"),
        ({"class_names": 3}, TypeError, "class_names"),
        ({"class_names": ("a", "b", "c")}, ValueError, "2 different names"),
        ({"task": "regression", "class_names": ("a", "b")}, ValueError, "class_names"),
    ],
)
def test_bad_input(arguments, error, message):
    arguments = {"input_shape": (32, 32, 3), "outputs": 2, **arguments}
    with pytest.raises(error, match=message) as caught:
        build_pretrained(**arguments)
    assert "Received" in str(caught.value)


def test_names_of_classes_are_saved_with_the_model(tmp_path):
    model = build_pretrained((12, 10, 3), 2, backbone=small(), class_names=("cat", "dog"))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert class_names(loaded) == ("cat", "dog")
    probabilities = model.predict(IMAGES, verbose=0)
    expected = np.array(["cat", "dog"])[probabilities.argmax(-1)]
    assert predict_names(loaded, IMAGES, verbose=0).tolist() == expected.tolist()
    with pytest.raises(ValueError, match="class_names"):
        predict_names(build_pretrained((12, 10, 3), 2, backbone=small()), IMAGES)


def test_two_classes_of_one_sigmoid_have_names():
    model = build_pretrained(
        (12, 10, 3), 1, task="binary", backbone=small(), class_names=("no", "yes")
    )
    probability = model.predict(IMAGES, verbose=0)[:, 0]
    expected = np.where(probability > 0.5, "yes", "no")
    assert predict_names(model, IMAGES, verbose=0).tolist() == expected.tolist()


def test_a_backbone_of_keras_hub(tmp_path):
    keras_hub = pytest.importorskip("keras_hub", reason="keras-hub is not installed")
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],  # the smallest that it takes
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
    )
    model = build_pretrained((16, 16, 3), 2, backbone=backbone, preprocessing="torch", seed=0)
    x = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3))
    before = backbone.get_weights()
    result = fine_tune(model, x, np.arange(4) % 2, head_epochs=1, epochs=1, seed=0)
    assert result.stages == (("head", 1), ("all", 1))
    moved = model.get_layer("backbone").get_weights()
    for given, kept, now in zip(before, backbone.get_weights(), moved, strict=True):
        np.testing.assert_array_equal(given, kept)
        assert given.shape == now.shape
    assert not np.array_equal(moved[0], before[0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-5)
