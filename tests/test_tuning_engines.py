"""Optuna's engines: what they propose, prune and remember, also when killed or not alone."""

import json
import multiprocessing
import os
import time
from pathlib import Path
from random import SystemRandom

import keras
import keras_tuner
import matplotlib
import numpy as np
import optuna
import pytest

from recipes import build_cnn, build_mlp
from tests.test_tuning_search import Counter, X, build_small, tiny
from tests.test_tuning_traps import LOW, build_picky
from tuning import (
    SPACES,
    Boolean,
    Choice,
    Float,
    Int,
    Widths,
    _ledger,
    checklist,
    hypermodel,
    search,
)
from tuning._proposals import distribution, grid, recorded
from tuning.optuna_oracle import OptunaOracle

matplotlib.use("Agg")

SMALL = {"units": Widths(4, 8, step=4, depth=(1, 2)), "dropout": Choice(0.0, 0.1)}  # 12 points


class Scored(keras_tuner.HyperModel):
    """Trains nothing: scores are `value(knobs)` at every epoch."""

    def __init__(self, space, value):
        super().__init__()
        self.space, self.value = space, value

    def build(self, hp):
        self.drawn = {name: knob.draw(hp, name) for name, knob in self.space.items()}
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        model.compile("adam", "mse")
        return model

    def fit(self, hp, model, *args, **kwargs):
        found = self.value(self.drawn)
        return found if isinstance(found, dict) else float(found)


def scored(space, value, **arguments):
    settings = {"space": None, "objective": LOW, "max_trials": 12, **arguments}
    return tiny(Scored(space, value), **settings)


def trials_of(folder, name="build_small"):
    """The ledger's own rows."""
    study = optuna.load_study(study_name=name, storage=_ledger.sqlite_url(folder))
    return study.trials


