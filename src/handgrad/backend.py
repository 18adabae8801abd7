"""Which implementation of the ops runs: the reference, or its compiled twins.

Layers, losses and optimizers call `ops.<op>_forward`, `ops.<op>_backward` and `ops.<rule>_step`
through the name `ops` of this module; nothing else in the library knows which implementation
answers. A twin (`handgrad.kernels`) has the reference's name, arguments, results and `saved`, so
the choice can differ from call to call.

The twin answers where Numba can be imported, one is written for that name, all floating arrays of
the call are float32 or all are float64, and nobody asked for the reference. Everything else goes
to the reference: complex numbers, other dtypes, subclasses of arrays, shapes that a twin refuses,
and names whose twin cannot be compiled on this machine, of which one warning is given.
"""

import functools
import os
import threading
import warnings
from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from handgrad import ops as reference
from handgrad.checks import HandgradError, HandgradWarning, check_choice

try:
    from handgrad import kernels
    from handgrad.kernels import events
except ImportError:  # the folder was taken out: the reference does everything
    kernels = events = None

if TYPE_CHECKING:
    from handgrad import ops

__all__ = ["active", "compiled", "events", "ops", "planned", "use"]

VARIABLE = "HANDGRAD_BACKEND"
CHOICES = ("reference", "compiled")
FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}
# What else may stand beside floats: labels, masks and weights; masks and the winners of pooling.
IN_OPTIONS = {np.dtype(code) for code in "?bBhHiIlLqQ"}
IN_SAVED = {np.dtype(np.bool_), np.dtype(np.int32)}
UNSUITABLE = () if kernels is None else (kernels.Unsuitable,)
PLANS = "compiled plans"  # as a name among those that failed
Function = Callable[..., Any]
Answer = TypeVar("Answer")


def from_environment() -> str:
    """What the environment variable asks for; the twins, if it is not set.

    Raises:
        InvalidValueError: it is set to something else.
    """
    choice = os.environ.get(VARIABLE, "") or "compiled"
    check_choice(choice, CHOICES, who="handgrad", which=f"the environment variable {VARIABLE}")
    return choice


class Thread(threading.local):
    """What each thread asked for last; the environment's choice in a thread that never asked."""

    choice = from_environment()

    def take_back(self, before: str | None) -> None:
        """Choose again what was chosen before, or nothing."""
        if before is None:
            vars(self).pop("choice", None)
        else:
            self.choice = before


class Restore:
    """What `use` returns: leaving its `with` block takes the choice back."""

    def __init__(self, before: str | None) -> None:
        self.before = before

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _thread.take_back(self.before)


def use(backend: str) -> Restore:
    """Choose "reference" or "compiled" for the calling thread, from now on or for a `with` block.

    It goes before the environment variable HANDGRAD_BACKEND, which chooses for the whole process.
    "compiled" means compiled where it can be: without Numba the reference still answers, and a
    warning says so.

    Raises:
        InvalidValueError: neither of the two.

    >>> with use("reference"):
    ...     print(active())
    reference: chosen by handgrad.use
    """
    check_choice(backend, CHOICES, who="handgrad.use", which="backend")
    if backend == "compiled" and not available():
        warn("handgrad.use: Numba is not installed, so the reference runs: pip install numba")
    restore = Restore(vars(_thread).get("choice"))
    _thread.choice = backend
    return restore


def active() -> str:
    """Which implementation runs in this thread, and why, in one line."""
    if _thread.choice == "reference":
        return f"reference: chosen by {'handgrad.use' if 'choice' in vars(_thread) else VARIABLE}"
    if kernels is None or not kernels.installed():
        return "reference: Numba is not installed (pip install numba makes many networks faster)"
    try:
        text = f"compiled: {kernels.describe()}"
    except Exception as error:  # noqa: BLE001  (whatever keeps Numba from being imported)
        return f"reference: Numba cannot be imported ({summary(error)})"
    failed = [f"{name} ({reason})" for name, reason in sorted(_failures.items())]
    return f"{text}; by the reference: {', '.join(failed)}" if failed else text


def available() -> bool:
    """Whether there are kernels, and a Numba to compile them."""
    return kernels is not None and kernels.installed()


