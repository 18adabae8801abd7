"""Workers: the threads that share a step's batch, each with its own images from start to end.

Compiled kernels release Python's lock, so plain threads run them side by side. A step is one
function that all workers run at once, each on its part of the batch; where it needs numbers of
the whole batch (batch norm's mean, the loss), the workers wait for each other. That happens a few
times per step, so starting threads costs next to nothing, and without OpenMP there is nothing that
a fork could break: after one, the new process starts workers of its own.

The threads know only the `Crew`, which forgets each task when it is done: so a plan that nobody
uses any more goes, with its buffers, and its threads end.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np

from handgrad.backend import use
from handgrad.checks import HandgradError
from handgrad.kernels.events import SO_FAR
from handgrad.kernels.meeting import LINE, arrive, arrived
from handgrad.plans.buffers import aligned_zeros
from handgrad.threads import core, move_away

NOWHERE = -2
POLITE = 10  # times that a worker asks again before it sleeps
NAP, LONGEST = 2e-5, 50  # seconds of the first sleep, and how many times that of the longest


class Crew:
    """The threads of some workers in one process, and what they share.

    Attributes:
        task: what all are to do; None between two runs.
        errors: what went wrong in this run.
        settings: what the calling thread has told NumPy to do about overflows.
        cores: that the workers were on when they began.
        seats: one for each worker that may compute at the same time.
        meet: where the workers wait for each other.
        mine: its `number` is which worker a thread is.
    """

    def __init__(self, count: int, at_once: int) -> None:
        self.process = os.getpid()
        self.task: Callable[[int], None] | None = None
        self.errors: list[BaseException] = []
        self.cores = [NOWHERE] * count
        self.seats = threading.Semaphore(at_once)
        self.meet = aligned_zeros(LINE * count, np.int64)
        self.mine = threading.local()
        self.finished: list[int] = []  # who has done this run's task
        self.news: SimpleQueue[None] = SimpleQueue()  # one for each entry of `finished`
        self.gates: list[SimpleQueue[bool]] = [SimpleQueue() for _ in range(count - 1)]
        for number in range(1, count):
            threading.Thread(target=self.loop, args=(number,), daemon=True, name="handgrad").start()

    def run(self, task: Callable[[int], None]) -> list[BaseException]:
        """Run a task with all workers, the calling thread as number 0; what went wrong."""
        self.task, self.errors, self.finished = task, [], []
        self.settings: dict[str, Any] = {**np.geterr()}
        self.meet[:] = 0
        self.cores[0] = core()
        SO_FAR.listeners.append(self.before_compiling)
        try:
            for gate in self.gates:
                gate.put(True)
            self.work(0)
            while len(self.finished) < len(self.gates):
                try:
                    self.news.get()
                except KeyboardInterrupt as error:  # raised when nobody writes into buffers
                    self.errors.append(error)
        finally:
            SO_FAR.listeners.remove(self.before_compiling)
        errors, self.task, self.errors = self.errors, None, []
        return errors

    def before_compiling(self, name: str, where: str) -> None:
        """Not for a task that has failed: Ctrl-C would be heard only when all is compiled.

        Raises:
            StoppedError: this thread is one of the workers, and another has failed.
        """
        del name, where
        if self.errors and hasattr(self.mine, "number"):
            raise StoppedError

    def end(self) -> None:
        """Let the threads end, where they are: a fork has none of them.

        The garbage collector may call this at any time; of all that could wake a thread, a
        SimpleQueue is made for that.
        """
        if self.process == os.getpid():
            for gate in self.gates:
                gate.put(False)

    def loop(self, number: int) -> None:
        """What a thread does."""
        use("compiled")  # like whoever runs a plan
        while self.gates[number - 1].get():
            move_away(self.cores[:number])
            self.cores[number] = core()
            self.work(number)
            self.finished.append(number)
            self.news.put(None)

    def work(self, number: int) -> None:
        """One worker's part of the task."""
        task, self.mine.number = self.task, number
        assert task is not None  # noqa: S101  (it is, while it runs)
        try:
            with self.seats, np.errstate(**self.settings):
                task(number)
        except BaseException as error:  # noqa: BLE001  (raised again by the caller of run)
            self.errors.append(error)


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
        self._crew: Crew | None = None

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
        errors = self._here().run(task)
        if errors:
            raise next((e for e in errors if not isinstance(e, StoppedError)), errors[0])

    def wait(self) -> None:
        """Called inside a task: wait until every worker has come here.

        To wake a thread takes long, so all watch for the others a while before they sleep.
        """
        if self.count > 1:
            crew, polite = self._here(), POLITE if self.at_once > 1 else 0
            crew.seats.release()
            try:
                late = 0
                arrive(crew.meet, crew.mine.number)
                while not arrived(crew.meet, crew.mine.number, self.count):
                    late += 1
                    let_others_run(late, crew.errors, polite=polite)
            finally:
                crew.seats.acquire()

    def share(self, worker: int, total: int) -> tuple[int, int]:
        """The rows lo … hi − 1 of `total` that are this worker's.

        >>> Workers(2).share(0, 7), Workers(2).share(1, 7)
        ((0, 3), (3, 7))
        """
        return total * worker // self.count, total * (worker + 1) // self.count

    def _here(self) -> Crew:
        """The threads in this process, started when they are first needed."""
        crew = self._crew
        if crew is None or crew.process != os.getpid():
            crew = self._crew = Crew(self.count, self.at_once)
            weakref.finalize(self, crew.end).atexit = False
        return crew

    def __getstate__(self) -> dict[str, Any]:
        return {"count": self.count, "at_once": self.at_once, "_crew": None}


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