class TestProposals:
    @pytest.mark.parametrize("engine", ["tpe", "random", "grid"])
    def test_a_small_space_is_used_up_and_nothing_is_tried_twice(self, engine):
        study = scored(SMALL, lambda knobs: sum(knobs["units"]), engine=engine, max_trials=40)
        table = study.leaderboard()
        assert len(table) == 12, "2 + 4 tuples of units, each with 2 rates"
        assert study.best_score == 4

    def test_the_grid_has_every_combination_once(self):
        hp = keras_tuner.HyperParameters()
        hypermodel(build_small, SMALL, input_shape=(4,), outputs=3).declare_hyperparameters(hp)
        points = [tuple(sorted(values.items())) for values in grid(hp)]
        assert len(points) == len(set(points)) == 12

    def test_a_width_exists_for_the_sampler_only_where_its_layer_does(self, tmp_path):
        space = {"units": Widths(4, 64, step=4, depth=(1, 3))}
        scored(space, lambda knobs: len(knobs["units"]), max_trials=15, directory=tmp_path)
        for trial in trials_of(tmp_path, "Scored"):
            depth = trial.params["units/depth"]
            assert set(trial.params) == {"units/depth", *(f"units/{i + 1}" for i in range(depth))}

    def test_tpe_learns_where_chance_does_not(self):
        space = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "c": Float(0.0, 1.0)}

        def best(engine, seed):
            distance = lambda knobs: sum((knobs[name] - 0.83) ** 2 for name in space)  # noqa: E731
            return scored(space, distance, engine=engine, max_trials=40, seed=seed).best_score

        wins = sum(best("tpe", seed) < best("random", seed) for seed in range(3))
        assert wins >= 2

    @pytest.mark.parametrize(
        ("knob", "rates"),
        [
            (Float(1e-4, 1e-2, log=True, default=1e-3), [1e-3, 3e-3]),
            (Float(1e-4, 2e-3, log=True, default=1e-3), [1e-3, 2e-3]),  # there is no more
        ],
        ids=["within", "at the edge"],
    )
    def test_tpe_turns_the_learning_rate_first(self, knob, rates):
        space = {"learning_rate": knob, "a": Float(0.0, 1.0, default=0.5)}
        study = scored(space, lambda knobs: 1, engine="tpe", max_trials=len(rates), seed=0)
        table = study.leaderboard().sort_values("trial")
        np.testing.assert_allclose(table["learning_rate"], rates)
        assert set(table["a"]) == {0.5}

    def test_what_the_user_starts_from_comes_before_a_larger_learning_rate(self):
        space = {
            "units": Choice((4,), (8,)),
            "learning_rate": Float(1e-4, 1e-2, log=True, default=1e-3),
        }
        study = tiny(space=space, start_from=[{"learning_rate": 0.005}], max_trials=3, seed=0)
        table = study.leaderboard().sort_values("trial")
        np.testing.assert_allclose(table["learning_rate"], [1e-3, 5e-3, 3e-3])
        assert table["units"].nunique() == 1

    def test_a_study_that_goes_on_starts_from_what_is_given_then(self, tmp_path):
        space = {"units": Choice((4,), (8,)), "dropout": Float(0.0, 0.5)}
        options = {"space": space, "seed": 0, "directory": tmp_path}
        tiny(max_trials=2, **options)
        start = {"units": (8,), "dropout": 0.25}
        table = tiny(max_trials=3, start_from=[start], **options).leaderboard()
        third = table.set_index("trial").loc[3]
        assert (third["units"], third["dropout"]) == ((8,), 0.25)

    @pytest.mark.parametrize("engine", ["cmaes", "gp"])
    def test_an_engine_that_needs_a_package_says_so_or_runs(self, engine):
        package = {"cmaes": "cmaes", "gp": "torch"}[engine]
        space = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}
        try:
            __import__(package)
        except ImportError:
            with pytest.raises(ImportError, match=f"pip install {package}"):
                scored(space, lambda knobs: knobs["a"], engine=engine)
            return
        study = scored(space, lambda knobs: knobs["a"], engine=engine)
        assert len(study.leaderboard()) == 12

    @pytest.mark.parametrize(
        "hp",
        [
            ("Int", 2, 9, {}),
            ("Int", 2, 32, {"step": 2, "sampling": "log"}),
            ("Int", 2, 90, {"sampling": "reverse_log"}),
            ("Float", 0.1, 0.9, {"step": 0.2}),
            ("Float", 0.1, 0.9, {"sampling": "log"}),
            ("Boolean", {}),
            ("Choice", ["a", "b"], {}),
            ("Fixed", 3, {}),
        ],
        ids=str,
    )
    def test_every_kind_of_knob_has_its_distribution(self, hp):
        kind, *arguments, options = hp
        space = keras_tuner.HyperParameters()
        getattr(space, kind)("knob", *arguments, **options)
        (knob,) = space.space
        params, kinds = recorded(space, {"knob": knob.default})
        if kind == "Fixed":
            assert distribution(knob) is None
            assert params == {}
        else:
            assert kinds["knob"]._contains(kinds["knob"].to_internal_repr(params["knob"]))

    def test_the_first_trials_are_the_defaults_then_the_users_own(self):
        space = {
            "units": Widths(4, 8, step=4, depth=(1, 2)),
            "dropout": Float(0.0, 0.5),
            "flag": Boolean(),
            "kind": Choice(None, (1, 2)),
        }

        def build(input_shape, outputs, *, units=(8,), dropout=0.1, flag=True, kind=None):
            return build_small(input_shape, outputs, units=units, dropout=dropout)

        own = [{"units": (8, 4), "kind": (1, 2)}, {"dropout": 0.3, "units": [4]}]
        study = tiny(build, space=space, start_from=own, max_trials=4)
        table = study.leaderboard().set_index("trial")[["units", "dropout", "flag", "kind"]]
        assert tuple(table.loc[1]) == ((8,), 0.1, True, None)
        assert tuple(table.loc[2]) == ((8, 4), 0.1, True, (1, 2))
        assert tuple(table.loc[3]) == ((4,), 0.3, True, None)

    @pytest.mark.parametrize(
        ("start", "error", "text"),
        [
            ([{"dropout": 0.7}], ValueError, r"start_from\[0\]\['dropout'\] must lie in.*0\.5"),
            ([{}, {"units": (5,)}], ValueError, r"start_from\[1\]\['units'\].*nearest is \(4,\)"),
            ([{"drop": 0.2}], ValueError, "Did you mean 'dropout'"),
            ({"dropout": 0.2}, TypeError, "start_from must be a list of dicts"),
        ],
    )
    def test_a_start_outside_the_space_is_an_error(self, start, error, text):
        space = {"units": Widths(4, 8, step=4, depth=(1, 2)), "dropout": Float(0.0, 0.5)}
        with pytest.raises(error, match=text):
            tiny(space=space, start_from=start)

    def test_the_best_of_another_study_is_a_start(self):
        """With its constants, of which another value is an error before any training."""
        space = {"units": (4,), "dropout": Float(0.0, 0.5)}
        old = tiny(space=space, max_trials=1)
        assert set(old.best_arguments) == {"units", "dropout", "seed"}
        start = {**old.best_arguments, "units": [4], "learning_rate": 0.001, "dropout": 0.3}
        table = tiny(space=space, start_from=[start]).leaderboard().set_index("trial")
        assert table.loc[2, "dropout"] == 0.3
        for other in ({"units": (8,)}, {"learning_rate": 0.1}, {"seed": 1}):
            with pytest.raises(ValueError, match=r"must be .*, which is no range.*Leave it out"):
                tiny(space=space, start_from=[{**start, **other}])


