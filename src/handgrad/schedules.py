"""Schedules: what happens to the learning rate during training.

`factor(epoch, epochs)` says by what the base learning rate is multiplied when `epoch` epochs
(with a fraction) of `epochs` are done.
"""

from collections.abc import Mapping
from typing import Any


class Schedule:
    """The base of schedules."""

    def factor(self, epoch: float, epochs: int) -> float:
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

    def factor(self, epoch: float, epochs: int) -> float:
        return 1.0
