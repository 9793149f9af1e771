"""`BalancedBatches`: evenly many rows of each class, every frequent row once an epoch."""

import keras
import numpy as np
import pytest

import recipes

Y = np.repeat([0, 1, 2], [50, 7, 3])
X = np.arange(60.0)[:, None]


def epoch(feed):
    drawn = [np.ravel(feed[step][0]).astype(int) for step in range(len(feed))]
    feed.on_epoch_end()
    return drawn


def test_thirty_of_three_classes_are_ten_each():
    feed = recipes.BalancedBatches(X, Y.tolist(), 30, seed=0)
    assert [np.bincount(y).tolist() for _, y in (feed[i] for i in range(len(feed)))] == [
        [10, 10, 10]
    ] * 5


def test_the_last_batch_is_kept_and_balanced():
    feed = recipes.BalancedBatches(X, Y, 36, seed=0)
    assert [len(rows) for rows in epoch(feed)] == [36, 36, 36, 36, 6]
    assert np.bincount(feed[4][1]).tolist() == [2, 2, 2]


def test_classes_that_do_not_divide_the_batch_take_turns():
    feed = recipes.BalancedBatches(X, Y, 32, seed=0)
    counts = np.array([np.bincount(feed[i][1], minlength=3) for i in range(len(feed) - 1)])
    assert (counts.sum(1) == 32).all()
    assert np.ptp(counts, axis=1).max() == 1
    assert np.ptp(counts[:3].sum(0)) == 0


def test_every_row_once_before_any_comes_twice_and_afresh_each_epoch():
    feed = recipes.BalancedBatches(X, Y, 30, seed=0)
    first, second = np.concatenate(epoch(feed)), np.concatenate(epoch(feed))
    assert sorted(first[first < 50]) == list(range(50))
    for rare in (first[(first >= 50) & (first < 57)], first[first >= 57]):
        times = np.unique(rare, return_counts=True)[1]
        assert np.ptp(times) <= 1
    assert first.tolist() != second.tolist()


def test_the_seed_fixes_all_draws():
    runs = [recipes.BalancedBatches(X, Y, 30, seed=seed) for seed in (3, 3, 4)]
    orders = [[epoch(feed) for _ in range(2)] for feed in runs]
    np.testing.assert_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0][0][0], orders[2][0][0])


def test_images_dicts_weights_and_one_hot_rows_stay_together():
    images = np.broadcast_to(X[:, :, None, None], (60, 4, 4, 1))
    feed = recipes.BalancedBatches(
        {"image": images, "row": X}, np.eye(3)[Y], 30, sample_weight=X[:, 0], seed=0
    )
    x, y, weight = feed[0]
    assert x["image"].shape == (30, 4, 4, 1)
    np.testing.assert_array_equal(x["image"][:, 0, 0], x["row"])
    np.testing.assert_array_equal(x["row"][:, 0], weight)
    np.testing.assert_array_equal(y.argmax(1), Y[weight.astype(int)])
    assert y.sum(0).tolist() == [10, 10, 10]


def test_a_memmap_stays_on_disk(tmp_path):
    stored = np.memmap(tmp_path / "x.bin", "float64", "w+", shape=(60, 5))
    stored[:] = X
    feed = recipes.BalancedBatches(stored, Y, 30, seed=0)
    assert isinstance(feed.columns[0], np.memmap)
    x, y = feed[0]
    assert type(x) is np.ndarray
    assert x.dtype == "float32"
    np.testing.assert_array_equal(Y[x[:, 0].astype(int)], y)


def test_rows_with_several_labels_belong_to_their_rarest():
    labels = np.zeros((40, 2), int)
    labels[:20, 0] = 1
    labels[:4, 1] = 1
    feed = recipes.BalancedBatches(np.arange(40.0), labels, 12, seed=0)
    assert feed.counts.tolist() == [16, 4, 20]
    x, _ = feed[0]
    assert [int(((x >= low) & (x < high)).sum()) for low, high in ((0, 4), (4, 20), (20, 40))] == [
        4,
        4,
        4,
    ]


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="with workers, Keras on JAX ends every epoch one batch later",
)
@pytest.mark.parametrize(
    "how",
    [{}, pytest.param({"use_multiprocessing": True}, marks=pytest.mark.processes)],
    ids=["threads", "processes"],
)
def test_workers_bring_the_rows_of_one_worker_in_every_epoch(how):
    losses = []
    for arguments in ({}, {"workers": 2, **how}):
        model = recipes.build_mlp((1,), 3, units=(4,), seed=0)
        model.run_eagerly = True
        feed = recipes.BalancedBatches(X, Y, 30, seed=0, **arguments)
        losses.append(model.fit(feed, epochs=3, shuffle=False, verbose=0).history["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_by_balances_what_y_does_not_tell():
    feed = recipes.BalancedBatches(X, {"a": X, "b": Y}, 30, by=Y, seed=0)
    assert np.bincount(feed[0][1]["b"]).tolist() == [10, 10, 10]
    assert isinstance(feed, keras.utils.PyDataset)
    np.testing.assert_allclose(feed.prior, [50 / 60, 7 / 60, 3 / 60])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": Y[:5]}, ValueError, "same number of rows"),
        ({"y": Y * 0}, ValueError, "at least two classes"),
        ({"y": X[:, 0] / 7}, TypeError, "Give by="),
        ({"batch_size": 2}, ValueError, "batch_size must be at least 3"),
        ({"x": np.full((60, 1), np.nan)}, ValueError, "must be finite"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        recipes.BalancedBatches(**{"x": X, "y": Y, **arguments})
