"""`cs231n.gradient_check`: numerical gradients, entry by entry, to check written ones with.

Functions under test may use their argument, or ignore it and read the array that was given as `x`
(a network's own parameter): a floating array is changed in place while this runs, and every entry
is put back exactly. Integers are converted, since they cannot take small steps.
"""

from collections.abc import Callable, Sequence
from random import randrange
from typing import Any

import numpy as np

from handgrad.checks import Array, check_number

__all__ = [
    "eval_numerical_gradient",
    "eval_numerical_gradient_array",
    "eval_numerical_gradient_blobs",
    "eval_numerical_gradient_net",
    "grad_check_sparse",
]

WHO = "eval_numerical_gradient"


def eval_numerical_gradient(
    f: Callable[[Any], Any], x: Array, verbose: bool = True, h: float = 0.00001
) -> Array:
    """The gradient of a function of many variables at `x`, by central differences.

    Args:
        f: takes an array of the shape of x and returns one number.
        x: the point.
        verbose: print every entry's derivative.
        h: the step; taken larger where the dtype of x cannot resolve it.
    """
    gradient = differences(f, x, 1.0, h)
    if verbose:
        for index in np.ndindex(gradient.shape):
            print(index, gradient[index])
    return gradient


def eval_numerical_gradient_array(
    f: Callable[[Any], Any], x: Array, df: Any, h: float = 1e-5
) -> Array:
    """The gradient of Σ f(x) df at `x`, where f returns an array and `df` is its gradient."""
    return differences(f, x, df, h)


def eval_numerical_gradient_blobs(
    f: Callable[..., Any], inputs: Sequence[Any], output: Any, h: float = 1e-5
) -> list[Array]:
    """The same for functions that read blobs and write into one.

    Args:
        f: takes the input blobs and the output blob, and fills `output.vals`.
        inputs: blobs with `vals` (an array) and `diffs`.
        output: a blob with `vals` and `diffs`, the gradient of what f writes.
        h: the step.

    Returns:
        One gradient for each input.
    """

    def values(_: Any) -> Array:
        f(*inputs, output)
        return np.array(output.vals)

    return [differences(values, blob.vals, output.diffs, h) for blob in inputs]


def eval_numerical_gradient_net(
    net: Any, inputs: Sequence[Any], output: Any, h: float = 1e-5
) -> list[Array]:
    """The same for an object with a method `forward`, which fills `output`."""
    return eval_numerical_gradient_blobs(lambda *_: net.forward(), inputs, output, h=h)


def grad_check_sparse(
    f: Callable[[Any], Any],
    x: Array,
    analytic_grad: Array,
    num_checks: int = 10,
    h: float = 1e-5,
) -> None:
    """Compare a gradient with numerical derivatives at a few entries, drawn at random, and print.

    Python's own `random` draws the entries, so `random.seed` chooses them.
    """
    x = floating(x)
    for _ in range(num_checks):
        index = tuple(randrange(size) for size in x.shape)  # noqa: S311  (no secret)
        numerical = difference_at(f, x, index, 1.0, h)
        analytic = analytic_grad[index]
        size = abs(numerical) + abs(analytic)
        error = abs(numerical - analytic) / size if size else 0.0
        print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")


def differences(f: Callable[[Any], Any], x: Array, df: Any, h: float) -> Array:
    """The derivative of Σ f(x) df by every entry of `x`."""
    check_number(h, who=WHO, which="h", low=0, open_low=True)
    x = floating(x)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        gradient[index] = difference_at(f, x, index, df, h)
    return gradient


def floating(x: Array) -> Array:
    """The array itself; for integers, a copy that can take small steps."""
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(np.float64)


def difference_at(
    f: Callable[[Any], Any], x: Array, index: tuple[int, ...], df: Any, h: float
) -> float:
    """The derivative of Σ f(x) df by one entry of `x`, which is put back."""
    before = x[index]
    if np.finfo(x.dtype).eps > np.finfo(np.float64).eps:
        h = max(h, float(np.finfo(x.dtype).eps) ** (1 / 3) * max(1.0, abs(float(before))))
    try:
        x[index] = before + h
        above, upper = np.array(f(x), np.float64), float(x[index])
        x[index] = before - h
        below, lower = np.array(f(x), np.float64), float(x[index])
    finally:
        x[index] = before
    # x[index] ± h was rounded: what counts is how far it moved.
    return float(np.sum((above - below) * df) / (upper - lower))
