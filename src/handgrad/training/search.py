"""Random search for hyper-parameters: options drawn at random, trained, judged on held-out data.

Random points find good options sooner than a grid of as many: usually few of the options matter,
and every trial has a new value of each, where a grid has the same few values again and again.

Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from handgrad.checks import (
    DtypeError,
    InvalidValueError,
    NonFiniteError,
    check_choice,
    check_count,
    check_kind,
    check_number,
)
from handgrad.training.callbacks import Callback
from handgrad.training.history import History

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer

MIN_TRIALS = 4  # a median of fewer says little


class Distribution:
    """The base of what options are drawn from."""

    def sample(self, rng: np.random.Generator) -> Any:
        """One value."""
        raise NotImplementedError


class Uniform(Distribution):
    """Every number between `low` and `high` is equally likely: for a dropout rate, say.

    >>> 0.2 <= Uniform(0.2, 0.5).sample(np.random.default_rng(0)) < 0.5
    True
    """

    def __init__(self, low: float, high: float) -> None:
        check_number(low, who="Uniform", which="low")
        check_number(high, who="Uniform", which="high", low=low, open_low=True)
        self.low, self.high = float(low), float(high)

    def sample(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(self.low, self.high))


class LogUniform(Distribution):
    """Every power of ten between `low` and `high` is equally likely: for rates and strengths.

        (1)  value = exp(u),   u uniform between log low and log high

    Drawn uniformly, nine of ten learning rates from (10⁻⁶, 1) would be above 0.1.

    >>> 1e-6 <= LogUniform(1e-6, 1e-2).sample(np.random.default_rng(0)) < 1e-2
    True
    """

    def __init__(self, low: float, high: float) -> None:
        check_number(low, who="LogUniform", which="low", low=0, open_low=True)
        check_number(high, who="LogUniform", which="high", low=low, open_low=True)
        self.low, self.high = float(low), float(high)

    def sample(self, rng: np.random.Generator) -> float:
        u = rng.uniform(math.log(self.low), math.log(self.high))
        return math.exp(u)  # (1)


class Choice(Distribution):
    """One of `values`, each equally likely: for widths, optimizers, batch sizes.

    >>> Choice([50, 100]).sample(np.random.default_rng(0)) in (50, 100)
    True
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)
        if not self.values:
            raise InvalidValueError("Choice: values must have at least one entry, but is empty.")

    def sample(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True)
class Trial:
    """What a trial is given.

    Attributes:
        number: 1, 2, ….
        options: {name: value}, as drawn.
        seed: for the network and the Trainer of this trial.
        callbacks: to hand on to `fit`; empty, unless hopeless trials are to be stopped.
    """

    number: int
    options: dict[str, Any]
    seed: int
    callbacks: tuple[Callback, ...] = ()