class Knobs(keras_tuner.HyperModel):
    """Knobs of every kind, one that only some have, and one that only its fit asks for."""

    def build(self, hp):
        kind = hp.Choice("kind", ["a", "b"])
        hp.Int("units", 4, 8, step=4)
        hp.Float("lr", 1e-4, 1e-1, sampling="log", default=1e-3)
        if kind == "b":
            with hp.conditional_scope("kind", ["b"]):
                hp.Boolean("deep")
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        model.compile("adam", "mse")
        return model


class KnobsOfFit(Knobs):
    def fit(self, hp, model, *args, **kwargs):
        return hp.Choice("size", [1.0, 2.0])


class TestStartOfAHyperModel:
    def test_what_is_missing_takes_its_default(self):
        start = [{"units": np.int64(8)}, {"kind": "b", "deep": True}, {"kind": "a"}]
        study = tiny(KnobsOfFit(), space=None, objective=LOW, start_from=start, max_trials=3)
        table = study.leaderboard().set_index("trial")
        assert set(table["status"]) == {"completed"}
        assert table.loc[2, ["kind", "units", "lr", "size"]].tolist() == ["a", 8, 1e-3, 1.0]
        assert table.loc[3, ["kind", "units", "deep"]].tolist() == ["b", 4, True]

    @pytest.mark.parametrize(
        ("start", "text"),
        [
            ({"units": 999}, r"start_from\[0\]\['units'\] must be a value of Int.*999"),
            ({"units": 6}, r"start_from\[0\]\['units'\]"),
            ({"units": "a"}, r"start_from\[0\]\['units'\]"),
            ({"lr": 1.0}, r"start_from\[0\]\['lr'\]"),
            ({"kind": "c"}, r"start_from\[0\]\['kind'\] must be a value of Choice"),
            ({"kind": "b", "deep": 3}, r"start_from\[0\]\['deep'\]"),
            ({"unit": 4}, r"start_from\[0\] has no argument 'unit'.*Did you mean 'units'"),
        ],
        ids=str,
    )
    def test_another_value_or_name_is_an_error_before_any_training(self, start, text):
        counter = Counter()
        with pytest.raises(ValueError, match=text):
            tiny(Knobs(), y=None, space=None, start_from=[start], callbacks=[counter])
        assert counter.trainings == 0

    def test_a_knob_of_the_fit_is_checked_when_it_is_known(self):
        start = [{"size": 3.0}]
        with pytest.raises(ValueError, match=r"start_from\[0\]\['size'\] must be a value of"):
            tiny(KnobsOfFit(), space=None, objective=LOW, start_from=start)


