# %% [markdown]
# # Autoencoders: the family on images, without a label
#
# Every builder of the family learns scikit-learn's digits (or Fashion-MNIST, with `--fashion`); the
# pictures show what each one keeps, where it puts the classes, and how well its error finds digits
# that do not belong. `python examples/autoencoders.py` takes about two minutes on two CPU cores.

# %%
import argparse
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

import recipes

FAMILY = {
    "stacked": recipes.build_stacked_autoencoder,
    "denoising": recipes.build_denoising_autoencoder,
    "sparse": recipes.build_sparse_autoencoder,
    "convolutional": recipes.build_convolutional_autoencoder,
    "variational": recipes.build_variational_autoencoder,
}


def main(quick=False, fashion=False, output="output/autoencoders"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    images, labels = fashion_mnist() if fashion else digits()
    if quick:
        images, labels = images[:400], labels[:400]

    # %% Train each of them to give back what it saw: the target is the input.
    models = {}
    for name, build in FAMILY.items():
        model = build(images.shape[1:], output_activation="sigmoid", seed=0)
        feed = recipes.batches(images, images, 64, seed=0)
        model.fit(
            feed,
            epochs=2 if quick else 40,
            callbacks=[recipes.CosineAnnealing()],
            shuffle=False,
            verbose=0,
        )
        error = recipes.reconstruction_error(model, images).mean()
        code = model.get_layer("encoder").output_shape[1:]
        print(
            f"{name:14} mean squared error {error:.4f}  code {code}"
        )
        models[name] = model

    # %% What comes back, one row a model; the last row is new images from the variational one.
    figure, axes = plt.subplots(len(models) + 1, figsize=(8, 13), layout="constrained")
    for ax, (name, model) in zip(axes, models.items(), strict=False):
        recipes.plot_reconstructions(model, images, ax=ax).set_title(name)
    new = recipes.generate(models["variational"], 16, seed=0)
    axes[-1].imshow(sheet(new, rows=2), cmap="gray")
    axes[-1].set_title("drawn by the variational one")
    axes[-1].set_axis_off()
    figure.savefig(output / "reconstructions.png")

    # %% Where the codes of the classes lie. No label took part in the training.
    figure, axes = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
    for ax, name in zip(axes, ("stacked", "variational"), strict=True):
        codes = recipes.encode(models[name], images[:2000])
        recipes.plot_latent(codes, labels[:2000], ax=ax).set_title(name)
    figure.savefig(output / "latent_space.png")

    # %% Anomalies: one class is normal; a few images of the others have slipped in.
    x, is_anomaly = one_normal_class(images, labels)
    share = is_anomaly.mean()
    result = recipes.anomaly_scores(
        recipes.build_stacked_autoencoder,
        x.reshape(len(x), -1),
        contamination=share,
        epochs=2 if quick else 20,
        seed=0,
    )
    forest = IsolationForest(random_state=0).fit(x.reshape(len(x), -1))
    scores = {
        "autoencoder": result.scores,
        "isolation forest": -forest.score_samples(x.reshape(len(x), -1)),
    }
    print(f"\n{is_anomaly.sum()} anomalies among {len(x)} images   ROC-AUC  average precision")
    for name, score in scores.items():
        auc, precision = (f(is_anomaly, score) for f in (roc_auc_score, average_precision_score))
        print(f"  {name:34} {auc:.3f}    {precision:.3f}")
    ax = recipes.plot_anomaly_scores(result.scores, result.threshold, is_anomaly)
    ax.figure.savefig(output / "anomaly_scores.png")
    print(f"\nPictures are in {output}")


def digits():
    """(1797, 8, 8, 1) in [0, 1] and their labels; bundled with scikit-learn."""
    images, labels = load_digits(return_X_y=True)
    return (images / 16).reshape(-1, 8, 8, 1).astype("float32"), labels


def fashion_mnist():
    """(60000, 28, 28, 1) in [0, 1] and their labels; downloaded by Keras."""
    (images, labels), _ = keras.datasets.fashion_mnist.load_data()
    return (images / 255).astype("float32")[..., None], labels


def one_normal_class(images, labels, normal=0, share=0.05):
    """All images of one class and, as a share of them, random ones of the others."""
    usual = np.flatnonzero(labels == normal)
    others = np.random.default_rng(0).permutation(np.flatnonzero(labels != normal))
    rows = np.concatenate([usual, others[: max(2, int(share * len(usual)))]])
    return images[rows], (labels[rows] != normal).astype(int)


def sheet(images, rows):
    """Images side by side in so many rows, as one picture."""
    strips = [np.concatenate(list(part), axis=1) for part in np.split(images, rows)]
    return np.concatenate(strips)[..., 0]


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="tiny data and few epochs, for tests")
    parser.add_argument("--fashion", action="store_true", help="Fashion-MNIST (a download)")
    parser.add_argument("--output", default="output/autoencoders", help="folder for the pictures")
    main(**vars(parser.parse_args()))
