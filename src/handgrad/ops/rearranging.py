"""Rearranging: entries get other places, or are picked; none is changed. All results are copies."""

from typing import Annotated, Any, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class ReshapeSaved(NamedTuple):
    """What `reshape_backward` needs from the forward pass."""

    shape: tuple[int, ...]  # of x


def reshape_forward(
    x: Annotated[Array, "..."], *, shape: tuple[int, ...]
) -> tuple[Annotated[Array, "..."], ReshapeSaved]:
    """Fill an array of another shape with the entries in their order, the last axis fastest.

    For x of shape (A, B) and y of shape (C, D), with A B = C D:

        (1)  y[c, d] = x[a, b]        with a B + b = c D + d

    >>> y, _ = reshape_forward(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), shape=(3, 2))
    >>> y
    array([[1., 2.],
           [3., 4.],
           [5., 6.]])
    """
    y = x.copy().reshape(shape)  # (1)
    return y, ReshapeSaved(x.shape)


def reshape_backward(
    dy: Annotated[Array, "..."], saved: ReshapeSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    By (1), each entry of x reaches one entry of y, with slope 1, and its gradient comes back from
    there:

        dx[a, b] = dy[c, d]        dx = dy in x's shape
    """
    dx = dy.copy().reshape(saved.shape)  # (1)
    return (dx,)


class TransposeSaved(NamedTuple):
    """What `transpose_backward` needs from the forward pass."""

    axes: tuple[int, ...]  # axis i of y is axis axes[i] of x


def transpose_forward(
    x: Annotated[Array, "..."], *, axes: tuple[int, ...] | None = None
) -> tuple[Annotated[Array, "..."], TransposeSaved]:
    """Put the axes into another order; without `axes`, into the opposite one.

    For a matrix:

        (1)  y = xᵀ,  y[j, i] = x[i, j]

    >>> y, _ = transpose_forward(np.array([[1.0, 2.0, 3.0]]))
    >>> y
    array([[1.],
           [2.],
           [3.]])
    """
    axes = tuple(reversed(range(x.ndim))) if axes is None else axes
    y = x.transpose(axes).copy()  # (1)
    return y, TransposeSaved(axes)


def transpose_backward(
    dy: Annotated[Array, "..."], saved: TransposeSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    By (1), each entry of x reaches one entry of y, with slope 1. Its gradient comes back the same
    way: axis i of dy goes to where axis i of y came from.

        dx[i, j] = dy[j, i]        dx = dyᵀ
    """
    dx = np.moveaxis(dy, range(dy.ndim), saved.axes).copy()  # (1)
    return (dx,)


class IndexSaved(NamedTuple):
    """What `index_backward` needs from the forward pass."""

    shape: tuple[int, ...]  # of x
    key: Any  # what stood in the brackets


def index_forward(
    x: Annotated[Array, "..."], *, key: Any
) -> tuple[Annotated[Array, "..."], IndexSaved]:
    """Pick entries: whatever NumPy allows between brackets.

    Entry j of y is the entry k(j) of x:

        (1)  y = x[key],  yⱼ = x_k(j)

    >>> y, _ = index_forward(np.array([10.0, 20.0, 30.0]), key=[2, 0, 2])
    >>> y
    array([30., 10., 30.])
    """
    y = x[key].copy()  # (1)
    return y, IndexSaved(x.shape, key)


def index_backward(
    dy: Annotated[Array, "..."], saved: IndexSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    By (1), an entry of x reaches every yⱼ that it was picked for, with slope 1, and no other. So an
    entry that was picked twice gets both gradients, and one that was not picked gets 0:

        dxᵢ = Σ_{j: k(j) = i} dyⱼ
    """
    shape, key = saved
    dx = np.zeros(shape, dy.dtype)  # (1)
    np.add.at(dx, key, dy)  # (1)
    return (dx,)
