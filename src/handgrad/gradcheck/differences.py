"""Derivatives of functions that nobody has differentiated: differences and complex steps.

A central difference cuts the Taylor series after its second term and subtracts two nearly equal
numbers:

    (1)  (f(x + h) − f(x − h)) / 2h = f'(x) + h² f'''(x) / 6 + rounding of about ε |f(x)| / h

The first error falls with h and the second grows, so the best h is about ∛ε: 6·10⁻⁶ in float64.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    ShapeError,
    check_number,
    shape_text,
)

COMPLEX_STEP = 1e-30  # nothing is subtracted, so it can be as small as one likes


class FlatFunctionWarning(UserWarning):
    """A function did not change at all when its argument was changed."""


def numerical_diff(f: Callable[[Any], Any], x: Any, *, step: float | None = None) -> Any:
    """The derivative of a function of one variable, at a number or at each entry of an array.

        (1)  f'(x) ≈ (f(x + h) − f(x − h)) / 2h

    Args:
        f: takes a number and returns one; for an array x, takes and returns arrays of x's shape.
        x: a real number or an array; integers are converted to float64.
        step: h. By default it follows from the precision of x and of f(x).

    Returns:
        A float, or a float64 array of the shape of x.

    Raises:
        InvalidValueError: step is so small that x + h is x.
        DtypeError: x or f(x) is not real.
        ShapeError: f(x) has not the shape of x.

    >>> round(numerical_diff(lambda x: x**2, 3), 6)
    6.0
    """
    who = "numerical_diff"
    point = real_array(x, who=who)[()]  # [()] makes a number of an array without axes
    value = np.asarray(f(point))
    if value.shape != point.shape:
        raise ShapeError(
            f"{who}: f(x) must have the shape of x, {shape_text(point.shape)}, but has shape "
            f"{shape_text(value.shape)}. For one value of many variables use numerical_gradient."
        )
    check_real(value, who=who)
    h = step_size(np.abs(point), value.dtype, step, who=who)
    plus, minus = point + h, point - h
    width = plus - minus  # not 2h exactly: rounding moved both ends
    check_moved(width, h, who=who)
    rise = np.asarray(f(plus), np.float64) - np.asarray(f(minus), np.float64)
    slope = rise / width  # (1)
    return float(slope) if slope.ndim == 0 else slope


def numerical_gradient(
    f: Callable[[Any], Any], x: Any, *, step: float | None = None, warn: bool = True
) -> Array:
    """The gradient of a function of many variables, by central differences, entry by entry.

        (1)  ∂f/∂xᵢ ≈ (f(x + h eᵢ) − f(x − h eᵢ)) / 2h        (eᵢ: 1 at entry i, 0 elsewhere)

    A float64 array is changed in place while this runs, and every entry is put back exactly, also
    when f raises. So both ways of writing f work, the plain one and that of the books, where f
    ignores its argument and the array belongs to a network:

        numerical_gradient(lambda w: loss_with(w), w)
        numerical_gradient(lambda _: network_loss(), w)        (network_loss reads w itself)

    Anything else (float32, integers, lists) is converted to a float64 copy, and f gets the copy.
    If f turns out to read a float32 array itself, that one is changed in place, with larger steps.

    Args:
        f: takes an array of the shape of x and returns one real number.
        x: real numbers, any shape.
        step: h. By default it follows from the precision of x and of f(x).
        warn: whether a function that never changes gives a FlatFunctionWarning.

    Returns:
        A float64 array of the shape of x.

    Raises:
        InvalidValueError: step is so small that x + h is x.
        DtypeError: x or f(x) is not real; or f reads an array of integers itself, which cannot
            take small steps.
        ShapeError: f(x) is not one number.

    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([3, 4])).round(6)
    array([6., 8.])
    """
    who = "numerical_gradient"
    point = real_array(x, who=who)
    given = np.asarray(x)  # x itself, where x is an array
    ours = given is not x or not given.flags.writeable
    if not ours and given.dtype == np.float64:
        gradient, flat = differences(f, given, step)
    else:
        gradient, flat = differences(f, point, step)
        if flat and not ours:
            gradient, flat = differences_in_place(f, given, step)
    if flat and warn:
        warnings.warn(
            f"{who}: f gave exactly the same value for every change of x (shape "
            f"{shape_text(point.shape)}), so the gradient is 0 everywhere. If that surprises you: "
            "f must use its argument, or read the very array that is passed as x, in float64 (not "
            "a copy of it).",
            FlatFunctionWarning,
            stacklevel=2,
        )
    return gradient


def complex_step_gradient(f: Callable[[Any], Any], x: Any) -> Array:
    """The gradient of an analytic function, to the last digits.

        (1)  f(x + ih eᵢ) = f(x) + ih ∂f/∂xᵢ − …, so ∂f/∂xᵢ = Im f(x + ih eᵢ) / h

    Nothing is subtracted, so h is 10⁻³⁰ and neither error of a difference remains. f must be
    written with analytic operations: no abs, no maximum, no conversion to float.

    Squire and Trapp, "Using Complex Variables to Estimate Derivatives of Real Functions", SIAM
    Review 40, 1998.

    Args:
        f: takes a complex array of the shape of x and returns one complex number.
        x: real numbers, any shape; never changed.

    Returns:
        A float64 array of the shape of x.

    Raises:
        DtypeError: x is not real, or f lost the imaginary part.
        ShapeError: f(x) is not one number.

    >>> complex_step_gradient(lambda x: (x**2).sum(), [3, 4])
    array([6., 8.])
    """
    who = "complex_step_gradient"
    point = real_array(x, who=who).astype(np.complex128)
    gradient = np.zeros(point.shape)
    for index in np.ndindex(point.shape):
        before = point[index]
        point[index] = before + 1j * COMPLEX_STEP
        value = one_number(f(point), who=who)
        point[index] = before
        if not np.issubdtype(value.dtype, np.complexfloating):
            raise DtypeError(
                f"{who}: f must return a complex number for a complex x, but returned "
                f"{value.dtype}. Something in it loses the imaginary part (abs, float(), an array "
                "of floats that it fills), or it ignores its argument. Use numerical_gradient."
            )
        gradient[index] = np.imag(value) / COMPLEX_STEP  # (1)
    return gradient


# -- how ----------------------------------------------------------------------------------------


def real_array(x: Any, *, who: str) -> Array:
    """A float64 copy of `x`; refuse what is not real numbers."""
    array = np.asarray(x)
    check_real(array, who=who, which="x")
    return np.array(array, np.float64)


def check_real(array: Array, *, who: str, which: str = "f(x)") -> None:
    """Refuse an array that holds anything but integers and floats."""
    if not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        raise DtypeError(f"{who}: {which} must be real numbers, but has dtype {array.dtype}.")


def one_number(value: Any, *, who: str) -> Array:
    """What f returned, as an array without axes."""
    array = np.asarray(value)
    if array.ndim:
        raise ShapeError(
            f"{who}: f must return one number, but returned an array of shape "
            f"{shape_text(array.shape)}. Sum it, or differentiate one entry at a time."
        )
    return array


def step_size(size: Any, dtype: Any, step: float | None, *, who: str) -> Any:
    """The h for entries of absolute value `size`, where x or f(x) has the precision of `dtype`."""
    if step is not None:
        check_number(step, who=who, which="step", low=0, open_low=True)
        return step
    coarse = np.issubdtype(dtype, np.floating) and np.finfo(dtype).eps > np.finfo(np.float64).eps
    eps = float(np.finfo(dtype if coarse else np.float64).eps)
    return eps ** (1 / 3) * np.maximum(1, size)


def check_moved(width: Any, h: Any, *, who: str) -> None:
    """Refuse a step that is less than the rounding of x: x + h is x then, and nothing is measured.

    Raises:
        InvalidValueError: names the step.
    """
    if not np.all(width):
        raise InvalidValueError(
            f"{who}: step must change x, but {h} is less than the rounding of an entry. Leave "
            "step out: it then grows with x."
        )


def differences(f: Callable[[Any], Any], x: Array, step: float | None) -> tuple[Array, bool]:
    """The gradient at `x`, which is changed and put back, and whether f never changed at all."""
    who = "numerical_gradient"

    def value_at(index: tuple[int, ...], entry: Any) -> tuple[float, float]:
        """The value of f with x[index] = entry, and the entry that rounding made of it."""
        before = x[index]
        x[index] = entry
        try:
            return float(one_number(f(x), who=who)), float(x[index])
        finally:
            x[index] = before

    at_x = one_number(f(x), who=who)
    check_real(at_x, who=who)
    base, precision = float(at_x), min(x.dtype, at_x.dtype, key=digits)
    gradient, flat = np.zeros(x.shape), x.size > 0
    for index in np.ndindex(x.shape):
        entry = float(x[index])
        h = step_size(abs(entry), precision, step, who=who)
        above, plus = value_at(index, entry + h)
        below, minus = value_at(index, entry - h)
        check_moved(plus - minus, h, who=who)
        gradient[index] = (above - below) / (plus - minus)  # (1)
        flat = flat and above == base == below
    return gradient, flat


def digits(dtype: Any) -> int:
    """Decimal digits of a floating dtype; integers are as good as float64."""
    return np.finfo(dtype if np.issubdtype(dtype, np.floating) else np.float64).precision


def differences_in_place(
    f: Callable[[Any], Any], x: Array, step: float | None
) -> tuple[Array, bool]:
    """The same where f ignores its argument and may read `x` itself, which is not float64."""
    if np.issubdtype(x.dtype, np.floating):
        return differences(f, x, step)
    base = float(one_number(f(x), who="numerical_gradient"))
    for index in np.ndindex(x.shape):
        before = x[index]
        x[index] = before ^ 1  # the last bit: a change that every integer can take
        try:
            changed = float(one_number(f(x), who="numerical_gradient")) != base
        finally:
            x[index] = before
        if changed:
            raise DtypeError(
                f"numerical_gradient: f reads the array x itself, which has dtype {x.dtype} and "
                "cannot take small steps. Make it float64 (x = x.astype(float)), or let f use its "
                "argument."
            )
    return np.zeros(x.shape), True
