"""What one does with a trained autoencoder: codes, reconstruction errors, more data.

`encode` gives features for clustering, plots or a classifier; `reconstruction_error` says how far
each sample is from what the model knows (for labels and a threshold, see `anomaly_scores`);
`augment_with` makes variations of samples. A task head on an encoder is `build_on_encoder`.
"""

import numpy as np

from recipes import _checks, _model_checks
from recipes._recipe import generator


def encode(model, x, *, batch_size=256):
    """The code of every sample as a flat row, ready for scikit-learn.

    Args:
        model: a trained autoencoder with a part named "encoder".
        x: samples, (rows, *model.input_shape[1:]).
        batch_size: rows in one prediction step, at least 1.

    Returns:
        Array (rows, features); convolutional codes are flattened.

    Raises:
        ValueError: the model has no encoder, or x does not fit it or holds NaN.

    >>> import numpy as np
    >>> from recipes import build_stacked_autoencoder
    >>> model = build_stacked_autoencoder((8,), latent_dim=2)
    >>> encode(model, np.zeros((5, 8))).shape
    (5, 2)
    """
    encoder = _model_checks.part(_model_checks.model("model", model), "encoder")
    codes = _predict(encoder, _samples(model, x), batch_size)
    return codes.reshape(len(codes), -1)


def reconstruction_error(model, x, *, batch_size=256):
    """The mean squared difference between every sample and its reconstruction.

    Args:
        model: a trained autoencoder.
        x: samples, (rows, *model.input_shape[1:]).
        batch_size: rows in one prediction step, at least 1.

    Returns:
        Array (rows,), in squared units of x.

    Raises:
        ValueError: x does not fit the model or holds NaN.

    >>> import numpy as np
    >>> from recipes import build_stacked_autoencoder
    >>> model = build_stacked_autoencoder((8,))
    >>> reconstruction_error(model, np.zeros((5, 8)))
    array([0., 0., 0., 0., 0.], dtype=float32)
    """
    x = _samples(_model_checks.autoencoder("model", model), x)
    difference = _predict(model, x, batch_size) - x
    return np.square(difference).mean(axis=tuple(range(1, x.ndim)))


def augment_with(model, x, y=None, *, copies=1, noise=0.1, seed=None, batch_size=256):
    """More data: the samples themselves, then variations that the autoencoder makes of each.

    A variation is a decoded code to which Gaussian noise was added. Use the copies for training
    only.

    Args:
        model: a trained autoencoder with the parts "encoder" and "decoder".
        x: samples, (rows, *model.input_shape[1:]).
        y: their targets, (rows, ...), which the variations inherit; or None.
        copies: variations of each sample, at least 1.
        noise: standard deviation of the noise, in units of each code's own spread over x.
        seed: int for the noise, or None.
        batch_size: rows in one prediction step, at least 1.

    Returns:
        x followed by its variations, ((1 + copies) * rows, ...); with y, a pair of such arrays.

    Raises:
        ValueError: x does not fit the model, x and y differ in rows, or a knob is out of range.

    >>> import numpy as np
    >>> from recipes import build_variational_autoencoder
    >>> model = build_variational_autoencoder((8,))
    >>> more_x, more_y = augment_with(model, np.zeros((5, 8)), np.arange(5), copies=2, seed=0)
    >>> more_x.shape, more_y
    ((15, 8), array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]))
    """
    encoder = _model_checks.part(_model_checks.model("model", model), "encoder")
    decoder = _model_checks.part(model, "decoder")
    x = _samples(model, x)
    if y is not None:
        y = np.asarray(y)
        _checks.same_rows(x=x, y=y)
    copies = _checks.count("copies", copies)
    noise = _checks.non_negative("noise", noise)
    random = generator(seed)

    codes = _predict(encoder, x, batch_size)
    spread = noise * codes.std(axis=0)
    noisy = (codes + spread * random.normal(size=codes.shape) for _ in range(copies))
    made = [_predict(decoder, code.astype("float32"), batch_size) for code in noisy]
    more_x = np.concatenate([x, *made])
    return more_x if y is None else (more_x, np.concatenate([y] * (1 + copies)))


def _samples(model, x):
    return _checks.array("x", x, shape=model.input_shape[1:]).astype("float32")


def _predict(model, x, batch_size):
    batch_size = _checks.count("batch_size", batch_size)
    # float32 whatever the policy: NumPy knows no bfloat16.
    return model.predict(x, batch_size=batch_size, verbose=0).astype("float32")
