"""What the plots draw: labels, limits and the number of artists, not pixels."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

import recipes

matplotlib.use("Agg")
random = np.random.default_rng(0)


def test_history_marks_the_best_epoch():
    history = {"accuracy": [0.5, 0.8, 0.9], "val_accuracy": [0.4, 0.7, 0.6]}
    ax = recipes.plot_history(history, "accuracy")
    training, validation, best = ax.lines
    assert training.get_ydata().tolist() == history["accuracy"]
    assert validation.get_xdata().tolist() == [1, 2, 3]
    assert (best.get_xdata().item(), best.get_ydata().item()) == (2, 0.7)


def test_history_without_validation_and_from_a_fit():
    model = recipes.build_mlp((3,), 2, units=(4,))
    ax = recipes.plot_history(model.fit(np.ones((4, 3)), np.zeros(4), epochs=2, verbose=0))
    assert len(ax.lines) == 1
    assert ax.get_title() == ""
    (point,) = recipes.plot_history({"loss": [0.3]}).lines
    assert point.get_marker() == "o"


def test_draws_into_the_axes_given():
    _, ax = plt.subplots()
    assert recipes.plot_history({"loss": [1.0]}, ax=ax) is ax
    assert recipes.plot_latent(random.normal(size=(5, 2)), ax=ax) is ax


def test_pixels_of_any_range_can_be_seen():
    """scikit-learn's digits go from 0 to 16: taken for bytes they would be black."""
    pixels = np.linspace(0, 16, 64).reshape(1, 8, 8)
    for images, highest in (
        (pixels, 1),
        (pixels.astype("uint8"), 16 / 255),
        (pixels * 15, 240 / 255),
    ):
        shown = recipes.plot_maps(images, np.ones((1, 8, 8))).images[0].get_array()[1:9, 1:9]
        np.testing.assert_allclose((shown.min(), shown.max()), (0, highest), atol=1e-6)


def test_reconstructions_of_images_and_vectors():
    images = random.uniform(size=(6, 5, 4, 1)).astype("float32")
    model = recipes.build_stacked_autoencoder((5, 4, 1), units=(4,), latent_dim=2)
    picture = recipes.plot_reconstructions(model, images, n=3).images[0].get_array()
    assert picture.shape == (2 * 5, 3 * 4)
    np.testing.assert_allclose(picture[:5, :4], images[0, ..., 0])

    table = recipes.build_stacked_autoencoder((7,), units=(4,), latent_dim=2)
    ax = recipes.plot_reconstructions(table, random.normal(size=(6, 7)), n=3)
    assert len(ax.lines) == 6


def test_latent_has_a_cloud_for_each_class():
    ax = recipes.plot_latent(random.normal(size=(30, 5)), labels=np.arange(30) % 3)
    assert len(ax.collections) == 3
    assert "of variance" in ax.get_xlabel()
    assert recipes.plot_latent(random.normal(size=(30, 2))).get_xlabel() == "latent 1"


def test_anomaly_scores_count_rows_and_show_the_threshold():
    scores = np.r_[random.uniform(0.01, 0.02, 90), random.uniform(1, 2, 10)]
    ax = recipes.plot_anomaly_scores(scores, 0.5, labels=np.arange(100) >= 90)
    assert sum(patch.get_height() for patch in ax.patches) == 100
    assert ax.lines[0].get_xdata()[0] == 0.5
    assert ax.get_title() == "10 of 100 rows above the threshold"
    assert ax.get_xscale() == "log"


def test_history_has_the_learning_rate_on_the_right():
    ax = recipes.plot_history({"loss": [3.0, 2.0], "learning_rate": [0.1, 0.01]})
    right = next(other for other in ax.figure.axes if other is not ax)
    assert right.lines[0].get_ydata().tolist() == [0.1, 0.01]
    assert (right.get_yscale(), right.get_ylabel()) == ("log", "learning rate")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "training",
        "learning rate",
    ]


def test_reliability_of_honest_probabilities_is_the_diagonal():
    p = random.uniform(size=20_000)
    y = (random.uniform(size=len(p)) < p).astype(int)
    ax = recipes.plot_reliability(y, p[:, None])
    _, points = ax.lines[:2]
    np.testing.assert_allclose(points.get_xdata(), points.get_ydata(), atol=0.05)
    assert len(points.get_xdata()) == 10
    assert float(ax.get_title().split()[-1]) < 0.02
    overconfident = recipes.plot_reliability(y, np.where(p > 0.5, 0.99, 0.01)[:, None])
    assert float(overconfident.get_title().split()[-1]) > 0.2
    several = recipes.plot_reliability([0, 1, 2, 2], np.eye(4)[[0, 1, 2, 3], :3] + 1e-3)
    assert "predicted" in several.get_xlabel()


def test_precision_recall_marks_the_threshold():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.9])
    ax = recipes.plot_precision_recall(y, p, threshold=0.3)
    point = ax.lines[-1]
    assert (point.get_xdata().item(), point.get_ydata().item()) == (1.0, 2 / 3)
    best = recipes.plot_precision_recall(y, p)
    assert "best F1" in best.get_legend().get_texts()[-1].get_text()
    several = recipes.plot_precision_recall([0, 1, 2], np.eye(3))
    assert len(several.lines) == 3
    assert several.get_title() == "mean average precision 1.000"


