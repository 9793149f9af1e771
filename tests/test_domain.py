"""Shifted domains: importance weights against closed forms, gradient reversal, adversarial fits."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops

from recipes import (
    GradientReversal,
    build_domain_adversarial,
    classifier_of,
    domain_batches,
    importance_weights,
)
from recipes._domains import DomainNormalization

_random = np.random.default_rng(0)
SOURCE = _random.normal(0, 1, (600, 1))
TARGET = _random.normal(1, 1, (500, 1))


@pytest.mark.parametrize("method", ["classifier", "kmm"])
def test_weights_are_the_ratio_of_the_densities(method):
    result = importance_weights(SOURCE, TARGET, method=method, seed=0)
    truth = np.exp(SOURCE[:, 0] - 0.5)  # N(1, 1) over N(0, 1)
    assert result.weights.mean() == pytest.approx(1)
    assert result.weights.min() >= 0
    assert np.corrcoef(result.weights, truth)[0, 1] > 0.9
    assert np.average(SOURCE[:, 0], weights=result.weights) == pytest.approx(
        TARGET.mean(), abs=0.15
    )
    worth = truth.sum() ** 2 / (truth**2).sum()
    assert result.effective_sample_size == pytest.approx(worth, rel=0.5)
    assert result.plot().get_xlabel() == "weight"


def test_rows_of_one_domain_weigh_the_same():
    result = importance_weights(SOURCE[:300], SOURCE[300:], seed=0)
    assert result.weights.std() < 0.3
    assert result.effective_sample_size > 270


def test_it_warns_where_a_few_rows_carry_all_weight():
    with pytest.warns(UserWarning, match="few of them carry all weight"):
        importance_weights(SOURCE, SOURCE[:50] + 4, maximum=1000, seed=0)
    for method in ("classifier", "kmm"):
        with pytest.warns(UserWarning, match="do not look like the target rows"):
            importance_weights(SOURCE, TARGET + 20, method=method, seed=0)
    importance_weights(SOURCE, TARGET[:3], method="kmm")  # which needs no folds


@pytest.mark.parametrize("maximum", [2, 20])
def test_no_row_weighs_more_than_the_maximum(maximum):
    source = np.append(SOURCE, [[12.0]], axis=0)  # far out, where the target's density is higher
    result = importance_weights(source, TARGET, maximum=maximum, seed=0)
    assert result.weights.max() == pytest.approx(maximum)
    assert result.weights.mean() == pytest.approx(1)
    assert result.effective_sample_size > 100


def test_columns_of_frames_go_by_name():
    source = pd.DataFrame({"a": SOURCE[:500, 0], "b": 1 + 3 * TARGET[:, 0]})
    target = source[["b", "a"]] + 0.5
    mixed = importance_weights(source, target, seed=0)
    same = importance_weights(source, target[["a", "b"]], seed=0)
    np.testing.assert_array_equal(mixed.weights, same.weights)
    with pytest.raises(ValueError, match=r"columns of x_source. Received: none named \['a'\]"):
        importance_weights(source, target[["b"]])
    x = np.concatenate([np.asarray(x) for x, *_ in rows_of(source, target)])
    rows = np.float32([*source.values, *target[["a", "b"]].values])
    assert set(map(tuple, x)) == set(map(tuple, rows))


def rows_of(x_source, x_target, y=None):
    y = np.zeros(len(x_source), int) if y is None else y
    feed = domain_batches(x_source, y, x_target, 64, seed=0)
    return list(feed) if hasattr(feed, "element_spec") else [feed[i] for i in range(len(feed))]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x_target": np.zeros((5, 2))}, ValueError, "x_target"),
        ({"method": "knn"}, ValueError, "method"),
        ({"maximum": 1}, ValueError, "maximum"),
        ({"folds": 1}, ValueError, "folds"),
        ({"estimator": 3}, ValueError, "estimator"),
        ({"x_source": np.zeros((5000, 1)), "method": "kmm"}, ValueError, "Use method='classifier'"),
    ],
)
def test_bad_weights(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        importance_weights(**{"x_source": SOURCE, "x_target": TARGET, **arguments})
    assert "Received" in str(caught.value)


def test_the_gradient_is_reversed_and_the_value_is_not():
    """One step of descent on a bare weight behind the layer goes uphill by the same amount."""
    x, y = np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")
    moved = {}
    for name, reversal in {"plain": None, "reversed": GradientReversal(0.5)}.items():
        inputs = keras.Input((1,))
        z = layers.Dense(1, use_bias=False, kernel_initializer="ones")(inputs)
        model = keras.Model(inputs, z if reversal is None else reversal(z))
        model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
        assert model.evaluate(x, y, verbose=0) == 1.0
        model.train_on_batch(x, y)
        moved[name] = float(model.get_weights()[0].item()) - 1
    assert moved["plain"] == pytest.approx(-0.2)
    assert moved["reversed"] == pytest.approx(0.1)


def test_the_reversal_sets_in_along_the_curve_of_the_paper():
    layer = GradientReversal(2.0, steps=10)
    factors = []
    for _ in range(12):
        layer(ops.ones((1, 1)), training=True)
        factors.append(float(layer._factor(training=False)))
    done = np.minimum(np.arange(1, 13) / 10, 1)
    np.testing.assert_allclose(factors, 2 * (2 / (1 + np.exp(-10 * done)) - 1), rtol=1e-5)
    layer(ops.ones((1, 1)), training=False)
    assert int(layer.step) == 12


def shifted(rows, seed):
    """Two classes along one axis; the domain moves them along another, which carries labels too."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    x = random.normal(0, 0.3, (rows, 3)).astype("float32")
    x[:, 0] += 2 * y - 1
    return x, y


