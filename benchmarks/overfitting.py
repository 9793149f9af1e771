"""What each remedy for overfitting does, 1,000 images of Fashion-MNIST, five seeds.

The network, the remedies and their strengths are those of examples/overfitting.py. The strengths
were chosen on rows of the training set, so the test images are seen by the table alone; every seed
draws 1,000 other training images.
"""

import numpy as np

from benchmarks import _data, _measure
from examples import overfitting


def main(seeds=5, epochs=overfitting.EPOCHS):
    _measure.versions()
    train, test = (overfitting.scaled(*part) for part in _data.fashion_mnist())
    report(overfitting.compare(train, test, overfitting.REMEDIES, int(seeds), int(epochs)))


def report(found):
    """A table of what `compare` returned."""
    plain_accuracies, plain_losses, _ = found["none"]
    rows = []
    for remedy, (accuracies, losses, _) in found.items():
        rows.append(
            (
                remedy,
                *_mean_and_spread(accuracies),
                f"{(accuracies - plain_accuracies).mean():+.3f}",
                f"{(accuracies > plain_accuracies).sum()} of {len(plain_losses)}",
                *_mean_and_spread(losses),
                f"{(losses < plain_losses).sum()} of {len(plain_losses)}",
            )
        )
    header = ("remedy", "accuracy", "spread", "beside none", "seeds better")
    _measure.table((*header, "log loss", "spread", "seeds better"), rows)


def _mean_and_spread(values):
    spread = values.std(ddof=1) if len(values) > 1 else np.nan
    return f"{values.mean():.3f}", f"{spread:.3f}"
