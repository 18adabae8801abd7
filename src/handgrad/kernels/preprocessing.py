"""Preprocessing, compiled: both operations on an entry in one pass, where NumPy makes two.

Standardizing has numbers for each channel. They are spread over a row's entries first, so that one
kernel serves features and images, and goes along memory. The backward passes are one operation
each and have no twins.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense, rows
from handgrad.ops.preprocessing import RescaleSaved, StandardizeSaved


@compiled
def rescale_entries(x: Array, scale: float, offset: float, y: Array) -> None:
    """y = x scale + offset."""
    slope, shift = x.dtype.type(scale), x.dtype.type(offset)
    for i in range(x.size):
        y[i] = x[i] * slope + shift


@compiled
def standardize_rows(x: Array, mean: Array, std: Array, y: Array) -> None:
    """y = (x − mean) / std, with a number of each for every entry of a row."""
    for n in range(len(x)):
        for d in range(len(mean)):
            y[n, d] = (x[n, d] - mean[d]) / std[d]


def rescale_forward(x: Array, *, scale: float, offset: float = 0.0) -> tuple[Array, RescaleSaved]:
    """The twin of `ops.rescale_forward`."""
    y = np.empty(x.shape, x.dtype)
    rescale_entries(dense(x).ravel(), float(scale), float(offset), y.ravel())
    return y, RescaleSaved(scale)


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
