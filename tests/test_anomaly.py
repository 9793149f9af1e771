"""`anomaly_scores`: finds planted anomalies, scales inside, and scores raw rows afterwards."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest

from recipes import anomaly_scores, build_convolutional_autoencoder, build_stacked_autoencoder

RANDOM = np.random.default_rng(0)
# Two columns that go together, on scales a million apart, and 4 % of rows that break the rule.
FACTOR = RANDOM.normal(size=(500, 1))
ROWS = np.hstack([1000 * FACTOR, -0.001 * FACTOR, FACTOR]) * [1, 1, 0] + RANDOM.normal(
    size=(500, 3)
) * [100, 1e-4, 5]
ODD = np.arange(500) % 25 == 0
ROWS[ODD] = ROWS[ODD] * [1, -1, 1] + [10000, 0, 0]

detect = functools.partial(anomaly_scores, build_stacked_autoencoder)


@functools.cache
def detected():
    return detect(ROWS, contamination=0.04, seed=0)


def test_finds_planted_anomalies():
    result = detected()
    assert result.is_anomaly.sum() == 20
    assert (result.is_anomaly == ODD).mean() > 0.99


def test_threshold_follows_the_contamination_of_the_training_rows():
    wide = detect(ROWS, ROWS[:50], contamination=0.2, epochs=1, seed=0)
    assert wide.scores.shape == (50,)
    assert (wide.model.predict(ROWS, verbose=0) > wide.threshold).mean() == pytest.approx(0.2)


def test_model_scores_raw_rows_and_survives_save_and_load(tmp_path):
    result = detected()
    result.model.save(tmp_path / "detector.keras")
    loaded = keras.models.load_model(tmp_path / "detector.keras")
    np.testing.assert_allclose(loaded.predict(ROWS, verbose=0), result.scores, rtol=1e-4)


def test_same_seed_same_scores():
    scores = [detect(ROWS[:100], epochs=2, seed=seed).scores for seed in (3, 3, 4)]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4)
    assert not np.allclose(scores[0], scores[2])


def test_a_few_wild_rows_do_not_bend_the_scale():
    calm = RANDOM.normal(size=(300, 2))
    wild = calm.copy()
    wild[:2, 0] = 1e6
    result = detect(wild, calm, epochs=1, seed=0)
    # A scale from the standard deviation would put all calm values of the column on one point.
    scale = result.model.get_layer("scale")
    assert np.sqrt(np.array(scale.variance).ravel()[0]) == pytest.approx(1, rel=0.1)


def test_constant_columns_count_for_nothing_until_they_change():
    x = np.hstack([RANDOM.normal(size=(200, 2)), np.full((200, 1), 7.0)])
    same, changed = [0, 0, 7], [0, 0, 12]
    low, high = detect(x, [same, changed], epochs=2, seed=0).scores
    assert high > 10 * low


def test_takes_builders_for_other_shapes_and_fitted_models():
    images = RANDOM.uniform(size=(40, 6, 6, 1))
    build = functools.partial(build_convolutional_autoencoder, filters=(3,), latent_dim=2)
    result = anomaly_scores(build, images, epochs=1, seed=0)
    assert result.scores.shape == (40,)

    fitted = build_stacked_autoencoder((3,), units=(4,), latent_dim=1, seed=0)
    weights = [np.array(weight) for weight in fitted.weights]
    result = anomaly_scores(fitted, ROWS)
    expected = np.square(fitted.predict(ROWS, verbose=0) - ROWS).mean(1)
    np.testing.assert_allclose(result.scores, expected, rtol=1e-4)
    for old, new in zip(weights, fitted.weights, strict=True):
        np.testing.assert_array_equal(old, np.array(new))


def test_plot_shows_the_threshold():
    import matplotlib

    matplotlib.use("Agg")
    result = detected()
    assert result.plot().lines[0].get_xdata()[0] == result.threshold


def test_inputs_are_left_alone():
    x = ROWS[:50].copy()
    detect(x, epochs=1)
    np.testing.assert_array_equal(x, ROWS[:50])


def test_values_that_float16_cannot_hold_are_scored_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        result = anomaly_scores(build_stacked_autoencoder, ROWS * 1e6, epochs=1, seed=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(result.scores).all()


def test_columns_of_new_rows_are_taken_by_name():
    frame = pd.DataFrame(ROWS).rename(columns=str)
    result = anomaly_scores(build_stacked_autoencoder, frame, frame[frame.columns[::-1]], epochs=1)
    np.testing.assert_array_equal(result.scores, result.model.predict(ROWS, verbose=0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.zeros(5)}, ValueError, "rows and columns"),
        ({"x": [["a"]]}, TypeError, "x must be numeric"),
        ({"x": np.full((5, 3), np.nan)}, ValueError, "x must be finite"),
        ({"x_new": np.zeros((5, 2))}, ValueError, "x_new must have rows of shape"),
        ({"contamination": 0}, ValueError, r"contamination.*\(0, 0.5\]"),
        ({"contamination": 0.6}, ValueError, r"contamination.*\(0, 0.5\]"),
        ({"epochs": 0}, ValueError, "epochs"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"seed": -1}, ValueError, "seed"),
        ({"build": "stacked"}, TypeError, "build"),
        ({"build": lambda shape: None}, TypeError, "build"),
        (
            {"build": functools.partial(build_stacked_autoencoder, output_activation="sigmoid")},
            ValueError,
            "build must learn numbers of any size.*output_activation='linear'",
        ),
        ({"build": build_stacked_autoencoder((7,))}, ValueError, "rows of shape"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        anomaly_scores(**{"build": build_stacked_autoencoder, "x": ROWS, "epochs": 1, **arguments})
    assert "Received" in str(caught.value)
