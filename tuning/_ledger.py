"""The ledger: a study's trials in a database that any number of processes write to.

It is an Optuna study in an SQL database. Every trial stands at a numbered place, from 0 on, and one
rule settles all races without locks: of the trials at one place, or with the same knobs, the
earliest counts and its rivals withdraw. A trial whose process has died does not count, so its place
is free and the next process fills it with the same knobs.
"""

import contextlib
import datetime
import os
import platform
import threading
import time
import warnings
from pathlib import Path

from tuning import _checks, _faults
from tuning._database import connect, reading, shown

# Seconds between signs of life, and seconds without one until a trial counts as dead. A process
# that died on this machine is seen at once.
BEAT, GRACE = 5, 30
# Seconds for which a database that has gone away is waited for.
PATIENCE = 120
TELL = 5  # and until the user is told that it is waited for
# A trial during which its process dies this often is not begun again: it may be what kills it.
DEATHS = 10
MESSAGE = 20_000  # characters of a traceback that are kept
# How a row ends that is no trial: what failed before it does not count.
FORGIVEN = "forgiven"

_living: set[str] = set()  # workers of this process


class LostError(Exception):
    """Another process took this trial over, because no sign of life had come from here."""


class Ledger:
    """The trials of the study `name` in the database at `url`.

    Args:
        url: SQLAlchemy URL.
        name: the study's name; a database holds many.
        direction: "min" or "max", or a list of them for several objectives.
        description: dict that says what the study searches; another one is another study.
        overwrite: delete a study of this name first.
        metrics: the objectives' names, for those who look at the database with other tools.
    """

    def __init__(self, url, name, direction, description, overwrite=False, metrics=()):
        optuna = quiet_optuna()
        self.shown = shown(url)
        self.storage = connect(url, heartbeat_interval=BEAT, grace_period=GRACE, patience=PATIENCE)
        if overwrite and name in optuna.get_all_study_names(self.storage):
            optuna.delete_study(study_name=name, storage=self.storage)
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=name,
            directions=directions_of(direction),
            load_if_exists=True,
        )
        found = self.study.user_attrs.get("description")
        if found is None:
            self.study.set_user_attr("description", description)
            if metrics:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                    self.study.set_metric_names(list(metrics))
        else:
            _checks.same_study(f"storage {self.shown}, study {name}", found, description)
        _faults.same_versions(self.study, f"storage {self.shown}, study {name}")
        self._seen_silent: set[int] = set()  # trials of other machines, given a first sign of life
        self.id = self.storage.get_study_id_from_name(name)
        self.worker = f"{_machine()}|{os.getpid()}|{id(self):x}-{time.time_ns():x}"
        _living.add(self.worker)
        self.heart = _Heart(self)

    def places(self, trials=None):
        """Place -> the trial that counts there, of these or of all as they stand now."""
        counting: dict = {}
        for trial in self._trials() if trials is None else trials:
            if not _dead(trial) and _result(trial).get("status") != "withdrawn":
                counting.setdefault(trial.user_attrs["place"], trial)
        return counting

    def deaths(self, trials=None):
        """Place -> the knobs of the trial that died there, and how often one has."""
        dead: dict = {}
        for trial in self._trials() if trials is None else trials:
            if _dead(trial):
                place = trial.user_attrs["place"]
                dead[place] = (trial.user_attrs["values"], dead.get(place, (None, 0))[1] + 1)
        return dead

    def claim(self, place, values, params, distributions):
        """Begin a trial; its id, or None where a rival was earlier."""
        optuna = quiet_optuna()
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=params,
            distributions=distributions,
            user_attrs={"place": place, "values": values, "worker": self.worker},
        )
        trial_id = patiently(self.storage.create_new_trial, self.id, template_trial=trial)
        trials = self._trials()
        number = next(trial.number for trial in trials if trial._trial_id == trial_id)
        for place_of_other, other in self.places(trials).items():
            same = place_of_other == place or other.user_attrs["values"] == values
            if other.number < number and same:
                self.finish(trial_id, "FAIL", None, {"status": "withdrawn"})
                if other.user_attrs["worker"] != self.worker:
                    return None
                # Our own: it was written, but the answer was lost with the connection.
                trial_id = other._trial_id
                break
        self.heart.beat_for(trial_id)
        return trial_id

    def trial(self, trial_id):
        """A trial as it stands now."""
        with reading():
            return patiently(self.storage.get_trial, trial_id)

    def report(self, trial_id, step, value):
        """An epoch of a trial has ended. Raises `LostError`."""
        with _unless_lost():
            patiently(self.storage.set_trial_intermediate_value, trial_id, step, value)

    def note(self, trial_id, name, value):
        """Keep a value with a trial that is running. Raises `LostError`."""
        with _unless_lost():
            patiently(self.storage.set_trial_user_attr, trial_id, name, value)

    def last_note(self, place, name):
        """The latest value of that name from the trials at a place, dead ones included."""
        found = [t.user_attrs for t in self._trials() if t.user_attrs["place"] == place]
        return next((attrs[name] for attrs in reversed(found) if name in attrs), None)

    def finish(self, trial_id, state, values, result):
        """End a trial: `state` is Optuna's, `values` a list with a number for each objective, or
        None; `result` is for the leaderboard. Raises `LostError`."""
        self.heart.beat_for(None)
        record = {**result, "state": state, "objectives": values}
        with _unless_lost():
            patiently(self.storage.set_trial_user_attr, trial_id, "result", record)
        self._end(trial_id, record)

    def _end(self, trial_id, record):
        """The second half of `finish`; where a process was killed between both, another does it."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        state = TrialState[record["state"]]
        with contextlib.suppress(UpdateFinishedTrialError):  # another has done it
            patiently(self.storage.set_trial_state_values, trial_id, state, record["objectives"])

    def bury(self):
        """End the trials of processes that have died, so that their places are free.

        Returns all trials as they stand then.
        """
        from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
        from optuna.storages import fail_stale_trials
        from optuna.trial import TrialState

        trials = self._trials()
        others = [trial for trial in trials if trial.user_attrs["worker"] != self.worker]
        running = [trial for trial in others if trial.state is TrialState.RUNNING]
        if not running:
            return trials
        for trial in running:
            if "result" in trial.user_attrs:
                self._end(trial._trial_id, trial.user_attrs["result"])
            else:
                self._start_waiting_for(trial)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            patiently(fail_stale_trials, self.study)
        for trial in running:
            if _has_died(trial.user_attrs["worker"]):
                with contextlib.suppress(UpdateFinishedTrialError):
                    state = TrialState.FAIL
                    patiently(self.storage.set_trial_state_values, trial._trial_id, state)
        return self._trials()

    def forgive(self):
        """Free the places of failed trials, where none has a score and nothing runs."""
        optuna = quiet_optuna()
        ends = {_result(trial).get("status", trial.state.name) for trial in self.bury()}
        if "FAILED" in ends and not ends & {"RUNNING", "COMPLETED", "STOPPED"}:
            about = {"place": -1, "values": {}, "worker": self.worker}
            row = optuna.trial.create_trial(
                state=optuna.trial.TrialState.FAIL,
                user_attrs={**about, "result": {"status": FORGIVEN}},
            )
            patiently(self.storage.create_new_trial, self.id, template_trial=row)

    def _start_waiting_for(self, trial):
        """A trial of another machine that may have died before its first sign of life gets one.

        Only of trials that have given one does Optuna see that they give no more.
        """
        silent = datetime.datetime.now() - trial.datetime_start
        new = trial._trial_id not in self._seen_silent
        elsewhere = not trial.user_attrs["worker"].startswith(f"{_machine()}|")
        if new and elsewhere and silent.total_seconds() > GRACE:
            self._seen_silent.add(trial._trial_id)
            patiently(self.storage.record_heartbeat, trial._trial_id)

    def close(self):
        """This worker begins no more trials; one that it was running may be taken over."""
        self.heart.stop()
        _living.discard(self.worker)

    def _trials(self):
        with reading():
            return _counting(patiently(self.study.get_trials, deepcopy=False))


class _Heart(threading.Thread):
    """Gives the running trial's signs of life, whatever the training does meanwhile."""

    def __init__(self, ledger):
        super().__init__(daemon=True, name="heartbeat")
        self.storage = ledger.storage
        self.trial_id = None
        self.changed = threading.Event()
        self.stopped = False

    def beat_for(self, trial_id):
        if trial_id is not None:
            patiently(self.storage.record_heartbeat, trial_id)
            if not self.is_alive():
                self.start()
        self.trial_id = trial_id

    def stop(self):
        self.trial_id, self.stopped = None, True
        self.changed.set()
        if self.is_alive():
            self.join()

    def run(self):
        while not self.changed.wait(BEAT):
            trial_id = self.trial_id
            if trial_id is not None:
                # A beat that does not arrive is made good by the next one.
                with contextlib.suppress(Exception):
                    self.storage.record_heartbeat(trial_id)


