"""`common.gradient` of the book: gradients by central differences.

In all of them every evaluation of `f` draws the same numbers from `np.random`, and so does what
comes next: with dropout, the differences and the backward pass after them see the same masks.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad import gradcheck
from handgrad.checks import Array

__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]

STEP = 1e-4


def numerical_gradient(f: Callable[[Any], Any], x: Any) -> Array:
    """The gradient of `f`, which returns one number, at an array `x` of any shape, as float64.

    A float64 array is changed in place while this runs, as scripts count on that write
    `lambda W: net.loss(x, t)`. Integers are converted first: they cannot take small steps.
    """
    state, before = np.random.get_state(), position()
    f(np.asarray(x))
    if position() == before:  # f draws nothing: no need to go back each time
        return gradcheck.numerical_gradient(lambda p: one_number(f(p)), x, step=STEP, warn=False)

    def same_numbers(point: Any) -> Any:
        np.random.set_state(state)
        return one_number(f(point))

    try:
        return gradcheck.numerical_gradient(same_numbers, x, step=STEP, warn=False)
    finally:
        np.random.set_state(state)


def position() -> tuple[Any, ...]:
    """Where `np.random` is in its sequence."""
    state = np.random.get_state(legacy=False)
    return state["state"]["key"].tobytes(), state["state"]["pos"], state["has_gauss"]


def numerical_gradient_2d(f: Callable[[Any], Any], X: Any) -> Array:
    """The gradient of `f` at each row of `X`; at `X` itself, if it has no rows."""
    rows = np.asarray(X)
    if rows.ndim < 2:
        return numerical_gradient(f, rows)
    gradients = [numerical_gradient(f, row) for row in rows]
    return np.stack(gradients) if gradients else np.zeros(rows.shape)


def one_number(value: Any) -> Any:
    """A value without axes: what a function of the book returns may be an array of one entry."""
    array = np.asarray(value)
    return array.reshape(()) if array.size == 1 else value


_numerical_gradient_1d = numerical_gradient
