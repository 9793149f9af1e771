# %% [markdown]
# # The autoencoder family on handwritten digits
#
# Six autoencoders side by side, a map of their codes, new digits, a classifier from few labels, and
# an anomaly score beside an isolation forest: `python examples/autoencoders.py`, about two minutes
# on two CPU cores. `--fashion` takes Fashion-MNIST (a download of 30 MB) instead of scikit-learn's
# digits.

# %%
import argparse
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

import recipes

LABELLED = 200  # images whose labels the classifier sees


def load(fashion):
    """Images (rows, side, side, 1) in [0, 1] and their labels, shuffled."""
    if fashion:
        (images, labels), _ = keras.datasets.fashion_mnist.load_data()
        images, labels = images[:10_000] / 255, labels[:10_000]
    else:
        images, labels = load_digits(return_X_y=True)
        images = images / 16
    side = 28 if fashion else 8
    order = np.random.default_rng(0).permutation(len(images))
    return images.reshape(-1, side, side, 1)[order].astype("float32"), labels[order]


def main(quick=False, fashion=False, output="output/autoencoders"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    epochs = 2 if quick else 40
    images, labels = load(fashion)
    x, x_test, y, y_test = *np.split(images, [-500]), *np.split(labels, [-500])
    if quick:
        x, y = x[:500], y[:500]

    # %% [markdown]
    # ## The family. Every model learns to give back its input: `fit(x, x)`. `batches` feeds it
    # faster than arrays do. Pixels lie in [0, 1], so that a sigmoid fits the last layer.

    # %%
    shape = x.shape[1:]
    pixels = {"output_activation": "sigmoid", "seed": 0}
    family = {
        "stacked": recipes.build_stacked_autoencoder(shape, **pixels),
        "tied": recipes.build_stacked_autoencoder(shape, tied=True, **pixels),
        "denoising": recipes.build_denoising_autoencoder(shape, noise=0.3, **pixels),
        "sparse": recipes.build_sparse_autoencoder(shape, **pixels),
        "convolutional": recipes.build_convolutional_autoencoder(shape, **pixels),
        "variational": recipes.build_variational_autoencoder(shape, **pixels),
    }
    if quick:
        family = {name: family[name] for name in ("tied", "variational")}
    feed = recipes.batches(x, x, 32, seed=0)
    print(f"{'model':<15}{'weights':>9}{'held-out error':>16}")
    _, rows = plt.subplots(len(family), figsize=(9, 2.4 * len(family)), layout="constrained")
    for ax, (name, model) in zip(rows, family.items(), strict=True):
        model.fit(feed, epochs=epochs, verbose=0, shuffle=False)
        error = recipes.reconstruction_error(model, x_test).mean()
        print(f"{name:<15}{model.count_params():>9,}{error:>16.4f}")
        recipes.plot_reconstructions(model, x_test, n=10, ax=ax)
        ax.set_title(f"{name}, held-out error {error:.4f}")
    plt.savefig(output / "reconstructions.png")

    # %% [markdown]
    # ## The map of the codes, coloured by a label that no autoencoder has seen; and new digits

    # %%
    variational = family["variational"]
    recipes.plot_latent(recipes.encode(variational, x_test), y_test)
    plt.savefig(output / "latent.png")
    made = recipes.generate(variational, 20, seed=0)
    _, ax = plt.subplots(figsize=(9, 2), layout="constrained")
    ax.imshow(np.vstack([np.hstack(made[:10, ..., 0]), np.hstack(made[10:, ..., 0])]), cmap="gray")
    ax.set_title("new samples")
    ax.set_axis_off()
    plt.savefig(output / "generated.png")

    # %% [markdown]
    # ## Few labels: an encoder that saw all images, against the same network from scratch

    # %%
    stack = recipes.build_stacked_autoencoder(shape, **pixels)
    recipes.pretrain_layerwise(stack, x, epochs=max(epochs // 4, 1), seed=0)
    stack.fit(feed, epochs=epochs, verbose=0, shuffle=False)
    scratch = recipes.build_stacked_autoencoder(shape, **pixels)
    few = recipes.batches(x[:LABELLED], y[:LABELLED], 32, seed=0)
    for name, start in {"pretrained": stack, "from scratch": scratch}.items():
        classifier = recipes.build_on_encoder(start, 10, seed=0)
        classifier.fit(few, epochs=epochs, verbose=0, shuffle=False)
        accuracy = classifier.evaluate(x_test, y_test, verbose=0)[1]
        print(f"{LABELLED} labels, {name:<13} held-out accuracy {accuracy:.3f}")

    # %% [markdown]
    # ## Anomalies in a table: benign tumours with a few malignant ones among them, no labels used

    # %%
    table, benign = load_breast_cancer(return_X_y=True)
    table = np.concatenate([table[benign == 1], table[benign == 0][:20]])
    malignant = np.arange(len(table)) >= len(table) - 20
    build = recipes.build_stacked_autoencoder
    result = recipes.anomaly_scores(
        build, table, contamination=0.05, epochs=2 if quick else 20, seed=0
    )
    forest = -IsolationForest(random_state=0).fit(table).score_samples(table)
    for name, scores in {"anomaly_scores": result.scores, "IsolationForest": forest}.items():
        auc = roc_auc_score(malignant, scores)
        precision = average_precision_score(malignant, scores)
        print(f"{name:<16} ROC-AUC {auc:.3f}, average precision {precision:.3f}")
    recipes.plot_anomaly_scores(result.scores, result.threshold, malignant)
    plt.savefig(output / "anomaly_scores.png")
    plt.close("all")
    print(f"pictures in {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The autoencoder family on digits.")
    parser.add_argument("--quick", action="store_true", help="two epochs of everything")
    parser.add_argument("--fashion", action="store_true", help="Fashion-MNIST instead of digits")
    parser.add_argument("--output", default="output/autoencoders", help="folder for the pictures")
    main(**vars(parser.parse_args()))