class Curve(keras.callbacks.Callback):
    """Makes val_loss a given number, whatever the model does: 1 for the first trials, then 9."""

    def __init__(self):
        super().__init__()
        self.trainings = 0

    def on_train_begin(self, logs=None):
        self.trainings += 1

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = 1.0 - 0.01 * epoch if self.trainings < 7 else 9.0


class TestPruning:
    @pytest.fixture(scope="class")
    @staticmethod
    def study(tmp_path_factory):
        return tiny(
            max_trials=8, epochs=6, callbacks=[Curve()], directory=tmp_path_factory.mktemp("p")
        )

    def test_a_trial_worse_than_the_others_ends_early_and_keeps_its_curve(self, study):
        table = study.leaderboard().set_index("trial")
        assert table["status"].tolist().count("pruned") == 2
        pruned = table[table["status"] == "pruned"]
        assert set(pruned["epochs"]) == {3}, "two epochs of warm-up, then the first comparison"
        assert set(pruned["score"]) == {9.0}
        assert pruned["rank"].isna().all()
        assert set(table.loc[1:6, "epochs"]) == {6}
        assert study.best_score == pytest.approx(0.95)

    def test_the_database_says_so_too(self, study):
        states = [trial.state.name for trial in trials_of(study.tuner.directory)]
        assert states == ["COMPLETE"] * 6 + ["PRUNED"] * 2
        assert len(trials_of(study.tuner.directory)[7].intermediate_values) == 3

    def test_without_a_pruner_all_train_on(self):
        study = tiny(max_trials=8, epochs=4, callbacks=[Curve()], pruner="none")
        assert set(study.leaderboard()["epochs"]) == {4}

    def test_the_curves_show_where_it_was_pruned(self, study):
        ax = study.plot_curves()
        lengths = sorted(len(line.get_xdata()) for line in ax.lines if line.get_linestyle() == "-")
        assert lengths == [3, 3, 6, 6, 6, 6, 6, 6]
        assert "pruned" in [text.get_text() for text in ax.get_legend().get_texts()]

    def test_an_ensemble_averages_the_best(self, study):
        oracle = study.tuner.oracle
        pair = [study.tuner.load_model(t, X[:1]) for t in oracle.get_best_trials(2)]
        expected = np.mean([model.predict(X, verbose=0) for model in pair], axis=0)
        together = study.ensemble(2).predict(X, verbose=0)
        np.testing.assert_allclose(together, expected, rtol=1e-5)
        with pytest.raises(ValueError, match="ensemble needs 9 completed trials"):
            study.ensemble(9)


def test_importance_finds_the_knob_that_matters():
    space = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}
    study = scored(space, lambda knobs: 10 * knobs["a"] + 0.01 * knobs["b"], engine="random")
    ax = study.plot_importance()
    names = [label.get_text() for label in ax.get_yticklabels()]
    widths = [bar.get_width() for bar in ax.patches]
    assert names == ["b", "a"]
    assert widths[1] > 0.9
    with pytest.raises(ValueError, match="plot_importance needs 2 completed trials"):
        scored(space, lambda knobs: knobs["a"], max_trials=1).plot_importance()


def test_the_checklist_has_every_knob_that_the_builder_has():
    space = checklist(build_cnn)
    points = "activation dropout batch_norm noise label_smoothing optimizer learning_rate"
    points += " augmentation image_size"
    training = {"batch_size", "epochs", "class_weight", "schedule", "initial_weights"}
    assert set(space) == {*SPACES[build_cnn], *points.split(), *training}
    assert set(checklist(build_small)) == {"dropout", "learning_rate", *training}
    assert not {"label_smoothing", "class_weight"} & set(checklist(build_mlp, task="regression"))
    study = tiny(build_mlp, space=checklist(build_mlp) | {"epochs": 1, "units": (4,)}, max_trials=2)
    assert set(study.leaderboard()["status"]) == {"completed"}
    assert study.objective == "val_accuracy", "label smoothing changes the loss itself"


