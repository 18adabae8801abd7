"""How many threads may work: those of plans, and those of BLAS, which multiplies NumPy's matrices.

What is asked for in a program (`threads=`) goes before HANDGRAD_THREADS, that before
OMP_NUM_THREADS and NUMBA_NUM_THREADS; otherwise there are as many threads as processor cores that
this process may use. What is asked for holds for BLAS too, as long as a training or a prediction
lasts: two sets of threads that each believe to own all cores slow each other down.

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
    if _asked.count is not None:
        return _asked.count
    text = os.environ.get(VARIABLE, "")
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise InvalidValueError(f"{VARIABLE} must be a whole number above 0, but is {text!r}.")
        return int(text)
    for name in OTHERS:
        first = os.environ.get(name, "").partition(",")[0]  # "4,2": nested levels
        if first.isdecimal() and int(first) > 0:
            return int(first)
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
    before = vars(_asked).copy()
    chosen = count is not None or bool(os.environ.get(VARIABLE))
    if count is not None:
        _asked.count = count
    _asked.deterministic = deterministic
    blas = blas_threads() if chosen or deterministic else None
    try:
        if blas is not None:
            set_blas_threads(thread_count())
        yield
    finally:
        vars(_asked).clear()
        vars(_asked).update(before)
        if blas is not None:
            set_blas_threads(blas)


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
