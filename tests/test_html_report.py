"""The page about a model: complete in itself, and with what fits the task."""

import html.parser
import re

import keras
import matplotlib
import numpy as np
import pytest

import recipes

matplotlib.use("Agg")
random = np.random.default_rng(0)
X, Y = random.normal(size=(40, 3)), np.arange(40) % 3
HISTORY = {"loss": [1.0, 0.5, 0.2, 0.1, 0.05], "val_loss": [0.9, 0.6, 0.7, 0.9, 1.1]}


class Page(html.parser.HTMLParser):
    """Headings, captions and addresses of a page."""

    def __init__(self, path):
        super().__init__()
        self.text, self.captions, self.sources, self.tags = "", [], [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        attributes = dict(attributes)
        if tag == "img":
            self.captions.append(attributes["alt"])
        self.sources += [attributes[key] for key in ("src", "href") if key in attributes]

    def handle_data(self, data):
        self.text += data


def test_a_classifier_of_images(tmp_path):
    model = recipes.build_cnn((8, 8, 1), 3, filters=(4,), learning_rate=0.01)
    images = random.uniform(size=(12, 8, 8, 1))
    path = recipes.report(
        model, images, Y[:12], HISTORY, tmp_path / "new" / "r.html", names=["a", "<b>", "c"]
    )
    page = Page(path)
    for caption in ("loss", "confusion matrix", "reliability", "the worst mistakes", "Grad-CAM"):
        assert any(caption in one for one in page.captions), caption
    assert "build_cnn((8, 8, 1), 3, filters=(4,), learning_rate=0.01)" in page.text
    assert "overfitting" in page.text
    assert "<b>" in page.text  # escaped: it is text, not a tag
    assert "b" not in page.tags
    assert "script" not in page.tags
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"https?://", path.read_text())
    accuracy = recipes.score(Y[:12], model.predict(images, verbose=0))
    assert f"{accuracy:.4g}" in page.text


def test_names_that_the_model_keeps(tmp_path):
    backbone = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
    names = ("plum", "apple", "pear")
    model = recipes.build_pretrained((8, 8, 3), 3, backbone=backbone, class_names=names)
    images = random.uniform(0, 255, (12, 8, 8, 3))
    y = np.array(names)[Y[:12]]
    page = Page(recipes.report(model, images, y, path=tmp_path / "named.html"))
    assert all(name in page.text for name in names)
    numbered = Page(recipes.report(model, images, Y[:12], path=tmp_path / "numbered.html"))
    assert page.text == numbered.text


@pytest.mark.parametrize(
    ("build", "y", "caption"),
    [
        (lambda: recipes.build_mlp((3,), 1, task="binary", units=(4,)), Y == 1, "reliability"),
        (
            lambda: recipes.build_mlp((3,), 2, task="multilabel", units=(4,)),
            np.stack([Y == 1, Y > 0], -1),
            "every label",
        ),
        (lambda: recipes.build_mlp((3,), 1, task="regression", units=(4,)), X[:, 0], "errors"),
        (lambda: recipes.build_stacked_autoencoder((3,), units=(4,)), None, "codes"),
    ],
    ids=["binary", "multilabel", "regression", "autoencoder"],
)
def test_plots_fit_the_task(build, y, caption, tmp_path):
    y = y.astype(int) if y is not None and y.dtype == bool else y
    page = Page(recipes.report(build(), X, y, path=tmp_path / "report.html"))
    assert any(caption in one for one in page.captions), page.captions


def test_attention_is_shown_where_there_is_some(tmp_path):
    series = random.normal(size=(12, 5, 3))
    with_attention = recipes.build_rnn((5, 3), 3, cell="rnn", units=(4,), attention=True)
    only_named = keras.Sequential(
        [
            keras.Input((5, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, kernel_initializer="zeros", name="attention"),
            keras.layers.Softmax(),
        ]
    )
    below_zero = keras.models.clone_model(only_named)
    below_zero.get_layer("attention").bias.assign([2.0, -1.0, 0.0])  # they sum to 1
    for model, shown in ((with_attention, True), (only_named, False), (below_zero, False)):
        page = Page(recipes.report(model, series, Y[:12], path=tmp_path / "report.html"))
        assert any("attention" in caption for caption in page.captions) == shown


def test_a_loaded_model_has_no_call(tmp_path):
    recipes.build_mlp((3,), 3, units=(4,)).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    page = Page(recipes.report(model, X, Y, path=tmp_path / "report.html"))
    assert "build_mlp" not in page.text
    assert "layers" in page.text


def test_bad_input(tmp_path):
    model = recipes.build_mlp((3,), 3, units=(4,))
    with pytest.raises(ValueError, match="same number of rows"):
        recipes.report(model, X, Y[:5], path=tmp_path / "report.html")
    with pytest.raises(ValueError, match="x must have rows of shape"):
        recipes.report(model, X[:, :2], Y, path=tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
