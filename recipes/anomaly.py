"""Anomaly detection in tables: `anomaly_scores`, an autoencoder that is asked how odd a row is.

An isolation forest or nearest neighbours are often as good; `benchmarks/anomaly.py` prints them
beside it.
"""

import dataclasses
import inspect

import keras
import numpy as np
from keras import ops

from recipes import _checks, _model_checks, _targets
from recipes.autoencoders import build_stacked_autoencoder
from recipes.feeding import batches

# A column's centre and spread are taken after its lowest and highest 1 % were pulled in, so that a
# few wild values do not squeeze all the others together.
WINSORISED = (1, 99)

PREDICTION_ROWS = 1024

# Chosen on ECG5000 and five KEEL sets, checked on five others: benchmarks/anomaly.py. Noise of
# twice a column's spread keeps the network from learning to repeat the anomalies themselves.
TABULAR = {"units": (64,), "latent_dim": 32, "dropout": 0.2, "noise": 2.0}


@dataclasses.dataclass(frozen=True)
class AnomalyScores:
    """What `anomaly_scores` returns.

    Attributes:
        scores: how odd each row is, (rows,); higher is odder.
        threshold: the score that the given share of the training rows exceeds.
        is_anomaly: scores above the threshold, (rows,) of bool.
        model: `keras.Model`, (batch, *shape) raw rows -> (batch,) scores, scaling included;
            `model.predict(new_rows) > threshold` says which of them are anomalies.

    >>> import numpy as np
    >>> from recipes import build_stacked_autoencoder
    >>> x = np.random.default_rng(0).normal(size=(100, 4))
    >>> result = anomaly_scores(build_stacked_autoencoder, x, contamination=0.05, epochs=1)
    >>> int(result.is_anomaly.sum()), result.plot().get_xlabel()
    (5, 'anomaly score')
    """

    scores: np.ndarray
    threshold: float
    is_anomaly: np.ndarray
    model: keras.Model

    def plot(self, ax=None):
        """The distribution of the scores with the threshold, as `plot_anomaly_scores`."""
        from recipes.plots import plot_anomaly_scores

        return plot_anomaly_scores(self.scores, self.threshold, ax=ax)


def anomaly_scores(
    build,
    x,
    x_new=None,
    *,
    contamination=0.1,
    epochs=20,
    batch_size=32,
    seed=None,
    verbose=0,
):
    """Train an autoencoder on x and score rows by how badly it reconstructs them.

    Columns are scaled inside, by figures that a few anomalies in x cannot bend, so that every
    column counts alike and new rows are scored as they come.

    Args:
        build: `build_stacked_autoencoder`, which gets a design for tables (see `TABULAR` in this
            file); or any other builder, with its own defaults, such as
            `build_convolutional_autoencoder` or
            `functools.partial(build_stacked_autoencoder, units=(32,))`; or a fitted autoencoder,
            which is used as it is, on rows as they are.
        x: rows to learn from, (rows, *shape), mostly normal; no labels.
        x_new: rows to score, (new rows, *shape); None scores x.
        contamination: share of anomalies expected in x, in (0, 0.5]; it sets the threshold only.
        epochs: passes over x, at least 1.
        batch_size: rows in a step, at least 1.
        seed: int for initial weights, noise and the order of the rows, or None.
        verbose: as in `fit`: 0, 1 or 2.

    Returns:
        `AnomalyScores` with `scores`, `threshold`, `is_anomaly`, `model` and `plot()`.

    Raises:
        ValueError, TypeError: x holds NaN, x_new differs from x in shape, or a knob is out of
            range.

    Source: Hawkins et al., 2002, Outlier Detection Using Replicator Neural Networks.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 4))
    >>> from recipes import build_stacked_autoencoder
    >>> new = [[0, 0, 0, 0], [9, -9, 9, -9]]
    >>> result = anomaly_scores(build_stacked_autoencoder, x, new, epochs=5, seed=0)
    >>> result.is_anomaly
    array([False,  True])
    """
    x, x_new = _checks.array("x", x), _targets.like("x_new", x_new, x)
    _checks.require(x.ndim > 1, "x", "have rows and columns", f"shape {x.shape}")
    if x_new is not None:
        x_new = _checks.array("x_new", x_new, shape=x.shape[1:])
    contamination = _checks.fraction("contamination", contamination, maximum=0.5)
    _checks.count("epochs", epochs)
    _checks.count("batch_size", batch_size)

    if isinstance(build, keras.Model):
        _checks.array("x", x, shape=_model_checks.model("build", build).input_shape[1:])
        model = _scorer(build)
    else:
        autoencoder = _make(build, x.shape[1:], seed)
        loss = getattr(autoencoder.loss, "name", autoencoder.loss)
        hint = "Columns are standardised inside: did you mean output_activation='linear'?"
        plain = "crossentropy" not in str(loss)
        _checks.require(plain, "build", "learn numbers of any size", f"the loss {loss!r}", hint)
        centre, spread = _robust_scale(x)
        scaled = (x - centre) / spread
        feed = batches(scaled, scaled, batch_size, seed=seed)
        autoencoder.fit(feed, epochs=epochs, shuffle=False, verbose=verbose)
        model = _scorer(autoencoder, centre, spread)

    known = model.predict(x, batch_size=PREDICTION_ROWS, verbose=0)
    finite = bool(np.isfinite(known).all())
    _checks.require(finite, "build", "make an autoencoder that learns x", "errors that are nan")
    threshold = float(np.quantile(known, 1 - contamination))
    new = x_new is not None
    scores = model.predict(x_new, batch_size=PREDICTION_ROWS, verbose=0) if new else known
    return AnomalyScores(scores, threshold, scores > threshold, model)


def _make(build, shape, seed):
    """The untrained autoencoder: the design for tables, or what the caller's builder makes."""
    if build is build_stacked_autoencoder:
        return build(shape, **TABULAR, seed=seed)
    if not callable(build):
        raise TypeError(
            f"build must be a builder or a fitted keras.Model. Received: build={build!r}."
        )
    takes_seed = "seed" in inspect.signature(build).parameters
    model = build(shape, seed=seed) if takes_seed else build(shape)
    return _model_checks.model("what build returns", model)


def _robust_scale(x):
    """Centre and spread of every column (of every channel, for images and series)."""
    columns = x.reshape(-1, x.shape[-1]).astype("float64")
    calm = np.clip(columns, *np.percentile(columns, WINSORISED, axis=0))
    # A column that is constant but for a few rows keeps the spread of those rows.
    spread = np.where(calm.std(axis=0) > 0, calm.std(axis=0), columns.std(axis=0))
    return calm.mean(axis=0), np.where(spread > 0, spread, 1.0)


def _scorer(autoencoder, centre=None, spread=None):
    """Raw rows -> the mean squared error of their reconstruction, in scaled units."""
    x = inputs = keras.Input(autoencoder.input_shape[1:], name="x")
    if centre is not None:
        scale = {"mean": centre.tolist(), "variance": np.square(spread).tolist()}
        precise = keras.config.floatx()  # raw values may be more than float16 can hold
        x = keras.layers.Normalization(**scale, dtype=precise, name="scale")(inputs)
    error = ops.square(autoencoder(x) - x)
    scores = ops.mean(error, axis=tuple(range(1, len(error.shape))))
    return keras.Model(inputs, scores, name="anomaly_scores")
