"""Names that NumPy had when the sources were written, kept working while a script runs."""

import contextlib
import inspect
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

BUILTINS = {  # what was, and Python's own type
    "int": int,
    "long": int,
    "float": float,
    "complex": complex,
    "bool": bool,
    "object": object,
    "str": str,
    "unicode": str,
}
RENAMED = {  # what was, and what NumPy calls it today
    "float_": "float64",
    "complex_": "complex128",
    "string_": "bytes_",
    "unicode_": "str_",
    "Inf": "inf",
    "Infinity": "inf",
    "infty": "inf",
    "PINF": "inf",
    "NaN": "nan",
    "NAN": "nan",
    "alltrue": "all",
    "sometrue": "any",
    "product": "prod",
    "cumproduct": "cumprod",
    "round_": "round",
    "row_stack": "vstack",
    "in1d": "isin",
    "trapz": "trapezoid",
}

ATTRIBUTES = "__getattr__"  # what Python asks for names that a module has not


@contextlib.contextmanager
def old_names(tell: Callable[[str], None], *, is_reader: Callable[[str], bool]) -> Generator[None]:
    """Let np.int and its like mean what they meant, and say once for each what to write instead.

    Args:
        tell: takes one line of text.
        is_reader: whether a file is the reader's; code of libraries is left alone, since some of
            them ask NumPy what it has.
    """
    original: Callable[[str], Any] = getattr(np, ATTRIBUTES)
    told: set[str] = set()

    def answer(name: str) -> Any:
        frame = inspect.currentframe()
        caller = frame and frame.f_back
        known = name in BUILTINS or name in RENAMED
        if not known or caller is None or not is_reader(caller.f_code.co_filename):
            return original(name)
        now = f"np.{RENAMED[name]}" if name in RENAMED else BUILTINS[name].__name__
        if name not in told:
            told.add(name)
            tell(
                f"{caller.f_code.co_filename}, line {caller.f_lineno}: np.{name} is no longer in "
                f"NumPy; it means {now} here. Write {now} instead."
            )
        return getattr(np, RENAMED[name]) if name in RENAMED else BUILTINS[name]

    setattr(np, ATTRIBUTES, answer)
    try:
        yield
    finally:
        setattr(np, ATTRIBUTES, original)
