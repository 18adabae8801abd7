"""Pooling, compiled: windows of 2×2 (and 3×3 for the maximum), moved by 2, have loops of their own.

A kernel's size decides whether its loops become vector instructions: with constants in their
place, the loops over a window are laid out flat and neighbouring windows are computed together.
So the sizes that networks use have each a loop of its own around the one function that looks at a
window. Others, from 3×3 on, are in `wide_pooling.py`; for smaller ones NumPy's way, all windows at
once for each of their pixels, is as fast.

Images and channels are one axis of planes. For the maximum, an image with padding gets a border of
−∞ first, as in the reference; its backward pass is one addition per window, to the pixel that won
it, for windows of every kind. The mean of a whole plane is one sum, in float64.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.kernels.wide_pooling import average_pool_windows, max_pool_windows, spread_windows
from handgrad.ops.pooling import AveragePool2dSaved, GlobalAveragePoolSaved, MaxPool2dSaved
from handgrad.ops.windows import Pair, Placement, output_shape

HALVES = Placement((2, 2), (2, 2))
WIDE = 3  # rows and columns: from here on, columns before rows is a gain
WINDOWS = (((2, 2), (2, 2)), ((3, 3), (2, 2)))  # kernel and stride of those that are compiled


@compiled
def largest_of_window(
    x: Array, row: int, column: int, height: int, width: int
) -> tuple[float, int]:
    """The largest pixel of one window, and its number: the first of several.

    A NaN is larger than everything, so that it is noticed, but no winner. (`|`, not `or`: a
    question asked only sometimes keeps a loop from becoming vector instructions.)
    """
    best, winner = x[row, column], 0
    for k in range(height):
        for l in range(width):
            value = x[row + k, column + l]
            winner = k * width + l if value > best else winner
            best = value if (value > best) | (value != value) else best  # noqa: PLR0124  (NaN)
    return best, winner


@compiled
def max_pool_2x2(x: Array, y: Array, winner: Array) -> None:
    """2×2 windows, moved by 2, on planes."""
    planes, rows, columns = y.shape
    for n in range(planes):
        for i in range(rows):
            best, who = y[n, i], winner[n, i]
            for j in range(columns):
                best[j], who[j] = largest_of_window(x[n], 2 * i, 2 * j, 2, 2)


@compiled
def max_pool_3x3(x: Array, y: Array, winner: Array) -> None:
    """3×3 windows, moved by 2, on planes."""
    planes, rows, columns = y.shape
    for n in range(planes):
        for i in range(rows):
            best, who = y[n, i], winner[n, i]
            for j in range(columns):
                best[j], who[j] = largest_of_window(x[n], 2 * i, 2 * j, 3, 3)


@compiled
def give_to_winners(
    dy: Array, winner: Array, kernel: Pair, stride: Pair, padding: Pair, dx: Array
) -> None:
    """dx[the pixel that won] += dy, on planes. A winner outside the image gets nothing."""
    planes, rows, columns = dy.shape
    _, height, width = dx.shape
    pixels = kernel[0] * kernel[1]
    down, right = np.empty(pixels, np.int64), np.empty(pixels, np.int64)
    for number in range(pixels):
        down[number] = number // kernel[1] - padding[0]
        right[number] = number % kernel[1] - padding[1]
    for n in range(planes):
        for i in range(rows):
            for j in range(columns):
                number = winner[n, i, j]
                if not 0 <= number < pixels:
                    continue
                row, column = i * stride[0] + down[number], j * stride[1] + right[number]
                if 0 <= row < height and 0 <= column < width:
                    dx[n, row, column] += dy[n, i, j]


@compiled
def average_pool_2x2(x: Array, divisor: float, y: Array) -> None:
    """Σ / divisor over 2×2 windows, moved by 2, on planes."""
    planes, rows, columns = y.shape
    count = x.dtype.type(divisor)
    for n in range(planes):
        for i in range(rows):
            upper, lower, mean = x[n, 2 * i], x[n, 2 * i + 1], y[n, i]
            for j in range(columns):
                total = upper[2 * j] + upper[2 * j + 1] + lower[2 * j] + lower[2 * j + 1]
                mean[j] = total / count


@compiled
def spread_2x2(dy: Array, divisor: float, dx: Array) -> None:
    """dx = dy / divisor in each window's four pixels, on planes."""
    planes, rows, columns = dy.shape
    count = dy.dtype.type(divisor)
    for n in range(planes):
        for i in range(rows):
            upper, lower = dx[n, 2 * i], dx[n, 2 * i + 1]
            for j in range(columns):
                part = dy[n, i, j] / count
                upper[2 * j] = upper[2 * j + 1] = part
                lower[2 * j] = lower[2 * j + 1] = part


def planes(x: Array) -> Array:
    """Images and channels as one axis."""
    return dense(x).reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def wide(kernel: Pair) -> bool:
    """Whether windows are so large that columns are reduced before rows."""
    return min(kernel) >= WIDE


def padded_row(width: int, padding: Pair, dtype: Any) -> Array:
    """Zeros for a row of an image and its padding."""
    return np.pad(np.zeros(width, dtype), padding[1])


def own_pixels(size: int, kernel: int, stride: int, padding: int) -> Array:
    """How many pixels of the image are in each window along one axis."""
    first = np.arange(-padding, size + padding - kernel + 1, stride)
    return np.minimum(first + kernel, size) - np.maximum(first, 0)


