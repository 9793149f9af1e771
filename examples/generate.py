# %% [markdown]
# # New digits, and digits in another colour
#
# `build_gan` draws digits of a class that nobody wrote. `build_cyclegan` translates between white
# digits and coloured ones without a single pair of the same digit in both. The pictures show what
# came out, and a classifier that never saw a made image tells how many of them it reads as meant.
#
# Do the samples help a classifier as additional training data? The last cell measures it: with 20
# real digits of a class, with and without made ones beside them. Do not expect too much: what a
# generator knows it has from the same 20 digits.

# %%
import argparse
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from recipes import batches, build_cyclegan, build_gan, sample, translate, unpaired_batches

COLOUR = np.array([1.0, 0.75, 0.1])  # what white becomes in the second kind
FEW = 20  # real digits of a class in the last cell


def main(quick=False, output="output/generate"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels * 255 / 16).reshape(-1, 8, 8, 1).astype("float32")
    x, x_test, y, y_test = train_test_split(
        images, labels, test_size=500, stratify=labels, random_state=0
    )
    if quick:
        x, y = x[:300], y[:300]
    forest = RandomForestClassifier(random_state=0).fit(flat(x), y)

    model = draw_digits(x, y, epochs=2 if quick else 150)
    made = sample(model, 1000, seed=0)
    read = np.mean(forest.predict(flat(made)) == np.arange(1000) % 10)
    print(f"made digits that a random forest reads as meant: {read:.1%}")
    gallery(made[:50, ..., 0], output / "made_digits.png", "each column is a class")

    halves = np.array_split(x, 2)
    white, coloured = halves[0] * np.ones(3), halves[1] * COLOUR
    painter = colour_digits(white, coloured, epochs=1 if quick else 25)
    painted = translate(painter, white, to="b")
    back = translate(painter, painted, to="a")
    error = np.abs(painted - white * COLOUR).mean()
    before = np.abs(white - white * COLOUR).mean()
    print(f"painted digits differ from the truth by {error:.1f} of 255, before {before:.1f}")
    print(f"error of there and back: {np.abs(back - white).mean():.1f} of 255")
    rows = np.concatenate([white[:10], painted[:10], back[:10]])
    gallery(rows / 255, output / "painted_digits.png", "white, painted, and back")

    for name, accuracy in few_digits(x, y, x_test, y_test, epochs=2 if quick else 300).items():
        print(f"{FEW} digits of a class, {name}: {accuracy:.4f}")


# %% The two models


def draw_digits(x, y, epochs):
    model = build_gan((8, 8, 1), classes=10, seed=0)
    model.fit(batches(x, y, 64, seed=0), epochs=epochs, shuffle=False, verbose=0)
    return model


def colour_digits(white, coloured, epochs):
    """Small networks that see few pixels at once keep the digit and change its colour."""
    model = build_cyclegan((8, 8, 3), filters=(16,), residual_blocks=1, seed=0)
    feed = unpaired_batches(white, coloured, 16, seed=0)
    model.fit(feed, epochs=epochs, shuffle=False, verbose=0)
    return model


# %% Do made images help?


def few_digits(x, y, x_test, y_test, epochs):
    """Test accuracy of a forest on few real digits, alone and beside as many made ones."""
    few = np.concatenate([np.flatnonzero(y == digit)[:FEW] for digit in range(10)])
    model = draw_digits(x[few], y[few], epochs)
    more = sample(model, len(few), seed=1)
    sets = {
        "alone": (x[few], y[few]),
        "and as many made": (
            np.concatenate([x[few], more]),
            np.concatenate([y[few], np.arange(len(few)) % 10]),
        ),
    }
    return {
        name: RandomForestClassifier(random_state=0).fit(flat(some), of).score(flat(x_test), y_test)
        for name, (some, of) in sets.items()
    }


# %% Pictures


def flat(images):
    return images.reshape(len(images), -1)


def gallery(images, path, title):
    """Rows of ten images."""
    rows = len(images) // 10
    figure, axes = plt.subplots(rows, 10, figsize=(7, 0.7 * rows + 0.5), layout="constrained")
    for ax, image in zip(axes.flat, images, strict=True):
        ax.imshow(np.clip(image, 0, None), cmap="gray")
        ax.axis("off")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/generate", help="folder for the pictures")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
