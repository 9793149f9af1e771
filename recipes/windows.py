"""Windows of a series for forecasting: `make_windows`, cut by time and scaled by the past alone.

A window is `window` rows that a model reads and the `horizon` rows after them that it forecasts.
Training, validation and test windows lie one after the other in time, and no window is stored: each
batch is cut out of the series when it is asked for.
"""

import dataclasses
import math

import keras
import numpy as np

from recipes import _checks
from recipes._recipe import generator
from recipes._series import CHUNK_ROWS, read_series, rows_of, targets_first


@dataclasses.dataclass(frozen=True)
class Windows:
    """What `make_windows` returns.

    Attributes:
        train, validation, test: `WindowBatches` for `fit`, `evaluate` and `predict`; None where the
            part has no rows.
        latest: the last window of the series, (1, window, features), to forecast what comes next.
        columns: names or numbers of the features of a window, the targets first.
        mean, scale: of every feature in the training part, (features,), which the windows are
            scaled by; 0 and 1 with `scale=False`.

    >>> import numpy as np
    >>> data = make_windows(np.arange(40.0), window=4, horizon=2)
    >>> data
    Windows(window=4, horizon=2, features=1, targets=1; train 27, validation 3, test 3)
    >>> data.inverse(data.test.arrays()[1])[0].ravel().round(3)
    array([36., 37.])
    """

    train: "WindowBatches"
    validation: "WindowBatches | None"
    test: "WindowBatches | None"
    latest: np.ndarray
    columns: tuple
    mean: np.ndarray
    scale: np.ndarray

    @property
    def input_shape(self):
        """(window, features): what `build_forecaster` asks for first."""
        return self.latest.shape[1:]

    @property
    def horizon(self):
        """Rows that are forecast."""
        return self.train.horizon

    @property
    def targets(self):
        """Number of columns that are forecast: the first ones of every window."""
        return self.train.targets

    def inverse(self, forecasts):
        """Scaled forecasts, (..., targets), in units of the series, as float64.

        Args:
            forecasts: what `model.predict` returns, or the y of a batch.

        Raises:
            ValueError: another number of targets.
        """
        forecasts = _checks.array("forecasts", forecasts)
        _checks.require(
            forecasts.shape[-1] == self.targets,
            "forecasts",
            f"have {self.targets} targets on their last axis",
            f"shape {forecasts.shape}",
        )
        # In float64: of a series far from 0, float32 would keep the level and lose the steps.
        return forecasts * self.scale[: self.targets] + self.mean[: self.targets]

    def __repr__(self):
        parts = [
            f"{name} {part.windows}"
            for name in ("train", "validation", "test")
            if (part := getattr(self, name)) is not None
        ]
        window, features = self.input_shape
        facts = f"window={window}, horizon={self.horizon}, features={features}"
        return f"Windows({facts}, targets={self.targets}; {', '.join(parts)})"


