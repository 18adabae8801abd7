"""Convolution with numbers: one window, padding, stride, three channels, pooling.

A filter of size K × K slides over the image. At every position, each number of the filter is
multiplied by the pixel under it, and all products are added up, with a bias:

    y[i, j] = Σₖ Σₗ x[i S + k, j S + l] w[k, l] + b

Padding puts P rows and columns of zeros around the image, so that the edge can be a centre too. The
stride S is how far the filter moves. An image of height H has

    ⌊(H + 2P − K) / S⌋ + 1

rows of output. With several channels a filter has one slice for each, and the sums of all slices
are added: one filter makes one channel of output, whatever comes in. (Strictly this is called
cross-correlation: a mathematician's convolution turns the filter round first. As filters are
learned, it makes no difference.) Max-pooling takes the largest number of each window instead.

What to look at: the framed window on the left gives the framed number on the right; work one out.
The 3-D picture has three such pictures beside each other, and adds. The last one shows why pooling
is robust: the image moved right by a pixel, five of six pooled numbers are what they were (the 4,
which stood at its window's right edge, has left).
"""

from typing import TYPE_CHECKING

import numpy as np

from handgrad import ops
from handgrad.checks import Array
from handgrad.examples._grids import PALE, boxes, empty, frame, note, sign
from handgrad.examples.drawing import new_figure
from handgrad.examples.stage import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION = "003, chapter 7"
PLACE = 1

IMAGE = np.array([[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]], float)
FILTER = np.array([[2, 0, 1], [0, 1, 2], [1, 0, 2]], float)
LARGE = np.array([[(column - row) % 4 for column in range(1, 8)] for row in range(7)], float)
POOLED = np.array([[9, 2, 1, 0, 3, 1], [0, 1, 7, 3, 2, 4], [3, 0, 1, 2, 6, 2], [5, 4, 8, 1, 0, 1]])


def convolve(
    x: Array, weight: Array, *, stride: int = 1, padding: int = 0, bias: float = 0
) -> Array:
    """The library's own convolution of one image (H, W) or (C, H, W) with one filter."""
    x, weight = np.atleast_3d(x.T).T, np.atleast_3d(weight.T).T
    y, _ = ops.conv2d_forward(
        x[np.newaxis],
        weight[np.newaxis],
        np.array([bias]),
        stride=(stride, stride),
        padding=(padding, padding),
    )
    return y[0, 0]


def max_pool(x: Array) -> Array:
    """2 × 2 windows, side by side."""
    y, _ = ops.max_pool2d_forward(x[np.newaxis, np.newaxis], kernel=(2, 2), stride=(2, 2))
    return y[0, 0]


def run(stage: Stage) -> None:
    """Compute with the ops, print, draw."""
    show_one_channel(stage)
    show_channels(stage)
    show_pooling(stage)


def show_one_channel(stage: Stage) -> None:
    """Plain, with a bias and padding, and with stride 2."""
    figure = new_figure(8.4, 10.2)
    cases = [
        ("Convolution", IMAGE, 0, 1, 0.0, (0, 1)),
        ("With padding 1: the output is as large as the input", IMAGE, 1, 1, 0.0, (0, 0)),
        ("With stride 2", LARGE, 0, 2, 0.0, (0, 1)),
    ]
    for place, (title, x, padding, stride, bias, at) in enumerate(cases, start=1):
        y = convolve(x, FILTER, stride=stride, padding=padding, bias=bias)
        axes = figure.add_subplot(3, 1, place)
        draw_convolution(axes, title, np.pad(x, padding), y, padding=padding, stride=stride, at=at)
        stage.say(f"{title}: {x.shape[0]} × {x.shape[1]} to {y.shape[0]} × {y.shape[1]}")
        stage.say(f"{y}")
    stage.say(f"The first with a bias of 3:\n{convolve(IMAGE, FILTER, bias=3)}")
    stage.save(figure, "one-channel")


