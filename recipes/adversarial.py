"""Labels in one domain, predictions in another: `build_domain_adversarial`.

    model = build_domain_adversarial((28, 28, 1), 10)
    model.fit(domain_batches(x_source, y_source, x_target), epochs=20, shuffle=False)
    classifier = classifier_of(model)

Digits in print and in handwriting, photos by day and by night: the same classes, other pictures.
Where only the shares of the kinds of rows differ, `recipes.importance_weights` is the simpler way.

It pays where the domains differ in what surrounds a thing (digits before photographs, in
benchmarks/domain_shift.py), and not where what tells the classes apart is itself turned round:
digits dark on light stay unread. Hold it against a model of the source alone on a few labelled
target rows before you trust it.
"""

import keras
import numpy as np
from keras import layers, ops

from recipes import _blocks, _checks, _domains, _heads, _model_checks, _targets
from recipes._recipe import generator, in_turn, recipe
from recipes.augmentation import from_level
from recipes.feeding import batches

# How steeply the reversal sets in, from Ganin et al.
STEEPNESS = 10.0

POOLING = {"flatten": layers.Flatten, "average": layers.GlobalAveragePooling2D}

# What the activation of a head says of its task.
TASKS = {"softmax": "multiclass", "sigmoid": "binary", "linear": "regression"}


@recipe
def build_domain_adversarial(
    input_shape,
    outputs,
    *,
    task="multiclass",
    filters=(32, 64),
    kernel_size=3,
    pooling="flatten",
    units=(128,),
    label_units=(100,),
    domain_units=(100,),
    activation="relu",
    dropout=0.1,
    batch_norm=True,
    strength=1.0,
    ramp_steps=1000,
    label_smoothing=0.0,
    augmentation=None,
    optimizer="adam",
    learning_rate=None,
    seed=None,
    name="domain_adversarial",
):
    """A classifier whose encoder unlearns what tells labelled source from unlabelled target rows.

    An encoder feeds two heads: one learns the labels of the source rows, the other to tell the
    domains apart. Between it and the encoder the gradient is reversed: the encoder learns to
    mislead it, and what the first head learns on the source then holds on the target. It trains
    with plain `fit` on `domain_batches(x_source, y_source, x_target)`.

    Args:
        input_shape: (height, width, channels), where height and width may be None; or (features,).
        outputs: number of classes, labels or values to predict; 1 for `task="binary"`.
        task: "binary", "multiclass", "multilabel" or "regression", whose targets are learnt soonest
            when standardised: `preprocess_y` in `cross_validate`.
        filters: channels of each convolutional block of the encoder, which halves an image.
        kernel_size: side of the square kernels in pixels.
        pooling: what the heads see of the last block of an image: "flatten" all of it, so that they
            know what lies where; "average" its mean over the image, for images of any size.
        units: widths of the dense layers of the encoder of a table.
        label_units: widths of the hidden layers of the head that learns the labels.
        domain_units: widths of the hidden layers of the head that tells the domains apart.
        activation: any Keras activation, or "prelu".
        dropout: rate in [0, 1) after each block and layer of the encoder and the labels' head.
        batch_norm: normalise in each of them, each domain by its own statistics, for which batches
            hold source and target rows in turn, as those of `domain_batches`; predictions are made
            by the target's.
        strength: factor of the reversed gradient at its end, at least 0; with 0 the encoder learns
            from the source alone, and the target gives its statistics.
        ramp_steps: training steps over which the reversal sets in, at least 1; about as many as the
            run has.
        label_smoothing: rate in [0, 1); not for regression.
        augmentation: "light", "medium" or "strong", for `image_augmentation` (of features
            `tabular_augmentation`); a Keras layer for the input; or None.
        optimizer: any Keras optimizer's name, "momentum", "nesterov", or an object.
        learning_rate: number or schedule; None is the optimizer's own (0.001 for Adam).
        seed: int that fixes initial weights and random layers, or None.
        name: name of the model.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> {"output": (batch, outputs), "domain":
        (batch, 1), the chance of being a target row}, with the part "encoder".

    Raises:
        ValueError, TypeError: an argument is out of range or of the wrong kind.

    Source: Ganin et al., 2016, Domain-Adversarial Training of Neural Networks; Li et al., 2016
    (statistics of each domain).

    >>> model = build_domain_adversarial((8,), 3, units=(16,))
    >>> {name: values.shape for name, values in model.predict(np.ones((2, 8)), verbose=0).items()}
    {'output': (2, 3), 'domain': (2, 1)}
    """
    input_shape = _checks.shape("input_shape", input_shape, ndim=(1, 3))
    filters = _checks.counts("filters", filters)
    _checks.count("kernel_size", kernel_size)
    _checks.one_of("pooling", pooling, POOLING)
    known = pooling != "flatten" or None not in input_shape
    received, hint = f"input_shape={input_shape}", "Use pooling='average'."
    _checks.require(known, "input_shape", "be known for pooling='flatten'", received, hint)
    units = _checks.counts("units", units)
    label_units = _checks.counts("label_units", label_units, allow_empty=True)
    domain_units = _checks.counts("domain_units", domain_units, allow_empty=True)
    _checks.non_negative("strength", strength)
    _checks.count("ramp_steps", ramp_steps)
    augmentation = from_level(augmentation, "table" if len(input_shape) == 1 else "image")
    _heads.check(outputs, task, label_smoothing, None, None, optimizer, learning_rate)
    _blocks.check(activation, dropout, 0.0, 0.0, batch_norm, 0.0, 0.0)

    options = {
        "activation": activation,
        "batch_norm": batch_norm,
        "normalization": _domains.DomainNormalization,
        "dropout": dropout,
    }
    x = inputs = keras.Input(input_shape, name="x")
    if augmentation is not None:
        x = augmentation(x)
    if len(input_shape) == 1:
        encoder = _table_encoder(input_shape, units, options)
    else:
        encoder = _image_encoder(input_shape, filters, kernel_size, pooling, options)
    code = encoder(x)
    label = _heads.output_layer(outputs, task)(_dense(code, label_units, options))
    domain = GradientReversal(strength, ramp_steps, dtype="float32", name="reversal")(code)
    for width in domain_units:
        domain = layers.Dense(width, activation="relu")(domain)
    domain = layers.Dense(1, activation="sigmoid", dtype="float32", name="domain")(domain)

    model = keras.Model(inputs, {"output": label, "domain": domain}, name=name)
    metric = _heads.metric(task)
    model.compile(
        optimizer=_heads.make_optimizer(optimizer, learning_rate),
        loss={
            "output": _heads.make_loss(None, task, label_smoothing),
            "domain": keras.losses.BinaryCrossentropy(),
        },
        weighted_metrics={"output": [metric], "domain": ["binary_accuracy"]},
        steps_per_execution=_heads.STEPS_PER_EXECUTION,
    )
    return model


