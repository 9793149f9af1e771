"""`diagnose`: drawn curves that show one symptom each, real runs, and what it says of them."""

import inspect

import numpy as np
import pytest

import recipes
import tuning
from recipes._symptoms import REMEDIES, SYMPTOMS

EPOCHS = np.arange(30)
FALLING = 0.1 + 2.2 * np.exp(-EPOCHS / 4)
LABELS = np.repeat(np.arange(10), 20)
WIGGLE = np.random.default_rng(0).normal(size=30)

CURVES = {
    "healthy": (FALLING, FALLING + 0.05, ()),
    "overfitting": (
        2.3 * np.exp(-EPOCHS / 5),
        0.5 + 1.8 * np.exp(-EPOCHS / 3) + 0.02 * EPOCHS,
        ("overfitting", "best epoch long past"),
    ),
    "underfitting": (
        1.9 + 0.4 * np.exp(-EPOCHS / 4),
        1.92 + 0.4 * np.exp(-EPOCHS / 4),
        ("plateau", "underfitting"),
    ),
    "slow": (2.3 - 0.01 * EPOCHS, 2.31 - 0.01 * EPOCHS, ("learning rate too low",)),
    "oscillating": (1.5 + 0.6 * WIGGLE, 1.6 + 0.6 * WIGGLE, ("learning rate too high",)),
    "too short": (
        2.3 * np.exp(-EPOCHS / 10),
        0.1 + 2.3 * np.exp(-EPOCHS / 10),
        ("best epoch not reached",),
    ),
    "noisy": (FALLING, FALLING + 0.3 + 0.15 * WIGGLE, ("noisy validation",)),
    "stuck": (np.full(30, 2.3), np.full(30, 2.3), ("plateau", "underfitting")),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("y", [LABELS, None], ids=["labels", "history alone"])
def test_drawn_curves(name, y):
    loss, val_loss, symptoms = CURVES[name]
    found = recipes.diagnose({"loss": loss, "val_loss": val_loss}, y).symptoms
    if name in ("oscillating", "slow"):  # it may add what follows from the first
        assert set(symptoms) <= set(found)
        assert found[0] == symptoms[0]
    else:
        assert found == symptoms


def test_nan_is_a_learning_rate_too_high_and_nothing_else():
    result = recipes.diagnose({"loss": [2.0, np.nan, np.nan], "val_loss": [2.0, np.nan, np.nan]})
    assert result.symptoms == ("learning rate too high",)
    assert "epoch 2" in result.findings[0].evidence


def test_a_first_loss_far_above_guessing_is_a_learning_rate_too_high():
    loss = np.r_[40.0, np.full(9, 2.31)]
    assert recipes.diagnose({"loss": loss, "val_loss": loss}, LABELS).symptoms[0] == (
        "learning rate too high"
    )


def test_strong_penalties_and_dropout_are_no_learning_rate_too_high():
    fading = np.exp(-EPOCHS / 1.5)
    penalty = {"loss": 2.3 + 18 * fading, "val_loss": 2.31 + 5 * fading}
    dropout = {"loss": 2.5 + 0.8 * WIGGLE, "val_loss": 2.3 - 0.01 * EPOCHS}
    for history in (penalty, dropout):
        assert "learning rate too high" not in recipes.diagnose(history, LABELS).symptoms


class TestClassCollapse:
    history = {"loss": FALLING, "val_loss": FALLING}

    def test_classes_that_are_never_predicted(self):
        predictions = np.eye(10)[np.where(LABELS < 8, LABELS, 0)]
        result = recipes.diagnose(self.history, LABELS, predictions)
        assert result.symptoms == ("class collapse",)
        assert "2 of 10 classes are never predicted: 8, 9" in result.findings[0].evidence

    def test_one_sigmoid_output(self):
        y = np.arange(40) % 4 == 0
        for predictions, symptoms in ((y * 0.8, ()), (y * 0.4, ("class collapse",))):
            found = recipes.diagnose(self.history, y.astype(int), predictions[:, None])
            assert found.symptoms == symptoms

    def test_an_accuracy_that_stands_still(self):
        still = {"accuracy": [0.3] * 30, "val_accuracy": [0.25] * 30}
        flat = {"loss": np.full(30, 2.3), "val_loss": np.full(30, 2.3)}
        assert "class collapse" in recipes.diagnose({**flat, **still}).symptoms
        assert "class collapse" not in recipes.diagnose({**self.history, **still}).symptoms


def test_a_real_run_that_overfits_and_what_to_search():
    x = np.random.default_rng(0).normal(size=(60, 8)).astype("float32")
    y = np.arange(60) % 3  # nothing to be learnt but by heart
    model = recipes.build_mlp((8,), 3, units=(64,), dropout=0.0, learning_rate=0.02, seed=0)
    history = model.fit(x[:40], y[:40], epochs=20, validation_data=(x[40:], y[40:]), verbose=0)
    result = recipes.diagnose(history, y[40:], model.predict(x[40:], verbose=0))
    assert "overfitting" in result.symptoms
    space = tuning.narrow(recipes.build_mlp, result) | {"units": (4,), "epochs": 1}
    study = tuning.search(recipes.build_mlp, x, y, space=space, max_trials=1, verbose=False)
    assert 0.2 <= study.best_arguments["dropout"] <= 0.6


def test_a_narrow_space_has_only_knobs_of_the_builder():
    history = {"loss": [1.0, 0.9]}
    for _, tried in REMEDIES.values():
        found = recipes.Finding("symptom", "evidence", "remedy", tried)
        result = recipes.Diagnosis((found,), history)
        for build, space in tuning.SPACES.items():
            arguments = {*inspect.signature(build).parameters, "epochs", "batch_size"}
            narrow = tuning.narrow(build, result)
            assert set(narrow) == {*space, *set(tried) & arguments}
            told = tuning.ranges_of(tried)
            assert all(narrow[name] == told[name] for name in narrow if name in told)
    healthy = recipes.Diagnosis((), history)
    assert tuning.narrow(recipes.build_cnn, healthy) == tuning.SPACES[recipes.build_cnn]
    with pytest.raises(TypeError, match="diagnosis must be what"):
        tuning.narrow(recipes.build_cnn, history)


def test_every_remedy_names_arguments_that_exist_and_values_that_build():
    assert set(REMEDIES) == set(SYMPTOMS)
    arguments = set(inspect.signature(recipes.build_cnn).parameters)
    arguments &= set(inspect.signature(recipes.build_mlp).parameters)
    for _, space in REMEDIES.values():
        assert set(space) <= arguments | {"epochs", "batch_size"}
        for name, value in tuning.ranges_of(space).items():
            for end in getattr(value, "ends", (value,)):
                if name in arguments:
                    recipes.build_mlp((4,), 3, units=(4,), **{name: end})


def test_repr_html_and_plot():
    loss, val_loss, symptoms = CURVES["overfitting"]
    result = recipes.diagnose({"loss": loss, "val_loss": val_loss})
    assert "overfitting: training loss" in repr(result)
    assert "try dropout=(0.2, 0.6)" in repr(result)
    assert result._repr_html_().count("<tr>") == 1 + len(symptoms)
    assert result.plot().get_title() == "overfitting, best epoch long past"
    assert "nothing found" in recipes.diagnose({"loss": FALLING})._repr_html_()


def test_the_history_stays_as_it_is():
    history = {"loss": [3.0, 2.0, 1.0]}
    recipes.diagnose(history)
    assert history == {"loss": [3.0, 2.0, 1.0]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"val_loss": [1, 2, 3]},), "history must be what fit returned, or a dict with 'loss'"),
        (([1, 2, 3],), "history must be what fit returned"),
        (({"loss": [1.0]},), "history must have 3 epochs"),
        (({"loss": FALLING}, None, np.eye(3)), "y must be given with predictions"),
        (({"loss": FALLING}, np.arange(4), np.eye(3)), "same number of rows"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        recipes.diagnose(*arguments)
