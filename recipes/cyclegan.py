"""Images of one kind as images of another, without pairs: `build_cyclegan`, and `translate`.

    model = build_cyclegan((32, 32, 3))
    model.fit(unpaired_batches(summer, winter, 4), epochs=50, shuffle=False)
    translate(model, summer, to="b")

No photo need exist in both kinds: what keeps a translation true to its original is that the way
back must lead to it again.
"""

import keras
from keras import layers, ops

from recipes import _adversaries, _checks, _model_checks
from recipes._recipe import generator, recipe
from recipes.feeding import batches

KINDS = ("a", "b")


@recipe
def build_cyclegan(
    input_shape,
    *,
    filters=(32, 64),
    residual_blocks=3,
    kernel_size=3,
    cycle_weight=10.0,
    identity_weight=5.0,
    pool_size=50,
    value_range=(0.0, 255.0),
    optimizer=None,
    learning_rate=None,
    seed=None,
    name="cyclegan",
):
    """Two generators that translate between kinds of images, and a discriminator for each kind.

    A generator halves the image, changes it in residual blocks and doubles it again, normalising
    every image by itself. A discriminator judges overlapping patches. The losses are least squares
    for the game, the absolute error of going there and back, and that of translating an image into
    its own kind.

    Args:
        input_shape: (height, width, channels), of both kinds.
        filters: channels at each size of the generator, the first at full size; each further one
            halves the image. The discriminator has the same.
        residual_blocks: number of blocks at the smallest size, at least 0.
        kernel_size: side of the square kernels of the generators in pixels.
        cycle_weight: weight of the error of there and back, in units of half the pixels' range.
        identity_weight: weight of the error of an image translated into its own kind; it keeps
            colours. 0 leaves it out.
        pool_size: made images that each discriminator remembers and is shown again, at least 1;
            they keep the game from going in circles.
        value_range: (lowest, highest) pixel.
        optimizer: any Keras optimizer's name or an object; None is Adam with a momentum of 0.5.
        learning_rate: number or schedule; None is 2e-4 for that Adam, or the optimizer's own.
        seed: int that fixes initial weights and draws, or None.
        name: name of the model.

    Returns:
        Compiled model {"a": images, "b": images} -> {"a": the b as a, "b": the a as b}, with the
        parts "to_a", "to_b", "judge_a" and "judge_b". Train it by `fit(unpaired_batches(a, b))`; it
        reports the losses of the game and the cycle's error in pixels.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Zhu et al., 2017, Unpaired Image-to-Image Translation; Shrivastava et al., 2017 (the
    pool); Ulyanov et al., 2016 (normalising every image).

    >>> import numpy as np
    >>> model = build_cyclegan((8, 8, 1), filters=(4, 8), residual_blocks=1)
    >>> translate(model, np.zeros((2, 8, 8, 1)), to="b").shape
    (2, 8, 8, 1)
    """
    input_shape, value_range, optimizer = _adversaries.check(
        input_shape, value_range, optimizer, learning_rate
    )
    filters = _checks.counts("filters", filters)
    _checks.count("residual_blocks", residual_blocks, minimum=0)
    _checks.count("kernel_size", kernel_size)
    _checks.count("pool_size", pool_size)
    weights = {
        "cycle_weight": _checks.non_negative("cycle_weight", cycle_weight),
        "identity_weight": _checks.non_negative("identity_weight", identity_weight),
    }

    def generator(name):
        return _generator(input_shape, filters, residual_blocks, kernel_size, value_range, name)

    model = CycleGAN(
        to_a=generator("to_a"),
        to_b=generator("to_b"),
        judge_a=_judge(input_shape, filters, value_range, "judge_a"),
        judge_b=_judge(input_shape, filters, value_range, "judge_b"),
        value_range=value_range,
        pool_size=pool_size,
        name=name,
        **weights,
    )
    return _adversaries.compiled(model, optimizer)


def _generator(input_shape, filters, residual_blocks, kernel_size, value_range, name):
    height, width, channels = input_shape
    x = image = keras.Input(input_shape, name="image")
    x = _adversaries.to_unit(value_range)(x)
    for depth, count in enumerate(filters):
        x = layers.ReLU()(_normal(_convolution(count, kernel_size, strides=2 if depth else 1)(x)))
    for _ in range(residual_blocks):
        change = layers.ReLU()(_normal(_convolution(filters[-1], kernel_size)(x)))
        x = layers.Add()([x, _normal(_convolution(filters[-1], kernel_size)(change))])
    for count in filters[-2::-1]:
        x = layers.UpSampling2D()(x)
        x = layers.ReLU()(_normal(_convolution(count, kernel_size)(x)))
    x = _adversaries.fit_to(x, height, width)
    x = layers.Conv2D(channels, kernel_size, padding="same", activation="tanh")(x)
    return keras.Model(image, _adversaries.from_unit(value_range)(x), name=name)


