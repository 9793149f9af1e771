"""Augmentation: closed forms of every knob, any channels and units, in models and pipelines."""

import keras
import numpy as np
import pytest

import recipes

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (12, 6, 7, 3)).astype("float32")
Y = np.arange(12) % 3


def changed(layer, x):
    return keras.ops.convert_to_numpy(layer(x, training=True))


def only(flip=None, seed=0, **knobs):
    return recipes.ImageAugmentation(flip=flip, seed=seed, **knobs)


class TestImageAugmentation:
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("dtype", ["uint8", "float32"])
    def test_any_channels_and_dtype_off_in_inference(self, channels, dtype):
        x = RANDOM.integers(0, 256, (3, 6, 5, channels)).astype(dtype)
        layer = recipes.image_augmentation("strong", seed=0)
        same = keras.ops.convert_to_numpy(layer(x, training=False))
        np.testing.assert_array_equal(same, x)
        made = changed(layer, x)
        assert made.shape == x.shape
        assert made.dtype == same.dtype == "float32"
        assert made.min() >= 0
        assert 1 < made.max() <= 255
        assert not np.array_equal(made, x)

    @pytest.mark.parametrize(("flip", "axes"), [("horizontal", (2,)), ("vertical", (1,))])
    def test_a_flip_is_exact(self, flip, axes):
        made = changed(only(flip=flip), IMAGES)
        mirrored = np.flip(IMAGES, axes)
        same, flipped = (
            np.isclose(made, images, atol=1e-2).all((1, 2, 3)) for images in (IMAGES, mirrored)
        )
        assert (same ^ flipped).all()
        assert same.any()
        assert flipped.any()

    def test_a_shift_moves_the_picture_by_at_most_its_share(self):
        x = np.zeros((40, 21, 41, 1), "float32")
        x[:, 10, 20] = 1
        made = changed(only(shift=0.2), x)[..., 0]
        rows, columns = np.arange(21), np.arange(41)
        down = (made.sum(2) * rows).sum(1) / made.sum((1, 2)) - 10
        right = (made.sum(1) * columns).sum(1) / made.sum((1, 2)) - 20
        assert 3 < abs(down).max() <= 0.2 * 21
        assert 6 < abs(right).max() <= 0.2 * 41
        assert abs(down.mean()) < 1.5

    def test_a_turn_keeps_the_centre_and_the_distance_from_it(self):
        x = np.zeros((20, 31, 31, 1), "float32")
        x[:, 15, 15] = 1
        x[:, 15, 24:27] = x[:, 14:17, 25] = 1
        made = changed(only(rotate=30), x)[..., 0]
        np.testing.assert_allclose(made[:, 15, 15], 1, atol=1e-3)
        made[:, 13:18, 13:18] = 0
        mass = made.sum((1, 2))
        down = (made.sum(2) * np.arange(31)).sum(1) / mass - 15
        right = (made.sum(1) * np.arange(31)).sum(1) / mass - 15
        np.testing.assert_allclose(np.hypot(down, right), 10, atol=0.4)
        angles = np.degrees(np.arctan2(down, right))
        assert 20 < abs(angles).max() < 31.5
        assert angles.min() < 0 < angles.max()

    def test_zoom_changes_area_by_its_square(self):
        x = np.zeros((30, 41, 41, 1), "float32")
        x[:, 15:26, 15:26] = 1
        area = changed(only(zoom=0.25), x).sum((1, 2, 3)) / 121
        assert 1.25**-2 * 0.97 <= area.min() < 0.85
        assert 1.2 < area.max() <= 1.25**2 * 1.03

    def test_of_a_grown_image_any_part_is_shown(self):
        x = np.broadcast_to(np.arange(41.0)[:, None, None], (60, 41, 41, 1))
        made = changed(only(zoom=(1.0, 2.0)), x)[..., 0]
        top, bottom = made.min((1, 2)), made.max((1, 2))
        np.testing.assert_allclose(made.std(2), 0, atol=1e-4)
        assert 20 <= (bottom - top).min() < 25  # half of the image is seen
        assert 35 < (bottom - top).max() <= 40
        assert top.min() < 2  # the upper end of some, the lower end of others
        assert bottom.max() > 38

    def test_a_pair_of_factors_bounds_the_size(self):
        x = np.zeros((40, 41, 41, 1), "float32")
        x[:, 15:26, 15:26] = 1
        area = changed(only(zoom=(0.7, 0.9)), x).sum((1, 2, 3)) / 121
        assert 0.7**2 * 0.95 <= area.min() < 0.55
        assert 0.75 < area.max() <= 0.9**2 * 1.05

    def test_brightness_adds_one_number_in_units_of_the_value_range(self):
        for low, high, value_range in ((0, 1, None), (0, 255, None), (-2, 2, (-2, 2))):
            middle = np.full((50, 4, 4, 2), (low + high) / 2, "float32")
            middle[:, 0, 0] = high
            added = (changed(only(brightness=0.2, value_range=value_range), middle) - middle)[:, 1:]
            np.testing.assert_allclose(added - added[:, :1, :1], 0, atol=1e-4)
            share = added[:, 0, 0, 0] / (high - low)
            assert 0.15 < abs(share).max() <= 0.2
            assert share.min() < 0 < share.max()

    def test_contrast_scales_differences_from_the_channel_mean(self):
        x = 100 + 20 * RANDOM.uniform(-1, 1, (30, 5, 5, 3)).astype("float32")
        made = changed(only(contrast=0.3), x)
        np.testing.assert_allclose(made.mean((1, 2)), x.mean((1, 2)), rtol=1e-4)
        factor = made.std((1, 2)) / x.std((1, 2))
        np.testing.assert_allclose(factor, factor[:, :1].repeat(3, 1), rtol=1e-3)
        assert 0.7 <= factor.min() < 0.85
        assert 1.15 < factor.max() <= 1.3001

    def test_erasing_covers_a_box_of_a_share_of_the_images_with_the_mean(self):
        x = RANDOM.uniform(size=(200, 20, 20, 1)).astype("float32")
        made = changed(only(erase=0.4), x)
        touched = (made != x)[..., 0]
        assert 0.3 < touched.any((1, 2)).mean() < 0.5
        for i in np.flatnonzero(touched.any((1, 2))):
            rows, columns = np.flatnonzero(touched[i].any(1)), np.flatnonzero(touched[i].any(0))
            assert touched[i].sum() == len(rows) * len(columns)
            np.testing.assert_allclose(made[i][touched[i]], x[i].mean(), rtol=1e-5)
        area = touched.mean((1, 2))[touched.any((1, 2))]
        assert area.max() < 0.34  # a quarter, and a row and a column more by rounding

    def test_nothing_switched_on_changes_nothing(self):
        np.testing.assert_array_equal(changed(only(), IMAGES), IMAGES)

    def test_one_image_alone(self):
        assert changed(recipes.image_augmentation(seed=0), IMAGES[0]).shape == IMAGES[0].shape

    def test_same_seed_same_images_and_a_fresh_draw_each_call(self):
        one, two = (recipes.image_augmentation("strong", seed=5) for _ in range(2))
        first = changed(one, IMAGES)
        np.testing.assert_array_equal(first, changed(two, IMAGES))
        assert not np.array_equal(first, changed(one, IMAGES))

    def test_config_rebuilds_it(self):
        layer = recipes.image_augmentation("photo", flip="both", value_range=(-1, 1), seed=3)
        again = keras.layers.deserialize(keras.layers.serialize(layer))
        assert again.get_config() == layer.get_config()
        np.testing.assert_array_equal(changed(again, IMAGES / 255), changed(layer, IMAGES / 255))

    def test_in_tf_data_on_every_backend(self):
        tf = pytest.importorskip("tensorflow")
        layer = recipes.image_augmentation("strong", seed=0)
        data = tf.data.Dataset.from_tensor_slices(IMAGES.astype("uint8")).batch(5).map(layer)
        batches = [batch.numpy() for batch in data]
        assert [batch.shape for batch in batches] == [(5, 6, 7, 3), (5, 6, 7, 3), (2, 6, 7, 3)]
        assert not np.array_equal(np.concatenate(batches), IMAGES)

    def test_jax_models_stay_compiled(self):
        """Keras's own rotation switches compilation off on JAX: 45 times slower."""
        layer = recipes.image_augmentation()
        model = recipes.build_cnn((6, 7, 3), 3, filters=(4,), augmentation=layer)
        model.fit(IMAGES, Y, verbose=0)
        assert layer.supports_jit == (keras.backend.backend() != "tensorflow")

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"level": "strnog"}, ValueError, "Did you mean 'strong'"),
            ({"flip": "horizontl"}, ValueError, "Did you mean 'horizontal'"),
            ({"shift": 20}, ValueError, "shift must be a rate.*Did you mean 0.2"),
            ({"rotate": 270}, ValueError, "rotate must be at most 180"),
            ({"zoom": 1.5}, ValueError, "zoom must be a rate"),
            ({"zoom": 1.2}, ValueError, r"or \(smallest, largest\)"),
            ({"zoom": (1.5, 0.8)}, ValueError, "zoom must be .lowest, highest"),
            ({"zoom": (0, 2)}, ValueError, "zoom"),
            ({"erase": -1}, ValueError, "erase must be a rate"),
            ({"value_range": 255}, TypeError, "value_range must be"),
            ({"value_range": (1, 0)}, ValueError, "value_range must be"),
            ({"seed": -1}, ValueError, "seed"),
        ],
    )
    def test_bad_input(self, arguments, error, message):
        with pytest.raises(error, match=message):
            recipes.image_augmentation(**arguments)


