"""Schedules: what happens to the learning rate during training.

`factor(epoch, epochs)` says by what the base learning rate is multiplied when `epoch` epochs
(with a fraction) of `epochs` are done: t and T in the equations. Schedules change the learning
rate alone, never the momentum.
"""

import math
from collections.abc import Mapping
from typing import Any

from handgrad.checks import (
    DtypeError,
    InvalidValueError,
    check_choice,
    check_count,
    check_number,
)


class Schedule:
    """The base of schedules."""

    def factor(self, epoch: float, epochs: float) -> float:
        """The factor of the learning rate at `epoch` (0 ≤ epoch < epochs, fractions count)."""
        raise NotImplementedError

    def observe(self, row: Mapping[str, Any]) -> None:
        """See the history's row after each epoch; only schedules that react to it need this."""

    def state(self) -> dict[str, Any]:
        """What to remember when training is to go on later: plain values."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""


class Constant(Schedule):
    """The same learning rate throughout."""

    def factor(self, epoch: float, epochs: float) -> float:
        return 1.0


class Step(Schedule):
    """Multiply the rate by `factor` after every `every` epochs.

        (1)  factor^⌊t / every⌋

    Args:
        every: how many epochs a rate lasts.
        factor: by what the next one is smaller, in (0, 1].

    >>> [Step(10, 0.1).factor(epoch, 30) for epoch in (0, 9.9, 10)]
    [1.0, 1.0, 0.1]
    """

    def __init__(self, every: int, factor: float = 0.1) -> None:
        check_count(every, who="Step", which="every")
        check_share(factor, who="Step", which="factor", open_low=True)
        self.every = every
        self.multiplier = float(factor)

    def factor(self, epoch: float, epochs: float) -> float:
        return self.multiplier ** math.floor(epoch / self.every)  # (1)


class Exponential(Schedule):
    """Multiply the rate by `factor` in every epoch, a little in every step.

        (1)  factor^t

    Args:
        factor: by what the rate is multiplied within an epoch, in (0, 1].

    >>> Exponential(0.9).factor(2, 10)
    0.81
    """

    def __init__(self, factor: float) -> None:
        check_share(factor, who="Exponential", which="factor", open_low=True)
        self.multiplier = float(factor)

    def factor(self, epoch: float, epochs: float) -> float:
        return self.multiplier**epoch  # (1)


class Cosine(Schedule):
    """Fall along half a cosine: slowly, fast, slowly.

        (1)  final + (1 − final) (1 + cos(π t / T)) / 2

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts",
    arXiv:1608.03983 (without the restarts).

    Args:
        final: the factor at the end, in [0, 1].

    >>> Cosine().factor(5, 10)
    0.5
    """

    def __init__(self, final: float = 0.0) -> None:
        check_share(final, who="Cosine", which="final")
        self.final = float(final)

    def factor(self, epoch: float, epochs: float) -> float:
        return between(1.0, self.final, epoch / epochs)  # (1)


class Warmup(Schedule):
    """Rise in a straight line, then do as another schedule does with the rest of the epochs.

        (1)  start + (1 − start) t / epochs        while t < epochs
        (2)  then, for t − epochs of T − epochs    after that

    Goyal et al., "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2.

    Args:
        epochs: how long the rise takes; half an epoch is fine.
        then: what follows; the full rate by default.
        start: the factor of the first step, in [0, 1]. Not 0, so that this step is not lost.

    >>> schedule = Warmup(2, then=Cosine(), start=0.0)
    >>> [schedule.factor(epoch, 10) for epoch in (0, 1, 2, 6)]
    [0.0, 0.5, 1.0, 0.5]
    """

    def __init__(self, epochs: float, then: Schedule | None = None, *, start: float = 0.01) -> None:
        check_number(epochs, who="Warmup", which="epochs", low=0, open_low=True)
        check_share(start, who="Warmup", which="start")
        if then is not None and not isinstance(then, Schedule):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise DtypeError(
                f"Warmup: then must be a schedule, but is {then!r} ({type(then).__name__})."
            )
        self.epochs = float(epochs)
        self.then = then if then is not None else Constant()
        self.start = float(start)

    def factor(self, epoch: float, epochs: float) -> float:
        if epoch < self.epochs:
            return self.start + (1 - self.start) * epoch / self.epochs  # (1)
        return self.then.factor(epoch - self.epochs, epochs - self.epochs)  # (2)

    def observe(self, row: Mapping[str, Any]) -> None:
        self.then.observe(row)

    def state(self) -> dict[str, Any]:
        return {"then": self.then.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.then.restore(state["then"])


class OneCycle(Schedule):
    """Rise to the full rate and fall to almost nothing, both along half a cosine.

        (1)  from start to 1 while t < warmup T
        (2)  from 1 to final in the rest

    The optimizer's learning rate is the *highest* of the cycle, so it can be larger than usual.
    Smith also moves the momentum the other way; this does not.

    Smith and Topin, "Super-Convergence", arXiv:1708.07120; with cosines, as in PyTorch and fastai.

    Args:
        warmup: the share of the epochs that the rise takes, in (0, 1).
        start: the factor of the first step, in [0, 1].
        final: the factor at the end, in [0, 1].

    >>> schedule = OneCycle(warmup=0.5, start=0.0, final=0.0)
    >>> [schedule.factor(epoch, 8) for epoch in (0, 2, 4, 6)]
    [0.0, 0.5, 1.0, 0.5]
    """

    def __init__(self, warmup: float = 0.3, *, start: float = 0.04, final: float = 4e-6) -> None:
        check_share(warmup, who="OneCycle", which="warmup", open_low=True, open_high=True)
        check_share(start, who="OneCycle", which="start")
        check_share(final, who="OneCycle", which="final")
        self.warmup = float(warmup)
        self.start = float(start)
        self.final = float(final)

    def factor(self, epoch: float, epochs: float) -> float:
        done = epoch / epochs
        if done < self.warmup:
            return between(self.start, 1.0, done / self.warmup)  # (1)
        return between(1.0, self.final, (done - self.warmup) / (1 - self.warmup))  # (2)


class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor` when a column of the history has stopped getting better.

    Args:
        metric: the column, "validation_loss" for example.
        factor: by what the rate is multiplied, in (0, 1).
        patience: after how many epochs without a better value; then the count begins again.
        mode: "min" or "max": what is better. By default "min" for losses and errors, else "max".
        min_delta: how much better counts as better.
        min_factor: the rate is never made smaller than this share of the base rate.

    >>> schedule = ReduceOnPlateau("loss", factor=0.5, patience=1)
    >>> for loss in (2.0, 1.0, 1.0):
    ...     schedule.observe({"loss": loss})
    >>> schedule.factor(3, 10)
    0.5
    """

    def __init__(
        self,
        metric: str = "validation_loss",
        *,
        factor: float = 0.1,
        patience: int = 3,
        mode: str | None = None,
        min_delta: float = 0.0,
        min_factor: float = 0.0,
    ) -> None:
        who = "ReduceOnPlateau"
        if mode is None:
            mode = "min" if metric.endswith(("loss", "error")) else "max"
        check_choice(mode, ("min", "max"), who=who, which="mode")
        check_share(factor, who=who, which="factor", open_low=True, open_high=True)
        check_count(patience, who=who, which="patience")
        check_number(min_delta, who=who, which="min_delta", low=0)
        check_share(min_factor, who=who, which="min_factor")
        self.metric = metric
        self.multiplier = float(factor)
        self.patience = patience
        self.mode = mode
        self.min_delta = float(min_delta)
        self.min_factor = float(min_factor)
        self.current = 1.0
        self.best = math.inf if mode == "min" else -math.inf
        self.waited = 0

    def factor(self, epoch: float, epochs: float) -> float:
        return self.current

    def observe(self, row: Mapping[str, Any]) -> None:
        if self.metric not in row:
            raise InvalidValueError(
                f"ReduceOnPlateau: the history has no {self.metric!r}; it has {', '.join(row)}. "
                "Validation columns need validation_data."
            )
        value = float(row[self.metric])
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta:
            self.best, self.waited = value, 0
            return
        self.waited += 1  # also for NaN, which is never better
        if self.waited >= self.patience:
            self.current = max(self.current * self.multiplier, self.min_factor)
            self.waited = 0

    def state(self) -> dict[str, Any]:
        return {"current": self.current, "best": self.best, "waited": self.waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.current, self.best = state["current"], state["best"]
        self.waited = state["waited"]


def between(first: float, last: float, done: float) -> float:
    """From `first` to `last` along half a cosine, as `done` goes from 0 to 1."""
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2


def check_share(
    value: float, *, who: str, which: str, open_low: bool = False, open_high: bool = False
) -> None:
    """Refuse what is not a number from 0 to 1."""
    check_number(value, who=who, which=which, low=0, high=1, open_low=open_low, open_high=open_high)