def _judge(input_shape, filters, value_range, name):
    x = image = keras.Input(input_shape, name="image")
    x = _adversaries.to_unit(value_range)(x)
    for depth, count in enumerate(filters):
        x = layers.Conv2D(count, 4, strides=2, padding="same")(x)
        x = _adversaries.leaky(_normal(x) if depth else x)
    x = layers.Conv2D(1, 4, padding="same", name="realness")(x)
    return keras.Model(image, x, name=name)


def _convolution(count, kernel_size, strides=1):
    return layers.Conv2D(count, kernel_size, strides=strides, padding="same", use_bias=False)


def _normal(x):
    """Each channel of each image with mean 0 and variance 1."""
    return layers.GroupNormalization(groups=-1)(x)


@keras.saving.register_keras_serializable("recipes")
class ImagePool(layers.Layer):
    """Half of the images that it is given it swaps for ones that it was given before.

    Args:
        size: images that it holds, at least 1. It passes images on while it fills.

    Call: (batch, ...) -> the same shape; only in training.

    Raises:
        ValueError: size is less than 1.

    Source: Shrivastava et al., 2017, Learning from Simulated and Unsupervised Images.

    >>> import numpy as np
    >>> pool = ImagePool(2)
    >>> first = pool(np.ones((2, 1)), training=True)
    >>> np.array(pool(np.zeros((2, 1)), training=False)).ravel()
    array([0., 0.], dtype=float32)
    """

    def __init__(self, size=50, **kwargs):
        super().__init__(**kwargs)
        self.size = _checks.count("size", size)
        self.seeds = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.held = self.add_weight(
            (self.size, *input_shape[1:]), initializer="zeros", trainable=False, name="held"
        )
        # An integer, which mixed precision leaves as it is.
        self.count = self.add_weight(
            (), initializer="zeros", dtype="int32", trainable=False, name="count"
        )

    def call(self, inputs, training=False):
        if not training:
            return inputs
        rows = ops.shape(inputs)[0]
        written = ops.convert_to_tensor(self.count)
        order = written + ops.arange(rows, dtype="int32")
        # What is left of a batch that an empty pool cannot hold has nothing to be swapped for.
        filling = ops.logical_or(order < self.size, written == 0)
        share = keras.random.uniform((rows,), dtype="float32", seed=self.seeds)
        drawn = ops.cast(share * ops.cast(written, "float32"), "int32")
        drawn = ops.minimum(drawn, written - 1)  # which rounding may exceed
        places = ops.where(filling, order % self.size, drawn)
        swapped = keras.random.uniform((rows,), seed=self.seeds) < 0.5
        old = ops.take(ops.convert_to_tensor(self.held), places, axis=0)

        def by_row(choice):
            return ops.reshape(choice, (rows, *[1] * (len(inputs.shape) - 1)))

        # While it fills, what is passed on is the new image, which is kept in any case.
        given = ops.where(by_row(ops.logical_and(swapped, ~filling)), old, inputs)
        kept = ops.where(by_row(ops.logical_or(swapped, filling)), inputs, old)
        self.held.assign(ops.scatter_update(self.held, places[:, None], kept))
        self.count.assign(ops.minimum(self.count + rows, self.size))
        return given

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("recipes")
class CycleGAN(_adversaries.Game):
    """Four networks of a cycle, trained by `fit`; see `build_cyclegan` for the arguments.

    Call: {"a": images, "b": images} -> {"a": the b as a, "b": the a as b}.
    """

    parts = ("to_a", "to_b", "judge_a", "judge_b")
    options = ("cycle_weight", "identity_weight", "value_range", "pool_size")
    scores = ("generator_loss", "judge_loss", "cycle_loss", "identity_loss", "cycle_error")

    def __init__(
        self,
        to_a,
        to_b,
        judge_a,
        judge_b,
        cycle_weight=10.0,
        identity_weight=5.0,
        value_range=(0.0, 255.0),
        pool_size=50,
        name=None,
    ):
        super().__init__(name, to_a=to_a, to_b=to_b, judge_a=judge_a, judge_b=judge_b)
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.value_range = tuple(value_range)
        self.pool_size = pool_size
        # In float32, as the pixels are, whatever the policy.
        self.pool_a, self.pool_b = (ImagePool(pool_size, dtype="float32") for _ in KINDS)
        for pool in (self.pool_a, self.pool_b):
            pool.build(to_a.output_shape)

    def call(self, images, training=False):
        self._require_kinds(images)
        return {
            "a": self.to_a(images["b"], training=training),
            "b": self.to_b(images["a"], training=training),
        }

    def checked(self, x, y, where=""):
        self._require_kinds(x, f"x{where}")
        shape, value_range = self.to_a.input_shape[1:], self.value_range
        named = {kind: f"{kind}{where}" for kind in KINDS}
        x = {
            kind: _adversaries.pixels(name, x[kind], shape, value_range)
            for kind, name in named.items()
        }
        _checks.same_rows(**{named[kind]: images for kind, images in x.items()})
        received = f"a {type(y).__name__}"
        _checks.require(y is None, f"y{where}", "be None for images in no pairs", received)
        return x, y

    def _require_kinds(self, x, name="x"):
        known = isinstance(x, dict) and set(KINDS) <= set(x)
        received = f"a dict of {sorted(x)}" if isinstance(x, dict) else f"a {type(x).__name__}"
        hint = "Use fit(unpaired_batches(a, b))."
        _checks.require(known, name, "hold images of both kinds, 'a' and 'b'", received, hint)

    def play(self, x, y, training):
        """Both games by least squares, the cycles' and identities' absolute errors."""
        half = (self.value_range[1] - self.value_range[0]) / 2
        a, b = (ops.cast(x[kind], "float32") for kind in KINDS)
        made_a, made_b = self.to_a(b, training=training), self.to_b(a, training=training)
        cycle = _apart(self.to_a(made_b, training=training), a)
        cycle += _apart(self.to_b(made_a, training=training), b)
        fooled = _square(_adversaries.frozen(self.judge_a, made_a, training) - 1)
        fooled += _square(_adversaries.frozen(self.judge_b, made_b, training) - 1)
        judged = 0.0
        for judge, pool, real, made in (
            (self.judge_a, self.pool_a, a, made_a),
            (self.judge_b, self.pool_b, b, made_b),
        ):
            shown = ops.cast(pool(ops.stop_gradient(made), training=training), made.dtype)
            judged += _square(judge(real, training=training) - 1) / 2
            judged += _square(judge(shown, training=training)) / 2
        identity = ops.zeros(())
        if self.identity_weight:
            identity = _apart(self.to_a(a, training=training), a)
            identity += _apart(self.to_b(b, training=training), b)
        return (
            fooled,
            judged,
            self.cycle_weight * cycle / half,
            self.identity_weight * identity / half,
            cycle / 2,
        )