def test_residuals_are_true_minus_predicted():
    ax = recipes.plot_residuals([[1.0, 5.0], [2.0, 6.0]], [[1.5, 5.0], [2.0, 5.0]])
    first, second = (cloud.get_offsets().tolist() for cloud in ax.collections)
    assert first == [[1.5, -0.5], [2.0, 0.0]]
    assert second == [[5.0, 0.0], [5.0, 1.0]]


def test_fold_scores_show_mean_and_spread():
    ax = recipes.plot_fold_scores({"accuracy": [0.8, 0.9, 1.0], "log_loss": [1, 2, 3]}, "log_loss")
    mean, dots = ax.lines
    assert mean.get_ydata()[0] == 2
    assert dots.get_ydata().tolist() == [1, 2, 3]
    assert ax.get_title() == "2 ± 1 over 3 folds"


def test_per_class_has_three_bars_a_class():
    ax = recipes.plot_per_class([0, 1, 2, 2], [0, 1, 2, 1])
    assert len(ax.patches) == 9


def test_maps_of_images_and_series():
    images, maps = random.uniform(size=(5, 6, 4, 1)), random.uniform(size=(5, 6, 4))
    ax = recipes.plot_maps(images, maps, n=3, titles=["a", "b", "c"])
    picture = ax.images[0].get_array()
    assert picture.shape == (2 * (6 + 2), 3 * (4 + 2), 3)
    np.testing.assert_allclose(picture[1:7, 1:5, 0], images[0, ..., 0], atol=1e-6)
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    ax = recipes.plot_maps(random.normal(size=(3, 9, 2)), random.uniform(size=(3, 9)))
    assert (len(ax.images), len(ax.lines)) == (3, 6)


def test_feature_maps_are_those_of_the_layer():
    model = recipes.build_cnn((6, 4, 1), 2, filters=(3,), batch_norm=False, seed=0)
    image = random.uniform(size=(6, 4, 1))
    picture = (
        recipes.plot_feature_maps(model, image, model.layers[1].name, n=2).images[0].get_array()
    )
    assert picture.shape == (6 + 1, 2 * (4 + 1)) or picture.shape == (2 * (6 + 1), 4 + 1)
    assert (picture.min(), picture.max()) == (0, 1)


def test_attention_names_queries_and_keys():
    weights = random.dirichlet(np.ones(4), size=(2, 3))
    ax = recipes.plot_attention(weights, ["the", "cat", " ", "still"], "abc")
    np.testing.assert_allclose(ax.images[0].get_array(), weights.mean(0))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["the", "cat", "␣", "still"]
    bars = recipes.plot_attention(weights[0, 0])
    assert [patch.get_height() for patch in bars.patches] == weights[0, 0].tolist()


def test_mistakes_come_worst_first():
    p = np.array([[0.4, 0.6], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    for x in (random.uniform(size=(4, 8, 8, 3)), random.uniform(size=(4, 9, 2))):
        ax = recipes.plot_mistakes(x, [0, 0, 0, 1], p, names=["cat", "dog"])
        assert [t.get_text() for t in ax.texts] == ["dog, not cat\n90%", "dog, not cat\n60%"]
    long = recipes.plot_mistakes(x, [0, 0, 0, 1], p, names=["malignant", "benign"])
    assert long.texts[0].get_text() == "benign,\nnot malignant\n90%"
    none = recipes.plot_mistakes(x, [1, 1, 0, 1], p)
    assert none.get_title() == "0 of 4 rows wrong"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: recipes.plot_history({"loss": [1.0]}, "los"), "Did you mean 'loss'"),
        (lambda: recipes.plot_latent(np.ones(3)), "codes must have 2 axes"),
        (lambda: recipes.plot_latent(np.ones((3, 2)), labels=[1]), "same number of rows"),
        (lambda: recipes.plot_anomaly_scores([np.nan]), "scores must be finite"),
        (lambda: recipes.plot_reliability([0, 1], [[0.2]]), "same number of rows"),
        (lambda: recipes.plot_precision_recall([1, 1], [0.2, 0.3]), "two classes"),
        (lambda: recipes.plot_residuals([1.0, 2.0], np.ones((2, 2))), "one size"),
        (lambda: recipes.plot_fold_scores({"mae": [1]}, "mea"), "Did you mean 'mae'"),
        (lambda: recipes.plot_maps(np.ones((2, 4, 4)), np.ones((2, 3, 3))), "maps"),
        (lambda: recipes.plot_maps(np.ones((2, 4, 4)), np.ones((2, 4, 4)), titles="a"), "titles"),
        (lambda: recipes.plot_attention(np.ones((2, 3)), "ab"), "source must hold 3 names"),
        (lambda: recipes.plot_mistakes(np.ones((2, 4)), [0, 1], np.eye(2), names="a"), "names"),
    ],
)
def test_bad_input(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