class TestBudgets:
    def test_a_trial_that_the_time_cuts_is_recorded_as_stopped(self):
        study = tiny(max_trials=50, epochs=10_000, time_budget=1.0)
        assert study.leaderboard()["status"].iloc[-1] == "stopped"
        assert study.best_model().predict(X, verbose=0).shape == (60, 3)

    def test_patience_ends_a_search_that_finds_nothing_better(self):
        study = scored({"a": Int(0, 99, default=0)}, lambda knobs: knobs["a"], patience=3)
        assert len(study.leaderboard()) == 4, "the first is the best there is"

    def test_a_model_that_is_too_large_is_skipped_not_failed(self):
        space = {"units": Choice((4,), (400,), default=(4,)), "dropout": Float(0.0, 0.5)}
        study = tiny(space=space, max_trials=6, max_parameters=100)
        table = study.leaderboard()
        assert set(table["status"]) == {"completed", "skipped"}
        assert table[table["status"] == "skipped"]["parameters"].min() == 4 * 400 + 400 + 1203
        assert study.failures == {}
        assert study.best_arguments["units"] == (4,)

    @pytest.mark.parametrize("limit", [{"max_parameters": 1}, {"max_latency": 1e-6}])
    def test_where_all_are_skipped_the_study_says_so(self, limit, capsys):
        study = tiny(max_trials=2, **limit)
        assert capsys.readouterr() == ("", "")
        table = study.leaderboard()
        (name, value), *_ = limit.items()
        assert table["status"].tolist() == ["skipped"] * 2
        assert table["error"].str.contains(f"^{name[4:]} .*, more than {name}={value}$").all()
        assert table["epochs"].tolist() == [0, 0]
        assert study.failures == {}
        start = f"Study of build_small: no trial completed; 2 skipped: {table['error'].iloc[-1]}"
        assert repr(study) == start
        assert "more than" in study._repr_html_()
        with pytest.raises(RuntimeError, match="no trial completed; 2 skipped"):
            study.best_model()

    def test_only_the_best_weights_stay_on_disk(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tuning.tuner.KEEP", 2)
        study = tiny(max_trials=4, directory=tmp_path)
        kept = {int(path.parent.name[6:]) + 1 for path in tmp_path.rglob("*.weights.h5")}
        assert kept == set(study.leaderboard()["trial"][:2])

    @pytest.mark.parametrize(
        "bad",
        [{"patience": 0}, {"max_parameters": 0}, {"pruner": "mean"}, {"storage": "study.db"}],
        ids=str,
    )
    def test_bad_budgets_are_errors(self, bad):
        with pytest.raises(ValueError, match=next(iter(bad))):
            tiny(**bad)

    def test_keras_tuners_engines_say_what_they_cannot(self):
        with pytest.raises(ValueError, match="max_parameters needs one of Optuna's engines"):
            tiny(engine="keras-random", max_parameters=5)


class TestStorage:
    def test_the_same_trials_in_a_database_of_the_users_own(self, tmp_path):
        url = f"sqlite:///{tmp_path / 'mine.db'}"
        ours = scored(SMALL, lambda knobs: sum(knobs["units"]), max_trials=6)
        theirs = scored(
            SMALL, lambda knobs: sum(knobs["units"]), max_trials=6, storage=url, name="mine"
        )
        assert optuna.get_all_study_names(url) == ["mine"]
        assert ours.leaderboard().equals(theirs.leaderboard())

    def test_one_name_for_two_spaces_is_an_error(self, tmp_path):
        url = f"sqlite:///{tmp_path / 'mine.db'}"
        tiny(max_trials=1, storage=url)
        with pytest.raises(ValueError, match="study has another units"):
            tiny(space={"units": (3,)}, max_trials=1, storage=url)
        tiny(space={"units": (3,)}, max_trials=1, storage=url, overwrite=True)
        assert len(optuna.load_study(study_name="build_small", storage=url).trials) == 1

    def test_named_studies_in_one_folder_keep_their_own_weights(self, tmp_path):
        """Also where a second of another space comes between, and where one starts anew."""
        spaces = {name: {"units": (width,)} for name, width in (("one", 4), ("two/3", 6))}
        again = {"directory": tmp_path, "max_trials": 1, "epochs": 1}
        first = {name: tiny(name=name, space=spaces[name], **again) for name in spaces}
        expected = first["one"].best_model().predict(X, verbose=0)
        tiny(name="two/3", space=spaces["two/3"], overwrite=True, **again)
        counter = Counter()
        resumed = tiny(name="one", space=spaces["one"], callbacks=[counter], **again)
        assert counter.trainings == 0
        np.testing.assert_array_equal(resumed.best_model().predict(X, verbose=0), expected)
        assert optuna.get_all_study_names(_ledger.sqlite_url(tmp_path)) == ["one", "two/3"]
        assert len({path.parent for path in tmp_path.rglob("*.weights.h5")}) == 2

    def test_the_builders_own_name_is_none(self, tmp_path):
        """And one study that was begun when named ones shared the folder goes on in it."""
        for name in (None, "build_small"):
            study = tiny(name=name, directory=tmp_path, max_trials=1)
            assert Path(study.tuner.project_dir) == tmp_path / "trials"
        about = tmp_path / "study.json"
        about.write_text(json.dumps(study.description))
        old = tiny(name="old", directory=tmp_path, max_trials=1)
        assert Path(old.tuner.project_dir) == tmp_path / "trials"
        assert json.loads(about.read_text())["name"] == "old"
        with pytest.raises(ValueError, match="another name"):
            tiny(directory=tmp_path, max_trials=1)
        assert len(tiny(name="build_small", directory=tmp_path, max_trials=1).leaderboard()) == 1

    def test_weights_of_an_earlier_call_without_a_folder_are_gone_and_it_says_so(self, tmp_path):
        again = {"storage": f"sqlite:///{tmp_path / 'mine.db'}", "max_trials": 2}
        tiny(**again)
        study = tiny(**again)
        best = study.leaderboard()["trial"][0]
        for ask in (study.best_model, lambda: study.ensemble(2), lambda: study.model(best)):
            with pytest.raises(FileNotFoundError, match=rf"trial {best} must.*Give directory=.*"):
                ask()
        study = tiny(**again, directory=tmp_path / "other")
        with pytest.raises(FileNotFoundError, match=r"another folder than.*other"):
            study.best_model()
        assert study.code().startswith("build_small(")

    @pytest.mark.parametrize("name", ["", 3])
    def test_a_name_is_text(self, name):
        with pytest.raises(TypeError, match="name must be a name"):
            tiny(name=name)

    def test_a_password_is_never_shown(self, capsys, monkeypatch):
        url = "postgresql+nothing://me:secret@localhost/studies"
        with pytest.raises(Exception) as caught:
            tiny(storage=url)
        assert isinstance(caught.value, ValueError)
        assert "secret" not in str(caught.value)
        assert "***" in _ledger.shown("mysql://me:secret@host/x")

    def test_a_database_that_cannot_be_opened(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ValueError, match="storage must be a database that can be reached"):
            tiny(storage=f"sqlite:///{tmp_path / 'file' / 'x.db'}")

    def test_a_database_that_is_away_for_a_while_is_waited_for(self, monkeypatch):
        from sqlalchemy.exc import OperationalError

        calls = []

        def call():
            calls.append(1)
            if len(calls) < 3:
                raise OperationalError("select", {}, Exception("gone"))
            return "back"

        assert _ledger.patiently(call) == "back"
        monkeypatch.setattr(_ledger, "PATIENCE", 0)
        calls.clear()
        with pytest.raises(OperationalError):
            _ledger.patiently(call)


# --- killed, and not alone ------------------------------------------------------------------------

# One process that has imported everything, from which the others are forked.
FORKS = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
FORKS.set_forkserver_preload(["tests.test_tuning_engines"])


def search_there(folder, several, ready):
    ready.set()
    run_here(folder, several, seconds=0.1)


def start(folder, several=False):
    """A process that searches in a folder; returns when it is about to begin."""
    ready = FORKS.Event()
    process = FORKS.Process(target=search_there, args=(folder, several, ready), daemon=True)
    process.start()
    assert ready.wait(300)  # everything is imported once
    return process


def ended_in(folder):
    """Trials that have ended; none where the study is not there yet."""
    if not (Path(folder) / "study.db").exists():
        return 0
    try:
        return sum(trial.state.name == "COMPLETE" for trial in trials_of(folder, "Scored"))
    except Exception:
        return 0


def run_here(folder=None, several=False, seconds=0.0):
    space = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}
    high = keras_tuner.Objective("high", "max")

    def value(knobs):
        time.sleep(seconds)
        low = (knobs["a"] - 0.3) ** 2
        return {LOW.name: low, high.name: knobs["a"] - knobs["b"]} if several else low

    return search(
        Scored(space, value),
        np.zeros((8, 4)),
        objective=[LOW, high] if several else LOW,
        max_trials=12,
        seed=0,
        directory=folder,
        verbose=False,
    )


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.processes
@pytest.mark.parametrize("several", [False, True], ids=["one objective", "several"])
def test_killed_at_any_moment_it_goes_on_as_if_it_had_not_been(several, tmp_path):
    for trials, seconds in ((1, 0.0), (4, 0.05), (7, 0.13)):
        process = start(tmp_path, several)
        while ended_in(tmp_path) < trials:
            time.sleep(0.05)
        time.sleep(seconds)
        process.kill()
        process.join()
    study = run_here(tmp_path, several)
    table, unbroken = study.leaderboard(), run_here(None, several).leaderboard()
    assert table.drop(columns="seconds", errors="ignore").equals(
        unbroken.drop(columns="seconds", errors="ignore")
    )
    rows = trials_of(tmp_path, "Scored")
    ended = [t for t in rows if t.state.name == "COMPLETE"]
    assert sorted(t.user_attrs["place"] for t in ended) == list(range(12))
    assert len(rows) - len(ended) <= 3, "one for each kill at most"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.processes
