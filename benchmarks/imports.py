"""What `import recipes` costs beside `import keras`: CPU seconds of fresh interpreters."""

import os
import statistics
import subprocess
import sys

from benchmarks import _measure


def main(repeats=9):
    _measure.versions()
    seconds = {"keras": [], "recipes": []}
    for _ in range(int(repeats)):
        for name, taken in seconds.items():
            taken.append(cpu_seconds(f"import {name}"))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    ratio = medians["recipes"] / medians["keras"]
    rows = [(f"import {name}", f"{value:.2f}") for name, value in medians.items()]
    _measure.table(("statement", "CPU seconds (median)"), [*rows, ("ratio", f"{ratio:.3f}")])


def cpu_seconds(statement):
    before = os.times()
    subprocess.run([sys.executable, "-c", statement], check=True, stderr=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
