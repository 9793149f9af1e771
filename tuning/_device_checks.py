"""Checks of where and on what trials run: devices, databases, versions of libraries."""

import keras


def distribution(value, workers):
    """A strategy of TensorFlow, or a distribution of Keras on JAX; one process uses all devices."""
    if value is None:
        return
    kinds = keras.distribution.DataParallel, keras.distribution.ModelParallel
    of_keras = isinstance(value, kinds)
    if not hasattr(value, "scope") or isinstance(value, type):
        raise TypeError(
            "distribution must be a tf.distribute.Strategy, or on JAX a "
            "keras.distribution.DataParallel or ModelParallel. "
            f"Received: distribution={value!r}."
        )
    backend = keras.backend.backend()
    if of_keras != (backend == "jax"):
        expected = "keras.distribution.DataParallel()" if backend == "jax" else "MirroredStrategy()"
        raise ValueError(
            f"distribution must be one of the backend {backend!r}, such as {expected}. "
            f"Received: a {type(value).__name__}."
        )
    if workers > 1:
        raise ValueError(
            f"distribution needs workers=1: a trial takes all devices. Received: workers={workers}."
        )


def other_tables(url, error):
    """The error for a database whose tables are another Optuna's."""
    return ValueError(
        "storage must be a database of the Optuna that is installed. "
        f"Received: {url}. {error} Or install the Optuna that made it, the same on all machines."
    )


def driver_missing(url):
    """The error for a kind of database whose driver is not installed."""
    return ValueError(
        f"storage must be of a kind whose driver is installed. Received: {url}. "
        "For PostgreSQL: pip install 'psycopg[binary]'; for MySQL: pip install PyMySQL."
    )


def unreachable(url, error):
    """The error for a database that does not answer."""
    reason = str(error).strip().splitlines()[0]
    return ValueError(f"storage must be a database that can be reached. Received: {url}. {reason}")


def storage(value):
    """A database's URL, or None. The error shows nothing of it that could be a password."""
    if value is None:
        return None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(value)
    except (ArgumentError, ValueError):
        received = f"a {type(value).__name__}"
        if isinstance(value, str):
            received = repr(value) if "@" not in value else f"'...@{value.rpartition('@')[2]}'"
        raise ValueError(
            "storage must be the URL of a database, such as 'sqlite:///study.db' or "
            f"'postgresql://user@host/name'. Received: storage={received}."
        ) from None
    return value
