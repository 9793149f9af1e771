"""What happens around a search: databases and disks that fail, memory that ends, other versions."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import pytest

from tests.test_tuning_engines import in_ledger
from tests.test_tuning_search import Counter, Numbers, X, tiny
from tests.test_tuning_traps import LOW
from tuning import Choice, _database, _faults, _ledger, _workers
from tuning.optuna_oracle import OptunaOracle

POSIX = pytest.mark.skipif(os.name != "posix", reason="moves and locks files that are open")


def later(seconds, call, *args):
    timer = threading.Timer(seconds, call, args)
    timer.start()
    return timer


@POSIX
class TestDatabase:
    def test_a_file_that_is_moved_away_is_waited_for_and_not_made_anew(self, tmp_path):
        ledger = in_ledger(tmp_path)
        trial = ledger.claim(0, {"a": 1}, {}, {})
        ledger.storage.engine.dispose()
        away = tmp_path / "away"
        away.mkdir()
        for path in tmp_path.glob("study.db*"):
            shutil.move(path, away)

        def back():
            assert not (tmp_path / "study.db").exists()
            for path in away.glob("study.db*"):
                shutil.move(path, tmp_path)

        timer = later(0.5, back)
        ledger.report(trial, 0, 1.5)
        assert not timer.is_alive()
        assert ledger.trial(trial).intermediate_values == {0: 1.5}
        ledger.close()

    def test_a_lock_that_somebody_holds_is_waited_for(self, tmp_path):
        ledger = in_ledger(tmp_path)
        trial = ledger.claim(0, {"a": 1}, {}, {})
        other = sqlite3.connect(
            tmp_path / "study.db", isolation_level=None, check_same_thread=False
        )
        other.execute("BEGIN EXCLUSIVE")
        timer = later(0.5, other.execute, "COMMIT")
        start = time.monotonic()
        ledger.report(trial, 0, 1.5)
        assert time.monotonic() - start > 0.4
        timer.join()
        other.close()
        ledger.close()

    def test_it_says_that_it_waits_and_in_the_end_what_to_do(self, tmp_path, monkeypatch):
        ledger = in_ledger(tmp_path)
        trial = ledger.claim(0, {"a": 1}, {}, {})
        ledger.heart.stop()
        ledger.storage.engine.dispose()
        (tmp_path / "study.db").unlink()
        monkeypatch.setattr(_ledger, "TELL", 0)
        monkeypatch.setattr(_ledger, "PATIENCE", 0.3)
        with (
            pytest.warns(RuntimeWarning, match="does not answer; waiting up to.*is gone"),
            pytest.raises(Exception) as caught,
        ):
            ledger.report(trial, 0, 1.5)
        assert any("the same call goes on" in note for note in caught.value.__notes__)
        _ledger._living.discard(ledger.worker)

    def test_a_claim_whose_answer_was_lost_is_taken_up(self, tmp_path, monkeypatch):
        from sqlalchemy.exc import OperationalError

        ledger = in_ledger(tmp_path)
        create, calls = ledger.storage.create_new_trial, []

        def lossy(*args, **kwargs):
            made = create(*args, **kwargs)
            calls.append(made)
            if len(calls) == 1:
                raise OperationalError("commit", {}, Exception("connection lost"))
            return made

        monkeypatch.setattr(ledger.storage, "create_new_trial", lossy)
        assert ledger.claim(0, {"a": 1}, {}, {}) == calls[0]
        assert len(ledger.places()) == 1
        assert ledger.claim(1, {"a": 2}, {}, {}) == calls[2]
        ledger.close()


class TestRemote:
    """Another machine's processes cannot be seen, only their signs of life."""

    def test_one_that_died_before_its_first_sign_of_life_is_found(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_ledger, "GRACE", 1)
        monkeypatch.setattr(_ledger, "BEAT", 100)
        one, two = in_ledger(tmp_path), in_ledger(tmp_path)
        one.worker = "another machine|1|1"
        monkeypatch.setattr(one.heart, "beat_for", lambda trial: None)
        one.claim(0, {"a": 1}, {}, {})
        deadline = time.monotonic() + 10
        while 0 in two.places() and time.monotonic() < deadline:
            two.bury()
            time.sleep(0.3)
        assert two.deaths() == {0: ({"a": 1}, 1)}
        for ledger in (one, two):
            ledger.close()


