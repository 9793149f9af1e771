"""Keras Tuner's traps, each closed: one test a trap."""

import keras
import keras_tuner
import pytest

import tuning.oracle
import tuning.tuner
from recipes import build_mlp
from tests.test_tuning_search import SPACE, Counter, Numbers, X, Y, build_small, tiny
from tuning import Int, hypermodel
from tuning.objectives import direction_of

UNITS = {"input_shape": (4,), "outputs": 3, "units": (4,), "dropout": tuning.Float(0.0, 0.5)}


def build_picky(input_shape, *, width=4):
    """Fails for some widths, as a builder does whose arguments contradict one another."""
    if width > 5:
        raise ValueError("width is too large")
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(4)])
    model.compile("adam", "mse")
    return model


# --- with Keras Tuner's own tuners ----------------------------------------------------------------


@pytest.mark.parametrize(
    "tuner",
    [
        keras_tuner.RandomSearch,
        keras_tuner.BayesianOptimization,
        keras_tuner.GridSearch,
        keras_tuner.Hyperband,
    ],
)
def test_trials_run_without_tensorboard(tuner, tmp_path):
    budget = {"max_epochs": 2} if tuner is keras_tuner.Hyperband else {"max_trials": 2}
    run = tuner(hypermodel(build_small, UNITS), "val_loss", directory=tmp_path, **budget)
    run.search(X, Y, validation_data=(X, Y), verbose=0)
    assert {trial.status for trial in run.oracle.trials.values()} == {"COMPLETED"}
    assert run.get_best_models()[0].predict(X, verbose=0).shape == (60, 3)


def test_a_misspelt_knob_is_no_silent_constant():
    with pytest.raises(ValueError, match=r"build_mlp has no argument 'unit'.*Did you mean 'units'"):
        hypermodel(build_mlp, {"unit": Int(4, 8)})


# --- with search ----------------------------------------------------------------------------------


def test_a_trial_that_fails_keeps_its_traceback_and_the_others_go_on(capsys):
    study = tiny(build_picky, y=None, space={"width": Int(4, 9)}, max_trials=6, verbose=True)
    table = study.leaderboard().set_index("trial")
    assert set(table["status"]) == {"completed", "failed"}
    assert len(table) == 6
    for number, message in study.failures.items():
        assert "Traceback" in message
        assert table.loc[number, "width"] > 5
        assert table.loc[number, "error"] == "ValueError: width is too large"
    assert capsys.readouterr().out.count("failed: ValueError: width is too large") == len(
        study.failures
    )
    assert table["rank"].isna().sum() == len(study.failures)
    assert f"{len(study.failures)} failed" in repr(study)
    assert study.plot().lines


def test_a_builder_that_always_fails_is_its_own_error_at_once():
    with pytest.raises(ValueError, match="width is too large"):
        tiny(build_picky, y=None, space={"width": Int(6, 9)})


def test_a_training_that_always_fails_ends_the_search():
    def crash():
        class Crash(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise OSError("no space left")

        return [Crash()]

    with pytest.raises(
        RuntimeError, match=r"first trials all failed, 3 of them(.|\n)*no space left"
    ):
        tiny(callbacks=crash, max_trials=9)


def test_data_that_the_model_refuses_is_an_error_before_the_search():
    def build(width=4):
        model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(width)])
        model.compile("adam", "mse")
        return model

    with pytest.raises(ValueError) as caught:
        tiny(build, y=None, space={"width": Int(4, 9)})
    assert any("before the search began" in note for note in caught.value.__notes__)


def test_a_loss_that_is_lost_is_a_failed_trial():
    def build(input_shape, *, rate=1e-3):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(4)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    study = tiny(build, y=None, space={"rate": tuning.Choice(1e-3, 1e30)}, max_trials=2, epochs=4)
    assert "val_loss was not finite in any epoch" in study.failures[2]
    assert study.leaderboard()["epochs"].tolist() == [4, 1], "no epoch is spent on it"


def test_one_name_with_two_ranges_is_an_error():
    class Twice(keras_tuner.HyperModel):
        def build(self, hp):
            return build_mlp((4,), 3, units=(hp.Int("units", 2, 4), hp.Int("units", 8, 9)))

    with pytest.raises(ValueError, match="'units' as Int"):
        tiny(Twice(), space=None)


def test_the_users_own_callback_sees_every_trial():
    counter = Counter()  # holds a generator, which no deepcopy takes
    tiny(callbacks=[counter], max_trials=2)
    assert counter.trainings == 2


def test_a_function_makes_fresh_callbacks():
    made = []
    tiny(callbacks=lambda: made.append(Counter()) or [made[-1]], max_trials=2)
    assert [counter.trainings for counter in made][-2:] == [1, 1]