def draw_convolution(
    axes: "Axes", title: str, x: Array, y: Array, *, padding: int, stride: int, at: tuple[int, int]
) -> None:
    """Input, filter and output in a row, with one window and what it gives framed."""
    tall, middle = max(len(x), 4.6), max(len(x), 4.0) / 2
    empty(axes, title, len(x) + 5.4 + len(y), tall)
    last = len(x) - padding

    def colour(row: int, column: int) -> str:
        inside = padding <= row < last and padding <= column < last
        return "white" if inside else PALE["padding"]

    boxes(axes, x, "input", colour=colour)
    frame(axes, at[0] * stride, at[1] * stride, (3, 3), at=(0, 0))
    sign(axes, "∗", len(x) + 0.55, middle)
    top = middle - 1.5
    boxes(axes, FILTER, "filter", colour=lambda _r, _c: PALE["filter"], at=(len(x) + 1.1, top))
    sign(axes, "=", len(x) + 4.65, middle)
    corner = (len(x) + 5.2, middle - len(y) / 2)
    boxes(axes, y, "output", colour=lambda _r, _c: PALE["output"], at=corner)
    frame(axes, *at, (1, 1), at=corner)
    window = x[at[0] * stride :, at[1] * stride :][:3, :3]
    products = " + ".join(f"{a:g}·{b:g}" for a, b in zip(window.flat, FILTER.flat, strict=True))
    note(axes, f"framed: {products} = {y[at]:g}", 0, tall + 0.35)
    axes.set_ylim(tall + 0.6, -1.1)


def show_channels(stage: Stage) -> None:
    """Three channels: each with its slice of the filter, then the sum."""
    channels = np.stack([IMAGE, IMAGE[::-1], IMAGE.T])
    weight = np.stack([FILTER, FILTER.T, FILTER[:, ::-1]])
    y = convolve(channels, weight)
    figure = new_figure(8.4, 8.6)
    axes = figure.add_subplot()
    empty(axes, "Three channels in, one out: for each filter", 17.2, 17.4)
    for c, (x, w) in enumerate(zip(channels, weight, strict=True)):
        top = 0.6 + 5.8 * c
        boxes(axes, x, f"channel {c + 1}", at=(0, top))
        frame(axes, 0, 0, (3, 3), at=(0, top))
        sign(axes, "∗", 4.55, top + 2)
        title = f"the filter's slice {c + 1}"
        boxes(axes, w, title, colour=lambda _r, _c: PALE["filter"], at=(5.1, top + 0.5))
        sign(axes, "=", 8.7, top + 2)
        part = convolve(x, w)
        boxes(axes, part, "part", colour=lambda _r, _c: PALE["window"], at=(9.3, top + 1))
        frame(axes, 0, 0, (1, 1), at=(9.3, top + 1))
    sign(axes, "sum\nof the parts  =", 13.2, 8.4, size=11)
    boxes(axes, y, "output", colour=lambda _r, _c: PALE["output"], at=(15.0, 7.4))
    frame(axes, 0, 0, (1, 1), at=(15.0, 7.4))
    stage.say(f"Three channels of 4 × 4, one filter of 3 × 3 × 3: one channel of 2 × 2\n{y}")
    stage.save(figure, "three-channels")


def show_pooling(stage: Stage) -> None:
    """Max-pooling of an image, and of the same moved by one pixel."""
    moved = np.pad(POOLED, ((0, 0), (1, 0)))[:, :-1]
    same = int((max_pool(POOLED) == max_pool(moved)).sum())
    figure = new_figure(8.4, 5.6)
    axes = figure.add_subplot()
    empty(axes, f"Max-pooling: after the move {same} of 6 numbers are the same", 12.4, 10.6)
    for place, (x, title) in enumerate(((POOLED, "image"), (moved, "moved right by one pixel"))):
        top, y = 0.6 + 5.4 * place, max_pool(x)
        boxes(axes, x, title, colour=window_colour, at=(0, top))
        for i, j in np.ndindex(*y.shape):
            frame(axes, 2 * i, 2 * j, (2, 2), at=(0, top))
        sign(axes, "largest of\neach window  =", 7.6, top + 2, size=11)
        boxes(axes, y, "pooled", colour=lambda _r, _c: PALE["output"], at=(9.2, top + 1))
    stage.say(f"Max-pooling, 2 × 2:\n{max_pool(POOLED)}")
    stage.say(f"of the image moved right by one pixel ({same} of 6 are the same):")
    stage.say(f"{max_pool(moved)}")
    stage.save(figure, "pooling")


def window_colour(row: int, column: int) -> str:
    """Windows like the fields of a chessboard."""
    return PALE["window"] if (row // 2 + column // 2) % 2 else "white"
