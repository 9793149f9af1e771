"""`fine_tune`: what stays, what moves and how fast, what comes back, and runs that were killed."""

import contextlib
import functools
import threading
import time
import types

import keras
import numpy as np
import pytest
from keras import layers

from recipes import (
    _descriptions,
    _fine_tuning_data,
    _layer_rates,
    _unfreezing,
    build_pretrained,
    fine_tune,
    load_images,
)
from recipes.feeding import one_pass
from recipes.schedules import OneCycle, WarmupCosine

_random = np.random.default_rng(0)
Y = np.arange(24) % 2
X = _random.uniform(0, 100, (24, 8, 8, 3)).astype("float32") + 80 * Y[:, None, None, None]


BACKBONE = keras.Sequential(
    [
        keras.Input((None, None, 3)),
        layers.Conv2D(4, 3, activation="relu", name="low"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(5, 3, activation="relu", name="high"),
    ],
)


def build(outputs=2, **arguments):
    # Without augmentation, which would have to be compiled each time.
    options = {"preprocessing": "tf", "augmentation": None, "learning_rate": 0.02, "seed": 0}
    options |= arguments
    return build_pretrained((8, 8, 3), outputs, backbone=BACKBONE, **options)


@functools.cache
def tuned():
    """One run of both stages with validation, which several tests look at."""
    model = build(class_names=("dark", "light"))
    names = np.array(["dark", "light"])[Y]
    result = fine_tune(
        model,
        X,
        names,
        validation=(X[:8], names[:8]),
        head_epochs=3,
        epochs=4,
        unfreeze="last:1",
        learning_rate=0.02,
        layer_decay=0.5,
        seed=0,
    )
    return types.SimpleNamespace(model=model, result=result)


@pytest.mark.parametrize(("times", "batch_size", "epochs"), [(2, 1, 12), (1, 1, 21), (1, 24, 30)])
def test_epochs_that_nobody_chose_make_some_500_steps(times, batch_size, epochs):
    x, y = np.concatenate([X] * times), np.concatenate([Y] * times)
    result = fine_tune(build(), x, y, batch_size=batch_size, head_epochs=0, seed=0)
    assert result.stages == (("all", epochs),)
    assert len(result.history["loss"]) == epochs


@pytest.mark.parametrize("cache", [True, False])
def test_the_head_phase_leaves_the_backbone_bit_for_bit(cache):
    model = build(augmentation=layers.RandomFlip(seed=0))
    before = model.get_layer("backbone").get_weights()
    head = model.get_layer("output").get_weights()
    fine_tune(model, X, Y, head_epochs=2, epochs=0, cache=cache, seed=0)
    for old, now in zip(before, model.get_layer("backbone").get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert not np.array_equal(head[0], model.get_layer("output").get_weights()[0])


def test_cached_features_give_the_losses_of_the_whole_model():
    losses = []
    for cache in (True, False):
        model = build(dropout=0.0)
        history = fine_tune(
            model, X, Y, head_epochs=3, epochs=0, batch_size=24, cache=cache, seed=0
        ).history
        losses.append(history["loss"])
        assert np.isfinite(model.get_weights()[0]).all()
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_one_history_over_all_stages_with_the_best_weights_back():
    lived = tuned()
    history = lived.result.history
    assert lived.result.stages == (("head", 3), ("last:1", 4))
    assert {len(values) for values in history.values()} == {7}
    assert lived.result.best_epoch == int(np.argmin(history["val_loss"])) + 1
    loss = lived.model.evaluate(X[:8], Y[:8], verbose=0)[0]
    np.testing.assert_allclose(loss, min(history["val_loss"]), rtol=1e-4)
    assert history["loss"][-1] < history["loss"][0]
    assert "best val_loss" in repr(lived.result)
    assert len(lived.result.plot().texts) == 2


def test_only_what_was_unfrozen_moved():
    end = tuned().model.get_layer("backbone")
    for new in end.layers[1:]:
        start = BACKBONE.get_layer(new.name).get_weights()
        for before, now in zip(start, new.get_weights(), strict=True):
            assert np.array_equal(before, now) == (new.name in ("low", "norm"))


def test_rates_survive_save_and_load(tmp_path):
    model = tuned().model
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.rates == model.optimizer.rates == [0.5**1] * 2 + [1.0] * 2
    assert isinstance(loaded.optimizer._learning_rate, OneCycle)
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 4 * 2
    assert len(loaded.trainable_weights) == 4
    for mine, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine, theirs)
    loaded.run_eagerly = True
    assert np.isfinite(loaded.fit(X, Y, verbose=0).history["loss"][0])


def test_warmup_cosine_ends_at_nothing():
    model = build()
    options = {"head_epochs": 0, "epochs": 4, "unfreeze": "last:1", "layer_decay": 0.5}
    result = fine_tune(
        model, X, Y, schedule="warmup_cosine", learning_rate=0.02, batch_size=4, seed=0, **options
    )
    expected = WarmupCosine(0.02, steps=4 * 6)
    shown = [float(expected(6 * (epoch + 1))) for epoch in range(4)]
    np.testing.assert_allclose(result.history["learning_rate"], shown, atol=1e-7)
    assert model.optimizer.get_config()["learning_rate"]["class_name"] == "WarmupCosine"
    assert model.optimizer.rates == [0.5] * 2 + [1.0] * 2


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_a_step_is_scaled_by_its_rate(name):
    def step(optimizer):
        weights = [keras.Variable(np.ones(2, "float32")) for _ in range(3)]
        optimizer.apply([keras.ops.ones(2) * 0.5] * 3, weights)
        return np.array([1 - float(weight.value[0]) for weight in weights])

    options = {"weight_decay": 0.0} if name == "AdamW" else {}
    whole = step(getattr(keras.optimizers, name)(0.1, **options))
    optimizer = getattr(keras.optimizers, name)(0.3, **options)
    shares = step(_layer_rates.with_layer_rates(optimizer, [1.0, 0.5, 0.1], 0.1))
    np.testing.assert_allclose(shares, whole * [1.0, 0.5, 0.1], rtol=1e-4)


def test_rates_fall_from_the_head_to_the_lowest_part():
    stack = [keras.Input((4,)), *(layers.Dense(4, name=f"d{i}") for i in range(12))]
    part = keras.Sequential(stack, name="backbone")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(part(inputs)))
    rates = _unfreezing.rates(model, part, 0.5)
    per_layer = rates[::2]
    assert per_layer == [0.5**n for n in (6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1)] + [1.0]


