# %% [markdown]
# # Labels in one domain, predictions in another
#
# A classifier has learnt light digits on a dark ground, and is shown digits before pieces of
# photographs. Nobody has labelled those. `build_domain_adversarial` learns from the labels of the
# one and from the bare images of the other; beside it the same layers learn from the labels alone.
# The picture shows the codes of both domains before and after: where a class lies in one place,
# whichever domain it is from, the labels of one serve the other.
#
# Where both domains hold the same kinds of rows, only in other shares, weights do: the last cell
# makes training rows that were collected in a lopsided way look like the rows to predict.

# %%
import argparse
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes, load_digits, load_sample_images
from sklearn.linear_model import LinearRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split

from recipes import (
    batches,
    build_domain_adversarial,
    classifier_of,
    domain_batches,
    encode,
    importance_weights,
)

FILTERS = (16, 32)
SOURCE, TARGET = "#0072B2", "#D55E00"


def main(quick=False, output="output/domain_shift"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    source, y, target, test, y_test = digits()
    if quick:
        source, y, target = source[:200], y[:200], target[:200]
    epochs = 1 if quick else 30

    models = {
        "labels of the source alone": source_alone(source, y, epochs),
        "build_domain_adversarial": adversarial(source, y, target, epochs),
    }
    scores, codes = {}, {}
    shown = 20 if quick else 250
    for name, model in models.items():
        classifier = classifier_of(model)
        scores[name] = classifier.evaluate(test, y_test, verbose=0)[1]
        print(f"{name}: {scores[name]:.3f} of {len(test)} digits before photographs")
        codes[name] = encode(model, np.concatenate([source[:shown], test[:shown]]))
    labels = np.concatenate([y[:shown], y_test[:shown]])
    picture(source, target, scores, codes, labels, output / "domain_shift.png")

    weigh(output / "weights.png")


# %% Data: digits as they are, and others before pieces of photographs


def digits():
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
    source, rest, y, y_rest = train_test_split(images, labels, test_size=0.6, random_state=0)
    target, test, _, y_test = train_test_split(rest, y_rest, test_size=0.5, random_state=0)
    random = np.random.default_rng(0)
    return source, y, before_photos(target, random), before_photos(test, random), y_test


def before_photos(images, random):
    """The difference between each image and a piece of a photograph."""
    photos = [photo.mean(axis=-1) / 255 for photo in load_sample_images().images]
    made = []
    for image in images[..., 0]:
        photo = photos[random.integers(len(photos))]
        row, column = (random.integers(side - 8) for side in photo.shape)
        made.append(abs(image - photo[row : row + 8, column : column + 8]))
    return np.array(made, "float32")[..., None]


# %% The two models: the same layers


def source_alone(source, y, epochs):
    model = build_domain_adversarial((8, 8, 1), 10, filters=FILTERS, seed=0)
    feed = batches(source, y, 32, seed=0)
    classifier_of(model).fit(feed, epochs=epochs, shuffle=False, verbose=0)
    return model


def adversarial(source, y, target, epochs):
    feed = domain_batches(source, y, target, 64, seed=0)
    steps = epochs * len(feed)
    model = build_domain_adversarial((8, 8, 1), 10, filters=FILTERS, ramp_steps=steps, seed=0)
    model.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    return model


# %% The picture


def picture(source, target, scores, codes, labels, path):
    figure = plt.figure(figsize=(11, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.9))
    left, right = above.subfigures(1, 2)
    axes = left.subplots(2, 8)
    for row, images, title in zip(axes, (source, target), ("source", "target"), strict=True):
        row[0].set_title(title, loc="left")
        for ax, image in zip(row, images[..., 0], strict=False):
            ax.imshow(image, cmap="gray")
            ax.axis("off")
    bars = right.subplots()
    names = list(scores)[::-1]
    drawn = bars.barh(names, [scores[name] for name in names], color=TARGET, height=0.5)
    bars.bar_label(drawn, fmt="%.3f", padding=3)
    bars.set(xlim=(0, 1.12), xlabel="accuracy on the target")
    bars.spines[["top", "right"]].set_visible(False)
    half = len(labels) // 2
    for ax, (name, rows) in zip(below.subplots(1, len(codes)), codes.items(), strict=True):
        places = TSNE(random_state=0).fit_transform(rows)
        for part, colour in ((slice(half), SOURCE), (slice(half, None), TARGET)):
            for place, label in zip(places[part], labels[part], strict=True):
                ax.text(*place, str(label), color=colour, fontsize=8, ha="center", va="center")
        (left_end, bottom), (right_end, top) = places.min(0) - 2, places.max(0) + 2
        ax.set(title=f"codes: {name}", xticks=[], yticks=[])
        ax.set(xlim=(left_end, right_end), ylim=(bottom, top))
    below.supxlabel("each digit is an image: source in blue, target in orange", fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


# %% Other shares of the same kinds of rows: weights


def weigh(path):
    """Patients of low weight were asked more often than those to predict are."""
    x, y = load_diabetes(return_X_y=True)
    bmi = x[:, 2]
    asked = np.random.default_rng(0).random(len(x)) < 1 / (1 + np.exp(bmi / bmi.std() * 0.8))
    result = importance_weights(x[asked], x[~asked], seed=0)
    print(result)
    means = {
        "those asked": bmi[asked].mean(),
        "those asked, weighted": np.average(bmi[asked], weights=result.weights),
        "those to predict": bmi[~asked].mean(),
    }
    print("body mass index:", ", ".join(f"{name} {mean:+.3f}" for name, mean in means.items()))
    for name, weights in (("without", None), ("with", result.weights)):
        model = LinearRegression().fit(x[asked][:, :2], y[asked], sample_weight=weights)
        error = abs(model.predict(x[~asked][:, :2]) - y[~asked]).mean()
        print(f"age and sex alone, error {name} weights: {error:.1f}")
    result.plot().figure.savefig(path, dpi=120)


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/domain_shift", help="folder for the pictures")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
