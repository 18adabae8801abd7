"""Reductions: many entries become one, their sum, their mean or their maximum.

`axis` is the axis that goes, a tuple of several, or None for all; with `keepdims` it stays, with
size 1.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array

Axis = int | tuple[int, ...] | None


class SumSaved(NamedTuple):
    """What `sum_backward` needs from the forward pass."""

    shape: tuple[int, ...]  # of x
    kept: tuple[int, ...]  # of y, with the axes that went


def sum_forward(
    x: Annotated[Array, "..."], *, axis: Axis = None, keepdims: bool = False
) -> tuple[Annotated[Array, "..."], SumSaved]:
    """Add up the entries along `axis`.

    Written for one group of entries that become one:

        (1)  y = Σᵢ xᵢ

    >>> y, _ = sum_forward(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    >>> y
    array([4., 6.])
    """
    kept = x.sum(axis=axis, keepdims=True)  # (1)
    return lay_out(kept, axis, keepdims), SumSaved(x.shape, kept.shape)


def sum_backward(dy: Annotated[Array, "..."], saved: SumSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) has slope 1 for every entry of its sum, and each gets the same:

        dxᵢ = dy
    """
    shape, kept = saved
    dx = np.broadcast_to(dy.reshape(kept), shape).copy()  # (1)
    return (dx,)


class MeanSaved(NamedTuple):
    """What `mean_backward` needs from the forward pass."""

    shape: tuple[int, ...]  # of x
    kept: tuple[int, ...]  # of y, with the axes that went
    group: int  # M, how many entries share one mean


def mean_forward(
    x: Annotated[Array, "..."], *, axis: Axis = None, keepdims: bool = False
) -> tuple[Annotated[Array, "..."], MeanSaved]:
    """Average the entries along `axis`.

    Written for one group of M entries that become one:

        (1)  y = Σᵢ xᵢ / M

    The mean of no entries is 0, as the loss of an empty batch.

    >>> y, _ = mean_forward(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    >>> y
    array([1.5, 3.5])
    """
    total = x.sum(axis=axis, keepdims=True)  # (1)
    group = max(x.size // max(total.size, 1), 1)
    kept = total / group  # (1)
    return lay_out(kept, axis, keepdims), MeanSaved(x.shape, kept.shape, group)


def mean_backward(dy: Annotated[Array, "..."], saved: MeanSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) has slope 1 / M for every entry of its group:

        dxᵢ = dy / M
    """
    shape, kept, group = saved
    dx = np.broadcast_to(dy.reshape(kept) / group, shape).copy()  # (1)
    return (dx,)


class MaxSaved(NamedTuple):
    """What `max_backward` needs from the forward pass."""

    share: Annotated[Array, "..."]  # 1 at the largest entry, 0 elsewhere; equal parts in a tie
    kept: tuple[int, ...]  # of y, with the axes that went


def max_forward(
    x: Annotated[Array, "..."], *, axis: Axis = None, keepdims: bool = False
) -> tuple[Annotated[Array, "..."], MaxSaved]:
    """Take the largest entry along `axis`.

    Written for one group of entries that become one:

        (1)  y = maxᵢ xᵢ
        (2)  shareᵢ = [xᵢ = y] / Σⱼ [xⱼ = y]        ([condition]: 1 where it holds, else 0)

    >>> y, _ = max_forward(np.array([[1.0, 5.0], [3.0, 4.0]]), axis=0)
    >>> y
    array([3., 5.])
    """
    kept = x.max(axis=axis, keepdims=True)  # (1)
    largest = ~(x < kept)  # not x == kept: a NaN, which equals nothing, would leave no winner
    share = (largest / largest.sum(axis=axis, keepdims=True)).astype(x.dtype)  # (2)
    return lay_out(kept, axis, keepdims), MaxSaved(share, kept.shape)


def max_backward(dy: Annotated[Array, "..."], saved: MaxSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    While one entry is the largest, (1) moves with it, with slope 1, and with no other. Where
    several are equally large, (1) has a kink, and every way to share the slope among them is a
    subgradient: (2) gives them equal parts.

        dxᵢ = dy shareᵢ
    """
    share, kept = saved
    dx = dy.reshape(kept) * share  # (1, 2)
    return (dx,)


def lay_out(kept: Array, axis: Axis, keepdims: bool) -> Array:  # noqa: FBT001  (NumPy's own option)
    """Leave out the axes that went, each of size 1, unless they are wanted."""
    return kept if keepdims else kept.squeeze(axis)
