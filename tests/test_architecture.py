"""The shape of the package: who imports whom, what is public, what an import costs."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import recipes
import tuning

ROOT = Path(recipes.__file__).parent.parent
SOURCES = sorted([*(ROOT / "recipes").rglob("*.py"), *(ROOT / "tuning").rglob("*.py")])
# What a file may import at its top. All else goes inside the function that needs it.
AT_IMPORT = {
    "recipes": {"keras", "numpy", "recipes"},
    "tuning": {"keras", "numpy", "recipes", "tuning"},
}
# Files that stand on keras_tuner's classes; `tuning` loads them on first use.
ON_KERAS_TUNER = {"tuning"}
BUILDERS = {path.stem for path in SOURCES if re.search(r"^def build_", path.read_text(), re.M)}


def imports(source, top_level):
    """Dotted names that a file imports: at the top level only, or anywhere."""
    tree = ast.parse(source.read_text())
    nodes = tree.body if top_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
class TestSource:
    def test_imports_nothing_heavy_at_the_top(self, source):
        package = source.parent.name
        allowed = AT_IMPORT[package] | ({"keras_tuner"} if package in ON_KERAS_TUNER else set())
        third_party = {name.split(".")[0] for name in imports(source, top_level=True)}
        assert third_party - set(sys.stdlib_module_names) <= allowed

    def test_recipes_know_nothing_of_tuning(self, source):
        if source.parent.name == "recipes":
            names = {name.split(".")[0] for name in imports(source, top_level=False)}
            assert not names & {"tuning", "keras_tuner", "optuna"}

    def test_builder_files_do_not_import_one_another(self, source):
        if source.parent.name == "recipes" and source.stem in BUILDERS:
            names = set(imports(source, top_level=False))
            assert not names & {f"recipes.{other}" for other in BUILDERS - {source.stem}}

    def test_has_a_docstring_and_a_size_that_fits_a_reader(self, source):
        assert ast.get_docstring(ast.parse(source.read_text()))
        assert len(source.read_text().splitlines()) < 420


@pytest.mark.parametrize(
    ("package", "name"),
    [(package, name) for package in (recipes, tuning) for name in getattr(package, "__all__", [])],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_public_names_are_documented_with_an_example(package, name):
    value = getattr(package, name)
    if not callable(value):
        return
    text = inspect.getdoc(value) or ""
    assert ">>> " in text, f"{name} has no doctest"
    assert re.match(r"[A-Z].*\.", text), f"{name} has no summary line"
    options = [
        parameter.name
        for parameter in inspect.signature(value).parameters.values()
        if parameter.name not in ("kwargs", "args", "name", "ax")
    ]
    missing = [option for option in options if not re.search(rf"\b{option}\b", text)]
    assert missing == [], f"{name} does not explain {missing}"


def test_all_is_sorted_and_complete():
    for package in (recipes, tuning):
        # Constants, classes, functions: as ruff has it.
        in_order = sorted(package.__all__, key=lambda name: (not name.isupper(), name))
        assert list(package.__all__) == in_order
        assert all(hasattr(package, name) for name in package.__all__)


@pytest.mark.processes
def test_importing_recipes_loads_nothing_but_keras():
    code = (
        "import sys, keras; before = set(sys.modules); import recipes;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.split() == ["recipes"]