@pytest.mark.parametrize(
    ("unfreeze", "trained"),
    [("all", 4), ("last:1", 1), (0.5, 2), (0.3, 2), (1.0, 4), ("norm", 2), ("low", 3)],
)
def test_what_unfreeze_means(unfreeze, trained):
    part = build().get_layer("backbone")
    (stage,) = _unfreezing.plan(part, unfreeze, gradual=False, head_epochs=0, epochs=1)
    assert stage.trained == trained
    _unfreezing.apply(part, stage.trained)
    assert [layer.trainable for layer in part.layers[-trained:]] == [True] * trained
    assert not any(layer.trainable for layer in part.layers[:-trained])


def test_gradual_unfreezing_goes_down_from_the_top():
    part = build().get_layer("backbone")
    stages = _unfreezing.plan(part, "all", gradual=True, head_epochs=2, epochs=10)
    assert [stage.trained for stage in stages] == [0, 2, 3, 4]
    assert [stage.epochs for stage in stages] == [2, 3, 4, 3]


def run_eagerly(model):
    """The model compiled as it is, but for the tracing, which costs more than a few tiny steps."""
    options = keras.saving.deserialize_keras_object(model.get_compile_config())
    model.compile(**{**options, "run_eagerly": True, "jit_compile": False})
    return model


class Moved(keras.callbacks.Callback):
    """Trainable weights of each stage, and which layers of the backbone moved in it."""

    def __init__(self):
        super().__init__()
        self.stages = []

    def on_train_begin(self, logs=None):
        self.before = self.kernels()

    def on_train_end(self, logs=None):
        moved = [k for k, v in self.kernels().items() if not np.array_equal(v, self.before[k])]
        self.stages.append((len(self.model.trainable_weights), moved))

    def kernels(self):
        inner = self.model.get_layer("backbone").layers[1:]
        return {layer.name: layer.get_weights()[0] for layer in inner}


