"""Several objectives and limits of size and speed: `objective=[...]`, `max_latency`."""

import keras
import keras_tuner
import numpy as np
import optuna
import pytest

from recipes import batches
from tests.test_tuning_search import X, Y, build_small, tiny
from tuning import Choice, Float, _ledger
from tuning._fronts import front_of
from tuning._latency import latency

SMALL, LARGE = keras_tuner.Objective("small", "min"), keras_tuner.Objective("large", "max")
SPACE = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}


MODEL = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
MODEL.compile("adam", "mse")


class Valley(keras_tuner.HyperModel):
    """Trains nothing: one number is best at a = 0, the other at a = 1, both at b = 0."""

    def __init__(self, interrupted=None):
        super().__init__(name="Valley")
        self.fits, self.interrupted = 0, interrupted

    def build(self, hp):
        self.drawn = {name: knob.draw(hp, name) for name, knob in SPACE.items()}
        return MODEL

    def fit(self, hp, model, *args, **kwargs):
        self.fits += 1
        if self.fits == self.interrupted:
            raise KeyboardInterrupt
        a, b = self.drawn["a"], self.drawn["b"]
        return {"small": a**2 + b, "large": a - b}


def valley(build=None, **arguments):
    settings = {"space": None, "objective": [SMALL, LARGE], "max_trials": 16, **arguments}
    return tiny(build or Valley(), **settings)


@pytest.fixture(scope="module")
def study():
    return valley()


class TestFront:
    def test_has_the_trials_that_no_other_beats(self, study):
        table, front = study.leaderboard(), study.pareto()
        for _, row in table.iterrows():
            better = table[(table["score"] <= row["score"]) & (table["large"] >= row["large"])]
            beaten = ((better["score"] < row["score"]) | (better["large"] > row["large"])).any()
            assert row["pareto"] == (not beaten)
        assert front["trial"].tolist() == table[table["pareto"]]["trial"].tolist()
        assert 1 < len(front) < len(table)
        assert front["score"].is_monotonic_increasing
        assert front["large"].is_monotonic_increasing
        assert study.best_score == front["score"].iloc[0] == table["score"].iloc[0]

    def test_is_told_in_the_studys_own_words(self, study):
        assert f"{len(study.pareto())} on the Pareto front of small, large" in repr(study)
        assert study.objectives == ["small", "large"]
        assert len(study.tuner.oracle.seen.directions) == 2

    def test_equal_trials_are_all_kept(self, study):
        best = study.tuner.best_trial()
        objectives = study.tuner.oracle.objectives
        assert front_of([best, best], objectives) == [best, best]

    def test_patience_counts_from_the_last_that_joined_it(self):
        study = valley(patience=4, max_trials=60)
        table = study.leaderboard()
        assert len(table) < 60
        assert len(table) == study.pareto()["trial"].max() + 4


def test_tpe_spreads_along_the_front_where_chance_does_not(study):
    def area(study):
        """Between the front and the worst corner, (2, -1)."""
        front = study.pareto().sort_values("score")
        widths = np.diff([*front["score"], 2.0])
        return float((widths * (front["large"] + 1)).sum())

    assert area(valley(max_trials=24)) > area(valley(max_trials=24, engine="random"))


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(study, tmp_path):
    for interrupted in (3, 4):
        with pytest.raises(KeyboardInterrupt):
            valley(Valley(interrupted), directory=tmp_path)
    again = valley(directory=tmp_path)
    assert again.leaderboard().equals(study.leaderboard())
    rows = optuna.load_study(study_name="Valley", storage=_ledger.sqlite_url(tmp_path))
    done = {t.user_attrs["place"]: t.values for t in rows.trials if t.state.name == "COMPLETE"}
    assert len(done) == 16
    assert len(rows.best_trials) == len(study.pareto())
    assert rows.metric_names == ["small", "large"]
    with pytest.raises(ValueError, match="another objective"):
        valley(objective=SMALL, directory=tmp_path)


