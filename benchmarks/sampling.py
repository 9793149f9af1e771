"""What comes before TPE: searches on a model of trials that were trained.

Random trials of the tasks of `target` are trained to the end. A Gaussian process learns what their
knobs make of the score, and how much of it is chance; a trial of a simulated search then costs no
training: it gets the score that the process draws, the curve of the recorded trial next to it, and
the CPU seconds of that. A search ends when it is as good as the best of every twelfth (or fiftieth)
random trial. "worse" begins with one of the worse 40% of the recorded trials instead of the
builder's defaults, as a bad default would. "search" is as `tuning.search` has it: the second
trial is the first with three times its learning rate. It is counted with a new model's tracing,
which it spares in a search.

    python -m benchmarks sampling [trials] [task, such as MLP] [searches]
"""

import functools
import warnings

import keras_tuner
import numpy as np
import optuna
from keras_tuner.engine.hyperparameters import Choice
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict

from benchmarks import _measure
from benchmarks.pruning import curves, spread, train
from benchmarks.target import TASKS
from tuning import _proposals

MOST = 60  # trials of a simulated search
TWELFTH, FIFTIETH = ("every twelfth", 1 / 12), ("every fiftieth", 1 / 50)
SETTINGS = ((TWELFTH, False), (FIFTIETH, False), (TWELFTH, True))  # target, begins with a worse one


class Simulated:
    """Trials of a task that are not trained."""

    def __init__(self, task, trials):
        self.space = keras_tuner.HyperParameters()
        task.model.declare_hyperparameters(self.space)
        self.epochs = task.epochs
        self.recorded = [curve for curve in curves(task, trials) if np.isfinite(curve.best)]
        self.features = np.array([self.numbers(curve.values) for curve in self.recorded])
        self.scores = np.log([curve.best for curve in self.recorded])
        smooth = ConstantKernel() * Matern(np.ones(self.features.shape[1]), nu=2.5)
        self.process = GaussianProcessRegressor(
            smooth + WhiteKernel(), normalize_y=True, n_restarts_optimizer=3, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # knobs without influence reach the end of their range
            guessed = cross_val_predict(self.process, self.features, self.scores, cv=5)
            self.process.fit(self.features, self.scores)
        self.known = r2_score(self.scores, guessed)
        self.chance = np.sqrt(self.process.kernel_.k2.noise_level) * self.scores.std()

    def numbers(self, values):
        """The knobs in [0, 1], 0 where one is not in use; one number for each unordered choice."""
        used = self.space.copy()
        used.values = values
        found = []
        for hp in used.space:
            value = values.get(hp.name) if used.is_active(hp) else None
            if isinstance(hp, Choice) and not hp.ordered:
                found += [float(value == one) for one in hp.values]
            else:
                found.append(0.0 if value is None else hp.value_to_prob(value))
        return found

    def trial(self, values, random):
        """The `Curve` of a trial with these knobs."""
        place = np.array(self.numbers(values))
        score = self.process.predict(place[None])[0] + self.chance * random.normal()
        near = self.recorded[((self.features - place) ** 2).sum(1).argmin()]
        return near._replace(
            scores=list(np.array(near.scores) * np.exp(score) / near.best), values=values
        )

    def target(self, share, random, many=400):
        """The score that a share of the random trials reaches."""
        knobs = [
            {hp.name: hp.random_sample(random.random()) for hp in self.space.space}
            for _ in range(many)
        ]
        return np.quantile([self.trial(values, random).best for values in knobs], share)

    def search(self, sampler, known, target, seed):
        """(CPU seconds, trials) until the target; infinite where it is not reached.

        `known` are the values of the first trials.
        """
        random = np.random.default_rng(seed)
        study = optuna.create_study(pruner=_proposals.make_pruner("median", self.epochs))
        for values in known:
            study.enqueue_trial(_proposals.recorded(self.space, values)[0])
        seconds = 0.0
        for number in range(MOST):
            study.sampler = sampler(seed=1000 * seed + number)  # one for each trial, as in `search`
            asked = study.ask()
            curve = self.trial(_proposals.drawn(self.space, asked), random)
            taken, reached = train(study, asked, curve, target)
            seconds += taken
            if reached:
                return seconds, number + 1
        return np.inf, MOST

    def worse(self, seed):
        """The knobs of one of the worse 40% of the recorded trials."""
        order = np.argsort(self.scores)[int(0.6 * len(self.scores)) :]
        return self.recorded[np.random.default_rng(seed).choice(order)].values


def samplers():
    """name -> (function of a seed, what makes the trials between the first and its own)."""
    tpe = functools.partial(
        optuna.samplers.TPESampler, multivariate=True, group=True, constant_liar=True
    )
    made: dict = {"random": (optuna.samplers.RandomSampler, _none)}
    for startup in (1, 3, 5, 10):
        sampler = functools.partial(tpe, n_startup_trials=startup)
        made[f"TPE from trial {startup} on"] = sampler, _none
    at_once = functools.partial(tpe, n_startup_trials=1)
    made["search: three times the learning rate, then TPE"] = at_once, _proposals.faster
    return made


def _none(space, values):
    return []


def compared(simulated, share, worse, searches):
    """sampler -> (CPU seconds, trials) of each search."""
    target = simulated.target(share, np.random.default_rng(0))
    starts = [
        simulated.worse(seed) if worse else simulated.recorded[0].values for seed in range(searches)
    ]
    return {
        name: [
            simulated.search(sampler, [at, *between(simulated.space, at)], target, seed)
            for seed, at in enumerate(starts)
        ]
        for name, (sampler, between) in samplers().items()
    }


def main(trials=100, task="", searches=40):
    _measure.versions()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    rows = []
    for name, one in TASKS.items():
        if task not in name:
            continue
        simulated = Simulated(one, int(trials))
        print(
            f"{name}: R2 of the process {simulated.known:.2f}, chance {simulated.chance:.2f}",
            flush=True,
        )
        for (target, share), worse in SETTINGS:
            for sampler, taken in compared(simulated, share, worse, int(searches)).items():
                seconds, needed = np.array(taken).T
                begins = "worse" if worse else "defaults"
                rows.append(
                    (name, target, begins, sampler, spread(seconds), f"{np.median(needed):.0f}")
                )
                print(rows[-1], flush=True)
    _measure.table(("task", "target", "begins with", "sampler", "CPU seconds", "trials"), rows)
    return 0
