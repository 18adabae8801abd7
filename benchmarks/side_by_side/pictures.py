"""Pictures: how many times handgrad's time the others take, and how times grow."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from handgrad.plots.canvas import BLUE, DARK, GREY, ORANGE, new_figure, tidy, write
from side_by_side.report import NAMES

GREEN, PURPLE = "#009E73", "#CC79A7"
STYLES = {  # of the sides: colour, marker
    "handgrad": (BLUE, "o"),
    "reference": (GREY, "s"),
    "pytorch": (ORANGE, "D"),
    "torch-fused": (GREEN, "^"),
    "torch-compile": (PURPLE, "v"),
    "sklearn": (DARK, "P"),
}


def draw_ratios(path: Path, ratios: Mapping[str, Mapping[str, float]], heading: str) -> None:
    """One line for each work, one mark for each peer: its time over handgrad's, as logarithms."""
    figure = new_figure(8.0, 0.42 * len(ratios) + 1.7)
    axes = figure.add_subplot()
    works = list(ratios)
    for side, (colour, marker) in STYLES.items():
        points = [(ratios[work][side], i) for i, work in enumerate(works) if side in ratios[work]]
        if points:
            axes.plot(
                *zip(*points, strict=True), marker, color=colour, label=NAMES[side], markersize=7
            )
    axes.axvline(1, color=BLUE, linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(works)), works)
    axes.set_ylim(len(works) - 0.5, -0.5)
    plain_ticks(axes, "x")
    axes.grid(axis="x", which="major", color=GREY, alpha=0.25)
    axes.set_xlabel("how many times handgrad's time they take (right of 1: handgrad is faster)")
    axes.set_title(heading, color=DARK, fontsize=9, loc="left")
    tidy(axes)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    write(figure, path, who="draw_ratios")


Curve = Mapping[int, float]  # seconds by size


def draw_growth(
    path: Path, panels: Mapping[str, Mapping[str, Curve]], xlabels: Sequence[str]
) -> None:
    """Panels side by side, both axes logarithmic: seconds per step against a size."""
    figure = new_figure(4.2 * len(panels), 3.6)
    for place, (title, curves) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for side, curve in curves.items():
            colour, marker = STYLES[side]
            milliseconds = [seconds * 1e3 for seconds in curve.values()]
            axes.plot(list(curve), milliseconds, marker=marker, color=colour, label=NAMES[side])
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        plain_ticks(axes, "x")
        plain_ticks(axes, "y")
        axes.grid(which="major", color=GREY, alpha=0.25)
        axes.set_title(title, color=DARK, fontsize=10)
        axes.set_xlabel(xlabels[place - 1])
        if place == 1:
            axes.set_ylabel("milliseconds per step")
            axes.legend(frameon=False, fontsize=9)
        tidy(axes)
    write(figure, path, who="draw_growth")


def plain_ticks(axes: Axes, which: str) -> None:
    """Write 0.1 and 1000 on a logarithmic axis, not powers of ten."""
    axis = getattr(axes, f"{which}axis")
    if axis.get_transform().base == 10:
        axis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def plain(value: float, _: int | None) -> str:
    """A number without an exponent where that is possible."""
    return f"{value:g}"