class TestSize:
    """A score and the model's size, with real trainings."""

    SPACE = {"units": Choice((4,), (16,), (32, 32), (2,))}

    @pytest.fixture(scope="class")
    @staticmethod
    def study(tmp_path_factory):
        return tiny(
            space=TestSize.SPACE,
            objective=["val_loss", "parameters", "latency"],
            max_trials=4,
            max_parameters=1000,
            engine="grid",
            directory=tmp_path_factory.mktemp("size"),
        )

    def test_the_smallest_model_is_on_the_front_and_the_largest_was_skipped(self, study):
        front, table = study.pareto(), study.leaderboard().set_index("trial")
        done = table[table["status"] == "completed"]
        assert front["parameters"].min() == done["parameters"].min() == 2 * 4 + 2 + 2 * 3 + 3
        skipped = table[table["status"] == "skipped"]
        assert skipped["units"].tolist() == [(32, 32)]
        assert "parameters 1,315, more than max_parameters=1,000" in skipped["error"].iloc[0]
        assert (table["latency"] > 0).all()

    def test_every_model_of_the_front_can_be_had(self, study):
        for trial, units, size in study.pareto()[["trial", "units", "parameters"]].values:
            assert study.model(trial).count_params() == size
            assert study.code(trial) == f"build_small((4,), 3, units={units}, seed=0)"
        skipped = study.leaderboard().set_index("status").loc["skipped", "trial"]
        with pytest.raises(ValueError, match="trial must be one of the best 5 or of the Pareto"):
            study.model(skipped)
        with pytest.raises(ValueError, match="trial must be one of 1 to 4"):
            study.code(5)

    def test_its_pictures(self, study, tmp_path):
        assert study.plot_pareto().get_xlabel() == "parameters"
        assert study.plot_pareto(against="latency").get_xlabel() == "latency in milliseconds"
        with pytest.raises(ValueError, match="against must be one of"):
            study.plot_pareto(against="size")
        text = study.report(tmp_path / "study.html").read_text()
        assert "Compromises" in text


def test_folds_have_several_objectives_too():
    space = {"units": Choice((2,), (4,))}
    study = tiny(space=space, folds=2, objective=["val_loss", "parameters"], engine="grid")
    table = study.leaderboard()
    assert set(table["status"]) == {"completed"}
    assert table["folds"].tolist() == [2, 2]
    assert table["epochs"].tolist() == [2, 2], "one in each fold"
    assert table.set_index("units").loc[[(2,), (4,)], "parameters"].tolist() == [19, 35]
    assert study.pareto()["parameters"].min() == 19


def build_slow(input_shape, outputs, *, slow=False):
    model = keras.Sequential([keras.Input(input_shape)])
    for _ in range(2 if slow else 0):
        model.add(keras.layers.Dense(4000, kernel_initializer="zeros"))
    model.add(keras.layers.Dense(outputs, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_a_model_that_is_too_slow_is_skipped_not_failed():
    quick, slow = (latency(build_slow((4,), 3, slow=slow), X) for slow in (False, True))
    assert 0 < quick < slow
    limit = (quick * slow) ** 0.5
    feed = {"x": batches(X, Y, 20), "y": None, "validation": (X, Y), "outputs": 3}
    study = tiny(build_slow, space={"slow": Choice(False, True)}, max_latency=limit, **feed)
    table = study.leaderboard().set_index("slow")
    assert table["status"].to_dict() == {False: "completed", True: "skipped"}
    assert table.loc[False, "latency"] < limit < table.loc[True, "latency"]
    assert study.failures == {}
    assert "more than max_latency=" in table.loc[True, "error"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": []}, "objective must name at least one"),
        ({"objective": ["val_loss", "val_loss"]}, "objective must name each one once"),
        ({"objective": ["parameters", "val_loss"]}, r"Did you mean \['val_loss', 'parameters'\]"),
        ({"objective": "latency"}, r"Did you mean \['val_loss', 'latency'\]"),
        ({"objective": ["val_loss", "size"]}, "objective must be one of .*'parameters'"),
        ({"pruner": "median"}, "pruner must be one of None, 'none' with several objectives"),
        ({"engine": "cmaes"}, "engine must be one of .* with several objectives"),
        ({"engine": "keras-random"}, "objective needs one of Optuna's engines"),
        ({"objective": None, "max_latency": 0}, "max_latency must be greater than 0"),
        ({"objective": None, "max_latency": 5, "engine": "keras-grid"}, "max_latency needs one"),
    ],
    ids=str,
)
def test_combinations_that_cannot_be(given, message, tmp_path):
    settings = {"objective": ["val_loss", "parameters"], "directory": tmp_path, **given}
    with pytest.raises(ValueError, match=message):
        tiny(build_small, **settings)
    assert not list(tmp_path.iterdir())


def test_one_objective_has_no_front():
    study = tiny(Valley(), space=None, objective=SMALL, max_trials=1)
    for call in (study.pareto, study.plot_pareto):
        with pytest.raises(ValueError, match=r"needs several objectives\. Received: 'small' alone"):
            call()
    missing = [SMALL, keras_tuner.Objective("missing", "min")]
    with pytest.raises(RuntimeError, match="missing, one of the objectives, was not reported"):
        tiny(Valley(), space=None, objective=missing, max_trials=1)


def test_one_in_a_list_is_one():
    study = tiny(Valley(), space=None, objective=[SMALL], max_trials=2)
    assert study.objectives == ["small"]
    assert "pareto" not in study.leaderboard()
