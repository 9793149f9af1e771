"""`search` and `Study`: what a user calls, on tiny data."""

from functools import partial

import keras
import keras_tuner
import matplotlib
import numpy as np
import pytest

from recipes import build_cnn, build_mlp, build_variational_autoencoder
from tuning import Choice, Float, Int, Widths, _progress, search

matplotlib.use("Agg")

_random = np.random.default_rng(0)
Y = np.arange(60) % 3
X = (_random.normal(size=(60, 4)) + 2 * np.eye(4)[Y]).astype("float32")
SPACE = {"units": Widths(4, 8, step=4, depth=(1, 2)), "learning_rate": Float(1e-3, 1e-1, log=True)}


def build_small(input_shape, outputs, *, units=(16,), dropout=0.1, learning_rate=0.001, seed=0):
    """A builder in our grammar without our speed-ups, which take longer to trace than this."""
    model = keras.Sequential([keras.Input(input_shape)])
    for i, width in enumerate(units):
        start = keras.initializers.GlorotUniform(seed=seed + i)
        model.add(keras.layers.Dense(width, "relu", kernel_initializer=start))
        model.add(keras.layers.Dropout(dropout, seed=seed))
    start = keras.initializers.GlorotUniform(seed=seed)
    model.add(keras.layers.Dense(outputs, "softmax", kernel_initializer=start))
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def tiny(build=build_small, x=X, y=Y, **arguments):
    """A search of a second or two."""
    settings = {"space": SPACE, "max_trials": 2, "epochs": 1, "seed": 0, "verbose": False}
    return search(build, x, y, **{**settings, **arguments})


def build_autoencoder(input_shape, *, latent_dim=2, seed=None):
    """The simplest model whose target is its input."""
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Dense(latent_dim, kernel_initializer=keras.initializers.Ones()),
            keras.layers.Dense(input_shape[-1]),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def layers_of(model):
    """What the layers are, without the names, which count up."""
    configs = [{**layer.get_config(), "name": None} for layer in model.layers]
    return [(type(layer), config) for layer, config in zip(model.layers, configs, strict=True)]


class Numbers(keras_tuner.HyperModel):
    """Trains nothing: a search of milliseconds."""

    def build(self, hp):
        hp.Int("a", 0, 9, default=5)
        return build_autoencoder((4,))

    def fit(self, hp, model, *args, **kwargs):
        return float(hp.get("a"))


