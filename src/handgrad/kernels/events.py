"""What is being compiled, for those who tell the user: a count, the seconds, and who listens.

This file imports no Numba: whoever wants to hear of the first compilation may ask before any.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[[str, str], None]  # (name of a kernel, where kernels are kept, in words)


@dataclass
class Compilations:
    """What this process has compiled itself (and not found on disk)."""

    count: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    listeners: list[Listener] = field(default_factory=list[Listener])

    def begin(self, name: str, where: str) -> None:
        """A kernel is about to be compiled."""
        for listener in list(self.listeners):
            listener(name, where)

    def end(self, started: float) -> None:
        """One more kernel was compiled, and on the way those that it calls."""
        self.count += 1
        self.spans = [span for span in self.spans if span[0] < started]
        self.spans.append((started, time.perf_counter()))

    @property
    def seconds(self) -> float:
        """How long it took in all."""
        return sum(end - start for start, end in self.spans)


SO_FAR = Compilations()