@keras.saving.register_keras_serializable("recipes")
class GradientReversal(layers.Layer):
    """Passes its input on as it is, and its gradient back with the opposite sign.

    What comes behind it learns a task; what lies before it learns to spoil that task.

    Args:
        strength: factor of the reversed gradient, at least 0.
        steps: training steps over which the factor climbs from 0 to strength along the paper's
            curve, `2 / (1 + exp(-10 p)) - 1`; None has it there at once.

    Call: any shape -> the same values.

    Raises:
        ValueError: strength is negative or steps is less than 1.

    Source: Ganin and Lempitsky, 2015, Unsupervised Domain Adaptation by Backpropagation.

    >>> layer = GradientReversal()
    >>> np.array(layer(np.array([1.0, -2.0], "float32")))
    array([ 1., -2.], dtype=float32)
    """

    def __init__(self, strength=1.0, steps=None, **kwargs):
        super().__init__(**kwargs)
        self.strength = _checks.non_negative("strength", strength)
        self.steps = None if steps is None else _checks.count("steps", steps)

    def build(self, input_shape):
        if self.steps is not None:
            # An integer, which mixed precision leaves as it is.
            self.step = self.add_weight(
                (), initializer="zeros", dtype="int32", trainable=False, name="step"
            )

    def call(self, inputs, training=False):
        still = ops.stop_gradient(inputs)
        # The second term is 0 and its gradient is -factor, on every backend.
        return still + ops.cast(self._factor(training), inputs.dtype) * (still - inputs)

    def _factor(self, training):
        if self.steps is None:
            return self.strength
        done = ops.minimum(ops.cast(self.step, "float32") / self.steps, 1.0)
        if training:
            self.step.assign(self.step + 1)
        return self.strength * (2.0 / (1.0 + ops.exp(-STEEPNESS * done)) - 1.0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "strength": self.strength, "steps": self.steps}