def compiled() -> bool:
    """Whether plans run in this thread: compiled code is wanted, Numba is there, none failed."""
    return _thread.choice == "compiled" and available() and PLANS not in _failures


def planned(plan: Callable[[], Answer], layers: Callable[[], Answer]) -> Answer:
    """What a plan answers; if it fails and the layers do not, what they do, from now on.

    A plan is compiled on the way, and that can fail in any way. Errors of handgrad's own, and of
    a machine without memory, are no such failures.
    """
    try:
        return plan()
    except (HandgradError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  (compiling can fail in any way)
        failure = error
    answer = layers()  # fails if the caller made a mistake
    give_up(PLANS, failure)
    return answer


_thread = Thread()
_lock = threading.Lock()
_twins: dict[str, Function | None] = {}  # those asked for so far; None: there is none to be had
_failures: dict[str, str] = {}  # twins that were given up: why


def dispatching(name: str) -> Function:
    """The function that stands for a name that has a twin."""

    @functools.wraps(getattr(reference, name))
    def dispatched(*args: Any, **options: Any) -> Any:
        failure = None
        if _thread.choice == "compiled" and suits(args, options):
            twin = _twins[name] if name in _twins else find(name)
            if twin is not None:
                try:
                    return twin(*args, **options)
                except UNSUITABLE:
                    pass
                except Exception as error:  # noqa: BLE001  (compiling can fail in any way)
                    failure = error
        answer = getattr(reference, name)(*args, **options)  # fails if the caller made a mistake
        if failure is not None:
            give_up(name, failure)
        return answer

    return dispatched


def suits(args: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether all floating arrays, `saved`'s included, are float32 or all are float64.

    The first argument of every function that has a twin is an array with a gradient.
    """
    dtype = getattr(args[0], "dtype", None) if args else None
    return dtype in FLOATS and fit(args, dtype, ()) and fit(options.values(), dtype, IN_OPTIONS)


def fit(values: Iterable[Any], dtype: Any, others: Container[Any]) -> bool:
    """Whether all arrays are NumPy's own, and of this dtype or of one of the others.

    It stands before every call, so it is written for speed: `is` first, because there is one
    object for float32 and one for float64; but copying or unpickling a dtype makes another.
    """
    for value in values:
        if type(value) is np.ndarray:
            own = value.dtype
            if own is not dtype and own != dtype and own not in others:
                return False
        elif isinstance(value, tuple):
            if not fit(value, dtype, IN_SAVED):  # pyright: ignore[reportUnknownArgumentType]
                return False
        elif isinstance(value, np.ndarray | list):
            return False
    return True


def find(name: str) -> Function | None:
    """The twin of that name, or None; looked for once."""
    with _lock:
        if name not in _twins:
            error = None
            try:
                usable = kernels if available() else None
                _twins[name] = usable.load(name) if usable is not None else None
            except Exception as problem:  # noqa: BLE001  (a Numba that cannot be imported)
                error = problem
        else:
            return _twins[name]
    if error is not None:
        give_up(name, error)
    return _twins[name]


def give_up(name: str, error: Exception) -> None:
    """Let the reference answer for this name from now on; say why, the first time."""
    first = not _failures
    _twins[name] = None
    _failures[name] = summary(error)
    if first:
        warn(
            f"{name}: {'they' if name == PLANS else 'its compiled twin'} cannot be used here "
            f"({summary(error)}). The reference answers in {'their' if name == PLANS else 'its'} "
            "place: slower, with the same results."
        )


def summary(error: Exception) -> str:
    """An error's type and first line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def warn(text: str) -> None:
    """Warn, and point at the line that called into handgrad."""
    import inspect

    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("handgrad."):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, HandgradWarning, stacklevel=level)


class Dispatch:
    """The names of `handgrad.ops`, those with a twin replaced by functions that choose."""

    def __init__(self) -> None:
        vars(self).update({name: getattr(reference, name) for name in reference.__all__})
        twins = kernels.TWINS if kernels is not None else {}
        vars(self).update({name: dispatching(name) for name in twins})

    def __getattr__(self, name: str) -> Any:
        return getattr(reference, name)

    def __dir__(self) -> list[str]:
        return dir(reference)


if not TYPE_CHECKING:
    ops = Dispatch()
