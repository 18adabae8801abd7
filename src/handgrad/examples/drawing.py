"""What the examples' figures share: panels, named axes, curves that anybody can tell apart."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from handgrad.plots.canvas import BLUE, DARK, GREY, ORANGE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREEN, PURPLE, SKY, YELLOW = "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, DARK, GREY)  # Okabe and Ito's
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

__all__ = [
    "BLUE",
    "COLOURS",
    "DARK",
    "DASHES",
    "GREEN",
    "GREY",
    "MARKERS",
    "ORANGE",
    "PURPLE",
    "SKY",
    "YELLOW",
    "by_epoch",
    "curves",
    "label",
    "new_figure",
    "panels",
    "tidy",
]


def panels(
    rows: int, columns: int, *, width: float = 4.2, height: float = 3.6, gap: float = 0.06
) -> "tuple[Figure, list[Axes]]":
    """A figure with a grid of empty axes, row by row; the sizes in inches are one panel's."""
    figure = new_figure(width * columns, height * rows, gap=gap)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(rows * columns)]
    return figure, axes


def label(axes: "Axes", title: str, *, x: str = "", y: str = "", grid: bool = True) -> None:
    """Name a panel and its axes, in the style of the house's pictures."""
    tidy(axes)
    axes.set_title(title, loc="left", color=DARK, fontweight="bold", fontsize=11)
    axes.set_xlabel(x, color=DARK)
    axes.set_ylabel(y, color=DARK)
    if grid:
        axes.grid(color="#e4e4e4", lw=0.8)
        axes.set_axisbelow(True)


def curves(
    axes: "Axes",
    named: Mapping[str, Any],
    *,
    x: Any = None,
    legend: bool = True,
    markers: bool = False,
) -> None:
    """Draw curves, each in its own colour and dashes, so that they differ without colours too.

    Args:
        axes: where.
        named: {name: values}, or {name: (x, values)} where each has its own x.
        x: what the values stand over; by default 1, 2, 3 …
        legend: whether to write the names.
        markers: whether to mark the points, where they are few.
    """
    for place, (name, values) in enumerate(named.items()):
        heights: Any = values
        positions: Any = x
        if isinstance(values, tuple):
            positions, heights = cast("tuple[Any, Any]", values)
        elif x is None:
            positions = range(1, len(heights) + 1)
        style: dict[str, Any] = {
            "color": COLOURS[place % len(COLOURS)],
            "ls": DASHES[place % len(DASHES)],
            "marker": MARKERS[place % len(MARKERS)] if markers else "",
        }
        axes.plot(positions, heights, lw=1.8, ms=4, label=name, **style)
    if legend:
        axes.legend(frameon=False, labelcolor=DARK, fontsize=9)


def by_epoch(
    axes: "Axes", named: Mapping[str, Any], title: str, *, y: str, share: bool = False, first: int
) -> None:
    """Draw curves with one value for each epoch, from the epoch `first` on.

    Args:
        axes: where.
        named: {name: values}.
        title: the panel's.
        y: the vertical axis's name.
        share: whether the values are shares, to be written in percent; the axis then begins below
            the second value (what an untrained network guesses is not worth the room).
        first: the epoch of the first value: 0 if it was measured before training.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    length = max(len(values) for values in named.values())
    curves(axes, named, x=range(first, first + length), markers=length < 40)
    label(axes, title, x="epoch", y=y)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if share:
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        low = min(min(values[1:] or values) for values in named.values())
        axes.set_ylim(max(0.0, low - 0.1 * (1 - low)), 1.0 + 0.03 * (1 - low))
        axes.legend(frameon=False, labelcolor=DARK, fontsize=9, loc="lower right")