def test_it_trains_on_both_domains_and_saves(tmp_path):
    x, y = shifted(128, 0)
    x_target = x[:96] + np.array([0, 2, 0], "float32")
    widths = {"units": (8,), "label_units": (4,), "domain_units": (4,)}
    model = build_domain_adversarial(
        (3,), 2, **widths, dropout=0.0, ramp_steps=20, learning_rate=0.02, seed=0
    )
    start = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    history = model.fit(
        domain_batches(x, y, x_target, 32, seed=0), epochs=8, shuffle=False, verbose=0
    ).history
    assert history["output_accuracy"][-1] > 0.9
    assert int(model.get_layer("reversal").step) == 8 * 8
    for weight, before in zip(model.trainable_weights, start, strict=True):
        assert not np.array_equal(ops.convert_to_numpy(weight), before)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    mine, theirs = (
        {name: ops.convert_to_numpy(values) for name, values in made(x).items()}
        for made in (model, loaded)
    )
    for name in ("output", "domain"):
        np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-5, atol=1e-6)
    whole = domain_batches(x, y, np.repeat(x_target, 2, axis=0)[: len(x)], 2 * len(x), seed=0)
    chances = mine["output"][np.arange(len(y)), y]
    reported = model.evaluate(whole, verbose=0, return_dict=True)["output_loss"]
    assert reported == pytest.approx(-np.log(chances).mean(), rel=1e-3)  # the mean over the source
    classifier = classifier_of(loaded)
    np.testing.assert_allclose(classifier(x), mine["output"], rtol=1e-5)
    assert classifier.evaluate(x_target, y[:96], verbose=0)[1] > 0.9


def test_each_domain_is_normalised_by_its_own_statistics():
    random = np.random.default_rng(0)
    x = np.empty((201, 3, 2), "float32")  # an odd number: one more of the source
    x[::2], x[1::2] = random.normal(0, 1, (101, 3, 2)), random.normal(5, 3, (100, 3, 2))
    layer = DomainNormalization(momentum=0.0)
    y = ops.convert_to_numpy(layer(x, training=True))
    for rows in (y[::2], y[1::2]):
        np.testing.assert_allclose(rows.mean((0, 1)), 0, atol=1e-4)
        np.testing.assert_allclose(rows.std((0, 1)), 1, atol=1e-2)
    np.testing.assert_allclose(layer(x[1::2], training=False), y[1::2], atol=1e-4)
    layer(x[:1], training=True)  # no row of the target
    np.testing.assert_allclose(layer(x[1::2], training=False), y[1::2], atol=1e-4)


def test_target_rows_have_no_labels_to_learn():
    feed = domain_batches(np.zeros((3, 2)), np.arange(3), np.ones((5, 2)), 64, seed=0)
    ((x, y, weight),) = list(feed) if hasattr(feed, "element_spec") else [feed[0]]
    target = np.asarray(x)[:, 0] == 1
    assert target.sum() == 5
    np.testing.assert_array_equal(np.asarray(weight["output"]), 2 * ~target)
    np.testing.assert_array_equal(np.asarray(y["domain"])[:, 0], target)


def test_rows_that_come_again_are_not_the_first_ones():
    y = np.repeat([0, 1], 50)
    drawn = np.concatenate(
        [
            np.asarray(y["output"])[::2]
            for _, y, _ in rows_of(np.zeros((100, 2)), np.ones((150, 2)), y)
        ]
    )
    assert len(drawn) == 150
    assert 60 < drawn.sum() < 90  # 50 if they were the first


def test_images_of_any_size():
    model = build_domain_adversarial(
        (None, None, 1), 1, task="binary", filters=(2,), pooling="average"
    )
    assert model.predict(np.zeros((2, 6, 5, 1)), verbose=0)["output"].shape == (2, 1)


def test_the_heads_see_where_in_an_image_a_thing_lies():
    shapes = {
        pooling: build_domain_adversarial((6, 5, 1), 2, filters=(2, 4), pooling=pooling)
        .get_layer("encoder")
        .output_shape
        for pooling in ("flatten", "average")
    }
    assert shapes == {"flatten": (None, 2 * 2 * 4), "average": (None, 4)}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_shape": (3, 3)}, ValueError, "input_shape"),
        ({"input_shape": (None, 8, 1)}, ValueError, "Use pooling='average'"),
        ({"input_shape": (8, 8, 1), "pooling": "mean"}, ValueError, "pooling must be one of"),
        ({"strength": -1}, ValueError, "strength"),
        ({"ramp_steps": 0}, ValueError, "ramp_steps"),
        ({"units": 8}, TypeError, r"Did you mean \(8,\)"),
        ({"activation": "rellu"}, ValueError, "Did you mean 'relu'"),
        ({"outputs": 1}, ValueError, "task='binary'"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        build_domain_adversarial(**{"input_shape": (3,), "outputs": 2, **arguments})
    assert "Received" in str(caught.value)
