"""Values as text beside `described`: `label` names an option, `source` is Python."""

import numbers

import numpy as np

from recipes._descriptions import PLAIN, described, name_of, rendered


def label(value):
    """A value's text in the database, where training must not change it: objects by name."""
    return rendered(value, lambda item: repr(item) if isinstance(item, PLAIN) else name_of(item))


def source(value, name):
    """Python that gives the value; an object is called by its own name or the argument's."""
    try:
        return rendered(value, _literal)
    except TypeError:
        own = getattr(value, "__name__", name)
        return own if own.isidentifier() else name  # a lambda has none


def same(one, other):
    """Whether two values are the same constant; a list is as good as a tuple."""
    if isinstance(one, numbers.Number) and isinstance(other, numbers.Number):
        return one == other
    one, other = (tuple(v) if isinstance(v, list) else v for v in (one, other))
    return described(one) == described(other)


def _literal(value):
    if isinstance(value, np.generic):
        return source(value.item(), "")
    raise TypeError(f"{value!r} cannot be written as Python.")