def crossentropy(y, p):
    return -(y * np.log(p)).sum(-1)


class TestMix:
    def test_mixup_is_a_share_of_two_rows_and_their_labels(self):
        x = np.eye(12)
        mixed, y = recipes.mix(x, np.arange(12), alpha=1.0, seed=0)
        np.testing.assert_allclose(mixed, y, atol=1e-6)
        np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
        assert (np.count_nonzero(y, axis=1) <= 2).all()
        assert ((y > 0.05) & (y < 0.95)).any()

    def test_cutmix_labels_are_the_shares_of_the_area(self):
        x = np.broadcast_to(np.arange(8.0)[:, None, None, None], (8, 10, 9, 1))
        mixed, y = recipes.mix(x, np.arange(8), kind="cutmix", seed=1)
        for image, shares in zip(mixed, y, strict=True):
            area = [(image == label).mean() for label in range(8)]
            np.testing.assert_allclose(area, shares, atol=1e-6)
        assert ((y > 0.05) & (y < 0.95)).any()

    def test_a_weighted_loss_is_the_blend_of_the_two_weighted_losses(self):
        labels, weight = np.arange(6) % 3, np.arange(6) + 0.5
        p = RANDOM.dirichlet(np.ones(3), 6)
        x, y, mixed = recipes.mix(np.eye(6), labels, alpha=1.0, sample_weight=weight, seed=0)
        for shares, target, w, q in zip(x, y, mixed, p, strict=True):
            blended = sum(shares * weight * -np.log(q[labels]))
            assert w * crossentropy(target, q) == pytest.approx(blended, rel=1e-4)

    def test_small_alpha_leaves_most_rows_nearly_whole(self):
        _, y = recipes.mix(np.zeros((500, 1)), np.arange(500) % 5, alpha=0.1, seed=0)
        assert (y.max(1) > 0.9).mean() > 0.7

    def test_binary_labels_become_a_column(self):
        x, y = recipes.mix(np.array([[0.0], [1.0]] * 9), np.arange(18) % 2, outputs=1, seed=0)
        np.testing.assert_allclose(x, y, atol=1e-6)

    def test_numbers_and_dicts(self):
        x = {"a": np.arange(5.0)[:, None], "b": np.arange(5.0)[:, None] * 2}
        mixed, y = recipes.mix(x, np.arange(5.0), alpha=1.0, seed=0)
        np.testing.assert_allclose(mixed["a"][:, 0], y, rtol=1e-5)
        np.testing.assert_allclose(mixed["b"], 2 * mixed["a"], rtol=1e-5)

    def test_arguments_stay_as_they_are(self):
        x, y = np.eye(4), np.arange(4)
        first = recipes.mix(x, y, seed=0)
        np.testing.assert_array_equal(x, np.eye(4))
        np.testing.assert_array_equal(first[0], recipes.mix(x, y, seed=0)[0])

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"kind": "mix-up"}, ValueError, "Did you mean 'mixup'"),
            ({"kind": "cutmix"}, ValueError, "x must be images"),
            ({"alpha": 0}, ValueError, "alpha must be greater than 0"),
            ({"outputs": 2}, ValueError, "y must hold labels from 0 to 1"),
            ({"y": np.array([-1, 1, -1, 1])}, ValueError, "y must hold labels from 0 to 1"),
            ({"y": np.arange(3)}, ValueError, "same number of rows"),
            ({"sample_weight": np.ones(3)}, ValueError, "same number of rows"),
        ],
    )
    def test_bad_input(self, arguments, error, message):
        with pytest.raises(error, match=message):
            recipes.mix(**{"x": np.eye(4), "y": np.arange(4), **arguments})


