"""How many threads may work: those of plans, and those of BLAS, which multiplies NumPy's matrices.

What is asked for in a program (`threads=`) goes before HANDGRAD_THREADS, that before
OMP_NUM_THREADS and NUMBA_NUM_THREADS; otherwise there are as many threads as processor cores that
this process may use. The number holds for BLAS too, as long as a training or a prediction lasts:
two sets of threads that each believe to own all cores slow each other down. OPENBLAS_NUM_THREADS
is about BLAS alone: it never gets more.

BLAS has one number of threads for the whole process. Its own libraries differ; OpenBLAS, which
NumPy's wheels bring, is asked directly.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Container, Generator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from handgrad.checks import InvalidValueError, check_count

VARIABLE = "HANDGRAD_THREADS"
OTHERS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
BLAS_VARIABLE = "OPENBLAS_NUM_THREADS"
# How OpenBLAS calls its functions, in NumPy's wheels and elsewhere.
NAMES = (
    *("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads"),
    *("openblas_{}_num_threads64_", "openblas_{}_num_threads"),
)


class Asked(threading.local):
    """What the calling thread asked for."""

    count: int | None = None
    deterministic: bool = False


_asked = Asked()


def thread_count() -> int:
    """How many threads may share the sums of a step that this thread starts.

    One, where sums must not depend on the number of threads: who knows better asks `allowed`.

    Raises:
        InvalidValueError: HANDGRAD_THREADS is no number above 0.
    """
    return 1 if _asked.deterministic else allowed()


def allowed() -> int:
    """How many threads may work at once.

    Raises:
        InvalidValueError: HANDGRAD_THREADS is no number above 0.
    """
    return asked_for() or cores()


def asked_for() -> int | None:
    """The number of threads that somebody asked for, in the program or the environment.

    Raises:
        InvalidValueError: HANDGRAD_THREADS is no number above 0.
    """
    if _asked.count is not None:
        return _asked.count
    text = os.environ.get(VARIABLE, "")
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise InvalidValueError(f"{VARIABLE} must be a whole number above 0, but is {text!r}.")
        return int(text)
    said = (in_environment(name) for name in OTHERS)
    return next((count for count in said if count is not None), None)


def in_environment(name: str) -> int | None:
    """The number of threads that a variable of other libraries asks for, if it does."""
    first = os.environ.get(name, "").partition(",")[0]  # "4,2": nested levels
    return int(first) if first.isdecimal() and int(first) > 0 else None


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def deterministic() -> bool:
    """Whether sums must not depend on the number of threads."""
    return _asked.deterministic


@contextmanager
def limited(count: int | None = None, *, deterministic: bool = False) -> Generator[None]:
    """Let so many threads work (None: as many as ever) while the block runs.

    With `deterministic`, BLAS has one thread, and plans add up in an order of their own, so that
    results do not depend on the number of threads.
    """
    before, outer = vars(_asked).copy(), blas_limits.own()
    if count is not None:
        _asked.count = count
    _asked.deterministic = deterministic
    try:
        blas_limits.keep_to(blas_count())
        yield
    finally:
        vars(_asked).clear()
        vars(_asked).update(before)
        blas_limits.keep_to(outer)


def check_threads(count: int | None, *, who: str) -> None:
    """Refuse a number of threads that is none.

    Raises:
        DtypeError, InvalidValueError: neither None nor a whole number above 0.
    """
    if count is not None:
        check_count(count, who=who, which="threads")


def core() -> int:
    """The processor core that this thread is on; −1 where the system does not tell."""
    tell = who_tells_the_core()
    return -1 if tell is None else int(tell())


@cache
def who_tells_the_core() -> Callable[..., Any] | None:
    """Linux's function for that."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def move_away(taken: Container[int]) -> None:
    """Move the calling thread to a core that is not taken, if it is on one and may use another.

    Linux wakes a thread on the core of who woke it if the others do not look idle, and can leave
    it there for seconds; two threads that share their work then take turns. Afterwards the system
    may move the thread as before.
    """
    if core() in taken:
        usable = os.sched_getaffinity(0)
        free = {each for each in usable if each not in taken}
        if free:
            os.sched_setaffinity(0, {min(free)})
            os.sched_setaffinity(0, usable)


def blas_count() -> int | None:
    """How many threads BLAS should have for what the calling thread computes; None: as it likes.

    Who asked handgrad for a number gets it. Variables for everybody only take threads away: whoever
    gave BLAS fewer knew why.
    """
    wanted = 1 if _asked.deterministic else asked_for()
    if wanted is None:
        return None
    if _asked.count is None and not os.environ.get(VARIABLE):
        wanted = min(wanted, blas_limits.first or wanted)
    return min(wanted, in_environment(BLAS_VARIABLE) or wanted)


class BlasLimits:
    """BLAS has one number of threads, and several threads may compute, each with its own wish.

    The smallest holds, until all are done: who wants sums in a fixed order wants one thread, and
    for the others one too few is only slower.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wishes: dict[int, int] = {}  # by the thread that computes
        self._first: int | None = None

    @property
    def first(self) -> int | None:
        """How many threads BLAS has when nobody wishes for anything; None if it does not tell."""
        return self._first if self.wishes else blas_threads()

    def own(self) -> int | None:
        """What the calling thread wished for, if it did."""
        return self.wishes.get(threading.get_ident())

    def keep_to(self, count: int | None) -> None:
        """Take the calling thread's wish, or, with None, forget it."""
        if count == self.own():
            return
        with self.lock:
            self._first = self.first
            if count is None:
                self.wishes.pop(threading.get_ident(), None)
            else:
                self.wishes[threading.get_ident()] = count
            self._tell()

    def _tell(self) -> None:
        now = min(self.wishes.values(), default=self._first)
        if now is not None and self._first is not None:
            set_blas_threads(now)

    def forked(self) -> None:
        """Forget the threads that a new process does not have."""
        self.lock, own = threading.Lock(), self.own()
        others = len(self.wishes) > (own is not None)
        self.wishes = {} if own is None else {threading.get_ident(): own}
        if others:
            self._tell()


blas_limits = BlasLimits()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=blas_limits.forked)


def blas_threads() -> int | None:
    """How many threads BLAS uses: sums differ in their last bits between one and two."""
    get = blas_function("get")
    return None if get is None else int(get())


def set_blas_threads(count: int) -> None:
    """Let BLAS use so many, if it is one that can be told."""
    tell = blas_function("set")
    if tell is not None:
        tell(count)


@cache
def blas_function(verb: str) -> Callable[..., Any] | None:
    """OpenBLAS's function to get or set its number of threads; None for another BLAS."""
    try:
        core = import_module("numpy._core._multiarray_umath")  # what BLAS is linked to
        library = ctypes.CDLL(str(core.__file__))
    except (ImportError, OSError):  # another NumPy
        return None
    names = [name.format(verb) for name in NAMES]
    return next((getattr(library, name) for name in names if hasattr(library, name)), None)
