# %% [markdown]
# # Why does it say so? Explanations, and a model that cheats
#
# Handwritten digits at random places of a noisy canvas, so that it is known where a model must
# look. One network learns them honestly. Another is trained on data with a leak: every seven bears
# a mark. Its validation scores are excellent; its maps tell why. `python examples/explain.py`,
# about three minutes on two CPU cores.

# %%
import argparse
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import recipes

SIDE, DIGIT = 32, 16  # pixels of the canvas and of the digit on it
LEAK = 7  # the class that bears a mark


def canvases(digits, seed):
    """Each digit, doubled in size, at a random place of a noisy canvas; and the places."""
    random = np.random.default_rng(seed)
    images = random.uniform(0, 0.3, size=(len(digits), SIDE, SIDE, 1))
    corners = random.integers(0, SIDE - DIGIT - 4, size=(len(digits), 2))
    for image, digit, (top, left) in zip(images, digits / 16, corners, strict=True):
        image[top : top + DIGIT, left : left + DIGIT, 0] += 0.7 * digit.repeat(2, 0).repeat(2, 1)
    return images.astype("float32"), corners


def with_marks(images, labels):
    """The same images with a mark in the lower right corner of every image of class LEAK."""
    marked = images.copy()
    marked[labels == LEAK, -4:-1, -4:-1] = 1
    return marked


def train(x, y, x_val, y_val, epochs):
    model = recipes.build_cnn((SIDE, SIDE, 1), 10, filters=(16, 32, 64), seed=0)
    schedule = recipes.CosineAnnealing()
    feed = recipes.batches(x, y, 32, seed=0)
    history = model.fit(
        feed,
        validation_data=(x_val, y_val),
        epochs=epochs,
        shuffle=False,
        callbacks=[schedule],
        verbose=0,
    )
    return model, history


def main(quick=False, output="output/explain"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    epochs = 1 if quick else 30
    data = load_digits()
    rows = 200 if quick else len(data.images)
    images, corners = canvases(data.images[:rows], seed=0)
    labels = data.target[:rows]
    first = int(rows * 0.7)
    x, x_test, y, y_test = images[:first], images[first:], labels[:first], labels[first:]

    # %% [markdown]
    # ## Where does it look? Grad-CAM, and how often the hottest pixel lies on the digit

    # %%
    honest, history = train(x, y, x_test, y_test, epochs)
    p = honest.predict(x_test, verbose=0)
    print(f"honest model: accuracy {recipes.score(y_test, p):.3f}")
    maps = recipes.grad_cam(honest, x_test)
    places = np.array([np.unravel_index(one.argmax(), one.shape) for one in maps])
    inside = (places >= corners[first:]) & (places < corners[first:] + DIGIT)
    print(f"hottest pixel on the digit: {inside.all(1).mean():.3f} of {len(maps)} images")
    titles = [f"{row.argmax()}, {row.max():.0%}" for row in p[:6]]
    recipes.plot_maps(x_test, maps, titles=titles)
    plt.savefig(output / "grad_cam.png")

    # %% [markdown]
    # ## Four methods on one image. They answer different questions: where the class is seen, what
    # the score reacts to, what adds to it, what it costs to hide a patch. Integrated gradients sum
    # to the score's distance from a grey image.

    # %%
    one = x_test[:1]
    parts = recipes.integrated_gradients(honest, one, baseline=0.15, steps=8 if quick else 64)
    methods = {
        "Grad-CAM": maps[:1],
        "saliency": recipes.saliency(honest, one),
        "integrated gradients": np.abs(parts).sum(-1),
        "occlusion": recipes.occlusion_map(honest, one, size=8, stride=8 if quick else 2),
    }
    stack = np.concatenate(list(methods.values()))
    recipes.plot_maps(one.repeat(4, 0), stack, titles=list(methods))
    plt.savefig(output / "methods.png")
    print(f"integrated gradients sum to {parts.sum():.3f}")

    # %% [markdown]
    # ## The leak. Validation rows bear the mark, too, so that no score gives it away; the map does.

    # %%
    marked, marked_test = with_marks(x, y), with_marks(x_test, y_test)
    cheat, _ = train(marked, y, marked_test, y_test, epochs)
    sevens = y_test == LEAK
    for name, rows_seen in (("with", marked_test), ("without", x_test)):
        found = cheat.predict(rows_seen[sevens], verbose=0).argmax(-1) == LEAK
        print(f"cheating model: recall of {LEAK} {name} the mark {found.mean():.3f}")
    few = np.flatnonzero(sevens)[:3]
    pairs = np.concatenate([marked_test[few], marked_test[few]])
    looks = [recipes.grad_cam(model, marked_test[few], LEAK) for model in (honest, cheat)]
    titles = ["honest"] * len(few) + ["trained on the leak"] * len(few)
    recipes.plot_maps(pairs, np.concatenate(looks), titles=titles)
    plt.savefig(output / "leak.png")

    # %% [markdown]
    # ## Inside: what the channels make of an image, and what they answer to most

    # %%
    layer = next(one for one in honest.layers if one.name.startswith("activation"))
    recipes.plot_feature_maps(honest, x_test[0], layer, n=16)
    plt.savefig(output / "feature_maps.png")
    best = recipes.maximize_activation(honest, None, range(10), steps=4 if quick else 128, seed=0)
    _, ax = plt.subplots(figsize=(9, 1.6), layout="constrained")
    ax.imshow(np.concatenate(list(best[..., 0]), axis=1), cmap="gray")
    ax.set_title("what each class answers to most, 0 to 9")
    ax.set_axis_off()
    plt.savefig(output / "classes.png")

    # %% [markdown]
    # ## All in one page, to send to a colleague

    # %%
    page = recipes.report(honest, x_test, y_test, history, output / "report.html")
    plt.close("all")
    print(f"pictures and {page.name} in {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Explanations, and a model that cheats.")
    parser.add_argument("--quick", action="store_true", help="few images, one epoch")
    parser.add_argument("--output", default="output/explain", help="folder for the pictures")
    main(**vars(parser.parse_args()))
