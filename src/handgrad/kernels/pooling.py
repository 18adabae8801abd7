"""Pooling, compiled for the windows that networks use: 2×2 (and 3×3 for the maximum), moved by 2.

A kernel's size decides whether its loops become vector instructions: with constants in their
place, the loops over a window are laid out flat and neighbouring windows are computed together.
So each size has a loop of its own around the one function that looks at a window. Other windows
are refused: NumPy's way, all windows at once for each of their pixels, is as fast.

Images and channels are one axis of planes. For the maximum, an image with padding gets a border of
−∞ first, as in the reference; its backward pass is one addition per window, to the pixel that won
it, for windows of every kind. Padded means are refused.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.pooling import AveragePool2dSaved, MaxPool2dSaved
from handgrad.ops.windows import Pair, Placement, output_shape

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
    share = x.dtype.type(divisor)
    for n in range(planes):
        for i in range(rows):
            upper, lower, mean = x[n, 2 * i], x[n, 2 * i + 1], y[n, i]
            for j in range(columns):
                total = upper[2 * j] + upper[2 * j + 1] + lower[2 * j] + lower[2 * j + 1]
                mean[j] = total / share


@compiled
def spread_2x2(dy: Array, divisor: float, dx: Array) -> None:
    """dx = dy / divisor in each window's four pixels, on planes."""
    planes, rows, columns = dy.shape
    share = dy.dtype.type(divisor)
    for n in range(planes):
        for i in range(rows):
            upper, lower = dx[n, 2 * i], dx[n, 2 * i + 1]
            for j in range(columns):
                part = dy[n, i, j] / share
                upper[2 * j] = upper[2 * j + 1] = part
                lower[2 * j] = lower[2 * j + 1] = part


def planes(x: Array) -> Array:
    """Images and channels as one axis."""
    return dense(x).reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def max_pool2d_forward(
    x: Array, *, kernel: Pair, stride: Pair, padding: Pair = (0, 0)
) -> tuple[Array, MaxPool2dSaved]:
    """The twin of `ops.max_pool2d_forward`."""
    require((kernel, stride) in WINDOWS and x.ndim == 4)
    placement = Placement(kernel, stride, padding)
    images, channels, height, width = x.shape
    rows, columns = output_shape((height, width), placement)
    require(bool(rows and columns))
    if any(padding):
        none, (down, right) = (0, 0), padding
        x = np.pad(x, (none, none, (down, down), (right, right)), constant_values=-np.inf)
    y = np.empty((images, channels, rows, columns), x.dtype)
    winner = np.empty(y.shape, np.int32)
    pool = max_pool_2x2 if kernel == (2, 2) else max_pool_3x3
    pool(planes(x), planes(y), planes(winner))
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
    del count_padding  # there is no padding
    require((kernel, stride, padding) == ((2, 2), (2, 2), (0, 0)) and x.ndim == 4)
    images, channels, height, width = x.shape
    rows, columns = height // 2, width // 2
    require(bool(rows and columns))
    divisor = np.full((1, 1, rows, columns), 4, x.dtype)
    y = np.empty((images, channels, rows, columns), x.dtype)
    average_pool_2x2(planes(x), 4.0, planes(y))
    input_shape = (images, channels, height, width)
    return y, AveragePool2dSaved(divisor, Placement(kernel, stride, padding), input_shape)


def average_pool2d_backward(dy: Array, saved: AveragePool2dSaved) -> tuple[Array]:
    """The twin of `ops.average_pool2d_backward`."""
    divisor, placement, input_shape = saved
    require(placement == Placement((2, 2), (2, 2)))
    images, channels, height, width = input_shape
    require(dy.shape == (images, channels, height // 2, width // 2))
    require(divisor.shape == (1, 1, *dy.shape[2:]))
    dx = np.zeros(input_shape, dy.dtype)
    spread_2x2(planes(dy), 4.0, planes(dx))
    return (dx,)
