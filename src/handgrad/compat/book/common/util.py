"""`common.util` of the book: shuffling, smoothing, and images as matrices."""

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array
from handgrad.ops.windows import output_size

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]

WINDOW = 11  # values that smooth_curve averages


def smooth_curve(x: Array) -> Array:
    """A curve's moving average, weighted by a Kaiser window, mirrored at both ends."""
    weights = np.kaiser(WINDOW, 2)
    mirrored = np.concatenate([x[WINDOW - 1 : 0 : -1], x, x[-1:-WINDOW:-1]])
    smooth = np.convolve(weights / weights.sum(), mirrored, mode="valid")
    return smooth[WINDOW // 2 : len(smooth) - WINDOW // 2]


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """Rows and their labels in a new order, the same for both, drawn by `np.random`."""
    order = np.random.permutation(len(x))
    return x[order], t[order]


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> int:
    """How many windows fit along one axis: a whole number."""
    return output_size(input_size, kernel=filter_size, stride=stride, padding=pad)


def im2col(input_data: Array, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """Images (N, C, H, W) as a matrix with a row for each window, in the dtype of the images."""
    return ops.im2col(
        input_data,
        kernel=(filter_h, filter_w),
        stride=(stride, stride),
        padding=(pad, pad),
    )


def col2im(
    col: Array,
    input_shape: tuple[int, int, int, int],
    filter_h: int,
    filter_w: int,
    stride: int = 1,
    pad: int = 0,
) -> Array:
    """The adjoint of `im2col`: what several windows see of one pixel is added up."""
    return ops.col2im(
        col,
        input_shape=input_shape,
        kernel=(filter_h, filter_w),
        stride=(stride, stride),
        padding=(pad, pad),
    )
