"""`TableEncoder`: every kind of column, gaps, categories never seen, and the csv it comes from."""

import functools

import numpy as np
import pandas as pd
import pytest

import recipes

ROWS = 40
random = np.random.default_rng(0)


def frame():
    table = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "age": random.normal(40, 10, ROWS),
            "city": random.choice(["Rome", "Oslo", "Bern"], ROWS),
            "vip": random.uniform(size=ROWS) > 0.5,
            "since": pd.date_range("2024-01-30", periods=ROWS, freq="D").astype(str),
            "size": pd.Categorical(random.choice(["S", "L"], ROWS)),
            "empty": np.nan,
        }
    )
    table.loc[::7, "age"] = np.nan
    table.loc[3, "city"] = None
    return table


TABLE = frame()
ENCODER = recipes.TableEncoder(drop=["id"], min_rows=1)


def column(name, table=TABLE, encoder=ENCODER):
    encoder.fit(TABLE)
    return encoder.transform(table)[:, encoder.names_.index(name)]


def test_numbers_are_standardised_with_gaps_at_the_median():
    ages = TABLE["age"].fillna(TABLE["age"].median())
    np.testing.assert_allclose(column("age"), (ages - ages.mean()) / ages.std(ddof=0), atol=1e-5)
    np.testing.assert_array_equal(column("age missing"), TABLE["age"].isna())


def test_categories_have_columns_and_strangers_are_zeros():
    np.testing.assert_array_equal(column("city=Rome"), TABLE["city"] == "Rome")
    np.testing.assert_array_equal(column("city missing"), TABLE["city"].isna())
    new = TABLE.head(2).assign(city="Atlantis")
    made = ENCODER.fit(TABLE).transform(new)
    places = [i for i, name in enumerate(ENCODER.names_) if name.startswith("city")]
    assert not made[:, places].any()


def test_text_that_reads_as_dates_is_dates():
    names = ENCODER.fit(TABLE).names_
    assert {"since days", "since month", "since weekday"} <= set(names)
    assert "since year" not in names
    assert "since hour" not in names
    days = column("since days")
    np.testing.assert_allclose(np.diff(days), np.diff(days)[0], rtol=1e-3)


def test_dates_are_read_in_the_format_of_fit():
    """The first row of each table reads as another format than the rest of it."""
    train = pd.DataFrame({"since": ["01/02/2024", "13/02/2024", "20/03/2024", "21/03/2025"]})
    test = pd.DataFrame({"since": ["13/02/2024", "03/04/2024"]})
    encoder = recipes.TableEncoder(dates=["since"]).fit(train)
    months = encoder.transform(test)[:, encoder.names_.index("since month")]
    expected = np.array([2, 4])
    seen = np.array([2, 2, 3, 3])
    np.testing.assert_allclose(months, (expected - seen.mean()) / seen.std(), rtol=1e-5)


def test_rare_categories_share_a_column():
    table = pd.DataFrame({"name": [f"passenger {i}" for i in range(30)] + ["common"] * 5})
    encoder = recipes.TableEncoder(min_rows=2).fit(table)
    assert encoder.names_ == ["name=common", "name rare"]
    np.testing.assert_array_equal(encoder.transform(table).sum(1), 1)


def test_strangers_count_as_rare_where_there_are_rare_ones():
    table = pd.DataFrame({"city": ["Rome"] * 3 + ["Oslo"] * 3 + ["Bern", "Lima"]})
    encoder = recipes.TableEncoder(min_rows=2).fit(table)
    assert encoder.names_ == ["city=Oslo", "city=Rome", "city rare"]
    new = pd.DataFrame({"city": ["Atlantis", None, "Rome"]})
    np.testing.assert_array_equal(encoder.transform(new), [[0, 0, 1], [0, 0, 1], [0, 1, 0]])
    assert encoder.fit(table[:-1]).names_ == ["city=Oslo", "city=Rome"]
    np.testing.assert_array_equal(encoder.transform(new), [[0, 0], [0, 0], [0, 1]])


