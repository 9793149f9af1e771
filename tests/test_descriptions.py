"""What tells the code of one function from another's: `recipes._descriptions.code`."""

import functools
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import keras
import pytest

from recipes._descriptions import code, config_of, warn_of_edits


def module(source):
    """The names that a module of this source has, compiled anew."""
    names = {"__name__": "notebook", "functools": functools}
    exec(textwrap.dedent(source), names)
    return SimpleNamespace(**names)


CELL = """
    RATE = 0.3
    seen = []

    def layer(units, rate=RATE):
        '''A layer.'''
        return units * rate

    def build(units=8):
        seen.append(units)
        return [layer(2 * units) for _ in range(3)]

    def twice(function):
        @functools.wraps(function)
        def both(*arguments):
            return 2 * function(*arguments)
        return both

    @twice
    def wrapped():
        return RATE

    def bound(rate):
        return lambda: build(rate)

    class Model:
        def build(self, hp):
            return build(hp)
"""
EDITS = [  # of what, to what, and who is another then
    ("RATE = 0.3", "RATE = 0.2", {"layer", "build", "wrapped", "bound", "method"}),
    ("units * rate", "units + rate", {"layer", "build", "bound", "method"}),
    ("2 * units", "4 * units", {"build", "bound", "method"}),
    ("units=8", "units=9", {"build", "bound", "method"}),
    ("range(3)", "range(4)", {"build", "bound", "method"}),
    ("build(hp)", "build(hp, 2)", {"method"}),
    ("A layer.", "A layer of units.", set()),
    ("seen = []", "seen = [1]", set()),
    ("return RATE", "return RATE  # of all", set()),
]


def codes(cell):
    made = module(cell)
    looked_at = {name: getattr(made, name) for name in ("layer", "build", "wrapped")}
    looked_at |= {"bound": functools.partial(made.bound(0.3)), "method": made.Model().build}
    return {name: code(function) for name, function in looked_at.items()}


@pytest.mark.parametrize(("old", "new", "others"), EDITS, ids=[edit[1] for edit in EDITS])
def test_an_edit_shows_where_the_function_is_used(old, new, others):
    before, after = codes(CELL), codes(CELL.replace(old, new, 1))
    assert {name for name in before if before[name] != after[name]} == others


def test_what_a_function_changes_is_not_its_code():
    made = module(CELL)
    before = code(made.build)
    made.build()
    assert code(made.build) == before


def test_what_is_bound_and_what_is_closed_over_counts():
    made = module(CELL)
    assert code(made.bound(0.3)) == code(made.bound(0.3)) != code(made.bound(0.4))
    partial = functools.partial(made.build, units=3)
    assert code(partial) == code(functools.partial(made.build, units=3)) != code(made.build)
    assert code([None, {"a": partial}]) != code([None, {"b": partial}])


def test_functions_that_call_each_other():
    cell = "def a(n): return b(n)\ndef b(n): return a(n)"
    assert code(module(cell).a) == code(module(cell).a) != code(module(cell).b)


def test_it_is_the_same_in_another_process():
    names = "{'dropout', 'units', 'rate', 'width'}"
    source = f"def keep(name): return name in {names}"
    print_it = f"from recipes._descriptions import code\n{source}\nprint(code(keep))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", print_it], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)  # sets of names have another order in each
    ]
    assert runs[0] == runs[1]


def test_another_python_is_no_edit():
    warn_of_edits("a", "Python 3.11: 1", "Python 3.12: 2", stacklevel=1)
    with pytest.warns(UserWarning, match="a holds a run of other code"):
        warn_of_edits("a", "Python 3.11: 1", "Python 3.11: 2", stacklevel=1)


def test_the_config_of_a_model_is_that_of_its_copy(tmp_path):
    def build(rate):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dropout(rate)])

    model = build(0.2)
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.trainable = False
    frozen = {"besides": ("trainable",)}
    assert config_of(model) == config_of(build(0.2)) != config_of(build(0.3))
    assert config_of(model, **frozen) == config_of(loaded, **frozen)
