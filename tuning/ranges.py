"""Ranges: what a knob may be. A space is a dict from argument names to ranges and constants.

`Int` and `Float` for numbers, `Choice` for names and other things, `Boolean` for switches, `Widths`
for a tuple whose length is the depth (`units`, `filters`). Any other value in a space is a constant
that goes to the builder as it is.
"""

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import Any

from recipes._descriptions import described
from tuning import _checks
from tuning._descriptions import label

DIGITS = 3  # of a drawn Float: enough for most knobs, and short in the line that rebuilds a model
VALUES = 50  # that digits tell apart in a range at least: a narrow one needs more of them


@dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both included.

    Args:
        low, high: the ends, low < high.
        step: distance between values; it divides `high - low`.
        log: draw small values as often as large ones; low > 0 and step 1.
        default: value of the first trial; None is the builder's own default, or, where it lies
            outside, the nearest value.

    Raises:
        ValueError, TypeError: an empty range, a step that misses `high`, a default outside.

    >>> Int(16, 64, step=16).ends
    (16, 64)
    """

    low: int
    high: int
    step: int = 1
    log: bool = False
    default: int | None = None

    def __post_init__(self):
        for name in ("low", "high"):
            _whole(self, name)
        _checks.bounds("Int", self.low, self.high, step=self.step, log=self.log)
        _checks.lies_in("Int", self.default, self.start())

    @property
    def ends(self):
        """The smallest and the largest value."""
        return self.low, self.high

    def start(self, default=None):
        """The value of the first trial, given the builder's default."""
        value = _clamp(self, self.default if self.default is not None else default)
        return self.low + round((value - self.low) / self.step) * self.step

    def draw(self, hp, name, default=None):
        """This trial's value from `hp`, a `keras_tuner.HyperParameters`."""
        step, sampling = (None, "log") if self.log else (self.step, "linear")
        start = self.start(default)
        return hp.Int(name, self.low, self.high, step=step, sampling=sampling, default=start)


@dataclass(frozen=True)
class Float:
    """A number from `low` to `high`, rounded to three digits, or to more in a narrow range.

    Args:
        low, high: the ends, low < high.
        log: draw by magnitude, for learning rates and penalties; low > 0.
        default: value of the first trial; None is the builder's own default, or, where it lies
            outside, the nearest value.

    Raises:
        ValueError, TypeError: an empty range, a default outside.

    >>> Float(1e-4, 1e-2, log=True).start()
    0.001
    """

    low: float
    high: float
    log: bool = False
    default: float | None = None

    def __post_init__(self):
        _checks.number("low", self.low)
        _checks.number("high", self.high)
        _checks.bounds("Float", self.low, self.high, log=self.log)
        if self.default is not None:
            nearest = min(max(_checks.number("default", self.default), self.low), self.high)
            _checks.lies_in("Float", self.default, nearest)

    @property
    def ends(self):
        """The smallest and the largest value."""
        return self.low, self.high

    def start(self, default=None):
        """The value of the first trial, given the builder's default."""
        return self._rounded(_clamp(self, self.default if self.default is not None else default))

    def draw(self, hp, name, default=None):
        """This trial's value from `hp`, a `keras_tuner.HyperParameters`."""
        sampling = "log" if self.log else "linear"
        start = self.start(default)
        return self._rounded(hp.Float(name, self.low, self.high, sampling=sampling, default=start))

    def _rounded(self, value):
        smallest = math.floor(math.log10((self.high - self.low) / VALUES))  # decimal that tells
        first = math.floor(math.log10(abs(value))) if value else smallest
        digits = max(DIGITS, first - smallest + 1)
        return min(max(float(f"{value:.{digits}g}"), self.low), self.high)


@dataclass(frozen=True, init=False)
class Choice:
    """One of several options: names, numbers, tuples, None, or objects.

    Args:
        *options: at least two, or one list of them.
        default: option of the first trial; None is the builder's own default, or, where it is no
            option, the first.

    Raises:
        ValueError: fewer than two options, an option twice, a default that is no option.

    >>> Choice("relu", "elu").ends
    ('relu', 'elu')
    """

    options: tuple
    default: Any = None

    def __init__(self, *options, default=None):
        if len(options) == 1 and isinstance(options[0], (list, tuple)):
            (options,) = options
        object.__setattr__(self, "options", tuple(options))
        object.__setattr__(self, "default", default)
        _checks.options("Choice", self.options)
        _checks.lies_in("Choice", default, self.start())

    @property
    def ends(self):
        """All options."""
        return self.options

    def start(self, default=None):
        """The option of the first trial, given the builder's default."""
        wanted = self.default if self.default is not None else default
        return wanted if wanted in self.options else self.options[0]

    def draw(self, hp, name, default=None):
        """This trial's option from `hp`, a `keras_tuner.HyperParameters`."""
        labels = self._labels()
        start = labels[self.options.index(self.start(default))]
        return self.options[labels.index(hp.Choice(name, labels, default=start))]

    def _labels(self):
        """The options themselves where Keras Tuner can hold them, else their text."""
        kinds = {type(option) for option in self.options}
        if len(kinds) == 1 and kinds <= {int, float, str}:
            return list(self.options)
        return [f"{i}: {label(option)}" for i, option in enumerate(self.options)]