class Feed(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, step):
        rows = slice(4 * step, 4 * step + 4)
        return IMAGES[rows], Y[rows], np.ones(4, "float32")


def feeds():
    yield recipes.batches(IMAGES, Y, 4, sample_weight=np.ones(12), shuffle=False)
    yield Feed()


class TestAugmented:
    @pytest.mark.parametrize("number", [0, 1], ids=["batches", "PyDataset"])
    def test_trains_with_everything_and_reports_the_true_validation_accuracy(self, number):
        layer = recipes.image_augmentation("strong", seed=0)
        feed = recipes.augmented(list(feeds())[number], layer, mix="cutmix", outputs=3, seed=0)
        model = recipes.build_cnn((6, 7, 3), 3, filters=(4,), label_smoothing=0.1, seed=0)
        fitted = model.fit(feed, epochs=2, validation_data=(IMAGES, Y), shuffle=False, verbose=0)
        right = model.predict(IMAGES, verbose=0).argmax(1) == Y
        assert fitted.history["val_accuracy"][-1] == pytest.approx(right.mean())
        assert np.isfinite(fitted.history["loss"]).all()

    @pytest.mark.parametrize("number", [0, 1], ids=["batches", "PyDataset"])
    def test_a_fresh_draw_each_epoch_that_the_seed_fixes(self, number):
        def epochs():
            feed = recipes.augmented(list(feeds())[number], mix="mixup", outputs=3, seed=4)
            for _ in range(2):
                yield np.concatenate([np.asarray(feed_y) for _, feed_y, _ in each(feed)])
                if hasattr(feed, "on_epoch_end"):
                    feed.on_epoch_end()

        def each(feed):
            return (feed[i] for i in range(3)) if hasattr(feed, "num_batches") else iter(feed)

        first, second = epochs()
        assert first.shape == (12, 3)
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(first, next(epochs()))

    def test_binary_head_takes_mixed_labels(self):
        feed = recipes.batches(IMAGES, Y % 2, 4, shuffle=False)
        feed = recipes.augmented(feed, mix="mixup", outputs=1, seed=0)
        model = recipes.build_mlp((6, 7, 3), 1, task="binary", units=(4,), seed=0)
        assert np.isfinite(model.fit(feed, shuffle=False, verbose=0).history["loss"][0])

    def test_bad_input(self):
        feed = recipes.batches(IMAGES, Y, 4)
        with pytest.raises(ValueError, match="augmentation or mix must be given"):
            recipes.augmented(feed)
        with pytest.raises(ValueError, match=r"Did you mean batches\(x, y, 32\)"):
            recipes.augmented(IMAGES, mix="mixup")
        with pytest.raises(ValueError, match="Did you mean 'mixup'"):
            recipes.augmented(feed, mix="mixpu", outputs=3)
        with pytest.raises(ValueError, match="outputs must be given to mix integer labels"):
            next(iter(recipes.augmented(feed, mix="mixup")))
        with pytest.raises(ValueError, match="outputs must be given to mix integer labels"):
            recipes.augmented(Feed(), mix="mixup")[0]
        for y, received in ((None, "batches without targets"), ({"a": Y}, "a dict of targets")):
            feed = recipes.batches(IMAGES, y, 4)
            with pytest.raises(
                ValueError, match=f"one array of targets to mix. Received: {received}"
            ):
                next(iter(recipes.augmented(feed, mix="mixup", outputs=3)))


