# %% [markdown]
# # Ten remedies for overfitting, side by side
#
# One convolutional network on 150 handwritten digits learns them by heart. Each remedy is one
# argument, one callback or one line, and is scored on the same 1,000 digits that no model saw:
# `python examples/overfitting.py`, some five minutes on two CPU cores. Two pictures: all learning
# curves, and test accuracy as mean and spread over the seeds.

# %%
import argparse
import functools
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import recipes

ROWS, TEST_ROWS, FOLDS = 150, 1000, 5

# %% [markdown]
# ## The remedies: arguments of the builder, except for four that are a line of their own

# %%
REMEDIES = {
    "none": {},
    "1 augmentation": {},
    "2 early stopping": {},
    "3 L2 penalty": {"l2": 3e-3},
    "4 dropout": {"dropout": 0.4},
    "5 DropConnect": {"drop_connect": 0.3},
    "6 DisturbLabel": {},
    "7 batch normalisation": {"batch_norm": True},
    "8 label smoothing": {"label_smoothing": 0.1},
    "9 noise, input and hidden": {},
    "9 noise, weights": {},
    "10 cross-validation": {},
}


def build(remedy, seed):
    """The network with one remedy in it."""
    arguments = {"filters": (32, 64), "dropout": 0.0, "batch_norm": False, **REMEDIES[remedy]}
    if remedy == "1 augmentation":
        arguments["augmentation"] = recipes.image_augmentation("medium", flip=None, seed=seed)
    model = recipes.build_cnn((8, 8, 1), 10, **arguments, seed=seed)
    if remedy == "6 DisturbLabel":
        disturbed = recipes.DisturbLabel(0.1, seed=seed)(model.output)
        config = model.get_compile_config()
        model = keras.Model(model.input, disturbed, name="cnn")
        model.compile_from_config(config)
    if remedy == "9 noise, input and hidden":
        model = recipes.inject_noise(model, 0.2, where="both", seed=seed)
    if remedy == "9 noise, weights":
        model = recipes.inject_noise(model, 0.3, where="weights", seed=seed)
    return model


def fit(remedy, x, y, held_out, epochs, seed):
    """Train; `held_out` is watched, and used by early stopping alone."""
    model = build(remedy, seed)
    callbacks = []
    if remedy == "2 early stopping":
        callbacks = recipes.standard_callbacks(plateau=False)
    history = model.fit(
        recipes.batches(x, y, 32, seed=seed),
        validation_data=held_out,
        epochs=epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return model, history.history


def score(remedy, x, y, test, epochs, seed):
    """Test accuracy and the curves. What stops by held-out rows takes them from its own rows."""
    x_test, y_test = test
    if remedy == "10 cross-validation":  # the mean of five models, each stopped by its fold
        result = recipes.cross_validate(
            functools.partial(build, remedy),
            x,
            y,
            folds=FOLDS,
            fit={"epochs": epochs, "callbacks": lambda: recipes.standard_callbacks(plateau=False)},
            x_test=x_test,
            seed=seed,
        )
        return (result.test_predictions.argmax(1) == y_test).mean(), result.histories[0]
    held_out = test
    if remedy == "2 early stopping":
        x, x_held, y, y_held = train_test_split(x, y, test_size=0.2, stratify=y, random_state=seed)
        held_out = x_held, y_held
    model, history = fit(remedy, x, y, held_out, epochs, seed)
    return (model.predict(x_test, verbose=0).argmax(1) == y_test).mean(), history


def compare(remedies, seeds, epochs):
    """remedy -> (test accuracies, one a seed; the curves of the first seed)."""
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) / 16).astype("float32")
    found = {}
    for remedy in remedies:
        results = []
        for seed in range(seeds):
            x, x_test, y, y_test = train_test_split(
                images,
                labels,
                train_size=ROWS,
                test_size=TEST_ROWS,
                stratify=labels,
                random_state=seed,
            )
            results.append(score(remedy, x, y, (x_test, y_test), epochs, seed))
        accuracies = np.array([accuracy for accuracy, _ in results])
        found[remedy] = accuracies, results[0][1]
        print(f"{remedy:<26} {accuracies.mean():.3f} +- {accuracies.std():.3f}", flush=True)
    return found


def main(quick=False, output="output/overfitting"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    remedies = ("none", "9 noise, weights") if quick else tuple(REMEDIES)
    found = compare(remedies, seeds=1 if quick else 5, epochs=2 if quick else 60)

    # %% [markdown]
    # ## Learning curves: training far below validation is overfitting. `diagnose` says the same.

    # %%
    history = found["none"][1]
    if not quick:
        print(recipes.diagnose(history))
    rows = -(-len(found) // 4)
    _, axes = plt.subplots(rows, 4, figsize=(13, 3 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat[len(found) :]:
        ax.set_axis_off()
    for ax, (remedy, (accuracies, history)) in zip(axes.flat, found.items(), strict=False):
        recipes.plot_history(history, ax=ax)
        ax.set(title=f"{remedy}: test {accuracies.mean():.3f}", ylim=(0, 2.5))
    plt.savefig(output / "curves.png")

    # %% [markdown]
    # ## Test accuracy, mean and spread over the seeds

    # %%
    _, ax = plt.subplots(figsize=(8, 0.4 * len(found) + 1.2), layout="constrained")
    names = list(found)[::-1]
    means = [found[name][0].mean() for name in names]
    ax.errorbar(means, names, xerr=[found[name][0].std() for name in names], fmt="o", capsize=3)
    ax.axvline(found["none"][0].mean(), color="grey", ls="--", lw=1)
    ax.set_xlabel(f"test accuracy after {ROWS} training images")
    ax.spines[["top", "right"]].set_visible(False)
    plt.savefig(output / "remedies.png")
    plt.close("all")
    print(f"pictures in {output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ten remedies for overfitting on digits.")
    parser.add_argument("--quick", action="store_true", help="two of them, two epochs")
    parser.add_argument("--output", default="output/overfitting", help="folder for the pictures")
    main(**vars(parser.parse_args()))
