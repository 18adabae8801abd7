"""Changes of shape, which move no value."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class FlattenSaved(NamedTuple):
    """What `flatten_backward` needs from the forward pass."""

    shape: tuple[int, ...]  # of x


def flatten_forward(
    x: Annotated[Array, "N ..."],
) -> tuple[Annotated[Array, "N D"], FlattenSaved]:
    """Write all entries of each example into one row, the last axis running fastest.

    For an image, with C channels of H × W:

        (1)  yₙᵢ = xₙ,c,h,w        with i = (c H + h) W + w

    The row is a copy: changing it leaves `x` as it is.

    >>> y, _ = flatten_forward(np.array([[[1, 2], [3, 4]]]))
    >>> y
    array([[1, 2, 3, 4]])
    """
    shape: tuple[int, ...] = x.shape
    y = x.copy().reshape(shape[0], int(np.prod(shape[1:])))  # (1)
    return y, FlattenSaved(shape)


def flatten_backward(
    dy: Annotated[Array, "N D"], saved: FlattenSaved
) -> tuple[Annotated[Array, "N ..."]]:
    """Gradient with respect to `x`.

    By (1), each entry of x reaches one entry of y, unchanged, and its gradient comes back from
    there:

        dxₙ,c,h,w = dyₙᵢ        dx = dy in x's shape
    """
    dx = dy.copy().reshape(saved.shape)  # (1)
    return (dx,)