def test_two_processes_on_one_folder_share_the_trials(tmp_path):
    both = [start(tmp_path) for _ in range(2)]
    for process in both:
        process.join(300)
        assert process.exitcode == 0
    rows = [t for t in trials_of(tmp_path, "Scored") if t.state.name == "COMPLETE"]
    assert sorted(t.user_attrs["place"] for t in rows) == list(range(12))
    assert len({t.params["a"] for t in rows}) == 12
    assert len({t.user_attrs["worker"] for t in rows}) == 2


def in_ledger(folder):
    return _ledger.Ledger(_ledger.sqlite_url(folder), "x", "min", {"space": "1"})


class TestLedger:
    def test_of_two_claims_on_one_place_the_earlier_counts(self, tmp_path):
        one, two = in_ledger(tmp_path), in_ledger(tmp_path)
        assert one.claim(0, {"a": 1}, {}, {}) is not None
        assert two.claim(0, {"a": 2}, {}, {}) is None
        assert two.claim(1, {"a": 1}, {}, {}) is None, "the same knobs"
        assert two.claim(1, {"a": 2}, {}, {}) is not None
        assert {p: t.user_attrs["values"] for p, t in one.places().items()} == {
            0: {"a": 1},
            1: {"a": 2},
        }
        one.close()
        two.close()

    def test_killed_between_a_result_and_its_end_a_trial_has_ended(self, tmp_path, monkeypatch):
        one, two = in_ledger(tmp_path), in_ledger(tmp_path)
        trial = one.claim(0, {"a": 1}, {}, {})

        def killed(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(one.storage, "set_trial_state_values", killed)
        with pytest.raises(KeyboardInterrupt):
            one.finish(trial, "COMPLETE", [0.5], {"status": "COMPLETED"})
        assert two.trial(trial).state.name == "RUNNING"
        two.bury()
        assert (two.trial(trial).state.name, two.trial(trial).values) == ("COMPLETE", [0.5])
        assert set(two.places()) == {0}
        assert two.deaths() == {}
        for ledger in (one, two):
            ledger.close()

    def test_workers_that_lose_a_place_spread(self, tmp_path, monkeypatch):
        settings = {"max_trials": 6, "epochs": 1, "pruner": "none", "seed": 0}
        oracle = OptunaOracle("random", LOW, ledger=in_ledger(tmp_path), **settings)
        oracle.hyperparameters.Float("a", 0.0, 1.0)
        tried = []

        def lost(place, *args):
            tried.append(place)
            if len(tried) == 5:
                oracle.stop()

        monkeypatch.setattr(oracle, "_claim", lost)
        monkeypatch.setattr(SystemRandom, "randrange", lambda self, stop: stop - 1)
        assert oracle.create_trial("worker").status == "STOPPED"
        assert tried == [0, 1, 3, 5, 5], "of ever more places, but of no more than there are"
        oracle.close()

    def test_a_silent_trial_is_taken_over_and_its_late_result_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_ledger, "GRACE", 3)
        monkeypatch.setattr(_ledger, "BEAT", 100)
        one, two = in_ledger(tmp_path), in_ledger(tmp_path)
        trial = one.claim(0, {"a": 1}, {}, {})
        two.bury()
        assert set(two.places()) == {0}, "alive"
        time.sleep(4.2)
        two.bury()
        assert two.places() == {}
        assert two.deaths() == {0: ({"a": 1}, 1)}
        with pytest.raises(_ledger.LostError):
            one.report(trial, 0, 1.0)
        with pytest.raises(_ledger.LostError):
            one.finish(trial, "COMPLETE", [1.0], {})
        for ledger in (one, two):
            ledger.close()

    def test_a_beating_heart_keeps_a_long_trial(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_ledger, "GRACE", 3)  # a busy machine may miss a beat or two
        monkeypatch.setattr(_ledger, "BEAT", 1)
        one, two = in_ledger(tmp_path), in_ledger(tmp_path)
        one.claim(0, {"a": 1}, {}, {})
        time.sleep(4.5)
        two.bury()
        assert set(two.places()) == {0}
        for ledger in (one, two):
            ledger.close()

    @pytest.mark.processes
    def test_a_trial_that_keeps_killing_its_process_is_given_up(self, tmp_path):
        space = {"a": Int(0, 9)}
        settings = {"space": None, "objective": LOW, "max_trials": 2, "directory": tmp_path}
        scored(space, lambda knobs: knobs["a"], max_trials=1, directory=tmp_path)
        ledger_of = _ledger.Ledger
        monkey = pytest.MonkeyPatch()
        dead = {1: ({"a": 7}, _ledger.DEATHS)}
        monkey.setattr(ledger_of, "deaths", lambda self, trials: dead)
        try:
            study = tiny(Scored(space, lambda knobs: knobs["a"]), **settings)
        finally:
            monkey.undo()
        assert "process died 10 times" in study.failures[2]