def test_what_does_not_vary_in_fit_is_not_made():
    table = TABLE.assign(year="2023", version=1, half=[None, 5.0] * (ROWS // 2), begun="2023-01-01")
    encoder = recipes.TableEncoder(drop=["id"], min_rows=1).fit(table)
    plain = ENCODER.fit(TABLE)
    assert set(encoder.names_) - set(plain.names_) == {"half missing"}
    assert not [name for name in plain.names_ if name.startswith("empty")]
    changed = table.assign(year="2024", version=2, begun="2024-01-01")
    np.testing.assert_array_equal(encoder.transform(changed), encoder.transform(table))


def test_names_and_ids_are_told_of_and_do_no_harm():
    with pytest.warns(UserWarning, match="'id' must hold .* 40 values.* drop="):
        encoder = recipes.TableEncoder().fit(TABLE.assign(id=[f"row {i}" for i in range(ROWS)]))
    assert encoder.names_ == recipes.TableEncoder(drop=["id"]).fit(TABLE).names_


TEXTS = [f"{month:02}/{day:02}/2024" for month in (1, 2, 3) for day in range(1, 29)]


@pytest.mark.parametrize(
    ("texts", "made"),
    [
        pytest.param(["1.5", "2", "3"], {"x"}, id="numbers"),
        pytest.param([*map(str, range(40)), " "], {"x", "x missing"}, id="numbers and a blank"),
        pytest.param(["1", "2", "?"], {"x=1", "x=2", "x=?"}, id="a third is no number"),
        pytest.param(["02134", "10115"], {"x=02134", "x=10115"}, id="postcodes"),
        pytest.param(TEXTS, {"x days", "x month", "x day", "x weekday"}, id="month first"),
        pytest.param(
            ["01.02.2024 10:30", "13.02.2024 09:00"],
            {"x days", "x day", "x weekday", "x hour"},
            id="day first, with times",
        ),
        pytest.param(
            ["01/02/2024", "03/02/2024"], {"x=01/02/2024", "x=03/02/2024"}, id="either first"
        ),
        pytest.param(["13/02/2024", "02/13/2024"], {"x=02/13/2024", "x=13/02/2024"}, id="both"),
    ],
)
def test_text_is_what_nearly_all_of_it_reads_as(texts, made):
    encoder = recipes.TableEncoder(min_rows=1).fit(pd.DataFrame({"x": texts}))
    assert set(encoder.names_) == made


@pytest.mark.parametrize("clip", [8.0, None])
def test_numbers_at_the_end_of_float64_stay_finite(clip):
    table = pd.DataFrame({"x": [1e300, -1e308, 0.0, 1.0]})
    encoder = recipes.TableEncoder(clip=clip)
    assert np.isfinite(encoder.fit_transform(table)).all()
    assert np.isfinite(encoder.fit(table.tail(2)).transform(table)).all()


@pytest.mark.parametrize(
    ("train", "test"),
    [
        pytest.param([1, 2, 3], [1.0, 2.0, np.nan], id="whole numbers, then a gap"),
        pytest.param([1.0, 2.0, np.nan], [1, 2, 2], id="a gap, then none"),
        pytest.param([True, False, None], [1, 0, 1], id="bool, then 0 and 1"),
        pytest.param([0, 1, 1], [False, True, True], id="0 and 1, then bool"),
        pytest.param([1.5, 2.0, 2.0], ["1.5", "2", "2"], id="numbers, then text"),
        pytest.param([7, 8, 8], pd.Categorical([7, 8, 8]), id="numbers, then categories"),
    ],
)
def test_a_category_is_known_whatever_its_dtype(train, test):
    encoder = recipes.TableEncoder(categorical=["code"], min_rows=1)
    encoder.fit(pd.DataFrame({"code": train}))
    made = encoder.transform(pd.DataFrame({"code": test}))
    known = ~pd.isna(pd.Series(test))
    np.testing.assert_array_equal(made.sum(1)[known], 1)
    assert len(np.unique(made[known], axis=0)) == 2


def test_numbers_in_a_column_of_objects_and_time_spans_are_numbers():
    hours = pd.to_timedelta([1, 2, None], unit="h")
    table = pd.DataFrame({"a": pd.Series([1, 2.5, None], dtype=object), "waited": hours})
    encoder = recipes.TableEncoder().fit(table)
    assert encoder.names_ == ["a", "waited", "a missing", "waited missing"]
    made = encoder.transform(table)  # the third row has the medians, 1.75 and 1.5 hours
    np.testing.assert_allclose(made[:, 0], made[:, 1], rtol=1e-5)
    np.testing.assert_allclose(made[:, 0], [-(1.5**0.5), 1.5**0.5, 0], atol=1e-5)


def test_columns_are_finite_float32_whatever_comes():
    wild = TABLE.assign(age=1e30)
    wild.loc[0, "age"] = np.inf
    wild.loc[0, "since"] = "no date"
    for table in (TABLE, wild):
        made = ENCODER.fit(TABLE).transform(table)
        assert made.dtype == "float32"
        assert made.shape == (ROWS, len(ENCODER.names_))
        assert np.isfinite(made).all()


def test_nothing_given_changes():
    before = TABLE.copy()
    ENCODER.fit(TABLE).transform(TABLE)
    pd.testing.assert_frame_equal(TABLE, before)


def test_train_csv_to_submission_csv(tmp_path):
    y = (TABLE["age"].fillna(0) > 40).astype(int)
    TABLE.assign(target=y).to_csv(tmp_path / "train.csv", index=False)
    TABLE.head(9).to_csv(tmp_path / "test.csv", index=False)

    train, test = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("train", "test"))
    result = recipes.cross_validate(
        functools.partial(recipes.build_mlp, task="binary", units=(8,)),
        train.drop(columns="target"),
        train["target"],
        preprocess=recipes.TableEncoder(drop=["id"]),
        x_test=test,
        folds=2,
        fit={"epochs": 2},
        seed=0,
    )
    result.to_submission(tmp_path / "submission.csv", test["id"], columns=("id", "target"))
    written = pd.read_csv(tmp_path / "submission.csv")
    assert written["id"].tolist() == list(range(9))
    assert set(written["target"]) <= {0, 1}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: recipes.TableEncoder().fit(np.ones((3, 2))), TypeError, "pandas DataFrame"),
        (lambda: recipes.TableEncoder(numeric=["agee"]).fit(TABLE), ValueError, "'age'"),
        (
            lambda: recipes.TableEncoder(numeric=["age"], dates=["age"]).fit(TABLE),
            ValueError,
            "one kind",
        ),
        (lambda: ENCODER.fit(TABLE).transform(TABLE[["age"]]), ValueError, "columns of fit"),
        (lambda: recipes.TableEncoder(min_rows=0).fit(TABLE), ValueError, "min_rows"),
        (lambda: recipes.TableEncoder(drop=list(TABLE)).fit(TABLE), ValueError, "to encode"),
        (lambda: recipes.TableEncoder().transform(TABLE), ValueError, "fitted first"),
        (lambda: recipes.TableEncoder().fit(TABLE[["age", "age"]]), ValueError, "'age'] twice"),
        (
            lambda: ENCODER.fit(TABLE.assign(city=[["Rome"]] * ROWS)),
            TypeError,
            "'city' with a list",
        ),
        (
            lambda: ENCODER.fit(TABLE).transform(TABLE.assign(age=[{}] * ROWS)),
            TypeError,
            "'age' with a dict",
        ),
        (
            lambda: recipes.TableEncoder().fit(pd.DataFrame({"x": [1, 1]})),
            ValueError,
            "a column that varies",
        ),
        (
            lambda: ENCODER.fit(TABLE).transform(TABLE.assign(age="forty")),
            ValueError,
            "numeric must name columns that hold numbers. Received: 'age', which begins with",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_network_makes_no_more_of_an_outlier_than_of_five_spreads():
    x = np.random.default_rng(0).normal(3, 2, (200, 2)).astype("float32")
    rows = np.float32([[13, 3], [1e4, 3]])  # 5 spreads from the mean, and 5,000
    said = {}
    for name, options in {"mlp": {}, "linear": {"units": ()}, "raw": {"batch_norm": False}}.items():
        model = recipes.build_mlp((2,), 1, task="regression", seed=0, **{"units": (4,), **options})
        if name != "raw":
            norm = next(layer for layer in model.layers if "batch_normalization" in layer.name)
            norm.set_weights([x.mean(0), x.var(0)])
        said[name] = model.predict(rows, verbose=0)[:, 0]
    assert abs(said["mlp"][1] - said["mlp"][0]) < 0.2
    assert abs(said["linear"][1] - said["linear"][0]) > 100
    assert abs(said["raw"][1] - said["raw"][0]) > 100
