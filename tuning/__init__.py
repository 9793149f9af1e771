"""Search over recipes: ranges, a space for each builder, Optuna's and Keras Tuner's engines.

`search(build, x, y)` is the whole of it; `hypermodel(build)` is for Keras Tuner's own tuners.
"""

from tuning.hypermodel import hypermodel
from tuning.ranges import Boolean, Choice, Float, Int, Widths
from tuning.search import search
from tuning.spaces import SPACES, checklist, narrow, ranges_of
from tuning.study import Study

__all__ = [
    "SPACES",
    "Boolean",
    "Choice",
    "Float",
    "Int",
    "Study",
    "Widths",
    "checklist",
    "hypermodel",
    "narrow",
    "ranges_of",
    "search",
]