def domain_batches(x_source, y_source, x_target, batch_size=64, *, sample_weight=None, seed=None):
    """Labelled source and unlabelled target rows as batches for a domain-adversarial model.

    Both domains have the same number of rows in an epoch: those of the smaller one come more often,
    all of them before any comes again.

    Args:
        x_source: labelled rows, (rows, ...).
        y_source: their labels, as `task` has them.
        x_target: rows without labels, (target rows, ...).
        batch_size: rows of both domains in a batch, at least 2, in turn one of each.
        sample_weight: weight of each source row, such as those of `importance_weights`; or None.
        seed: int for the orders, or None.

    Returns:
        What `recipes.batches` returns, for `model.fit(..., shuffle=False)`.

    Raises:
        ValueError, TypeError: rows of different shapes, or labels that differ in number.

    >>> feed = domain_batches(np.zeros((2, 3)), np.array([0, 1]), np.ones((4, 3)), 8, seed=0)
    >>> x, y, weight = next(iter(feed))
    >>> int(np.sum(y["domain"])), float(np.mean(weight["output"]))
    (4, 1.0)
    """
    x_target = _targets.like("x_target", x_target, x_source, of="x_source")
    x_source = _checks.array("x_source", x_source)
    y_source = _checks.array("y_source", _targets.plain(y_source, "y_source"))
    x_target = _checks.array("x_target", x_target, shape=x_source.shape[1:])
    _checks.same_rows(x_source=x_source, y_source=y_source)
    if y_source.dtype.kind in "iu":
        lowest = int(y_source.min())
        _checks.require(lowest >= 0, "y_source", "hold classes from 0 on", f"labels from {lowest}")
    weights = np.ones(len(x_source))
    if sample_weight is not None:
        weights = _checks.array("sample_weight", sample_weight, ndim=1)
        _checks.same_rows(x_source=x_source, sample_weight=weights)
    _checks.count("batch_size", batch_size, minimum=2)
    rows = max(len(x_source), len(x_target))
    random = generator(seed)
    source, target = (in_turn(len(x), rows, random) for x in (x_source, x_target))
    unknown = np.zeros((rows, *y_source.shape[1:]), y_source.dtype)  # weighs nothing

    def pairs(of_source, of_target):
        return np.stack([of_source, of_target], axis=1)

    feed = batches(
        pairs(x_source[source], x_target[target]),
        {
            "output": pairs(y_source[source], unknown),
            "domain": pairs(np.zeros((rows, 1), "float32"), np.ones((rows, 1), "float32")),
        },
        batch_size // 2,
        sample_weight={
            # Keras divides by all rows: twice the weight is the mean over the labelled half, beside
            # the mean of the domains' loss over both.
            "output": pairs(2 * weights[source], np.zeros(rows)),
            "domain": np.ones((rows, 2)),
        },
        seed=seed,
    )
    return _domains.unpaired(feed)


def classifier_of(model):
    """The part of a domain-adversarial model that predicts labels, compiled to be evaluated.

    Args:
        model: from `build_domain_adversarial`, whose layers it shares.

    Returns:
        Compiled `keras.Model`, (batch, *input_shape) -> (batch, outputs).

    Raises:
        ValueError: model has no layer "output".

    >>> classifier_of(build_domain_adversarial((8,), 3, units=(16,))).output_shape
    (None, 3)
    """
    head = _model_checks.part(_model_checks.model("model", model), "output")
    classifier = keras.Model(model.input, head.output, name="classifier")
    task = TASKS[head.activation.__name__]
    several = task == "binary" and head.output.shape[-1] > 1
    return _heads.compile_for(classifier, "multilabel" if several else task)


def _table_encoder(input_shape, units, options):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, _dense(inputs, units, options), name="encoder")


def _image_encoder(input_shape, filters, kernel_size, pooling, options):
    x = inputs = keras.Input(input_shape)
    for width in filters:
        convolution = layers.Conv2D(
            width, kernel_size, padding="same", use_bias=not options["batch_norm"]
        )
        halving = layers.MaxPooling2D(2, padding="same")
        x = _blocks.block(x, convolution, pooling=halving, **options)
    return keras.Model(inputs, POOLING[pooling]()(x), name="encoder")


def _dense(x, units, options):
    for width in units:
        weights = layers.Dense(width, use_bias=not options["batch_norm"])
        x = _blocks.block(x, weights, **options)
    return x
