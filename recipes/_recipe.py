"""What every builder shares: plain Python arguments in, one seed for all that is random in it."""

import contextlib
import functools
import inspect
import random
import weakref
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import numpy as np

from recipes import _checks

P = ParamSpec("P")
R = TypeVar("R")

# model -> the line that made it, for as long as the model lives; a loaded model has none.
_CALLS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def recipe(build: Callable[P, R]) -> Callable[P, R]:
    """Make `build` a recipe.

    NumPy scalars become Python numbers (Keras refuses `Dense(np.int64(3))`), lists become tuples,
    everything that the builder makes draws its randomness from the argument `seed`, and a misspelt
    argument is answered with the nearest.
    """
    names = inspect.signature(build).parameters

    @functools.wraps(build)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        _checks.known_names(build.__name__, kwargs, names, TypeError)
        first = [_plain(value) for value in args]
        plain = {name: _plain(value) for name, value in kwargs.items()}
        with seeded(plain.get("seed")):
            made = build(*first, **plain)  # type: ignore[arg-type]
        # At once: kept for later, a backbone among them would stay in memory.
        given = [*map(repr, first), *(f"{name}={value!r}" for name, value in plain.items())]
        _CALLS[made] = f"{build.__name__}({', '.join(given)})"
        return made

    return wrapper


def call_of(model) -> str | None:
    """The call of a builder that made the model, as code; None where it is not known."""
    return _CALLS.get(model)


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Initializers and random layers made inside draw their seeds from `seed`, and no others.

    Keras draws the seed of an initializer or a random layer that was given none from Python's
    `random`, once, when the object is made. Seeding that generator around the builder and putting
    its state back reaches them all, on every backend.
    """
    seed = _checks.seed(seed)
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def drawn(seed: int | None) -> int:
    """The seed; None draws one as Keras does, so that `keras.utils.set_random_seed` fixes it."""
    seed = _checks.seed(seed)
    return random.randrange(2**31) if seed is None else seed


def generator(seed: int | None) -> np.random.Generator:
    """NumPy's generator of random numbers from `drawn(seed)`."""
    return np.random.default_rng(drawn(seed))


def in_turn(rows, wanted, random):
    """Numbers of rows, (wanted,): all of them in a new order before any comes again."""
    orders = [random.permutation(rows) for _ in range(-(-wanted // rows))]
    return np.concatenate(orders)[:wanted]


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value
