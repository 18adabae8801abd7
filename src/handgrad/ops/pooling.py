"""Pooling: one number for each window of an image, by a rule that learns nothing."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array
from handgrad.ops.windows import ImageShape, Pair, Placement, overlap_add, windows


class MaxPool2dSaved(NamedTuple):
    """What `max_pool2d_backward` needs from the forward pass."""

    winner: Annotated[Array, "N C OH OW"]  # which pixel of its window each output is: k KW + l
    placement: Placement  # kernel, stride, padding
    input_shape: ImageShape  # of x


def max_pool2d_forward(
    x: Annotated[Array, "N C H W"],
    *,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
) -> tuple[Annotated[Array, "N C OH OW"], MaxPool2dSaved]:
    """Keep the largest entry of each window, channel by channel.

    With x̄ for x with P rows and columns of −∞ on each side, so that padding never wins:

        (1)  y[n, c, i, j] = max x̄[n, c, i S + k, j S + l]   over the window's pixels (k, l)
        (2)  winner = k KW + l of the largest entry           (the first of several)

    The windows' pixels (0, 0), (0, 1), … are visited in turn, each for all windows at once; a pixel
    takes the lead only if it is larger than all before it. The numbers k KW + l rise, so the last
    pixel to take the lead has the largest number of those that did. (np.where would say the same,
    but is slower on masks that look random.)

    Riesenhuber and Poggio, "Hierarchical models of object recognition in cortex", Nature
    Neuroscience 2, 1999.

    >>> x = np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 2.0, 7.0]]]])
    >>> y, saved = max_pool2d_forward(x, kernel=(2, 2), stride=(2, 2))
    >>> y, saved.winner
    (array([[[[5., 7.]]]]), array([[[[1, 3]]]], dtype=int32))
    """
    placement = Placement(kernel, stride, padding)
    planes = windows(x, placement, fill=-np.inf)
    y = planes[0, 0]
    winner = np.zeros(y.shape, np.int32)
    for number, offset in enumerate(np.ndindex(kernel)):
        leads = planes[offset] > y
        y = np.maximum(y, planes[offset])  # (1)
        winner = np.maximum(winner, leads * np.int32(number))  # (2)
    images, channels, height, width = x.shape
    return y, MaxPool2dSaved(winner, placement, (images, channels, height, width))


def max_pool2d_backward(
    dy: Annotated[Array, "N C OH OW"], saved: MaxPool2dSaved
) -> tuple[Annotated[Array, "N C H W"]]:
    """Gradient with respect to `x`.

    By (1), an output moves with the winner of its window, one for one, and with no other entry; a
    small change does not make another pixel the winner. Where two entries are equal and largest
    there is a kink, and the first in row-major order takes all. With [condition] for 1 where it
    holds, else 0, the window's pixel (k, l) of every output takes

        planes[k, l] = dy [winner = k KW + l]

    A pixel may win in several windows that overlap, and sums what it takes, by equation (4) of
    `handgrad.ops.windows`:

        dx = overlap_add(planes)
    """
    winner, placement, input_shape = saved
    rows, columns = placement.kernel
    planes = (dy * (winner == number) for number in range(rows * columns))  # (2)
    dx = overlap_add(planes, placement, input_shape=input_shape, dtype=dy.dtype)  # (1)
    return (dx,)


class AveragePool2dSaved(NamedTuple):
    """What `average_pool2d_backward` needs from the forward pass."""

    divisor: Annotated[Array, "1 1 OH OW"]  # how many entries each window's mean is over
    placement: Placement  # kernel, stride, padding
    input_shape: ImageShape  # of x


def average_pool2d_forward(
    x: Annotated[Array, "N C H W"],
    *,
    kernel: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    count_padding: bool = True,
) -> tuple[Annotated[Array, "N C OH OW"], AveragePool2dSaved]:
    """The mean of each window, channel by channel.

    With x̄ for x with P rows and columns of zeros on each side:

        (1)  divisor[i, j] = the number of the window's pixels     (without padding: KH · KW)
        (2)  y[n, c, i, j] = Σ_{k, l} x̄[n, c, i S + k, j S + l] / divisor[i, j]

    `count_padding` says whether the zeros of the padding count in (1): if so, every mean is over
    KH · KW entries; if not, means at the border are over the image's own pixels alone.

    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition",
    1998 (its subsampling layers, without their coefficients).

    >>> x = np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 3.0, 2.0, 4.0]]]])
    >>> y, _ = average_pool2d_forward(x, kernel=(2, 2), stride=(2, 2))
    >>> y
    array([[[[3., 2.]]]])
    """
    images, channels, height, width = x.shape
    placement = Placement(kernel, stride, padding)
    pixels = np.ones((1, 1, height, width), x.dtype)
    divisor = window_sums(pixels, placement, fill=float(count_padding))  # (1)
    y = window_sums(x, placement) / divisor  # (2)
    return y, AveragePool2dSaved(divisor, placement, (images, channels, height, width))


def average_pool2d_backward(
    dy: Annotated[Array, "N C OH OW"], saved: AveragePool2dSaved
) -> tuple[Annotated[Array, "N C H W"]]:
    """Gradient with respect to `x`.

    By (2), each entry of a window moves the window's mean by 1 / divisor; (1) does not depend on x.
    So every pixel (k, l) of a window takes the same share, and sums those of all windows that it is
    in, by equation (4) of `handgrad.ops.windows`:

        planes[k, l] = dy / divisor        dx = overlap_add(planes)
    """
    divisor, placement, input_shape = saved
    rows, columns = placement.kernel
    planes = [dy / divisor] * (rows * columns)  # (2)
    dx = overlap_add(planes, placement, input_shape=input_shape, dtype=dy.dtype)  # (2)
    return (dx,)


def window_sums(
    x: Annotated[Array, "N C H W"], placement: Placement, *, fill: float = 0.0
) -> Annotated[Array, "N C OH OW"]:
    """The sum of each window. Plane after plane is faster than np.sum here."""
    planes = windows(x, placement, fill=fill)
    total = x.dtype.type(0)
    for offset in np.ndindex(placement.kernel):
        total = total + planes[offset]
    return total


class GlobalAveragePoolSaved(NamedTuple):
    """What `global_average_pool_backward` needs from the forward pass."""

    input_shape: ImageShape  # of x


def global_average_pool_forward(
    x: Annotated[Array, "N C H W"],
) -> tuple[Annotated[Array, "N C"], GlobalAveragePoolSaved]:
    """The mean of each channel over the whole image: images become rows of C features.

        (1)  y[n, c] = Σ_{i, j} x[n, c, i, j] / (H W)

    Lin, Chen and Yan, "Network In Network", arXiv:1312.4400, section 3.2.

    >>> y, _ = global_average_pool_forward(np.array([[[[1.0, 2.0], [3.0, 6.0]]]]))
    >>> y
    array([[3.]])
    """
    images, channels, height, width = x.shape
    y = x.mean(axis=(2, 3))  # (1)
    return y, GlobalAveragePoolSaved((images, channels, height, width))


def global_average_pool_backward(
    dy: Annotated[Array, "N C"], saved: GlobalAveragePoolSaved
) -> tuple[Annotated[Array, "N C H W"]]:
    """Gradient with respect to `x`.

    (1) has slope 1 / (H W) in every pixel, so all pixels of a channel take the same share:

        dx[n, c, i, j] = dy[n, c] / (H W)
    """
    _, _, height, width = saved.input_shape
    share = dy / (height * width)  # (1)
    dx = np.full(saved.input_shape, share[:, :, np.newaxis, np.newaxis], dy.dtype)  # (1)
    return (dx,)
