# %% [markdown]
# # Every knob of the checklist on one model
#
# Batch size, epochs, augmentation, class weights, optimizer and its schedule, activation, dropout,
# batch normalisation, noise, label smoothing, initial weights and the layers, searched together on
# handwritten digits: which of them matters?
# About five minutes on two CPU cores: `python examples/tune_everything.py`.

# %%
import argparse
from pathlib import Path

import keras
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from recipes import build_mlp
from tuning import checklist, search

SECONDS = 240  # for the search


def main(quick=False, output="output/tune_everything"):
    output = Path(output)
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)

    # %% One space for all. The first trial is the recipe as it comes, the second one our own guess.
    space = checklist(build_mlp)
    if quick:
        space |= {"units": (16,), "epochs": 2, "batch_size": 64}
    study = search(
        build_mlp,
        x,
        y,
        space=space,
        objective="val_accuracy",
        start_from=[{"dropout": 0.3, "activation": "gelu"}],
        max_trials=3 if quick else 200,
        time_budget=SECONDS,
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=8)],
        seed=0,
        directory=output / "study",
        overwrite=True,
    )
    print(f"\n{study.leaderboard().head(10).to_string(index=False)}\n")
    print(study.code())

    # %% The best model and the average of the best three, on rows that the search has not seen.
    model = study.best_model()
    together = study.ensemble(2 if quick else 3)
    accuracy = {
        "the best": (model.predict(x_test, verbose=0).argmax(1) == y_test).mean(),
        "an ensemble": (together.predict(x_test, verbose=0).argmax(1) == y_test).mean(),
    }
    for name, value in accuracy.items():
        print(f"{name:12} {value:.4f}")

    # %% Which knob mattered, and how the trainings went; then all of it on one page, to open in a
    # browser or to send.
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    study.plot_importance(axes[0])
    study.plot_curves(axes[1])
    figure.savefig(output / "knobs.png", dpi=150)
    print(study.report(output / "study.html"))
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/tune_everything", help="folder for its files")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
