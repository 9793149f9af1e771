# %% [markdown]
# # Classes of time series: LSTM-FCN on your own csv or on a built-in problem
#
# `python examples/classify_series.py train.csv test.csv` reads the form of the UCR archive: a row a
# series, the class first, then the values, separated by tabs or commas. Without files it makes
# series with a bump, a ramp or a drop at a random place (the "cylinder, bell, funnel" of Saito,
# 1994): two minutes on two CPU cores.

# %%
import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.linear_model import LogisticRegression

from recipes import (
    CosineAnnealing,
    batches,
    build_lstm_fcn,
    build_rnn,
    per_class_report,
    plot_history,
    series_augmentation,
)
from recipes.plots import PALETTE

NAMES = ("cylinder", "bell", "funnel")


def main(quick=False, output="output/classify_series", train=None, test=None):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)

    # %% The data: (rows, timesteps, features) and classes from 0.
    if train:
        x, labels = read(train)
        x_test, labels_test = read(test)
    else:
        x, labels = cylinder_bell_funnel(30, seed=0)
        x_test, labels_test = cylinder_bell_funnel(60 if quick else 900, seed=1)
    classes = np.unique(labels)
    y, y_test = np.searchsorted(classes, labels), np.searchsorted(classes, labels_test)

    # %% Three networks, the same training. Augmentation makes more of few series.
    epochs = 1 if quick else 60
    few = {"filters": (4, 4)} if quick else {}
    models = {
        "LSTM-FCN": build_lstm_fcn(x.shape[1:], len(classes), seed=0, **few),
        "LSTM-FCN, augmented": build_lstm_fcn(
            x.shape[1:], len(classes), augmentation=series_augmentation(seed=0), seed=0, **few
        ),
        "LSTM both ways, attention": build_rnn(
            x.shape[1:], len(classes), bidirectional=True, attention=True, seed=0,
            units=(4,) if quick else (64,),
        ),
    }  # fmt: skip
    if quick:
        models = {"LSTM-FCN, augmented": models["LSTM-FCN, augmented"]}
    accuracy, figure = {}, plt.figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, model in models.items():
        history = model.fit(
            batches(x, y, 16, seed=0),
            epochs=epochs,
            callbacks=[CosineAnnealing()],
            shuffle=False,
            verbose=0,
        )
        probabilities = model.predict(x_test, verbose=0)
        accuracy[name] = (probabilities.argmax(-1) == y_test).mean()
        color = PALETTE[len(left.lines)]
        left.plot(
            range(1, epochs + 1), history.history["loss"], "o-", ms=3, color=color, label=name
        )
    flat, flat_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)
    line = LogisticRegression(max_iter=1000).fit(flat, y)
    accuracy["logistic regression"] = line.score(flat_test, y_test)
    for name, value in accuracy.items():
        print(f"{name:26} {value:.4f}")
    print(per_class_report(y_test, probabilities, names=[str(name) for name in classes]))

    # %% Pictures, the model and a submission file.
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    left.legend(frameon=False)
    shown = min(len(classes), 5)
    apart = np.ptp(x[..., 0])
    for label in range(shown):
        right.plot(x[y == label][0, :, 0] - apart * label, color=PALETTE[label], lw=1)
    right.set_yticks(-apart * np.arange(shown), [str(name) for name in classes[:shown]])
    right.set(xlabel="step", title="one series of each class")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(output / "series.png", dpi=120)
    plot_history(history, "accuracy").figure.savefig(output / "history.png", dpi=120)
    plt.close("all")
    model.save(output / "model.keras")
    predicted = classes[probabilities.argmax(-1)]
    submission = pd.DataFrame({"id": range(len(predicted)), "label": predicted})
    submission.to_csv(output / "submission.csv", index=False)
    return accuracy


def read(path):
    """Series (rows, timesteps, 1) and labels from a file of the UCR archive's form."""
    table = pd.read_csv(path, header=None, sep=None, engine="python")
    values = table.iloc[:, 1:].interpolate(axis=1, limit_direction="both")
    return values.to_numpy("float32")[..., None], table[0].to_numpy()


def cylinder_bell_funnel(rows, seed, steps=128):
    """A plateau, a ramp up or a ramp down between two random places, in noise."""
    random = np.random.default_rng(seed)
    label = np.arange(rows) % 3
    start = random.integers(16, 33, (rows, 1))
    end = start + random.integers(32, 97, (rows, 1))
    time = np.arange(steps)
    share = np.clip((time - start) / (end - start), 0, 1)
    form = np.choose(label[:, None], [np.ones_like(share), share, 1 - share])
    height = 6 + random.normal(size=(rows, 1))
    x = height * form * ((time >= start) & (time <= end)) + random.normal(size=(rows, steps))
    return x[..., None].astype("float32"), np.array(NAMES)[label]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", nargs="?", help="file of labelled series")
    parser.add_argument("test", nargs="?", help="file of labelled series to predict")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/classify_series", help="folder to write to")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output, arguments.train, arguments.test)
