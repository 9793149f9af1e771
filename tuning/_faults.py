"""What goes wrong around a search, and what is said of it: disks, databases, versions."""

import errno
import warnings

import keras
import keras_tuner

FULL = (errno.ENOSPC, errno.EDQUOT)
# Libraries whose version may change a score, or what is written.
VERSIONED = ("keras", "keras_tuner", "optuna")


class DiskFullError(keras_tuner.errors.FatalRuntimeError):
    """No trial can be kept any more; the running one is begun again by the same call."""


def stop_where_disk_is_full(error, directory):
    """End the search: all further trials would train for nothing."""
    full = getattr(error, "errno", None) in FULL or "No space left on device" in str(error)
    if full and isinstance(error, (OSError, RuntimeError)):
        raise DiskFullError(
            f"The disk is full; trials are kept in {str(directory)!r}. Free some space, then run "
            "the same call again: it goes on with this trial."
        ) from error


def damaged_weights(path, number, error):
    """The error for weights that cannot be read."""
    return OSError(
        f"The weights of trial {number} must be a whole file. Received: {str(path)!r}, which is "
        f"damaged ({error}). Put a copy back; without it code({number}) builds the model, "
        "untrained."
    )


def damaged_database(url, error):
    """The error for an SQLite file that is no longer one."""
    return ValueError(
        f"storage must be a whole database. Received: {url}, which is damaged ({_reason(error)}). "
        "Put a copy back, choose another directory, or delete the file: its trials begin again."
    )


def waiting(error, patience):
    """What is told while a database does not answer."""
    return f"The storage does not answer; waiting up to {patience} s for it. {_reason(error)}"


def gone(seconds):
    """What is added to the error when it did not come back."""
    return (
        f"The storage did not answer for {seconds:.0f} s. What was finished is kept: when it is "
        "back the same call goes on."
    )


def same_versions(study, owner):
    """Warn where a study was begun with other versions; write them down where it begins."""
    here = versions()
    found = study.user_attrs.get("versions")
    if found is None:
        study.set_user_attr("versions", here)
        return
    other = [f"{k} {found.get(k)}, here {v}" for k, v in here.items() if found.get(k) != v]
    if other:
        warnings.warn(
            f"{owner} was begun with other versions: {'; '.join(other)}. Scores may differ for "
            "this alone. Install the same on all machines.",
            stacklevel=2,
        )


def versions():
    """Name -> version of what a score may depend on, the backend's among them."""
    backend = keras.backend.backend()
    found = {name: __import__(name).__version__ for name in VERSIONED}
    return {**found, backend: __import__(backend).__version__}


def _reason(error):
    """The first line of what the database's driver said."""
    cause = error.__cause__ or error
    return str(getattr(cause, "orig", cause)).strip().splitlines()[0]
