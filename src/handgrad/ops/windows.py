"""Sliding windows over images, which convolution and pooling share; im2col and col2im.

A window is the rectangle of pixels that one output position sees.
"""

from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from handgrad.ops.array import Array

Pair = tuple[int, int]  # (along the height, along the width)
ImageShape = tuple[int, int, int, int]  # (N, C, H, W)


class Placement(NamedTuple):
    """Where the windows lie; each option is a pair (along the height, along the width)."""

    kernel: Pair  # K: how many pixels of the window are looked at
    stride: Pair = (1, 1)  # S: how far the window moves from one output position to the next
    padding: Pair = (0, 0)  # P: how many rows or columns are added on both sides of the image
    dilation: Pair = (1, 1)  # D: how far apart the pixels looked at are (1: side by side)


def window_span(kernel: int, dilation: int = 1) -> int:
    """How many pixels a window covers along one axis, with those that dilation skips.

        (1)  span = D (K − 1) + 1

    >>> window_span(3), window_span(3, dilation=2)
    (3, 5)
    """
    return dilation * (kernel - 1) + 1  # (1)


def output_size(
    size: int, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """How many windows fit along one axis of `size` pixels.

    The first window starts P pixels before the image, the last ends at most P pixels behind it:
    there are size + 2P − span + 1 places to start, and every S-th of them is taken.

        (2)  output size = ⌊(size + 2P − span) / S⌋ + 1

    Pixels that remain at the far end because S does not divide evenly are seen by no window.

    >>> output_size(28, kernel=5), output_size(7, kernel=3, stride=2, padding=1)
    (24, 4)
    """
    return (size + 2 * padding - window_span(kernel, dilation)) // stride + 1  # (2)


def output_shape(size: Pair, placement: Placement) -> Pair:
    """Equation (2) along both axes of an image: how many output rows, how many output columns.

    >>> output_shape((28, 10), Placement(kernel=(5, 3), stride=(1, 2)))
    (24, 4)
    """
    rows, columns = (
        output_size(length, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        for length, kernel, stride, padding, dilation in zip(size, *placement, strict=True)
    )
    return rows, columns


def windows(
    x: Annotated[Array, "N C H W"], placement: Placement, *, fill: float = 0.0
) -> Annotated[Array, "KH KW N C OH OW"]:
    """All windows of all images: a view, for which only the padding (if any) makes a copy.

    Entry [k, l] is a plane: what the window's pixel (k, l) sees at every output position,

        (3)  windows[k, l, n, c, i, j] = x̄[n, c, i S + k D, j S + l D]

    where x̄ is x with P rows and columns of `fill` on each side.

    >>> x = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> windows(x, Placement(kernel=(1, 2)))[0, :, 0, 0, 0]
    array([[1., 2.],
           [2., 3.]])
    """
    if any(placement.padding):
        rows, columns = placement.padding
        x = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)), constant_values=fill)
    return planes_of(x, placement, writeable=False)  # (3)


def overlap_add(
    planes: Iterable[Annotated[Array, "N C OH OW"]],
    placement: Placement,
    *,
    input_shape: ImageShape,
    dtype: Any,
) -> Annotated[Array, "N C H W"]:
    """The adjoint of `windows`: put every window back in its place, and add where they overlap.

    (3) copies pixels of x̄, some of them several times. A copy has slope 1 with respect to its
    pixel, so if `planes` are the gradients of the copies, a pixel's gradient is the sum over all
    its copies:

        (4)  dx̄[n, c, h, w] = Σ planes[k, l, n, c, i, j]   over i S + k D = h and j S + l D = w

    dx is dx̄ without the padding, which is no part of x. For a given plane [k, l] a pixel has one
    (i, j) at most. So no two entries of a plane meet, and (4) adds each plane as a whole, to the
    very view of dx̄ that (3) reads from x̄. `planes` come in the order [0, 0], [0, 1], ….
    """
    images, channels, height, width = input_shape
    rows, columns = placement.padding
    padded = np.zeros((images, channels, height + 2 * rows, width + 2 * columns), dtype)
    places = planes_of(padded, placement, writeable=True)
    for offset, plane in zip(np.ndindex(placement.kernel), planes, strict=True):
        places[offset] += plane  # (4)
    return padded[:, :, rows : rows + height, columns : columns + width]


def planes_of(
    padded: Annotated[Array, "N C HP WP"], placement: Placement, *, writeable: bool
) -> Annotated[Array, "KH KW N C OH OW"]:
    """Equation (3) for images that have their padding: a view with one plane per pixel [k, l]."""
    kernel, stride, _, dilation = placement
    span = (window_span(kernel[0], dilation[0]), window_span(kernel[1], dilation[1]))
    every = sliding_window_view(padded, span, axis=(2, 3), writeable=writeable)
    chosen = every[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    return chosen.transpose(4, 5, 0, 1, 2, 3)


def im2col(
    x: Annotated[Array, "N C H W"],
    *,
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
) -> Annotated[Array, "N·OH·OW C·KH·KW"]:
    """Lay out the images as a matrix: one row per output position, with all that its window sees.

    Rows run through images, then output rows, then output columns. Within a row, entries run
    through channels, then the window's rows, then its columns:

        (5)  cols[(n OH + i) OW + j, (c KH + k) KW + l] = windows[k, l, n, c, i, j]

    A convolution is then a product of matrices. A pixel appears once for each window that sees it:
    for stride 1 the matrix is about KH·KW times as large as x.

    The matrix lies in memory column by column, because a column is a plane of (3), which is copied
    in long runs. So it is the transpose that can be reshaped without another copy.

    Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
    Processing", 2006.

    >>> im2col(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), kernel=(2, 1))
    array([[1., 3.],
           [2., 4.]])
    """
    planes = windows(x, Placement(kernel, stride, padding, dilation)).transpose(3, 0, 1, 2, 4, 5)
    channels, kernel_rows, kernel_columns, images, rows, columns = planes.shape
    shape = (channels * kernel_rows * kernel_columns, images * rows * columns)
    return planes.copy().reshape(shape).T  # (5)


def col2im(
    cols: Annotated[Array, "N·OH·OW C·KH·KW"],
    *,
    input_shape: ImageShape,
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
) -> Annotated[Array, "N C H W"]:
    """The adjoint of `im2col`: put every row back in its place, and add where windows overlap.

    `im2col` only copies: written as a matrix that acts on all pixels, each of its rows has a single
    1 (none for padding). The gradient of a linear function is the transpose of its matrix: what was
    copied from a pixel is added to that pixel. So (5) is read from right to left, and the planes
    are added by (4). Two matrices are each other's transpose exactly if, for every x and cols,

        Σ im2col(x) cols = Σ x col2im(cols)

    It is not the inverse: a pixel that three windows see comes back three times as large, and one
    that no window sees comes back as 0.

    >>> x = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> col2im(im2col(x, kernel=(1, 2)), input_shape=x.shape, kernel=(1, 2))
    array([[[[1., 4., 3.]]]])
    """
    placement = Placement(kernel, stride, padding, dilation)
    images, channels, height, width = input_shape
    size = output_shape((height, width), placement)
    planes = cols.T.reshape(channels, *kernel, images, *size).transpose(1, 2, 3, 0, 4, 5)  # (5)
    in_order = (planes[offset] for offset in np.ndindex(kernel))
    return overlap_add(in_order, placement, input_shape=input_shape, dtype=cols.dtype)  # (4)
