"""Ranges, the default spaces, and how a hypermodel draws from them."""

import inspect
from functools import partial
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
from cases import BACKBONE

import recipes
from tuning import SPACES, Boolean, Choice, Float, Int, Widths, checklist, hypermodel
from tuning.ranges import RANGES, describe
from tuning.spaces import CHECKLIST

PUBLIC = [getattr(recipes, name) for name in recipes.__all__ if name.startswith("build_")]
# Those that start from a model; and games, whose losses do not say how good the images are.
WITHOUT_SPACE = {"build_on_encoder", "build_gan", "build_cyclegan"}
BUILDERS = [build for build in PUBLIC if build.__name__ not in WITHOUT_SPACE]
SHAPES = {
    "build_cnn": (8, 8, 1),
    "build_convolutional_autoencoder": (8, 8, 1),
    "build_lstm_fcn": (6, 3),
    "build_rnn": (6, 3),
    "build_forecaster": (7, 3),
    "build_sequence_autoencoder": (7, 3),
    "build_pretrained": (8, 8, 2),
}
# Weights of other networks would have to be downloaded.
SMALL = {"build_pretrained": {"backbone": BACKBONE}}


def given_to(build):
    """What a builder must be told."""
    if build is recipes.build_seq2seq:
        return {"source_vocabulary": 12, "target_vocabulary": 9}
    head = {n: 3 for n in ("outputs", "horizon") if n in inspect.signature(build).parameters}
    return {"input_shape": SHAPES.get(build.__name__, (5,)), **head}


# range -> (value of the first trial for this builder's default, that default)
STARTS = [
    (Int(8, 64, step=8), 32, 32),
    (Int(8, 64, step=8), 100, 64),
    (Int(8, 64, step=8), 35, 32),
    (Int(8, 64, step=8), None, 40),
    (Int(1, 100, log=True), None, 10),
    (Int(8, 64, step=8, default=16), 32, 16),
    (Float(0.0, 0.5), 0.2, 0.2),
    (Float(1e-4, 1e-2, log=True), None, 1e-3),
    (Float(0.1, 0.5), 0.0, 0.1),
    (Choice("a", "b"), "b", "b"),
    (Choice("a", "b"), "c", "a"),
    (Choice(["a", "b"], default="b"), "a", "b"),
    (Boolean(), True, True),
    (Boolean(), None, False),
    (Widths(16, 128, step=16), (32, 64, 128), (32, 64, 128)),
    (Widths(16, 128, step=16, depth=(1, 2)), (32, 64, 128), (32, 64)),
    (Widths(16, 128, step=16, depth=(3, 4)), (30,), (32, 32, 32)),
    (Widths(16, 128, step=16, depth=(0, 2)), (), ()),
    (Widths(16, 128, step=16, depth=(2, 2)), None, (80, 80)),
]


@pytest.mark.parametrize(("knob", "default", "first"), STARTS, ids=str)
def test_the_first_trial_is_the_builders_default_or_the_nearest(knob, default, first):
    hp = keras_tuner.HyperParameters()
    assert knob.start(default) == first
    assert knob.draw(hp, "knob", default) == first


@pytest.mark.parametrize(
    ("build", "others", "first"),
    [
        (recipes.build_rnn, {}, 0.001),
        (recipes.build_rnn, {"optimizer": "momentum"}, 0.01),
        (recipes.build_rnn, {"optimizer": Choice("momentum", "adam")}, 0.001),
        (recipes.build_lstm_fcn, {}, 0.003),
        (recipes.build_lstm_fcn, {"optimizer": Choice("momentum", "adam")}, 0.003),
        (recipes.build_lstm_fcn, {"optimizer": "momentum"}, 0.01),
    ],
)
def test_the_first_learning_rate_is_the_recipe_s_or_its_optimizer_s(build, others, first):
    space = {"learning_rate": Float(1e-5, 1e-1, log=True), **others}
    hp = keras_tuner.HyperParameters()
    hypermodel(build, space, input_shape=(6, 3), outputs=2).declare_hyperparameters(hp)
    assert hp["learning_rate"] == first


