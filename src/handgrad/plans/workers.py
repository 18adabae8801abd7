"""Workers: the threads that share a step's batch, each with its own images from start to end.

Compiled kernels release Python's lock, so plain threads run them side by side. A step is one
function that all workers run at once, each on its part of the batch; where it needs numbers of
the whole batch (batch norm's mean, the loss), the workers wait for each other. That happens a few
times per step, so starting threads costs next to nothing, and without OpenMP there is nothing that
a fork could break: after one, the new process starts workers of its own. The threads know their
workers by a weak reference, and end when these are gone: with the plan that they worked for.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.checks import HandgradError
from handgrad.kernels.meeting import LINE, arrive, arrived
from handgrad.plans.buffers import aligned_zeros
from handgrad.threads import core, move_away

NOWHERE = -2
POLITE = 10  # times that a worker asks again before it sleeps
NAP, LONGEST = 2e-5, 50  # seconds of the first sleep, and how many times that of the longest


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
        self._meet[:] = 0
        self.cores[0] = core()
        for gate in self._gates:
            gate.release()
        self._work(0)
        for _ in self._threads:
            self._done.acquire()
        del self._task  # and the plan that it holds
        if self._errors:
            raise next(
                (e for e in self._errors if not isinstance(e, StoppedError)), self._errors[0]
            )

    def wait(self) -> None:
        """Called inside a task: wait until every worker has come here.

        To wake a thread takes some 50 µs, so all watch for the others a while before they sleep.
        """
        if self.count > 1:
            self._seats.release()
            try:
                late = 0
                arrive(self._meet, self._mine.number)
                while not arrived(self._meet, self._mine.number, self.count):
                    late += 1
                    let_others_run(late, self._errors, polite=POLITE if self.at_once > 1 else 0)
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
        self._meet = aligned_zeros(LINE * self.count, np.int64)
        self._mine = threading.local()  # `number`: which worker a thread is
        self._done = threading.Semaphore(0)
        self.cores = [NOWHERE] * self.count  # that the workers were on when they began
        self._seats = threading.Semaphore(self.at_once)
        self._gates = [threading.Semaphore(0) for _ in range(self.count - 1)]
        self._threads = [
            threading.Thread(
                target=serve, args=(weakref.ref(self), gate, k + 1), daemon=True, name="handgrad"
            )
            for k, gate in enumerate(self._gates)
        ]
        weakref.finalize(self, send_home, self._gates, os.getpid()).atexit = False
        for thread in self._threads:
            thread.start()

    def once(self, number: int) -> None:
        """A thread's part of a run."""
        move_away(self.cores[:number])
        self.cores[number] = core()
        self._work(number)
        self._done.release()

    def _work(self, number: int) -> None:
        self._mine.number = number
        try:
            with self._seats:
                self._task(number)
        except BaseException as error:  # noqa: BLE001  (raised again by the caller of run)
            self._errors.append(error)

    def __getstate__(self) -> dict[str, Any]:
        return {"count": self.count, "at_once": self.at_once, "_process": 0, "_threads": []}


def serve(workers: "weakref.ref[Workers]", gate: threading.Semaphore, number: int) -> None:
    """What a thread does: one part of each run, until its workers are gone."""
    while True:
        gate.acquire()
        owner = workers()
        if owner is None:
            return
        owner.once(number)
        del owner  # or it would live as long as this waits


def send_home(gates: Sequence[threading.Semaphore], process: int) -> None:
    """Let the threads of this process find out that their workers are gone."""
    if os.getpid() == process:
        for gate in gates:
            gate.release()


class StoppedError(HandgradError):
    """Another worker failed; its error is the one to look at."""


def let_others_run(late: int, failed: Sequence[object], *, polite: int = POLITE) -> None:
    """Give the processor away, the `late`th time in a row, because another worker has not come.

    Usually it comes at once. If not, another program may have its processor core: then a worker
    that sleeps leaves its own core to it. But who sleeps comes late himself, so not too soon, and
    at first not for long.

    Raises:
        StoppedError: the other has failed, and will not come.
    """
    if failed:
        raise StoppedError
    if late > polite:
        time.sleep(NAP * min(late - polite, LONGEST))
    elif hasattr(os, "sched_yield"):
        os.sched_yield()
    else:
        time.sleep(0)
