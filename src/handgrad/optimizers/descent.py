"""Gradient descent on any function, which needs no network and no backward pass."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import (
    Array,
    NonFiniteError,
    check_count,
    check_number,
    check_shape,
)


class Descent(NamedTuple):
    """Where gradient descent went."""

    x: Array  # the lowest point of the path
    value: float  # f there
    path: Array  # every point, the first is the start: shape (steps + 1, *x.shape)
    values: Array  # f at each of them: shape (steps + 1,)


def gradient_descent(
    f: Callable[[Array], Any],
    x: Any,
    *,
    learning_rate: float = 0.01,
    steps: int = 100,
    gradient: Callable[[Array], Any] | None = None,
) -> Descent:
    """Walk down from `x`, always against the gradient.

        (1)  x ← x − η ∇f(x)

    Args:
        f: takes an array of the shape of x and returns one number. It must use its argument.
        x: where to start; it is never changed.
        learning_rate: η. Too small, and it arrives nowhere; too large, and it climbs.
        steps: how many steps to make.
        gradient: ∇f, if you have it; by default it is measured by `numerical_gradient`.

    Returns:
        A Descent: `x`, `value`, `path` and `values`.

    Raises:
        NonFiniteError: the walk left all bounds.

    >>> descent = gradient_descent(lambda x: x[0] ** 2 + x[1] ** 2, [-3.0, 4.0], learning_rate=0.1)
    >>> bool(descent.value < 1e-10), descent.path.shape
    (True, (101, 2))
    """
    from handgrad.gradcheck import numerical_gradient  # other optimizers need nothing of it

    who = "gradient_descent"
    check_number(learning_rate, who=who, which="learning_rate", low=0, open_low=True)
    check_count(steps, who=who, which="steps", low=0)
    point = np.array(x, np.float64)
    path, values = [point.copy()], [value_at(f, point, 0)]
    for step in range(1, steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # `value_at` looks at what comes out
            if gradient is None:  # a function that is flat is worth a warning at the start alone
                slope = numerical_gradient(f, point, warn=step == 1)
            else:
                slope = np.array(gradient(point.copy()), np.float64)
                check_shape(slope, point.shape, who=who, which="gradient(x)")
            point = np.asarray(point - learning_rate * slope)  # (1)
        path.append(point.copy())
        values.append(value_at(f, point, step))
    best = int(np.argmin(values))
    return Descent(path[best], values[best], np.array(path), np.array(values))


def value_at(f: Callable[[Array], Any], point: Array, step: int) -> float:
    """The value of f at a copy of `point`; refuse to go on from what is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.asarray(f(point.copy()))
    check_shape(value, (), who="gradient_descent", which="f(x)")
    if not (np.isfinite(value) and np.isfinite(point).all()):
        cure = "Use a smaller learning_rate." if step else "Start elsewhere."
        raise NonFiniteError(
            f"gradient_descent: x and f(x) must be finite, but after step {step} f(x) is "
            f"{float(value)}. {cure}"
        )
    return float(value)