def test_layers_without_weights_are_nothing_to_unfreeze():
    stack = [keras.layers.Dense(2), keras.layers.ReLU(), keras.layers.Dropout(0.1)]
    stack = keras.Sequential([keras.Input((2,)), *stack]).layers
    for unfreeze in ("last:2", 0.1, "last:1"):
        with pytest.raises(ValueError, match=r"reach a layer with weights.*'last:3'"):
            _unfreezing.count(stack, unfreeze)
    assert _unfreezing.count(stack, "last:3") == 3


def test_layers_inside_a_layer_of_the_backbone_have_rates_of_their_own():
    nested = keras.Sequential([keras.Input((None, None, 3)), keras.models.clone_model(BACKBONE)])
    rates = []
    for backbone in (BACKBONE, nested):
        model = build_pretrained((8, 8, 3), 2, backbone=backbone, unfreeze="all", layer_decay=0.5)
        rates.append(model.optimizer.rates)
    assert rates[0] == rates[1]
    assert len(set(rates[0])) > 2


def test_the_heads_features_are_read_by_threads_in_order():
    threads = set()

    class Slow(keras.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, step):
            threads.add(threading.get_ident())
            time.sleep(0.01 * (6 - step))
            return step

    assert list(one_pass(Slow(workers=3))) == list(range(6))
    assert len(threads) == 3
    threads.clear()
    for workers in (0, 1):
        assert list(one_pass(Slow(workers=workers))) == list(range(6))
    assert threads == {threading.get_ident()}


def test_a_tensorflow_dataset_on_every_backend():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    model = build()
    before = model.evaluate(X, Y, verbose=0)[0]
    result = fine_tune(model, data, validation=data, head_epochs=5, epochs=0)
    assert result.history["val_loss"][-1] < before
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(min(result.history["val_loss"]))


def test_every_stage_trains_what_it_unfreezes():
    model, seen = run_eagerly(build()), Moved()
    options = {"head_epochs": 0, "unfreeze": "last:3", "callbacks": [seen], "seed": 0}
    fine_tune(model, X, Y, epochs=3, gradual=True, learning_rate=0.02, **options)
    assert seen.stages == [(4, ["high"]), (6, ["norm", "high"]), (8, ["low", "norm", "high"])]


def test_a_second_call_unfreezes_more_or_less_than_the_first():
    model, seen = run_eagerly(build()), Moved()
    for unfreeze in ("last:1", "all", "norm"):
        options = {"unfreeze": unfreeze, "callbacks": [seen], "learning_rate": 0.02, "seed": 0}
        fine_tune(model, X, Y, head_epochs=0, epochs=1, **options)
    assert seen.stages == [(4, ["high"]), (8, ["low", "norm", "high"]), (6, ["norm", "high"])]
    fine_tune(model, X, Y, head_epochs=1, epochs=0)
    assert len(model.trainable_weights) == 2


class KilledError(Exception):
    pass


class Kill(keras.callbacks.Callback):
    """Lets so many epochs of the backbone begin, over all stages, and no more."""

    def __init__(self, epochs=1):
        super().__init__()
        self.left = epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.left -= 1
        if self.left < 0:
            raise KilledError


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    def run(callbacks=None, **arguments):
        options = {"head_epochs": 2, "epochs": 3, "validation": 0.25, "seed": 0, **arguments}
        model = build()
        result = fine_tune(model, X, Y, directory=tmp_path, callbacks=callbacks, **options)
        return model, result

    with pytest.raises(KilledError):
        run([Kill()])
    model, result = run()
    assert result.stages == (("head", 2), ("all", 3))
    assert {len(values) for values in result.history.values()} == {5}
    assert int(model.optimizer.iterations) == 3 * 2  # the schedule went on, too
    again, same = run([Kill()])  # nothing is left to do
    assert same.history == result.history
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations)
    assert again.optimizer.rates == model.optimizer.rates
    for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ValueError, match="directory must be new"):
        run(layer_decay=0.9)


def test_a_gradual_run_killed_within_a_stage_goes_on(tmp_path):
    options = {"head_epochs": 0, "epochs": 6, "gradual": True, "unfreeze": "last:3", "seed": 0}
    options |= {"learning_rate": 0.02, "directory": tmp_path}
    with pytest.raises(KilledError):  # in the second epoch of the second stage
        fine_tune(run_eagerly(build()), X, Y, callbacks=[Kill(epochs=3)], **options)
    model, seen = run_eagerly(build()), Moved()
    result = fine_tune(model, X, Y, callbacks=[seen], **options)
    assert result.stages == (("last:1", 2), ("last:2", 2), ("last:3", 2))
    assert {len(values) for values in result.history.values()} == {6}
    assert seen.stages == [(6, ["norm", "high"]), (8, ["low", "norm", "high"])]
    assert int(model.optimizer.iterations) == 2 * 2