def test_seed_0_is_a_seed():
    numbers = [tiny(Numbers(), space=None, max_trials=5, objective=LOW) for _ in range(2)]
    drawn = [study.leaderboard().sort_values("trial")["a"].tolist() for study in numbers]
    assert drawn[0] == drawn[1]


def test_a_search_builds_no_model_before_its_first_trial(tmp_path):
    builds = []

    def build(input_shape, *, width=4, depth=1):
        builds.append(width)
        return build_picky(input_shape)

    tiny(build, y=None, space={"width": Int(4, 9)}, max_trials=2)
    assert len(builds) == 3, "one to check that it works, then one a trial"


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val_loss", "min"),
        ("val_accuracy", "max"),
        ("val_f1_score", "max"),
        ("val_r2_score", "max"),
        ("val_auc", "max"),
        ("val_mae", "min"),
        ("val_false_positives", "min"),
        ("val_sparse_top_k_categorical_accuracy", "max"),
        ("val_categorical_crossentropy", "min"),
        ("fun", None),
    ],
)
def test_direction_is_told_by_the_name(name, direction):
    assert direction_of(name) == direction


def test_mixed_precision_outlives_the_first_trial():
    policies = []

    def build(input_shape, *, width=4):
        policies.append(keras.config.dtype_policy().name)
        return build_picky(input_shape)

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        tiny(build, y=None, space={"width": Int(4, 9)})
    finally:
        keras.config.set_dtype_policy("float32")
    assert set(policies) == {"mixed_bfloat16"}


# --- killed at any moment -------------------------------------------------------------------------

LOW = keras_tuner.Objective("a", "min")


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the search catches it."""


def run(folder, engine):
    return tiny(Numbers(), space=None, engine=engine, max_trials=4, objective=LOW, directory=folder)


@pytest.mark.parametrize(
    "engine", ["keras-random", "keras-bayesian", "keras-hyperband", "keras-grid"]
)
def test_killed_at_any_write_it_goes_on_and_loses_nothing(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning.tuner.gc, "collect", lambda: 0)  # 0.35 s a search
    write = tuning.oracle.write_json
    plain = run(tmp_path / "plain", engine).leaderboard().sort_values("trial")["a"].tolist()
    for killed_at in range(1, 40):
        writes = 0

        def killing(path, value, killed_at=killed_at):
            nonlocal writes
            writes += 1
            if writes == killed_at:
                raise Killed
            write(path, value)

        folder = tmp_path / str(killed_at)
        monkeypatch.setattr(tuning.oracle, "write_json", killing)
        try:
            run(folder, engine)
            break
        except Killed:
            monkeypatch.setattr(tuning.oracle, "write_json", write)
        table = run(folder, engine).leaderboard().sort_values("trial")
        assert table["trial"].tolist() == [1, 2, 3, 4]
        assert set(table["status"]) == {"completed"}
        assert (table["score"] == table["a"]).all()
        if engine in ("keras-random", "keras-grid"):
            assert table["a"].tolist() == plain
    assert killed_at > 10


@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json"])
@pytest.mark.parametrize("text", ["", '{"trial_id": "1", "hyper'])
def test_a_broken_file_costs_at_most_its_own_trial(name, text, tmp_path):
    run(tmp_path, "keras-random")
    (tmp_path / "trials" / name).write_text(text)
    study = tiny(
        Numbers(),
        space=None,
        engine="keras-random",
        max_trials=6,
        objective=LOW,
        directory=tmp_path,
    )
    table = study.leaderboard().sort_values("trial")
    assert table["trial"].tolist() == [1, 2, 3, 4, 5, 6]
    assert (table["status"] == "failed").sum() == ("trial" in name)
    assert table["a"].dropna().is_unique


def test_overwrite_starts_anew_and_deletes_nothing_else(tmp_path):
    (tmp_path / "notes.txt").touch()
    tiny(directory=tmp_path, max_trials=1, space={"units": (4,)})
    counter = Counter()
    again = {"directory": tmp_path, "max_trials": 1, "overwrite": True, "callbacks": [counter]}
    tiny(**again, epochs=2, space=SPACE)
    assert counter.trainings == 1
    assert (tmp_path / "notes.txt").exists()


def test_a_folder_of_trials_that_is_no_study_stays_as_it_is(tmp_path):
    (tmp_path / "trials").mkdir()
    with pytest.raises(ValueError, match=r"no study\.json, but 'trials'"):
        tiny(directory=tmp_path, overwrite=True)
    assert (tmp_path / "trials").exists()
