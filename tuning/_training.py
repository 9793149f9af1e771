"""Knobs of the training, not of the model: what each of their values does to a `fit`."""

from recipes._targets import kind
from recipes.augmentation import OF_KIND, TABLE_LEVELS
from recipes.callbacks import CosineAnnealing, ReduceLROnPlateau
from recipes.imbalance import SCHEMES, sample_weights
from recipes.initialization import INITIALIZERS
from recipes.mixing import augmented
from tuning import _checks, _study_checks
from tuning.ranges import Boolean, Choice, Float, Int, Widths

# Names in a space that belong to the training, with the value of the first trial.
DEFAULTS = {
    "batch_size": 32,
    "epochs": 1,
    "augmentation": None,
    "class_weight": None,
    "schedule": None,
    "initial_weights": None,
}
# The callback for each schedule; the second waits for a plateau of a twelfth of the epochs.
SCHEDULES = {
    "cosine": CosineAnnealing,
    "plateau": lambda: ReduceLROnPlateau("val_loss", 1 / 12),
}
COUNTS = ("batch_size", "epochs")
OPTIONS = {
    "augmentation": tuple(TABLE_LEVELS),  # that all kinds of rows have
    "class_weight": SCHEMES,
    "schedule": tuple(SCHEDULES),
    "initial_weights": INITIALIZERS,
}
# Rank of one row -> the augmentation of its level.
OF_RANK = {1: OF_KIND["table"], 2: OF_KIND["series"], 3: OF_KIND["image"]}


def check(name, value):
    """Every value of a knob of the training is one that `fit` can have."""
    if name in COUNTS:
        _study_checks.whole_knob(name, value, (Float, Boolean, Widths))
    for option in value.ends if isinstance(value, (Int, Choice)) else [value]:
        if name in COUNTS:
            _checks.count(name, option)
        elif option is not None:
            _checks.one_of(name, option, OPTIONS[name])


def check_data(space, x, y):
    """The rows are such that these knobs can be turned."""
    if "class_weight" in space:
        classes = kind(y) in ("classes", "one_hot", "labels", "steps") if _array(y) else False
        _study_checks.class_weight(classes)
    if "augmentation" in space:
        rank = x.ndim - 1 if _array(x) else None
        _study_checks.augmentation(rank, OF_RANK)


def need_arrays(knobs):
    """Batches that come from elsewhere are neither weighted nor augmented here."""
    if knobs["class_weight"] is not None:
        _study_checks.class_weight(classes=False)
    if knobs["augmentation"] is not None:
        _study_checks.augmentation(None, OF_RANK)


def callbacks(schedule):
    """The callbacks of a schedule, none for None."""
    return [] if schedule is None else [SCHEDULES[schedule]()]


def weights(class_weight, y):
    """The weight of every row by the rarity of its class, None for None."""
    return None if class_weight is None else sample_weights(y, class_weight)


def with_augmentation(feed, level, rank, seed):
    """The batches themselves, or augmented anew in each epoch."""
    if level is None:
        return feed
    return augmented(feed, OF_RANK[rank](level, seed), seed=seed)


def _array(value):
    return hasattr(value, "dtype")
