"""A study in PostgreSQL: a real server, which goes away, and processes that share it."""

import os
import threading
import time

import keras_tuner
import numpy as np
import optuna
import pytest

from tests.postgresql import PASSWORD, postgresql  # noqa: F401 - a fixture
from tests.test_tuning_engines import FORKS, SMALL, scored
from tests.test_tuning_search import tiny
from tests.test_tuning_workers import slow_model
from tuning import _database, _ledger, search

LOW = keras_tuner.Objective("a", "min")

# One server for all of them.
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("postgresql")]


def search_there(url, folder, name, trials=16):
    return search(
        slow_model(0.2),
        np.zeros((8, 4)),
        objective=LOW,
        max_trials=trials,
        seed=0,
        storage=url,
        name=name,
        directory=folder,
        verbose=False,
    )


def rows(url, name):
    return optuna.load_study(study_name=name, storage=_database._with_driver(url)).trials


def test_the_same_trials_as_in_sqlite(postgresql):  # noqa: F811
    def value(knobs):
        return sum(knobs["units"])

    ours = scored(SMALL, value, max_trials=8)
    theirs = scored(SMALL, value, max_trials=8, storage=postgresql.url, name="same")
    assert ours.leaderboard().equals(theirs.leaderboard())
    assert "postgresql" in theirs.tuner.oracle.ledger.shown
    with pytest.raises(ValueError, match="study has another") as caught:
        tiny(max_trials=1, storage=postgresql.url, name="same")
    assert PASSWORD not in str(caught.value)


def test_two_machines_share_the_trials_and_one_may_be_killed(postgresql, tmp_path):  # noqa: F811
    """Two processes with folders of their own, as on two machines."""
    both = [
        FORKS.Process(
            target=search_there, args=(postgresql.url, tmp_path / str(i), "two"), daemon=True
        )
        for i in range(2)
    ]
    for process in both:
        process.start()
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        try:
            found = rows(postgresql.url, "two")
        except KeyError:  # not begun yet
            found = []
        if len({trial.user_attrs["worker"] for trial in found}) == 2:
            break
        time.sleep(0.1)
    both[0].kill()
    both[1].join(200)
    assert both[1].exitcode == 0
    found = rows(postgresql.url, "two")
    ended = [trial for trial in found if trial.state.name == "COMPLETE"]
    assert sorted(trial.user_attrs["place"] for trial in ended) == list(range(16))
    assert len({trial.params["a"] for trial in ended}) == 16
    assert len(found) - len(ended) <= 3, "the killed one, and races for a place"


def test_a_server_that_is_away_for_a_while_is_waited_for(postgresql, tmp_path):  # noqa: F811
    def away():
        while not two_ended():
            time.sleep(0.05)
        postgresql.stop()
        time.sleep(1)
        postgresql.start()

    def two_ended():
        try:
            return sum(t.state.name == "COMPLETE" for t in rows(postgresql.url, "away")) > 1
        except KeyError:
            return False

    thread = threading.Thread(target=away)
    thread.start()
    study = search_there(postgresql.url, tmp_path, "away", trials=6)
    thread.join()
    assert study.leaderboard()["status"].tolist() == ["completed"] * 6
    found = rows(postgresql.url, "away")
    ended = [trial.user_attrs["place"] for trial in found if trial.state.name == "COMPLETE"]
    assert sorted(ended) == list(range(6))


def test_a_password_is_never_shown(postgresql, tmp_path, capfd):  # noqa: F811
    url = postgresql.url
    study = tiny(storage=url, name="shown", directory=tmp_path, max_trials=1, verbose=True)
    with pytest.raises(ValueError, match="password authentication failed") as caught:
        tiny(storage=url.replace(PASSWORD, "wrong-guess"), name="shown")
    assert "wrong-guess" not in str(caught.value)
    with pytest.raises(ValueError, match="storage must be a database that can be reached"):
        tiny(storage=url.replace(str(postgresql.port), "1"), name="shown")
    out = "".join(capfd.readouterr()) + repr(study) + study._repr_html_()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(PASSWORD.encode() not in path.read_bytes() for path in files)
    assert PASSWORD not in out
    assert "***" in _ledger.shown(url)


def test_the_server_listens_on_loopback_only(postgresql):  # noqa: F811
    assert os.stat(postgresql.folder / "data").st_uid != 0
    assert "127.0.0.1" in postgresql.url
