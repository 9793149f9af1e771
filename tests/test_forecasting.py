"""Forecasters, backtests and their errors, against figures worked out by hand or with NumPy."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest

from recipes import (
    anomaly_scores,
    backtest,
    build_forecaster,
    build_sequence_autoencoder,
    encode,
    make_windows,
    plot_forecast,
    reconstruction_error,
)
from recipes.backtests import SEASONAL

SEASON = np.array([1.0, 3.0, 2.0, 6.0])
WAVE = np.tile(SEASON, 25)
NOISY = WAVE + np.random.default_rng(0).normal(scale=0.5, size=100)
WINDOWS = np.random.default_rng(1).normal(size=(5, 8, 2)).astype("float32")


def forecaster(**overrides):
    arguments = {"units": (4,), "season": 4, "seed": 0, **overrides}
    return build_forecaster((8, 2), 6, **arguments)


def repeated(windows, season=4):
    """The mean season at the level of the last one, in NumPy, over six timesteps."""
    seasons = windows.reshape(len(windows), -1, season, windows.shape[-1])
    levels = seasons.mean(2, keepdims=True)
    return np.tile((seasons - levels).mean(1) + levels[:, -1], (1, 6, 1))[:, :6]


@pytest.mark.parametrize("season", [1, 4, 8])
def test_before_training_it_repeats_the_season_at_the_last_level(season):
    made = forecaster(season=season, targets=2).predict(WINDOWS, verbose=0)
    np.testing.assert_allclose(made, repeated(WINDOWS, season), rtol=1e-5, atol=1e-6)
    if season in (1, 8):  # one season, or none: the naive forecast
        naive = np.tile(WINDOWS[:, -season:], (1, 6, 1))[:, :6]
        np.testing.assert_allclose(made, naive, rtol=1e-5, atol=1e-6)


def test_without_residual_it_starts_from_the_last_value():
    made = forecaster(residual=False).predict(WINDOWS, verbose=0)
    np.testing.assert_allclose(made, WINDOWS[:, -1:, :1].repeat(6, 1), rtol=1e-6)


@pytest.fixture(scope="module")
def trained():
    """A forecaster whose correction is not zero."""
    model = forecaster()
    kernel, bias = model.get_layer("correction").get_weights()
    random = np.random.default_rng(2)
    drawn = [random.normal(size=weight.shape) for weight in (kernel, bias)]
    model.get_layer("correction").set_weights(drawn)
    return model


def test_a_window_moved_and_stretched_moves_and_stretches_its_forecast(trained):
    plain, moved = (trained.predict(x, verbose=0) for x in (WINDOWS, 50 * WINDOWS + 1000))
    np.testing.assert_allclose(moved, 50 * plain + 1000, rtol=1e-3)
    assert np.abs(plain - repeated(WINDOWS)[..., :1]).max() > 0.1


def test_the_linear_layer_is_that_of_numpy():
    model = forecaster(units=())
    kernel, bias = (
        np.random.default_rng(3).normal(size=weight.shape)
        for weight in model.get_layer("correction").get_weights()
    )
    model.get_layer("correction").set_weights([kernel, bias])
    changes = np.square(WINDOWS[:, 4:] - WINDOWS[:, :4]).mean(1, keepdims=True)
    scale = np.sqrt(changes + 0.01 * WINDOWS.var(1, keepdims=True))
    correction = ((WINDOWS - WINDOWS[:, -1:]) / scale).reshape(5, 16) @ kernel + bias
    expected = repeated(WINDOWS)[..., 0] + scale[:, :, 0] * correction
    np.testing.assert_allclose(model.predict(WINDOWS, verbose=0)[..., 0], expected, rtol=1e-4)


def test_window_reads_the_latest_timesteps_alone():
    model = forecaster(window=5, patch=2)
    changed = WINDOWS.copy()
    changed[:, :3] += 7
    np.testing.assert_array_equal(*(model.predict(x, verbose=0) for x in (WINDOWS, changed)))
    assert model.input_shape == (None, 8, 2)


def test_a_still_window_is_forecast_as_it_is(trained):
    still = np.full((1, 8, 2), 3.0, "float32")
    np.testing.assert_allclose(trained.predict(still, verbose=0), 3.0, atol=0.01)


@pytest.fixture(scope="module")
def result():
    build = functools.partial(build_forecaster, units=())
    return backtest(build, NOISY, 8, 4, season=4, test=24, folds=2, epochs=2, seed=0)


def test_errors_are_those_of_numpy(result):
    assert result.origins.tolist() == [76, 80, 84, 88, 92, 96]
    np.testing.assert_array_equal(result.actual[..., 0], NOISY[76:].reshape(6, 4))
    np.testing.assert_array_equal(result.naive[..., 0], NOISY[72:96].reshape(6, 4))
    missed = np.abs(NOISY[76:] - NOISY[72:96])
    units = [np.abs(NOISY[4:cut] - NOISY[: cut - 4]).mean() for cut in (76, 88)]
    scores = result.scores["seasonal naive"]
    assert scores["MAE"] == pytest.approx(missed.mean())
    assert scores["RMSE"] == pytest.approx(np.sqrt((missed**2).mean()))
    assert scores["MASE"] == pytest.approx((missed / np.repeat(units, 12)).mean())
    last = np.abs(NOISY[76:].reshape(6, 4) - NOISY[75:96:4, None]).mean()
    assert result.scores["last value"]["MAE"] == pytest.approx(last)
    model = np.abs(result.forecasts - result.actual).mean()
    assert result.scores["model"]["MAE"] == pytest.approx(model)
    folds = [fold["model"]["MAE"] for fold in result.fold_scores]
    assert result.scores["model"]["MAE"] == pytest.approx(np.mean(folds))


def test_a_forecast_knows_nothing_of_what_comes_after_its_origin(result):
    changed = NOISY.copy()
    changed[88:] = 1e3
    build = functools.partial(build_forecaster, units=())
    other = backtest(build, changed, 8, 4, season=4, test=24, folds=2, epochs=2, seed=0)
    np.testing.assert_allclose(other.forecasts[:3], result.forecasts[:3], rtol=1e-6)
    # The second fold's model was trained on rows before 88 only.
    np.testing.assert_allclose(other.forecasts[3], result.forecasts[3], rtol=1e-6)
    assert not np.allclose(other.forecasts[4], result.forecasts[4])


def test_the_report_and_the_picture_show_the_naive_line(result):
    assert list(result.report().index) == ["model", "seasonal naive", "last value"]
    assert "seasonal naive" in repr(result)
    ax = result.plot(number=0)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["naive"][1:], NOISY[72:76])
    np.testing.assert_array_equal(lines["actual"][1:], NOISY[76:80])
    assert lines["history"][-1] == lines["forecast"][0] == NOISY[75]


def test_what_follows_the_last_row_is_forecast_from_the_latest_window(result):
    made = result.windows.inverse(result.model.predict(result.windows.latest, verbose=0))
    assert made.shape == (1, 4, 1)
    assert np.abs(made[0, :, 0] - SEASON).mean() < 1.0


def test_a_model_by_hand_is_judged_too_and_callbacks_see_validation_rows():
    def build(shape, horizon):
        model = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
        model.add(keras.layers.Dense(horizon))
        model.compile("sgd", "mse")
        return model

    epochs = []
    log = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(logs))
    series = np.stack([WAVE, NOISY], axis=1)
    made = backtest(
        build, series, 8, 4, targets=1, folds=1, validation=0.2, epochs=1, callbacks=[log]
    )
    assert made.forecasts.shape == (5, 4, 1)
    np.testing.assert_array_equal(made.actual[..., 0].ravel(), NOISY[80:])
    assert "val_loss" in epochs[0]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", bool])
def test_figures_of_small_types_are_those_of_float64(dtype):
    series = np.tile([1, 0, 1, 1, 0] if dtype is bool else [30, 250, 10, 90, 200], 20)
    options = {"folds": 1, "season": 2, "epochs": 1, "seed": 0}
    build = functools.partial(build_forecaster, units=())
    own, wide = (
        backtest(build, values, 8, 4, **options).scores[SEASONAL]
        for values in (series.astype(dtype), series.astype("float64"))
    )
    assert own == pytest.approx(wide)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"build": None}, ValueError, "build must be a function"),
        ({"season": 0}, ValueError, "season"),
        ({"season": 41}, ValueError, "season must come twice before the test rows"),
        ({"test": 7}, ValueError, r"folds \* horizon = 12 rows.*7 of 100 rows"),
        ({"test": 100}, ValueError, "leave rows to train on"),
        ({"folds": 0}, ValueError, "folds"),
        ({"step": 0}, ValueError, "step"),
        ({"epochs": 0}, ValueError, "epochs"),
        ({"validation": 1.0}, ValueError, "validation"),
        ({"window": 80}, ValueError, "rows to train on"),
        ({"series": np.append(WAVE, np.nan)}, ValueError, "row 100"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_backtests_fail_before_any_training(arguments, error, message):
    call = {"build": build_forecaster, "series": WAVE, "window": 8, "horizon": 4, **arguments}
    with pytest.raises(error, match=message):
        backtest(**call)


def test_times_go_by_place_whatever_index_they_have():
    times = pd.Series(pd.date_range("2024-01-01", periods=4), index=[9, 3, 2, 1])
    ax = plot_forecast([1.0, 2, 3], [4.0], times=times)
    shown = [line.get_xdata()[-1] for line in ax.get_lines()[:2]]
    assert shown == [times.iloc[2], times.iloc[3]]


def test_bad_pictures_are_refused():
    with pytest.raises(ValueError, match="times must be one a row"):
        plot_forecast([1.0, 2], [3.0], times=[1, 2])
    with pytest.raises(ValueError, match="same number of rows"):
        plot_forecast([1.0, 2], [3.0], naive=[1.0, 2])


def test_a_sequence_autoencoder_serves_all_that_is_done_with_one():
    waves = np.sin(np.arange(12)[None, :, None] + np.arange(40)[:, None, None])
    build = functools.partial(
        build_sequence_autoencoder, units=(8,), latent_dim=2, learning_rate=0.02
    )
    odd = 2 * np.random.default_rng(0).normal(size=(3, 12, 1))
    found = anomaly_scores(build, waves, odd, epochs=30, batch_size=8, seed=0)
    assert found.is_anomaly.all()
    model = build((12, 1))
    assert encode(model, waves).shape == (40, 2)
    error = np.square(model.predict(waves, verbose=0) - waves).mean((1, 2))
    np.testing.assert_allclose(reconstruction_error(model, waves), error, rtol=1e-4)


def test_windows_feed_a_fit_of_a_forecaster():
    data = make_windows(NOISY, 8, 4, validation=0, test=20, seed=0)
    # From the last value, which says little where there is a season.
    model = build_forecaster(
        data.input_shape, 4, units=(4,), residual=False, learning_rate=0.02, seed=0
    )
    before = model.evaluate(data.test, verbose=0)[0]
    model.fit(data.train, epochs=15, shuffle=False, verbose=0)
    assert model.evaluate(data.test, verbose=0)[0] < 0.7 * before


def test_a_search_draws_the_window_and_takes_the_horizon_from_the_rows():
    from tuning import Choice, search

    data = make_windows(NOISY, 8, 4, validation=20, test=0)
    study = search(
        build_forecaster,
        *data.train.arrays(),
        validation=data.validation.arrays(),
        space={"window": Choice(0.5, 1.0, default=0.5), "units": ()},
        max_trials=1,
        epochs=1,
        verbose=False,
    )
    assert study.best_arguments["window"] == 0.5
    assert study.code().startswith("build_forecaster((8, 1), 4, ")
