"""Seconds to decode answers of growing length: `decode`, which keeps its state, beside whole runs.

The other side is what one writes first: at every step the trained model runs over all tokens so
far, padded to the full length so that it is compiled once.
"""

import statistics

import numpy as np

import recipes
from benchmarks import _measure

ROWS, SOURCE, TOKENS, LENGTHS = 64, 30, 40, (10, 20, 40, 80)


def whole_runs(model, source, length):
    target = np.zeros((len(source), length), "int32")
    target[:, 0] = 2
    for step in range(1, length):
        made = model.predict_on_batch({"source": source, "target": target})
        target[:, step] = made[:, step - 1, 4:].argmax(-1) + 4
    return target


def main(repeats=3):
    _measure.versions()
    source = np.random.default_rng(0).integers(4, TOKENS, (ROWS, SOURCE)).astype("int32")
    model = recipes.build_seq2seq(TOKENS, TOKENS, units=(64,), seed=0)
    head = model.get_layer("output")
    kernel, bias = head.get_weights()
    bias[3] = -100  # no answer ends early, so that all lengths are what they say
    head.set_weights([kernel, bias])
    rows = []
    for length in LENGTHS:
        sides = (
            lambda length=length: recipes.decode(model, source, max_length=length),
            lambda length=length: whole_runs(model, source, length),
        )
        for side in sides:
            side()
        taken = _measure.alternate(*sides, repeats=int(repeats))
        seconds = [statistics.median(side) for side in taken]
        rows.append((length, *(f"{value:.3f}" for value in seconds)))
    _measure.table(("tokens", "decode, s", "whole runs, s"), rows)
