"""im2col: how a convolution becomes one product of matrices.

Written as loops, a convolution runs over images, filters, positions, channels and the filter's
pixels. `im2col` lays out what each position's window sees as one row of a matrix; the filters, laid
out the same way, are the columns of another. Then

    rows  = im2col(x)                  (N · OH · OW, C · KH · KW)
    cols  = weights, one column each   (C · KH · KW, F)
    y     = rows cols + bias           (N · OH · OW, F), to be reshaped

and the product of two matrices is what computers do fastest. The price is memory: a pixel stands in
the matrix once for every window that sees it, up to KH · KW times. Its inverse, as far as there is
one, is `col2im`: it adds every entry back to its pixel, which is the backward pass of `im2col`.

What to look at: follow one colour. The framed window of both channels, read row by row, is the
framed row of the matrix. The pixel in the middle of a channel is in all four rows. Then the times:
the same convolution by loops and by im2col, to the same digits.
"""

import time
from typing import TYPE_CHECKING

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.examples._grids import PALE, ROWS, boxes, empty, frame, note, sign
from handgrad.examples.drawing import new_figure
from handgrad.examples.stage import Stage
from handgrad.ops import col2im, im2col

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 7"
PLACE = 2

X = np.arange(18.0).reshape(1, 2, 3, 3)
WEIGHT = np.array([[[[1, 0], [0, -1]], [[0, 1], [1, 0]]], [[[0, 2], [1, 0]], [[1, 0], [0, 0]]]])
SHOWN = 1  # the window that is framed


def by_loops(x: Array, weight: Array) -> Array:
    """A convolution as it is defined, one number after another."""
    images, _, height, width = x.shape
    filters, _, rows, columns = weight.shape
    y = np.zeros((images, filters, height - rows + 1, width - columns + 1))
    for n, f, i, j in np.ndindex(*y.shape):
        y[n, f, i, j] = (x[n, :, i : i + rows, j : j + columns] * weight[f]).sum()
    return y


def by_im2col(x: Array, weight: Array) -> Array:
    """The same as one product of matrices."""
    images, _, height, width = x.shape
    filters, _, rows, columns = weight.shape
    matrix = im2col(x, kernel=(rows, columns))
    y = matrix @ weight.reshape(filters, -1).T
    shape = (images, height - rows + 1, width - columns + 1, filters)
    return y.reshape(shape).transpose(0, 3, 1, 2)


def run(stage: Stage) -> None:
    """Draw the matrix, compare with loops, and put everything back."""
    matrix = im2col(X, kernel=(2, 2))
    stage.say(f"{X.shape} becomes {matrix.shape}:\n{matrix}")
    counts = col2im(np.ones_like(matrix), input_shape=(1, 2, 3, 3), kernel=(2, 2))
    stage.say(f"col2im of ones: how many windows see each pixel\n{counts[0, 0]}")
    draw(stage, matrix)
    rng = stage.rng()
    x = rng.normal(size=(stage.pick(quick=2, full=20), 3, 16, 16))
    weight = rng.normal(size=(8, 3, 5, 5))
    start = time.perf_counter()
    slow = by_loops(x, weight)
    middle = time.perf_counter()
    fast = by_im2col(x, weight)
    end = time.perf_counter()
    library, _ = ops.conv2d_forward(x, weight, np.zeros(8))
    error = max(np.abs(slow - fast).max(), np.abs(slow - library).max())
    stage.say(f"loops, im2col and the library agree to 10⁻¹²: {bool(error < 1e-12)}")
    stage.measured(f"loops {middle - start:.3f} s, im2col {end - middle:.4f} s")


def draw(stage: Stage, matrix: Array) -> None:
    """The two channels, the matrix of windows, the filters as columns, and the product."""
    columns = WEIGHT.reshape(2, -1).T
    y = matrix @ columns
    figure = new_figure(11.0, 5.4)
    axes = figure.add_subplot()
    empty(axes, "A convolution as one product of matrices", 24.4, 9.4)
    for c in range(2):
        draw_channel(axes, c)
    sign(axes, "im2col\n→", 4.6, 4.2, size=11)
    boxes(axes, matrix, "one row for each window", colour=lambda r, _c: ROWS[r], at=(6, 2.2))
    frame(axes, SHOWN, 0, (1, 8), at=(6, 2.2))
    sign(axes, "·", 14.6, 4.2, size=20)
    title = "one column for\neach filter"
    boxes(axes, columns, title, colour=lambda _r, _c: PALE["padding"], at=(15.4, 0.4))
    sign(axes, "=", 18.3, 4.2)
    boxes(axes, y, "one row for\neach position", colour=lambda r, _c: ROWS[r], at=(19.2, 2.2))
    frame(axes, SHOWN, 0, (1, 2), at=(19.2, 2.2))
    note(axes, "one column for\neach channel\nof output", 21.6, 4.2)
    stage.save(figure)


def draw_channel(axes: "Axes", c: int) -> None:
    """A channel of the image, with the framed window."""
    corner = (0.0, 0.4 + 4.6 * c)

    def colour(row: int, column: int) -> str:
        i, j = divmod(SHOWN, 2)
        return ROWS[SHOWN] if i <= row < i + 2 and j <= column < j + 2 else "white"

    boxes(axes, X[0, c], f"channel {c + 1}", colour=colour, at=corner)
    frame(axes, *divmod(SHOWN, 2), (2, 2), at=corner)
