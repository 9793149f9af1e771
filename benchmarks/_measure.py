"""How the benchmarks measure: sides take turns, so that a busy machine is busy for both."""

import platform
import statistics
import time


def alternate(*sides, repeats=7):
    """Call the sides in turn, `repeats` times, and return each side's list of wall seconds."""
    seconds = [[] for _ in sides]
    for _ in range(repeats):
        for side, taken in zip(sides, seconds, strict=True):
            start = time.perf_counter()
            side()
            taken.append(time.perf_counter() - start)
    return seconds


def ratio(slow, fast):
    """Median of the per-turn ratios slow / fast: how many times faster the second side is."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def table(header, rows):
    """Print a markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def versions():
    """One line that says on what the figures were measured."""
    import keras
    import tensorflow as tf

    parts = [
        f"Python {platform.python_version()}",
        f"keras {keras.__version__} ({keras.backend.backend()})",
        f"tensorflow {tf.__version__}",
    ]
    print(", ".join(parts))
