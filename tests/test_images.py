"""`load_images`: every layout gives the same pixels and labels; broken files are named."""

import io

import keras
import numpy as np
import pandas as pd
import pytest

from recipes import build_pretrained, fine_tune, load_images

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 6, 3), "uint8")
LABELS = ["cat", "dog", "cat", "dog", "cat", "dog"]


def encoded(pixels):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    for number, (pixels, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        path = tmp_path / "photos" / label
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{number}.png").write_bytes(encoded(pixels))
    return tmp_path / "photos"


def read(source, labels=None, **options):
    feed = load_images(source, labels, image_size=(8, 6), shuffle=False, batch_size=4, **options)
    return feed, *feed.arrays()


def test_a_folder_for_every_class(folder):
    feed, x, y = read(folder)
    np.testing.assert_array_equal(x, np.concatenate([PIXELS[::2], PIXELS[1::2]]))
    assert (y.tolist(), feed.class_names) == ([0, 0, 0, 1, 1, 1], ("cat", "dog"))
    assert feed.names[0].endswith("cat/0.png")


def test_what_notebooks_and_archives_leave_behind_is_no_class(folder):
    for name in (".ipynb_checkpoints", "__MACOSX", "cat/.ipynb_checkpoints"):
        (folder / name).mkdir()
        (folder / name / "0-checkpoint.png").write_bytes(encoded(PIXELS[0]))
    (folder / "dog" / "._1.png").write_bytes(b"no image")
    feed, x, _ = read(folder)
    assert feed.class_names == ("cat", "dog")
    assert len(x) == 6


def test_a_table_of_paths_or_ids(folder, tmp_path):
    ids = [f"photos/{label}/{i}" for i, label in enumerate(LABELS)]
    for paths in (ids, [f"{item}.png" for item in ids]):
        table = pd.DataFrame({"row": range(6), "file": paths, "label": LABELS})
        table.to_csv(tmp_path / "TRAIN.CSV", index=False)
        feed, x, y = read(tmp_path / "TRAIN.CSV")
        np.testing.assert_array_equal(x, PIXELS)
        assert (y.tolist(), feed.class_names) == ([0, 1] * 3, ("cat", "dog"))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["None", "crack"] * 3, ("None", "crack")),
        (["NA", "BW"] * 3, ("BW", "NA")),
        (["1.5", "2"] * 3, None),
    ],
)
def test_a_class_may_be_called_as_a_gap_is(folder, tmp_path, labels, names):
    files = sorted(folder.rglob("*.png"))
    pd.DataFrame({"file": files, "label": labels}).to_csv(tmp_path / "train.csv", index=False)
    feed, _, y = read(tmp_path / "train.csv")
    assert feed.class_names == names
    assert y.tolist() == ([1.5, 2.0] * 3 if names is None else [names.index(one) for one in labels])


@pytest.mark.parametrize("labels", [["1.5", "NA"] * 3, ["cat", ""] * 3, ["", ""] * 3])
def test_a_gap_among_labels_is_told(folder, tmp_path, labels):
    files = sorted(folder.rglob("*.png"))
    pd.DataFrame({"file": files, "label": labels}).to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(ValueError, match="label must hold a label in every row"):
        load_images(tmp_path / "train.csv")


def test_bytes_in_a_table_and_lists_and_arrays():
    data = [encoded(pixels) for pixels in PIXELS]
    table = pd.DataFrame({"image": [{"bytes": item, "path": None} for item in data], "y": LABELS})
    sources = [(table, None), (data, LABELS), (PIXELS, LABELS), (PIXELS / 255, LABELS)]
    for source, labels in sources:
        _, x, y = read(source, labels)
        np.testing.assert_array_equal(x, PIXELS)
        assert y.tolist() == [0, 1] * 3


def test_a_parquet_file_of_encoded_images(tmp_path):
    pytest.importorskip("pyarrow", reason="pandas reads .parquet files with pyarrow")
    path = tmp_path / "train.parquet"
    data = [encoded(pixels) for pixels in PIXELS]
    pd.DataFrame({"image_data": data, "row": range(6), "label": LABELS}).to_parquet(path)
    feed, x, y = read(path)
    np.testing.assert_array_equal(x, PIXELS)
    assert (y.tolist(), feed.class_names) == ([0, 1] * 3, ("cat", "dog"))


def test_a_parquet_file_without_pyarrow_says_what_is_missing(tmp_path, monkeypatch):
    def missing(path):
        raise ImportError("Unable to find a usable engine; tried using: 'pyarrow'.")

    monkeypatch.setattr(pd, "read_parquet", missing)
    (tmp_path / "train.parquet").touch()
    with pytest.raises(ValueError, match="pip install pyarrow") as caught:
        read(tmp_path / "train.parquet")
    assert "Received" in str(caught.value)


