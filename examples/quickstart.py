# %% [markdown]
# # Quickstart: search a convolutional network for handwritten digits
#
# Data, search, leaderboard, plots, a saved model and a submission file, in about three minutes on
# two CPU cores: `python examples/quickstart.py`. It needs nothing but this package.

# %%
import argparse
from pathlib import Path

import keras
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recipes import build_cnn, plot_history
from tuning import SPACES, Widths, search

SECONDS = 120  # for the search


def main(quick=False, output="output/quickstart"):
    output = Path(output)

    # %% The data: 1797 images of 8 x 8 pixels; a quarter is held out and looked at once, at the end
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1)
    x, x_test, y, y_test = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=0
    )

    # %% The search. Its first trial is `build_cnn` as it comes; each knob keeps its own name.
    space = SPACES[build_cnn]
    if quick:
        space = space | {"filters": Widths(4, 8, step=4, depth=(1, 2))}
    study = search(
        build_cnn,
        x,
        y,
        space=space,
        max_trials=2 if quick else 100,
        time_budget=SECONDS,
        epochs=2 if quick else 30,
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=6)],
        seed=0,
        directory=output / "study",
        overwrite=True,
    )
    print(f"\n{study.leaderboard().head(10).to_string(index=False)}\n")
    print(f"The line that rebuilds the best model:\n{study.code()}\n")

    # %% The best model of the search, on rows that it has never seen.
    model = study.best_model()
    predicted = model.predict(x_test, verbose=0).argmax(axis=1)
    accuracy = {
        "search over build_cnn": (predicted == y_test).mean(),
        "two convolutions by hand": by_hand(x, y, x_test, y_test, epochs=2 if quick else 30),
        "logistic regression": logistic_regression(x, y, x_test, y_test),
    }
    print("Accuracy on the held-out rows:")
    for name, value in accuracy.items():
        print(f"  {name:26} {value:.4f}")

    # %% What stays: the model, the submission, the leaderboard and two pictures.
    model.save(output / "model.keras")
    submission = pd.DataFrame({"id": range(len(predicted)), "label": predicted})
    submission.to_csv(output / "submission.csv", index=False)
    study.leaderboard().to_csv(output / "leaderboard.csv", index=False)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    plot_history(study.best_history, "loss", axes[0])
    plot_history(study.best_history, "accuracy", axes[1])
    figure.savefig(output / "history.png", dpi=150)
    study.plot().figure.savefig(output / "search.png", dpi=150)
    print(f"\nWritten to {output}: {', '.join(sorted(item.name for item in output.iterdir()))}")
    return accuracy


# %% Two yardsticks: what one would write without this package.
def by_hand(x, y, x_test, y_test, epochs):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, verbose=0)
    return model.evaluate(x_test, y_test, verbose=0)[1]


def logistic_regression(x, y, x_test, y_test):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return model.fit(x.reshape(len(x), -1), y).score(x_test.reshape(len(x_test), -1), y_test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/quickstart", help="folder for what it writes")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
