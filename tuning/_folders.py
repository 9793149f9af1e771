"""Folders of studies: `opened` is the user's or a temporary one, `of_study` a study's own in it."""

import shutil
import tempfile
import warnings
from pathlib import Path
from urllib.parse import quote

from recipes._descriptions import warn_of_edits
from tuning import _checks
from tuning.oracle import read_json, write_json

ABOUT = "study.json"  # what the study is


def opened(directory):
    """The folder of a search, and what deletes it with the study where the user gave none."""
    if directory is not None:
        return _checks.folder("directory", directory), None
    keeper = tempfile.TemporaryDirectory(prefix="study-")
    return Path(keeper.name), keeper


def of_study(folder, name, builder, description):
    """Where a study keeps its weights: a folder of its own in `folder` where it has a name.

    The builder's name, which None stands for, is that of the study in `folder` itself. There lie
    named ones too that were begun when all did, and did not write down their names.
    """
    if name is None:
        return folder
    found = read_json(folder / ABOUT)
    owner = builder
    if found is not None:
        owner = found.get("name", name if _same(found, description) else None)
    if owner == name:
        return folder
    own = folder / f"study_{quote(name, safe=' ')}"
    own.mkdir(exist_ok=True)
    return own


def claim(folder, name, description, overwrite, code):
    """Make the folder this study's: the first one's, or the same one's again.

    Where functions were edited since, `code` is not theirs: their trials are kept, with a warning.
    """
    trials = folder / "trials"
    used = trials.exists()  # asked first: another process may be making both just now
    found = read_json(folder / ABOUT)
    damaged = found is None and (folder / ABOUT).exists()
    if found is None and used and not (damaged and overwrite):
        raise _checks.not_free(folder, trials, damaged)
    wanted = {"name": name, **description}
    if found is not None and not overwrite:
        _checks.same_study(folder, {"name": name, **found}, wanted)
        before = found.get("code", code)
        warn_of_edits(f"directory={str(folder)!r}", before, code, stacklevel=3)
        code = before
    if overwrite:
        shutil.rmtree(trials, ignore_errors=True)
    write_json(folder / ABOUT, {**wanted, "code": code})


def warn_of_loss(folder, database):
    """Warn where a study's trials were, but the database is not there that knew them."""
    lost = not database.exists() or not database.stat().st_size
    if lost and any((folder / "trials").glob("trial_*")):
        warnings.warn(
            f"{str(database)!r} is gone, or empty, and with it what the trials in {str(folder)!r} "
            "were: they begin again. Put the file back, or give the storage=... of the earlier "
            "call, to go on with them.",
            stacklevel=4,
        )


def _same(found, description):
    return all(found.get(key) == value for key, value in description.items())