def test_a_killed_run_does_not_drop_the_same_units_again(tmp_path):
    def seeds(folder, kills):
        model, options = build(), {"head_epochs": 1, "epochs": 3, "seed": 0}
        with contextlib.suppress(KilledError):
            fine_tune(model, X, Y, directory=folder, callbacks=kills, **options)
        ids = {id(weight) for weight in model.weights}
        states = [v for v in model.variables if id(v) not in ids]
        return [keras.ops.convert_to_numpy(state).tolist() for state in states]

    whole, begun = seeds(tmp_path / "whole", []), seeds(tmp_path / "killed", [Kill(2)])
    assert len(whole) == 1
    assert begun != whole
    assert seeds(tmp_path / "killed", []) == whole


class KillStage(keras.callbacks.Callback):
    """Lets so many stages of the backbone begin, and no more."""

    def __init__(self, stages):
        super().__init__()
        self.left = stages

    def on_train_begin(self, logs=None):
        self.left -= 1
        if self.left < 0:
            raise KilledError


def test_a_gradual_run_killed_between_two_stages_goes_on(tmp_path):
    def run(stages):
        model, said = run_eagerly(build()), None
        with contextlib.suppress(KilledError):
            said = fine_tune(
                model,
                X,
                Y,
                head_epochs=1,
                epochs=3,
                gradual=True,
                directory=tmp_path,
                callbacks=[KillStage(stages)],
                seed=0,
            )
        moved = [
            layer.name
            for layer in model.get_layer("backbone").layers[1:]
            if not np.array_equal(
                layer.get_weights()[0], BACKBONE.get_layer(layer.name).get_weights()[0]
            )
        ]
        return said, moved

    assert run(1) == (None, ["norm", "high"])
    result, moved = run(2)  # two stages were left to do
    assert result.stages == (("head", 1), ("last:2", 1), ("last:3", 1), ("last:4", 1))
    assert {len(values) for values in result.history.values()} == {4}
    assert moved == ["low", "norm", "high"]


def test_a_folder_is_of_the_same_data_model_loss_and_optimizer(tmp_path):
    def run(x=X, y=Y, optimizer="adam", dropout=0.2, label_smoothing=0.0, **arguments):
        model = build(optimizer=optimizer, dropout=dropout, label_smoothing=label_smoothing)
        model = run_eagerly(model)
        options = {"head_epochs": 1, "epochs": 1, "unfreeze": "last:1", "seed": 0, **arguments}
        return fine_tune(model, x, y, directory=tmp_path, **options).history

    history = run()
    assert run() == history
    for other in ({"x": X + 1}, {"y": 1 - Y}, {"sample_weight": np.ones(24)}):
        with pytest.raises(ValueError, match="another data"):
            run(**other)
    for name, value in {"optimizer": "sgd", "dropout": 0.3, "label_smoothing": 0.1}.items():
        other = {"dropout": "model", "label_smoothing": "loss"}.get(name, name)
        with pytest.raises(ValueError, match=f"another {other}"):
            run(**{name: value})
    for name in ("now.npz", "fine_tuning.json"):
        (tmp_path / name).write_bytes(b"[broken")
        with pytest.raises(ValueError, match=f"{name} is damaged.*overwrite=True"):
            run()
    np.testing.assert_allclose(run(overwrite=True)["loss"], history["loss"], rtol=1e-4)


def test_what_tells_the_data_of_a_feed_from_others(tmp_path):
    def sum_of(x, y, **options):
        feed = load_images(x, y, image_size=8, **options)
        return _descriptions.checksum(_fine_tuning_data.known(feed))

    files = [tmp_path / "0.png", tmp_path / "1.png"]
    for number, file in enumerate(files):
        keras.utils.save_img(file, X[number])
    for x in (X[:2], [file.read_bytes() for file in files], files):
        assert sum_of(x, ["a", "b"], seed=0) == sum_of(x, ["a", "b"], seed=1)
        assert sum_of(x, ["a", "b"]) != sum_of(x, ["b", "a"])
        assert sum_of(x, ["a", "b"]) != sum_of(x[::-1], ["a", "b"])


