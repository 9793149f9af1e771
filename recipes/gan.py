"""New images of a class from noise: `build_gan`, and `sample`.

    model = build_gan((28, 28, 1), classes=10)
    model.fit(batches(x, y, 64), epochs=30, shuffle=False)  # raw 0-255 pixels and labels
    more = sample(model, 100, label=3)

Where few images of a class are there, the samples may be added to the training set; measure whether
they help, as examples/generate.py does: with 20 digits a class they do not.
"""

import keras
import numpy as np
from keras import layers, ops

from recipes import _adversaries, _blocks, _checks
from recipes._recipe import generator, recipe


@recipe
def build_gan(
    input_shape,
    *,
    classes=None,
    latent_dim=64,
    filters=(64, 128),
    kernel_size=4,
    dropout=0.3,
    label_smoothing=0.1,
    diversity=1.0,
    value_range=(0.0, 255.0),
    optimizer=None,
    learning_rate=None,
    seed=None,
    name="gan",
):
    """A generator that learns to draw images which a discriminator cannot tell from real ones.

    Convolutions without pooling; the generator has batch normalisation, the discriminator leaky
    units and dropout. With `classes` both are told the class: the discriminator has one output for
    each, "real and of this class".

    Args:
        input_shape: (height, width, channels).
        classes: number of classes, for samples of a class; None draws from all images alike.
        latent_dim: width of the noise that an image is drawn from, at least 1.
        filters: channels of each halving of the discriminator; the generator has them in reverse.
        kernel_size: side of the square kernels in pixels; an even one overlaps evenly when a layer
            doubles the image, which avoids a chequered pattern.
        dropout: rate in [0, 1) in the discriminator.
        label_smoothing: rate in [0, 1) by which real images are said to be less than sure; it keeps
            the discriminator from overconfidence.
        diversity: weight of a penalty on images that stay the same when their noise changes, at
            least 0. Without it a generator that is told the class soon draws one image of each.
        value_range: (lowest, highest) pixel.
        optimizer: any Keras optimizer's name or an object; None is Adam with a momentum of 0.5,
            which this game needs to be stable.
        learning_rate: number or schedule; None is 2e-4 for that Adam, or the optimizer's own.
        seed: int that fixes initial weights, noise and dropout, or None.
        name: name of the model.

    Returns:
        Compiled model with the parts "generator", (batch, latent_dim) and labels (batch,) where
        there are classes -> images, and "discriminator", images -> (batch, classes or 1) logits of
        being real. Train it with `fit(x)`, or `fit(x, y)` where there are classes, on pixels of
        `value_range` and without weights of rows; it reports the losses of both and how often the
        discriminator is right: 0.5 to 0.9 is a game in balance, 1.0 is lost.

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Goodfellow et al., 2014; Radford et al., 2016 (DCGAN); Salimans et al., 2016 (one-sided
    smoothing); Miyato and Koyama, 2018 (an output for each class); Mao et al., 2019 (diversity).

    >>> model = build_gan((8, 8, 1), classes=3, filters=(8,))
    >>> sample(model, 2, label=1, seed=0).shape
    (2, 8, 8, 1)
    """
    input_shape, value_range, optimizer = _adversaries.check(
        input_shape, value_range, optimizer, learning_rate
    )
    if classes is not None:
        _checks.count("classes", classes, minimum=2)
    latent_dim = _checks.count("latent_dim", latent_dim)
    filters = _checks.counts("filters", filters)
    _checks.count("kernel_size", kernel_size)
    _checks.rate("dropout", dropout)
    _checks.rate("label_smoothing", label_smoothing)
    _checks.non_negative("diversity", diversity)

    model = GAN(
        _generator(input_shape, classes, latent_dim, filters, kernel_size, value_range),
        _discriminator(input_shape, classes, filters, kernel_size, dropout, value_range),
        label_smoothing=label_smoothing,
        diversity=diversity,
        name=name,
    )
    return _adversaries.compiled(model, optimizer)


