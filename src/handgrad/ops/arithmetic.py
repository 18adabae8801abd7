"""Arithmetic: sums, differences, products, quotients and powers, entry by entry.

These are the nodes of a computational graph (`handgrad.graph`). Two inputs of different shapes are
broadcast by NumPy's rules, and each gradient is summed back to its own input's shape with
`sum_to_shape`, which the formulas leave out: they speak of one entry.

That the derivatives of such steps, multiplied backwards, give all derivatives of a long calculation
at the price of a few calculations was first written down in Linnainmaa, "The representation of the
cumulative rounding error of an algorithm as a Taylor expansion of the local rounding errors", 1970.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array
from handgrad.ops.broadcasting import sum_to_shape

Shape = tuple[int, ...]


class AddSaved(NamedTuple):
    """What `add_backward` needs from the forward pass: no value, for the slopes are 1."""

    x_shape: Shape  # of x, before broadcasting
    y_shape: Shape  # of y


def add_forward(
    x: Annotated[Array, "..."], y: Annotated[Array, "..."]
) -> tuple[Annotated[Array, "..."], AddSaved]:
    """Add two arrays.

        (1)  z = x + y

    >>> z, _ = add_forward(np.array([1.0, 2.0]), np.array(10.0))
    >>> z
    array([11., 12.])
    """
    z = x + y  # (1)
    return z, AddSaved(x.shape, y.shape)


def add_backward(
    dz: Annotated[Array, "..."], saved: AddSaved
) -> tuple[Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x` and `y`: a sum hands dz on as it is.

    (1) gives ∂z/∂x = 1 and ∂z/∂y = 1:

        dx = dz
        dy = dz
    """
    dx = sum_to_shape(dz, saved.x_shape)  # (1)
    dy = sum_to_shape(dz, saved.y_shape)  # (1)
    return dx, dy


class SubtractSaved(NamedTuple):
    """What `subtract_backward` needs from the forward pass."""

    x_shape: Shape  # of x, before broadcasting
    y_shape: Shape  # of y


def subtract_forward(
    x: Annotated[Array, "..."], y: Annotated[Array, "..."]
) -> tuple[Annotated[Array, "..."], SubtractSaved]:
    """Take one array from the other.

        (1)  z = x − y

    >>> z, _ = subtract_forward(np.array([11.0, 12.0]), np.array(10.0))
    >>> z
    array([1., 2.])
    """
    z = x - y  # (1)
    return z, SubtractSaved(x.shape, y.shape)


def subtract_backward(
    dz: Annotated[Array, "..."], saved: SubtractSaved
) -> tuple[Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x` and `y`.

    (1) gives ∂z/∂x = 1 and ∂z/∂y = −1:

        dx = dz
        dy = −dz
    """
    dx = sum_to_shape(dz, saved.x_shape)  # (1)
    dy = sum_to_shape(-dz, saved.y_shape)  # (1)
    return dx, dy


class MultiplySaved(NamedTuple):
    """What `multiply_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # which dy multiplies
    y: Annotated[Array, "..."]  # which dx multiplies


def multiply_forward(
    x: Annotated[Array, "..."], y: Annotated[Array, "..."]
) -> tuple[Annotated[Array, "..."], MultiplySaved]:
    """Multiply two arrays, entry by entry.

        (1)  z = x y

    >>> z, _ = multiply_forward(np.array([2.0, 3.0]), np.array([10.0, 100.0]))
    >>> z
    array([ 20., 300.])
    """
    z = x * y  # (1)
    return z, MultiplySaved(x, y)


def multiply_backward(
    dz: Annotated[Array, "..."], saved: MultiplySaved
) -> tuple[Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x` and `y`: each gets dz times the other.

    (1) gives ∂z/∂x = y and ∂z/∂y = x:

        dx = dz y
        dy = dz x
    """
    x, y = saved
    dx = sum_to_shape(dz * y, x.shape)  # (1)
    dy = sum_to_shape(dz * x, y.shape)  # (1)
    return dx, dy


class DivideSaved(NamedTuple):
    """What `divide_backward` needs from the forward pass."""

    x_shape: Shape  # of x, before broadcasting
    y: Annotated[Array, "..."]  # the divisor
    z: Annotated[Array, "..."]  # the quotient


def divide_forward(
    x: Annotated[Array, "..."], y: Annotated[Array, "..."]
) -> tuple[Annotated[Array, "..."], DivideSaved]:
    """Divide one array by the other, entry by entry.

        (1)  z = x / y

    >>> z, _ = divide_forward(np.array([6.0, 8.0]), np.array(2.0))
    >>> z
    array([3., 4.])
    """
    z = x / y  # (1)
    return z, DivideSaved(x.shape, y, z)


def divide_backward(
    dz: Annotated[Array, "..."], saved: DivideSaved
) -> tuple[Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x` and `y`.

    (1) gives ∂z/∂x = 1 / y, and ∂z/∂y = −x / y² = −z / y:

        dx = dz / y
        dy = −dz z / y
    """
    x_shape, y, z = saved
    dx = sum_to_shape(dz / y, x_shape)  # (1)
    dy = sum_to_shape(-dz * z / y, y.shape)  # (1)
    return dx, dy


class NegateSaved(NamedTuple):
    """What `negate_backward` needs from the forward pass: nothing."""


def negate_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], NegateSaved]:
    """Turn every sign around.

        (1)  y = −x

    >>> y, _ = negate_forward(np.array([-2.0, 3.0]))
    >>> y
    array([ 2., -3.])
    """
    y = -x  # (1)
    return y, NegateSaved()


def negate_backward(
    dy: Annotated[Array, "..."], saved: NegateSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) has slope −1 everywhere:

        dx = −dy
    """
    del saved  # the slope is the same for every x
    dx = -dy  # (1)
    return (dx,)


class PowerSaved(NamedTuple):
    """What `power_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the base
    exponent: Annotated[Array, "..."]  # p
    z: Annotated[Array, "..."]  # the power


def power_forward(
    x: Annotated[Array, "..."], exponent: Annotated[Array, "..."]
) -> tuple[Annotated[Array, "..."], PowerSaved]:
    """Raise `x` to the power `exponent`, entry by entry.

    With p for the exponent:

        (1)  z = xᵖ

    A negative base needs a whole exponent.

    >>> z, _ = power_forward(np.array([2.0, -3.0]), np.array(2.0))
    >>> z
    array([4., 9.])
    """
    z = x**exponent  # (1)
    return z, PowerSaved(x, exponent, z)


def power_backward(
    dz: Annotated[Array, "..."], saved: PowerSaved
) -> tuple[Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x` and `exponent`.

    The power rule gives ∂z/∂x = p xᵖ⁻¹. For p = 0 that is 0, which is taken as p xᵖ: x⁻¹ would not
    exist at x = 0. For the exponent, write (1) as z = exp(p log x), which gives ∂z/∂p = z log x:

        dx = dz p xᵖ⁻¹
        dexponent = dz z log x

    At x = 0 the power does not move with a positive exponent, and dexponent is 0. For x < 0 there
    is no power with an exponent nearby, hence no derivative, and dexponent is NaN.
    """
    x, exponent, z = saved
    lowered = np.where(exponent == 0, exponent, exponent - 1)  # (1)
    dx = sum_to_shape(dz * exponent * x**lowered, x.shape)  # (1)
    log_x = np.where(x < 0, np.nan, np.log(np.where(x > 0, x, 1)))  # (1)
    dexponent = sum_to_shape(dz * z * log_x, exponent.shape)  # (1)
    return dx, dexponent