@pytest.mark.parametrize("name", ["empty.csv", "damaged.parquet"])
def test_a_table_that_pandas_cannot_read(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pandas reads .parquet files with pyarrow")
    (tmp_path / name).write_bytes(b"PAR1" if name.endswith("parquet") else b"")
    with pytest.raises(ValueError, match="file that pandas can read") as caught:
        load_images(tmp_path / name)
    assert name in str(caught.value)


def test_numbers_stay_numbers_and_names_keep_a_given_order():
    _, _, y = read(PIXELS, np.linspace(0, 1, 6))
    np.testing.assert_array_equal(y, np.linspace(0, 1, 6))
    feed, _, y = read(PIXELS, LABELS, class_names=("dog", "cat"))
    assert (y.tolist(), feed.class_names) == ([1, 0] * 3, ("dog", "cat"))


def test_batches_cover_every_image_once_an_epoch():
    feed = load_images(PIXELS, np.arange(6), image_size=4, batch_size=4, seed=0)
    epochs = []
    for _ in range(2):
        epochs.append([int(label) for step in range(len(feed)) for label in feed[step][1]])
        feed.on_epoch_end()
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(6))
    assert epochs[0] != epochs[1]


def test_an_image_is_read_when_its_batch_is(folder):
    feed = load_images(folder, image_size=(8, 6), shuffle=False, batch_size=4)
    (folder / "dog" / "5.png").unlink()
    assert feed[0][0].shape == (4, 8, 6, 3)
    with pytest.raises(ValueError, match=r"dog/5.png"):
        feed[1]


def test_ids_and_classes_of_a_csv_are_not_numbers_where_a_zero_leads(folder, tmp_path):
    for number, pixels in enumerate(PIXELS):
        (tmp_path / f"{number:04d}.png").write_bytes(encoded(pixels))
    for labels, y, names in (
        (["01", "02"] * 3, [0, 1] * 3, ("01", "02")),
        ([3, 1] * 3, [3, 1] * 3, None),
        ([0.5, 1.0] * 3, [0.5, 1.0] * 3, None),
    ):
        table = pd.DataFrame({"id": [f"{i:04d}" for i in range(6)], "label": labels})
        table.to_csv(tmp_path / "train.csv", index=False)
        feed, x, found = read(tmp_path / "train.csv")
        np.testing.assert_array_equal(x, PIXELS)
        assert (found.tolist(), feed.class_names) == (y, names)
    for number, pixels in enumerate(PIXELS):
        (tmp_path / f"{number}.png").write_bytes(encoded(pixels))
    table = pd.DataFrame({"label": [1, 0] * 3, "image": range(6)})
    for source in (table, table.assign(label=table["label"].astype(str))):
        feed, x, _ = read(source, folder=tmp_path)
        np.testing.assert_array_equal(x, PIXELS)


def test_images_that_are_left_out_are_told(folder):
    (folder / "loose.png").write_bytes(encoded(PIXELS[0]))
    (folder / "empty").mkdir()
    with pytest.warns(UserWarning, match=r"folder of images for every class.*left out") as seen:
        read(folder)
    assert "'loose.png'" in str(seen[0].message)
    assert "'empty/'" in str(seen[0].message)


def test_whatever_a_decoder_raises_is_a_broken_image():
    huge = b"BM" + bytes(8) + b"\x1a\0\0\0\x0c\0\0\0" + b"\x40\x9c\x40\x9c\x01\0\x18\0"
    with pytest.raises(ValueError, match=r"image 0 .*exceeds limit.*broken='skip'"):
        read([huge], ["cat"])
    feed = load_images([huge, encoded(PIXELS[0])], [0, 1], image_size=4, broken="skip")
    assert len(feed.arrays()[1]) == 1


def test_a_broken_image_is_named_or_weighs_nothing(folder):
    broken = folder / "cat" / "0.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"cat/0.png.*broken='skip'"):
        read(folder)
    feed = load_images(folder, image_size=(8, 6), shuffle=False, batch_size=4, broken="skip")
    x, _, weight = feed[0]
    assert weight.tolist() == [0, 1, 1, 1]
    assert (x[0] == 127).all()
    assert feed.skipped == [str(broken)]
    assert len(feed.arrays()[0]) == 5


def test_broken_images_of_the_parts_are_named_by_the_whole(folder):
    broken = [folder / "cat" / "0.png", folder / "dog" / "1.png"]
    for path in broken:
        path.write_bytes(b"nothing")
    feed = load_images(folder, image_size=4, broken="skip")
    for part in feed.split(0.5, seed=0):
        part.arrays()
    assert feed.skipped == [str(path) for path in broken]


def test_no_image_can_be_read():
    feed = load_images([b"nothing", b"at all"], [0, 1], image_size=4, broken="skip")
    with pytest.raises(ValueError, match="2 broken ones, the first image 0"):
        feed.arrays()


def test_images_of_16_bits_keep_their_range(tmp_path):
    from PIL import Image

    ramp = np.linspace(0, 65535, 64).reshape(8, 8).astype("uint16")
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    expected = np.rint(ramp / 257)
    for source in ([tmp_path / "ramp.png"], [ramp], ramp[None, :, :, None]):
        x = load_images(source, image_size=8, channels=1).arrays()
        np.testing.assert_array_equal(x[0, ..., 0], expected)
    bytes_as_16_bits = load_images(PIXELS.astype("uint16"), image_size=(8, 6)).arrays()
    np.testing.assert_array_equal(bytes_as_16_bits, PIXELS)


