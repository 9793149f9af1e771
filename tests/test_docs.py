"""README blocks and examples run as they stand."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_readme_blocks_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    namespace = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"README.md, block {number}", "exec"), namespace)


def test_readme_lists_every_example_and_every_builder():
    import recipes

    builders = [name for name in recipes.__all__ if name.startswith("build_")]
    missing = [
        name for name in [*builders, *(path.name for path in EXAMPLES)] if name not in README
    ]
    assert missing == []


def test_the_commands_of_readme_and_ci_are_the_same():
    """What CI runs is what a newcomer is told to run."""
    command = next(line for line in README.splitlines() if line.endswith("uv run pytest"))
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
    assert command.startswith("python3 -m pip install")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(quick=True)
    assert list(tmp_path.rglob("*.png"))
