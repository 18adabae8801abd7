"""Workers: the threads that share a step's batch, each with its own images from start to end.

Compiled kernels release Python's lock, so plain threads run them side by side. A step is one
function that all workers run at once, each on its part of the batch; where it needs numbers of
the whole batch (batch norm's mean, the loss), the workers wait for each other. That happens a few
times per step, so starting threads costs next to nothing, and without OpenMP there is nothing that
a fork could break: after one, the new process starts workers of its own.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

from handgrad.checks import HandgradError
from handgrad.threads import core, move_away

NOWHERE = -2


class Workers:
    """A fixed number of workers; the calling thread is one of them.

    Args:
        count: how many.
        at_once: how many of them may compute at the same time; all by default. The others wait
            until one is done, or waits itself.
    """

    def __init__(self, count: int, *, at_once: int | None = None) -> None:
        self.count = count
        self.at_once = min(count, at_once or count)
        self._process = 0
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def __eq__(self, other: object) -> bool:
        """As many workers, as many of them at once."""
        same = isinstance(other, Workers)
        return same and (self.count, self.at_once) == (other.count, other.at_once)

    def __hash__(self) -> int:
        return hash((self.count, self.at_once))

    def run(self, task: Callable[[int], None]) -> None:
        """Run task(0), task(1), … side by side; return when all are done.

        Raises:
            Whatever a task raised first; the others are woken from waiting.
        """
        if self.count == 1:
            task(0)
            return
        self._start()
        self._task, self._errors = task, []
        self.cores[0] = core()
        for gate in self._gates:
            gate.release()
        self._work(0)
        for _ in self._threads:
            self._done.acquire()
        if self._errors:
            self._barrier.reset()
            raise next(
                (e for e in self._errors if not isinstance(e, StoppedError)), self._errors[0]
            )

    def wait(self) -> None:
        """Called inside a task: wait until every worker has come here."""
        if self.count > 1:
            self._seats.release()
            try:
                self._barrier.wait()
            except threading.BrokenBarrierError as error:
                raise StoppedError from error
            finally:
                self._seats.acquire()

    def share(self, worker: int, total: int) -> tuple[int, int]:
        """The rows lo … hi − 1 of `total` that are this worker's.

        >>> Workers(2).share(0, 7), Workers(2).share(1, 7)
        ((0, 3), (3, 7))
        """
        return total * worker // self.count, total * (worker + 1) // self.count

    def _start(self) -> None:
        """Start the threads, once per process."""
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        self._barrier = threading.Barrier(self.count)
        self._done = threading.Semaphore(0)
        self.cores = [NOWHERE] * self.count  # that the workers were on when they began
        self._seats = threading.Semaphore(self.at_once)
        self._gates = [threading.Semaphore(0) for _ in range(self.count - 1)]
        self._threads = [
            threading.Thread(target=self._loop, args=(number,), daemon=True, name="handgrad")
            for number in range(1, self.count)
        ]
        for thread in self._threads:
            thread.start()

    def _loop(self, number: int) -> None:
        while True:
            self._gates[number - 1].acquire()
            move_away(self.cores[:number])
            self.cores[number] = core()
            self._work(number)
            self._done.release()

    def _work(self, number: int) -> None:
        try:
            with self._seats:
                self._task(number)
        except BaseException as error:  # noqa: BLE001  (raised again by the caller of run)
            self._errors.append(error)
            self._barrier.abort()

    def __getstate__(self) -> dict[str, Any]:
        return {"count": self.count, "at_once": self.at_once, "_process": 0, "_threads": []}


class StoppedError(HandgradError):
    """Another worker failed; its error is the one to look at."""