def _generator(input_shape, classes, latent_dim, filters, kernel_size, value_range):
    height, width, channels = input_shape
    scale = 2 ** len(filters)
    start = (-(-height // scale), -(-width // scale), filters[-1])

    x = noise = keras.Input((latent_dim,), name="noise")
    inputs = [noise]
    if classes is not None:
        inputs.append(keras.Input((), dtype="int32", name="label"))
        x = layers.Concatenate()([x, layers.Embedding(classes, latent_dim)(inputs[1])])
    x = layers.Dense(start[0] * start[1] * start[2], use_bias=False)(x)
    x = layers.Reshape(start)(x)
    for filter_count in filters[-2::-1]:
        x = _doubled(x, filter_count, kernel_size, use_bias=False)
    x = _doubled(x, channels, kernel_size, activation="tanh")
    x = _adversaries.fit_to(x, height, width)
    return keras.Model(inputs, _adversaries.from_unit(value_range)(x), name="generator")


def _doubled(x, filter_count, kernel_size, **options):
    x = layers.ReLU()(_blocks.batch_normalization()(x))
    convolution = layers.Conv2DTranspose(
        filter_count, kernel_size, strides=2, padding="same", **options
    )
    return convolution(x)


def _discriminator(input_shape, classes, filters, kernel_size, dropout, value_range):
    x = image = keras.Input(input_shape, name="image")
    x = _adversaries.to_unit(value_range)(x)
    for width in filters:
        x = layers.Conv2D(width, kernel_size, strides=2, padding="same")(x)
        x = _adversaries.leaky(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(classes or 1, name="realness")(layers.Flatten()(x))
    return keras.Model(image, x, name="discriminator")


@keras.saving.register_keras_serializable("recipes")
class GAN(_adversaries.Game):
    """A generator and a discriminator, trained against each other by `fit`; see `build_gan`.

    Args:
        generator: noise, and labels where there are classes -> images.
        discriminator: images -> a logit for each class, or one.
        label_smoothing: how much less than 1 a real image counts.
        diversity: weight of the penalty on images that do not change with their noise.

    Call: images (batch, height, width, channels) -> logits (batch, classes or 1).
    """

    parts = ("generator", "discriminator")
    options = ("label_smoothing", "diversity")
    scores = (
        "generator_loss",
        "diversity_loss",
        "discriminator_loss",
        "discriminator_accuracy",
    )

    def __init__(self, generator, discriminator, label_smoothing=0.1, diversity=1.0, name=None):
        super().__init__(name, generator=generator, discriminator=discriminator)
        self.label_smoothing = label_smoothing
        self.diversity = diversity
        self.latent_dim = generator.inputs[0].shape[1]
        self.classes = discriminator.output_shape[1] if len(generator.inputs) > 1 else None
        self.seeds = keras.random.SeedGenerator()

    def call(self, images, training=False):
        return self.discriminator(images, training=training)

    def checked(self, x, y, where=""):
        x_name, y_name = f"x{where}", f"y{where}"
        shape = self.discriminator.input_shape[1:]
        x = _adversaries.pixels(x_name, x, shape, _adversaries.range_of(self.generator))
        if not self.classes:
            expected, received = "be None for a GAN without classes", f"a {type(y).__name__}"
            _checks.require(y is None, y_name, expected, received, "Give build_gan classes=.")
            return x, y
        self._require_labels(y, y_name)
        y = _checks.array(y_name, y)
        hint = "Did you mean y.argmax(-1)?" if y.shape == (len(x), self.classes) else ""
        one_each = y.size == len(y) and (y == np.round(y)).all()
        expected = "hold the label of each image, an integer"
        _checks.require(one_each, y_name, expected, f"{y.dtype} of shape {y.shape}", hint)
        _checks.same_rows(**{x_name: x, y_name: y})
        inside = y.min() >= 0 and y.max() < self.classes
        expected = f"hold labels from 0 to {self.classes - 1}"
        _checks.require(inside, y_name, expected, f"labels from {y.min():g} to {y.max():g}")
        return x, y

    def _require_labels(self, y, name="y"):
        expected = "hold the label of each image for a GAN with classes"
        _checks.require(y is not None, name, expected, "y=None", "Use fit(x, y).")

    def play(self, x, y, training):
        """Losses that do not saturate, of both; how often the discriminator is right."""
        if self.classes:
            self._require_labels(y)
        count = ops.shape(x)[0]
        labels = ops.cast(ops.reshape(y, (-1,)), "int32") if self.classes else None
        noise, fake = self._draw(count, labels, training)
        alike = ops.zeros(())
        if self.diversity:
            alike = self.diversity * _alike(noise, fake, *self._draw(count, labels, training))
        fooled = self._logit(_adversaries.frozen(self.discriminator, fake, training), labels)
        # Real and made images go through one call, half as many steps of the backend as two.
        both = ops.concatenate([ops.cast(x, fake.dtype), ops.stop_gradient(fake)])
        logits = self.discriminator(both, training=training)
        logits = self._logit(logits, None if labels is None else ops.concatenate([labels, labels]))
        real, made = logits[:count], logits[count:]
        smooth = self.label_smoothing
        sure = (1 - smooth) * ops.softplus(-real) + smooth * ops.softplus(real)
        right = ops.concatenate([real > 0, made <= 0])
        return (
            ops.mean(ops.softplus(-fooled)),
            alike,
            ops.mean(sure) + ops.mean(ops.softplus(made)),
            ops.mean(ops.cast(right, "float32")),
        )

    def _draw(self, count, labels, training):
        """Noise, and the images that the generator makes of it."""
        noise = keras.random.normal((count, self.latent_dim), seed=self.seeds)
        inputs = [noise, labels] if self.classes else noise
        return noise, self.generator(inputs, training=training)

    def _logit(self, logits, labels):
        """The logit of each image's own class, (batch,)."""
        logits = ops.cast(logits, "float32")
        if labels is None:
            return logits[:, 0]
        return ops.sum(logits * ops.one_hot(labels, self.classes), axis=1)


def _alike(noise, images, other_noise, other_images):
    """How little images differ for how much their noises do, in units of the images' own spread."""
    spread = ops.std(ops.cast(images, "float32")) + keras.config.epsilon()
    apart = ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(other_images, "float32")))
    return ops.mean(ops.abs(noise - other_noise)) / (apart / spread + 1e-2)


def sample(model, n, label=None, *, seed=None, batch_size=256):
    """New images, drawn by the generator of a trained `build_gan`.

    Args:
        model: a model of `build_gan`.
        n: number of images, at least 1.
        label: for a model with classes, the class of all images, or one for each, (n,) ints; None
            goes through the classes in turn.
        seed: int for the noise, or None.
        batch_size: images in one prediction step, at least 1.

    Returns:
        Array (n, height, width, channels), in the range of the training images.

    Raises:
        ValueError, TypeError: no model of `build_gan`, a label out of range, or a label for a model
            without classes.

    >>> model = build_gan((8, 8, 1), filters=(8,))
    >>> images = sample(model, 3, seed=0)
    >>> images.shape, bool(images.min() >= 0 and images.max() <= 255)
    ((3, 8, 8, 1), True)
    """
    if not isinstance(model, GAN):
        raise TypeError(f"model must be made by build_gan. Received: {type(model).__name__}.")
    n = _checks.count("n", n)
    noise = generator(seed).normal(size=(n, model.latent_dim))
    inputs = [noise.astype("float32")]
    if model.classes:
        labels = np.arange(n) % model.classes if label is None else np.asarray(label)
        labels = _checks.whole_numbers("label", labels)
        if labels.ndim:
            _checks.require(len(labels) == n, "label", f"have {n} values", f"{len(labels)}")
        _checks.require(
            labels.min() >= 0 and labels.max() < model.classes,
            "label",
            f"lie in 0 to {model.classes - 1}",
            f"{labels.min()} to {labels.max()}",
        )
        inputs.append(np.full(n, labels, "int32"))
    else:
        _checks.require(
            label is None, "label", "be None for a model without classes", f"label={label!r}"
        )
    batch_size = _checks.count("batch_size", batch_size)
    return model.generator.predict(inputs, batch_size=batch_size, verbose=0)
