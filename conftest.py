"""Tests run side by side: threads of OpenMP, which wait by spinning, would wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