class TestVersions:
    def test_a_study_of_other_versions_says_so(self, tmp_path, monkeypatch):
        here = _faults.versions()
        assert set(here) == {"keras", "keras_tuner", "optuna", keras.backend.backend()}
        in_ledger(tmp_path).close()
        monkeypatch.setattr(_faults, "versions", lambda: {**here, "keras": "9.9.9"})
        with pytest.warns(UserWarning, match=rf"keras {here['keras']}, here 9\.9\.9\. Scores"):
            in_ledger(tmp_path).close()

    def test_tables_of_another_optuna_are_one_clear_error(self, tmp_path):
        in_ledger(tmp_path).close()
        with contextlib.closing(sqlite3.connect(tmp_path / "study.db")) as file:
            file.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
            file.commit()
        with pytest.raises(ValueError, match="storage must be a database of the Optuna that is"):
            in_ledger(tmp_path)


def build_wide(input_shape, *, width=2, seed=None):
    model = keras.Sequential([keras.Input(input_shape)])
    zeros = keras.initializers.Zeros()
    model.add(keras.layers.Dense(width, kernel_initializer=zeros))
    model.add(keras.layers.Dense(4, kernel_initializer=zeros))
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def wide(*widths, **arguments):
    space = {"width": Choice(*widths)}
    settings = {"space": space, "engine": "grid", "max_trials": len(widths), **arguments}
    return tiny(build_wide, X, None, **settings)


def test_out_of_memory_is_a_failed_trial_that_keeps_its_traceback():
    study = wide(2, 10**15, 3)
    table = study.leaderboard().set_index("width")
    assert table["status"].to_dict() == {2: "completed", 3: "completed", 10**15: "failed"}
    (message,) = study.failures.values()
    assert "Traceback" in message
    assert any(word in message.lower() for word in ("memory", "oom", "exhausted", "allocate"))


class TestDisk:
    def test_a_full_disk_ends_the_search_and_the_same_call_goes_on(self, tmp_path, monkeypatch):
        save, full = keras.Model.save_weights, []

        def half(self, path, *args, **kwargs):
            if self.layers[0].units == 3 and not full:
                full.append(path)
                Path(path).write_bytes(b"half")
                raise OSError(errno.ENOSPC, "No space left on device")
            return save(self, path, *args, **kwargs)

        monkeypatch.setattr(keras.Model, "save_weights", half)
        with pytest.raises(RuntimeError, match=r"The disk is full; trials are kept in.*goes on"):
            wide(2, 3, 4, directory=tmp_path)
        assert not Path(full[0]).exists()
        study = wide(2, 3, 4, directory=tmp_path)
        assert study.leaderboard()["status"].tolist() == ["completed"] * 3
        assert study.best_model().predict(X, verbose=0).shape == X.shape

    @pytest.mark.processes
    # h5py closes its half of a file when it is collected, and cannot.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_on_a_disk_that_is_really_full(self, tmp_path):
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no right to mount a small disk")
        try:
            with pytest.raises(RuntimeError, match="The disk is full"):
                wide(2, 400_000, 3, directory=disk)
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            study = wide(2, 400_000, 3, directory=disk)
            assert study.leaderboard()["status"].tolist() == ["completed"] * 3
            assert study.best_model().predict(X, verbose=0).shape == X.shape
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)


class Broken(keras.callbacks.Callback):
    """Fails until it is mended."""

    mended = False

    def on_epoch_end(self, epoch, logs=None):
        if not self.mended:
            raise OSError("log server not reachable")


