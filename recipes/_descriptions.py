"""Values as text that is the same in every process, and the code of functions as a number.

They tell a stored run from another one. Containers are gone through; what they hold, each of
`described` and `code` says in its own way.
"""

import functools
import inspect
import json
import re
import sys
import types
import warnings
import zlib

import keras
import numpy as np

PLAIN = (bool, int, float, str)
# What a Keras object's config says beside its arguments: what became of it, where its code stood,
# and a seed that some layers draw for themselves.
NOT_OURS = ("build_config", "build_input_shape", "compile_config", "code", "seed")


def described(value):
    """What a value is, by its content; a function by its name."""
    return rendered(value, _identity)


def code(value):
    """A number for the code of the functions in a value: another one where one was edited.

    What a function names counts too: its defaults, constants, and functions of its own module; not
    what may change in place, nor comments. As text, with the Python that it is good for.
    """
    number = zlib.crc32(rendered(value, functools.partial(_code, seen=set())).encode())
    return f"Python {sys.version_info.major}.{sys.version_info.minor}: {number}"


def warn_of_edits(owner, known, now, stacklevel):
    """Warn where functions were edited since a run began, which goes on all the same."""
    if known != now and known.partition(":")[0] == now.partition(":")[0]:
        warnings.warn(
            f"{owner} holds a run of other code: a function that was given, or a constant that it "
            "names, has been edited since. What is finished is kept as it is. "
            "overwrite=True begins anew.",
            stacklevel=stacklevel + 1,
        )


def checksum(data):
    """A number for all values in a structure of arrays and tables."""
    value = 0
    for leaf in keras.tree.flatten(data):
        if hasattr(leaf, "iloc"):
            import pandas as pd

            leaf = pd.util.hash_pandas_object(leaf, index=False).to_numpy()
        if leaf is not None:
            # As bytes: bfloat16 has no buffer of its own.
            value = zlib.crc32(np.ascontiguousarray(leaf).reshape(-1).view("uint8").data, value)
    return value


def name_of(value):
    """The name of a function, also where arguments are bound to it, of a class, or of the type."""
    while isinstance(value, functools.partial):
        value = value.func
    return getattr(value, "__name__", type(value).__name__)


def rendered(value, leaf):
    """The text of a value; `leaf` gives that of what is neither plain nor a container."""
    if isinstance(value, dict):
        pairs = [f"{rendered(k, leaf)}: {rendered(v, leaf)}" for k, v in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(rendered(item, leaf) for item in value))}}}"
    if not isinstance(value, (tuple, list)):
        return repr(value) if value is None or type(value) in PLAIN else leaf(value)
    inner = ", ".join(rendered(item, leaf) for item in value)
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


def _code(value, seen):
    leaf = functools.partial(_code, seen=seen)
    if isinstance(value, functools.partial):
        return rendered((value.func, value.args, value.keywords), leaf)
    function = inspect.unwrap(getattr(value, "__func__", value))
    if not isinstance(function, types.FunctionType) or function in seen:
        return described(value)
    seen.add(function)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    known = {**function.__globals__, **{name: _held(cell) for name, cell in cells}}
    parts: list = [function.__defaults__, function.__kwdefaults__]
    for own in _codes(function.__code__):
        constants = [c for c in own.co_consts if not isinstance(c, types.CodeType)]
        named = [known.get(name) for name in (*own.co_names, *own.co_freevars)]
        parts += [own.co_code.hex(), own.co_names, [c for c in constants if c != function.__doc__]]
        parts += [item for item in named if _stays(item, function.__module__)]
    return rendered(parts, leaf)


def _codes(own):
    """The code of a function and of those inside it."""
    inner = (c for c in own.co_consts if isinstance(c, types.CodeType))
    return [own, *(each for one in inner for each in _codes(one))]


def _held(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not yet
        return None


def _stays(value, module):
    """Whether a value is what it was as long as its code is: plain, or a function of the module."""
    if isinstance(value, types.FunctionType):
        return value.__module__ == module
    return isinstance(value, (*PLAIN, tuple, functools.partial))


def _of_keras(value):
    """A checksum of what a Keras object is made with, and of a model's weights."""
    said = f"config {config_of(value)}"
    if not isinstance(value, keras.Model):
        return said
    weights = [keras.ops.convert_to_numpy(weight) for weight in value.weights]
    return f"{said}, weights checksum {checksum(weights)}"


def config_of(value, besides=()):
    """A checksum of what a Keras object is made with, but for names `besides`; 0 of one that
    cannot say.

    Keras counts up the names of layers in a process: without their numbers they are the same.
    """
    try:
        config = keras.saving.serialize_keras_object(value)
        text = json.dumps(
            _without(config, (*NOT_OURS, *besides)), sort_keys=True, default=_identity
        )
    except Exception:  # a class of the user's own that cannot say
        text = ""
    return zlib.crc32(re.sub(r'_[0-9]+(?=")', "", text).encode())


def _without(config, names):
    if isinstance(config, dict):
        return {k: _without(v, names) for k, v in config.items() if k not in names}
    return [_without(v, names) for v in config] if isinstance(config, (list, tuple)) else config
