# %% [markdown]
# # Ten labels a class
#
# Labels are scarce, images are not. Four ways to classify digits with ten labelled images of each
# class and a thousand without a label:
#
# - a network on the labelled images alone,
# - `pseudo_label(method="hard")`: what the network is sure of becomes a label for the next one,
# - `pseudo_label(method="fixmatch")`: labels made on slightly changed images are learnt on strongly
#   changed ones,
# - clusters: an autoencoder sees all images, `KMeans` groups their codes, and the labelled images
#   name each group. No network is told a label.
#
# All are scored on images that none of them saw.

# %%
import argparse
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import train_test_split

from recipes import batches, build_cnn, build_stacked_autoencoder, encode, pseudo_label

LABELS = 10  # of each class
CLUSTERS = 20  # two ways to write each digit


def main(quick=False, output="output/few_labels"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    x, y, rest, x_test, y_test = digits(unlabelled=100 if quick else 1000)
    steps = 10 if quick else 300

    build = partial(build_cnn, filters=(32, 64))
    options = {"rounds": 1 if quick else 3, "steps": steps, "seed": 0}
    test = {"x": x_test, "y": y_test, "verbose": 0}
    scores = {"labelled images alone": alone(build, x, y, 4 * steps).evaluate(**test)[1]}
    for method in ("hard",) if quick else ("hard", "fixmatch"):
        result = pseudo_label(build, x, y, rest, method=method, verbose=1, **options)
        scores[f"pseudo_label, {method}"] = result.model.evaluate(**test)[1]

    codes, codes_test, clusters = cluster(x, rest, x_test, epochs=3 if quick else 40)
    names = named(clusters.predict(codes[: len(x)]), y)
    groups = clusters.predict(codes_test)
    scores["clusters, named by the labels"] = np.mean(names[groups] == y_test)
    together = contingency_matrix(y_test, groups)
    print(f"purity of {CLUSTERS} clusters: {together.max(axis=0).sum() / together.sum():.3f}")

    for name, score in scores.items():
        print(f"{name}: {score:.3f} of {len(x_test)} test images")
    picture(scores, codes_test, y_test, output / "few_labels.png")


# %% Data: ten labelled images of each class, many without labels, and a test part


def digits(unlabelled):
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
    rest, x_test, y_rest, y_test = train_test_split(
        images, labels, test_size=600, stratify=labels, random_state=0
    )
    few = np.concatenate([np.flatnonzero(y_rest == digit)[:LABELS] for digit in range(10)])
    others = np.setdiff1d(np.arange(len(rest)), few)[:unlabelled]
    return rest[few], y_rest[few], rest[others], x_test, y_test


# %% The labelled images alone, for as many steps as the rounds of a pseudo-labelling take together


def alone(build, x, y, steps):
    model = build(x.shape[1:], 10, seed=0)
    model.fit(batches(x, y, 32, seed=0), epochs=steps // 4, shuffle=False, verbose=0)
    return model


# %% Clusters of codes


def cluster(x, rest, x_test, epochs):
    """Codes of the labelled and unlabelled images, of the test images, and their clusters."""
    autoencoder = build_stacked_autoencoder(x.shape[1:], latent_dim=10, seed=0)
    everything = np.concatenate([x, rest])
    feed = batches(everything, everything, 32, seed=0)
    autoencoder.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    codes = encode(autoencoder, everything)
    clusters = KMeans(CLUSTERS, n_init=10, random_state=0).fit(codes)
    return codes, encode(autoencoder, x_test), clusters


def named(groups, labels):
    """The commonest label in each group; -1 where a group has none."""
    counts = np.zeros((CLUSTERS, 10), int)
    np.add.at(counts, (groups, labels), 1)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)


# %% Picture


def picture(scores, codes, labels, path):
    figure, (bars, space) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    names = list(scores)[::-1]
    drawn = bars.barh(names, [scores[name] for name in names], color="#0072b2")
    bars.bar_label(drawn, fmt="%.3f", padding=3)
    bars.set(xlim=(0, 1.12), xlabel="accuracy on the test images")
    bars.spines[["top", "right"]].set_visible(False)
    places = TSNE(random_state=0, perplexity=min(30, len(codes) // 4)).fit_transform(codes)
    space.scatter(*places.T, c=labels, cmap="tab10", s=10)
    for digit in range(10):
        middle = np.median(places[labels == digit], axis=0)
        space.text(*middle, str(digit), fontsize=14, weight="bold", ha="center", va="center")
    space.set(title="codes of test images, coloured by their true class", xticks=[], yticks=[])
    figure.savefig(path, dpi=120)
    plt.close(figure)


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/few_labels", help="folder for the picture")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
