"""Test accuracy of each remedy for overfitting, 150 digits, mean and spread over five seeds."""

from benchmarks import _measure
from examples import overfitting


def main(seeds=5, epochs=60):
    _measure.versions()
    found = overfitting.compare(overfitting.REMEDIES, int(seeds), int(epochs))
    plain = found["none"][0]
    rows = [
        (
            remedy,
            f"{accuracies.mean():.3f}",
            f"{accuracies.std(ddof=1) if len(accuracies) > 1 else 0:.3f}",
            f"{(accuracies - plain).mean():+.3f}",
            f"{(accuracies > plain).sum()} of {len(plain)}",
        )
        for remedy, (accuracies, _) in found.items()
    ]
    header = ("remedy", "test accuracy", "spread", "beside none", "seeds better")
    _measure.table(header, rows)
