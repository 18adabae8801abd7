"""Options of layers and losses that a plan's instructions hold, read again before each run."""

from collections.abc import Callable


class LiveOptions:
    """Lists of numbers that are made from options, and how: a callback may change an option."""

    def __init__(self) -> None:
        self.lists: list[tuple[Callable[[], list[float]], list[float]]] = []

    def keep(self, read: Callable[[], list[float]]) -> list[float]:
        """What `read` returns, as a list that `now` brings up to date."""
        values = read()
        self.lists.append((read, values))
        return values

    def now(self) -> list[list[float]]:
        """All lists as they are now, copied."""
        for read, values in self.lists:
            values[:] = read()
        return [values.copy() for _, values in self.lists]
