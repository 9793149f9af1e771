# %% [markdown]
# # A pretrained network learns your photos
#
# A folder in (one folder of photos for each class), a model, its mistakes and a submission out:
# `python examples/finetune_photos.py --train photos/ --test new_photos/`
#
# Without a network (a Kaggle notebook, say) name a file of weights, `--weights file.h5`; a message
# says which one. Without `--train` it cuts up two photographs that scikit-learn brings, and
# pretrains a small encoder on the pieces instead of downloading one.

# %%
import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from recipes import (
    build_convolutional_autoencoder,
    build_pretrained,
    fine_tune,
    load_images,
    plot_confusion_matrix,
    plot_mistakes,
    predict_names,
)


def main(
    quick=False,
    output="output/finetune_photos",
    train=None,
    test=None,
    backbone="EfficientNetV2B0",
    weights="imagenet",
    side=160,
):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    preprocessing = learning_rate = None
    if train is None:
        side = 32
        train, test = write_photos(output / "photos", side, per_class=40 if quick else 200)
        backbone = own_encoder(train, side, epochs=1 if quick else 20)
        preprocessing = keras.layers.Rescaling(1 / 255)  # as the encoder was trained
        learning_rate = 0.01  # of the head: the encoder's features are small numbers

    # %% Photos are read when they are needed; a fifth is held out
    photos = load_images(train, image_size=side, broken="skip", seed=0)
    if photos.class_names is None:  # a csv file that numbers the classes
        names = tuple(str(label) for label in np.unique(photos.labels))
        photos = load_images(train, image_size=side, class_names=names, broken="skip", seed=0)
    learn, held = photos.split(0.2, seed=0)

    # %% A frozen network with a new head, then all of it
    model = build_pretrained(
        (side, side, 3),
        len(photos.class_names),
        backbone=backbone,
        weights=weights,
        preprocessing=preprocessing,
        class_names=photos.class_names,
        learning_rate=learning_rate,
        seed=0,
    )
    epochs = {"head_epochs": 20, "epochs": 2} if quick else {}
    result = fine_tune(
        model, learn, validation=held, directory=output / "run", overwrite=True, seed=0, **epochs
    )
    print(result)
    model.save(output / "model.keras")

    # %% What it gets wrong
    x, y = held.arrays()
    probabilities = model.predict(x, verbose=0)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4))
    result.plot("accuracy", ax=axes[0])
    plot_confusion_matrix(y, probabilities, photos.class_names, ax=axes[1])
    figure.tight_layout()
    figure.savefig(output / "curves.png", dpi=120)
    mistakes = plot_mistakes(x, y, probabilities, names=photos.class_names)
    mistakes.figure.savefig(output / "mistakes.png", dpi=120)
    plt.close("all")

    # %% New photos by name
    if test is not None:
        new = load_images(test, image_size=side, broken="skip", shuffle=False)
        names = predict_names(keras.models.load_model(output / "model.keras"), new, verbose=0)
        table = pd.DataFrame({"id": [Path(name).stem for name in new.names], "label": names})
        table.to_csv(output / "submission.csv", index=False)
        if new.skipped:
            print("Not readable, labels are a guess:", *new.skipped)
        print(table.head().to_string(index=False))
    print(f"\nWritten to {output}: {', '.join(sorted(p.name for p in output.iterdir()))}")
    return result


# %% For want of photos: pieces of two, and an encoder that has seen them without labels
def write_photos(folder, side, per_class):
    """Folders of labelled pieces and one of new ones; the latter lie in the right-hand third."""
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0)
    for photo, name in zip(load_sample_images().images, ("temple", "flower"), strict=True):
        height, width, _ = photo.shape
        for number in range(per_class + 10):
            new = number >= per_class
            left, right = (2 * width // 3, width) if new else (0, 2 * width // 3)
            row = random.integers(height - 2 * side)
            column = random.integers(left, right - 2 * side)
            piece = photo[row : row + 2 * side, column : column + 2 * side]
            place = folder / "new" if new else folder / "train" / name
            place.mkdir(parents=True, exist_ok=True)
            keras.utils.save_img(place / f"{name}_{number}.png", piece, scale=False)
    return folder / "train", folder / "new"


def own_encoder(folder, side, epochs):
    """The encoder of an autoencoder, trained on the photos alone."""
    x, _ = load_images(folder, image_size=side).arrays()
    autoencoder = build_convolutional_autoencoder(
        (side, side, 3), filters=(16, 32), latent_dim=None, seed=0
    )
    autoencoder.fit(x / 255, x / 255, epochs=epochs, verbose=0)
    return autoencoder.get_layer("encoder")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/finetune_photos", help="folder for its files")
    parser.add_argument("--train", help="folder with a folder of photos for each class, or a csv")
    parser.add_argument("--test", help="folder of new photos")
    parser.add_argument("--backbone", default="EfficientNetV2B0", help="of keras.applications")
    parser.add_argument("--weights", default="imagenet", help="a file, where there is no network")
    parser.add_argument("--side", type=int, default=160, help="pixels")
    main(**vars(parser.parse_args()))
