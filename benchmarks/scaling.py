"""How many workers a study's database carries: proposals a second and idle share, 1 to 64 workers.

Trials train nothing: each sleeps, so that what is measured is the ledger and the proposals, by TPE
over four knobs. All workers are processes of this machine, so where its cores are busy with 64 of
them the figures are a lower bound. The idle share is the part of the workers' time in which no
trial of theirs runs.

    python -m benchmarks scaling [seconds a trial] [storage URL, else SQLite] [most workers]
"""

import contextlib
import multiprocessing
import tempfile
import time

from benchmarks import _measure

TRIALS_A_WORKER = 4


def worker(url, name, trials, seconds, ready, begin, times):
    """Trials until none is left; puts (first claim, last end, trials that it ran) into `times`."""
    import keras_tuner

    from tuning._ledger import Ledger, LostError
    from tuning.optuna_oracle import OptunaOracle

    objective = keras_tuner.Objective("score", "min")
    ledger = Ledger(url, name, "min", {"space": "four numbers"})
    settings = {"max_trials": trials, "epochs": 1, "pruner": "none", "seed": 0, "ledger": ledger}
    oracle = OptunaOracle("tpe", objective, **settings)
    space = oracle.get_space()
    for knob in "abcd":
        space.Float(knob, 0.0, 1.0)
    oracle.update_space(space)
    ready.release()
    begin.wait()
    ran = 0
    while True:
        trial = oracle.create_trial("worker")
        if trial.status == "STOPPED":
            break
        if trial.status == "IDLE":
            continue
        time.sleep(seconds)
        score = sum((trial.hyperparameters.get(knob) - 0.3) ** 2 for knob in "abcd")
        with contextlib.suppress(LostError):  # too long without a sign of life: another has it
            oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        last = time.time()
        ran += 1
    oracle.close()
    times.put((last if ran else 0.0, ran))


def measure(forks, url, workers, seconds):
    """(seconds from the first claim to the last end, trials)."""
    trials = TRIALS_A_WORKER * workers
    ready, begin, times = forks.Semaphore(0), forks.Event(), forks.Queue()
    name = f"scaling {workers} {time.time_ns()}"
    arguments = (url, name, trials, seconds, ready, begin, times)
    processes = [forks.Process(target=worker, args=arguments) for _ in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    start = time.time()
    begin.set()
    found = [times.get() for _ in processes]
    for process in processes:
        process.join()
    return max(last for last, _ in found) - start, sum(ran for _, ran in found)


def main(seconds=1.0, url="", most=64):
    _measure.versions()
    seconds, most = float(seconds), int(most)
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["keras_tuner", "optuna", "tuning", "benchmarks.scaling"])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        workers = 1
        while workers <= most:
            where = url or f"sqlite:///{folder}/study.db"
            taken, trials = measure(forks, where, workers, seconds)
            rows.append(
                (
                    workers,
                    trials,
                    f"{taken:.1f}",
                    f"{trials / taken:.1f}",
                    f"{1 - trials * seconds / (workers * taken):.0%}",
                )
            )
            print(rows[-1], flush=True)
            workers *= 2
    _measure.table(("workers", "trials", "seconds", "proposals a second", "idle"), rows)
    return 0
