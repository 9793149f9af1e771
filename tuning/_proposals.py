"""What to try next: Optuna's samplers and pruners over Keras Tuner's hyperparameters."""

import warnings

import keras_tuner
from keras_tuner.engine.hyperparameters import Boolean, Choice, Fixed, Int

from tuning import _checks, _study_checks
from tuning._ledger import quiet_optuna

SAMPLERS = ("tpe", "random", "grid", "cmaes", "gp")
SEVERAL = ("tpe", "random", "grid", "gp")  # that know of several objectives
PRUNERS = ("median", "halving", "none")

# Random trials before a model of the space, or a third of the budget where that is less. TPE needs
# none: it looks around the defaults, as a rule good ones, and far away (`benchmarks sampling`).
STARTUP = 10
# The learning rate comes first: the knob that matters most as a rule, and the cheapest to turn, as
# the compiled model stays. Upwards: trials are short, and where more is worse, TPE sees it.
RATES, FACTOR = ("learning_rate", "lr"), 3
# Trials to compare with before one is pruned, and epochs that every trial may train.
PRUNE_FROM, WARM_UP = 4, 2


def make_sampler(engine, seed, max_trials):
    """Optuna's sampler of that name."""
    optuna = quiet_optuna()
    startup = max(1, min(STARTUP, max_trials // 3))
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if engine == "tpe":
            # Knobs that exist only in some trials are modelled among those trials, in groups.
            return samplers.TPESampler(
                multivariate=True,
                group=True,
                constant_liar=True,
                n_startup_trials=1,
                seed=seed,
            )
        if engine == "cmaes":
            _checks.installed("cmaes", "engine='cmaes'")
            return samplers.CmaEsSampler(
                n_startup_trials=startup, seed=seed, warn_independent_sampling=False
            )
        if engine == "gp":
            _checks.installed("torch", "engine='gp'")
            return samplers.GPSampler(n_startup_trials=startup, seed=seed)
    return samplers.RandomSampler(seed=seed)


def make_pruner(name, epochs, by_folds=False):
    """Optuna's pruner of that name; folds say something from the first on, epochs do not."""
    pruners = quiet_optuna().pruners
    if name == "median":
        warm_up = 0 if by_folds else WARM_UP
        return pruners.MedianPruner(n_startup_trials=PRUNE_FROM, n_warmup_steps=warm_up)
    if name == "halving":
        first, factor = (1, 2) if by_folds else (max(WARM_UP, epochs // 9), 4)
        return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=factor)
    return pruners.NopPruner()


def defaults(space):
    """The values of the first trial."""
    return _fill(space, lambda hp: hp.default)


def begun(space, given, position):
    """The values of a start: those given, and the defaults of the others."""

    def value_of(hp):
        if hp.name not in given:
            return hp.default
        check_start(position, hp, given[hp.name])
        return given[hp.name]

    return {**given, **_fill(space, value_of)}


def check_start(position, hp, value):
    """Raise a ValueError where a knob cannot have the value with which the user would begin."""
    _study_checks.start_value(position, hp, value, _fits(hp, value))


def faster(space, values):
    """`values` with a larger learning rate, where that is searched by orders; at most one dict."""
    for hp in space.space:
        by_orders = getattr(hp, "sampling", None) == "log" and not hp.step
        if hp.name in RATES and hp.name in values and by_orders:
            return [{**values, hp.name: min(FACTOR * values[hp.name], hp.max_value)}]
    return []


def drawn(space, trial):
    """Values that `trial`, of Optuna, suggests: knob by knob, so that one may depend on another."""
    optuna = quiet_optuna()
    names = _names(space)

    def suggest(hp):
        name, kind = names[id(hp)], distribution(hp)
        if kind is None:
            return hp.value
        if isinstance(kind, optuna.distributions.IntDistribution):
            return trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log)
        if isinstance(kind, optuna.distributions.FloatDistribution):
            drawn = trial.suggest_float(name, kind.low, kind.high, step=kind.step, log=kind.log)
            return hp.prob_to_value(drawn) if _by_quantile(hp) else drawn
        return trial.suggest_categorical(name, kind.choices)

    return _fill(space, suggest)


def recorded(space, values):
    """`values` as Optuna keeps them: its names with values, and with distributions."""
    names, params, distributions = _names(space), {}, {}
    hps = keras_tuner.HyperParameters()
    for hp in space.space:
        hps.merge([hp])
        if hps.is_active(hp) and hp.name in values:
            hps.values[hp.name] = values[hp.name]
            kind = distribution(hp)
            if kind is not None:
                value = values[hp.name]
                value = float(hp.value_to_prob(value)) if _by_quantile(hp) else value
                params[names[id(hp)]], distributions[names[id(hp)]] = value, kind
    return params, distributions


def grid(space):
    """All combinations, one after another; a number without steps takes ten values."""
    yield from _extend(space.space, keras_tuner.HyperParameters())


def distribution(hp):
    """Optuna's distribution of a Keras Tuner hyperparameter; None for a constant."""
    kinds = quiet_optuna().distributions
    if isinstance(hp, Fixed):
        return None
    if isinstance(hp, Boolean):
        return kinds.CategoricalDistribution((False, True))
    if isinstance(hp, Choice):
        return kinds.CategoricalDistribution(tuple(hp.values))
    if hp.sampling == "log" and hp.step:
        return kinds.CategoricalDistribution(tuple(hp.values))
    if _by_quantile(hp):
        return kinds.FloatDistribution(0.0, 1.0)
    log = hp.sampling == "log"
    if isinstance(hp, Int):
        return kinds.IntDistribution(hp.min_value, hp.max_value, log=log, step=hp.step or 1)
    return kinds.FloatDistribution(hp.min_value, hp.max_value, log=log, step=hp.step)


def _fits(hp, value):
    kind = distribution(hp)
    if kind is None:
        return value == hp.value
    if hasattr(kind, "choices"):
        kinds = {(type(value), type(one)) for one in kind.choices if value == one}
        return any(given is own or (given, own) == (int, float) for given, own in kinds)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    steps = (value - hp.min_value) / (hp.step or 1)
    whole = hp.sampling == "linear" and (hp.step or isinstance(hp, Int))
    on_grid = not whole or abs(steps - round(steps)) < 1e-8
    return hp.min_value <= value <= hp.max_value and on_grid


def _by_quantile(hp):
    """Keras Tuner's reverse logarithm has no counterpart: its quantile is drawn."""
    return getattr(hp, "sampling", None) == "reverse_log"


def _fill(space, value_of):
    """A value for every knob that is active, in order."""
    hps = keras_tuner.HyperParameters()
    for hp in space.space:
        hps.merge([hp])
        if hps.is_active(hp):
            hps.values[hp.name] = value_of(hp)
    return hps.values


def _extend(knobs, hps):
    """Every way to go on from the values that `hps` has."""
    if not knobs:
        yield dict(hps.values)
        return
    hp, *rest = knobs
    known = hps.copy()
    known.merge([hp])
    if not known.is_active(hp):
        yield from _extend(rest, known)
        return
    for value in hp.values:
        branch = known.copy()
        branch.values = {**hps.values, hp.name: value}
        yield from _extend(rest, branch)


def _names(space):
    """id of a knob -> its name for Optuna, where one name has one range."""
    counts: dict[str, int] = {}
    names = {}
    for hp in space.space:
        counts[hp.name] = counts.get(hp.name, 0) + 1
        again = counts[hp.name]
        names[id(hp)] = hp.name if again == 1 else f"{hp.name} ({again})"
    return names
