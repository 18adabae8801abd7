"""Where a run is, and the running means of its epoch: small values that resume needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Position:
    """Where a run is.

    Attributes:
        epoch: epochs done, over all calls of `fit`.
        first_epoch: the value of `epoch` when this call of `fit` began.
        epochs: how many epochs this call makes.
        step: steps done in the epoch under way.
        rows: examples of one epoch.
        batch_size: examples of one step.
    """

    epoch: int = 0
    first_epoch: int = 0
    epochs: int = 0
    step: int = 0
    rows: int = 0
    batch_size: int = 1

    def start(self, epochs: int, rows: int, batch_size: int) -> "Position":
        """The position at the start of a call of `fit`."""
        return Position(self.epoch, self.epoch, epochs, 0, rows, batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of a whole epoch; the last one may have fewer examples."""
        return -(-self.rows // self.batch_size)

    @property
    def last_epoch(self) -> int:
        """The value of `epoch` when this call of `fit` is done."""
        return self.first_epoch + self.epochs

    def fraction(self, *, ahead: int = 0) -> float:
        """Epochs of this call done so far, with the part of the one under way, `ahead` steps on."""
        return self.epoch - self.first_epoch + (self.step + ahead) / self.steps_per_epoch

    def state(self) -> dict[str, int]:
        """This position as plain values."""
        return asdict(self)

    def restore(self, state: Mapping[str, int]) -> None:
        """Take back what `state` returned."""
        for name, value in state.items():
            setattr(self, name, value)


@dataclass
class Running:
    """Means over the rows of the epoch under way.

    Attributes:
        rows: examples seen.
        sums: each quantity's sum over the rows.
        scale: what the schedule last made of the learning rate.
        seconds: time spent in steps.
    """

    rows: int = 0
    sums: dict[str, float] = field(default_factory=dict[str, float])
    scale: float = 1.0
    seconds: float = 0.0

    def add(self, rows: int, values: Mapping[str, float], scale: float) -> None:
        """Count one batch's means."""
        self.rows += rows
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + rows * value
        self.scale = scale

    def means(self) -> dict[str, float]:
        """The means so far."""
        return {name: total / self.rows for name, total in self.sums.items()}

    def state(self) -> dict[str, Any]:
        """These values as plain ones."""
        return asdict(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned."""
        self.rows, self.scale, self.seconds = state["rows"], state["scale"], state["seconds"]
        self.sums = dict(state["sums"])
