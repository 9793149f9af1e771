"""What runs leave in folders, to be gone on with: `claim`, and the folds of `cross_validate`."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipes import _checks
from recipes._descriptions import checksum, code, described, warn_of_edits

PLAN = "cross_validation.json"


def claim(path, said, overwrite, left=(), written=None):
    """Make the folder of `path` this run's: a new one's, or the same one's again.

    Args:
        path: file that says whose the folder is.
        said: what must be the same for a stored run to be gone on with; plain JSON.
        overwrite: begin anew, also where the folder holds another run.
        left: files and folders that a run leaves there, which then go.
        written: `code` of the functions that were given; of another a stored run only warns.
    """
    said = json.loads(json.dumps(said))
    known = None if overwrite else _told(path)
    if known is not None:
        before = known.pop("code", written)
        if known != said:
            differs = [name for name in said if known.get(name) != said[name]]
            refuse(path, f"whose run has another {', another '.join(differs)}")
        if written is not None:
            warn_of_edits(f"directory={str(path.parent)!r}", before, written, stacklevel=4)
            written = before
    for one in left if overwrite else ():
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)
    said |= {} if written is None else {"code": written}
    _write(path, json.dumps(said, indent=1).encode())


def refuse(path, reason):
    """The ValueError for a folder that cannot be gone on with."""
    _checks.require(
        False,
        "directory",
        "be new, or hold this very run to go on with",
        f"{str(path.parent)!r}, {reason}",
        "Choose another directory, or overwrite=True to delete it.",
    )


class Records:
    """What every finished fold left, by the fold's name.

    Args:
        directory: folder, or None to keep all in memory.
        overwrite: begin anew where the folder holds another run.
        keep_models: models are stored too.
    """

    def __init__(self, directory, overwrite, keep_models):
        _checks.flag("overwrite", overwrite)
        self.folder: Any = directory and _checks.folder("directory", directory)
        self.overwrite = overwrite
        self.keep_models = keep_models
        self.found: dict[str, dict] = {}
        self.kept: dict[str, tuple] = {}  # (model, its transformers)

    def claim(self, data, folds, given):
        """Make the folder this run's: a new one's, or the same one's again; `given` by name."""
        if self.folder is None:
            return
        sums = {"data": checksum(data), "folds": checksum(folds)}
        finished = self.folder / "folds"
        said = {**{name: described(value) for name, value in given.items()}, **sums}
        claim(self.folder / PLAN, said, self.overwrite, [finished], code(given))
        finished.mkdir(exist_ok=True)

    def load(self, name):
        """Whether the fold is finished, in this run or in an earlier one."""
        if self.folder is None:
            return False
        path, of_model, others = (self._path(name, end) for end in (".npz", ".keras", ".joblib"))
        # What is no whole archive, because it is missing or damaged, is trained again.
        if not all(map(zipfile.is_zipfile, [path, of_model] if self.keep_models else [path])):
            return False
        if self.keep_models and not others.exists():
            return False
        with np.load(path) as stored:
            record = json.loads(str(stored["record"]))
            for part in ("held", "test"):
                if record[part] is not None:
                    place = lambda i, part=part: stored[f"{part}_{i}"]  # noqa: E731
                    record[part] = keras.tree.map_structure(place, record[part])
        self.found[name] = record
        if self.keep_models:
            import joblib

            self.kept[name] = keras.models.load_model(of_model), joblib.load(others)
        return True

    def store(self, name, record, kept):
        """Keep what a fold left; with a folder in one step, so that a kill leaves all or nothing.

        A failure is kept for this call only: the next one tries that fold again.
        """
        self.found[name] = record
        if kept is not None:
            self.kept[name] = kept
        if self.folder is None or "failure" in record:
            return
        if kept is not None:
            import joblib

            model, transformers = kept
            for suffix, write in {
                ".keras": model.save,
                ".joblib": lambda path: joblib.dump(transformers, path),
            }.items():
                draft = self._path(f"{os.getpid()}.tmp", suffix)
                write(draft)
                os.replace(draft, self._path(name, suffix))
        arrays: dict[str, np.ndarray] = {}
        said = dict(record)
        for part in ("held", "test"):
            if record[part] is not None:
                leaves = keras.tree.flatten(record[part])
                arrays |= {f"{part}_{i}": leaf for i, leaf in enumerate(leaves)}
                numbers = list(range(len(leaves)))
                said[part] = keras.tree.pack_sequence_as(record[part], numbers)
        draft = self._path(f"{os.getpid()}.tmp", ".npz")
        np.savez(draft, record=json.dumps(said), **arrays)  # type: ignore[arg-type]
        os.replace(draft, self._path(name, ".npz"))

    def _path(self, name, suffix):
        return self.folder / "folds" / f"{name.replace(', ', '-').replace(' ', '-')}{suffix}"


def _told(path):
    """What a run has said of itself, None where there is none."""
    try:
        known = json.loads(path.read_bytes()) if path.exists() else None
    except ValueError:
        known = ()
    if known is not None and not isinstance(known, dict):
        refuse(path, f"whose file {path.name} is damaged")
    return known


def _write(path, content):
    draft = Path(f"{path}.{os.getpid()}.tmp")
    draft.write_bytes(content)
    os.replace(draft, path)
