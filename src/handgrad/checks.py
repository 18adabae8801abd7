"""Checks of shapes, dtypes and values, and the wording of their errors.

Every error says who refuses, which argument, what it wanted, what came, and the usual cure.
All of handgrad's errors derive from `HandgradError`, and from the built-in error that a caller
would expect (`ShapeError` is a `ValueError`, and so on).
"""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, cast

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]  # `ops` has its own: it imports NumPy alone
PIECE = 100_000  # numbers that are looked at together


class HandgradError(Exception):
    """The root of every error that handgrad raises on purpose."""


class ShapeError(HandgradError, ValueError):
    """An array, or a chain of layers, has the wrong shape."""


class DtypeError(HandgradError, TypeError):
    """An array has a dtype, or an argument a type, that cannot be used."""


class InvalidValueError(HandgradError, ValueError):
    """An argument's value is outside what is allowed."""


class NonFiniteError(HandgradError, ArithmeticError):
    """A NaN or an infinity appeared where only finite numbers make sense."""


class NoGradientError(HandgradError, RuntimeError):
    """A gradient was asked of a function that has no useful one."""


class FileFormatError(HandgradError, ValueError):
    """A file is not what it should be: truncated, of another format, or tampered with."""


class FileAccessError(HandgradError, OSError):
    """A file or folder cannot be read or written."""


class UnknownNameError(HandgradError, KeyError):
    """A name that is not there: of a parameter, of a column."""

    __str__ = Exception.__str__  # KeyError's would put the whole sentence in quotes


class HandgradWarning(UserWarning):
    """Something that works, but not in the way that one would expect."""


Dim = int | str
PLURALS = ("labels", "targets", "outputs")


