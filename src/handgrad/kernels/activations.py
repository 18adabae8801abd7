"""ReLU, compiled: y and where x > 0 in one pass.

The other activations are left to NumPy: their exponentials and hyperbolic tangents take most of
the time, and NumPy computes many of these at once.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.activations import ReluSaved


@compiled
def relu_entries(x: Array, y: Array, positive: Array) -> None:
    """`ops.relu_forward`, entry by entry. NaN stays NaN."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]
        positive[i] = x[i] > zero


@compiled
def relu_dx(dy: Array, positive: Array, dx: Array) -> None:
    """`ops.relu_backward`, entry by entry."""
    kind = dy.dtype.type
    for i in range(dy.size):
        dx[i] = dy[i] * kind(positive[i])


def relu_forward(x: Array) -> tuple[Array, ReluSaved]:
    """The twin of `ops.relu_forward`."""
    y, positive = np.empty(x.shape, x.dtype), np.empty(x.shape, np.bool_)
    relu_entries(dense(x).ravel(), y.ravel(), positive.ravel())
    return y, ReluSaved(positive)


def relu_backward(dy: Array, saved: ReluSaved) -> tuple[Array]:
    """The twin of `ops.relu_backward`."""
    require(dy.shape == saved.positive.shape)
    require(saved.positive.dtype == np.bool_)
    dx = np.empty(dy.shape, dy.dtype)
    relu_dx(dense(dy).ravel(), dense(saved.positive).ravel(), dx.ravel())
    return (dx,)
