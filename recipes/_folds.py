"""Which rows train and which are held out: `make_folds`; `hold_out` and `watched` for a share."""

import numpy as np

from recipes import _checks

SPLITS = ("kfold", "time")


def make_folds(rows, strata, *, folds, split, stratify, groups, seed, name="split"):
    """A list of (training rows, held-out rows), row numbers in ascending order.

    Args:
        rows: number of rows.
        strata: class of each row, (rows,), or None.
        folds, split, stratify, groups, seed: as in `cross_validate`.
        name: of the caller's argument that is given as `split`, for errors.
    """
    if groups is not None:
        groups = np.asarray(groups)
        _checks.same_rows(x=range(rows), groups=groups)
        missing = np.flatnonzero([g is None or g != g for g in groups.tolist()])
        received = f"none first at index {missing[0]}" if missing.size else ""
        _checks.require(not missing.size, "groups", "hold an id for every row", received)
    if isinstance(split, str):
        _checks.one_of("split", split, SPLITS)
        _checks.count("folds", folds, minimum=2)
        _checks.require(rows >= folds, "folds", f"be at most the number of rows, {rows}", folds)
        strata = strata if stratify and split == "kfold" else None
        blind = _blind(name, folds, groups)
        splitter = _splitter(strata, folds, split, groups, seed, blind)
    else:
        splitter = split
    pairs = _pairs(name, splitter, rows, strata, groups)
    for number, (train, held) in enumerate(pairs):
        _check_fold(name, number, train, held, rows, groups)
    return pairs


def hold_out(rows, strata, share, seed):
    """(rows to train on, rows held out), row numbers in ascending order, at least one in each.

    Every class keeps its share in both parts, unless a class has one row or a part fewer rows than
    there are classes: then the draw is blind to them.

    Args:
        rows: number of rows.
        strata: class of each row, (rows,), or None.
        share: of the rows that are held out, in (0, 1).
        seed: int for the draw; None is 0, so that the same call holds out the same rows.
    """
    from sklearn.model_selection import train_test_split

    held = _held(rows, share)
    if strata is not None:
        sizes = np.unique(strata, return_counts=True)[1]
        enough = sizes.min() > 1 and min(held, rows - held) >= len(sizes)
        strata = strata if enough else None
    parts = train_test_split(
        np.arange(rows), test_size=held, stratify=strata, random_state=seed or 0
    )
    return [np.sort(part) for part in parts]


def _held(rows, share):
    """How many of the rows are held out: at least one, and not all."""
    _checks.require(rows > 1, "x", "have at least 2 rows, to train on one and hold out one", rows)
    return min(max(1, round(share * rows)), rows - 1)


def watched(train, held, seed, *, strata, share, groups, split):
    """{"train": rows to learn from, "watched": rows that validate} of one fold.

    A share is taken off the training rows as the folds were cut: by whole groups, or at the end
    where rows are in order of time.

    Args:
        train, held, seed: rows and seed of the fold.
        strata: class of each row, (rows,), or None.
        share: "fold" for the rows held out, a share of those that train, or None for no rows.
        groups, split: as in `cross_validate`.
    """
    if share is None or share == "fold":
        return {"train": train, "watched": held if share else None}
    from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit

    if isinstance(split, TimeSeriesSplit) or (isinstance(split, str) and split == "time"):
        parts = np.split(np.arange(len(train)), [-_held(len(train), share)])
    elif groups is not None:
        own = np.asarray(groups)[train]
        distinct = len(np.unique(own))
        received = "1 group in a fold's training rows"
        hint = "Did you mean validation='fold' or fewer folds?"
        expected = "be taken off training rows of at least 2 groups"
        _checks.require(distinct > 1, "validation", expected, received, hint)
        parts = next(GroupShuffleSplit(1, test_size=share, random_state=seed).split(own, None, own))
    else:
        parts = hold_out(len(train), None if strata is None else strata[train], share, seed)
    return {name: train[part] for name, part in zip(("train", "watched"), parts, strict=True)}


def _blind(name, folds, groups):
    """How the caller asks for folds that do not look at the classes."""
    kind = "KFold" if groups is None else "GroupKFold"
    return "stratify=False" if name == "split" else f"{name}={kind}({folds}, shuffle=True)"


