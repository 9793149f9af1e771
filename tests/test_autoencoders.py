"""The autoencoder family: what is particular to each, and what one does with a trained one."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics.cluster import contingency_matrix

import recipes
from recipes import _autoencoders

PIXELS = (load_digits().data / 16).astype("float32")
IMAGES = PIXELS.reshape(-1, 8, 8, 1)
LABELS = load_digits().target
SMALL = {"units": (5,), "latent_dim": 3, "activation": "tanh", "seed": 0}


def kernels(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights if len(w.shape) > 1)


@functools.cache
def trained(kind):
    """A model of each kind on digits, trained just long enough to show what it learns."""
    build, x, knobs = {
        "variational": (
            recipes.build_variational_autoencoder,
            IMAGES,
            {"output_activation": "sigmoid"},
        ),
        "variational_linear": (recipes.build_variational_autoencoder, PIXELS, {"units": (64,)}),
        "sparse": (recipes.build_sparse_autoencoder, PIXELS, {"sparsity": 0.1}),
        "denoising": (recipes.build_denoising_autoencoder, PIXELS, {"noise": 0.3}),
        "stacked": (recipes.build_stacked_autoencoder, PIXELS, {}),
    }[kind]
    model = build(x.shape[1:], seed=0, **knobs)
    model.fit(recipes.batches(x, x, 32, seed=0), epochs=20, verbose=0)
    return model, x


class TestTied:
    def test_the_notes_network_has_50_kernel_weights_not_100(self):
        assert kernels(recipes.build_stacked_autoencoder((7,), **SMALL)) == 100
        assert kernels(recipes.build_stacked_autoencoder((7,), **SMALL, tied=True)) == 50

    @pytest.mark.parametrize("copy", ["load", "from_config"])
    def test_a_copy_is_still_tied(self, copy, tmp_path):
        x = PIXELS[:64, :7]
        model = recipes.build_denoising_autoencoder((7,), **SMALL, corruption="swap", tied=True)
        model.fit(x, x, verbose=0)
        if copy == "load":
            model.save(tmp_path / "tied.keras")
            other = keras.models.load_model(tmp_path / "tied.keras")
        else:
            other = type(model).from_config(model.get_config())
            other.set_weights(model.get_weights())
            other.compile("adam", "mse")
        expected = model.predict(x, verbose=0)
        np.testing.assert_allclose(other.predict(x, verbose=0), expected, atol=1e-6)
        other.fit(x, x, epochs=2, verbose=0)
        assert kernels(other) == 50
        first = other.get_layer("encoder").layers[1]
        first.kernel.assign(np.zeros(first.kernel.shape))
        # The last thing the decoder does is to multiply by the same kernel: only the bias is left.
        rows = other.predict(x[:2], verbose=0)
        np.testing.assert_allclose(rows[0], rows[1])
        np.testing.assert_allclose(rows[0], np.array(first.reverse_bias), atol=1e-6)

    def test_a_copy_of_the_decoder_alone_is_refused(self):
        model = recipes.build_stacked_autoencoder((7,), **SMALL, tied=True)
        with pytest.raises(ValueError, match=r"cloned as a whole.*Received.*from_config"):
            keras.models.clone_model(model)

    def test_convolutions_come_back_to_odd_sizes(self):
        options = {"filters": (4, 4), "latent_dim": None}
        for tied in (False, True):
            model = recipes.build_convolutional_autoencoder((9, 7, 3), **options, tied=tied)
            assert model.output_shape == (None, 9, 7, 3)
            assert model.get_layer("encoder").output_shape == (None, 3, 2, 4)


class TestParts:
    def test_images_are_flattened_inside_and_come_back(self):
        for tied in (False, True):
            model = recipes.build_stacked_autoencoder((4, 2, 1), **SMALL, tied=tied)
            assert model.output_shape == (None, 4, 2, 1)

    def test_corruption_is_outside_the_encoder_and_off_in_inference(self):
        for name, layer in _autoencoders.CORRUPTIONS.items():
            model = recipes.build_denoising_autoencoder((7,), **SMALL, corruption=name, noise=0.5)
            assert [type(inner) for inner in model.layers].count(layer) == 1
            x = PIXELS[:32, 20:27]
            codes = [model.get_layer("encoder")(x, training=flag) for flag in (False, True)]
            np.testing.assert_allclose(np.array(codes[0]), np.array(codes[1]), atol=1e-6)
            assert not np.allclose(np.array(model(x)), np.array(model(x, training=True)))

    def test_linear_autoencoder_finds_the_principal_components(self):
        from sklearn.decomposition import PCA

        x = PIXELS - PIXELS.mean(0)
        model = recipes.build_stacked_autoencoder(
            (64,), units=(), latent_dim=4, learning_rate=0.01, seed=0
        )
        model.fit(recipes.batches(x, x, 64, seed=0), epochs=20, verbose=0)
        pca = PCA(4).fit(x)
        best = np.square(x - pca.inverse_transform(pca.transform(x))).mean()
        assert recipes.reconstruction_error(model, x).mean() < 1.05 * best

    def test_denoising_repairs_more_than_it_is_given(self):
        model, x = trained("denoising")
        noisy = x + 0.3 * np.random.default_rng(0).normal(size=x.shape).astype("float32")
        repaired = model.predict(noisy, verbose=0)
        assert np.square(repaired - x).mean() < 0.5 * np.square(noisy - x).mean()

    def test_sparse_code_is_near_its_target(self):
        model, x = trained("sparse")
        codes = recipes.encode(model, x)
        assert codes.mean() == pytest.approx(0.1, abs=0.03)
        assert 0 <= codes.min() <= codes.max() <= 1

    def test_penalty_does_not_depend_on_the_batch_size(self):
        layer = _autoencoders.CodePenalty("kl", sparsity=0.1, weight=1.0)
        penalties = []
        for rows in (4, 400):
            layer(np.full((rows, 3), 0.5, "float32"))
            penalties.append(float(layer.losses[-1]))
        assert penalties[0] == pytest.approx(penalties[1])


class TestVariational:
    @pytest.mark.parametrize("kind", ["variational", "variational_linear"])
    def test_code_carries_information(self, kind):
        model, x = trained(kind)
        moved = recipes.encode(model, x).std(axis=0)
        assert (moved > 0.3).sum() >= 3
        error = recipes.reconstruction_error(model, x).mean()
        assert error < 0.7 * x.var(axis=0).mean()

    def test_samples_resemble_the_data(self):
        model, x = trained("variational")
        made = recipes.generate(model, 200, seed=0)
        assert made.shape == (200, 8, 8, 1)
        np.testing.assert_array_equal(made, recipes.generate(model, 200, seed=0))
        # Pixel by pixel, the samples are on as often as the digits are, and differ as much.
        assert np.corrcoef(made.mean(0).ravel(), x.mean(0).ravel())[0, 1] > 0.95
        assert made.std(0).mean() > 0.5 * x.std(0).mean()

    def test_raw_pixels_do_not_overflow(self):
        model = recipes.build_variational_autoencoder((64,), seed=0)
        history = model.fit(255 * PIXELS, 255 * PIXELS, epochs=2, verbose=0).history
        assert np.isfinite(history["loss"]).all()

    def test_loss_is_the_evidence_lower_bound_per_feature(self):
        model = recipes.build_variational_autoencoder((7,), **SMALL, kl_weight=1.0)
        x = PIXELS[:64, 20:27]
        loss = model.evaluate(x, x, batch_size=64, verbose=0, return_dict=True)["loss"]
        encoder = model.get_layer("encoder")
        parts = [encoder.get_layer(name).output for name in ("mean", "log_variance")]
        mean, log_variance = keras.Model(encoder.input, parts).predict(x, verbose=0)
        kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1).mean()
        error = recipes.reconstruction_error(model, x).mean()
        assert loss == pytest.approx(0.5 * np.log(error) + kl / 7, rel=1e-4)

    def test_others_cannot_generate(self):
        with pytest.raises(ValueError, match=r"variational.*Received.*stacked_autoencoder"):
            recipes.generate(recipes.build_stacked_autoencoder((7,)), 3)


class TestUses:
    def test_reconstruction_error_is_the_mean_square_of_each_sample(self):
        model, x = trained("stacked")
        errors = recipes.reconstruction_error(model, x[:50], batch_size=7)
        by_hand = [np.square(model.predict(x[i : i + 1], verbose=0) - x[i]).mean() for i in (0, 49)]
        assert errors.shape == (50,)
        np.testing.assert_allclose(errors[[0, 49]], by_hand, rtol=1e-4)

    def test_encode_flattens_convolutional_codes(self):
        model = recipes.build_convolutional_autoencoder((8, 8, 1), filters=(3,), latent_dim=None)
        assert recipes.encode(model, IMAGES[:5]).shape == (5, 48)

    def test_clusters_of_codes_are_classes(self):
        model, x = trained("stacked")
        clusters = KMeans(20, n_init=3, random_state=0).fit_predict(recipes.encode(model, x))
        together = contingency_matrix(LABELS, clusters)
        # One group alone: 0.10; clusters of the pixels themselves: 0.79 with 10 of them.
        assert together.max(axis=0).sum() / len(x) > 0.7

    def test_augmented_data_is_like_the_data(self):
        model, x = trained("stacked")
        more, labels = recipes.augment_with(model, x[:20], LABELS[:20], copies=2, seed=0)
        assert more.shape == (60, 64)
        np.testing.assert_array_equal(more[:20], x[:20])
        np.testing.assert_array_equal(labels, np.tile(LABELS[:20], 3))
        assert not np.array_equal(more[20:40], more[40:])
        # A copy is nearer to its own sample than to the others.
        far = np.square(more[20:40, None] - x[None, :20]).mean(-1)
        np.testing.assert_array_equal(far.argmin(1), np.arange(20))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": PIXELS[:, :5]}, "rows of shape"),
            ({"x": np.full((3, 64), np.nan)}, "x must be finite"),
            ({"x": PIXELS[:3], "y": [1, 2]}, "same number of rows"),
            ({"x": PIXELS[:3], "copies": 0}, "copies"),
            ({"x": PIXELS[:3], "noise": -1}, "noise"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            recipes.augment_with(trained("stacked")[0], **arguments)

    def test_a_model_without_parts_is_refused(self):
        with pytest.raises(ValueError, match="'encoder'"):
            recipes.encode(recipes.build_mlp((64,), 2), PIXELS)


class TestPretraining:
    @pytest.mark.parametrize("tied", [False, True])
    def test_helps_a_deep_stack(self, tied):
        model = recipes.build_stacked_autoencoder(
            (64,), units=(32, 16), latent_dim=8, activation="tanh", tied=tied, seed=0
        )
        before = recipes.reconstruction_error(model, PIXELS).mean()
        histories = recipes.pretrain_layerwise(model, PIXELS, epochs=6, seed=0)
        after = recipes.reconstruction_error(model, PIXELS).mean()
        assert len(histories) == 3
        assert all(h.history["loss"][-1] < h.history["loss"][0] for h in histories)
        assert after < 0.8 * before
        model.fit(PIXELS[:64], PIXELS[:64], verbose=0)

    def test_works_on_convolutions_and_leaves_a_model_that_saves(self, tmp_path):
        model = recipes.build_convolutional_autoencoder((8, 8, 1), filters=(4, 3), latent_dim=6)
        recipes.pretrain_layerwise(model, IMAGES[:64], epochs=1)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        expected = model.predict(IMAGES[:8], verbose=0)
        np.testing.assert_allclose(loaded.predict(IMAGES[:8], verbose=0), expected, atol=1e-6)

    def test_a_variational_model_is_refused(self):
        with pytest.raises(ValueError, match=r"chain of layers.*variational"):
            recipes.pretrain_layerwise(trained("variational")[0], IMAGES)


class TestHead:
    def test_fine_tunes_a_copy_of_the_encoder(self):
        model, x = trained("stacked")
        before = [np.array(w) for w in model.weights]
        classifier = recipes.build_on_encoder(model, 10, learning_rate=0.003, seed=0)
        classifier.fit(recipes.batches(x, LABELS, 32, seed=0), epochs=5, verbose=0)
        assert classifier.evaluate(x, LABELS, verbose=0)[1] > 0.9
        for old, new in zip(before, model.weights, strict=True):
            np.testing.assert_array_equal(old, np.array(new))

    def test_a_frozen_encoder_stays_as_it_was(self):
        model, x = trained("stacked")
        head = recipes.build_on_encoder(
            model.get_layer("encoder"), 1, task="binary", trainable=False
        )
        head.fit(x[:64], LABELS[:64] > 4, verbose=0)
        np.testing.assert_array_equal(recipes.encode(head, x[:8]), recipes.encode(model, x[:8]))

    @pytest.mark.parametrize("kind", ["sparse", "variational"])
    def test_what_only_matters_to_reconstruction_is_left_behind(self, kind, tmp_path):
        model, x = trained(kind)
        classifier = recipes.build_on_encoder(model, 10, dropout=0.1)
        classifier.fit(x[:64], LABELS[:64], verbose=0)
        assert classifier.losses == []
        np.testing.assert_allclose(
            recipes.encode(recipes.build_on_encoder(model, 10), x[:8]),
            recipes.encode(model, x[:8]),
            rtol=1e-5,
            atol=1e-6,
        )
        classifier.save(tmp_path / "head.keras")
        loaded = keras.models.load_model(tmp_path / "head.keras")
        assert loaded.predict(x[:3], verbose=0).shape == (3, 10)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"encoder": "stacked"}, TypeError, "encoder"),
            ({"outputs": 0}, ValueError, "outputs"),
            ({"task": "multi"}, ValueError, "Did you mean"),
            ({"trainable": 1}, TypeError, "trainable"),
            ({"dropout": 2}, ValueError, "Did you mean 0.02"),
        ],
    )
    def test_bad_input(self, arguments, error, message):
        encoder = recipes.build_stacked_autoencoder((7,), **SMALL)
        with pytest.raises(error, match=message):
            recipes.build_on_encoder(**{"encoder": encoder, "outputs": 3, **arguments})

    @pytest.mark.parametrize(
        ("encoder", "message"),
        [
            (
                lambda x, other: keras.Model([x, other], layers.Add()([x, other])),
                "inputs: 2, outputs: 1",
            ),
            (lambda x, _: keras.Model(x, [x, layers.Dense(2)(x)]), "one output.*outputs: 2"),
            (lambda x, _: keras.Model(x, layers.Dense(2)(x)), r"known size.*\(None, None, 2\)"),
            (lambda *_: Unseen(), "functional or Sequential"),
            (lambda x, _: keras.Sequential([x, layers.Dense(2, name="encoder")]), "'encoder'"),
        ],
        ids=["two inputs", "two outputs", "unknown code", "subclassed", "a layer"],
    )
    def test_encoders_that_take_no_head(self, encoder, message):
        inputs = keras.Input((None, 3)), keras.Input((None, 3))
        with pytest.raises(ValueError, match=f"encoder must.*{message}") as caught:
            recipes.build_on_encoder(encoder(*inputs), 3)
        assert "Received" in str(caught.value)

    def test_any_functional_encoder_will_do(self):
        tokens = keras.Input((None,), dtype="int32")
        x = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(tokens))
        steps = keras.Sequential([keras.Input((5,), dtype="int32"), layers.Embedding(9, 4)])
        for encoder in (keras.Model(tokens, x), keras.Model([tokens], [x]), steps):
            classifier = recipes.build_on_encoder(encoder, 3)
            classifier.fit(np.ones((4, 5), "int32"), np.arange(4) % 3, verbose=0)
            assert classifier.output_shape == (None, 3)


class Unseen(keras.Model):
    """A subclassed model, built, whose layers nobody can walk."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)
        self(np.zeros((1, 3)))

    def call(self, x):
        return self.dense(x)