def test_an_interrupted_trial_is_begun_again_in_the_same_process(tmp_path):
    calls = []

    def interrupt(knobs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return knobs["a"]

    space = {"a": Float(0.0, 1.0)}
    with pytest.raises(KeyboardInterrupt):
        scored(space, interrupt, max_trials=4, directory=tmp_path)
    study = scored(space, interrupt, max_trials=4, directory=tmp_path)
    whole = scored(space, lambda knobs: knobs["a"], max_trials=4)
    assert study.leaderboard().equals(whole.leaderboard())


def hold(folder, ready):
    from tuning.oracle import lock

    held = lock(Path(folder, "lock"))
    ready.set()
    time.sleep(30)
    held.close()


@pytest.mark.skipif(os.name != "posix", reason="flock")
def test_keras_tuners_engines_refuse_a_second_process(tmp_path):
    ready = FORKS.Event()
    process = FORKS.Process(target=hold, args=(tmp_path, ready), daemon=True)
    process.start()
    assert ready.wait(300)  # everything is imported once
    with pytest.raises(ValueError, match="another process is searching"):
        tiny(engine="keras-random", directory=tmp_path)
    process.kill()
    process.join()
    assert len(tiny(engine="keras-random", directory=tmp_path).leaderboard()) == 2


def test_no_space_is_a_study_of_one_trial():
    study = tiny(build_picky, y=None, space={"width": 4}, max_trials=3)
    assert len(study.leaderboard()) == 1
