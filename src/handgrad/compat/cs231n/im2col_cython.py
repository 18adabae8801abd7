"""`cs231n.im2col_cython`: what the course compiles with Cython, and need not be compiled here."""

from handgrad.checks import Array
from handgrad.compat.cs231n.im2col import col2im_indices, im2col_indices


def im2col_cython(
    x: Array, field_height: int, field_width: int, padding: int, stride: int
) -> Array:
    """Images (N, C, H, W) to columns, as `im2col_indices`."""
    return im2col_indices(x, field_height, field_width, padding, stride)


def col2im_cython(
    cols: Array,
    N: int,
    C: int,
    H: int,
    W: int,
    field_height: int,
    field_width: int,
    padding: int,
    stride: int,
) -> Array:
    """Columns back to images, as `col2im_indices`."""
    return col2im_indices(cols, (N, C, H, W), field_height, field_width, padding, stride)


def col2im_6d_cython(
    cols: Array, N: int, C: int, H: int, W: int, HH: int, WW: int, pad: int, stride: int
) -> Array:
    """Columns with six axes, (C, HH, WW, N, H', W'), back to images."""
    matrix = cols.transpose(0, 1, 2, 4, 5, 3).reshape(C * HH * WW, -1)
    return col2im_indices(matrix, (N, C, H, W), HH, WW, pad, stride)
