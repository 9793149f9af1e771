"""`CosineAnnealing`, the curve and the way back; `standard_callbacks`, what each does and when."""

import copy
import functools

import keras
import numpy as np
import pytest

import recipes

X, Y = np.random.default_rng(0).normal(size=(40, 4)).astype("float32"), np.arange(40) % 3


def test_falls_along_a_half_cosine_and_gives_the_rate_back():
    model = recipes.build_mlp((4,), 3, units=(4,), learning_rate=0.02)
    callback = recipes.CosineAnnealing(minimum=0.1)
    for epochs in (4, 5):  # one object serves two fits
        fitted = model.fit(X, Y, epochs=epochs, callbacks=[callback], verbose=0)
        cosine = 0.5 * (1 + np.cos(np.pi * np.arange(epochs) / epochs))
        np.testing.assert_allclose(
            fitted.history["learning_rate"], 0.02 * (0.1 + 0.9 * cosine), rtol=1e-5
        )
        assert float(model.optimizer.learning_rate) == pytest.approx(0.02)


def test_the_rate_is_used():
    """With SGD the first step is the rate times the gradient; a second epoch steps half as far."""
    model = recipes.build_mlp(
        (4,), 1, units=(), task="regression", batch_norm=False, optimizer="sgd", learning_rate=1e-4
    )
    kernels = [model.get_weights()[0]]
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kernels.append(model.get_weights()[0])
    )
    model.fit(
        X,
        X[:, :1] * 9,
        batch_size=40,
        epochs=2,
        verbose=0,
        callbacks=[recipes.CosineAnnealing(), keep],
    )
    first, second = (np.abs(np.diff(kernels, axis=0)[i]).sum() for i in (0, 1))
    assert second / first == pytest.approx(0.5, rel=0.02)


def test_can_be_copied_during_a_fit():
    copy.deepcopy(recipes.CosineAnnealing())


def test_refuses_a_schedule_and_a_share_above_one():
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10)
    model = recipes.build_mlp((4,), 3, units=(4,), learning_rate=schedule)
    with pytest.raises(ValueError, match="learning_rate of the optimizer must be a number"):
        model.fit(X, Y, callbacks=[recipes.CosineAnnealing()], verbose=0)
    with pytest.raises(ValueError, match="minimum must be a rate"):
        recipes.CosineAnnealing(minimum=1.5)


