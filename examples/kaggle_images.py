# %% [markdown]
# # Images from a csv file or from folders
#
# The two layouts of Kaggle: `train.csv` with a label and one column a pixel (the digit
# recogniser), and one folder of pictures a class. Both become arrays, five folds, test-time
# augmentation and submission.csv. With files of your own:
# `python examples/kaggle_images.py --train train.csv --test test.csv` or `--train folder/`

# %%
import argparse
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from recipes import build_cnn, cross_validate, plot_confusion_matrix, predict_with_augmentation

SIDE = 64  # pixels of the pictures from folders


def main(quick=False, output="output/kaggle_images", train=None, test=None):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if train is None:
        train, test = write_csv(output, rows=400 if quick else None)
        from_folders(write_folders(output / "folders", per_class=3))  # the other layout, the same

    # %% The two layouts
    if Path(train).is_dir():
        x, y, names = from_folders(train)
        x_test = None
    else:
        x, y = from_csv(train)
        names = None
        x_test, _ = from_csv(test) if test else (None, None)

    # %% Folds, with a mean over small shifts of every image to predict
    shift = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="constant", seed=0)
    result = cross_validate(
        partial(build_cnn, filters=(8, 16) if quick else (32, 64), augmentation=shift),
        x,
        y,
        x_test=x_test,
        folds=2 if quick else 5,
        fit={"epochs": 12 if quick else 30, "batch_size": 16 if quick else 64},
        validation=None,
        predict=partial(predict_with_augmentation, augmentation=shift, n=2 if quick else 8),
        seed=0,
        verbose=1,
    )
    print(result.report().round(4).to_string())

    # %% What stays
    if x_test is not None:
        ids = np.arange(1, len(x_test) + 1)  # the digit recogniser counts from 1
        columns = ("ImageId", "Label")
        result.to_submission(output / "submission.csv", ids, columns=columns)
    ax = plot_confusion_matrix(y, result.predictions, names)
    ax.figure.savefig(output / "confusion.png", dpi=150)
    submission = "" if x_test is None else "submission.csv, "
    print(f"\nWritten to {output}: {submission}confusion.png")
    return result


# %% Reading
def from_csv(path):
    """Images (rows, side, side, 1) from one column a pixel, and the column "label" or None."""
    table = pd.read_csv(path)
    labels = table.pop("label").to_numpy() if "label" in table else None
    side = round(table.shape[1] ** 0.5)
    return table.to_numpy("float32").reshape(-1, side, side, 1), labels


def from_folders(folder):
    """Images (rows, SIDE, SIDE, 3) from one folder a class, their labels, and the names."""
    names = sorted(path.name for path in Path(folder).iterdir() if path.is_dir())
    files = [(path, i) for i, name in enumerate(names) for path in Path(folder, name).iterdir()]
    images = [keras.utils.load_img(path, target_size=(SIDE, SIDE)) for path, _ in files]
    return np.stack(images).astype("float32"), np.array([label for _, label in files]), names


# %% Real digits in both layouts, for want of others
def write_csv(folder, rows=None):
    """scikit-learn's digits as the digit recogniser has them."""
    from sklearn.datasets import load_digits

    digits = load_digits(as_frame=True)
    table = digits.data.astype(int)
    table.columns = [f"pixel{i}" for i in range(table.shape[1])]
    table.insert(0, "label", digits.target)
    table = table.sample(frac=1, random_state=0)[:rows]
    cut = round(0.8 * len(table))
    paths = folder / "train.csv", folder / "test.csv"
    table[:cut].to_csv(paths[0], index=False)
    table[cut:].drop(columns="label").to_csv(paths[1], index=False)
    return paths


def write_folders(folder, per_class):
    """A few of the digits as pictures, one folder a class."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    for label in range(10):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        for i, image in enumerate(images[labels == label][:per_class]):
            keras.utils.save_img(place / f"{i}.png", image.reshape(8, 8, 1) * 15, scale=False)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/kaggle_images", help="folder for its files")
    parser.add_argument("--train", help="csv file with the column label, or a folder of folders")
    parser.add_argument("--test", help="csv file without labels, for submission.csv")
    main(**vars(parser.parse_args()))
