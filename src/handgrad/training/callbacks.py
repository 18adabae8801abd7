"""Callbacks: what happens during training besides the training itself."""

import math
from typing import TYPE_CHECKING, Any

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    check_choice,
    check_count,
    check_number,
)

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer


class Callback:
    """Called by the Trainer at the start, after each step and epoch, and at the end.

    Override what you need; each call gets the trainer, whose `position`, `history`, `running` and
    `network` tell everything. What a callback must remember to go on after a resume goes into
    `state`, which is saved and given back. Callbacks are told in their order: one that writes
    `trainer.state()` down comes last, so that the others have already seen the epoch.

    Attributes:
        each_step: whether `on_step` must see every single step. With False it is called at least
            every hundredth of a second or so: steps of small networks are faster many at once.
    """

    each_step = True

    def on_start(self, trainer: "Trainer") -> None:
        """Training starts (or goes on)."""

    def on_step(self, trainer: "Trainer") -> None:
        """One step is done; `trainer.running` has the epoch's means so far."""

    def on_epoch(self, trainer: "Trainer") -> None:
        """One epoch is done; `trainer.history.last` is its row."""

    def on_end(self, trainer: "Trainer") -> None:
        """Training ended: all epochs done, stopped, interrupted or failed."""

    def state(self) -> dict[str, Any]:
        """What to remember: arrays and plain values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""


class Watch(Callback):
    """The base of callbacks that watch one column of the history for its best value.

    A trainer's first epoch starts it afresh, so that it can serve one trainer after another; a
    second `fit` of one trainer goes on.

    Args:
        metric: the column, "validation_loss" for example.
        mode: "min" or "max": what is better. By default "min" for losses and errors, else "max".
        min_delta: how much better counts as better.
    """

    def __init__(self, metric: str, *, mode: str | None = None, min_delta: float = 0.0) -> None:
        who = type(self).__name__
        if not isinstance(metric, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise DtypeError(f"{who}: metric must be a column's name, but is {metric!r:.100}.")
        if mode is None:
            mode = "min" if metric.endswith(("loss", "error")) else "max"
        check_choice(mode, ("min", "max"), who=who, which="mode")
        check_number(min_delta, who=who, which="min_delta", low=0)
        self.metric = metric
        self.mode = mode
        self.min_delta = min_delta
        self.forget()

    def forget(self) -> None:
        """Be as new."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.best_epoch = 0

    def on_start(self, trainer: "Trainer") -> None:
        if trainer.position.epoch == 0:
            self.forget()

    def improved(self, trainer: "Trainer") -> bool:
        """Whether the newest row is the best so far (which it then is remembered as)."""
        row = trainer.history.last
        if self.metric not in row:
            raise InvalidValueError(
                f"{type(self).__name__}: the history has no {self.metric!r}; "
                f"it has {', '.join(row)}. Validation columns need validation_data."
            )
        value = float(row[self.metric])
        gain = self.best - value if self.mode == "min" else value - self.best
        if not gain > self.min_delta:
            return False
        self.best, self.best_epoch = value, int(row["epoch"])
        return True

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(Watch):
    """Stop when `metric` has not improved for `patience` epochs."""

    def __init__(
        self,
        metric: str = "validation_loss",
        *,
        patience: int = 5,
        mode: str | None = None,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(metric, mode=mode, min_delta=min_delta)
        check_count(patience, who="EarlyStopping", which="patience")
        self.patience = patience

    def forget(self) -> None:
        super().forget()
        self.waited = 0

    def on_epoch(self, trainer: "Trainer") -> None:
        self.waited = 0 if self.improved(trainer) else self.waited + 1
        if self.waited >= self.patience:
            trainer.stop(f"{self.metric} has not improved for {self.patience} epochs")

    def state(self) -> dict[str, Any]:
        return {**super().state(), "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.waited = state["waited"]


class BestSoFar(Watch):
    """Keep a copy of the parameters and state of the best epoch, and put them back at the end."""

    def __init__(
        self, metric: str = "validation_loss", *, mode: str | None = None, min_delta: float = 0.0
    ) -> None:
        super().__init__(metric, mode=mode, min_delta=min_delta)

    def forget(self) -> None:
        super().forget()
        self.arrays: dict[str, Array] = {}

    def on_epoch(self, trainer: "Trainer") -> None:
        if self.improved(trainer):
            network = trainer.network
            self.arrays = {
                name: array.copy() for name, array in {**network.params, **network.state}.items()
            }

    def on_end(self, trainer: "Trainer") -> None:
        network = trainer.network
        for name, array in self.arrays.items():
            (network.params if name in network.params else network.state)[name] = array

    def state(self) -> dict[str, Any]:
        return {**super().state(), "arrays": dict(self.arrays)}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.arrays = dict(state["arrays"])
