"""What holds for every test."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """pyplot keeps every figure that was not closed, and warns from the twentieth on."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
