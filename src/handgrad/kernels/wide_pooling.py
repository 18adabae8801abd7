"""Pooling, compiled for windows of every size: first down the columns, then along the row.

A row of outputs looks at a strip of the image, as high as a window. Each column of the strip is
reduced first, all columns side by side, which become vector instructions whatever the window; what
is left is one row, held with its padding, and a window of it for each output. So a pixel costs as
many operations as the window has rows and columns, where NumPy, which goes through the window's
pixels, makes a pass over memory for each of their product.

The largest of a window is the first of several in the order of its pixels, row by row. Columns come
first here, so of equal ones the smaller number counts. Where a window has a NaN, so has the output,
but its winner need not be the reference's.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.ops.windows import Pair

NOBODY = np.int32(2**31 - 1)  # as the number of a pixel


@compiled
def max_pool_windows(  # noqa: C901  (in pieces, it takes half as long again)
    x: Array, kernel: Pair, stride: Pair, padding: Pair, edge: Array, y: Array, winner: Array
) -> None:
    """`ops.max_pool2d_forward` on planes; `edge` is a row of −∞, as long as one with padding."""
    best, number, low = edge.copy(), np.zeros(len(edge), np.int32), edge.dtype.type(-np.inf)
    columns = best[padding[1] : padding[1] + x.shape[2]]
    numbers = number[padding[1] : padding[1] + x.shape[2]]
    for n in range(len(y)):
        for i in range(y.shape[1]):
            top, out, who = i * stride[0] - padding[0], y[n, i], winner[n, i]
            for w in range(len(columns)):
                columns[w], numbers[w] = low, 0
            for row in range(max(top, 0), min(top + kernel[0], x.shape[1])):
                pixels, first = x[n, row], np.int32((row - top) * kernel[1])
                for w in range(len(columns)):
                    value = pixels[w]
                    numbers[w] = first if value > columns[w] else numbers[w]
                    columns[w] = value if (value > columns[w]) | np.isnan(value) else columns[w]
            if stride[1] == 1:  # neighbours, side by side
                for j in range(len(out)):
                    out[j], who[j] = best[j], number[j]
                for l in range(1, kernel[1]):
                    values, places = best[l : l + len(out)], number[l : l + len(out)]
                    for j in range(len(out)):
                        value, place = values[j], np.int32(places[j] + l)
                        leads = (value > out[j]) | ((value == out[j]) & (place < who[j]))
                        who[j] = place if leads else who[j]
                        out[j] = value if leads | np.isnan(value) else out[j]
                continue
            for j in range(len(out)):  # the largest, then who that is
                most, place = best[j * stride[1]], NOBODY
                for l in range(1, kernel[1]):
                    value = best[j * stride[1] + l]
                    most = value if (value > most) | np.isnan(value) else most
                for l in range(kernel[1]):
                    found = np.int32(number[j * stride[1] + l] + l)
                    found = NOBODY if best[j * stride[1] + l] < most else found
                    place = found if found < place else place
                out[j], who[j] = most, place


@compiled
def average_pool_windows(  # noqa: C901, PLR0912  (as above)
    x: Array, kernel: Pair, stride: Pair, padding: Pair, edge: Array, divisor: Array, y: Array
) -> None:
    """`ops.average_pool2d_forward` on planes; `edge` is a row of zeros, as for the maximum."""
    _, height, width = x.shape
    _, rows, columns = y.shape
    sums, step = edge.copy(), stride[1]
    inside = sums[padding[1] : padding[1] + width]
    for n in range(len(y)):
        for i in range(rows):
            top, means = i * stride[0] - padding[0], y[n, i]
            for w in range(width):
                inside[w] = 0
            for row in range(max(top, 0), min(top + kernel[0], height)):
                pixels = x[n, row]
                for w in range(width):
                    inside[w] += pixels[w]
            if step == 1:  # neighbours side by side
                for j in range(columns):
                    means[j] = 0
                for l in range(kernel[1]):
                    shifted = sums[l : l + columns]
                    for j in range(columns):
                        means[j] += shifted[j]
            else:
                for j in range(columns):
                    total = x.dtype.type(0)
                    for l in range(kernel[1]):
                        total += sums[j * step + l]
                    means[j] = total
            for j in range(columns):
                means[j] /= divisor[i, j]


@compiled
def spread_windows(  # noqa: C901  (as above)
    dy: Array, divisor: Array, kernel: Pair, stride: Pair, padding: Pair, edge: Array, dx: Array
) -> None:
    """dx += dy / divisor in every pixel of each window, on planes; `edge` is a row of zeros."""
    _, height, width = dx.shape
    _, rows, columns = dy.shape
    shares, means, step = edge.copy(), np.empty(columns, edge.dtype), stride[1]
    inside = shares[padding[1] : padding[1] + width]
    for n in range(len(dy)):
        for i in range(rows):
            top, slopes = i * stride[0] - padding[0], dy[n, i]
            for j in range(columns):
                means[j] = slopes[j] / divisor[i, j]
            for w in range(len(shares)):
                shares[w] = 0
            if step == 1:
                for l in range(kernel[1]):
                    shifted = shares[l : l + columns]
                    for j in range(columns):
                        shifted[j] += means[j]
            else:
                for j in range(columns):
                    for l in range(kernel[1]):
                        shares[j * step + l] += means[j]
            for row in range(max(top, 0), min(top + kernel[0], height)):
                out = dx[n, row]
                for w in range(width):
                    out[w] += inside[w]
