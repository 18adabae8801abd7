"""Convolution: the same small filters look at every place of an image."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array
from handgrad.ops.windows import Pair, Placement, col2im, im2col, output_shape


class Conv2dSaved(NamedTuple):
    """What `conv2d_backward` needs from the forward pass."""

    x: Annotated[Array, "N C H W"]  # the images
    weight: Annotated[Array, "F C/G KH KW"]  # the filters
    placement: Placement  # kernel, stride, padding, dilation
    groups: int  # G


def conv2d_forward(
    x: Annotated[Array, "N C H W"],
    weight: Annotated[Array, "F C/G KH KW"],
    bias: Annotated[Array, "F"],
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[Annotated[Array, "N F OH OW"], Conv2dSaved]:
    """Slide F filters over the images: each output is a filter's weighted sum of one window.

    With stride S, dilation D, and x̄ for x with P rows and columns of zeros on each side, filter f
    gives at the output position (i, j)

        (1)  y[n, f, i, j] = bias[f] + Σ_{c, k, l} weight[f, c, k, l] x̄[n, c, i S + k D, j S + l D]

    (No filter is turned around, so mathematicians call this a cross-correlation.)

    The sum multiplies the entries of a filter with the entries of a window. Write each window as a
    column of a matrix, its entries in the order in which a filter's are stored, and each filter as
    a row of another. Then (1) is one product of matrices for all n, f, i and j at once:

        (2)  patches = im2col(x)ᵀ                  one column per output position
        (3)  y = rows(weight) patches + bias       one row per filter, then back to images

    With G groups, channels and filters are split into G equal parts, and the filters of a part see
    the channels of that part alone: (3) is G smaller products side by side.

    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition",
    1998; groups: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
    Convolutional Neural Networks", 2012.

    >>> x = np.array([[[[1.0, 2.0, 4.0]]]])
    >>> y, _ = conv2d_forward(x, np.array([[[[-1.0, 1.0]]]]), np.array([10.0]))
    >>> y
    array([[[[11., 12.]]]])
    """
    images, _, height, width = x.shape
    filters, _, kernel_rows, kernel_columns = weight.shape
    placement = Placement((kernel_rows, kernel_columns), stride, padding, dilation)
    sums = filter_rows(weight, groups) @ patch_columns(x, placement, groups)  # (2, 3)
    size = output_shape((height, width), placement)
    y = sums.reshape(filters, images, *size).transpose(1, 0, 2, 3) + bias[:, np.newaxis, np.newaxis]
    return y, Conv2dSaved(x, weight, placement, groups)


def conv2d_backward(
    dy: Annotated[Array, "N F OH OW"], saved: Conv2dSaved
) -> tuple[Annotated[Array, "N C H W"], Annotated[Array, "F C/G KH KW"], Annotated[Array, "F"]]:
    """Gradients with respect to `x`, `weight` and `bias`.

    (1) adds bias[f] to every output of filter f, so its gradient is their sum. (3) is a product of
    matrices, whose gradients are those of the affine layer; with rows(dy) for dy as a matrix, one
    row per filter and one column per output position:

        dbias[f] = Σ_{n, i, j} dy[n, f, i, j]
        rows(dweight) = rows(dy) patchesᵀ        dpatches = rows(weight)ᵀ rows(dy)

    (2) copies a pixel into every window that sees it. Its gradient is the sum over the copies,
    which is what the adjoint of im2col makes (its docstring says why):

        dx = col2im(dpatchesᵀ)

    With groups, the products (3) are taken for each group by itself. The patches are made again:
    kept, they would take KH·KW times as much memory as x.
    """
    x, weight, placement, groups = saved
    images, channels, height, width = x.shape
    patches = patch_columns(x, placement, groups)  # (2)
    _, pixels, positions = patches.shape
    dbias = dy.sum(axis=(0, 2, 3))  # (1)
    dsums = dy.transpose(1, 0, 2, 3).reshape(groups, len(weight) // groups, positions)  # (3)
    dweight = (dsums @ patches.transpose(0, 2, 1)).reshape(weight.shape)  # (3)
    dpatches = filter_rows(weight, groups).transpose(0, 2, 1) @ dsums  # (3)
    dcols = dpatches.reshape(groups * pixels, positions).T  # (2)
    dx = col2im(dcols, input_shape=(images, channels, height, width), **placement._asdict())  # (2)
    return dx, dweight, dbias


def filter_rows(
    weight: Annotated[Array, "F C/G KH KW"], groups: int
) -> Annotated[Array, "G F/G C/G·KH·KW"]:
    """The filters as rows of a matrix, one matrix for each group."""
    filters, channels, kernel_rows, kernel_columns = weight.shape
    return weight.reshape(groups, filters // groups, channels * kernel_rows * kernel_columns)


def patch_columns(
    x: Annotated[Array, "N C H W"], placement: Placement, groups: int
) -> Annotated[Array, "G C/G·KH·KW N·OH·OW"]:
    """The columns of im2col as rows, split into groups of channels: a column per position."""
    cols = im2col(x, **placement._asdict())
    return cols.T.reshape(groups, cols.shape[1] // groups, len(cols))