@pytest.mark.parametrize(
    "knob",
    [
        Int(8, 64, step=8),
        Int(1, 100, log=True),
        Float(0.123456, 0.2),
        Float(1e-4, 1e-2, log=True),
        Choice(None, (3, 3), "a"),
        Choice(3, 5),
        Boolean(),
        Widths(4, 16, step=4, depth=(0, 3)),
    ],
    ids=str,
)
def test_draws_stay_inside_and_reach_all_depths(knob):
    drawn = [draw(knob, seed) for seed in range(300)]
    if isinstance(knob, Widths):
        assert {len(widths) for widths in drawn} == {0, 1, 2, 3}
        drawn = [width for widths in drawn for width in widths]
        assert set(drawn) == {4, 8, 12, 16}
    elif isinstance(knob, Choice | Boolean):
        assert set(drawn) == set(knob.ends)
    else:
        assert knob.ends[0] <= min(drawn) < max(drawn) <= knob.ends[1]
        assert all(type(value) is type(knob.low) for value in drawn)


def draw(knob, seed):
    """One random draw, as Keras Tuner makes it."""
    hp = keras_tuner.HyperParameters()
    knob.draw(hp, "knob")
    values = keras_tuner.HyperParameters()
    for i, parameter in enumerate(hp.space):
        values.merge([parameter])
        if values.is_active(parameter):
            values.values[parameter.name] = parameter.random_sample(1000 * seed + i)
    return knob.draw(values, "knob")


def test_a_float_is_short_in_the_line_that_rebuilds_the_model():
    assert all(len(repr(draw(Float(1e-4, 1e-2, log=True), seed))) <= 8 for seed in range(50))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ends", [(0.999, 0.9999), (100_000, 100_400), (1.0, 1.0001)], ids=str)
def test_a_narrow_float_is_told_apart_and_a_wide_one_has_three_digits(ends, log):
    narrow = [draw(Float(*ends, log=log), seed) for seed in range(50)]
    assert len(set(narrow)) > 25
    assert all(len(f"{value:.12g}") <= 8 for value in narrow)
    assert ends[0] < Float(*ends, log=log).start(sum(ends) / 2) < ends[1]
    for usual in (Float(0.0, 0.5), Float(0.5, 1.0), Float(0.9, 0.999), Float(1e-4, 1e-2, log=True)):
        drawn = [draw(usual, seed) for seed in range(50)]
        assert drawn == [float(f"{value:.3g}") for value in drawn]


def test_the_width_of_layer_3_exists_only_where_there_are_3_layers():
    hp = keras_tuner.HyperParameters()
    Widths(4, 16, step=4, depth=(1, 3)).draw(hp, "units", (8, 8))
    assert hp.values == {"units/depth": 2, "units/1": 8, "units/2": 8}
    assert [hp.is_active(f"units/{layer}") for layer in (1, 2, 3)] == [True, True, False]


def test_any_object_can_be_an_option():
    flip = keras.layers.RandomFlip()
    knob = Choice(None, flip)
    assert {draw(knob, seed) for seed in range(20)} == {None, flip}
    assert describe(knob).startswith("Choice(None, RandomFlip(config ")


def backbone(width=3, scale=1.0):
    """As a process would that has built others before: its layers have other names each time."""
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(width, kernel_initializer="ones")(inputs)
    model = keras.Model(inputs, keras.layers.Add()([hidden, hidden]))
    model.set_weights([scale * weight for weight in model.get_weights()])
    return model


def own(width):
    """A builder."""