def scripted(model, values, callbacks, name="val_loss", epochs=None):
    """Fit while `name` takes the given values, one an epoch; returns the History."""

    class Script(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs[name] = values[epoch]

    return model.fit(
        X, Y, epochs=epochs or len(values), callbacks=[Script(), *callbacks], verbose=0
    )


def two_dips(epochs, first, second):
    """A value that falls to 0.5 at `first`, rises, and falls below that after `second`."""
    epoch = np.arange(epochs)
    turns = [0, first, (first + second) / 2, second + 1, epochs]
    return np.interp(epoch, turns, [1, 0.5, 0.8, 0.4, 0.2])


@functools.cache
def plain_model():
    return recipes.build_mlp((4,), 3, units=(4,), learning_rate=0.01, seed=0)


class TestStandardCallbacks:
    def small(self):
        """One model for all, because most of a short fit is its first step."""
        model = plain_model()
        model.optimizer.learning_rate = 0.01
        return model

    def test_waits_for_the_second_dip(self):
        """A dip, a rise over 20 % of the run, and a second dip below the first."""
        values = two_dips(40, first=10, second=18)
        fitted = scripted(self.small(), values, recipes.standard_callbacks())
        assert len(fitted.epoch) == len(values)

    def test_stops_after_a_quarter_of_the_run_with_the_best_weights(self):
        model = self.small()
        kept = []
        values = np.r_[np.linspace(1, 0.5, 10), np.linspace(0.6, 1, 30)]
        keep = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: kept.append(model.get_weights())
        )
        callbacks = [*recipes.standard_callbacks(), keep]
        fitted = scripted(model, values, callbacks)
        assert len(fitted.epoch) == 10 + 10
        back = model.get_weights()
        for weight, best in zip(back, kept[9], strict=True):
            np.testing.assert_array_equal(weight, best)
        assert not np.array_equal(back[0], kept[-1][0])

    def test_one_list_serves_a_second_fit_of_another_length(self):
        callbacks = recipes.standard_callbacks()
        rising = np.linspace(0.5, 1, 48)
        lengths = [
            len(scripted(self.small(), rising, callbacks, epochs=epochs).epoch)
            for epochs in (40, 48, 8)
        ]
        assert lengths == [1 + 10, 1 + 12, 1 + 5]

    def test_lowers_the_rate_twice_before_it_stops(self):
        rising = np.linspace(0.5, 1, 60)
        model = self.small()
        fitted = scripted(model, rising, recipes.standard_callbacks())
        assert len(fitted.epoch) == 16
        rates = sorted(set(np.round(fitted.history["learning_rate"], 6)), reverse=True)
        np.testing.assert_allclose(rates[:3], [0.01, 0.003, 0.0009], rtol=1e-3)

    def test_a_score_that_keras_does_not_know(self):
        """What another callback reports: Keras cannot tell by its name what is better."""
        x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
        model = recipes.build_mlp((3,), 2, units=())
        watch = recipes.PerClassMetrics(x, y, figures=("f1",))
        callbacks = recipes.standard_callbacks(monitor="val_f1_1", mode="max")
        fitted = model.fit(x, y, epochs=2, verbose=0, callbacks=[watch, *callbacks])
        assert len(fitted.epoch) == 2

    def test_higher_scores_are_better(self):
        rising = np.linspace(0.1, 0.9, 24)
        callbacks = recipes.standard_callbacks(monitor="val_accuracy")
        model = self.small()
        held_out = {"validation_data": (X, Y)}
        model.fit(X, Y, verbose=0, **held_out)
        fitted = scripted(model, rising, callbacks, name="val_accuracy")
        assert len(fitted.epoch) == len(rising)

    def test_stops_at_nan(self):
        model = recipes.build_mlp((4,), 3, units=(4,))
        broken = np.where(np.arange(40) == 0, np.nan, 1.0)[:, None] * X
        fitted = model.fit(
            broken, Y, epochs=9, callbacks=recipes.standard_callbacks(monitor="loss"), verbose=0
        )
        assert len(fitted.epoch) == 1

    def test_writes_the_log_and_the_best_model(self, tmp_path):
        folder = tmp_path / "new" / "run"
        model = self.small()
        callbacks = recipes.standard_callbacks(folder)
        fitted = model.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=callbacks, verbose=0)
        lines = (folder / "history.csv").read_text().splitlines()
        assert "val_loss" in lines[0]
        assert len(lines) == 1 + 3
        best = keras.models.load_model(folder / "best.keras")
        loss = best.evaluate(X, Y, verbose=0)[0]
        assert loss == pytest.approx(min(fitted.history["val_loss"]), rel=1e-4)

    @pytest.mark.parametrize(
        ("left_out", "kind"),
        [
            ("early_stopping", "EarlyStopping"),
            ("plateau", "ReduceLROnPlateau"),
            ("nan_stop", "TerminateOnNaN"),
            ("csv", "CSVLogger"),
            ("checkpoint", "ModelCheckpoint"),
        ],
    )
    def test_each_can_be_left_out(self, left_out, kind, tmp_path):
        def kinds(**options):
            callbacks = recipes.standard_callbacks(tmp_path, **options)
            return {type(callback).__name__ for callback in callbacks}

        assert kinds() - kinds(**{left_out: False}) == {kind}

    def test_refuses_a_schedule_before_the_first_step(self):
        schedule = recipes.OneCycle(0.01, 10)
        model = recipes.build_mlp((4,), 3, units=(4,), learning_rate=schedule)
        with pytest.raises(ValueError, match="Leave one of the two out"):
            model.fit(X, Y, callbacks=recipes.standard_callbacks(), verbose=0)
        assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) == 0
        callbacks = recipes.standard_callbacks(monitor="loss", plateau=False)
        model.fit(X, Y, callbacks=callbacks, verbose=0)

    @pytest.mark.parametrize(
        ("monitor", "fix"), [("val_loss", "Give fit validation_data"), ("val_los", "val_loss")]
    )
    def test_says_what_an_epoch_reports(self, monitor, fix):
        held_out = (X, Y) if monitor == "val_los" else None
        with pytest.raises(ValueError, match=f"monitor must be one of.*'accuracy'.*{fix}"):
            self.small().fit(
                X,
                Y,
                validation_data=held_out,
                callbacks=recipes.standard_callbacks(monitor=monitor),
                verbose=0,
            )

    def test_bad_input(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ValueError, match="folder must be a folder that can be written to"):
            recipes.standard_callbacks(tmp_path / "file" / "run")
        with pytest.raises(ValueError, match=r"patience must be a share in \(0, 1\]"):
            recipes.standard_callbacks(patience=10)
        with pytest.raises(TypeError, match="plateau must be True or False"):
            recipes.standard_callbacks(plateau="yes")
        with pytest.raises(TypeError, match="monitor must be a name"):
            recipes.standard_callbacks(monitor=None)

    def test_can_be_copied(self):
        assert len(copy.deepcopy(recipes.standard_callbacks())) == 4
