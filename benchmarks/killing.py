"""Kill a search at random moments, again and again, and count what is lost: nothing should be.

One study of trials that train nothing. A process that works on it is killed (SIGKILL) after a
random time, another one goes on, and so forth; in the end the study is compared with one that was
never disturbed. Prints how many kills fell into a running trial, how many trials are missing or
doubled, and whether knobs and scores are the same.
"""

import multiprocessing
import random
import tempfile
import time

from benchmarks import _measure

TRIALS = 300
SECONDS = (0.0, 0.4)  # from the first trial of a process to its kill


def study_in(folder, seconds=0.02):
    """The search that is killed: a quadratic bowl in two knobs."""
    import keras
    import keras_tuner
    import numpy as np

    from tuning import search

    class Bowl(keras_tuner.HyperModel):
        def build(self, hp):
            self.knobs = hp.Float("a", 0.0, 1.0), hp.Float("b", 0.0, 1.0)
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            return model

        def fit(self, hp, model, *args, **kwargs):
            time.sleep(seconds)
            return sum((knob - 0.3) ** 2 for knob in self.knobs)

    return search(
        Bowl(),
        np.zeros((8, 2)),
        np.zeros(8),
        objective=keras_tuner.Objective("bowl", "min"),
        engine="random",
        max_trials=TRIALS,
        seed=0,
        directory=folder,
        verbose=False,
    )


def ended(folder):
    """Trials that have ended so far."""
    import optuna

    from tuning._ledger import sqlite_url

    try:
        rows = optuna.load_study(study_name="Bowl", storage=sqlite_url(folder)).trials
    except Exception:  # the first process has not made it yet
        return 0
    return sum(trial.state.name == "COMPLETE" for trial in rows)


def main(kills=50):
    import optuna

    from tuning._ledger import sqlite_url

    _measure.versions()
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["keras", "keras_tuner", "optuna", "tuning", "benchmarks.killing"])
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        landed = 0
        for _ in range(int(kills)):
            process = forks.Process(target=study_in, args=(folder,))
            process.start()
            before = ended(folder)
            while process.is_alive() and ended(folder) == before:
                process.join(0.05)
            process.join(draw.uniform(*SECONDS))
            landed += process.is_alive()
            process.kill()
            process.join()
        disturbed = study_in(folder).leaderboard()
        rows = optuna.load_study(study_name="Bowl", storage=sqlite_url(folder)).trials
    whole = study_in(None, seconds=0).leaderboard()
    done = [trial.user_attrs["place"] for trial in rows if trial.state.name == "COMPLETE"]
    _measure.table(
        ("kills", "cut a trial", "trials", "missing", "doubled", "same as undisturbed"),
        [
            (
                landed,
                sum(trial.state.name == "FAIL" for trial in rows),
                len(set(done)),
                TRIALS - len(set(done)),
                len(done) - len(set(done)),
                str(disturbed.equals(whole)),
            )
        ],
    )
    return 0