def max_pool2d_forward(
    x: Array, *, kernel: Pair, stride: Pair, padding: Pair = (0, 0)
) -> tuple[Array, MaxPool2dSaved]:
    """The twin of `ops.max_pool2d_forward`."""
    common = (kernel, stride) in WINDOWS
    require((common or wide(kernel)) and x.ndim == 4)
    placement = Placement(kernel, stride, padding)
    images, channels, height, width = x.shape
    rows, columns = output_shape((height, width), placement)
    require(bool(rows and columns))
    y = np.empty((images, channels, rows, columns), x.dtype)
    winner = np.empty(y.shape, np.int32)
    if common:
        if any(padding):
            none, (down, right) = (0, 0), padding
            x = np.pad(x, (none, none, (down, down), (right, right)), constant_values=-np.inf)
        pool = max_pool_2x2 if kernel == (2, 2) else max_pool_3x3
        pool(planes(x), planes(y), planes(winner))
    else:
        edge = padded_row(width, padding, x.dtype) - np.inf
        max_pool_windows(planes(x), kernel, stride, padding, edge, planes(y), planes(winner))
    return y, MaxPool2dSaved(winner, placement, (images, channels, height, width))


def max_pool2d_backward(dy: Array, saved: MaxPool2dSaved) -> tuple[Array]:
    """The twin of `ops.max_pool2d_backward`."""
    winner, placement, input_shape = saved
    require(dy.shape == winner.shape and dy.shape[:2] == input_shape[:2])
    dx = np.zeros(input_shape, dy.dtype)
    kernel, stride, padding, _ = placement
    give_to_winners(planes(dy), planes(winner), kernel, stride, padding, planes(dx))
    return (dx,)


def average_pool2d_forward(
    x: Array, *, kernel: Pair, stride: Pair, padding: Pair = (0, 0), count_padding: bool = True
) -> tuple[Array, AveragePool2dSaved]:
    """The twin of `ops.average_pool2d_forward`."""
    placement = Placement(kernel, stride, padding)
    require((placement == HALVES or wide(kernel)) and x.ndim == 4)
    images, channels, height, width = x.shape
    rows, columns = output_shape((height, width), placement)
    require(bool(rows and columns))
    divisor = np.full((1, 1, rows, columns), kernel[0] * kernel[1], x.dtype)
    if not count_padding:
        require(all(p < k for p, k in zip(padding, kernel, strict=True)))  # or a divisor may be 0
        down, right = map(own_pixels, (height, width), kernel, stride, padding)
        divisor[:] = np.outer(down, right)
    y = np.empty((images, channels, rows, columns), x.dtype)
    if placement == HALVES:
        average_pool_2x2(planes(x), 4.0, planes(y))
    else:
        edge = padded_row(width, padding, x.dtype)
        moved = kernel, stride, padding
        average_pool_windows(planes(x), *moved, edge, divisor[0, 0], planes(y))
    return y, AveragePool2dSaved(divisor, placement, (images, channels, height, width))


def average_pool2d_backward(dy: Array, saved: AveragePool2dSaved) -> tuple[Array]:
    """The twin of `ops.average_pool2d_backward`."""
    divisor, placement, input_shape = saved
    kernel, stride, padding, _ = placement
    require(placement == HALVES or wide(kernel))
    rows, columns = output_shape(input_shape[2:], placement)
    require(dy.shape == (*input_shape[:2], rows, columns))
    require(divisor.shape == (1, 1, rows, columns))
    dx = np.zeros(input_shape, dy.dtype)
    if placement == HALVES:
        spread_2x2(planes(dy), 4.0, planes(dx))
    else:
        edge = padded_row(input_shape[3], padding, dy.dtype)
        moved = kernel, stride, padding
        spread_windows(planes(dy), dense(divisor)[0, 0], *moved, edge, planes(dx))
    return (dx,)


@compiled
def plane_means(x: Array, y: Array) -> None:
    """The mean of each row of x."""
    for n in range(len(x)):
        total = 0.0
        for p in range(x.shape[1]):
            total += x[n, p]
        y[n] = total / x.shape[1]


@compiled
def fill_planes(values: Array, dx: Array) -> None:
    """dx[n] = values[n], and a row of dx is a plane."""
    for n in range(len(dx)):
        for p in range(dx.shape[1]):
            dx[n, p] = values[n]


def global_average_pool_forward(x: Array) -> tuple[Array, GlobalAveragePoolSaved]:
    """The twin of `ops.global_average_pool_forward`."""
    require(x.ndim == 4)
    images, channels, height, width = x.shape
    require(bool(height and width))
    y = np.empty((images, channels), x.dtype)
    plane_means(planes(x).reshape(y.size, height * width), y.ravel())
    return y, GlobalAveragePoolSaved((images, channels, height, width))


def global_average_pool_backward(dy: Array, saved: GlobalAveragePoolSaved) -> tuple[Array]:
    """The twin of `ops.global_average_pool_backward`."""
    images, channels, height, width = saved.input_shape
    require(dy.shape == (images, channels))
    dx = np.empty(saved.input_shape, dy.dtype)
    fill_planes((dense(dy) / (height * width)).ravel(), dx.reshape(dy.size, height * width))
    return (dx,)
