"""Folders, tables and lists as one list of images with labels: `read_source` of `load_images`."""

import numbers
import warnings
from pathlib import Path

import numpy as np

from recipes import _checks
from recipes.naming import check_missing

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# What stands for a gap among numbers, in lower case. Among names it is one: "None", no defect.
GAPS = ("na", "n/a", "nan", "none", "null")
LABELS = ("label", "labels", "class", "target", "category", "y")


def read_source(source, labels, folder, path_column, label_column):
    """(items, names, labels): an item is a path, encoded bytes or an array of pixels."""
    if isinstance(source, (str, Path)):
        path = Path(source)
        given = f"{str(source)!r}"
        _checks.require(path.exists(), "source", "be a folder or file that is there", given)
        if path.is_dir():
            _checks.require(labels is None, "labels", "be None for folders of classes", "some")
            return _folder(path)
        known = path.suffix.lower() in (".csv", ".parquet")
        _checks.require(known, "source", "be a folder, a .csv or a .parquet file", given)
        source, folder = _table(path), path.parent if folder is None else folder
    if hasattr(source, "iloc"):
        _checks.require(labels is None, "labels", "be None where source is a table", "some")
        return _columns(source, folder, path_column, label_column)
    listed = hasattr(source, "__len__")
    expected = "be a folder, a file, a table, a list or an array"
    _checks.require(listed, "source", expected, f"a {type(source).__name__}")
    _checks.require(len(source) > 0, "source", "hold at least one image", "none")
    if labels is not None:
        _checks.same_rows(source=source, labels=labels)
    return *_items(list(source), folder), labels


def _folder(path):
    inside = (inner for inner in path.iterdir() if not _hidden(inner.name))
    classes = sorted(inner for inner in inside if inner.is_dir())
    if not classes:
        files = _files(path)
        _checks.require(
            len(files) > 0, "source", "hold images or folders of images", f"{str(path)!r}"
        )
        return files, [str(file) for file in files], None
    files, labels = [], []
    left = [f.name for f in path.iterdir() if f.suffix.lower() in SUFFIXES and not _hidden(f.name)]
    for inner in classes:
        found = _files(inner)
        files += found
        labels += [inner.name] * len(found)
        if not found:
            left.append(f"{inner.name}/")
    _checks.require(len(files) > 0, "source", "hold images in its folders", f"{str(path)!r}")
    if left:
        warnings.warn(
            f"source must hold a folder of images for every class. Received: {str(path)!r} with "
            f"{_checks.some_names(left)} beside those, left out.",
            stacklevel=4,
        )
    return files, [str(file) for file in files], labels


def _files(path):
    """Images in a folder and in those below it."""
    return sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(_hidden(name) for name in file.relative_to(path).parts)
    )


def _hidden(name):
    """What notebooks and archives leave behind, such as .ipynb_checkpoints and __MACOSX."""
    return name.startswith(".") or name == "__MACOSX"


def _table(path):
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""]).apply(_numbers)
    except ImportError as error:
        raise ValueError(
            f"source must be readable: pandas reads .parquet files with pyarrow. Received: {error} "
            "Install it: pip install pyarrow."
        ) from error
    except (ValueError, OSError) as error:
        raise ValueError(
            f"source must be a {path.suffix.lower()} file that pandas can read. "
            f"Received: {str(path)!r} ({error})."
        ) from error


def _columns(table, folder, path_column, label_column):
    _checks.require(len(table) > 0, "source", "hold at least one row", "an empty table")
    columns = [str(name) for name in table.columns]
    for name, value in {"path_column": path_column, "label_column": label_column}.items():
        if value is not None:
            _checks.one_of(name, value, columns)
    if path_column is None:
        fits = [name for name in columns if _holds_images(table[name].iloc[0], folder)]
        # Numbers may name images too, but are more often something else.
        fits.sort(key=lambda name: (name.lower() in LABELS, _is_number(table[name].iloc[0])))
        hint = "Give path_column=, and folder= where the paths do not begin here."
        _checks.require(bool(fits), "source", "have a column of images", f"columns {columns}", hint)
        path_column = fits[0]
    others = [name for name in columns if name != path_column]
    if label_column is None:
        named = [name for name in others if name.lower() in LABELS]
        named = named or (others if len(others) == 1 else [])
        label_column = named[0] if named else None
        hint = "Give label_column=, or drop the columns that are no labels."
        _checks.require(
            label_column is not None or not others,
            "source",
            "have one column of labels",
            others,
            hint,
        )
    labels = None if label_column is None else table[label_column].to_numpy()
    if labels is not None:
        check_missing(label_column, labels)
    return *_items(table[path_column].tolist(), folder), labels


def _numbers(column):
    """Text as numbers where all of a column is; 0001 is a name."""
    import pandas as pd

    text = column.astype("string")
    if text.str.match("0[0-9]").any():
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    known = numbers.notna() | text.isna() | text.str.lower().isin(GAPS)
    return numbers if known.all() and numbers.notna().any() else column


def _holds_images(value, folder):
    if isinstance(value, (bytes, dict)):
        return True
    named = isinstance(value, (str, Path)) or _is_number(value)
    return named and _found(value, folder) is not None


def _is_number(value):
    return isinstance(value, numbers.Integral)


def _items(values, folder):
    """(items, names); every path is looked for, so that a missing file is told at once."""
    items: list = []
    names: list[str] = []
    for number, value in enumerate(values):
        if isinstance(value, dict) and value.get("bytes") is not None:  # Hugging Face's form
            value = value["bytes"]
        if isinstance(value, (bytes, bytearray)):
            items.append(bytes(value))
            names.append(f"image {number}")
        elif isinstance(value, np.ndarray):
            items.append(value)
            names.append(f"image {number}")
        else:
            path = _found(value, folder)
            _checks.require(
                path is not None,
                "every image",
                "be a file that is there, encoded bytes or an array",
                f"{_checks._show(value)} in row {number}",
                f"Looked in {str(folder or '.')!r}; give folder= where the paths begin elsewhere.",
            )
            items.append(path)
            names.append(str(path))
    return items, names


def _found(value, folder):
    """The file that a path, or an id without its suffix, names; or None."""
    path = Path(folder or ".", str(value))
    if path.is_file():
        return path
    for suffix in SUFFIXES:
        if path.with_name(path.name + suffix).is_file():
            return path.with_name(path.name + suffix)
    return None
