"""Windows against tables made by hand: order, cuts by time, scaling, laziness, bad input."""

import re

import numpy as np
import pandas as pd
import pytest

from recipes import make_windows
from recipes.windows import permuted

RISING = np.arange(60, dtype="float64")
WHOLE = {"validation": 0, "test": 0, "scale": False}


def test_windows_are_those_of_a_table_made_by_hand():
    series = np.array([[0, 10], [1, 11], [2, 12], [3, 13], [4, 14], [5, 15], [6, 16]])
    x, y = make_windows(series, 2, 2, stride=2, targets=1, **WHOLE).train.arrays()
    # The target comes first.
    assert x.tolist() == [[[10, 0], [11, 1]], [[12, 2], [13, 3]]]
    assert y.tolist() == [[[12], [13]], [[14], [15]]]


def test_no_window_sees_its_own_future():
    data = make_windows(RISING, 7, 3, validation=0.2, test=0.2, scale=False)
    for part in (data.train, data.validation, data.test):
        x, y = part.arrays()
        # The series counts its own rows: what is read ends right before what is forecast.
        np.testing.assert_array_equal(x[:, -1, 0] + 1, y[:, 0, 0])
        np.testing.assert_array_equal(np.diff(x[..., 0]), 1)
        np.testing.assert_array_equal(np.diff(y[..., 0]), 1)
        np.testing.assert_array_equal(part.origins, y[:, 0, 0])


def test_no_part_sees_a_later_one():
    data = make_windows(RISING, 7, 3, validation=12, test=9, scale=False)
    parts = [part.arrays()[1] for part in (data.train, data.validation, data.test)]
    assert [(y.min(), y.max()) for y in parts] == [(7, 38), (39, 50), (51, 59)]
    assert data.train.arrays()[0].max() < 39


def test_what_comes_later_changes_neither_windows_nor_scaling():
    changed = RISING.copy()
    changed[48:] = 1e6
    before, after = (make_windows(rows, 5, 2, validation=6, test=6) for rows in (RISING, changed))
    assert before.mean == after.mean == RISING[:48].mean()
    assert before.scale == after.scale == pytest.approx(RISING[:48].std())
    for one, other in zip(before.train.arrays(), after.train.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)
    # The first validation window reads training rows alone.
    np.testing.assert_array_equal(before.validation[0][0][0], after.validation[0][0][0])


def test_inverse_gives_the_units_of_the_series_back():
    series = np.stack([RISING, RISING**2, np.full(60, 5.0)], axis=1)
    data = make_windows(series, 4, 2, targets=(1, 2), batch_size=100)
    assert data.columns == (1, 2, 0)
    x, y = data.test.arrays()
    assert abs(data.train.arrays()[0][..., 2].mean()) < 0.2
    np.testing.assert_allclose(data.inverse(y)[0], series[54:56, 1:], rtol=1e-5)
    np.testing.assert_allclose(data.inverse(x[..., :2])[0], series[50:54, 1:], rtol=1e-5)
    np.testing.assert_allclose(data.inverse(data.latest[..., :2])[0], series[-4:, 1:], rtol=1e-5)
    with pytest.raises(ValueError, match="forecasts must have 2 targets"):
        data.inverse(y[..., :1])


def test_a_series_far_from_0_keeps_its_steps():
    data = make_windows(1e8 + RISING, 4, 2)
    made = data.inverse(data.test.arrays()[1])
    np.testing.assert_allclose(np.diff(made[:, :, 0], axis=1), np.diff(RISING[:2])[0], rtol=1e-4)


def test_columns_named_by_numbers_go_by_name_before_place():
    frame = pd.DataFrame({2: RISING, 10: RISING**2, 1: -RISING})
    assert make_windows(frame, 4, 2, targets=2).columns[0] == 2
    assert make_windows(frame, 4, 2, targets=(10, 1)).columns == (10, 1, 2)
    assert make_windows(frame, 4, 2, targets=-1).columns[0] == 1
    for when in (1, "1"):  # the column named 1
        assert make_windows(frame.abs(), 4, 2, timestamps=when).columns == (2, 10)


def test_an_epoch_holds_every_window_once_in_a_new_order():
    train = make_windows(RISING, 5, 2, **WHOLE, batch_size=10, seed=0).train

    def epoch():
        firsts = np.concatenate([train[i][0][:, 0, 0] for i in range(len(train))])
        train.on_epoch_end()
        return firsts.astype(int).tolist()

    first, second = epoch(), epoch()
    assert sorted(first) == sorted(second) == list(range(54))
    assert first != second != sorted(second)
    again = make_windows(RISING, 5, 2, **WHOLE, batch_size=10, seed=0).train
    np.testing.assert_array_equal(again[0][0][:, 0, 0], first[:10])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50, 101, 10_000])
def test_the_order_that_is_never_stored_is_a_permutation_without_a_pattern(count):
    keys = np.random.default_rng(count).integers(0, 2**63, 4, dtype="uint64")
    places = permuted(np.arange(count, dtype="uint64"), count, keys).astype(int)
    assert sorted(places) == list(range(count))
    if count > 1000:
        # Neither with the place itself nor with the neighbour: three deviations of 1 / sqrt(n).
        for other in (np.arange(count), np.roll(places, 1), np.roll(places, 100)):
            assert abs(np.corrcoef(places, other)[0, 1]) < 3 / np.sqrt(count)


