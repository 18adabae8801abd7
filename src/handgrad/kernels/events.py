"""What is being compiled, for those who tell the user: a count, the seconds, and one listener.

This file imports no Numba: whoever wants to hear of the first compilation may ask before any.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Compilations:
    """What this process has compiled itself (and not found on disk)."""

    count: int = 0
    seconds: float = 0.0
    listeners: list[Callable[[str], None]] = field(default_factory=list[Callable[[str], None]])


SO_FAR = Compilations()


@contextmanager
def listening(listener: Callable[[str], None]) -> Generator[None]:
    """Call `listener(name)` before each compilation while the block runs."""
    SO_FAR.listeners.append(listener)
    try:
        yield
    finally:
        SO_FAR.listeners.remove(listener)


def compiling(name: str) -> None:
    """A kernel is about to be compiled."""
    for listener in list(SO_FAR.listeners):
        listener(name)


def compiled(seconds: float) -> None:
    """One more kernel was compiled."""
    SO_FAR.count += 1
    SO_FAR.seconds += seconds
