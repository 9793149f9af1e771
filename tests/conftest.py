"""What holds for every test."""

import sys

import keras
import pytest


@pytest.fixture(autouse=True)
def same_chance():
    """A test meets the same weights and shuffles in every run: what fails, fails again."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """pyplot keeps every figure that was not closed, and warns from the twentieth on."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
