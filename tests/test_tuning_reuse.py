"""One compiled model for trials that differ in numbers only: traced once, as good as fresh."""

import keras
import keras_tuner
import numpy as np
import pytest

import recipes
from recipes._refit import Reuse
from tests.test_tuning_search import X, Y
from tuning import Choice, search

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


class Traced(keras.losses.Loss):
    """Counts how often Python sees it: when a step is traced."""

    seen = 0

    def call(self, y_true, y_pred):
        type(self).seen += 1
        return keras.ops.square(y_pred[:, 0] - keras.ops.cast(y_true[..., 0], y_pred.dtype))

    def get_config(self):
        return {"name": self.name}


def build_line(input_shape, *, learning_rate=0.1, weight_decay=0.0, tilt=1.0, seed=None):
    """`tilt` changes the training, and stands in no config."""
    initial = keras.initializers.GlorotUniform(seed=seed)
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Dropout(0.2, seed=seed),
            keras.layers.Dense(1, kernel_initializer=initial),
        ]
    )
    loss = Traced()
    loss.call = (lambda call: lambda y, p: tilt * call(y, p))(loss.call)
    model.compile(keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay), loss)
    return model


def scores(space, trials, build=build_line):
    """Objective of each trial, and how often the loss was traced in all of them."""
    Traced.seen = 0
    study = search(
        build, X, Y.astype("float32")[:, None], space=space, engine="grid", epochs=2,
        batch_size=30, max_trials=trials, pruner="none", seed=0, verbose=False,
    )  # fmt: skip
    table = study.leaderboard().sort_values("trial")
    assert set(table["status"]) == {"completed"}
    return table["score"].to_numpy(), Traced.seen


def test_scores_are_those_of_fresh_models_and_the_step_is_traced_once(monkeypatch):
    monkeypatch.setattr(recipes, "build_line", build_line, raising=False)  # one of the package's
    decays = Choice(0.0, 0.3) if ON_TENSORFLOW else 0.1
    space = {"learning_rate": Choice(0.1, 0.01), "weight_decay": decays}
    trials = 4 if ON_TENSORFLOW else 2
    _, once = scores({"learning_rate": Choice(0.1, 0.01)}, 1)
    reused, traced = scores(space, trials)
    monkeypatch.setattr(Reuse, "of", lambda self, made, knobs=None: made)
    fresh, traced_each = scores(space, trials)
    np.testing.assert_allclose(reused, fresh, rtol=1e-5)
    assert len(set(np.round(fresh, 6))) == trials, "the knobs matter"
    if ON_TENSORFLOW:  # JAX looks at a step more often
        assert traced == once < traced_each


def test_a_knob_that_no_config_shows_is_not_overlooked():
    space = {"tilt": Choice(1.0, 100.0), "learning_rate": 0.0}
    (low, high), _ = scores(space, 2)
    assert high == pytest.approx(100 * low, rel=1e-4)


class Scaled(keras.losses.Loss):
    """Says nothing of its factor."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * keras.ops.square(y_pred - y_true)

    def get_config(self):
        return {}


class Penalty(keras.regularizers.Regularizer):
    """Says nothing of its factor."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, w):
        return self.factor * keras.ops.sum(w * w)

    def get_config(self):
        return {}


def build_own(input_shape, *, learning_rate=0.1, lr=1.0, weight_decay=0.0):
    """Numbers of the usual names, outside of the optimizer."""
    options = {"kernel_initializer": "ones", "kernel_regularizer": Penalty(weight_decay)}
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(1, **options)])
    model.compile(keras.optimizers.SGD(1e-4), Scaled(lr * learning_rate))
    return model


@pytest.mark.parametrize("name", ["learning_rate", "lr", "weight_decay"])
@pytest.mark.parametrize("build", [build_own, keras_tuner.HyperModel])
def test_a_builder_of_ones_own_may_put_these_numbers_anywhere(name, build):
    space = {name: Choice(0.1, 1.0, 10.0)}
    if build is keras_tuner.HyperModel:

        def build(hp):
            return build_own((4,), **{name: hp.Choice(name, [0.1, 1.0, 10.0])})

        space = None
    table = scores(space, 3, build)[0]
    assert len(set(np.round(table, 3))) == 3


def line(rate=0.1, optimizer=keras.optimizers.SGD, width=1, **options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(width)])
    model.compile(optimizer(rate, **options), "mse")
    return model


class TestReuse:
    def test_takes_the_place_of_a_model_with_another_rate(self):
        reuse = Reuse()
        first, second = line(0.1), line(0.2)
        assert reuse.of(first) is first
        assert reuse.of(second) is first
        assert float(first.optimizer.learning_rate) == pytest.approx(0.2)
        np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])

    @pytest.mark.parametrize(
        "other",
        [
            lambda: line(width=2),
            lambda: line(optimizer=keras.optimizers.Adam),
            lambda: line(keras.optimizers.schedules.CosineDecay(0.1, 10)),
            lambda: line(momentum=0.9),
            lambda: line(clipnorm=1.0),
        ],
        ids=["layers", "optimizer", "schedule", "momentum", "clipping"],
    )
    def test_not_of_one_that_differs_in_more(self, other):
        reuse = Reuse()
        reuse.of(line())
        made = other()
        assert reuse.of(made) is made

    def test_nor_where_the_knobs_differ_or_a_callback_has_changed_the_first(self):
        reuse = Reuse()
        first = reuse.of(line(), "a")
        assert reuse.of(line(), "b") is not first
        frozen = reuse.of(line(), "b")
        frozen.layers[0].trainable = False
        assert reuse.of(line(), "b") is not frozen

    def test_schedules_are_told_apart(self):
        cosine = keras.optimizers.schedules.CosineDecay
        reuse = Reuse()
        first = reuse.of(line(cosine(0.1, 10)))
        assert reuse.of(line(cosine(0.1, 10))) is first
        assert reuse.of(line(cosine(0.2, 10))) is not first

    def test_what_a_broken_off_training_left_is_gone(self):
        reuse = Reuse()
        model = reuse.of(line())
        model._eval_epoch_iterator = "another fold's rows"
        reuse.of(line())
        assert model._eval_epoch_iterator is None

    def test_the_weight_decay_of_the_config_stays_a_number(self):
        model = Reuse().of(line(optimizer=keras.optimizers.AdamW, weight_decay=0.25))
        model.fit(X, X[:, :1], verbose=0)
        assert model.optimizer.get_config()["weight_decay"] == 0.25
        assert len(model.optimizer.variables) == len(
            line(optimizer=keras.optimizers.AdamW).optimizer.variables
        ) + 2 * len(model.trainable_variables)
