"""`workers=` and `python -m tuning.launch`: real processes on one study."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import optuna
import pytest

from tuning import _ledger, _workers, search

ROOT = Path(__file__).parent.parent
LOW = keras_tuner.Objective("a", "min")

pytestmark = [pytest.mark.processes, pytest.mark.skipif(os.name != "posix", reason="signals")]


def slow_model(seconds=0.5):
    """A hypermodel that a worker must get by value: it is defined in a function."""

    class Slow(keras_tuner.HyperModel):
        def build(self, hp):
            self.a = hp.Float("a", 0.0, 1.0)
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
            model.compile("adam", "mse")
            return model

        def fit(self, hp, model, *args, **kwargs):
            time.sleep(seconds)
            return (self.a - 0.3) ** 2

    return Slow()


def run(folder, **arguments):
    settings = {"max_trials": 8, "workers": 2, "seed": 0, "verbose": False, **arguments}
    return search(slow_model(), np.zeros((8, 4)), objective=LOW, directory=folder, **settings)


def workers_of(folder, name="Slow"):
    study = optuna.load_study(study_name=name, storage=_ledger.sqlite_url(folder))
    return study.trials


def test_two_workers_share_the_trials_and_one_that_is_killed_is_replaced(tmp_path, capfd):
    killed = []

    def busy():
        try:
            return any(t.user_attrs["place"] > 1 for t in workers_of(tmp_path))
        except Exception:  # not there yet
            return False

    def kill():
        while not (tmp_path / "study.db").exists() or not busy():
            time.sleep(0.3)
        children = ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())]
        for line in subprocess.run(children, capture_output=True, text=True).stdout.splitlines():
            if "tuning._workers" in line and not killed:
                killed.append(int(line.split()[0]))
                os.kill(killed[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    study = run(tmp_path, verbose=True, max_trials=12)
    table = study.leaderboard()
    assert killed
    assert sorted(table["trial"]) == list(range(1, 13))
    assert set(table["status"]) == {"completed"}
    rows = workers_of(tmp_path)
    # The one that takes its place may come too late to get a trial.
    assert len({t.user_attrs["worker"] for t in rows}) in (2, 3)
    # Beside the killed one, a worker that a busy machine kept from its heartbeat may have lost one.
    assert sum(t.state.name == "FAIL" for t in rows) <= 2
    lines = capfd.readouterr().out.splitlines()
    assert sum(line.startswith("trial") for line in lines) == 12


def test_an_error_of_a_worker_is_the_searchs_own(tmp_path):
    def crash():
        if "TUNING_TRIALS" in os.environ:
            raise OSError("no such thing")
        return []

    with pytest.raises(RuntimeError, match=r"A worker ended with:(.|\n)*no such thing"):
        run(tmp_path, callbacks=crash)


@pytest.mark.parametrize("lines", [1, 5000], ids=["whole", "cut"])
def test_what_a_worker_said_begins_at_a_line_and_ends_with_the_error(lines):
    said = "".join(f"line {i}\n" for i in range(lines)) + "OSError: no such thing\n"
    shown = _workers._text(io.BytesIO(said.encode())).splitlines()
    assert shown[0] in said.splitlines()
    assert shown[-1] == "OSError: no such thing"
    assert len(shown) == lines + 1 or len("\n".join(shown)) <= _workers.SHOWN
    assert _workers._text(io.BytesIO(b"x" * 10_000)) == "x" * _workers.SHOWN


@pytest.mark.parametrize("slow_one", ["works", "fails"])
def test_failures_beside_a_first_trial_that_runs_do_not_end_the_search(slow_one, tmp_path):
    def fit(self, hp, model, *args, **kwargs):
        if hp.values["a"]:  # not the defaults
            time.sleep(0.1)
            raise MemoryError("too large")
        done = [t for t in workers_of(tmp_path) if t.state.name == "FAIL"]
        while len(done) < 4:
            time.sleep(0.1)
            done = [t for t in workers_of(tmp_path) if t.state.name == "FAIL"]
        if slow_one == "fails":
            raise MemoryError("this one too")
        return 0.5

    model = slow_model()
    type(model).fit = fit
    settings = {"objective": LOW, "workers": 2, "seed": 0, "verbose": False, "directory": tmp_path}
    rows = np.zeros((8, 4))
    if slow_one == "works":
        study = search(model, rows, max_trials=6, **settings)
        assert study.leaderboard()["status"].tolist() == ["completed"] + ["failed"] * 5
    else:
        with pytest.raises(RuntimeError, match="The first trials all failed"):
            search(model, rows, max_trials=100, **settings)
        assert len(workers_of(tmp_path)) < 100


def test_the_cores_are_divided_and_every_worker_has_its_gpu(monkeypatch):
    cores = len(os.sched_getaffinity(0))
    own = _workers.environment(0, 2)
    assert own["TF_NUM_INTRAOP_THREADS"] == str(max(1, cores // 2))
    assert own["KERAS_BACKEND"] == keras.config.backend()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [_workers.environment(i, 3)["CUDA_VISIBLE_DEVICES"] for i in range(3)] == ["2", "5", "2"]


SCRIPT = """
    import sys
    import numpy as np
    from recipes import build_mlp
    from tuning import Float, search

    x = np.random.default_rng(0).normal(size=(40, 3))
    space = {"units": (4,), "dropout": Float(0.0, 0.5)}
    study = search(build_mlp, x, np.arange(40) % 2, space=space, max_trials=4, epochs=1, seed=0)
    print("done", len(study.leaderboard()), sys.argv[1])
"""


def test_launch_gives_a_plain_script_workers_and_storage(tmp_path):
    script = tmp_path / "my_search.py"
    script.write_text(textwrap.dedent(SCRIPT))
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "tuning.launch",
            "--workers",
            "2",
            "--storage",
            url,
            script,
            "hello",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "done 4 hello" in run.stdout, run.stderr
    trials = optuna.load_study(study_name="build_mlp", storage=url).trials
    assert {t.user_attrs["place"] for t in trials} == {0, 1, 2, 3}


def test_keras_tuners_engines_have_one_worker():
    with pytest.raises(ValueError, match="workers needs one of Optuna's engines"):
        run(None, engine="keras-random")
