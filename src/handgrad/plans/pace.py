"""Whether threads that meet often are faster than one of them alone, on this machine and now.

Two threads that meet again and again save time, if each has a processor core to itself. Where
another program has one of the cores, each meeting waits for its turn there, and the two can be
slower than one alone. No rule knows beforehand; so both are tried, and the faster one goes on until
the next trial. It is for work whose results are the same bits either way.
"""

import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from handgrad.network import Network
from handgrad.plans.workers import Workers

KEPT = 3  # measurements of each, of which the shortest counts: noise only ever adds
TRIED = 2  # measurements of each before one is chosen; the first loads the code
AGAIN = 32  # runs until the slower one is tried again


class Pace:
    """Decides run by run, and remembers how long each took.

    Args:
        together: whether there is a choice.
    """

    def __init__(self, *, together: bool) -> None:
        self.choice = together
        self.runs = self.longest = 0
        self.seconds = {way: deque[float](maxlen=KEPT) for way in (True, False)}

    def faster(self) -> bool:
        """Whether together was faster; both are tried first, in turn."""
        together, alone = self.seconds[True], self.seconds[False]
        if min(len(together), len(alone)) < TRIED:
            return len(together) <= len(alone)
        return min(together) <= min(alone)

    @contextmanager
    def measured(self, steps: int) -> Generator[bool]:
        """Say whether to work together in this run of so many steps, and take its time.

        A run that is much shorter than others (the last steps of an epoch) is no measurement: it
        may well end before another program gets its turn, and would promise too much.
        """
        counts = 2 * steps >= self.longest
        again = counts and self.runs % AGAIN == AGAIN - 1
        together = self.choice and self.faster() != again
        started = time.perf_counter()
        yield together
        if counts:
            self.runs, self.longest = self.runs + 1, max(self.longest, steps)
            self.seconds[together].append((time.perf_counter() - started) / max(steps, 1))


_known: WeakKeyDictionary[Network, dict[tuple[int, int, int], Pace]] = WeakKeyDictionary()


def pace_of(network: Network, count: int, workers: Workers) -> Pace:
    """What is known about steps of so many rows: another plan for them need not try again."""
    same = (count, workers.count, workers.at_once)
    together = 1 < workers.count <= workers.at_once
    return _known.setdefault(network, {}).setdefault(same, Pace(together=together))