def make_windows(
    series,
    window,
    horizon,
    *,
    stride=1,
    targets=None,
    timestamps=None,
    validation=0.1,
    test=0.1,
    scale=True,
    batch_size=32,
    seed=None,
):
    """Windows to train on, then windows to validate on, then windows to test on, in order of time.

    What is forecast in one part is not seen in an earlier one, neither as input nor by the
    scaling, which knows the training rows only. The first windows of validation and test read rows
    of the part before, as one who forecasts does.

    The series is neither copied nor changed, and no window is stored, so that a `numpy.memmap` may
    be larger than memory. Fill gaps with what was known at the time,
    `pandas.DataFrame(series).ffill()`, or, for rows that are missing, `frame.asfreq("h").ffill()`;
    interpolation would look into the future.

    Args:
        series: array (rows,) or (rows, features), a `numpy.memmap`, or a pandas Series or DataFrame
            of numbers, in order of time.
        window: rows that a forecast is made from, at least 1.
        horizon: rows after them that are forecast, at least 1.
        stride: rows from the start of one window to the next, at least 1.
        targets: columns to forecast, by name or number: one, or a tuple; None is all. The other
            columns are read, not forecast.
        timestamps: time of each row, (rows,): dates or numbers; or the name of the column that has
            them; None takes those of a pandas index of dates. They are checked, and not read by
            the model.
        validation, test: how many of the last rows to validate and test on: a share in [0, 1), or a
            number of rows. 0 leaves the part out.
        scale: give each column a mean of 0 and a standard deviation of 1 over the training rows.
        batch_size: windows in a batch, at least 1.
        seed: int for the order of the training windows, or None. Like `batches`, only `fit(...,
            shuffle=False)` leaves all of it to the seed.

    Returns:
        `Windows`: `train`, `validation`, `test`, each a `keras.utils.PyDataset` of batches x
        (batch, window, features) and y (batch, horizon, targets); `inverse(forecasts)`, `latest`.

    Raises:
        ValueError: window or horizon below 1; fewer rows than one window needs; NaN, with its first
            place; timestamps that go back, come twice or leave a gap; an unknown column.
        TypeError: a series that is not numeric.

    >>> import numpy as np
    >>> data = make_windows([1.0, 2, 3, 4, 5, 6], 2, 1, validation=0, test=0, scale=False)
    >>> x, y = data.train.arrays()
    >>> x[:, :, 0].astype(int).tolist(), y.ravel().astype(int).tolist()
    ([[1, 2], [2, 3], [3, 4], [4, 5]], [3, 4, 5, 6])
    """
    window = _checks.count("window", window)
    horizon = _checks.count("horizon", horizon)
    stride = _checks.count("stride", stride)
    batch_size = _checks.count("batch_size", batch_size)
    _checks.flag("scale", scale)
    seed = _checks.seed(seed)
    values, names, _ = read_series(series, timestamps)
    order, count = targets_first(names, targets)
    first_held, first_tested = _cuts(len(values), window, horizon, validation, test)

    mean, spread = np.zeros(len(names)), np.ones(len(names))
    if scale:
        mean, spread = _mean_and_spread(values[:first_held])
    mean, spread = mean[order], spread[order]

    def part(first, last, shuffle=False):
        return WindowBatches(
            values,
            window,
            horizon,
            rows=(max(first - window, 0), last),
            stride=stride,
            order=order,
            targets=count,
            mean=mean,
            scale=spread,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
        )

    latest = (values[-window:][:, order] - mean) / spread
    return Windows(
        train=part(0, first_held, shuffle=True),
        validation=part(first_held, first_tested) if first_tested > first_held else None,
        test=part(first_tested, len(values)) if len(values) > first_tested else None,
        latest=latest[None].astype(keras.config.floatx()),
        columns=tuple(names[i] for i in order),
        mean=mean,
        scale=spread,
    )


