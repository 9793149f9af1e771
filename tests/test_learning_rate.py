"""`lr_find`: no trace in the model, any feed, and a suggestion that a quadratic can check."""

import keras
import numpy as np
import pytest

import recipes

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 4)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def everything(model):
    """Bytes of all that a model and its optimizer hold."""
    variables = [*model.variables, *model.optimizer.variables]
    return [(item.path, keras.ops.convert_to_numpy(item).tobytes()) for item in variables]


class Feed(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, step):
        rows = slice(32 * step, 32 * step + 32)
        return X[rows], Y[rows]


def fresh(**arguments):
    arguments = {"units": (8,), "dropout": 0.3, "noise": 0.1, "seed": 0, **arguments}
    return recipes.build_mlp((4,), 2, **arguments)


@pytest.mark.parametrize("rate", [0.01, recipes.OneCycle(0.02, 100)], ids=["number", "schedule"])
def test_a_trained_model_is_bit_for_bit_as_before_and_trains_on_as_if_nothing_was(rate):
    losses = []
    for find in (False, True):
        model = fresh(learning_rate=rate)
        feed = recipes.batches(X, Y, 32, shuffle=False)
        model.fit(feed, epochs=2, shuffle=False, verbose=0)
        if find:
            before, optimizer = everything(model), model.optimizer
            recipes.lr_find(model, X, Y, steps=12, high=10.0, seed=1)
            assert everything(model) == before
            assert model.optimizer is optimizer
        fitted = model.fit(feed, epochs=2, shuffle=False, verbose=0)
        losses.append(fitted.history["loss"])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("kind", ["arrays", "batches", "PyDataset", "tf.data"])
def test_any_feed_leaves_a_fresh_model_as_it_is(kind):
    if kind == "tf.data":
        tf = pytest.importorskip("tensorflow")
        feed = (tf.data.Dataset.from_tensor_slices((X, Y)).batch(32),)
    else:
        feeds = {
            "arrays": (X, Y),
            "batches": (recipes.batches(X, Y, 32, seed=0),),
            "PyDataset": (Feed(),),
        }
        feed = feeds[kind]
    model = fresh()
    before = everything(model)
    found = recipes.lr_find(model, *feed, steps=15)
    assert everything(model)[: len(before)] == before
    assert not model.optimizer.built
    assert len(found.rates) == len(found.losses) <= 15
    assert 1e-6 <= found.suggestion < 1


def test_a_failure_half_way_leaves_the_model_as_it_was():
    class Broken(Feed):
        def __getitem__(self, step):
            if step == 2:
                raise RuntimeError("no such file")
            return super().__getitem__(step)

    model = fresh()
    model.fit(X, Y, verbose=0)
    before = everything(model)
    with pytest.raises(RuntimeError, match="no such file"):
        recipes.lr_find(model, Broken())
    assert everything(model) == before
    assert model.steps_per_execution > 1


def test_each_step_is_taken_at_its_own_rate():
    """One weight on a slope of 1, by SGD: the loss falls by the sum of the rates so far."""
    inputs = keras.Input((1,))
    bias = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Model(inputs, bias(inputs))
    model.compile("sgd", loss=lambda y, p: p, steps_per_execution=8)
    found = recipes.lr_find(model, np.zeros((4, 1)), np.zeros(4), low=0.01, high=1.0, steps=10)
    moved = -np.r_[0, np.cumsum(found.rates[:-1])]
    np.testing.assert_allclose(found.losses, moved, rtol=1e-4)


def test_stops_when_the_loss_goes_to_pieces_and_suggests_a_rate_that_converges():
    """Gradient descent on `(w - 1)**2` diverges above a rate of 1."""
    inputs = keras.Input((1,))
    line = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, line(inputs))
    model.compile("sgd", loss="mse")
    ones = np.ones((4, 1))
    found = recipes.lr_find(model, ones, ones, low=1e-4, high=1e4, steps=80)
    assert len(found.rates) < 80
    assert found.rates[-1] > 1
    assert 1e-3 < found.suggestion < 1
    assert np.isfinite(found.losses).all()
    model.optimizer.learning_rate = found.suggestion
    assert model.fit(ones, ones, epochs=60, verbose=0).history["loss"][-1] < 0.05


UNCOMPILED = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])


def test_plot_and_repr():
    found = recipes.LearningRates(*[np.geomspace(1e-3, 1, 4)] * 3, suggestion=0.01, steepest=0.1)
    ax = found.plot()
    assert ax.get_title() == "suggestion 0.01"
    assert "steepest=0.1" in repr(found)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"low": 0}, ValueError, "low must be greater than 0"),
        ({"low": 1.0, "high": 0.1}, ValueError, "low must be less than high"),
        ({"steps": 3}, ValueError, "steps must be at least 10"),
        ({"y": Y[:5]}, ValueError, "same number of rows"),
        ({"x": Feed()}, ValueError, "y must be None where x gives batches"),
        ({"x": X * np.nan}, ValueError, "x must be finite"),
        ({"model": UNCOMPILED}, ValueError, "model must be compiled"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        recipes.lr_find(**{"model": fresh(), "x": X, "y": Y, **arguments})