def among(rows, known):
    """Which rows are equal to one of the known ones, (rows,) of bool."""
    found = {row.tobytes() for row in known}
    return np.array([row.tobytes() in found for row in rows.astype(known.dtype)])


def _splitter(strata, folds, split, groups, seed, blind):
    from sklearn import model_selection

    if split == "time":
        return model_selection.TimeSeriesSplit(folds)
    if groups is not None:
        distinct = len(np.unique(groups))
        _checks.require(
            distinct >= folds,
            "groups",
            f"hold at least as many groups as there are folds, {folds}",
            f"{distinct} {'group' if distinct == 1 else 'groups'}",
            f"Did you mean folds={distinct}?" if distinct > 1 else "One group cannot be split.",
        )
    if strata is not None:
        _enough_of_each(strata, folds, blind)
        kinds = (model_selection.StratifiedKFold, model_selection.StratifiedGroupKFold)
    else:
        kinds = (model_selection.KFold, model_selection.GroupKFold)
    return kinds[groups is not None](folds, shuffle=True, random_state=seed)


def _enough_of_each(strata, folds, blind):
    classes, sizes = np.unique(strata, return_counts=True)
    rarest = int(sizes.argmin())
    size = int(sizes[rarest])
    fewer = f"folds={size} or {blind}" if size > 1 else f"{blind}, or more such rows"
    _checks.require(
        size >= folds,
        "y",
        f"hold at least folds={folds} rows of every class",
        f"{size} of class {classes[rarest]}",
        f"Did you mean {fewer}?",
    )


def _pairs(name, splitter, rows, strata, groups):
    """(train, held) from a scikit-learn splitter or from a list of such pairs."""
    if hasattr(splitter, "split") and not isinstance(splitter, type):
        placeholder = np.zeros(rows)
        strata = placeholder if strata is None else strata
        try:
            pairs = list(splitter.split(placeholder, strata, groups))
        except ValueError as error:
            hint = " Give groups=..." if groups is None and "groups" in str(error) else ""
            raise ValueError(
                f"{name} must be able to divide the rows. Received: {name}={splitter!r}, "
                f"which says: {error}{hint}"
            ) from error
    elif isinstance(splitter, (list, tuple)) and all(map(_is_pair, splitter)):
        pairs = list(splitter)
    else:
        names = "'kfold', 'time', " if name == "split" else "an int, "
        own = isinstance(splitter, type)
        hint = f" Did you mean {splitter.__name__}(5)?" if own else ""
        received = f"the class {splitter.__name__}" if own else f"{name}={splitter!r}"
        raise TypeError(
            f"{name} must be {names}a scikit-learn splitter or a list of "
            f"(training rows, held-out rows). Received: {received}.{hint}"
        )
    _checks.require(len(pairs) > 0, name, "make at least one fold", "none")
    return [tuple(_numbers(part) for part in pair) for pair in pairs]


def _numbers(part):
    """Row numbers in ascending order, also from a mask."""
    part = np.asarray(part)
    return np.flatnonzero(part) if part.dtype == bool else np.sort(part.astype("int64"))


def _is_pair(value):
    return hasattr(value, "__len__") and len(value) == 2 and not isinstance(value, str)


def _check_fold(name, number, train, held, rows, groups):
    for kind, part in (("training", train), ("held-out", held)):
        inside = len(part) and part[0] >= 0 and part[-1] < rows
        received = (
            f"{len(part)} {kind} rows in fold {number}"
            if not len(part)
            else (f"{kind} rows from {part[0]} to {part[-1]} in fold {number}")
        )
        _checks.require(inside, name, f"name rows from 0 to {rows - 1}", received)
    both = np.intersect1d(train, held)
    _checks.require(
        not len(both),
        name,
        "hold out rows that do not train",
        f"{len(both)} rows in both parts of fold {number}, the first {both[:1]}",
    )
    if groups is not None:
        own = "split='kfold'" if name == "split" else "a number of folds"
        leaked = np.intersect1d(groups[train], groups[held])
        _checks.require(
            not len(leaked),
            name,
            "keep every group in one part",
            f"{len(leaked)} groups in both parts of fold {number}, the first {leaked[:1].tolist()}",
            f"Use {own} or a group splitter of scikit-learn.",
        )
