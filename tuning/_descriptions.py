"""Values as text: `described` tells two studies apart, `label` names an option, `source` is Python.

Containers are gone through; what they hold, each of the three says in its own way.
"""

import functools
import json
import numbers
import re
import zlib

import keras
import numpy as np

from recipes._records import checksum

PLAIN = (bool, int, float, str)
# What a Keras object's config says beside its arguments: what became of it, where its code stood,
# and a seed that some layers draw for themselves.
NOT_OURS = ("build_config", "build_input_shape", "compile_config", "code", "seed")


def described(value):
    """What a value is, by its content: the same text in every process for the same value."""
    return _rendered(value, _identity)


def label(value):
    """A value's text in the database, where training must not change it: objects by name."""
    return _rendered(value, lambda item: repr(item) if isinstance(item, PLAIN) else name_of(item))


def source(value, name):
    """Python that gives the value; an object is called by its own name or the argument's."""
    try:
        return _rendered(value, _literal)
    except TypeError:
        own = getattr(value, "__name__", name)
        return own if own.isidentifier() else name  # a lambda has none


def same(one, other):
    """Whether two values are the same constant; a list is as good as a tuple."""
    if isinstance(one, numbers.Number) and isinstance(other, numbers.Number):
        return one == other
    one, other = (tuple(v) if isinstance(v, list) else v for v in (one, other))
    return described(one) == described(other)


def name_of(value):
    """The name of a function, also where arguments are bound to it, of a class, or of the type."""
    while isinstance(value, functools.partial):
        value = value.func
    return getattr(value, "__name__", type(value).__name__)


def _rendered(value, leaf):
    if isinstance(value, dict):
        pairs = [f"{_rendered(k, leaf)}: {_rendered(v, leaf)}" for k, v in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(_rendered(item, leaf) for item in value))}}}"
    if not isinstance(value, (tuple, list)):
        return repr(value) if value is None or type(value) in PLAIN else leaf(value)
    inner = ", ".join(_rendered(item, leaf) for item in value)
    if isinstance(value, list):
        return f"[{inner}]"
    return f"({inner},)" if len(value) == 1 else f"({inner})"


def _identity(value):
    if isinstance(value, functools.partial):
        bound = [described(item) for item in (value.func, *value.args)]
        named = [f"{name}={described(item)}" for name, item in sorted(value.keywords.items())]
        return f"partial({', '.join([*bound, *named])})"
    if hasattr(value, "__name__"):
        return value.__name__
    if hasattr(value, "get_config"):
        return f"{type(value).__name__}({_of_keras(value)})"
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        array = np.asarray(value)
        content = described(array.tolist()) if array.dtype.hasobject else checksum(array)
        return f"{type(value).__name__}({array.dtype} {array.shape}, checksum {content})"
    text = repr(value)
    return type(value).__name__ if " at 0x" in text else text


def _literal(value):
    if isinstance(value, np.generic):
        return source(value.item(), "")
    raise TypeError(f"{value!r} cannot be written as Python.")


def _of_keras(value):
    """A checksum of what a Keras object is made with, and of a model's weights.

    Keras counts up the names of layers in a process: without their numbers they are the same.
    """
    try:
        config = keras.saving.serialize_keras_object(value)
        text = json.dumps(_without(config, NOT_OURS), sort_keys=True, default=label)
    except Exception:  # a class of the user's own that cannot say
        text = ""
    unnumbered = re.sub(r'_[0-9]+(?=")', "", text)
    said = f"config {zlib.crc32(unnumbered.encode())}"
    if not isinstance(value, keras.Model):
        return said
    weights = [keras.ops.convert_to_numpy(weight) for weight in value.weights]
    return f"{said}, weights checksum {checksum(weights)}"


def _without(config, names):
    if isinstance(config, dict):
        return {k: _without(v, names) for k, v in config.items() if k not in names}
    return [_without(v, names) for v in config] if isinstance(config, (list, tuple)) else config