@dataclass(frozen=True)
class TrialResult:
    """What became of a trial.

    Attributes:
        trial: what it was given.
        history: what its training measured; empty if it failed.
        score: the metric after its last epoch; NaN if it failed.
        note: "" for a trial that ran to its end, or why it did not.
    """

    trial: Trial
    history: History
    score: float
    note: str = ""


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search, the best first; `print` shows them as a table.

    Attributes:
        metric: the column that they are ranked by.
        results: one for each trial; failed ones are at the end.
    """

    metric: str
    results: tuple[TrialResult, ...]

    @property
    def best(self) -> TrialResult:
        """The best trial.

        Raises:
            InvalidValueError: every trial failed.
        """
        first = self.results[0]
        if math.isnan(first.score):
            raise InvalidValueError(
                f"random_search: a trial must have a {self.metric}, but all {len(self.results)} "
                f"failed; the first: {first.note}"
            )
        return first

    def __str__(self) -> str:
        names = list(self.results[0].trial.options)
        rows = [["trial", self.metric, *names, ""]]
        for result in self.results:
            values = [short(result.trial.options[name]) for name in names]
            rows.append([str(result.trial.number), short(result.score), *values, result.note])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join([*map(str.rjust, row[:-1], widths), row[-1]]).rstrip() for row in rows]
        return "\n".join(lines)


def random_search(
    train: Callable[[Trial], History],
    space: Mapping[str, Distribution],
    *,
    trials: int,
    metric: str = "validation_accuracy",
    mode: str | None = None,
    stop_from: int | None = None,
    seed: int = 0,
) -> SearchResult:
    """Draw options, train with them, and rank the trials by what validation says.

    Args:
        train: takes a Trial, trains with its options and returns the history. What it measures
            must be held-out *training* data: data that chose anything tells nothing afterwards.
        space: {name: distribution} of the options.
        trials: how many to make. Trial number n draws the same options however many follow it.
        metric: the history's column to rank by.
        mode: "min" or "max": what is better. By default "min" for losses and errors, else "max".
        stop_from: from this epoch on, stop a trial that is worse than the median of the earlier
            trials was at the same epoch (once there are four). `train` must then hand
            `trial.callbacks` to `fit`. By default every trial runs to its end.
        seed: everything that is drawn follows from it.

    A trial whose numbers overflow (NonFiniteError) is ranked last; the others go on.

    Raises:
        DtypeError, InvalidValueError: arguments that do not fit; `train` returns no history, or
            one without the metric.

    The median rule: Golovin et al., "Google Vizier", KDD 2017, section 3.2.2, simplified.

    >>> def train(trial):  # in place of a training
    ...     return History([{"epoch": 1, "validation_loss": abs(trial.options["rate"] - 0.1)}])
    >>> space = {"rate": LogUniform(1e-3, 1)}
    >>> result = random_search(train, space, trials=50, metric="validation_loss")
    >>> round(result.best.trial.options["rate"], 1)
    0.1
    """
    who = "random_search"
    check_count(trials, who=who, which="trials")
    check_count(seed, who=who, which="seed", low=0)
    if stop_from is not None:
        check_count(stop_from, who=who, which="stop_from")
    if mode is None:
        mode = "min" if metric.endswith(("loss", "error")) else "max"
    check_choice(mode, ("min", "max"), who=who, which="mode")
    check_space(space)
    sign = 1.0 if mode == "max" else -1.0
    results: list[TrialResult] = []
    for number in range(1, trials + 1):
        rng = np.random.default_rng((seed, number))
        trial_seed = int(rng.integers(1_000_000_000))
        options = {name: distribution.sample(rng) for name, distribution in space.items()}
        histories = [result.history for result in results]
        watch: tuple[Callback, ...] = ()
        if stop_from is not None:
            watch = (MedianStop(metric, sign, stop_from, histories),)
        results.append(run_trial(train, Trial(number, options, trial_seed, watch), metric))

    def place(result: TrialResult) -> float:
        return math.inf if math.isnan(result.score) else -sign * result.score

    return SearchResult(metric, tuple(sorted(results, key=place)))


def check_space(space: Mapping[str, Distribution]) -> None:
    """Refuse what is no mapping from names to distributions, or is empty."""
    named = isinstance(space, Mapping)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not named or not space:
        raise DtypeError(
            "random_search: space must be {name: distribution} with at least one name, "
            f"but is {space!r:.100}."
        )
    for name, distribution in space.items():
        cure = "Put what is fixed into train, or use Choice([value])."
        which = f"space[{name!r}]"
        check_kind(distribution, Distribution, who="random_search", which=which, cure=cure)


def run_trial(train: Callable[[Trial], History], trial: Trial, metric: str) -> TrialResult:
    """One trial: its score, or why it has none."""
    try:
        history = train(trial)
    except NonFiniteError as error:
        return TrialResult(trial, History(), math.nan, f"failed: {error}")
    check_kind(history, History, who="random_search", which="what train returns")
    score = float(history[metric][-1])
    stopped = [each.stopped for each in trial.callbacks if isinstance(each, MedianStop)]
    return TrialResult(trial, history, score, "".join(stopped))


class MedianStop(Callback):
    """Stop a trial that is worse than the median of the earlier ones at the same epoch."""

    def __init__(self, metric: str, sign: float, start: int, earlier: Sequence[History]) -> None:
        self.metric, self.sign, self.start = metric, sign, start
        self.earlier = earlier
        self.stopped = ""

    def on_epoch(self, trainer: "Trainer") -> None:
        row = trainer.history.last
        epoch = cast("int", row["epoch"])
        others = [h[self.metric][epoch - 1] for h in self.earlier if len(h) >= epoch]
        if epoch < self.start or len(others) < MIN_TRIALS:
            return
        median = float(np.median(others))
        if self.sign * (row[self.metric] - median) < 0:
            self.stopped = f"stopped after epoch {epoch}"
            trainer.stop(
                f"{self.metric} is worse than the median of the earlier trials, {median:g}"
            )


def short(value: Any) -> str:
    """A value as a table shows it.

    >>> short(0.000123456), short(64), short("adam")
    ('0.0001235', '64', 'adam')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
