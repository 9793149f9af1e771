"""What `search` takes: dicts, datasets, generators, Keras Tuner's models, own builders."""

import warnings
from functools import partial

import keras
import keras_tuner
import numpy as np
import pytest

from recipes import build_mlp, build_pretrained, predict_names
from tests import test_tuning_search
from tests.test_tuning_search import X, Y
from tuning import Choice, Float, Int, _watch, search
from tuning._batches import InOrder
from tuning._data import prepare


def build_small(input_shape, outputs, *, units=(8,), seed=0):
    """Not traced, which takes longer than these trainings."""
    model = test_tuning_search.build_small(input_shape, outputs, units=units)
    model.run_eagerly = True
    return model


def tiny(build=build_small, x=X, y=Y, **arguments):
    return test_tuning_search.tiny(build, x, y, **{"space": {"units": (8,)}, **arguments})


def tf_data(x=X, y=Y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)


def generated():
    for start in range(0, 60, 16):
        yield X[start : start + 16], Y[start : start + 16]


class Rows(keras.utils.PyDataset):
    """Knows how often its epochs ended."""

    def __init__(self, batches=4):
        super().__init__()
        self.epochs = 0
        self.batches = batches

    def __len__(self):
        return self.batches

    def __getitem__(self, step):
        return X[16 * step : 16 * step + 16], Y[16 * step : 16 * step + 16]

    def on_epoch_end(self):
        self.epochs += 1


def build_two(input_shape, outputs=1, *, width=4, seed=None):
    """Two inputs by name, two outputs by name."""
    inputs = {name: keras.Input(shape, name=name) for name, shape in input_shape.items()}
    start = keras.initializers.GlorotUniform(seed=0)
    h = keras.layers.Concatenate()([inputs["a"], inputs["b"]])
    h = keras.layers.Dense(width, "relu", kernel_initializer=start)(h)
    ends = {name: keras.layers.Dense(1, name=name)(h) for name in ("sum", "sign")}
    model = keras.Model(inputs, ends)
    model.compile("adam", {"sum": "mse", "sign": "mae"}, run_eagerly=True)
    return model


class TestDicts:
    @pytest.fixture(scope="class")
    @staticmethod
    def study():
        x = {"a": X[:, :1].astype("float64"), "b": X[:, 1:]}
        y = {"sum": X.sum(1), "sign": np.sign(X[:, 0])}
        return tiny(build_two, x, y, space={"width": Int(2, 6)}, epochs=2)

    def test_names_and_shapes_reach_the_builder(self, study):
        assert study.tuner.hypermodel.space["input_shape"] == {"a": (1,), "b": (3,)}
        assert study.objective == "val_loss"
        assert (study.leaderboard()["status"] == "completed").all()
        assert set(study.best_history) >= {"val_sum_loss", "val_sign_loss"}

    def test_the_best_model_takes_the_same_dict(self, study):
        rows = {"a": X[:5, :1], "b": X[:5, 1:]}
        predicted = study.best_model().predict(rows, verbose=0)
        assert {k: v.shape for k, v in predicted.items()} == {"sum": (5, 1), "sign": (5, 1)}

    def test_rows_are_split_alike_in_every_array(self):
        x = {"a": np.arange(20.0)[:, None], "b": np.arange(20)[:, None]}
        data = prepare(x, np.arange(20.0), 0.3, input_shape=None, task=None, outputs=None, seed=0)
        for part, y in ((data.x, data.y), (data.x_val, data.y_val)):
            assert part["a"].dtype == "float32"
            np.testing.assert_array_equal(part["a"], part["b"])
            np.testing.assert_array_equal(part["a"][:, 0], y)
        assert (len(data.y), len(data.y_val)) == (14, 6)
        assert data.checksum().startswith("14 + 6 rows")

    def test_the_average_of_models_has_every_output(self, study):
        rows = {"a": X[:5, :1], "b": X[:5, 1:]}
        predicted = study.ensemble(2).predict(rows, verbose=0)
        pair = [study.model(trial).predict(rows, verbose=0) for trial in (1, 2)]
        for name in ("sum", "sign"):
            mean = np.mean([one[name] for one in pair], axis=0)
            np.testing.assert_allclose(predicted[name], mean, rtol=1e-5)

    @pytest.mark.parametrize("kind", [dict, list])
    def test_folds_cut_every_array_and_every_output_is_averaged(self, kind):
        x = {"a": X[:, :1], "b": X[:, 1:]}
        y = {"sum": X.sum(1), "sign": X[:, 0]}

        def build(input_shape, *, width):
            model = build_two(input_shape, width=width)
            if kind is list:
                model = keras.Model(model.input, [model.output["sum"], model.output["sign"]])
            model.compile("adam", {"sum": "mse", "sign": "mae"}, run_eagerly=True)
            return model

        study = tiny(build, x, y, space={"width": 2}, max_trials=1, folds=2)
        assert study.leaderboard()["folds"].tolist() == [2]
        best = study.best_model()
        parts = [best.get_layer(f"fold_{i}").predict(x, verbose=0) for i in range(2)]
        expected = keras.tree.map_structure(lambda *same: np.mean(same, axis=0), *parts)
        predicted = best.predict(x, verbose=0)
        keras.tree.map_structure(
            lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-5), predicted, expected
        )
        assert np.isfinite(best.evaluate(x, y, verbose=0)).all()


