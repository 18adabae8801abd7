"""Standardizing, compiled: both operations on an entry in one pass, where NumPy makes two.

There is a mean and a deviation for each channel. They are spread over a row's entries first, so
that one kernel serves features and images, and goes along memory. The backward pass is one
operation and has no twin.

Rescaling has none either: compiled, its product and its sum would be one instruction, which rounds
once, and a layer that only brings data to a scale keeps the reference's bits.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, rows
from handgrad.ops.preprocessing import StandardizeSaved


@compiled
def standardize_rows(x: Array, mean: Array, std: Array, y: Array) -> None:
    """y = (x − mean) / std, with a number of each for every entry of a row."""
    for n in range(len(x)):
        for d in range(len(mean)):
            y[n, d] = (x[n, d] - mean[d]) / std[d]


def standardize_forward(x: Array, *, mean: Array, std: Array) -> tuple[Array, StandardizeSaved]:
    """The twin of `ops.standardize_forward`."""
    require(x.ndim >= 2 and bool(x.shape[1]))
    require(mean.shape == std.shape == x.shape[1:2])
    require(mean.dtype == std.dtype == x.dtype)
    values = rows(x)
    y: Array = np.empty(values.shape, x.dtype)
    positions = values.shape[1] // x.shape[1]
    standardize_rows(values, np.repeat(mean, positions), np.repeat(std, positions), y)
    return y.reshape(x.shape), StandardizeSaved(std)