@dataclass(frozen=True)
class Boolean:
    """True or False.

    Args:
        default: value of the first trial; None is the builder's own default, or False.

    >>> Boolean().ends
    (False, True)
    """

    default: bool | None = None

    def __post_init__(self):
        if self.default is not None:
            _checks.flag("default", self.default)

    @property
    def ends(self):
        """Both values."""
        return False, True

    def start(self, default=None):
        """The value of the first trial, given the builder's default."""
        return bool(self.default if self.default is not None else default)

    def draw(self, hp, name, default=None):
        """This trial's value from `hp`, a `keras_tuner.HyperParameters`."""
        return hp.Boolean(name, default=self.start(default))


@dataclass(frozen=True)
class Widths:
    """A tuple of widths whose length is the depth, for `units` and `filters`.

    The depth and the width of each layer are drawn one by one; the width of layer 3 exists only in
    trials that have three layers or more.

    Args:
        low, high, step: the widths, as in `Int`.
        depth: (fewest, most) layers, both included.
        default: tuple of the first trial; None is the builder's own default, each width moved into
            the range.

    Raises:
        ValueError, TypeError: an empty range, a step that misses `high`, fewest > most.

    >>> Widths(16, 64, step=16, depth=(1, 3)).ends
    ((16,), (64, 64, 64))
    """

    low: int
    high: int
    step: int = 1
    depth: tuple[int, int] = field(default=(1, 4), kw_only=True)
    default: tuple | None = field(default=None, kw_only=True)

    def __post_init__(self):
        for name in ("low", "high"):
            _whole(self, name, minimum=1)
        _checks.bounds("Widths", self.low, self.high, step=self.step)
        object.__setattr__(self, "depth", _checks.depth(self.depth))
        if self.default is not None:
            default = _checks.counts("default", self.default, allow_empty=True)
            object.__setattr__(self, "default", default)
            _checks.lies_in("Widths", default, self.start())

    @property
    def ends(self):
        """The smallest and the largest tuple."""
        fewest, most = self.depth
        return (self.low,) * fewest, (self.high,) * most

    def start(self, default=None):
        """The tuple of the first trial, given the builder's default."""
        wanted = self.default if self.default is not None else default
        fewest, most = self.depth
        if not isinstance(wanted, (tuple, list)):
            wanted = (self._width.start(),) * fewest
        wanted = (*wanted, *wanted[-1:] * fewest)[: max(fewest, min(len(wanted), most))]
        return tuple(self._width.start(width) for width in wanted)

    def draw(self, hp, name, default=None):
        """This trial's tuple from `hp`, a `keras_tuner.HyperParameters`."""
        fewest, most = self.depth
        start = self.start(default)
        depth = hp.Int(f"{name}/depth", fewest, most, default=len(start))
        widths = []
        for layer in range(1, most + 1):
            optional = layer > fewest
            deep_enough = list(range(layer, most + 1))
            scope = hp.conditional_scope(f"{name}/depth", deep_enough) if optional else None
            first = start[min(layer, len(start)) - 1] if start else None
            with scope or contextlib.nullcontext():
                widths.append(self._width.draw(hp, f"{name}/{layer}", first))
        return tuple(widths[:depth])

    @property
    def _width(self):
        return Int(self.low, self.high, self.step)


RANGES = (Int, Float, Choice, Boolean, Widths)


def describe(value):
    """Text for a constant, a range or an option that is the same in every process."""
    if isinstance(value, Choice):
        options = ", ".join(map(described, value.options))
        return f"Choice({options}, default={described(value.default)})"
    return described(value)


def without_default(range_):
    """The same range, with the builder's default for its own."""
    if isinstance(range_, Choice):
        return Choice(list(range_.options))
    return replace(range_, default=None)


def _whole(range_, name, minimum=None):
    value = _checks.count(name, getattr(range_, name), minimum=minimum or -math.inf)
    object.__setattr__(range_, name, value)


def _clamp(range_, wanted):
    """`wanted`, moved into the range; the middle where it is no number."""
    low, high = range_.low, range_.high
    if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
        return math.sqrt(low * high) if range_.log else (low + high) / 2
    return min(max(wanted, low), high)