SOURCES = {
    "tf.data": tf_data,
    "PyDataset": Rows,
    "generators": lambda: generated,
}


@pytest.fixture(scope="module")
def of_arrays():
    """Scores that arrays give, their rows in the order they have."""
    model = build_small((4,), 3, units=(8,))
    model.fit(X, Y, batch_size=16, shuffle=False, epochs=2, validation_data=(X, Y), verbose=0)
    return model.history.history["val_loss"]


@pytest.mark.parametrize("kind", SOURCES)
def test_batches_train_as_the_arrays_do(kind, of_arrays):
    """Scored behind each of two epochs, in all of which the whole is read."""
    x = SOURCES[kind]()
    space = {"units": (8,), "outputs": 3}
    validation = (X, Y) if kind == "PyDataset" else {"tf.data": tf_data}.get(kind, generated)
    study = tiny(x=x, y=None, validation=validation, space=space, max_trials=1, epochs=2)
    if kind == "PyDataset":  # in an order that the seed decides
        assert x.epochs >= 2
        again = tiny(x=Rows(), y=None, validation=(X, Y), space=space, max_trials=1, epochs=2)
        assert again.best_score == pytest.approx(study.best_score, rel=1e-6)
    else:
        np.testing.assert_allclose(study.best_history["val_loss"], of_arrays, rtol=1e-5)


def test_batches_tell_shapes_and_the_width_of_numbers():
    data = prepare(
        lambda: iter([(X, X[:, :2])]), None, (X, X[:, :2]),
        input_shape=None, task=None, outputs=None, seed=0,
    )  # fmt: skip
    assert (data.input_shape, data.outputs) == ((4,), 2)
    assert data.checksum() == "1 batches of (4,) float32 and (2,) float32"


def test_an_order_that_the_seed_decides():
    dataset = Rows()
    orders = []
    for seed in (0, 0, 1):
        ordered = InOrder(dataset, seed)
        first = [float(ordered[i][0][0, 0]) for i in range(4)]
        ordered.on_epoch_end()
        orders.append((first, [float(ordered[i][0][0, 0]) for i in range(4)]))
    assert orders[0] == orders[1]
    assert len({tuple(epoch) for pair in orders for epoch in pair}) > 2
    assert all(sorted(epoch) == sorted(X[::16, 0].tolist()) for pair in orders for epoch in pair)


