"""Broadcasting: an array used as if it were larger, and the sum that undoes it."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class BroadcastToSaved(NamedTuple):
    """What `broadcast_to_backward` needs from the forward pass."""

    shape: tuple[int, ...]  # of x


def broadcast_to_forward(
    x: Annotated[Array, "..."], *, shape: tuple[int, ...]
) -> tuple[Annotated[Array, "..."], BroadcastToSaved]:
    """Repeat `x` until it has the shape `shape`, by NumPy's rules.

    Shapes are compared from the last axis backwards. Axes that x lacks are added in front, and
    along these, as along those where x has size 1, every place holds the same entry of x. For one
    row x of size K, and N rows wanted:

        (1)  yₙₖ = xₖ

    >>> y, _ = broadcast_to_forward(np.array([1.0, 2.0]), shape=(3, 2))
    >>> y
    array([[1., 2.],
           [1., 2.],
           [1., 2.]])
    """
    y = np.broadcast_to(x, shape).copy()  # (1)
    return y, BroadcastToSaved(x.shape)


def broadcast_to_backward(
    dy: Annotated[Array, "..."], saved: BroadcastToSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    By (1), xₖ reaches every yₙₖ, with slope 1, and its gradient is the sum over these ways:

        dxₖ = Σₙ dyₙₖ        dx = dy summed over the axes along which x was repeated
    """
    dx = sum_to_shape(dy, saved.shape)  # (1)
    return (dx,)


def sum_to_shape(d: Array, shape: tuple[int, ...]) -> Array:
    """Sum `d` over the axes along which an array of that shape was repeated to d's shape.

    Every op with two array inputs undoes NumPy's broadcasting with it. The sum is a new array, also
    where nothing was repeated.

    >>> sum_to_shape(np.array([[1.0, 2.0], [10.0, 20.0]]), (2,))
    array([11., 22.])
    """
    added = d.ndim - len(shape)
    d = d.sum(axis=tuple(range(added)))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return d.sum(axis=repeated, keepdims=True)