@contextlib.contextmanager
def _unless_lost():
    """Whoever ended a trial of this process had taken it over."""
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        yield
    except UpdateFinishedTrialError:
        raise LostError from None


def directions_of(direction):
    """Optuna's names for "min" and "max", or for a list of them."""
    names = {"min": "minimize", "max": "maximize"}
    return [names[one] for one in ([direction] if isinstance(direction, str) else direction)]


def sqlite_url(folder):
    """The URL of the database that a folder keeps."""
    return f"sqlite:///{Path(folder).resolve() / 'study.db'}"


def quiet_optuna():
    """Optuna, without a line of log for each trial."""
    import optuna

    if optuna.logging.get_verbosity() == optuna.logging.INFO:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def patiently(call, *args, **kwargs):
    """Call; where the database is gone for a while, say so and call again until it is back."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import InterfaceError, OperationalError

    start, pause, told = time.monotonic(), 0.05, False
    while True:
        try:
            return call(*args, **kwargs)
        except (InterfaceError, OperationalError, StorageInternalError) as error:
            waited = time.monotonic() - start
            if waited + pause > PATIENCE:
                error.add_note(_faults.gone(waited))
                raise
            if waited > TELL and not told:
                told = True
                warnings.warn(_faults.waiting(error, PATIENCE), RuntimeWarning, stacklevel=2)
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


def _counting(trials):
    """All but those at places where one had failed before a call began that tries them again."""
    ends = [_result(trial).get("status") for trial in trials]
    if FORGIVEN not in ends:
        return trials
    last = len(ends) - 1 - ends[::-1].index(FORGIVEN)
    before = zip(trials[:last], ends[:last], strict=True)
    again = {trial.user_attrs["place"] for trial, end in before if end in ("FAILED", FORGIVEN)}
    kept = [trial for trial in trials[:last] if trial.user_attrs["place"] not in again]
    return kept + trials[last + 1 :]


def _result(trial):
    return trial.user_attrs.get("result", {})


def _dead(trial):
    """Ended from outside, before its process had written a result."""
    return trial.state.name == "FAIL" and "result" not in trial.user_attrs


def _has_died(worker):
    """Whether a worker of this machine is no more; of other machines the heartbeat tells."""
    machine, pid, _ = worker.split("|")
    if machine != _machine() or worker in _living:
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _machine():
    """A name under which process numbers mean the same processes."""
    if os.name != "posix":
        # Asking Windows whether a process lives would end it: leave it to the heartbeat.
        return f"{platform.node()}:{time.time_ns()}"
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)
