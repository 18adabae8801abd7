"""Dropout, compiled: x · mask / (1 − rate) in one pass, where NumPy makes two.

Forward and backward are the same function of an array and the mask.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.dropout import DropoutSaved


@compiled
def keep_masked(x: Array, mask: Array, kept: float, y: Array) -> None:
    """y = x mask / kept, entry by entry."""
    kind = x.dtype.type
    share = kind(kept)
    for i in range(x.size):
        y[i] = x[i] * kind(mask[i]) / share


def masked(x: Array, mask: Array, rate: float) -> Array:
    """x · mask / (1 − rate), as a new array."""
    require(mask.shape == x.shape)
    require(mask.dtype == np.bool_)
    y = np.empty(x.shape, x.dtype)
    keep_masked(dense(x).ravel(), dense(mask).ravel(), float(1 - rate), y.ravel())
    return y


def dropout_forward(x: Array, *, mask: Array, rate: float) -> tuple[Array, DropoutSaved]:
    """The twin of `ops.dropout_forward`."""
    return masked(x, mask, rate), DropoutSaved(mask, rate)


def dropout_backward(dy: Array, saved: DropoutSaved) -> tuple[Array]:
    """The twin of `ops.dropout_backward`."""
    return (masked(dy, saved.mask, saved.rate),)
