"""What generative adversarial networks share: the game's gradients, blocks, and scaled images.

Two networks with opposite aims train in one ordinary `fit`: each loss reaches the weights of one
player only, because the other's are held still, so that the sum of the losses can be minimised by
one optimizer.
"""

import keras
from keras import layers, ops

from recipes import _checks, _heads

# Of Adam: with the usual 0.9 a player runs after what the other did ten steps ago.
MOMENTUM = 0.5
LEARNING_RATE = 2e-4  # of Radford et al.
SLOPE = 0.2  # of leaky units below 0


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
    return layers.Rescaling((high - low) / 2, (high + low) / 2, name="to_pixels")


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

    def checked(self, x, y):
        """The arrays given to `fit`, if they suit the game; what gives batches is met in `play`."""
        return x, y

    def fit(self, x=None, y=None, *args, **options):
        if hasattr(x, "__array__") or isinstance(x, (list, tuple, dict)):
            x, y = self.checked(x, y)
        return super().fit(x, y, *args, **options)

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
