"""Elementary functions of each entry by itself: exponential, logarithm, sine and cosine.

They are the nodes that computational graphs are made of. As in NumPy, exp(x) becomes ∞ above
x ≈ 709 (88 in float32) and log(0) is −∞, with a warning. Sigmoid, softmax and the losses are
written so that neither happens: use them instead of composing your own.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class ExpSaved(NamedTuple):
    """What `exp_backward` needs from the forward pass."""

    y: Annotated[Array, "..."]  # the output, which is its own slope


def exp_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], ExpSaved]:
    """Raise e to the power of every entry.

        (1)  y = exp(x)

    >>> y, _ = exp_forward(np.array([0.0, np.log(3.0)]))
    >>> print(y)
    [1. 3.]
    """
    y = np.exp(x)  # (1)
    return y, ExpSaved(y)


def exp_backward(dy: Annotated[Array, "..."], saved: ExpSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) is the function that is its own derivative, ∂y/∂x = exp(x) = y:

        dx = dy y
    """
    dx = dy * saved.y  # (1)
    return (dx,)


class LogSaved(NamedTuple):
    """What `log_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the input


def log_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], LogSaved]:
    """Take the natural logarithm of every entry; all must be positive.

        (1)  y = log(x)

    >>> y, _ = log_forward(np.array([1.0, np.exp(2.0)]))
    >>> print(y)
    [0. 2.]
    """
    y = np.log(x)  # (1)
    return y, LogSaved(x)


def log_backward(dy: Annotated[Array, "..."], saved: LogSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) says x = exp(y). Differentiate both sides by x: 1 = exp(y) ∂y/∂x = x ∂y/∂x, so
    ∂y/∂x = 1 / x:

        dx = dy / x
    """
    dx = dy / saved.x  # (1)
    return (dx,)


class SinSaved(NamedTuple):
    """What `sin_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the input, in radians


def sin_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], SinSaved]:
    """Take the sine of every entry, an angle in radians.

        (1)  y = sin(x)

    >>> y, _ = sin_forward(np.array([0.0, np.pi / 2]))
    >>> y
    array([0., 1.])
    """
    y = np.sin(x)  # (1)
    return y, SinSaved(x)


def sin_backward(dy: Annotated[Array, "..."], saved: SinSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) is the height of a point that runs around the unit circle, and its height changes as fast
    as the point is far to the right, ∂y/∂x = cos(x):

        dx = dy cos(x)
    """
    dx = dy * np.cos(saved.x)  # (1)
    return (dx,)


class CosSaved(NamedTuple):
    """What `cos_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the input, in radians


def cos_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], CosSaved]:
    """Take the cosine of every entry, an angle in radians.

        (1)  y = cos(x)

    >>> y, _ = cos_forward(np.array([0.0, np.pi]))
    >>> y
    array([ 1., -1.])
    """
    y = np.cos(x)  # (1)
    return y, CosSaved(x)


def cos_backward(dy: Annotated[Array, "..."], saved: CosSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) is a sine a quarter turn ahead, cos(x) = sin(x + π/2), so its slope is
    cos(x + π/2) = −sin(x):

        dx = −dy sin(x)
    """
    dx = -dy * np.sin(saved.x)  # (1)
    return (dx,)
