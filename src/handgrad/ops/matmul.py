"""The product of matrices, which is what affine layers and convolutions come down to."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array
from handgrad.ops.broadcasting import sum_to_shape


class MatmulSaved(NamedTuple):
    """What `matmul_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the left factor, which dy is made with
    y: Annotated[Array, "..."]  # the right factor, which dx is made with


def matmul_forward(
    x: Annotated[Array, "..."], y: Annotated[Array, "..."]
) -> tuple[Annotated[Array, "..."], MatmulSaved]:
    """Multiply matrices: row i of the first with column j of the second.

        (1)  zᵢⱼ = Σₖ xᵢₖ yₖⱼ        z = x y

    As `@` does in NumPy: a vector on the left is one row, a vector on the right one column (and
    its axis is missing in z); axes before the last two count many matrices, and are broadcast.

    >>> z, _ = matmul_forward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    >>> z
    array([[11.]])
    """
    z = x @ y  # (1)
    return z, MatmulSaved(x, y)


def matmul_backward(
    dz: Annotated[Array, "..."], saved: MatmulSaved
) -> tuple[Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x` and `y`.

    By (1), xᵢₖ reaches the row i of z, with slope yₖⱼ at column j; and yₖⱼ reaches the column j,
    with slope xᵢₖ at row i. Sum over the ways:

        dxᵢₖ = Σⱼ dzᵢⱼ yₖⱼ        dx = dz yᵀ
        dyₖⱼ = Σᵢ xᵢₖ dzᵢⱼ        dy = xᵀ dz

    A vector is brought into the form of a matrix before, and its gradient back after. Where one
    matrix was used for many, its gradient is the sum.
    """
    x, y = saved
    rows = x[np.newaxis, :] if x.ndim == 1 else x
    columns = y[:, np.newaxis] if y.ndim == 1 else y
    if y.ndim == 1:
        dz = dz[..., np.newaxis]
    if x.ndim == 1:
        dz = dz[..., np.newaxis, :]
    dx = sum_to_shape(dz @ columns.mT, rows.shape).reshape(x.shape)  # (1)
    dy = sum_to_shape(rows.mT @ dz, columns.shape).reshape(y.shape)  # (1)
    return dx, dy