def test_a_series_on_disk_is_neither_loaded_nor_copied(tmp_path):
    path = tmp_path / "series.npy"
    np.save(path, np.random.default_rng(0).normal(size=(5000, 2)).astype("float32"))
    on_disk = np.load(path, mmap_mode="r")
    data = make_windows(on_disk, 24, 6, batch_size=8)
    assert np.shares_memory(data.train.series, on_disk)
    in_memory = make_windows(np.load(path), 24, 6, batch_size=8)
    for one, other in zip(data.test[3], in_memory.test[3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_pandas_names_times_and_the_callers_data_stay():
    index = pd.date_range("2024-01-01", periods=60, freq="h")
    frame = pd.DataFrame({"load": RISING, "heat": RISING % 24}, index=index)
    kept = frame.copy()
    data = make_windows(frame, 6, 2, targets="heat")
    assert data.columns == ("heat", "load")
    assert repr(data) == (
        "Windows(window=6, horizon=2, features=2, targets=1; train 41, validation 5, test 5)"
    )
    pd.testing.assert_frame_equal(frame, kept)
    named = frame.reset_index(names="when")
    named["when"] = named["when"].astype(str)
    for one, other in zip(
        make_windows(named, 6, 2, targets="heat", timestamps="when").test.arrays(),
        data.test.arrays(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


MONTHS = pd.date_range("2020-01-01", periods=60, freq="MS")
WORKDAYS = pd.date_range("2024-01-01", periods=60, freq="B")


@pytest.mark.parametrize(
    "times", [MONTHS, WORKDAYS, MONTHS.to_period(), MONTHS.tz_localize("UTC"), np.arange(60) / 12]
)
def test_even_times_of_any_kind_pass(times):
    assert make_windows(RISING, 5, 2, timestamps=times).test.windows == 5


HOURS = pd.date_range("2024-03-01", periods=60, freq="h")


def changed(row, value):
    series = RISING.copy()
    series[row] = value
    return series


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"window": 0}, ValueError, "window must be at least 1. Received: window=0"),
        ({"window": 2.5}, TypeError, "window"),
        ({"horizon": 0}, ValueError, "horizon"),
        ({"horizon": 70}, ValueError, r"at least window \+ horizon = 75 rows"),
        ({"horizon": 50}, ValueError, "rows to train on.*shorter window"),
        ({"horizon": 8}, ValueError, "validation must be 0 or at least horizon = 8 rows"),
        ({"stride": 0}, ValueError, "stride"),
        ({"series": changed(17, np.nan)}, ValueError, r"nan first in row 17, column 0.*ffill"),
        (
            {"series": pd.Series(changed(17, np.nan), HOURS, name="load")},
            ValueError,
            r"row 17 \(2024-03-01 17:00:00\), column 'load'",
        ),
        ({"series": changed(3, np.inf)}, ValueError, "inf first in row 3"),
        ({"series": ["a", "b"]}, TypeError, "series must be numeric"),
        ({"series": []}, ValueError, "series"),
        ({"series": np.zeros((3, 3, 3))}, ValueError, r"\(rows, features\)"),
        ({"timestamps": HOURS[::-1]}, ValueError, "timestamps must rise.*row 1.*Sort"),
        ({"timestamps": HOURS.repeat(2)[:60]}, ValueError, "timestamps must differ.*row 1 after"),
        (
            {"timestamps": HOURS.delete(30).append(HOURS[-1:] + pd.Timedelta("1h"))},
            ValueError,
            "leave no gap.*2024-03-02 07:00:00 in row 30 after 2024-03-02 05:00:00.*asfreq",
        ),
        ({"timestamps": HOURS[:-1]}, ValueError, "59 for 60 rows"),
        ({"timestamps": [*HOURS[:-1], pd.NaT]}, ValueError, "none in row 59"),
        ({"timestamps": ["x0", *["x"] * 59]}, ValueError, "timestamps must be dates.*'x0' first"),
        ({"timestamps": "when"}, ValueError, "timestamps must be dates.*name a column"),
        ({"targets": 3}, ValueError, "targets must be columns below 1"),
        ({"targets": "load"}, ValueError, "targets"),
        ({"targets": ()}, ValueError, "targets"),
        ({"targets": (0, 0)}, ValueError, "targets must differ"),
        ({"targets": 0.5}, TypeError, "targets"),
        ({"validation": 1.5}, ValueError, "validation must be a rate"),
        ({"test": -1}, ValueError, "test"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"scale": "yes"}, TypeError, "scale"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_input_says_where_and_what_to_do(arguments, error, message):
    call = {"series": RISING, "window": 5, "horizon": 3, **arguments}
    with pytest.raises(error) as caught:
        make_windows(**call)
    assert re.search(message, str(caught.value))
    assert "Received" in str(caught.value)


def test_gaps_are_filled_as_the_docstring_says():
    filled = pd.DataFrame(changed(17, np.nan)).ffill()
    x, _ = make_windows(filled, 5, 3, **WHOLE).train.arrays()
    assert x[17, 0, 0] == 16