def test_mixed_precision_and_one_callback_and_a_share_of_numpy():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = build()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    options = {"validation": np.float32(0.25), "callbacks": keras.callbacks.TerminateOnNaN()}
    history = fine_tune(model, X, Y, head_epochs=1, epochs=1, seed=0, **options).history
    assert np.isfinite(history["val_loss"]).all()


class OwnLoss(keras.losses.Loss):
    """A loss that is not registered."""

    def call(self, y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def test_a_loss_and_metrics_of_ones_own_need_no_registration():
    histories = []
    for loss in (OwnLoss(), "sparse_categorical_crossentropy"):
        model = build(dropout=0.0)
        metric = keras.metrics.MeanMetricWrapper(lambda y, p: keras.ops.max(p, -1), name="sure")
        model.compile("adam", loss, metrics=["accuracy", metric], run_eagerly=True)
        histories.append(fine_tune(model, X, Y, head_epochs=1, epochs=1, seed=0).history)
    for name in ("loss", "accuracy", "sure"):
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-4)


def test_weights_and_batches(tmp_path):
    from recipes import batches

    weight = np.where(Y == 0, 1.0, 0.0)
    model = build()
    feed = batches(X, Y, 8, sample_weight=weight, seed=0)
    # Held-out rows of class 1 would bring back the weights of an early epoch.
    dark = batches(X[Y == 0], Y[Y == 0], 8, shuffle=False)
    fine_tune(model, feed, head_epochs=20, epochs=0, validation=dark)
    assert model.predict(X, verbose=0).argmax(-1).max() == 0  # class 1 weighs nothing


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"unfreeze": "lowe"}, ValueError, "Did you mean 'low'"),
        ({"unfreeze": "last:9"}, ValueError, "1 to 4 layers"),
        ({"x": X / 255}, ValueError, "hold pixels of 0-255 for this model.*pixels from"),
        ({"unfreeze": 3}, ValueError, "Did you mean 'last:3'"),
        ({"layer_decay": 0}, ValueError, "layer_decay"),
        ({"layer_decay": 1.5}, ValueError, "layer_decay"),
        ({"schedule": "onecycle"}, ValueError, "Did you mean 'one_cycle'"),
        ({"head_epochs": 0, "epochs": 0}, ValueError, "head_epochs"),
        ({"epochs": 2, "gradual": True}, ValueError, "at least 3"),
        ({"learning_rate": 0}, ValueError, "learning_rate"),
        ({"y": None}, ValueError, "y must be given"),
        ({"y": Y + 1}, ValueError, "labels from 0 to 1"),
        ({"y": Y[:-1]}, ValueError, "same number of rows"),
        ({"y": np.array(["dark"] * 24)}, ValueError, "class_names"),
        ({"x": X[..., :1]}, ValueError, "rows of shape"),
        ({"validation": "some"}, ValueError, "validation"),
        ({"validation": 1.0}, ValueError, "validation"),
        ({"callbacks": "early"}, TypeError, "callbacks must be a list"),
        ({"monitor": "val_acc", "validation": 0.25}, ValueError, "Did you mean 'val_accuracy'"),
        ({"sample_weight": np.ones(20), "validation": 0.25}, ValueError, "same number of rows"),
        ({"sample_weight": np.ones(30), "validation": 0.25}, ValueError, "same number of rows"),
        ({"model": BACKBONE}, ValueError, "compiled"),
    ],
)
def test_bad_input(arguments, error, message):
    model = bare()
    before = model.get_weights()
    with pytest.raises(error, match=message) as caught:
        fine_tune(**{"model": model, "x": X, "y": Y, **arguments})
    assert "Received" in str(caught.value)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


class Nothing(keras.utils.PyDataset):
    """A feed without a batch."""

    def __len__(self):
        return 0

    def __getitem__(self, index):
        raise IndexError(index)


def test_a_feed_without_batches_is_named():
    with pytest.raises(ValueError, match="Received: no batches"):
        fine_tune(bare(), Nothing())


@functools.cache
def bare(outputs=2, task="multiclass"):
    return build(outputs, task=task)


