"""What the plots draw: labels, limits and the number of artists, not pixels."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

import recipes

matplotlib.use("Agg")
random = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


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


def test_draws_into_the_axes_given():
    _, ax = plt.subplots()
    assert recipes.plot_history({"loss": [1.0]}, ax=ax) is ax
    assert recipes.plot_latent(random.normal(size=(5, 2)), ax=ax) is ax


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


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: recipes.plot_history({"loss": [1.0]}, "los"), "Did you mean 'loss'"),
        (lambda: recipes.plot_latent(np.ones(3)), "codes must have 2 axes"),
        (lambda: recipes.plot_latent(np.ones((3, 2)), labels=[1]), "same number of rows"),
        (lambda: recipes.plot_anomaly_scores([np.nan]), "scores must be finite"),
    ],
)
def test_bad_input(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
