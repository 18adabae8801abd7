"""Pictures of small arrays: numbers in boxes, with some of the boxes marked."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from handgrad.checks import Array
from handgrad.examples.drawing import DARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALE = {"window": "#cfe3f1", "filter": "#fbdcc4", "output": "#cdeadf", "padding": "#eeeeee"}
ROWS = ("#cfe3f1", "#fbdcc4", "#cdeadf", "#f3dcea")  # for up to four windows


def boxes(
    axes: "Axes",
    array: Array,
    title: str,
    *,
    colour: Callable[[int, int], str] = lambda _r, _c: "white",
    at: tuple[float, float] = (0.0, 0.0),
    size: float = 11.0,
) -> None:
    """Draw an array's numbers, each in a box one unit wide; `at` is the upper left corner.

    Args:
        axes: where; it must have been made by `empty`.
        array: two-dimensional.
        title: what stands above.
        colour: of the box in a row and a column.
        at: (x, y) of the corner; y grows downwards.
        size: the numbers', in points.
    """
    from matplotlib.patches import Rectangle

    left, top = at
    for (row, column), value in np.ndenumerate(array):
        corner = (left + column, top + row)
        axes.add_patch(Rectangle(corner, 1, 1, fc=colour(row, column), ec="#8a8a8a", lw=0.8))
        axes.text(
            *(corner[0] + 0.5, corner[1] + 0.52, f"{value:g}".replace("-", "−")),
            ha="center",
            va="center",
            fontsize=size,
            color=DARK,
        )
    axes.text(left, top - 0.25, title, fontsize=10, color=DARK, va="bottom")


def frame(
    axes: "Axes", row: int, column: int, shape: tuple[int, int], *, at: tuple[float, float]
) -> None:
    """A thick line around some boxes of an array that was drawn at `at`."""
    from matplotlib.patches import Rectangle

    corner = (at[0] + column, at[1] + row)
    axes.add_patch(Rectangle(corner, shape[1], shape[0], fc="none", ec=DARK, lw=2.0))


def sign(axes: "Axes", text: str, x: float, y: float, *, size: float = 16) -> None:
    """A sign between two arrays: ∗, =, +."""
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color=DARK)


def note(axes: "Axes", text: str, x: float, y: float) -> None:
    """A line of small text, which begins at x."""
    axes.text(x, y, text, fontsize=9, color=DARK, va="center")


def empty(axes: "Axes", title: str, width: float, height: float) -> None:
    """Make room for boxes: equal units, y downwards, no frame."""
    axes.set_title(title, loc="left", fontweight="bold", color=DARK, fontsize=11)
    axes.set(xlim=(-0.2, width), ylim=(height, -1.1), aspect="equal")
    axes.set_axis_off()
