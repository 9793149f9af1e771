"""README blocks and examples run as they stand."""

import importlib.util
import re
import runpy
from pathlib import Path

import pandas as pd
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


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load(path.stem).main(quick=True)
    assert list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("with_test", [True, False], ids=["submission", "no test.csv"])
def test_kaggle_table_takes_labels_of_any_name(with_test, tmp_path, capsys):
    example = load("kaggle_table")
    train, test = example.write_example(tmp_path)
    table = pd.read_csv(train)
    table.assign(sick=table["sick"].map({0: "no", 1: "yes"})).to_csv(train, index=False)
    example.main(quick=True, output=tmp_path, train=train, test=test if with_test else None)
    submission = tmp_path / "submission.csv"
    assert ("submission.csv" in capsys.readouterr().out) == submission.exists() == with_test
    if with_test:
        assert set(pd.read_csv(submission)["sick"]) == {"no", "yes"}


def test_kaggle_images_says_what_it_wrote(tmp_path, capsys):
    example = load("kaggle_images")
    train, _ = example.write_csv(tmp_path, rows=100)
    example.main(quick=True, output=tmp_path, train=train)
    assert f"Written to {tmp_path}: confusion.png\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("kaggle_table", ["--train", "my.csv", "--target", "b"], "--target must .*: day, id, v"),
        ("kaggle_table", ["--train", "my.csv", "--target", "v", "--id", "b"], "--id must be"),
        ("fraud", ["--csv", "my.csv"], "Time and Class. It has day, id, v"),
        ("forecast", ["--csv", "my.csv"], "Received: 01/02/2024, .* --dayfirst"),
    ],
)
def test_examples_say_what_a_csv_lacks(name, arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("my.csv").write_text("day,id,v\n01/02/2024,1,0\n13/02/2024,2,1\n")
    monkeypatch.setattr("sys.argv", [name, *arguments])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert re.search(message, f"{stopped.value} {capsys.readouterr().err}")