class TestMendedBug:
    @pytest.mark.parametrize("engine", ["grid", "tpe", "keras-random", "keras-hyperband"])
    def test_the_same_call_tries_again_what_failed(self, engine, tmp_path):
        broken = Broken()
        again = {"engine": engine, "directory": tmp_path, "callbacks": [broken], "max_trials": 4}
        for _ in range(2):
            with pytest.raises(RuntimeError, match="all failed, 3 of them"):
                tiny(**again)
        broken.mended = True
        table = tiny(**again).leaderboard()
        assert table["status"].tolist() == ["completed"] * 4
        fresh = tiny(engine=engine, max_trials=4).leaderboard()
        columns = ["trial", "units", "learning_rate"]
        assert table.sort_values("trial")[columns].equals(fresh.sort_values("trial")[columns])

    def test_where_one_works_what_failed_stays(self, tmp_path):
        first = wide(2, 10**15, 3, directory=tmp_path).leaderboard()
        assert wide(2, 10**15, 3, directory=tmp_path).leaderboard().equals(first)

    def test_folds_of_a_failed_trial_train_again(self, tmp_path):
        broken, folder = Broken(), tmp_path
        fits = []

        class Second(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                fits.append(1)
                broken.mended = len(fits) % 2 == 1 or len(fits) > 6

        again = {"callbacks": [Second(), broken], "folds": 2, "max_trials": 3, "directory": folder}
        with pytest.raises(RuntimeError, match="all failed, 3 of them"):
            tiny(**again)
        assert tiny(**again).leaderboard()["folds"].tolist() == [2, 2, 2]
        assert len(fits) == 6 + 6

    @pytest.mark.parametrize("other", [None, "RUNNING", "COMPLETED"])
    def test_a_place_is_free_only_where_nothing_works_or_runs(self, other, tmp_path):
        one, two = in_ledger(tmp_path), in_ledger(tmp_path)
        failed = one.claim(0, {"a": 1}, {}, {})
        one.finish(failed, "FAIL", None, {"status": "FAILED"})
        if other:
            running = one.claim(1, {"a": 2}, {}, {})
        if other == "COMPLETED":
            one.finish(running, "COMPLETE", [0.5], {"status": "COMPLETED"})
        two.forgive()
        assert set(one.places()) == ({0, 1} if other else set())
        if not other:
            assert one.claim(0, {"a": 1}, {}, {}) is not None
            two.forgive()
            assert set(two.places()) == {0}, "it runs"
        for ledger in (one, two):
            ledger.close()


def test_a_call_of_fewer_trials_waits_for_no_place_beyond_them(tmp_path):
    ledgers = in_ledger(tmp_path), in_ledger(tmp_path)
    ledgers[0].finish(
        ledgers[0].claim(0, {"a": 0.5}, {}, {}),
        "COMPLETE",
        [0.5],
        {"status": "COMPLETED", "message": None, "score": 0.5, "best_step": 0},
    )
    ledgers[0].claim(1, {"a": 0.6}, {}, {})
    settings = {"epochs": 1, "pruner": "none", "seed": 0, "ledger": ledgers[1]}
    for trials, status in ((1, "STOPPED"), (2, "IDLE")):
        oracle = OptunaOracle("random", LOW, max_trials=trials, **settings)
        assert oracle.create_trial("worker").status == status
    for ledger in ledgers:
        ledger.close()


def cut(path, share=0.5):
    """Leave the first part of a file."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


class TestDamage:
    @pytest.mark.parametrize("share", [0, 0.5])
    @pytest.mark.parametrize("engine", ["grid", "keras-grid"])
    def test_a_study_json_is_named_and_can_be_overwritten(self, engine, share, tmp_path):
        wide(2, 3, engine=engine, directory=tmp_path)
        cut(tmp_path / "study.json", share)
        with pytest.raises(ValueError, match=r"study\.json is damaged.*overwrite=True"):
            wide(2, 3, engine=engine, directory=tmp_path)
        counter = Counter()
        wide(2, 3, engine=engine, directory=tmp_path, overwrite=True, callbacks=[counter])
        assert counter.trainings == 2

    def test_a_folder_of_somebody_else_is_not_overwritten(self, tmp_path):
        (tmp_path / "trials").mkdir()
        with pytest.raises(ValueError, match=r"has no study\.json, but 'trials'"):
            wide(2, 3, directory=tmp_path, overwrite=True)

    @pytest.mark.parametrize("share", [0, 0.5])
    def test_weights_are_named(self, share, tmp_path):
        study = wide(2, 3, directory=tmp_path)
        place = study.leaderboard()["trial"][0] - 1
        cut(tmp_path / "trials" / f"trial_{place}" / "best.weights.h5", share)
        received = rf"trial_{place}.*h5', which is damaged.*code\({place + 1}\) builds"
        with pytest.raises(OSError, match=rf"weights of trial {place + 1} .*{received}"):
            study.best_model()

    @pytest.mark.parametrize("empty", [True, False], ids=["empty", "missing"])
    def test_a_study_db_that_is_gone_is_told_of(self, empty, tmp_path):
        wide(2, 3, directory=tmp_path / "first")
        copy = shutil.copytree(  # of the first one this process has connections open
            tmp_path / "first", tmp_path / "copy", ignore=shutil.ignore_patterns("study.db*")
        )
        if empty:
            (copy / "study.db").touch()
        with pytest.warns(UserWarning, match=r"study\.db' is gone.*begin again.*storage="):
            assert len(wide(2, 3, directory=copy).leaderboard()) == 2

    @pytest.mark.parametrize("page", ["early", "late"])
    def test_a_study_db_of_zeros_is_named_at_once(self, page, tmp_path):
        wide(2, 3, directory=tmp_path)
        path = tmp_path / "study.db"
        with contextlib.closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = bytearray(path.read_bytes())
        table = {"early": "version_info", "late": "trials"}[page]
        with contextlib.closing(sqlite3.connect(path)) as file:
            ask = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            ((root,),) = file.execute(ask, [table]).fetchall()
            ((size,),) = file.execute("PRAGMA page_size").fetchall()
        whole[(root - 1) * size : root * size] = bytes(size)
        path.write_bytes(whole)
        start = time.monotonic()
        with pytest.raises(ValueError, match=r"whole database.*study\.db, which is damaged"):
            wide(2, 3, directory=tmp_path)
        assert time.monotonic() - start < 5


ORPHAN = """
import importlib.util, os, subprocess, sys, time
if len(sys.argv) == 2:  # the launcher
    child = subprocess.Popen([sys.executable, "-c", os.environ["CODE"], sys.argv[1], "worker"])
    print(child.pid, flush=True)
    time.sleep(60)
spec = importlib.util.spec_from_file_location("workers", sys.argv[1])
workers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(workers)
parent = os.getppid()
print("ready", flush=True)
workers._end_with(parent)
"""


def runs(process):
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True
    )
    return state.stdout.strip()[:1] not in ("", "Z")  # Z: ended, and nobody has asked how


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_workers_end_when_the_launcher_is_killed():
    launcher = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, _workers.__file__],
        env={**os.environ, "CODE": ORPHAN},
        stdout=subprocess.PIPE,
        text=True,
    )
    said = {launcher.stdout.readline().strip() for _ in range(2)}
    worker = int((said - {"ready"}).pop())
    assert runs(worker)
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    deadline = time.monotonic() + 10
    while runs(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not runs(worker)


class TestPasswords:
    URL = "postgresql://me:secret@localhost/studies"

    @pytest.mark.parametrize(
        "given",
        [
            {"storage": "me:secret@localhost/studies"},
            {"storage": URL, "engine": "keras-random"},
            {"storage": URL.replace("postgresql", "postgresql+nothing")},
            {"storage": URL.replace("localhost", "localhost:x")},
        ],
        ids=["no URL", "other engine", "no driver", "port"],
    )
    def test_no_error_shows_one(self, given):
        with pytest.raises(ValueError) as caught:
            tiny(Numbers(), space=None, **given)
        error = caught.value
        while error is not None:
            assert "secret" not in str(error)
            error = None if error.__suppress_context__ else error.__context__

    def test_the_driver_that_is_installed_is_named(self, monkeypatch):
        for there, driver in ((("psycopg2",), "psycopg2"), (("psycopg", "psycopg2"), "psycopg")):
            monkeypatch.setattr(
                _database.importlib.util, "find_spec", lambda name, there=there: name in there
            )
            assert _database._with_driver(self.URL) == self.URL.replace(":", f"+{driver}:", 1)
        assert _database._with_driver("postgresql+pg8000://me@x/y") == "postgresql+pg8000://me@x/y"
