"""`batches` feeds the rows that it was given, in the order of its seed."""

import random

import keras
import numpy as np
import pandas as pd
import pytest

import recipes

X = np.arange(10, dtype="float32").reshape(10, 1)
Y = np.arange(10)


def epoch(data):
    """The rows of one epoch, batch by batch, as `fit` would see them."""
    seen = [np.ravel(batch[0]).astype(int).tolist() for batch in data]
    if hasattr(data, "on_epoch_end"):
        data.on_epoch_end()
    return seen


def test_every_row_once_and_the_last_batch_kept():
    seen = epoch(recipes.batches(X, Y, batch_size=4, seed=0))
    assert [len(batch) for batch in seen] == [4, 4, 2]
    assert sorted(np.concatenate(seen)) == list(range(10))


def test_a_fresh_order_each_epoch_that_the_seed_fixes():
    first, again = (recipes.batches(X, Y, batch_size=4, seed=3) for _ in range(2))
    orders = [epoch(first), epoch(first)]
    assert orders[0] != orders[1]
    assert orders == [epoch(again), epoch(again)]


@pytest.mark.parametrize("seed", [3, None])
def test_what_fixes_the_order(seed):
    """A seed of its own, whatever that of all Keras is; without one, that of all Keras."""
    orders = []
    for everywhere in (0, 1, 1):
        keras.utils.set_random_seed(everywhere)
        orders.append(epoch(recipes.batches(X, Y, batch_size=4, seed=seed)))
    assert orders[1] == orders[2]
    assert (orders[0] == orders[1]) == (seed is not None)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: epoch(recipes.BalancedBatches(X, Y % 2, batch_size=4)),
        lambda: [y.tolist() for _, y in recipes.make_windows(X[:, 0], 2, 1, batch_size=3).train],
        lambda: recipes.mix(X, Y % 2, outputs=2)[0].tolist(),
    ],
    ids=["balanced", "windows", "mixup"],
)
def test_the_seed_of_all_keras_fixes_what_has_none(draw):
    drawn = []
    for everywhere in (1, 1, 2):
        keras.utils.set_random_seed(everywhere)
        drawn.append(draw())
    assert drawn[0] == drawn[1] != drawn[2]


def test_rows_in_order_leave_chance_alone():
    before = random.getstate()
    recipes.batches(X, shuffle=False)
    assert random.getstate() == before
    recipes.batches(X)
    assert random.getstate() != before


def test_without_shuffle_rows_come_in_order():
    assert np.concatenate(epoch(recipes.batches(X, batch_size=3, shuffle=False))).tolist() == [
        *range(10)
    ]


def test_rows_keep_their_targets_and_weights():
    for x, y, weight in recipes.batches(X, Y, batch_size=4, sample_weight=Y * 2.0):
        np.testing.assert_array_equal(np.ravel(x), np.ravel(y))
        np.testing.assert_array_equal(np.ravel(y) * 2, np.ravel(weight))


def test_lists_and_frames_are_arrays():
    x, y = np.arange(12.0).reshape(4, 3), np.array([1, 0, 1, 0])
    frame = pd.DataFrame(x).assign(yes=y == 1)
    for rows, targets in ((x.tolist(), y.tolist()), (frame, pd.Series(y))):
        ((first, second),) = list(recipes.batches(rows, targets, 4, shuffle=False))
        np.testing.assert_allclose(np.asarray(first)[:, :3], x)
        np.testing.assert_array_equal(np.asarray(second), y)


def test_dicts_of_inputs():
    first = next(iter(recipes.batches({"a": X, "b": X * 2}, {"c": Y}, batch_size=4)))
    assert set(first[0]) == {"a", "b"}
    np.testing.assert_array_equal(first[0]["a"] * 2, first[0]["b"])


@pytest.mark.parametrize("y", [[Y, Y % 2], {"all": [Y, Y % 2]}], ids=["list", "list in a dict"])
def test_lists_of_arrays_are_tuples_of_batches(y):
    x, y = next(iter(recipes.batches([X, X[:, 0] * 2], y, batch_size=4, shuffle=False)))
    parts = y["all"] if isinstance(y, dict) else y
    assert isinstance(x, tuple)
    assert isinstance(parts, tuple)
    np.testing.assert_array_equal(x[0][:, 0], np.arange(4))
    np.testing.assert_array_equal(x[1], 2 * np.arange(4))
    np.testing.assert_array_equal(parts[0], np.arange(4))
    np.testing.assert_array_equal(parts[1], [0, 1, 0, 1])


def two_inputs():
    first, second = keras.Input((1,)), keras.Input((2,))
    joined = keras.layers.Concatenate()([first, second])
    model = keras.Model([first, second], keras.layers.Dense(1, "sigmoid")(joined))
    model.compile("sgd", "binary_crossentropy")
    return model


def test_a_model_of_two_inputs_trains_on_lists_as_keras_does():
    x, y = [X, np.ones((10, 2))], Y % 2
    losses = []
    for feed in (None, recipes.batches(x, y, 10, seed=0), recipes.BalancedBatches(x, y, 10)):
        keras.utils.set_random_seed(0)
        model, data = two_inputs(), {"x": x, "y": y} if feed is None else {"x": feed}
        losses.append(model.fit(**data, shuffle=False, verbose=0).history["loss"][0])
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    result = recipes.cross_validate(two_inputs, x, y, folds=2, fit={"epochs": 1}, seed=0)
    assert np.isfinite(result.predictions).all()


@pytest.mark.filterwarnings("ignore:.*shuffle=True")
def test_fit_on_batches_gives_the_losses_of_fit_on_arrays():
    x = np.random.default_rng(0).normal(size=(37, 4)).astype("float32")
    y = np.arange(37) % 3
    losses = []
    for data in ({"x": x, "y": y, "batch_size": 8}, {"x": recipes.batches(x, y, 8, shuffle=False)}):
        model = recipes.build_mlp((4,), 3, units=(6,), dropout=0.0, seed=0)
        fitted = model.fit(**data, epochs=3, shuffle=False, verbose=0)
        losses.append(fitted.history["loss"])
        assert np.isfinite(model.evaluate(data["x"], data.get("y"), verbose=0)).all()
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": X[:0]}, ValueError, "x must hold at least one row"),
        ({"x": X, "y": Y[:3]}, ValueError, "same number of rows"),
        ({"x": np.array([[1.0], [np.nan]])}, ValueError, r"nan first at index \(1, 0\)"),
        ({"x": np.array(["a", "b"])}, TypeError, "x must be numeric"),
        ({"x": X, "y": Y, "batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"x": X, "sample_weight": Y[:2]}, ValueError, "same number of rows"),
        ({"x": X, "seed": 2**32}, ValueError, r"seed must be less than 2\*\*32"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        recipes.batches(**arguments)


def test_integers_stay_integers_and_floats_become_floatx():
    x = np.arange(6, dtype="uint8").reshape(3, 2)
    first = next(iter(recipes.batches(x, x.astype("float64"), batch_size=2)))
    kinds = [keras.backend.standardize_dtype(part.dtype) for part in first]
    assert kinds == ["uint8", "float32"]
