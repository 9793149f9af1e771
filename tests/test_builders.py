"""Every property that a builder promises, over every row and variant of `tests/cases.py`."""

import copy
import types

import keras
import numpy as np
import pytest
from cases import CASES, ROWS

import recipes

# What runs a few times costs less when TensorFlow does not compile it; JAX would compile every
# operation of it instead.
EAGER = keras.backend.backend() == "tensorflow"
REPEATS = 60  # a step per repeat of the 16 rows: what "learns 16 samples" may cost
EVERY_VARIANT = [
    pytest.param(name, variant, marks=pytest.mark.xdist_group(f"{name}-{variant}"))
    for name, case in CASES.items()
    for variant in ("default", *case.variants)
]
EVERY_BAD_INPUT = [
    pytest.param(name, *bad, id=f"{name}-{'-'.join(bad[0])}-{number}")
    for name, case in CASES.items()
    for number, bad in enumerate(case.bad)
]


def test_every_builder_has_a_row():
    builders = {name for name in recipes.__all__ if name.startswith("build_")}
    assert builders == {case.build.__name__ for case in CASES.values()} | OWN_TESTS


# Builders that start from a model or a vocabulary, have two outputs, or play against themselves.
OWN_TESTS: set[str] = {
    "build_cyclegan",
    "build_domain_adversarial",
    "build_gan",
    "build_on_encoder",
    "build_seq2seq",
}


@pytest.fixture(scope="class")
def lived(name, variant):
    """A model that was built and trained on 16 rows: what the tests of a variant look at."""
    x, y = CASES[name].data(variant)
    model = CASES[name].call(variant, seed=0, learning_rate=0.01)
    start = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    model.run_eagerly = EAGER
    untrained = model.evaluate(x, y, batch_size=ROWS, verbose=0, return_dict=True)
    model.run_eagerly = False
    # What our own loops do: TensorFlow traces the step once, not twice.
    model.optimizer.build(model.trainable_variables)
    many = [np.concatenate([values] * REPEATS) for values in (x, y)]
    model.fit(*many, batch_size=ROWS, shuffle=False, verbose=0)  # every step sees every row
    trained = model.evaluate(x, y, batch_size=ROWS, verbose=0, return_dict=True)
    return types.SimpleNamespace(
        model=model, x=x, y=y, start=start, untrained=untrained, trained=trained
    )


@pytest.mark.parametrize(("name", "variant"), EVERY_VARIANT, scope="class")
class TestVariant:
    def test_output_fits_the_target(self, lived, name, variant):
        outputs = lived.model.predict(lived.x, verbose=0)
        assert isinstance(lived.model, keras.Model)
        assert outputs.dtype == "float32"
        assert np.isfinite(outputs).all()
        if CASES[name].reconstructs or CASES[name].y is not None:
            assert outputs.shape == lived.y.shape
            return
        arguments = {**CASES[name].arguments, **CASES[name].variants.get(variant, {})}
        steps = CASES[name].steps(variant)
        assert outputs.shape == (ROWS, *([steps] if steps else []), arguments["outputs"])
        if arguments.get("task") != "regression":
            assert outputs.min() >= 0
            assert outputs.max() <= 1
        if arguments.get("task", "multiclass") == "multiclass":
            np.testing.assert_allclose(outputs.sum(-1), 1, rtol=1e-5)

    def test_learns(self, lived):
        assert lived.trained["loss"] < 0.9 * lived.untrained["loss"]

    def test_every_trainable_weight_moves(self, lived):
        still = [
            weight.path
            for weight, start in zip(lived.model.trainable_weights, lived.start, strict=True)
            if np.array_equal(keras.ops.convert_to_numpy(weight), start)
        ]
        assert still == []

    def test_inference_is_not_random(self, lived):
        first, second = (lived.model.predict(lived.x, verbose=0) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_survives_save_and_load(self, lived, tmp_path):
        lived.model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(loaded(lived.x, training=False)),
            lived.model.predict(lived.x, verbose=0),
            rtol=1e-5,
            atol=1e-6,
        )
        assert len(loaded.trainable_weights) == len(lived.model.trainable_weights)
        loaded.run_eagerly = EAGER
        loss = loaded.fit(lived.x, lived.y, verbose=0).history["loss"][0]
        assert np.isfinite(loss)


@pytest.mark.parametrize("name", CASES)
class TestBuilder:
    def test_same_seed_same_losses(self, name):
        x, y = CASES[name].data()
        losses = []
        for seed in (7, 7, 8):
            model = CASES[name].call(seed=seed)
            model.run_eagerly = EAGER
            history = model.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0).history
            losses.append(history["loss"])
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
        assert losses[0] != losses[2]

    def test_seed_leaves_the_callers_randomness_alone(self, name):
        import random

        state = random.getstate()
        CASES[name].call(seed=3)
        assert random.getstate() == state

    def test_mixed_precision_trains_and_answers_in_float32(self, name):
        x, y = CASES[name].data()
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            model = CASES[name].call(seed=0)
            loss = model.fit(x, y, verbose=0).history["loss"][0]
        finally:
            keras.config.set_dtype_policy(policy)
        assert np.isfinite(loss)
        assert model.predict(x, verbose=0).dtype == "float32"

    def test_numpy_numbers_and_lists_are_plain_numbers_and_tuples(self, name):
        def as_numpy(value):
            if isinstance(value, tuple):
                return [as_numpy(item) for item in value]
            return np.int64(value) if isinstance(value, int) else value

        arguments = {key: as_numpy(value) for key, value in CASES[name].arguments.items()}
        before = copy.deepcopy(arguments)
        assert CASES[name].build(**arguments).count_params() == CASES[name].call().count_params()
        assert arguments == before

    def test_an_optimizer_object_serves_two_models_and_stays_as_it_is(self, name):
        optimizer = keras.optimizers.SGD(0.1)
        x, y = CASES[name].data()
        for _ in range(2):
            CASES[name].call(optimizer=optimizer).fit(x, y, verbose=0)
        assert not optimizer.built

    def test_open_shapes(self, name):
        if CASES[name].open_shape is None:
            pytest.skip("takes fixed sizes only")
        model = CASES[name].call(input_shape=CASES[name].open_shape)
        for size in (4, 9):
            x = np.zeros((2, *(side or size for side in CASES[name].open_shape)))
            assert len(model.predict(x, verbose=0)) == 2


@pytest.mark.parametrize(("name", "arguments", "error", "message"), EVERY_BAD_INPUT)
def test_bad_input_names_the_argument(name, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        CASES[name].call(**arguments)
    assert "Received" in str(caught.value)
