"""What NumPy writes into pickles: arrays, dtypes and numbers, made anew from checked parts.

    array    _reconstruct(ndarray, (0,), b"b"), then its state: (version, shape, dtype, fortran,
             raw); from protocol 5 on, _frombuffer(raw, dtype, shape, order)
    dtype    dtype("f8", False, True), then its state (version, byte order, None, None, None, …)
    number   scalar(dtype, raw)

The modules that these functions live in have had other names in NumPy 1; and where a pickle has no
bytes of its own (protocols 0 to 2), Python writes them as text, to be encoded.
"""

import math
import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from handgrad.checks import Array, FileFormatError

DTYPE = re.compile(r"b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU]\d{1,9}")
RAW = (bytes, bytearray)
ORDERS = ("<", ">", "=", "|")


class Global:
    """An allowed function on the machine's stack."""

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call  # (encoding, *arguments)

    def __repr__(self) -> str:
        return self.name


class Blank:
    """An array or a dtype whose state is still to come.

    Args:
        fill: (encoding, state) -> what it becomes.
    """

    def __init__(self, fill: Callable[[str, tuple[Any, ...]], Any]) -> None:
        self.fill = fill
        self.keys: list[int] = []  # its numbers in the memo

    def __repr__(self) -> str:
        return "an array without content"


def show(value: object) -> str:
    """A name from a pickle, fit for an error's one line."""
    text = value if isinstance(value, str) else repr(value)
    return text[:60] if text.isprintable() else ascii(text[:60])


# -- the functions ------------------------------------------------------------------------------


def make_blank_array(_: str, kind: object, *__: object) -> Blank:
    """`_reconstruct(ndarray, (0,), b"b")`."""
    if not (isinstance(kind, Global) and kind.name == "numpy.ndarray"):
        raise TypeError("an array is of a class of its own")
    return Blank(fill_array)


def fill_array(encoding: str, state: tuple[Any, ...]) -> Array:
    """An array of its state: (version,) shape, dtype, fortran, raw."""
    shape, dtype, fortran, raw = state[-4:]
    return make_array(raw, dtype, shape, fortran=bool(fortran), encoding=encoding)


def array_from_buffer(encoding: str, raw: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """`_frombuffer(raw, dtype, shape, order)`."""
    return make_array(raw, dtype, shape, fortran=order == "F", encoding=encoding)


def make_scalar(encoding: str, dtype: Any, raw: Any) -> Any:
    """`scalar(dtype, raw)`."""
    return make_array(raw, dtype, (), fortran=False, encoding=encoding)[()]


def make_array(raw: Any, dtype: Any, shape: Any, *, fortran: bool, encoding: str) -> Array:
    """A new array of these bytes, if they are as many as shape and dtype say."""
    if isinstance(raw, str):  # Python 2's, which the machine has decoded
        raw = raw.encode(encoding)
    kinds = isinstance(shape, tuple), isinstance(dtype, np.dtype), isinstance(raw, RAW)
    sizes = cast("tuple[Any, ...]", shape) if kinds[0] else ()
    if not all(kinds) or any(type(size) is not int or size < 0 for size in sizes):
        raise TypeError("an array has a shape, a dtype or content of another kind")
    want = math.prod(sizes) * dtype.itemsize
    if want != len(raw):
        raise ValueError(f"an array of {want:,} bytes has {len(raw):,}")
    # A copy: whoever reads an array may change it.
    return np.ndarray(sizes, dtype, raw, order="F" if fortran else "C").copy(order="K")


def make_dtype(_: str, code: Any, *__: object) -> Blank:
    """`dtype("f8", False, True)`, whose byte order is still to come."""
    text = code.decode("latin1") if isinstance(code, bytes) else code
    if not isinstance(text, str):
        raise TypeError("a dtype has no name")
    if not DTYPE.fullmatch(text):
        what = "holds Python objects" if text.startswith("O") else f"has dtype {show(text)}"
        raise FileFormatError(
            f"an array {what}, which is not read. Save arrays of numbers or text."
        )

    def fill(_: str, state: tuple[Any, ...]) -> np.dtype[Any]:
        order: Any = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in ORDERS or any(part is not None for part in state[2:5]):
            raise TypeError("a dtype has a byte order or fields of another kind")
        dtype = np.dtype(text).newbyteorder(order)
        return np.dtype(text) if dtype.isnative else dtype  # "<" is "=" on most machines

    return Blank(fill)


def encode(_: str, text: Any, codec: Any) -> bytes:
    """`_codecs.encode(text, "latin1")`: how Python 3 writes bytes in the older protocols."""
    if codec != "latin1" or not isinstance(text, str):
        raise TypeError("bytes are encoded in another way")
    return text.encode("latin1")


def no_bytes(_: str) -> bytes:
    """`bytes()`: how Python 3 writes b"" there."""
    return b""


def no_call(*_: object) -> Any:
    """A class that is an argument only."""
    raise TypeError("an array is made in another way")


ALLOWED: dict[tuple[Any, Any], Callable[..., Any]] = {
    ("numpy", "ndarray"): no_call,
    ("numpy", "dtype"): make_dtype,
    ("numpy.core.multiarray", "_reconstruct"): make_blank_array,
    ("numpy._core.multiarray", "_reconstruct"): make_blank_array,
    ("numpy.core.multiarray", "scalar"): make_scalar,
    ("numpy._core.multiarray", "scalar"): make_scalar,
    ("numpy.core.numeric", "_frombuffer"): array_from_buffer,
    ("numpy._core.numeric", "_frombuffer"): array_from_buffer,
    ("_codecs", "encode"): encode,
    ("__builtin__", "bytes"): no_bytes,
    ("builtins", "bytes"): no_bytes,
}
