"""Ctrl-C and its relatives: end at a safe place, keep what was learned."""

import contextlib
import signal
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # Windows lacks SIGHUP, others SIGBREAK


class Ended(KeyboardInterrupt):
    """A signal asked the program to end.

    Attributes:
        status: the exit status, 128 + the signal's number.
        told: whether the user has already been told what that means.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.status = 128 + number
        self.told = False

    @property
    def cause(self) -> str:
        """What the user did, or what happened to him."""
        return "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name


class Signals:
    """How signals end the program.

    Outside `deferred` a signal raises `Ended` at once. Inside, the first one is noted, and
    `check` raises it at a place where nothing is half done; a second one does not wait. After
    that, further signals change nothing: ending is under way, and short.
    """

    noted: int | None = None
    waiting = False
    ending = False

    @contextlib.contextmanager
    def installed(self) -> Generator[None]:
        """Take the signals over for the time of a command."""
        self.noted, self.waiting, self.ending = None, False, False
        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for name in NAMES:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._receive)  # (nohup's stay ignored)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    @contextlib.contextmanager
    def deferred(self) -> Generator[None]:
        """Let the first signal wait for `check`, or for the end of this block."""
        self.waiting = True
        try:
            yield
        finally:
            self.waiting = False
        self.check()

    def check(self) -> None:
        """A safe place: raise what was noted.

        Also what was raised before and got lost: a signal that comes while Python clears an
        object away, as it does within imports, raises in a place where exceptions are ignored.
        """
        if self.noted is not None:
            self._end(self.noted)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.ending:
            return
        if self.waiting and self.noted is None:
            self.noted = number
        else:
            self._end(number)

    def _end(self, number: int) -> None:
        self.ending, self.noted = True, number
        raise Ended(number)


SIGNALS = Signals()
