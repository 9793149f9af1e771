"""`diagnose` on runs made to show each symptom and on healthy ones: hits and false alarms.

Limits were chosen on two of the four data sets with the seeds from 0 on; `diagnosis 100` makes all
runs anew, with seeds from 100 on.
"""

import collections
import time

import recipes
from benchmarks import _measure, _runs


def judge(run, history, y, predictions):
    """(whether the symptom was found, findings that neither it nor its consequences explain)."""
    found = recipes.diagnose(history, y, predictions).symptoms
    return run.symptom in found, [name for name in found if name not in (run.symptom, *run.also)]


def report(results):
    """Tables of hits and false alarms from (run, history, y, predictions)."""
    for title, names in (("chosen on", _runs.CHOSEN_ON), ("reported on", _runs.REPORTED_ON)):
        counts = collections.defaultdict(lambda: [0, 0, 0, 0])
        alarms = collections.Counter()
        for result in results:
            run = result[0]
            if run.data not in names:
                continue
            hit, false = judge(*result)
            row = counts[run.symptom or "healthy"]
            row[0] += 1
            row[1] += hit
            row[2] += bool(false)
            row[3] += len(false)
            alarms.update(f"{name} on {run.symptom or 'healthy'} ({run.data})" for name in false)
        print(f"\nLimits {title} {' and '.join(names)}\n")
        rows = [
            (name, runs, f"{hits}" if name != "healthy" else "", with_false)
            for name, (runs, hits, with_false, _) in counts.items()
        ]
        sick = [row for name, row in counts.items() if name != "healthy"]
        hits, runs = sum(row[1] for row in sick), sum(row[0] for row in sick)
        false = sum(row[2] for row in counts.values())
        whole = sum(row[0] for row in counts.values())
        found = f"{hits} of {runs} ({hits / runs:.0%})"
        rows.append(("all", whole, found, f"{false} ({false / whole:.0%})"))
        _measure.table(("made to show", "runs", "hits", "runs with a false alarm"), rows)
        for alarm, times in alarms.items():
            print(f"  {times} x {alarm}")


def main(first_seed=0):
    _measure.versions()
    start = time.perf_counter()
    results = [(run, *_runs.fit(run)) for run in _runs.runs(int(first_seed))]
    print(f"{len(results)} runs in {time.perf_counter() - start:.0f} s")
    report(results)
