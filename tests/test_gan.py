"""Generative adversarial networks: who learns from which loss, samples by class, cycles, pools."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from recipes import (
    _adversaries,
    batches,
    build_cyclegan,
    build_gan,
    sample,
    translate,
    unpaired_batches,
)
from recipes.cyclegan import CycleGAN, ImagePool
from recipes.gan import GAN

EAGER = keras.backend.backend() == "tensorflow"  # one step: compiling it would cost most of a test
CLASSES = 2
_random = np.random.default_rng(0)
LABELS = np.arange(64) % CLASSES
# Dark images of class 0 and bright ones of class 1.
IMAGES = (20 + 200 * LABELS[:, None, None, None] + _random.uniform(0, 30, (64, 6, 7, 1))).astype(
    "float32"
)


def weights(model):
    return [ops.convert_to_numpy(weight).copy() for weight in model.trainable_weights]


def moved(model, before):
    return [not np.array_equal(new, old) for new, old in zip(weights(model), before, strict=True)]


@pytest.fixture(scope="module")
def gan():
    """A game that was played for a while; its history is kept with it."""
    model = build_gan(
        (6, 7, 1), classes=CLASSES, latent_dim=4, filters=(16,), learning_rate=2e-3, seed=0
    )
    model.before = weights(model.generator), weights(model.discriminator)
    model.first = sample(model, 40, seed=0)
    feed = batches(IMAGES, LABELS, 16, seed=0)
    model.log = model.fit(feed, epochs=60, shuffle=False, verbose=0).history
    return model


class TestGan:
    def test_samples_have_their_class_and_the_range_of_the_pixels(self, gan):
        images = sample(gan, 40, seed=0)
        assert images.shape == (40, 6, 7, 1)
        assert images.min() >= 0
        assert images.max() <= 255
        dark, bright = images[::2].mean(), images[1::2].mean()
        assert bright - dark > 100
        assert abs(gan.first[1::2].mean() - gan.first[::2].mean()) < 50
        assert sample(gan, 3, label=1, seed=0).mean() == pytest.approx(bright, abs=40)
        np.testing.assert_array_equal(sample(gan, 2, label=[0, 1], seed=3), sample(gan, 2, seed=3))

    def test_both_players_learn_and_report(self, gan):
        assert all(moved(gan.generator, gan.before[0]))
        assert all(moved(gan.discriminator, gan.before[1]))
        losses = ["generator_loss", "diversity_loss", "discriminator_loss"]
        assert set(gan.log) == {*losses, "discriminator_accuracy", "loss"}
        total = np.sum([gan.log[name] for name in losses], axis=0)
        np.testing.assert_allclose(gan.log["loss"], total, rtol=1e-4)

    def test_the_seed_fixes_the_noise(self, gan):
        np.testing.assert_array_equal(sample(gan, 3, seed=1), sample(gan, 3, seed=1))
        assert not np.array_equal(sample(gan, 3, seed=1), sample(gan, 3, seed=2))

    def test_it_saves_loads_and_trains_on(self, gan, tmp_path):
        gan.save(tmp_path / "gan.keras")
        loaded = keras.models.load_model(tmp_path / "gan.keras")
        np.testing.assert_array_equal(sample(loaded, 4, seed=1), sample(gan, 4, seed=1))
        np.testing.assert_allclose(loaded.predict(IMAGES, verbose=0), gan(IMAGES), rtol=1e-4)
        assert loaded.label_smoothing == gan.label_smoothing
        before = weights(loaded.generator)
        loaded.run_eagerly = EAGER
        loaded.fit(IMAGES, LABELS, batch_size=64, verbose=0)
        assert all(moved(loaded.generator, before))

    def test_without_classes_it_needs_no_labels(self):
        model = build_gan((4, 4, 2), latent_dim=3, filters=(4,), value_range=(-1, 1), seed=0)
        model.run_eagerly = EAGER
        x = _random.uniform(-1, 1, (8, 4, 4, 2))
        for data in ((x,), batches(x, shuffle=False)):
            history = model.fit(x, validation_data=data, verbose=0).history
            assert np.isfinite(history["loss"] + history["val_loss"]).all()
        assert abs(sample(model, 5)).max() <= 1

    def test_losses_are_those_of_the_papers(self):
        """Against NumPy, with a generator that always draws the same image."""
        noise, image = keras.Input((3,)), keras.Input((4, 4, 1))
        drawn = layers.Reshape((4, 4, 1))(
            layers.Dense(16, "relu", bias_initializer="ones")(0 * noise)
        )
        judge = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)))
        model = GAN(keras.Model(noise, drawn), judge, label_smoothing=0.2)
        real = IMAGES[:8, :4, :4] / 255
        fooled, _, judged, right = (float(value) for value in model.play(real, None, False))
        p_real, p_made = (
            1 / (1 + np.exp(-ops.convert_to_numpy(model(images))[:, 0]))
            for images in (real, np.ones((1, 4, 4, 1)))
        )
        sure = 0.8 * -np.log(p_real) + 0.2 * -np.log(1 - p_real)
        assert fooled == pytest.approx(-np.log(p_made[0]), rel=1e-4)
        assert judged == pytest.approx(sure.mean() - np.log(1 - p_made[0]), rel=1e-4)
        assert right == pytest.approx(((p_real > 0.5).mean() + (p_made[0] <= 0.5)) / 2)


class Half(_adversaries.Game):
    """A player that learns from a judge which stays as it is."""

    parts = ("player", "judge")
    scores = ("loss",)

    def call(self, x, training=False):
        return self.player(x, training=training)

    def play(self, x, y, training):
        return (ops.mean(ops.relu(_adversaries.frozen(self.judge, self(x), training))),)


def test_a_frozen_judge_passes_gradients_on_and_learns_nothing():
    def part():
        return keras.Sequential([keras.Input((2,)), layers.Dense(2), layers.BatchNormalization()])

    model = Half(player=part(), judge=part())
    model.judge.layers[-1].gamma.assign([1.0, 2.0])
    model.compile("sgd", run_eagerly=EAGER)
    player, judge = weights(model.player), [ops.convert_to_numpy(w) for w in model.judge.weights]
    model.fit(_random.normal(size=(8, 2)), verbose=0)
    assert moved(model.player, player)[0]
    for new, old in zip(model.judge.weights, judge, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(new), old)


@pytest.fixture(scope="module")
def cyclegan():
    """Dark images as bright ones and back."""
    model = build_cyclegan(
        (6, 7, 1), filters=(4, 8), residual_blocks=0, learning_rate=5e-3, identity_weight=0, seed=0
    )
    feed = unpaired_batches(IMAGES[::2], IMAGES[1::2], 8, seed=0)
    model.log = model.fit(feed, epochs=30, shuffle=False, verbose=0).history
    return model


class TestCycleGan:
    def test_it_translates_without_pairs_and_comes_back(self, cyclegan):
        dark = IMAGES[::2]
        bright = translate(cyclegan, dark, to="b")
        assert bright.shape == dark.shape
        assert bright.mean() > 150 > dark.mean()
        assert translate(cyclegan, bright, to="a").mean() < 100
        assert cyclegan.log["cycle_error"][-1] < cyclegan.log["cycle_error"][0] / 2

    def test_it_reports_what_it_minimises(self, cyclegan):
        log = cyclegan.log
        parts = [log[name] for name in ("generator_loss", "judge_loss", "cycle_loss")]
        np.testing.assert_allclose(log["loss"], np.sum(parts, axis=0), rtol=1e-3)
        assert set(log["identity_loss"]) == {0.0}

    def test_losses_are_those_of_the_paper(self):
        """With generators that add 0 and 10, and judges that say 0 and 0.5 to everything."""

        def part(scale, offset):
            image = keras.Input((2, 2, 1))
            return keras.Model(image, layers.Rescaling(scale, offset)(image))

        model = CycleGAN(
            to_a=part(1.0, 0.0),
            to_b=part(1.0, 10.0),
            judge_a=part(0.0, 0.0),
            judge_b=part(0.0, 0.5),
            cycle_weight=3.0,
            identity_weight=2.0,
            value_range=(0, 200),
        )
        images = np.ones((3, 2, 2, 1), "float32")
        values = (float(value) for value in model.play({"a": images, "b": images}, None, False))
        fooled, judged, cycle, identity, error = values
        assert fooled == pytest.approx((0 - 1) ** 2 + (0.5 - 1) ** 2)
        assert judged == pytest.approx((1 + 0) / 2 + (0.25 + 0.25) / 2)
        assert cycle == pytest.approx(3 * (10 + 10) / 100)  # in halves of the pixels' range
        assert identity == pytest.approx(2 * (0 + 10) / 100)
        assert error == pytest.approx(10)  # in pixels, mean of both cycles

    def test_it_saves_loads_and_trains_on(self, cyclegan, tmp_path):
        cyclegan.save(tmp_path / "cyclegan.keras")
        loaded = keras.models.load_model(tmp_path / "cyclegan.keras")
        np.testing.assert_allclose(
            translate(loaded, IMAGES, to="b"), translate(cyclegan, IMAGES, to="b"), rtol=1e-4
        )
        np.testing.assert_array_equal(*map(held, (loaded, cyclegan)))
        loaded.run_eagerly = EAGER
        before = weights(loaded)
        loaded.fit(unpaired_batches(IMAGES[:8], IMAGES[8:16], 8), verbose=0)
        assert np.mean(moved(loaded, before)) > 0.8

    def test_unpaired_batches_show_every_image(self):
        feed = unpaired_batches(IMAGES[:6], IMAGES[6:10], 4, seed=0)
        seen = [np.concatenate([np.array(x[kind]) for (x,) in feed]) for kind in ("a", "b")]
        assert [len(images) for images in seen] == [6, 6]
        assert [len(np.unique(images, axis=0)) for images in seen] == [6, 4]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_made_images_are_float32_under_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        gan = build_gan((4, 4, 1), classes=CLASSES, filters=(4,), seed=0)
        cyclegan = build_cyclegan((4, 4, 1), filters=(4,), residual_blocks=0, seed=0)
    finally:
        keras.config.set_dtype_policy("float32")
    x = IMAGES[:8, :4, :4]
    for model, data in ((gan, (x, LABELS[:8])), (cyclegan, ({"a": x, "b": x[::-1]},))):
        model.run_eagerly = EAGER
        before = weights(model)
        log = model.fit(*data, batch_size=8, epochs=2, verbose=0).history
        assert np.isfinite(list(log.values())).all()
        assert np.mean(moved(model, before)) > 0.8
    assert sample(gan, 2).dtype == translate(cyclegan, x, to="b").dtype == "float32"


def held(model):
    return ops.convert_to_numpy(model.pool_a.held)


def test_a_pool_fills_then_swaps_half():
    pool = ImagePool(4)
    rows = np.arange(1, 9, dtype="float32")[:, None]
    np.testing.assert_array_equal(pool(rows[:4], training=True), rows[:4])
    np.testing.assert_array_equal(pool.held, rows[:4])
    given = np.concatenate(
        [ops.convert_to_numpy(pool(rows[4:] + 4 * i, training=True)) for i in range(100)]
    )
    new = np.concatenate([rows[4:] + 4 * i for i in range(100)])
    assert 0.4 < (given == new).mean() < 0.6
    assert set(given[:, 0]) <= {*rows[:, 0], *new[:, 0]}
    np.testing.assert_array_equal(pool(rows, training=False), rows)


@pytest.mark.parametrize("batches_of", [(6,), (1, 6), (3, 3, 3), (2, 9, 9)])
def test_a_pool_holds_and_hands_out_only_what_it_was_given(batches_of):
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        pool, last = ImagePool(4), 0
        for rows in batches_of:
            new = np.arange(last + 1, last + rows + 1, dtype="float32")[:, None]
            last += rows
            out = ops.convert_to_numpy(pool(new, training=True))
            assert 1 <= out.min() <= out.max() <= last
        assert ops.convert_to_numpy(pool.held).min() >= 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: build_gan((8,)), ValueError, "input_shape"),
        (lambda: build_gan((None, 8, 1)), TypeError, "input_shape"),
        (lambda: build_gan((8, 8, 1), classes=1), ValueError, "classes"),
        (lambda: build_gan((8, 8, 1), value_range=(1, 0)), ValueError, "value_range"),
        (lambda: build_gan((8, 8, 1), learning_rate=0), ValueError, "learning_rate"),
        (lambda: build_gan((8, 8, 1), optimizer="adma"), ValueError, "adam"),
        (lambda: sample(keras.Sequential(), 1), TypeError, "build_gan"),
        (lambda: build_cyclegan((8, 8, 1), pool_size=0), ValueError, "pool_size"),
        (lambda: build_cyclegan((8, 8, 1), cycle_weight=-1), ValueError, "cycle_weight"),
        (lambda: unpaired_batches(IMAGES, IMAGES[:, :3]), ValueError, "b must"),
        (lambda: translate(keras.Sequential(), IMAGES, to="b"), TypeError, "build_cyclegan"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "Received" in str(caught.value)


def test_bad_input_of_trained_models(gan, cyclegan):
    for label, message in ((2, "lie in 0 to 1"), ([0, 1, 0], "have 2 values"), (0.5, "dtype")):
        with pytest.raises((ValueError, TypeError), match=message):
            sample(gan, 2, label=label)
    with pytest.raises(ValueError, match="to must be one of"):
        translate(cyclegan, IMAGES, to="c")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (IMAGES, None, r"fit\(x, y\)"),
        (IMAGES, np.eye(2)[LABELS], r"y\.argmax\(-1\)"),
        (IMAGES, LABELS + 1, "from 0 to 1. Received: labels from 1 to 2"),
        (IMAGES, LABELS / 2, "an integer"),
        (IMAGES, LABELS.astype(str), "y must be numeric"),
        (IMAGES, LABELS[:9], "same number of rows"),
        (IMAGES[..., 0], LABELS, r"x\[\.\.\., None\]"),
        (IMAGES[:, :5], LABELS, r"rows of shape \(6, 7, 1\)"),
    ],
)
def test_arrays_that_no_gan_can_learn(gan, x, y, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        gan.fit(x, y, verbose=0)
    assert "Received" in str(caught.value)
    with pytest.raises((ValueError, TypeError), match=r"of validation_data.* must") as caught:
        gan.fit(IMAGES, LABELS, validation_data=(x, y), verbose=0)
    assert "Received" in str(caught.value)


@pytest.mark.parametrize(
    ("built", "pixels", "message"),
    [
        ((0, 255), (0, 1), r"span at least a fiftieth of value_range=\(0, 255\).*range=\(0, 1\)\."),
        ((0, 255), (-1, 1), r"hold pixels of value_range=\(0, 255\).*from -1 to 1.*=\(-1, 1\)\."),
        ((0, 1), (0, 255), r"pixels of value_range=\(0, 1\).*from 0 to 255.*=\(0, 255\)\."),
        ((0, 255), (0, 300), "from 0 to 300. Scale them"),
        ((0, 1), (0, 0.01), "from 0 to 0.01. Scale them"),
        ((-1, 1), (0, 0), "from 0 to 0"),
    ],
)
def test_pixels_of_another_range(built, pixels, message):
    x = np.resize(np.array(pixels, "float32"), (4, 4, 4, 1))
    gan = build_gan((4, 4, 1), filters=(2,), value_range=built)
    cyclegan = build_cyclegan((4, 4, 1), filters=(2,), residual_blocks=0, value_range=built)
    for model, data in ((gan, x), (cyclegan, {"a": x, "b": x})):
        with pytest.raises(ValueError, match=message) as caught:
            model.fit(data, verbose=0)
        assert "Received" in str(caught.value)
        with pytest.raises(ValueError, match=message):
            model.fit(batches(data, batch_size=2), shuffle=False, verbose=0)


def test_labels_of_a_feed_are_those_of_the_gan(gan):
    feed = batches(IMAGES, LABELS + 5, 4)
    with pytest.raises(ValueError, match="y must hold labels from 0 to"):
        gan.fit(feed, shuffle=False, verbose=0)


def test_pixels_of_the_range_up_to_rounding_and_of_a_generator_without_one(gan):
    _adversaries.pixels("x", IMAGES, (6, 7, 1), (0, float(IMAGES.max()) - 1e-3))
    assert _adversaries.range_of(gan.generator) == (0, 255)
    other = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Reshape((2, 2, 1))])
    assert _adversaries.range_of(other) is None
    _adversaries.pixels("x", IMAGES / 1e4, (6, 7, 1), None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"sample_weight": np.ones(64)},
        {"class_weight": {0: 1.0, 1: 2.0}},
        {"validation_data": (IMAGES, LABELS, np.ones(64))},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_no_game_weighs_rows(gan, arguments):
    with pytest.raises(ValueError, match=r"_weight.* must be None.*Received: a") as caught:
        gan.fit(IMAGES, LABELS, verbose=0, **arguments)
    assert "repeat" in str(caught.value)


def test_labels_for_a_gan_without_classes():
    model = build_gan((6, 7, 1), filters=(2,))
    with pytest.raises(ValueError, match=r"y must be None.*Received: a ndarray.*classes="):
        model.fit(IMAGES, LABELS, verbose=0)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (IMAGES, IMAGES, r"unpaired_batches\(a, b\)"),
        ({"a": IMAGES}, None, r"a dict of \['a'\]"),
        ({"a": IMAGES, "b": IMAGES[:3]}, None, "same number of rows"),
        ({"a": IMAGES, "b": IMAGES[..., 0]}, None, "b must have rows of shape"),
        ({"a": IMAGES, "b": IMAGES}, LABELS, "y must be None"),
    ],
)
def test_arrays_that_no_cycle_can_learn(cyclegan, x, y, message):
    with pytest.raises(ValueError, match=message) as caught:
        cyclegan.fit(x, y, verbose=0)
    assert "Received" in str(caught.value)
    with pytest.raises(ValueError, match=r"of validation_data.* must") as caught:
        cyclegan.fit({"a": IMAGES, "b": IMAGES}, validation_data=(x, y), verbose=0)
    assert "Received" in str(caught.value)


def test_batches_of_the_wrong_kind(gan, cyclegan):
    gan.run_eagerly = cyclegan.run_eagerly = True
    with pytest.raises(ValueError, match=r"fit\(x, y\)"):
        gan.fit(batches(IMAGES, batch_size=8), verbose=0)
    with pytest.raises(ValueError, match=r"unpaired_batches\(a, b\)"):
        cyclegan.fit(batches(IMAGES, batch_size=8), verbose=0)
