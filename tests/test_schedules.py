"""`OneCycle` and `WarmupCosine`: the curve in figures, in a model, saved and loaded."""

import keras
import numpy as np
import pytest

import recipes

X, Y = np.random.default_rng(0).normal(size=(40, 4)).astype("float32"), np.arange(40) % 3


def one_cycle(step, peak, steps, warmup, start_factor, end_factor):
    """The same curve in double precision, by interpolation of the angle."""
    turn = warmup * steps
    angle = np.interp(step, [0, turn, steps], [-np.pi, 0, np.pi])
    low = peak / (start_factor if step < turn else end_factor)
    return low + (peak - low) * (1 + np.cos(angle)) / 2


def curve(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


class TestOneCycle:
    def test_start_peak_and_end(self):
        rate = recipes.OneCycle(0.1, 200, warmup=0.25, start_factor=10, end_factor=1000)
        np.testing.assert_allclose(curve(rate, [0, 50, 200]), [0.01, 0.1, 0.0001], rtol=1e-5)

    def test_every_step_is_on_two_half_cosines(self):
        options = {"warmup": 0.4, "start_factor": 20.0, "end_factor": 100.0}
        steps = range(0, 130, 7)
        expected = [one_cycle(step, 0.02, 130, **options) for step in steps]
        rate = recipes.OneCycle(0.02, 130, **options)
        np.testing.assert_allclose(curve(rate, steps), expected, rtol=1e-4)

    def test_stays_at_its_end(self):
        rate = recipes.OneCycle(0.1, 10, end_factor=100)
        np.testing.assert_allclose(curve(rate, [10, 11, 10**9]), 0.001, rtol=1e-5)

    def test_huge_step_numbers_stay_exact_enough(self):
        steps = 10**9
        rate = recipes.OneCycle(0.1, steps, warmup=0.5, start_factor=1)
        assert float(rate(3 * steps // 4)) == pytest.approx(one_cycle(75, 0.1, 100, 0.5, 1, 1e4))


class TestWarmupCosine:
    def test_start_peak_middle_and_end(self):
        rate = recipes.WarmupCosine(0.2, 100, warmup=0.2, minimum=0.1)
        np.testing.assert_allclose(
            curve(rate, [0, 10, 20, 60, 100, 500]),
            [0, 0.1, 0.2, 0.11, 0.02, 0.02],
            rtol=1e-5,
        )

    def test_without_warmup_it_starts_at_the_peak(self):
        rate = recipes.WarmupCosine(0.2, 10, warmup=0)
        np.testing.assert_allclose(curve(rate, [0, 5, 10]), [0.2, 0.1, 0], atol=1e-7)


@pytest.mark.parametrize(
    "schedule", [recipes.OneCycle(0.05, 12), recipes.WarmupCosine(0.05, 12)], ids=lambda s: s.name
)
class TestInAModel:
    def test_each_step_uses_its_own_rate_also_with_many_steps_per_execution(self, schedule):
        """A gradient of one: SGD moves the bias by the sum of the rates of its steps."""
        inputs = keras.Input((1,))
        bias = keras.layers.Dense(1, kernel_initializer="zeros")
        model = keras.Model(inputs, bias(inputs))
        model.compile(keras.optimizers.SGD(schedule), loss=lambda y, p: p, steps_per_execution=8)
        model.fit(np.zeros((12, 1)), np.zeros(12), batch_size=1, verbose=0)
        moved = float(keras.ops.convert_to_numpy(bias.bias)[0])
        assert moved == pytest.approx(-curve(schedule, range(12)).sum(), rel=1e-4)

    def test_builders_take_it_and_save_and_load_keep_it(self, schedule, tmp_path):
        model = recipes.build_mlp((4,), 3, units=(4,), learning_rate=schedule)
        model.fit(X, Y, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        kept = loaded.optimizer._learning_rate
        assert type(kept) is type(schedule)
        assert kept.get_config() == schedule.get_config()
        assert int(keras.ops.convert_to_numpy(loaded.optimizer.iterations)) == 2
        loaded.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (recipes.OneCycle, {"peak": 0}, ValueError, "peak must be greater than 0"),
        (recipes.OneCycle, {"steps": 0}, ValueError, "steps must be at least 1"),
        (recipes.OneCycle, {"steps": 2.5}, TypeError, "steps must be an int"),
        (recipes.OneCycle, {"warmup": 1}, ValueError, "warmup must be a share"),
        (recipes.OneCycle, {"start_factor": 0.5}, ValueError, "start_factor must be at least 1"),
        (recipes.OneCycle, {"end_factor": 0}, ValueError, "end_factor must be at least 1"),
        (recipes.WarmupCosine, {"peak": -1}, ValueError, "peak must be greater than 0"),
        (recipes.WarmupCosine, {"warmup": 1}, ValueError, "warmup must be a rate"),
        (recipes.WarmupCosine, {"minimum": 1}, ValueError, "minimum must be a rate"),
    ],
)
def test_bad_input(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**{"peak": 0.1, "steps": 10, **arguments})