BAD = {
    "generator": ({"x": generated()}, TypeError, "x must be arrays.*read only once.*make_batches"),
    "validation generator": (
        {"x": generated, "validation": generated()},
        TypeError,
        "validation must be arrays",
    ),
    "y": ({"x": generated, "y": Y}, ValueError, "y must be None where x brings its own"),
    "folds": ({"x": Rows(), "folds": 3}, ValueError, "folds must be None"),
    "no validation": ({"x": generated}, ValueError, "validation must be given where x brings"),
    "share": ({"x": generated, "validation": 0.2}, ValueError, "Received: validation=0.2"),
    "endless": (
        {"x": lambda: tf_data().repeat()},
        ValueError,
        r"x must come to an end.*repeat\(\)",
    ),
    "no targets": ({"x": lambda: iter([X])}, ValueError, r"\(inputs, inputs\).*a ndarray"),
    "rows": ({"x": lambda: tf_data().unbatch()}, ValueError, r"Did you mean x\.batch\(32\)"),
    "empty": ({"x": lambda: iter(())}, ValueError, "x must hold at least one batch"),
    "empty PyDataset": ({"x": Rows(0)}, ValueError, "x must hold at least one batch"),
    "NaN": ({"x": lambda: tf_data(X * np.nan)}, ValueError, "x must be finite.*first batch"),
    "infinite targets": ({"x": lambda: tf_data(y=X[:, 0] * np.inf)}, ValueError, "be finite"),
    "NaN to score on": ({"x": tf_data, "validation": (X * np.nan, Y)}, ValueError, "validation mu"),
    "text": ({"x": lambda: tf_data(y=Y.astype(str))}, TypeError, "x must give targets that are nu"),
    "class": ({"x": lambda: tf_data(y=Y + 1)}, ValueError, "x must give classes from 0 to 2.*s 3 "),
    "class to score on": (
        {"x": tf_data, "validation": (X, Y[:, None] + 7)},
        ValueError,
        "validation must give classes from 0 to 2.*class 9.*outputs=10",
    ),
    "no batches": ({"x": lambda: 3}, TypeError, "a function that returns 3"),
    "other shape": (
        {"x": generated, "validation": (X[:, :2], Y)},
        ValueError,
        r"validation must have rows of shape \(4,\)",
    ),
    "classes": ({"x": generated, "outputs": None}, ValueError, "needs its argument 'outputs'"),
    "batch size": (
        {"x": generated, "space": {"units": (4,), "batch_size": Int(8, 16)}},
        ValueError,
        "space must not hold 'batch_size'",
    ),
    "sent away": (
        {"x": tf_data, "validation": 0, "workers": 2},
        ValueError,
        "cannot be sent to another process. Did you mean x=make_dataset",
    ),
    "empty dict": ({"x": {}, "y": Y}, ValueError, "x must hold at least one array"),
    "rows in a dict": (
        {"x": {"a": X, "b": X[:9]}, "y": Y},
        ValueError,
        r"x\['a'\] has 60, x\['b'\] has 9",
    ),
    "names": (
        {"x": {"a": X}, "y": Y, "validation": ({"b": X}, Y)},
        ValueError,
        r"x_val must hold \['a'\]. Received: \['b'\]",
    ),
    "NaN in a dict": ({"x": {"a": X * np.nan}, "y": Y}, ValueError, r"x\['a'\] must be finite"),
    "no space": ({"x": X, "y": Y, "space": {}}, ValueError, "space must hold at least one"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_one_error_before_any_training(name):
    arguments, error, text = BAD[name]
    given = {"y": None, "outputs": 3, "validation": None, **arguments}
    if name not in ("folds", "no validation") and given["validation"] is None:
        given["validation"] = (X, Y)
    if name == "sent away":
        given |= {"x": tf_data(), "validation": tf_data()}
    with pytest.raises(error, match=text):
        tiny(**given)


class TestKerasTuners:
    """What Keras Tuner's users bring works as it is."""

    def test_a_hypermodel_that_sets_the_batch_size_itself(self):
        """The pattern of Keras Tuner's guide: fit(*args, batch_size=..., **kwargs)."""

        class Guide(keras_tuner.HyperModel):
            def build(self, hp):
                return build_small((4,), 3, units=(hp.Int("units", 4, 8, step=4),))

            def fit(self, hp, model, *args, **kwargs):
                size = hp.Choice("batch_size", [16, 60])
                return model.fit(*args, batch_size=size, verbose=0, **kwargs)

        table = tiny(Guide(), space=None, objective="val_accuracy", max_trials=3).leaderboard()
        assert (table["status"] == "completed").all()
        assert set(table["batch_size"]) == {16, 60}, "known from the first trial on"

    def test_a_function_of_hp(self):
        def build_model(hp, outputs):
            return build_small((4,), outputs, units=(hp.Int("units", 4, 8, step=4),))

        study = tiny(partial(build_model, outputs=3), space=None)
        assert "Study of build_model" in repr(study)
        assert study.description["build"] == "partial(build_model, outputs=3)"
        assert study.best_arguments["units"] in (4, 8)

    def test_a_hypermodel_on_a_dataset(self):
        class Model(keras_tuner.HyperModel):
            def build(self, hp):
                return build_small((4,), 3, units=(hp.Int("units", 4, 8, step=4),))

        study = tiny(Model(), tf_data(), None, validation=tf_data(), space=None, max_trials=1)
        assert study.leaderboard()["status"].tolist() == ["completed"]

    def test_its_own_error_stays_its_own(self):
        class Wrong(keras_tuner.HyperModel):
            def build(self, hp):
                hp.Int("a", 0, 3)
                return build_small((4,), 3, units=(4,))

            def fit(self, hp, model, *args, **kwargs):
                raise TypeError("not ours")

        with pytest.raises(RuntimeError, match="not ours"):
            tiny(Wrong(), space=None, objective="val_loss")


class OwnClass(keras.Model):
    """Makes its layer's weights when it is called, on arrays, dicts or whole numbers."""

    def __init__(self, outputs):
        super().__init__()
        self.head = keras.layers.Dense(outputs, "softmax")

    def call(self, x):
        if isinstance(x, dict):
            x = keras.ops.concatenate([x["a"], x["b"]], axis=-1)
        elif keras.backend.is_int_dtype(x.dtype):
            x = keras.ops.reshape(keras.ops.one_hot(x, 3), (-1, 6))
        return self.head(x)


def build_own_class(outputs, *, learning_rate=0.1, shape=None):
    model = OwnClass(outputs)
    if shape is not None:  # Keras then takes it for built, which its layer is not
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.build((None, *shape))
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
    return model


OWN_ROWS = {
    "array": X,
    "dict": {"a": X[:, :1], "b": X[:, 1:]},
    "tokens": np.stack([Y, Y[::-1]], axis=1),
}


class TestModelsOfOnesOwnClass:
    """Their weights are there only after a call."""

    @pytest.mark.parametrize("engine", ["grid", "keras-hyperband"])
    @pytest.mark.parametrize("kind", [*OWN_ROWS, "built"])
    def test_come_back_with_the_weights_that_were_trained(self, kind, engine):
        x = OWN_ROWS.get(kind, X)
        space = {"learning_rate": Choice(0.1, 0.01)} | ({"shape": (4,)} if kind == "built" else {})
        held_out = {"validation": (x, Y), "epochs": 3, "engine": engine}
        study = tiny(build_own_class, x, Y, space=space, **held_out)
        models = [study.best_model(), *(study.model(trial) for trial in (1, 2))]
        table = study.leaderboard().set_index("trial")
        assert set(table["status"]) == {"completed"}
        losses = [model.evaluate(x, Y, verbose=0) for model in models]
        assert losses == pytest.approx([study.best_score, *table.loc[[1, 2], "score"]], rel=1e-5)
        expected = np.mean([model.predict(x, verbose=0) for model in models[1:]], axis=0)
        together = study.ensemble(2).predict(x, verbose=0)
        np.testing.assert_allclose(together, expected, rtol=1e-4)

    def test_are_averaged_over_folds(self):
        space = {"learning_rate": 0.1}
        study = tiny(build_own_class, X, Y, space=space, folds=2, max_trials=1)
        best = study.best_model()
        parts = [best.get_layer(f"fold_{i}").predict(X, verbose=0) for i in range(2)]
        assert np.abs(parts[0] - parts[1]).max() > 1e-3
        np.testing.assert_allclose(best.predict(X, verbose=0), np.mean(parts, axis=0), rtol=1e-4)

    @pytest.mark.parametrize("shape", [None, (4,)])
    def test_have_their_size_before_they_train(self, shape):
        space = {"learning_rate": 0.1, "shape": shape}
        study = tiny(build_own_class, X, Y, space=space, max_trials=1, max_parameters=14)
        assert study.leaderboard()[["status", "parameters"]].values.tolist() == [["skipped", 15]]

    def test_are_never_handed_out_with_other_weights(self, monkeypatch):
        space = {"learning_rate": 0.1, "shape": (4,)}
        study = tiny(build_own_class, X, Y, space=space, max_trials=1)
        monkeypatch.setattr(_watch, "make_layers", lambda model, rows: None)
        with pytest.raises(ValueError, match=r"0 parameters for trial 1, which had 15"):
            study.best_model()


def test_a_builder_of_ones_own_with_its_own_space():
    """Neither input_shape nor outputs among its arguments; a knob of another name."""

    def build(width=8, rate=1e-2):
        model = keras.Sequential([keras.layers.Dense(width, "relu"), keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(rate), loss, run_eagerly=True)
        return model

    space = {"width": Int(4, 16), "rate": Float(1e-3, 1e-1, log=True)}
    study = search(build, X, Y, space=space, max_trials=2, epochs=1, verbose=False)
    assert study.best_model().predict(X, verbose=0).shape == (60, 3)
    assert study.code().startswith("build(width=")


def test_it_warns_of_numbers_that_are_slow_to_learn():
    def build(input_shape, outputs, *, units=(4,), task="regression"):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    def run(y):
        tiny(build, y=y, objective="val_loss", max_trials=1)

    with pytest.warns(UserWarning, match=r"y has means.*StandardScaler\(\)") as seen:
        run(X[:, :1] + 5000)
    named = {one.filename for one in seen if str(one.message).startswith("y has")}
    assert named == {test_tuning_search.__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        run(X[:, :1])


def test_targets_may_be_a_tensor():
    assert tiny(y=keras.ops.convert_to_tensor(Y)).best_score == tiny().best_score


class TestNamesOfClasses:
    NAMES = np.array(["pear", "apple", "plum"])[Y]
    NUMBERS = np.array([1, 0, 2])[Y]

    def test_are_numbered_in_sorted_order(self):
        named, numbered = tiny(y=self.NAMES.tolist()), tiny(y=self.NUMBERS)
        assert named.best_score == numbered.best_score
        assert named.class_names == ("apple", "pear", "plum")
        assert numbered.class_names is None

    def test_of_held_out_rows_too(self):
        import pandas as pd

        named = tiny(y=self.NAMES, validation=(X[:9], pd.Series(self.NAMES[:9])))
        numbered = tiny(y=self.NUMBERS, validation=(X[:9], self.NUMBERS[:9]))
        assert named.best_score == numbered.best_score

    def test_a_builder_that_keeps_names_is_told_them(self):
        images = np.random.default_rng(0).uniform(0, 255, (60, 8, 8, 3))
        backbone = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3)])
        space = {"dropout": Float(0.0, 0.5)}
        options = {"space": space, "task": "multiclass", "max_trials": 1}
        build = partial(build_pretrained, backbone=backbone, augmentation=None)
        study = tiny(build, images, self.NAMES, **options)
        assert set(predict_names(study.best_model(), images, verbose=0)) <= set(self.NAMES)
        assert study.best_arguments["class_names"] == ("apple", "pear", "plum")
        order = ("plum", "pear", "apple")
        study = tiny(build, images, self.NAMES, **options | {"space": {"class_names": order}})
        assert study.class_names == order

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"y": [None, *NAMES[1:]]}, ValueError, "y must hold a label in every row"),
            ({"y": NAMES, "validation": (X, Y.astype(str))}, ValueError, "every label of y_val"),
            (
                {"y": NAMES, "validation": (X, [*NAMES[1:], None])},
                ValueError,
                "y_val must hold a label in every row",
            ),
            ({"y": NAMES, "task": "regression"}, TypeError, "y must be numeric"),
        ],
        ids=["gap", "unknown", "gap_in_validation", "regression"],
    )
    def test_bad_input(self, arguments, error, message):
        with pytest.raises(error, match=message):
            tiny(build_mlp, **arguments)
