"""What is being compiled, for those who tell the user: a count, the seconds, and who listens.

This file imports no Numba: whoever wants to hear of the first compilation may ask before any.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[[str, str], None]  # (name of a kernel, where kernels are kept, in words)


@dataclass
class Compilations:
    """What this process has compiled itself (and not found on disk)."""

    count: int = 0
    seconds: float = 0.0
    listeners: list[Listener] = field(default_factory=list[Listener])

    def begin(self, name: str, where: str) -> None:
        """A kernel is about to be compiled."""
        for listener in list(self.listeners):
            listener(name, where)

    def end(self, seconds: float) -> None:
        """One more kernel was compiled."""
        self.count += 1
        self.seconds += seconds


SO_FAR = Compilations()
