"""Augmentation of series: what each knob may change, and that all else stays."""

import keras
import numpy as np
import pytest

import recipes

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 40, 3)).astype("float32")
RAMP = np.tile(np.arange(40.0, dtype="float32")[None, :, None], (60, 1, 2))


def changed(x, seed=0, **knobs):
    layer = recipes.SeriesAugmentation(seed=seed, **knobs)
    return keras.ops.convert_to_numpy(layer(x, training=True))


def test_jitter_is_noise_in_spreads_of_the_feature():
    x = X * [1, 10, 100]
    noise = changed(x.astype("float32"), jitter=0.1) - x
    np.testing.assert_allclose(noise.std((0, 1)) / x.std(1).mean(0), 0.1, rtol=0.05)
    np.testing.assert_allclose(noise.mean((0, 1)) / x.std((0, 1)), 0, atol=0.01)


def test_scale_is_one_factor_a_feature():
    factor = changed(X, scale=0.2) / X
    np.testing.assert_allclose(factor, factor[:, :1].repeat(40, 1), rtol=1e-4)
    assert 0.15 < np.log(factor[:, 0]).std() < 0.25


def test_magnitude_warp_is_a_smooth_factor():
    logs = np.log(changed(np.ones((200, 40, 2), "float32"), magnitude_warp=0.2))
    assert 0.17 < logs.std() < 0.23
    assert np.abs(np.diff(logs, axis=1)).mean() < 0.25 * logs.std()
    assert np.abs(logs[..., 0] - logs[..., 1]).mean() > 0.05


def test_time_warp_keeps_order_and_ends():
    warped = changed(RAMP, time_warp=0.4)
    assert (np.diff(warped, axis=1) > 0).all()
    np.testing.assert_allclose(warped[:, 0], 0, atol=1e-4)
    np.testing.assert_allclose(warped[:, -1], 39, rtol=1e-4)
    assert np.abs(warped - RAMP).max() > 1
    np.testing.assert_allclose(warped[..., 0], warped[..., 1], rtol=1e-5)


def test_crop_stretches_a_window():
    cropped = changed(RAMP, crop=0.3)[..., 0]
    length = cropped[:, -1] - cropped[:, 0]
    assert 0.7 * 39 - 1e-3 <= length.min() < 0.8 * 39 < length.max() <= 39.001
    np.testing.assert_allclose(np.diff(cropped, axis=1) * 39 / length[:, None], 1, rtol=1e-3)
    assert cropped[:, 0].min() >= 0 <= cropped[:, -1].max() <= 39.001
    assert cropped[:, 0].std() > 1


def test_permute_cuts_into_segments_in_another_order():
    made = changed(RAMP, permute=4)[..., 0].astype(int)
    np.testing.assert_array_equal(np.sort(made, axis=1), np.tile(np.arange(40), (60, 1)))
    first = made.reshape(60, 4, 10)
    np.testing.assert_array_equal(first - first[..., :1], np.tile(np.arange(10), (60, 4, 1)))
    orders = {tuple(row) for row in first[..., 0] // 10}
    assert len(orders) > 15  # of 24


def test_off_in_inference_fresh_in_training_same_seed_same_draws():
    one, two = (recipes.series_augmentation("strong", permute=3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one(X, training=False), X)
    first = keras.ops.convert_to_numpy(one(X, training=True))
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(two(X, training=True)))
    assert not np.array_equal(first, keras.ops.convert_to_numpy(one(X, training=True)))


def test_inside_a_model_of_any_length(tmp_path):
    model = recipes.build_rnn(
        (None, 3), 2, units=(2,), augmentation=recipes.series_augmentation("strong", permute=3)
    )
    y = np.arange(60) % 2
    assert np.isfinite(model.fit(X, y, verbose=0).history["loss"][0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (
        loaded.get_layer("augmentation").get_config()
        == model.get_layer("augmentation").get_config()
    )


@pytest.mark.parametrize(
    ("knobs", "error", "name"),
    [
        ({"level": "medum"}, ValueError, "Did you mean 'medium'"),
        ({"jitter": -1}, ValueError, "jitter"),
        ({"scale": "big"}, TypeError, "scale"),
        ({"crop": 20}, ValueError, "Did you mean 0.2"),
        ({"permute": 2.5}, TypeError, "permute"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_knobs_are_named(knobs, error, name):
    with pytest.raises(error, match=name):
        recipes.series_augmentation(**knobs)
