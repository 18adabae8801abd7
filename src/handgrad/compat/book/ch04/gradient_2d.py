"""`gradient_2d` of chapter 4: gradients of functions of two variables."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.compat.book.common.gradient import numerical_gradient_2d

__all__ = ["function_2", "np", "numerical_gradient", "tangent_line"]

numerical_gradient = numerical_gradient_2d


def function_2(x: Array) -> Any:
    """The sum of squares; of each row, if x has rows."""
    return np.sum(x**2, axis=-1)


def tangent_line(f: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The straight line that touches f at x."""
    d = numerical_gradient(f, x)
    height = f(x) - d * x
    return lambda t: d * t + height
