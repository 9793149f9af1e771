"""What generative adversarial networks share: the game's gradients, blocks, and scaled images.

Two networks with opposite aims train in one ordinary `fit`: each loss reaches the weights of one
player only, because the other's are held still, so that the sum of the losses can be minimised by
one optimizer.
"""

import inspect

import keras
from keras import layers, ops

from recipes import _checks, _heads
from recipes.feeding import first_batch, gives_batches

# Of Adam: with the usual 0.9 a player runs after what the other did ten steps ago.
MOMENTUM = 0.5
LEARNING_RATE = 2e-4  # of Radford et al.
SLOPE = 0.2  # of leaky units below 0

USUAL_RANGES = ((0, 1), (-1, 1), (0, 255))  # of pixels
ROUNDING = 1e-3  # share of the range by which pixels may leave it
SLIVER = 0.02  # share of the range that the pixels of no set of images are confined to


def frozen(model, inputs, training):
    """The model's answer with its weights as constants: gradients reach the inputs alone."""
    constants = [ops.stop_gradient(weight.value) for weight in model.trainable_variables]
    others = [weight.value for weight in model.non_trainable_variables]
    return model.stateless_call(constants, others, inputs, training=training)[0]


def check(input_shape, value_range, optimizer, learning_rate):
    """The checked shape and range of the images, and the optimizer."""
    input_shape = _checks.shape("input_shape", input_shape, ndim=3, fixed=True)
    value_range = _checks.interval("value_range", value_range)
    if optimizer is None:
        rate = LEARNING_RATE if learning_rate is None else learning_rate
        adam = _heads.make_optimizer("adam", rate)
        optimizer = type(adam).from_config({**adam.get_config(), "beta_1": MOMENTUM})
    else:
        optimizer = _heads.make_optimizer(optimizer, learning_rate)
    return input_shape, value_range, optimizer


def compiled(model, optimizer):
    """Compile a game, and return it."""
    model.compile(optimizer=optimizer, steps_per_execution=_heads.STEPS_PER_EXECUTION)
    # TensorFlow would trace a step that makes these variables twice.
    model.optimizer.build(model.trainable_variables)
    return model


def to_unit(value_range):
    """A layer from pixels in their range to [-1, 1]."""
    low, high = value_range
    return layers.Rescaling(2 / (high - low), -1 - 2 * low / (high - low), name="to_unit")


def from_unit(value_range):
    """A layer from [-1, 1] to pixels in their range."""
    low, high = value_range
    # In float32 whatever the policy: bfloat16 knows 129 and 130 for one.
    return layers.Rescaling((high - low) / 2, (high + low) / 2, name="to_pixels", dtype="float32")


def range_of(generator):
    """The (lowest, highest) pixel of a generator that ends in `from_unit`; None of another."""
    last = generator.layers[-1]
    ours = isinstance(last, layers.Rescaling) and last.name == "to_pixels"
    return (last.offset - last.scale, last.offset + last.scale) if ours else None


def pixels(name, images, shape, value_range):
    """Images of that shape whose pixels lie in the range, and not all in a sliver of it."""
    images = _checks.array(name, images, shape=shape)
    if value_range is None:
        return images
    low, high = value_range
    ends = float(images.min()), float(images.max())
    received = f"pixels from {ends[0]:g} to {ends[1]:g}"
    built_for = f"value_range=({low:g}, {high:g})"
    likely = next((usual for usual in USUAL_RANGES if _within(ends, usual)), value_range)
    other = tuple(likely) != tuple(value_range)
    hint = f"Build the model with value_range={likely}." if other else "Scale them to that range."
    inside = _within(ends, value_range)
    _checks.require(inside, name, f"hold pixels of {built_for}", received, hint)
    spread = ends[1] - ends[0] >= SLIVER * (high - low)
    _checks.require(spread, name, f"span at least a fiftieth of {built_for}", received, hint)
    return images


def _within(ends, value_range):
    low, high = value_range
    slack = ROUNDING * (high - low)
    return low - slack <= ends[0] and ends[1] <= high + slack


def leaky(x):
    return layers.LeakyReLU(SLOPE)(x)


def fit_to(x, height, width):
    """Cut what doubling has made too large."""
    down, right = x.shape[1] - height, x.shape[2] - width
    cuts = ((down // 2, down - down // 2), (right // 2, right - right // 2))
    return layers.Cropping2D(cuts)(x) if down or right else x


class Game(keras.Model):
    """A model of several networks that makes its own loss in `play`, on every backend."""

    parts: tuple[str, ...] = ()  # its networks, which are attributes of these names
    options: tuple[str, ...] = ()  # its other arguments, attributes too
    scores: tuple[str, ...] = ()  # what `play` returns

    def __init__(self, name=None, **parts):
        super().__init__(name=name)
        for part in self.parts:
            setattr(self, part, parts[part])
        self.means = [keras.metrics.Mean(name=score) for score in self.scores]
        self.built = True

    def build(self, input_shape=None):
        self.built = True

    def play(self, x, y, training):
        """The value of each of `scores`; the sum of those that end in "loss" is minimised."""
        raise NotImplementedError

    def checked(self, x, y, where=""):
        """The arrays given to `fit`, or a feed's first batch, if they suit the game."""
        return x, y

    def fit(self, x=None, y=None, *args, **options):
        given = inspect.signature(super().fit).bind(x, y, *args, **options).arguments
        for name in ("sample_weight", "class_weight"):
            _require_no_weights(name, given.get(name))
        given["x"], given["y"] = self._checked_arrays(x, y)
        if given.get("validation_data") is not None:
            x, y, weight = keras.utils.unpack_x_y_sample_weight(given["validation_data"])
            where = " of validation_data"
            _require_no_weights(f"sample_weight{where}", weight)
            given["validation_data"] = self._checked_arrays(x, y, where)
        return super().fit(**given)

    def _checked_arrays(self, x, y, where=""):
        if hasattr(x, "__array__") or isinstance(x, (list, tuple, dict)):
            return self.checked(x, y, where)
        if gives_batches(x):  # not a generator, whose rows come only once
            first = keras.tree.map_structure(ops.convert_to_numpy, first_batch(x))
            first_x, first_y, _ = keras.utils.unpack_x_y_sample_weight(first)
            self.checked(first_x, first_y, where)
        return x, y

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        values = self.play(x, y, training)
        for mean, value in zip(self.means, values, strict=True):
            mean.update_state(value)
        named = zip(self.scores, values, strict=True)
        return sum(value for name, value in named if name.endswith("loss"))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return self.get_metrics_result()

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        parts = {part: serialize(getattr(self, part)) for part in self.parts}
        options = {option: getattr(self, option) for option in self.options}
        return {"name": self.name, **parts, **options}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in cls.parts:
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        return cls(**config)


def _require_no_weights(name, value):
    _checks.require(
        value is None,
        name,
        "be None for networks that play against each other",
        f"a {type(value).__name__}",
        "Their losses weigh no rows: repeat those that should count more.",
    )