def test_the_range_of_arrays_is_told_from_all_of_them():
    dark = np.minimum(PIXELS, 1)
    images = np.stack([dark[0], PIXELS[1]]).astype("float32")
    for source in (images, list(images)):
        x = load_images(source, image_size=(8, 6)).arrays()
        np.testing.assert_array_equal(x, images)
    masks = load_images(PIXELS[..., 0] > 99, image_size=(8, 6), channels=1).arrays()
    np.testing.assert_array_equal(masks[..., 0], 255 * (PIXELS[..., 0] > 99))


def test_pixels_that_are_no_numbers_are_a_broken_image():
    images = PIXELS / 255
    images[1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"image 1 .*not finite.*broken='skip'"):
        load_images(images, image_size=4).arrays()
    feed = load_images(images, image_size=4, broken="skip")
    assert len(feed.arrays()) == 5
    assert feed.skipped == ["image 1"]


def test_a_split_shares_the_classes():
    train, held = load_images(PIXELS, LABELS, image_size=4).split(1 / 3, seed=0)
    assert sorted(train.labels) == [0, 0, 1, 1]
    assert sorted(held.labels) == [0, 1]
    assert set(train.names).isdisjoint(held.names)


@pytest.mark.parametrize("resizing", ["crop", "pad"])
def test_proportions_are_kept(resizing):
    image = np.zeros((4, 8, 3), "uint8")
    image[:, :, 0] = 200
    (x,) = load_images(image[None], image_size=4, resizing=resizing).arrays()
    grey = {"crop": 0, "pad": 2}[resizing]  # rows of border
    assert (x[..., 0] == 127).sum() == grey * 4
    assert (x[..., 0] == 200).sum() == (4 - grey) * 4


@pytest.mark.parametrize("resizing", ["crop", "pad", "stretch"])
def test_fine_structure_outlives_a_smaller_size(resizing):
    """Stripes that a bilinear filter leaves two thirds of."""
    stripes = 127.5 + 100 * np.sin(2 * np.pi * np.arange(128) / 6)
    image = np.repeat(stripes[None, :, None], 128, axis=0).astype("uint8")
    (x,) = load_images(image[None], image_size=60, channels=1, resizing=resizing).arrays()
    assert x[:, 5:-5].std() * np.sqrt(2) > 85


def test_fit_predict_and_fine_tune_take_it(folder):
    feed = load_images(folder, image_size=8, batch_size=2, seed=0, workers=2)
    backbone = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    options = {"backbone": backbone, "augmentation": None, "class_names": feed.class_names}
    model = build_pretrained((8, 8, 3), 2, **options)
    history = fine_tune(model, feed, validation=1 / 3, head_epochs=1, epochs=1, seed=0).history
    assert np.isfinite(history["val_loss"]).all()
    unlabelled = load_images(folder / "cat", image_size=8, shuffle=False)
    assert model.predict(unlabelled, verbose=0).shape == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "/nowhere"}, ValueError, "source"),
        ({"source": []}, ValueError, "at least one image"),
        ({"source": ["a.png"], "labels": [0]}, ValueError, "'a.png' in row 0"),
        ({"labels": LABELS[:-1]}, ValueError, "same number of rows"),
        ({"labels": [*LABELS[:-1], None]}, ValueError, "labels must hold a label in every row"),
        ({"labels": ["cat", np.nan] * 3}, ValueError, "none in row 1, of 3"),
        ({"labels": [0, 1, np.nan] * 2}, ValueError, "none in row 2"),
        ({"class_names": ("cat", "doge")}, ValueError, "Did you mean 'doge'"),
        ({"class_names": (1, 2, 3)}, TypeError, "tuple of names"),
        ({"class_names": 3}, TypeError, "tuple of names"),
        ({"class_names": "abc"}, TypeError, "tuple of names"),
        ({"class_names": [("a", "b"), "c"]}, TypeError, "tuple of names"),
        ({"class_names": ("cat", "dog", "cat")}, ValueError, "different names"),
        ({"source": PIXELS / 127.5 - 1}, ValueError, r"from -1 to 1\. .*127\.5"),
        ({"source": PIXELS * 2.0}, ValueError, "Scale them to 0-255"),
        ({"source": PIXELS[..., None]}, ValueError, r"shape \(8, 6, 3, 1\) in row 0"),
        ({"image_size": (8,)}, ValueError, "image_size"),
        ({"resizing": "strech"}, ValueError, "Did you mean 'stretch'"),
        ({"broken": "ignore"}, ValueError, "broken"),
        ({"channels": 2}, ValueError, "channels"),
        (
            {"source": pd.DataFrame({"a": ["x"]}), "labels": None},
            ValueError,
            "column of images",
        ),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        load_images(**{"source": PIXELS, "labels": LABELS, **arguments})
    assert "Received" in str(caught.value)
