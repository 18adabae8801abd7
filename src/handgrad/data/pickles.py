"""Reading pickles without running them: plain values and NumPy arrays, and nothing else.

A pickle is a program for a small machine with a stack, and Python's own `pickle` module lets that
program import and call whatever it likes. The machine here knows the instructions that build
values, imports nothing, and calls nothing but what NumPy writes for arrays, dtypes and its numbers,
which it recognizes by name. Anything else is refused by name.

Read are protocols 0 to 5, by Python 2 and 3, by NumPy 1 and 2.
"""

import os
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np

from handgrad.checks import FileAccessError, FileFormatError, HandgradError, check_choice
from handgrad.data.pickle_machine import CURE, SCALARS, Machine

ENCODINGS = ("ascii", "bytes", "latin1", "utf-8")
LEAVES = (*SCALARS, bytearray, np.ndarray, np.generic, np.dtype)


def read_pickle(path: str | os.PathLike[str], *, encoding: str = "latin1") -> Any:
    """Read the value in a pickle file, running nothing.

    Args:
        path: the file.
        encoding: what the strings of Python 2 become: "bytes" leaves them as bytes (keys too);
            "latin1", "ascii" or "utf-8" make them text.

    Returns:
        Dicts, lists, tuples, text, bytes, numbers, None, and writable arrays, as they were stored.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is no pickle, a damaged one, or one that asks for anything else.
        InvalidValueError: another encoding.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileAccessError(
            f"{path}: cannot be read ({error.strerror or error}). Check the path."
        ) from error
    return loads_pickle(content, encoding=encoding, name=str(path))


def loads_pickle(content: bytes, *, encoding: str = "latin1", name: str = "pickle") -> Any:
    r"""Read the value in the bytes of a pickle, running nothing; as `read_pickle`.

    Args:
        content: the bytes.
        encoding: what the strings of Python 2 become.
        name: what errors call it.

    Raises:
        FileFormatError: it is no pickle, a damaged one, or one that asks for anything else.
        InvalidValueError: another encoding.

    >>> loads_pickle(b"(lp0\nI3\naVthree\na.")
    [3, 'three']
    >>> loads_pickle(b"cos\nsystem\n(S'true'\ntR.")
    Traceback (most recent call last):
    handgrad.checks.FileFormatError: pickle: it asks for os.system, which is not read. Only plain
        values and NumPy arrays are read; save the arrays alone.
    """
    check_choice(encoding, ENCODINGS, who="loads_pickle", which="encoding")
    machine = Machine(bytes(content), encoding)
    try:
        value = machine.run()
        _check_leaves(value)
    except HandgradError as error:
        error.args = (f"{name}: {error}",)
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as error:
        raise FileFormatError(
            f"{name}: it is no pickle, or a damaged one ({str(error)[:100]}; "
            f"byte {machine.place:,} of {len(content):,}). Copy or download it again."
        ) from error
    return value


def _check_leaves(value: Any) -> None:
    """Refuse what is no value: an array never filled, a function never called.

    Walks without recursion, and past what it has seen: values may be deep, or hold themselves.
    """
    waiting, seen = [value], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, LEAVES):
            continue
        if not isinstance(value, dict | list | tuple):
            raise FileFormatError(f"it holds {value}, which is not read. {CURE}")
        if id(cast("object", value)) not in seen:
            seen.add(id(cast("object", value)))
            # Keys are scalars, or tuples of them: the machine saw to that.
            waiting += list(value.values() if isinstance(value, dict) else value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
