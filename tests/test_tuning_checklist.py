"""The ten points of the checklist, and what each knob of the training does to a `fit`."""

import keras
import keras_tuner
import numpy as np
import pytest

from recipes import (
    batches,
    build_cnn,
    build_convolutional_autoencoder,
    build_forecaster,
    build_lstm_fcn,
    build_mlp,
    build_pretrained,
    build_rnn,
    initial_weights,
    sample_weights,
)
from tests.test_tuning_search import X, Y, build_small, tiny
from tuning import Boolean, Choice, Float, Int, Widths, _training, checklist, hypermodel
from tuning.ranges import RANGES
from tuning.spaces import CHECKLIST, POINTS

FEED = {"x": batches(X, Y, 20), "y": None, "validation": (X, Y), "outputs": 3}
RARE = (np.arange(60) % 10 == 0).astype(int)


class TestPoints:
    @pytest.mark.parametrize("point", POINTS)
    def test_each_of_the_ten_has_its_knob(self, point):
        assert len(POINTS) == 10
        space = checklist(build_cnn)
        knobs = set(POINTS[point]) & set(space)
        assert knobs
        assert all(isinstance(space[name], RANGES) for name in knobs)

    def test_no_knob_is_of_no_point(self):
        known = {name for names in POINTS.values() for name in names}
        assert known - {"backbone"} <= set(CHECKLIST)
        assert set(_training.DEFAULTS) <= set(CHECKLIST)

    def test_a_builder_has_the_points_that_make_sense_for_it(self):
        for build in (build_forecaster, build_rnn, build_lstm_fcn):
            assert "window" in checklist(build)
        assert "class_weight" not in checklist(build_forecaster)
        assert not {"class_weight", "augmentation"} & set(
            checklist(build_convolutional_autoencoder)
        )
        pretrained = checklist(build_pretrained)
        assert {"backbone", "image_size"} <= set(pretrained)
        assert "initial_weights" not in pretrained, "they were learnt elsewhere"

    def test_the_first_trial_is_the_builder_as_it_comes(self):
        model = hypermodel(build_mlp, checklist(build_mlp), input_shape=(4,), outputs=2)
        training = model.training(_defaults(model))
        assert training.pop("batch_size") == 32
        assert training.pop("epochs") == 20
        assert set(training.values()) == {None}


def _defaults(model):
    hp = keras_tuner.HyperParameters()
    model.declare_hyperparameters(hp)
    return hp