def _apart(first, second):
    return ops.mean(ops.abs(ops.cast(first, "float32") - ops.cast(second, "float32")))


def _square(x):
    return ops.mean(ops.square(ops.cast(x, "float32")))


def unpaired_batches(a, b, batch_size=4, *, seed=None):
    """Images of two kinds side by side, in no pairs, for a model of `build_cyclegan`.

    Args:
        a, b: images, (rows, height, width, channels), of as many rows as there are; those of the
            smaller set come more often.
        batch_size: images of each kind in a batch, at least 1.
        seed: int for the orders, or None.

    Returns:
        What `recipes.batches` returns, for `model.fit`.

    Raises:
        ValueError, TypeError: images of different shapes, or of none.

    >>> import numpy as np
    >>> feed = unpaired_batches(np.zeros((4, 8, 8, 1)), np.ones((3, 8, 8, 1)), 2, seed=0)
    >>> len(feed)
    2
    """
    a = _checks.array("a", a, ndim=4)
    b = _checks.array("b", b, shape=a.shape[1:])
    random = generator(seed)
    rows = max(len(a), len(b))
    a, b = (images[random.permutation(rows) % len(images)] for images in (a, b))
    return batches({"a": a, "b": b}, batch_size=batch_size, seed=seed)


def translate(model, images, *, to, batch_size=64):
    """Images as the other kind.

    Args:
        model: a trained model of `build_cyclegan`.
        images: (rows, height, width, channels), of the kind that `to` is not.
        to: "a" or "b", the kind to make.
        batch_size: images in one prediction step, at least 1.

    Returns:
        Array of the same shape, in the range of the training images.

    Raises:
        ValueError, TypeError: no such model, another kind, or images of another shape.

    >>> import numpy as np
    >>> model = build_cyclegan((4, 4, 1), filters=(2,), residual_blocks=0)
    >>> translate(model, np.zeros((1, 4, 4, 1)), to="a").shape
    (1, 4, 4, 1)
    """
    if not isinstance(model, CycleGAN):
        raise TypeError(f"model must be made by build_cyclegan. Received: {type(model).__name__}.")
    _checks.one_of("to", to, KINDS)
    generator = _model_checks.part(model, f"to_{to}")
    images = _checks.array("images", images, shape=generator.input_shape[1:]).astype("float32")
    batch_size = _checks.count("batch_size", batch_size)
    return generator.predict(images, batch_size=batch_size, verbose=0)