class WindowBatches(keras.utils.PyDataset):
    """Batches of windows that are cut out of a series when they are asked for; see `make_windows`.

    Attributes:
        windows: number of windows.
        origins: number of the first forecast row of each window, (windows,).

    >>> import numpy as np
    >>> part = make_windows(np.arange(40.0), window=4, horizon=2, batch_size=16).train
    >>> len(part), part.windows, part[0][0].shape, part[0][1].shape
    (2, 27, (16, 4, 1), (16, 2, 1))
    """

    def __init__(
        self,
        series,
        window,
        horizon,
        *,
        rows,
        stride,
        order,
        targets,
        mean,
        scale,
        batch_size,
        shuffle,
        seed,
    ):
        super().__init__()
        self.series = series
        self.window = window
        self.horizon = horizon
        self.first, last = rows
        self.stride = stride
        self.windows = (last - self.first - window - horizon) // stride + 1
        # None where the columns of the series are in order as they are.
        self.order = None if list(order) == list(range(series.shape[1])) else list(order)
        self.targets = targets
        kind = series.dtype if series.dtype.kind == "f" else np.dtype("float64")
        self.mean = np.asarray(mean, kind)
        self.factor = np.asarray(1 / scale, kind)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.generator = generator(seed)
        self.on_epoch_end()

    def __len__(self):
        return math.ceil(self.windows / self.batch_size)

    def __getitem__(self, step):
        start = step * self.batch_size
        places = np.arange(start, min(start + self.batch_size, self.windows), dtype="uint64")
        return self.take(permuted(places, self.windows, self.keys) if self.shuffle else places)

    def on_epoch_end(self):
        self.keys = self.generator.integers(0, 2**63, size=4, dtype="uint64")

    @property
    def origins(self):
        return self.first + self.window + self.stride * np.arange(self.windows)

    def take(self, places):
        """(x, y) of the windows at these places, in order of time from 0."""
        span = self.window + self.horizon
        starts = self.first + self.stride * np.asarray(places, "int64")
        every = np.lib.stride_tricks.sliding_window_view(self.series, span, axis=0)
        rows = every.swapaxes(1, 2)[starts]
        if self.order is not None:
            rows = rows[..., self.order]
        x, y = rows[:, : self.window], rows[:, self.window :, : self.targets]
        x = (x - self.mean) * self.factor
        y = (y - self.mean[: self.targets]) * self.factor[: self.targets]
        return x.astype(keras.config.floatx()), y.astype(keras.config.floatx())

    def arrays(self):
        """All windows at once, in order of time: x (windows, window, features) and y."""
        return self.take(np.arange(self.windows))


def permuted(places, count, keys):
    """Where a random order of range(count) puts these places, computed and never stored.

    A Feistel network on a rectangle of at least `count` fields (Luby and Rackoff, 1988): each half
    is moved by a hash of the other, which can be undone, so that no two places meet. What lands
    outside the first `count` fields is moved on until it lies inside.

    >>> keys = np.arange(4, dtype="uint64")
    >>> sorted(permuted(np.arange(5, dtype="uint64"), 5, keys).tolist())
    [0, 1, 2, 3, 4]
    """
    height = math.isqrt(count - 1) + 1
    width = -(-count // height)
    row, column = np.divmod(places, np.uint64(width))
    for i, key in enumerate(keys):
        if i % 2:
            column = (column + _hash(row, key)) % np.uint64(width)
        else:
            row = (row + _hash(column, key)) % np.uint64(height)
    moved = row * np.uint64(width) + column
    outside = moved >= count
    if outside.any():
        moved[outside] = permuted(moved[outside], count, keys)
    return moved


def _hash(values, key):
    """32 bits that look random (the finalizer of splitmix64)."""
    values = (values + key) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    return values >> np.uint64(32)


def _cuts(rows, window, horizon, validation, test):
    """Row numbers at which validation and test begin."""
    tested = rows_of("test", test, rows)
    held = rows_of("validation", validation, rows)
    train = rows - held - tested
    asked = f"window={window} and horizon={horizon}"
    _checks.require(
        rows >= window + horizon,
        "series",
        f"have at least window + horizon = {window + horizon} rows",
        f"{rows} rows with {asked}",
    )
    _checks.require(
        train >= window + horizon,
        "series",
        f"leave at least window + horizon = {window + horizon} rows to train on",
        f"{max(train, 0)} of {rows} rows beside {held} to validate and {tested} to test, "
        f"with {asked}",
        "Give a shorter window or horizon, or fewer rows to validation and test.",
    )
    for name, part in (("validation", held), ("test", tested)):
        enough = part == 0 or part >= horizon
        received = f"{part} of {rows} rows"
        _checks.require(enough, name, f"be 0 or at least horizon = {horizon} rows", received)
    return train, train + held


def _mean_and_spread(values):
    """Of every column, (features,); a constant column has a spread of 1."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for start in range(0, len(values), CHUNK_ROWS):
        scaler.partial_fit(values[start : start + CHUNK_ROWS].astype("float64"))
    return scaler.mean_, scaler.scale_