class TestStudy:
    @pytest.fixture(scope="class")
    @staticmethod
    def study(tmp_path_factory):
        return tiny(
            max_trials=3,
            epochs=3,
            validation=(X[:15], Y[:15]),
            directory=tmp_path_factory.mktemp("study"),
        )

    def test_leaderboard_has_every_trial_the_best_first(self, study):
        table = study.leaderboard()
        expected = "rank trial score val_accuracy status units learning_rate parameters epochs"
        assert list(table.columns) == [*expected.split(), "seconds"]
        assert list(table["rank"]) == [1, 2, 3]
        assert sorted(table["trial"]) == [1, 2, 3]
        assert table["score"].is_monotonic_increasing
        assert set(table["status"]) == {"completed"}
        assert (table["epochs"] == 3).all()
        assert (table["seconds"] > 0).all()
        assert study.failures == {}

    def test_the_first_trial_is_the_default_moved_into_the_space(self, study):
        first = study.leaderboard().set_index("trial").loc[1]
        assert first["units"] == (8,)
        assert first["learning_rate"] == 0.001

    def test_best_model_has_the_weights_of_the_best_epoch(self, study):
        model = study.best_model()
        assert model.evaluate(X[:15], Y[:15], verbose=0)[0] == pytest.approx(study.best_score)
        assert min(study.best_history["val_loss"]) == pytest.approx(study.best_score)
        row = study.leaderboard().iloc[0]
        assert model.count_params() == row["parameters"]
        assert model.fit(X, Y, verbose=0)

    def test_code_rebuilds_the_best_model(self, study):
        rebuilt = eval(study.code(), {"build_small": build_small})
        best = study.best_model()
        assert layers_of(rebuilt) == layers_of(best)
        for model in (rebuilt, best):
            assert float(model.optimizer.learning_rate) == pytest.approx(
                study.best_arguments["learning_rate"]
            )

    def test_best_arguments_rebuild_it_too(self, study):
        model = build_small((4,), 3, **study.best_arguments)
        assert model.count_params() == study.leaderboard()["parameters"].iloc[0]

    def test_history_is_what_plot_history_takes(self, study):
        assert set(study.best_history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert {len(values) for values in study.best_history.values()} == {3}

    def test_plot_draws_every_trial(self, study):
        ax = study.plot()
        assert len(ax.lines[0].get_xdata()) == 3
        assert ax.get_ylabel() == "val loss"

    def test_shows_itself(self, study):
        assert repr(study).startswith("Study of build_small: 3 trials, best val_loss")
        assert study.code() in repr(study)
        assert "<table" in study._repr_html_()

    def test_the_same_seed_gives_the_same_study(self, study):
        again = tiny(max_trials=3, epochs=3, validation=(X[:15], Y[:15]))
        columns = ["trial", "units", "learning_rate"]
        ours, theirs = study.leaderboard(), again.leaderboard()
        assert ours[columns].equals(theirs[columns])
        np.testing.assert_allclose(ours["score"], theirs["score"], rtol=1e-4)

    def test_the_same_call_trains_nothing_and_a_longer_one_goes_on(self, study):
        folder = study.tuner.directory
        settings = {"epochs": 3, "validation": (X[:15], Y[:15]), "directory": folder}
        counter = Counter()
        again = tiny(max_trials=3, callbacks=[counter], **settings)
        assert counter.trainings == 0
        assert again.leaderboard().equals(study.leaderboard())
        longer = tiny(max_trials=4, callbacks=[counter], **settings)
        assert counter.trainings == 1
        assert len(longer.leaderboard()) == 4

    def test_another_study_does_not_mix_with_it(self, study):
        with pytest.raises(ValueError, match=r"another epochs .*overwrite=True"):
            tiny(epochs=2, directory=study.tuner.directory)
        with pytest.raises(ValueError, match="another data"):
            tiny(x=X + 1, epochs=3, directory=study.tuner.directory)

    def test_trials_of_a_builder_that_was_edited_since_are_kept_with_a_warning(self, tmp_path):
        def run(build):
            settings = {"epochs": 1, "max_trials": 1, "verbose": False, "directory": tmp_path}
            return search(build, X, Y, space={"rate": Float(0.1, 0.2)}, name="own", **settings)

        first = run(lambda rate: build_mlp((X.shape[1],), 3, units=(2,), learning_rate=rate))
        with pytest.warns(UserWarning, match=r"run of other code.*kept.*overwrite=True"):
            kept = run(lambda rate: build_mlp((X.shape[1],), 3, units=(3,), learning_rate=rate))
        assert kept.leaderboard().equals(first.leaderboard())


class Counter(keras.callbacks.Callback):
    """Counts trainings and holds a thing that cannot be copied."""

    def __init__(self):
        super().__init__()
        self.trainings = 0
        self.stream = (number for number in range(3))

    def on_train_begin(self, logs=None):
        self.trainings += 1


@pytest.mark.parametrize(
    "engine",
    ["tpe", "random", "grid", "keras-random", "keras-bayesian", "keras-hyperband", "keras-grid"],
)
def test_every_engine_runs_and_starts_from_the_defaults(engine):
    space = {"units": Widths(4, 8, step=4, depth=(1, 2)), "dropout": Float(0.0, 0.5)}
    study = tiny(engine=engine, space=space, max_trials=6, epochs=3)
    table = study.leaderboard().set_index("trial")
    assert len(table) == 6
    assert set(table["status"]) == {"completed"}
    assert (table.loc[1, "units"], table.loc[1, "dropout"]) == ((8,), 0.1)
    if engine == "keras-hyperband":
        assert set(table["epochs"]) == {1, 3}, "the best go on where they were"
    else:
        assert len(table[["units", "dropout"]].drop_duplicates()) == 6
    assert study.best_model().count_params() == table["parameters"][study.leaderboard()["trial"][0]]


@pytest.mark.parametrize(
    ("task", "y", "outputs"),
    [
        (None, Y, 3),
        (None, np.eye(3)[Y], 3),
        ("binary", Y == 1, 1),
        ("binary", (Y == 1)[:, None].astype("float64"), 1),
        ("multilabel", np.eye(4)[Y], 4),
        ("regression", X[:, 0], 1),
        ("regression", X[:, :2], 2),
    ],
)
def test_the_width_of_the_head_comes_from_y(task, y, outputs):
    study = tiny(
        build_mlp, y=y, task=task, max_trials=1, space={"units": (4,), "dropout": Float(0, 0.5)}
    )
    assert study.best_model().output_shape == (None, outputs)
    rebuilt = eval(study.code(), {"build_mlp": build_mlp})
    assert rebuilt.count_params() == study.best_model().count_params()


def test_images_and_a_space_of_its_own():
    images = np.repeat(X[:, :, None], 4, axis=2)[..., None]
    study = tiny(build_cnn, images, max_trials=1, space={"filters": (4,), "kernel_size": 3})
    assert study.code() == "build_cnn((4, 4, 1), 3, filters=(4,), kernel_size=3, seed=0)"


def test_without_y_the_target_is_x():
    study = tiny(build_autoencoder, y=None, space={"latent_dim": Int(1, 3)}, objective="val_mae")
    assert study.code().startswith("build_autoencoder((4,), latent_dim=")
    error = np.abs(study.best_model().predict(X, verbose=0) - X).mean()
    assert error == pytest.approx(study.best_score, rel=0.5)


def test_an_autoencoder_recipe_with_its_own_space():
    study = tiny(build_variational_autoencoder, y=None, space=None, max_trials=1)
    searched = {"units", "latent_dim", "activation", "dropout", "noise", "learning_rate"}
    assert searched <= set(study.leaderboard().columns)
    rebuilt = eval(study.code(), {"build_variational_autoencoder": build_variational_autoencoder})
    assert rebuilt.count_params() == study.best_model().count_params()


def test_a_builder_without_our_grammar():
    def build(width=4):
        model = keras.Sequential([keras.layers.Dense(width), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    study = tiny(build, y=X[:, 0], space={"width": Int(2, 8)})
    assert study.code() == f"build(width={study.best_arguments['width']})"
    assert study.best_model().predict(X, verbose=0).shape == (60, 1)


def build_configured(input_shape, outputs, *, conf, width=4, rate=0.1):
    model = keras.Sequential([keras.Input(input_shape)])
    model.add(keras.layers.Dense(conf["units"][0] * width))
    model.add(keras.layers.Dense(outputs))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def test_bound_arguments_and_dicts_stand_in_the_line_and_tell_studies_apart(tmp_path):
    """What is bound and what is searched, each once; another width is another study."""

    def run(width, units=2):
        space = {"conf": {"units": [units]}, "rate": Choice(0.1, 0.01)}
        build = partial(build_configured, width=width, rate=0.5)
        return tiny(build, space=space, max_trials=1, seed=None, directory=tmp_path)

    study = run(3)
    assert study.code() == ("build_configured((4,), 3, width=3, rate=0.1, conf={'units': [2]})")
    rebuilt = eval(study.code(), {"build_configured": build_configured})
    assert rebuilt.count_params() == study.best_model().count_params()
    assert repr(study).startswith("Study of build_configured")
    with pytest.raises(ValueError, match=r"another build .*width=3.*not .*width=64"):
        run(64)
    with pytest.raises(ValueError, match=r"another conf "):
        run(3, units=9)
    assert len(run(3).leaderboard()) == 1


def test_a_bound_position_stands_first_in_the_line():
    build = partial(build_configured, (4,), conf={"units": (2,)})
    study = tiny(build, space={"rate": Choice(0.1, 0.01)}, max_trials=1, seed=None)
    assert study.code() == "build_configured((4,), 3, conf={'units': (2,)}, rate=0.1)"


def test_a_keras_tuner_hypermodel_as_it_is():
    study = tiny(Numbers(), space=None, max_trials=4, objective=keras_tuner.Objective("a", "max"))
    assert study.leaderboard()["a"].iloc[0] == study.best_score
    assert study.best_arguments == {"a": int(study.best_score)}
    assert "'a': " in repr(study)
    with pytest.raises(TypeError, match=r"code\(\) needs a search over a builder"):
        study.code()


def test_batch_size_and_epochs_are_knobs():
    space = {"units": (4,), "batch_size": Choice(8, 30), "epochs": Int(1, 3)}
    study = tiny(space=space)
    table = study.leaderboard().set_index("trial")
    assert set(study.best_training) == {"batch_size", "epochs"}
    assert set(study.best_arguments) == {"units", "seed"}
    assert "# fit with batch_size=" in study.code()
    assert table.loc[1, "batch_size"] in (8, 30)


def test_progress_is_a_line_a_trial(capsys):
    tiny(space={"units": Widths(2, 4, depth=(1, 1))}, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["trial 1/2", "trial 2/2"]
    assert all("val_loss" in line and "best" in line for line in lines)
    tiny(space={"units": (2,)}, max_trials=1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("budget", "left"), [(None, ["", ", 2:00 left"]), (60, [", 0:30 left", ", 0:15 left"])]
)
def test_progress_says_what_runs_and_how_long_it_may_take(budget, left, capsys, monkeypatch):
    seconds = iter([0.0, 5.0, 30.0, 45.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(seconds))
    statuses = enumerate(["COMPLETED", "RUNNING", "RUNNING"])
    trials = [keras_tuner.engine.trial.Trial(None, str(i), status) for i, status in statuses]
    trials[0].score = 0.5
    progress = _progress.Progress([keras_tuner.Objective("loss", "min")], 5, budget, verbose=True)
    progress.look(trials)  # the first is of an earlier run, the others have begun after 5 seconds
    progress.trial(trials[0], trials[0])
    trials[1].status = "PRUNED"
    progress.look(trials)
    progress.trial(trials[1], trials[0])
    best = "best 0.5000 (trial 1)"
    assert capsys.readouterr().out.splitlines() == [
        f"trial 1/5 loss 0.5000 | {best} | 2 running | 0:30{left[0]}",
        f"trial 2/5 pruned | {best} | 1 running, 1 pruned | 0:45{left[1]}",
    ]


def test_a_time_budget_ends_the_search_with_the_epoch():
    study = tiny(max_trials=50, epochs=10_000, time_budget=1.0)
    assert 1 <= len(study.leaderboard()) < 50
    assert study.leaderboard()["seconds"].sum() < 30


def test_a_knob_that_changes_the_loss_is_scored_by_the_metric():
    space = {"units": (4,), "label_smoothing": Float(0.0, 0.3)}
    study = tiny(build_mlp, space=space, max_trials=1)
    assert study.objective == "val_accuracy"
    study = tiny(build_mlp, space=space, max_trials=1, objective="val_loss")
    assert study.objective == "val_loss"


NAN = np.where(np.arange(60)[:, None] == 7, np.nan, X)

BAD = {
    "NaN": ({"x": NAN}, ValueError, r"x must be finite.*\(7, 0\)"),
    "empty": ({"x": X[:0], "y": Y[:0]}, ValueError, "x must hold at least one row"),
    "one row": ({"x": X[:1], "y": Y[:1]}, ValueError, "x must have at least 2 rows"),
    "rows": ({"y": Y[:50]}, ValueError, "x has 60, y has 50"),
    "strings": ({"x": X.astype(str)}, TypeError, "x must be numeric"),
    "float labels": ({"y": Y + 0.5}, ValueError, "Did you mean task='regression'"),
    "whole floats": ({"y": Y.astype(float)}, ValueError, r"Did you mean y\.astype"),
    "negative labels": ({"y": Y - 1}, ValueError, "labels from 0 to"),
    "labels out of range": ({"outputs": 2}, ValueError, "labels from 0 to 1"),
    "validation labels": ({"validation": (X, Y + 1)}, ValueError, "y_val must hold labels"),
    "validation shape": ({"validation": (X[:, :2], Y)}, ValueError, "x_val must have rows"),
    "validation rows": ({"validation": (X, Y[:9])}, ValueError, "x_val has 60, y_val has 9"),
    "validation share": ({"validation": 1.5}, ValueError, "validation must be a share"),
    "validation alone": ({"validation": (X,)}, ValueError, "validation must have a y_val"),
    "no y": ({"y": None}, ValueError, "needs its argument 'outputs'"),
    "misspelt knob": ({"space": {"unit": (4,)}}, ValueError, "Did you mean 'units'"),
    "space": ({"space": [Int(1, 3)]}, TypeError, "space must be a dict"),
    "engine": ({"engine": "keras-baysian"}, ValueError, "Did you mean 'keras-bayesian'"),
    "objective": ({"objective": "val_acuracy"}, ValueError, "'val_loss'.*Did you mean 'val_acc"),
    "direction": (
        {"objective": keras_tuner.Objective("val_accuracy", "up")},
        ValueError,
        r"objective\.direction must be one of 'min', 'max'.*'up'",
    ),
    "max_trials": ({"max_trials": 0}, ValueError, "max_trials must be at least 1"),
    "epochs": ({"epochs": 0}, ValueError, "epochs must be at least 1"),
    "batch_size": ({"batch_size": 0.5}, TypeError, "batch_size must be an int"),
    "seed": ({"seed": -1}, ValueError, "seed must be at least 0"),
    "large seed": ({"seed": 2**32}, ValueError, r"seed must be less than 2\*\*32"),
    "time_budget": ({"time_budget": 0}, ValueError, "time_budget must be greater than 0"),
    "callbacks": ({"callbacks": [print]}, TypeError, "callbacks must hold keras Callbacks"),
    "one callback": (
        {"callbacks": keras.callbacks.TerminateOnNaN},
        TypeError,
        r"a function that returns TerminateOnNaN\. Did you mean lambda: \[TerminateOnNaN\(",
    ),
    "task": ({"task": "multi"}, ValueError, "task must be one of"),
    "input_shape": ({"input_shape": (3,)}, ValueError, "x must have rows of shape"),
    "hyperband epochs": (
        {"engine": "keras-hyperband", "space": {"units": (4,), "epochs": Int(1, 3)}},
        ValueError,
        "space must not hold 'epochs'",
    ),
    "class": ({"build": Numbers}, TypeError, r"Did you mean Numbers\(\)"),
    "no function": ({"build": "build_mlp"}, TypeError, "build must be a function"),
    "hypermodel and space": ({"build": Numbers()}, ValueError, "space must be None"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_error_before_any_training(name, tmp_path):
    arguments, error, text = BAD[name]
    counter = Counter()
    with pytest.raises(error, match=text):
        tiny(**{"build": build_mlp, "callbacks": [counter], "directory": tmp_path, **arguments})
    assert counter.trainings == 0
    assert not list(tmp_path.glob("*"))


def build_without_width(input_shape, *, kernel=3, width=4):
    raise ValueError("width is too small")


@pytest.mark.parametrize(
    ("build", "given", "hint"),
    [
        (build_mlp, {"dropout": [0.1, 0.2]}, "Choice(0.1, 0.2), or Float(0.1, 0.2)"),
        (build_small, {"dropout": (0.4, 0.1)}, "Choice(0.4, 0.1)"),
        (build_small, {"dropout": np.array([0.1, 0.2, 0.4])}, "Choice(0.1, 0.2, 0.4)"),
        (build_cnn, {"pooling": ["max", "mean"]}, "Choice('max', 'mean')"),
        (build_mlp, {"units": (8, 0)}, None),
        (build_without_width, {"kernel": (3, 5), "width": 0}, None),
    ],
    ids=["two", "tuple", "array", "names", "widths", "another argument"],
)
def test_options_without_choice_are_a_hint_where_the_builder_refuses_them(build, given, hint):
    x = X.reshape(60, 2, 2, 1) if build is build_cnn else X
    with pytest.raises((TypeError, ValueError)) as caught:
        tiny(build, x, space=given)
    name = next(iter(given))
    note = f"A list in a space is one value. To search {name!r}, give {hint}."
    assert getattr(caught.value, "__notes__", []) == ([note] if hint else [])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="directory must be a folder that can be written to"):
        tiny(directory=tmp_path / "file" / "study")


def test_a_model_that_is_not_compiled():
    def build(width=4):
        return keras.Sequential([keras.layers.Dense(width)])

    with pytest.raises(ValueError, match="build must return a compiled model"):
        tiny(build, space={"width": Int(2, 8)})
    with pytest.raises(TypeError, match="Did it forget to return"):
        tiny(lambda width=4: None, space={"width": Int(2, 8)})