@pytest.mark.parametrize(
    ("value", "same", "others"),
    [
        (partial(own, width=4), partial(own, width=4), [partial(own, width=5), partial(own, 4)]),
        ({"a": [own, 4]}, {"a": [own, 4]}, [{"a": [own, 5]}, {"a": (own, 4)}]),
        (np.arange(3), np.arange(3), [np.arange(4), np.ones(3, int), np.arange(3.0)]),
        (np.array(["a", None]), np.array(["a", None]), [np.array(["b", None])]),
        (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), [keras.optimizers.SGD(0.2)]),
        (keras.layers.Dense(3), keras.layers.Dense(3), [keras.layers.Dense(4)]),
        (
            keras.losses.BinaryFocalCrossentropy(gamma=1),
            keras.losses.BinaryFocalCrossentropy(gamma=1),
            [keras.losses.BinaryFocalCrossentropy(gamma=2)],
        ),
        (backbone(), backbone(), [backbone(4), backbone(scale=2.0)]),
        ({"net": (backbone(),)}, {"net": (backbone(),)}, [{"net": (backbone(4),)}]),
        (Path("a"), Path("a"), [Path("b")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_constant_is_described_by_its_content(value, same, others):
    assert describe(value) == describe(same)
    assert len({describe(other) for other in (value, *others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (own, "own"),
        ((4, "a", None), "(4, 'a', None)"),
        ((4,), "(4,)"),
        ([0.5, (True,)], "[0.5, (True,)]"),
        (Int(4, 8), "Int(low=4, high=8, step=1, log=False, default=None)"),
        (Choice("a", "b", default="b"), "Choice('a', 'b', default='b')"),
        (Choice(None, own), "Choice(None, own, default=None)"),
        (object(), "object"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_folders_of_earlier_versions_hold_these_descriptions(value, text):
    assert describe(value) == text


def test_the_name_of_an_option_stays_when_it_is_trained():
    options = backbone(), backbone(4)
    labels = Choice(*options)._labels()
    options[0].set_weights([2.0 * weight for weight in options[0].get_weights()])
    assert Choice(*options)._labels() == labels == ["0: Functional", "1: Functional"]


BAD = [
    (lambda: Int(8, 8), "low=8, high=8"),
    (lambda: Int(9, 8), "low below high"),
    (lambda: Int(1, 10, step=4), "Did you mean high=9"),
    (lambda: Int(0, 10, log=True), r"low above 0 .* such as low=1,"),
    (lambda: Int(1, 10, step=3, log=True), "step=1"),
    (lambda: Int(1, 10, step=0), "step must be at least 1"),
    (lambda: Int(1, 9, step=4, default=3), "default=3"),
    (lambda: Float(0.5, 0.1), "low below high"),
    (lambda: Float(0, 1, log=True), r"low above 0 .* such as low=0\.001, or leave out"),
    (lambda: Float(-2, -1, log=True), r"high=-1\. Leave out log=True"),
    (lambda: Int(0, 1, log=True), r"high=1\. Leave out log=True"),
    (lambda: Float(0, float("inf")), "high must be finite"),
    (lambda: Float(0, 1, default=2), "default=2"),
    (lambda: Choice(), "at least two"),
    (lambda: Choice("relu"), "at least two"),
    (lambda: Choice("relu", "relu"), "'relu' twice"),
    (lambda: Choice("relu", "elu", default="gelu"), "default='gelu'"),
    (lambda: Widths(8, 64, step=8, depth=(3, 2)), "depth"),
    (lambda: Widths(0, 64, step=8), "low must be at least 1"),
    (lambda: Widths(8, 64, step=8, default=(7,)), "default=\\(7,\\)"),
]


@pytest.mark.parametrize(("make", "text"), BAD, ids=[text for _, text in BAD])
def test_an_empty_or_contradictory_range_is_refused_when_made(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Int(1.5, 3), "low must be an int"),
        (lambda: Widths(4, 8, depth=2), "depth must be"),
        (lambda: Choice(np.arange(3)), r"Received: an array of shape \(3,\)\. .*Choice\(\*array"),
        (lambda: Choice(np.arange(2), np.ones(2)), r"as a tuple: tuple\(array\.tolist\(\)\)"),
    ],
)
def test_a_wrong_kind_is_a_type_error(make, text):
    with pytest.raises(TypeError, match=text):
        make()


def test_ranges_are_values():
    assert Int(1, 4) == Int(1, 4)
    with pytest.raises(AttributeError):
        Int(1, 4).low = 2


# --- the default spaces ---------------------------------------------------------------------------


def test_every_builder_has_a_space():
    assert {build.__name__ for build in BUILDERS} == {build.__name__ for build in SPACES}


@pytest.mark.parametrize("build", SPACES, ids=lambda build: build.__name__)
class TestSpace:
    def test_every_knob_is_an_argument_and_a_range(self, build):
        assert set(SPACES[build]) <= set(inspect.signature(build).parameters)
        assert all(isinstance(value, RANGES) for value in SPACES[build].values())

    def test_it_covers_depth_widths_rate_and_dropout(self, build):
        names = set(SPACES[build])
        assert names >= {"learning_rate", "dropout"}
        assert names & {"units", "filters", "backbone"}
        assert "filters" not in names or "kernel_size" in names
        assert "autoencoder" not in build.__name__ or names >= {"latent_dim", "noise"}

    def test_both_ends_of_every_range_build(self, build):
        given = given_to(build)
        small = SMALL.get(build.__name__, {})
        space = {name: value for name, value in SPACES[build].items() if name not in small}
        smallest = {**small, **{name: value.ends[0] for name, value in space.items()}}
        for name, value in space.items():
            for end in value.ends:
                assert build(**given, **{**smallest, name: end}).built

    def test_the_first_trial_is_the_builder_as_it_comes(self, build):
        given = given_to(build)
        small = SMALL.get(build.__name__, {})
        model = hypermodel(build, SPACES[build] | small | given)
        given |= small
        first = model.arguments(keras_tuner.HyperParameters())
        plain, drawn = build(**given), model.build(keras_tuner.HyperParameters())
        assert drawn.count_params() == plain.count_params()
        assert [type(layer) for layer in drawn.layers] == [type(layer) for layer in plain.layers]
        assert first["learning_rate"] == pytest.approx(float(plain.optimizer.learning_rate))

    def test_every_option_of_the_checklist_builds(self, build):
        given, parameters = given_to(build), inspect.signature(build).parameters
        for name, value in checklist(build).items():
            if name in CHECKLIST and name in parameters:
                for option in value.options if isinstance(value, Choice) else value.ends:
                    assert build(**{**given, **SMALL.get(build.__name__, {}), name: option}).built


# --- the hypermodel -------------------------------------------------------------------------------


def build_own(inputs, *, width=8, rate=0.01, mode="plain", layer=None):
    """A user's builder that has nothing of the recipes' grammar."""
    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(width)])
    model.compile(keras.optimizers.Adam(rate), "mse")
    return model


def test_constants_go_to_the_builder_as_they_are():
    model = hypermodel(build_own, {"inputs": 3, "width": Int(4, 8), "mode": "other"})
    hp = keras_tuner.HyperParameters()
    assert model.arguments(hp) == {"inputs": 3, "width": 8, "mode": "other"}
    assert set(hp.values) == {"width"}
    assert model.line(hp) == "build_own(3, width=8, mode='other')"


def test_an_object_stands_in_the_line_by_name():
    model = hypermodel(build_own, {"inputs": 3, "layer": keras.layers.Dropout(0.1)})
    assert model.line(keras_tuner.HyperParameters()) == "build_own(3, layer=layer)"


def test_training_knobs_go_to_fit():
    x, y = np.zeros((12, 3), "float32"), np.zeros((12, 8), "float32")
    model = hypermodel(build_own, {"inputs": 3, "batch_size": Int(4, 8), "epochs": 3})
    hp = keras_tuner.HyperParameters()
    assert model.arguments(hp) == {"inputs": 3}
    assert model.training(hp) == {"batch_size": 8, "epochs": 3}
    assert model.line(hp) == "build_own(3)  # fit with batch_size=8, epochs=3"
    history = model.fit(hp, model.build(hp), x, y, verbose=0)
    assert len(history.epoch) == 3


def test_the_rate_starts_at_the_optimizers_own():
    space = {"optimizer": "sgd", "learning_rate": Float(1e-4, 1.0, log=True)}
    model = hypermodel(recipes.build_mlp, space, input_shape=(3,), outputs=2)
    assert model.arguments(keras_tuner.HyperParameters())["learning_rate"] == 0.01


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((recipes.build_mlp, {"dropuot": 0.1}), ValueError, "Did you mean 'dropout'"),
        ((recipes.build_mlp, {"dropout": Float(0, 0.5)}), ValueError, "'input_shape'"),
        ((build_own, {"width": 8}), ValueError, "'inputs'"),
        ((build_own, None), ValueError, "space must be given for build_own"),
        ((build_own, [1]), TypeError, "space must be a dict"),
        ((build_own, {"inputs": (3,), "rate": Float}), TypeError, r"class F.*Float\(low, high\)"),
        ((build_own, {"inputs": (3,), "mode": Choice}), TypeError, r"Choice\(first, second\)\?"),
    ],
)
def test_a_wrong_space_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        hypermodel(*arguments)
