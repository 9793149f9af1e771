"""Several processes on this machine that work on one study: `work` starts and watches them.

Each is a fresh Python that gets the call of `search` through its standard input, so nothing lies on
disk, a notebook needs no `if __name__ == "__main__"`, and the study is shared through its ledger
alone: a worker may die or be replaced at any time.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# Trials until a process makes room for a fresh one: some models leave memory behind.
TRIALS_A_PROCESS = 50
RECYCLED = 75  # exit status of a process that has done them
LOOK = 0.3  # seconds between two looks at the processes
SHOWN = 8000  # characters of what a worker said, of which the error is the last
DEATHS_A_WORKER = 10  # processes that may be killed until the search gives up


def work(call, workers, tuner):
    """Run `search(**call)` in `workers` processes until the study of `tuner` has ended.

    Raises:
        RuntimeError: a worker ended with an error of its own, which the text holds.
    """
    running = {slot: _start(call, slot, workers, tuner) for slot in range(workers)}
    deaths = 0
    try:
        while running:
            time.sleep(LOOK)
            tuner.look()
            for slot, (process, errors) in list(running.items()):
                status = process.poll()
                if status is None:
                    continue
                del running[slot]
                if status > 0 and status != RECYCLED:
                    raise RuntimeError(f"A worker ended with:\n{_text(errors)}")
                deaths += status < 0
                if status < 0 and deaths > DEATHS_A_WORKER * workers:
                    raise RuntimeError(
                        f"Workers were killed {deaths} times, the last by signal {-status}."
                    )
                if status and tuner.seconds_left() > 0:
                    running[slot] = _start(call, slot, workers, tuner)
        tuner.look()
    finally:
        for process, _ in running.values():
            process.kill()
        for process, _ in running.values():
            process.wait()


def environment(slot, workers):
    """A worker's variables: its share of the cores, one GPU where there are some."""
    import keras

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, (cores or 1) // workers))
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    own = {
        **dict.fromkeys(names, threads),
        "KERAS_BACKEND": keras.config.backend(),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TUNING_WORKERS": "1",
        "TUNING_TRIALS": str(TRIALS_A_PROCESS),
    }
    gpus = _gpus()
    if gpus:
        own["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
        own["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        if workers > len(gpus):
            own["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return {**os.environ, **own}


def main():
    """A worker: read the call, run it, and say by the exit status how it ended."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    settings = json.loads(sys.stdin.buffer.readline())
    import keras

    keras.config.set_dtype_policy(settings["dtype_policy"])
    import cloudpickle

    from tuning.search import search

    # Written a moment ago by the process that started this one, into a pipe that only they share.
    call = cloudpickle.loads(sys.stdin.buffer.read())
    study = search(**call)
    return RECYCLED if study.tuner.is_recycled else 0


def _pack(call, tuner):
    """The call as bytes, functions of a script or notebook included."""
    import cloudpickle
    import keras

    if call["time_budget"] is not None:
        call = {**call, "time_budget": max(tuner.seconds_left(), 0.1)}
    settings = {"dtype_policy": keras.config.dtype_policy().name}
    return json.dumps(settings).encode() + b"\n" + cloudpickle.dumps(call)


def _start(call, slot, workers, tuner):
    pack = _pack(call, tuner)
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", "tuning._workers"],
        stdin=subprocess.PIPE,
        stderr=errors,
        env=environment(slot, workers),
    )
    threading.Thread(target=_feed, args=(process.stdin, pack), daemon=True).start()
    return process, errors


def _feed(stream, pack):
    try:
        with stream:
            stream.write(pack)
    except BrokenPipeError:
        pass  # the process has died: the next one gets it again


def _text(errors):
    """The end of what a worker said, from the beginning of a line on."""
    errors.seek(0)
    said = errors.read().decode(errors="replace").rstrip()
    if len(said) <= SHOWN:
        return said
    return said[-SHOWN:].partition("\n")[2] or said[-SHOWN:]  # where it is all one line


def _end_with(parent):
    """A worker does not outlive the search that started it."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _gpus():
    """The numbers of the GPUs that this process may use."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [gpu for gpu in allowed.split(",") if gpu and gpu != "-1"]
    return [path.name[6:] for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]


if __name__ == "__main__":
    sys.exit(main())