@pytest.mark.parametrize(
    ("task", "outputs", "y", "message"),
    [
        ("binary", 1, np.arange(24) % 3, "labels from 0 to 1"),
        ("binary", 1, 2 * Y - 1, "labels from 0 to 1"),
        ("binary", 1, np.eye(2)[Y], "one class a row"),
        ("multiclass", 2, np.full(24, 0.5), "Did you mean task='regression'"),
        ("multiclass", 2, np.ones((24, 2), int), "task='multilabel'"),
        ("multiclass", 2, np.ones((24, 3), int), "one class or 2 shares a row"),
        ("multilabel", 3, np.full((24, 3), 2), "labels from 0 to 1"),
        ("multilabel", 3, np.ones((24, 2), int), "3 columns"),
        ("regression", 1, np.ones((24, 2)), "1 columns"),
        ("regression", 2, np.ones(24), "2 columns"),
    ],
)
def test_targets_that_do_not_fit_the_task_are_named(task, outputs, y, message):
    model = bare(outputs, task)
    for given in ({"x": X, "y": y}, {"x": Given(X, y)}, {"x": X, "y": y, "validation": (X, y)}):
        with pytest.raises(ValueError, match=message):
            fine_tune(model, **given)


@pytest.mark.parametrize(
    ("task", "outputs", "y"),
    [
        ("binary", 1, Y[:, None]),
        ("binary", 1, 0.1 + 0.8 * Y),
        ("multiclass", 2, Y[:, None].astype("float32")),
        ("multiclass", 2, np.eye(2)[Y] * 0.8 + 0.1),
        ("multilabel", 3, np.ones((24, 3), bool)),
        ("regression", 1, np.linspace(-1, 1, 24)),
    ],
)
def test_targets_that_fit_the_task(task, outputs, y):
    _fine_tuning_data._check_targets("y", y, bare(outputs, task))


def test_a_loss_of_ones_own_says_what_its_targets_are():
    model = build(2, task="multilabel", loss=lambda y, prediction: keras.ops.mean(prediction))
    _fine_tuning_data._check_targets("y", np.arange(24), model)
    logits = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    logits.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    _fine_tuning_data._check_targets("y", np.arange(24) % 3, logits)
    with pytest.raises(ValueError, match="labels from 0 to 2"):
        _fine_tuning_data._check_targets("y", np.arange(24), logits)


class Given(keras.utils.PyDataset):
    """A feed of one batch, whatever it holds."""

    def __init__(self, *batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ((X,), ValueError, "images without labels"),
        ((X, np.array(["dark"] * 24)), TypeError, "y of .* must be numeric"),
        ((X[:, :6], Y), ValueError, "rows of shape"),
        ((X[..., :1], Y), ValueError, "rows of shape"),
        ((X, Y + 1), ValueError, "labels from 0 to 1"),
        ((X[0], Y[:1]), ValueError, "one image at a time"),
        ((X, Y[:-1]), ValueError, "same number of rows"),
        (({"image": X}, Y), ValueError, "Received: a dict"),
    ],
)
def test_the_first_batch_of_a_feed_is_looked_at(batch, error, message):
    with pytest.raises(error, match=message):
        fine_tune(bare(), Given(*batch))
    with pytest.raises(error, match=message) as caught:
        fine_tune(bare(), X, Y, validation=Given(*batch))
    assert "validation" in str(caught.value)


def test_the_classes_of_a_feed_are_those_of_the_model():
    def feed(*names):
        return load_images(X, [names[i] for i in Y], image_size=8, class_names=names)

    model = build(class_names=("dark", "light"))
    with pytest.raises(ValueError, match=r"Give load_images class_names=\('dark', 'light'\)"):
        fine_tune(model, feed("light", "dark"))
    with pytest.raises(ValueError, match="class_names of validation"):
        fine_tune(bare(), feed("dark", "light"), validation=feed("light", "dark"))
    three = load_images(X, np.arange(24) // 23 * 2, image_size=8, batch_size=2, shuffle=False)
    with pytest.raises(ValueError, match="labels from 0 to 1"):  # in its last batch alone
        fine_tune(bare(), three)


def test_a_label_that_is_no_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'light'"):
        fine_tune(tuned().model, X, np.array(["lihgt"] * 24))