def build_line(input_shape, outputs, *, seed=0):
    """One step of a fit on it is one equation."""
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Dense(outputs, "softmax", kernel_initializer="ones"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(**knobs):
    """Weights after one step over all rows."""
    model = hypermodel(build_line, knobs, input_shape=(4,), outputs=2)
    hp = _defaults(model)
    trained = model.build(hp)
    history = model.fit(hp, trained, X, RARE, epochs=1, batch_size=60, seed=0, verbose=0)
    return trained.get_weights(), history.history


def test_class_weights_are_those_of_recipes():
    model = build_line((4,), 2)
    feed = batches(X, RARE, 60, sample_weight=sample_weights(RARE), shuffle=False)
    model.fit(feed, shuffle=False, verbose=0)
    weighted, _ = fitted(class_weight="balanced")
    for ours, theirs in zip(weighted, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert not np.allclose(weighted[0], fitted(class_weight=None)[0][0], atol=1e-4)


def test_an_augmentation_changes_rows_and_no_labels():
    feed = batches(X, Y, 60, shuffle=False)
    assert _training.with_augmentation(feed, None, 1, 0) is feed
    changed, labels = next(iter(_training.with_augmentation(feed, "strong", 1, 0)))
    changed = keras.ops.convert_to_numpy(changed)
    share = (changed != X).mean()
    assert 0.1 < share < 0.3, "a fifth of the cells"
    assert np.array_equal(labels, Y)
    assert not np.allclose(fitted(augmentation="strong")[0][0], fitted(augmentation=None)[0][0])


class TestInitialWeights:
    def test_draws_by_the_rule_and_by_the_seed(self):
        model = build_mlp((300,), 4, units=(200,), seed=0)
        before = model.get_weights()
        one = initial_weights(model, "he_normal", seed=1).get_weights()
        two = initial_weights(model, "he_normal", seed=1).get_weights()
        kernel = next(i for i, w in enumerate(one) if w.shape == (300, 200))
        assert one[kernel].std() == pytest.approx((2 / 300) ** 0.5, rel=0.02)
        assert abs(before[kernel].std() - one[kernel].std()) > 0.01
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
        orthogonal = initial_weights(model, "orthogonal", seed=1).get_weights()[kernel]
        np.testing.assert_allclose(orthogonal.T @ orthogonal, np.eye(200), atol=1e-4)

    def test_leaves_what_is_frozen_and_what_is_zero(self):
        layers = [keras.layers.Dense(3), keras.layers.Dense(3, kernel_initializer="zeros")]
        model = keras.Sequential([keras.Input((3,)), *layers])
        layers[0].trainable = False
        before = model.get_weights()
        initial_weights(model, "lecun_normal", seed=0)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))

    def test_are_a_knob(self):
        space = {"initial_weights": "he_normal", "seed": 3}
        model = hypermodel(build_small, space, input_shape=(4,), outputs=3)
        made = model.build(_defaults(model)).get_weights()
        expected = initial_weights(build_small((4,), 3, seed=3), "he_normal", seed=3).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(made, expected, strict=True))

    def test_bad_input(self):
        with pytest.raises(ValueError, match="model must be built"):
            initial_weights(keras.Sequential([keras.layers.Dense(2)]), "he_normal")
        with pytest.raises(ValueError, match="Did you mean 'he_normal'"):
            initial_weights(build_small((4,), 3), "he_norm")


def test_a_search_turns_them_all_and_says_what_it_found():
    space = {
        "augmentation": Choice(None, "light"),
        "class_weight": "effective",
        "schedule": Choice("cosine", "plateau"),
        "initial_weights": Choice("orthogonal", "he_normal"),
    }
    study = tiny(space=space, epochs=2)
    table = study.leaderboard()
    assert set(table["status"]) == {"completed"}
    assert set(space) - {"class_weight"} <= set(table.columns)
    first = study.code(1)
    assert first.startswith("build_small((4,), 3, seed=0)  # fit with ")
    assert "class_weight='effective', schedule='cosine', initial_weights='orthogonal'" in first
    assert set(study.best_training) == set(space)
    curves = study.tuner.oracle.trials["0"].metrics.metrics["learning_rate"].get_history()
    assert [step.mean() for step in curves] == pytest.approx([0.001, 0.0005])


@pytest.mark.parametrize(
    ("space", "data", "message"),
    [
        ({"schedule": Choice("cosine", "platau")}, {}, "Did you mean 'plateau'"),
        ({"class_weight": "ballanced"}, {}, "Did you mean 'balanced'"),
        ({"initial_weights": "zeros"}, {}, "initial_weights must be one of"),
        ({"class_weight": "balanced"}, {"y": X[:, 0]}, "class_weight needs y as one array"),
        ({"augmentation": "light"}, {"x": X[:, :, None, None, None]}, "rows of rank 4"),
        ({"class_weight": "balanced"}, FEED, "class_weight needs y as one array"),
        ({"augmentation": "light"}, FEED, "augmentation needs x as one array"),
        ({"epochs": 0}, {}, "epochs must be at least 1"),
        ({"batch_size": -1}, {}, "batch_size must be at least 1"),
        ({"batch_size": Int(0, 64, step=32)}, {}, "batch_size must be at least 1"),
        ({"batch_size": Choice(32, 0)}, {}, "batch_size must be at least 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input(space, data, message):
    with pytest.raises(ValueError, match=message):
        tiny(space=space, **data)


@pytest.mark.parametrize("value", [None, Float(8, 64), Boolean(), Widths(8, 16), Choice(8, None)])
def test_a_batch_is_a_whole_number_of_rows(value):
    with pytest.raises(TypeError, match="batch_size must be an int"):
        tiny(space={"batch_size": value})
