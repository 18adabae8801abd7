"""Checks of shapes, dtypes and values, and the wording of their errors.

Every error says who refuses, which argument, what it wanted, what came, and the usual cure.
All of handgrad's errors derive from `HandgradError`, and from the built-in error that a caller
would expect (`ShapeError` is a `ValueError`, and so on).
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]  # `ops` has its own: it imports NumPy alone


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


Dim = int | str


def shape_text(shape: Sequence[Dim]) -> str:
    """Write a shape the way NumPy does, with names where sizes are free.

    >>> shape_text(("N", 784)), shape_text((3,)), shape_text(())
    ('(N, 784)', '(3,)', '()')
    """
    inner = ", ".join(str(dim) for dim in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


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
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), array.shape))
        index = ", ".join(str(i) for i in first)
        raise NonFiniteError(
            f"{who}: {which} must be finite, but {which}[{index}] is {array[first]} "
            f"({int(bad.sum())} of {array.size} entries).{' ' if cure else ''}{cure}"
        )
