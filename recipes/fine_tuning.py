"""A pretrained network learns the task at hand: `fine_tune`, first its head, then all of it.

    model = build_pretrained((160, 160, 3), 5, backbone="MobileNetV2")
    result = fine_tune(model, images, labels, validation=0.2)

`plan` in `_unfreezing.py` says which layers learn when and how fast; `_fine_tuning_state.py` keeps
what a killed run needs to go on.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from recipes import _checks, _layer_rates, _model_checks, _unfreezing
from recipes._descriptions import checksum, config_of, described
from recipes._fine_tuning_data import feeds, known, length
from recipes._fine_tuning_state import State
from recipes._recipe import seeded
from recipes.feeding import batches, epochs_for, one_pass
from recipes.schedules import OneCycle, WarmupCosine

# The epochs that nobody chose make about so many steps, within bounds: benchmarks/fine_tuning.py.
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 500, 12, 30

SCHEDULES: dict[str, Callable[..., Any]] = {
    "one_cycle": OneCycle,
    "warmup_cosine": WarmupCosine,
    "constant": lambda peak, steps: peak,
}


@dataclasses.dataclass(frozen=True, repr=False)
class FineTuning:
    """What `fine_tune` returns.

    Attributes:
        history: one value an epoch for each name, over all stages, as `fit` would have it;
            "learning_rate" is that of the head at the epoch's end.
        stages: (name, epochs) of each stage, in order.
        best_epoch: epoch, counted from 1, whose weights the model has; None without validation.
        monitor: the value by which it is the best.

    >>> FineTuning({"loss": [0.9, 0.5], "val_loss": [0.8, 0.6]}, (("head", 1), ("all", 1)), 2)
    FineTuning: head 1 epoch, all 1 epoch; best val_loss 0.6 in epoch 2
    """

    history: dict[str, list]
    stages: tuple[tuple[str, int], ...]
    best_epoch: int | None
    monitor: str = "val_loss"

    def __repr__(self):
        said = ", ".join(f"{name} {n} epoch{'s' * (n != 1)}" for name, n in self.stages)
        if self.best_epoch is None:
            return f"FineTuning: {said}; last loss {self.history['loss'][-1]:.4g}"
        value = self.history[self.monitor][self.best_epoch - 1]
        return f"FineTuning: {said}; best {self.monitor} {value:.4g} in epoch {self.best_epoch}"

    def plot(self, metric="loss", ax=None):
        """One metric over all epochs, as `plot_history`, with a line where a stage begins."""
        from recipes.plots import GREY, plot_history

        ax = plot_history(self.history, metric, ax=ax)
        first = 1
        for name, epochs in self.stages:
            if first > 1:
                ax.axvline(first - 0.5, color=GREY, lw=1, ls=":")
            ax.annotate(name, (first, 1), xycoords=ax.get_xaxis_transform(), fontsize=8, va="top")
            first += epochs
        return ax


def fine_tune(
    model,
    x,
    y=None,
    *,
    sample_weight=None,
    validation=None,
    head_epochs=30,
    epochs=None,
    unfreeze="all",
    gradual=False,
    batch_size=16,
    learning_rate=2e-4,
    layer_decay=0.7,
    schedule="one_cycle",
    cache=True,
    monitor="val_loss",
    callbacks=None,
    directory=None,
    overwrite=False,
    seed=None,
    verbose=0,
):
    """Train the head on the frozen backbone, then head and backbone together, gently.

    It changes the model's weights in place, as `fit` does. The head learns from features that are
    computed once; the backbone then follows with learning rates that fall from its top to its
    bottom. The model is left with the last stage's optimizer, and saves, loads and trains on.

    Args:
        model: a compiled model with a part "backbone": from `build_pretrained`, fresh or loaded.
        x: images (rows, height, width, channels); or what gives batches: `load_images(...)`,
            `batches(...)`, a `tf.data.Dataset` or a `keras.utils.PyDataset`.
        y: targets of x where x is an array: integers, one-hot rows, numbers, or names where the
            model keeps `class_names`.
        sample_weight: weight of each row, (rows,), where x is an array; or None.
        validation: None trains on all rows and ends with the last epoch's weights; a share in
            (0, 1) of the rows, (x, y), or what gives batches, brings the best epoch's back.
        head_epochs: passes for the head alone, with the optimizer that the model has; 0 skips them.
        epochs: passes for head and backbone; None makes about 500 steps of them, in 12 epochs or
            more and 30 or fewer; 0 leaves the backbone as it was.
        unfreeze: which layers of the backbone learn: "all", "last:N", a share in (0, 1] of its
            layers from the top, or the name of a layer, with which and all above it.
        gradual: unfreeze them in three stages from the top, which share `epochs`.
        batch_size: rows in a step, for arrays.
        learning_rate: highest rate of the head while the backbone learns, above 0. The default is
            for large networks and Adam; small encoders of one's own bear more, such as 0.001.
        layer_decay: factor in (0, 1] from each of six parts of the backbone to the one below it;
            its topmost part learns with `layer_decay` times the head's rate.
        schedule: "one_cycle" or "warmup_cosine" over the steps of a stage, or "constant".
        cache: compute the features once for the head, without augmentation. False feeds all
            batches through the backbone in each epoch.
        monitor: what is best: a value that each epoch reports, such as "val_accuracy".
        callbacks: callback, or list of callbacks, for the stages that train the backbone, or None.
        directory: folder for the state after every epoch: the same call again goes on where a
            killed one stopped, but for the orders of rows, which begin anew. None stores nothing.
        overwrite: begin anew where `directory` holds another run.
        seed: int for the order of the rows and the validation share, or None.
        verbose: as in `fit`: 0, 1 or 2.

    Returns:
        `FineTuning`: one `history` over all stages, `stages`, `best_epoch`, `plot()`.

    Raises:
        ValueError, TypeError: before the first step: no part "backbone", an unknown layer, labels
            that do not fit the head, rows of another shape, or a directory with another run.

    Source: Howard and Ruder, 2018, Universal Language Model Fine-tuning (gradual unfreezing,
    discriminative rates); Kumar et al., 2022 (the head first).

    >>> from recipes import build_pretrained
    >>> layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3)]
    >>> options = {"augmentation": None, "seed": 0}
    >>> model = build_pretrained((8, 8, 3), 2, backbone=keras.Sequential(layers), **options)
    >>> x, y = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 3)), np.arange(8) % 2
    >>> fine_tune(model, x, y, head_epochs=2, epochs=1, unfreeze="last:1").stages
    (('head', 2), ('last:1', 1))
    >>> len(model.trainable_weights)
    4
    """
    backbone = _model_checks.part(_model_checks.compiled("model", model), "backbone")
    _checks.count("head_epochs", head_epochs, minimum=0)
    if epochs is not None:
        _checks.count("epochs", epochs, minimum=0)
        received = "head_epochs=0, epochs=0"
        _checks.require(head_epochs + epochs > 0, "head_epochs or epochs", "be above 0", received)
    _checks.flag("gradual", gradual)
    _checks.flag("cache", cache)
    _checks.count("batch_size", batch_size)
    _checks.positive("learning_rate", learning_rate)
    _checks.text("monitor", monitor)
    _checks.one_of("schedule", schedule, SCHEDULES)
    seed = _checks.seed(seed)
    _unfreezing.check_decay(layer_decay, model.optimizer)
    callbacks = _callbacks(callbacks)
    train, held, made_of = feeds(model, x, y, sample_weight, validation, batch_size, seed)
    if epochs is None:
        epochs = epochs_for(STEPS, length(train), FEWEST_EPOCHS, MOST_EPOCHS)
    stages = _unfreezing.plan(
        backbone, unfreeze, gradual=gradual, head_epochs=head_epochs, epochs=epochs
    )
    if not callbacks:  # which may report more
        _check_monitor(monitor, model)
    watched = None if held is None and monitor.startswith("val_") else monitor
    told = None if directory is None else checksum([known(part) for part in made_of])
    said = {
        "stages": [[stage.name, stage.epochs] for stage in stages],
        "settings": [batch_size, learning_rate, layer_decay, schedule, cache, monitor, seed],
        "model": [model.count_params(), config_of(model, besides=("trainable",))],
        "loss": described(model.loss),
        "optimizer": _layer_rates.told(model.optimizer),
        "data": [length(train), held is not None, told],
    }
    state = State(model, directory, overwrite, said, watched)
    for number, stage in enumerate(stages):
        over = state.finished(number)
        if over and number + 1 < len(stages):
            continue
        _unfreezing.apply(backbone, stage.trained)
        if stage.name == "head" and cache and _unfreezing.has_plain_head(model):
            if not over:
                _train_head(model, stage, train, held, state, number, verbose)
            continue
        steps = stage.epochs * length(train)
        if stage.name == "head":
            optimizer = _layer_rates.plain(model.optimizer)
        else:
            rate = SCHEDULES[schedule](learning_rate, steps)
            rates = _unfreezing.rates(model, backbone, layer_decay)
            optimizer = _layer_rates.with_layer_rates(model.optimizer, rates, rate)
        _compile(model, model, optimizer)
        begun = state.begin(number, model)
        if not over:
            _fit(model, stage, begun, train, held, state, number, callbacks, verbose)
    names = tuple((stage.name, epochs) for stage, epochs in zip(stages, state.epochs, strict=True))
    return FineTuning(state.history, names, state.best_epoch, monitor)


def _callbacks(value):
    """A list of callbacks, from one, from several or from None."""
    if value is None:
        return []
    listed = list(value) if isinstance(value, (list, tuple)) else [value]
    for one in listed:
        if not isinstance(one, keras.callbacks.Callback):
            received = f"callbacks={_checks._show(value)}"
            raise TypeError(f"callbacks must be a list of keras callbacks. Received: {received}.")
    return listed


def _check_monitor(monitor, model):
    """A value that every epoch will report, where the metrics tell their names."""
    config = model._compile_config.config
    metrics = config["metrics"] or []
    told = not config["weighted_metrics"] and isinstance(metrics, (list, tuple))
    names = [one if isinstance(one, str) else getattr(one, "name", None) for one in metrics]
    if told and all(names):
        names = ["loss", *names]
        reports = [*names, *(f"val_{name}" for name in names), "learning_rate"]
        _model_checks.reported("monitor", monitor, reports)


def _fit(model, stage, begun, train, held, state, number, callbacks, verbose):
    model.fit(
        train,
        validation_data=held,
        epochs=stage.epochs,
        initial_epoch=begun,
        callbacks=[*callbacks, state.callback(number)],
        shuffle=False,
        verbose=verbose,
    )
    state.end(number)


def _train_head(model, stage, train, held, state, number, verbose):
    """The head alone, on features that are computed once; as `_fit`, but all in one piece."""
    with seeded(state.seed):  # of the copy's dropout
        features, head = _unfreezing.split(model)
    _compile(head, model, _layer_rates.plain(model.optimizer))
    data = {"x": _through(features, train, state.seed)}
    if held is not None:
        data["validation_data"] = _through(features, held, state.seed)
    head.fit(
        **data,
        epochs=stage.epochs,
        callbacks=[state.callback(number, head)],
        shuffle=False,
        verbose=verbose,
    )
    state.end(number, head)


def _through(features, feed, seed):
    """A feed of the features, targets and weights of one pass over another feed."""
    columns: list[list] = [[], [], []]
    for batch in one_pass(feed):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        # NumPy does not count bfloat16, which mixed precision gives, among its numbers.
        columns[0].append(features.predict_on_batch(np.asarray(x)).astype(keras.config.floatx()))
        columns[1].append(np.asarray(y))
        if weight is not None:
            columns[2].append(np.asarray(weight))
    size = len(columns[0][0])
    x, y, weight = (np.concatenate(column) if column else None for column in columns)
    return batches(x, y, size, sample_weight=weight, seed=seed)


def _compile(target, model, optimizer):
    """Compile `target` as `model` is, with another optimizer.

    The loss and the metrics are the model's own: to be made anew they would have to be registered.
    """
    target.compile(**{**model._compile_config.config, "optimizer": optimizer})