def test_accuracy_follows_soft_and_integer_labels_in_one_run():
    """With Keras's "accuracy", soft training rows make integer validation labels silently wrong."""
    y = np.eye(3, dtype="float32")[Y]
    soft = 0.8 * y + 0.2 * y[::-1]
    model = recipes.build_mlp((6, 7, 3), 3, units=(4,), seed=0)
    reported = model.fit(IMAGES, soft, validation_data=(IMAGES, Y), verbose=0).history
    truth = (model.predict(IMAGES, verbose=0).argmax(1) == Y).mean()
    assert reported["val_accuracy"][-1] == pytest.approx(truth)
    assert model.evaluate(IMAGES, y, verbose=0)[1] == pytest.approx(truth)


def test_tabular_augmentation_is_swap_noise():
    layer = recipes.tabular_augmentation(0.3, seed=1)
    assert isinstance(layer, recipes.SwapNoise)
    assert layer.rate == 0.3
    with pytest.raises(ValueError, match=r"Did you mean 0\.2"):
        recipes.tabular_augmentation(20)


def test_photos_have_a_level_that_tables_have_not():
    backbone = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3)])
    model = recipes.build_pretrained((8, 8, 3), 2, backbone=backbone)
    assert model.get_layer("augmentation").zoom == (0.8, 1.6)
    with pytest.raises(ValueError, match="augmentation must be one of"):
        recipes.build_mlp((4,), 2, augmentation="photo")


def test_plot_augmentation_draws_original_and_versions():
    layer = recipes.image_augmentation(seed=0)
    ax = recipes.plot_augmentation(layer, IMAGES, n=2, versions=3)
    assert ax.images[0].get_array().shape == (2 * 8, 4 * 9, 3)
    with pytest.raises(ValueError, match="x must have 4 axes"):
        recipes.plot_augmentation(layer, IMAGES[0])
    with pytest.raises(TypeError, match=r"augmentation must be a keras\.Layer"):
        recipes.plot_augmentation(None, IMAGES)
