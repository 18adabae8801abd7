"""`cs231n.im2col`: windows as columns, in the course's order.

Rows run through channels, then the window's rows, then its columns. Columns run through output
positions, and for each of them through the images.
"""

from typing import Any

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.ops.windows import Placement, output_shape


def get_im2col_indices(
    x_shape: tuple[int, int, int, int],
    field_height: int,
    field_width: int,
    padding: int = 1,
    stride: int = 1,
) -> tuple[Array, Array, Array]:
    """Indices k, i and j: `x_padded[:, k, i, j]` has one row per row of the columns' matrix."""
    _, channels, height, width = x_shape
    rows, columns = positions((height, width), field_height, field_width, padding, stride)
    entries = np.indices((channels, field_height, field_width)).reshape(3, -1, 1)
    starts = stride * np.indices((rows, columns)).reshape(2, 1, -1)
    return entries[0], entries[1] + starts[0], entries[2] + starts[1]


def im2col_indices(
    x: Array, field_height: int, field_width: int, padding: int = 1, stride: int = 1
) -> Array:
    """Images (N, C, H, W) to columns (C field_height field_width, H' W' N)."""
    cols = ops.im2col(x, **windows(field_height, field_width, padding, stride))
    per_image = cols.T.reshape(cols.shape[1], len(x), len(cols) // max(len(x), 1))
    return per_image.transpose(0, 2, 1).reshape(cols.shape[1], len(cols))


def col2im_indices(
    cols: Array,
    x_shape: tuple[int, int, int, int],
    field_height: int = 3,
    field_width: int = 3,
    padding: int = 1,
    stride: int = 1,
) -> Array:
    """Columns back to images, adding where windows overlap: the adjoint of `im2col_indices`."""
    images = x_shape[0]
    by_image = cols.reshape(len(cols), cols.shape[1] // max(images, 1), images).transpose(2, 1, 0)
    rows = by_image.reshape(cols.shape[1], len(cols))
    return ops.col2im(
        rows, input_shape=x_shape, **windows(field_height, field_width, padding, stride)
    )


def windows(field_height: int, field_width: int, padding: int, stride: int) -> dict[str, Any]:
    """The course's arguments as those of the ops."""
    return {
        "kernel": (field_height, field_width),
        "stride": (stride, stride),
        "padding": (padding, padding),
    }


def positions(
    size: tuple[int, int], field_height: int, field_width: int, padding: int, stride: int
) -> tuple[int, int]:
    """How many output rows and output columns there are."""
    return output_shape(size, Placement(**windows(field_height, field_width, padding, stride)))