def shape_text(shape: Sequence[Dim]) -> str:
    """Write a shape the way NumPy does, with names where sizes are free.

    >>> shape_text(("N", 784)), shape_text((3,)), shape_text(())
    ('(N, 784)', '(3,)', '()')
    """
    inner = ", ".join(str(dim) for dim in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def check_kind(value: object, kind: type, *, who: str, which: str, cure: str = "") -> None:
    """Refuse `value` unless it is a `kind`; the class itself, in its place, gets its own cure.

    Raises:
        DtypeError: anything else.

    >>> check_kind("adam", HandgradError, who="Trainer", which="optimizer")
    Traceback (most recent call last):
    handgrad.checks.DtypeError: Trainer: optimizer must be a HandgradError, but is 'adam' (str).
    """
    if isinstance(value, kind):
        return
    if isinstance(value, type) and issubclass(value, kind):
        cure = f"Make one: {value.__name__}(...)."
    article = "an" if kind.__name__[0] in "AEIO" else "a"
    raise DtypeError(
        f"{who}: {which} must be {article} {kind.__name__}, but is {value!r:.100} "
        f"({type(value).__name__}).{' ' if cure else ''}{cure}"
    )


def as_numbers(values: Any, *, who: str, which: str, kinds: str = "biuf") -> Array:
    """Turn anything like an array into one; refuse what holds no real numbers.

    Args:
        values: an array, a list of rows, a table.
        who: who refuses.
        which: what `values` is called.
        kinds: the kinds of dtypes that are taken; with "c", complex ones too.

    Raises:
        ShapeError: rows of different lengths.
        DtypeError: text, dates, objects, complex numbers; entries that are masked.

    >>> as_numbers([[1, 2], [3]], who="Network", which="x")
    Traceback (most recent call last):
    handgrad.checks.ShapeError: Network: x must have rows of equal length, but came ragged.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:  # NumPy's own words for this name an "inhomogeneous shape"
        raise ShapeError(
            f"{who}: {which} must have rows of equal length, but came ragged."
        ) from error
    if array.dtype.kind not in kinds:
        text = array.dtype.kind in "SUT" or any(isinstance(value, str) for value in array.flat)
        if text and which == "labels":
            cure = (
                "Number the classes first: names, labels = np.unique(labels, return_inverse=True)."
            )
        else:
            cure = f"Convert with {which}.astype(float)."
        has = "have" if which in PLURALS else "has"
        raise DtypeError(
            f"{who}: {which} must hold real numbers, but {has} dtype {array.dtype}. {cure}"
        )
    if np.ma.is_masked(values):
        raise DtypeError(
            f"{who}: {which} must not have masked entries. Fill them, with filled(0) for example, "
            "or leave their rows out."
        )
    return array


def as_shape(value: Any, *, who: str, which: str) -> tuple[int, ...]:
    """Turn a size, or a sequence of sizes, into a shape.

    Raises:
        DtypeError, InvalidValueError: something else, or a size below 1.

    >>> as_shape(784, who="Network", which="input_shape")
    (784,)
    """
    sizes = [value] if isinstance(value, Integral) else value
    if not isinstance(sizes, tuple | list | np.ndarray):
        raise DtypeError(
            f"{who}: {which} must be one example's shape, such as (784,), but is {value!r:.100} "
            f"({type(value).__name__})."
        )
    for size in cast("Sequence[Any]", sizes):
        check_count(size, who=who, which=f"every size in {which}")
    return tuple(int(size) for size in cast("Sequence[Any]", sizes))


def check_shape(
    array: Array, expected: Sequence[Dim], *, who: str, which: str, cure: str = ""
) -> None:
    """Refuse `array` unless its shape is `expected`; a name in `expected` fits any size.

    Raises:
        ShapeError: the number of axes or the size of an axis differs.

    >>> check_shape(np.zeros((2, 4)), ("N", 3), who="Affine 'fc1'", which="x")
    Traceback (most recent call last):
    handgrad.checks.ShapeError: Affine 'fc1': x must have shape (N, 3), but has shape (2, 4).
    """
    shape = np.shape(array)
    fits = len(shape) == len(expected) and all(
        isinstance(want, str) or want == came for want, came in zip(expected, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{who}: {which} must have shape {shape_text(expected)}, "
            f"but has shape {shape_text(shape)}.{' ' if cure else ''}{cure}"
        )


def check_number(
    value: float,
    *,
    who: str,
    which: str,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Refuse `value` unless it is a finite real number within the bounds.

    `low` and `high` are allowed themselves, unless `open_low` or `open_high` say otherwise.

    Raises:
        DtypeError: not a real number.
        InvalidValueError: not finite, or out of bounds.

    >>> check_number(1.5, who="Dropout", which="rate", low=0, high=1, open_high=True)
    Traceback (most recent call last):
    handgrad.checks.InvalidValueError: Dropout: rate must be in [0, 1), but is 1.5.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise DtypeError(
            f"{who}: {which} must be a number, but is {value!r} ({type(value).__name__})."
        )
    too_low = low is not None and (value <= low if open_low else value < low)
    too_high = high is not None and (value >= high if open_high else value > high)
    if not np.isfinite(value) or too_low or too_high:
        left = "(" if open_low or low is None else "["
        right = ")" if open_high or high is None else "]"
        low_text = "-inf" if low is None else f"{low:g}"
        high_text = "inf" if high is None else f"{high:g}"
        raise InvalidValueError(
            f"{who}: {which} must be in {left}{low_text}, {high_text}{right}, but is {value!r}."
        )


def check_count(value: Any, *, who: str, which: str, low: int = 1) -> None:
    """Refuse `value` unless it is a whole number of at least `low`.

    Raises:
        DtypeError: not an integer.
        InvalidValueError: smaller than `low`.

    >>> check_count(0, who="Trainer.fit", which="batch_size")
    Traceback (most recent call last):
    handgrad.checks.InvalidValueError: Trainer.fit: batch_size must be at least 1, but is 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DtypeError(
            f"{who}: {which} must be a whole number, but is {value!r} ({type(value).__name__})."
        )
    if value < low:
        raise InvalidValueError(f"{who}: {which} must be at least {low}, but is {value!r}.")


def check_choice(value: Any, choices: Sequence[str], *, who: str, which: str) -> None:
    """Refuse `value` unless it is one of `choices`.

    Raises:
        InvalidValueError: anything else; the message lists the choices.

    >>> check_choice("adm", ("adam", "sgd"), who="train", which="optimizer")
    Traceback (most recent call last):
    handgrad.checks.InvalidValueError: train: optimizer must be one of adam, sgd, but is 'adm'.
    """
    if value not in choices:
        raise InvalidValueError(
            f"{who}: {which} must be one of {', '.join(choices)}, but is {value!r}."
        )


def check_finite(array: Array, *, who: str, which: str, cure: str = "") -> None:
    """Refuse an array that holds a NaN or an infinity, and say where the first one is.

    Raises:
        NonFiniteError: with the index and the count.

    >>> check_finite(np.array([1.0, np.nan]), who="Trainer.fit", which="x")
    Traceback (most recent call last):
    handgrad.checks.NonFiniteError: Trainer.fit: x must be finite, but x[1] is nan (1 of 2 entries).
    """
    if not np.issubdtype(array.dtype, np.inexact):
        return
    if not finite(array):
        bad = ~np.isfinite(array)
        first = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), array.shape))
        index = ", ".join(str(i) for i in first)
        raise NonFiniteError(
            f"{who}: {which} must be finite, but {which}[{index}] is {array[first]} "
            f"({int(bad.sum())} of {array.size} entries).{' ' if cure else ''}{cure}"
        )


def finite(array: Array) -> bool:
    """Whether every number is; in pieces, so that large arrays are not answered by large ones.

    >>> finite(np.array([1.0, np.inf]))
    False
    """
    if array.size <= PIECE:
        return bool(np.isfinite(array).all())
    rows = np.atleast_1d(array)
    at_once = max(1, PIECE * len(rows) // array.size)
    pieces = (rows[first : first + at_once] for first in range(0, len(rows), at_once))
    return all(np.isfinite(piece).all() for piece in pieces)
