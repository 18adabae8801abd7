"""Pictures: how many times handgrad's time the others take, and how times grow."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
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


KINDS = {  # of a stage's work: colour, marker
    "forward": (BLUE, "o"),
    "dx": (ORANGE, "D"),
    "dweight": (GREEN, "s"),
}
VISIBLE = 0.01  # of a step: smaller parts are left out


def draw_roofline(
    path: Path, works: Mapping[str, Mapping[str, Any]], found: Mapping[str, float]
) -> None:
    """Panel by panel, the parts of a step under the roof: rates against operations per byte."""
    figure = new_figure(4.6 * len(works), 4.2)
    for place, work in enumerate(works.values(), start=1):
        axes = figure.add_subplot(1, len(works), place)
        counted = [part for part in work["parts"] if part["kind"] in KINDS and part["operations"]]
        for part in (p for p in counted if p["minimum"] > VISIBLE * work["minimum"]):
            colour, marker = KINDS[part["kind"]]
            x = part["operations"] / part["bytes"]
            y = part["operations"] / part["minimum"] / 1e9
            axes.plot(x, y, marker, color=colour, markersize=13, alpha=0.85, clip_on=False)
            name = part["stage"].partition(":")[0]  # conv2d_3: c3
            short = name[0] + name.rpartition("_")[2]
            axes.annotate(short, (x, y), color="white", fontsize=7, ha="center", va="center")
        ridge = found["fma"] / found["memory"]
        roof = [found["memory"], found["fma"], found["fma"]]
        axes.plot([1, ridge, 30 * ridge], roof, color=DARK, linewidth=1.5, zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_ticks(axes, "x")
        plain_ticks(axes, "y")
        axes.grid(which="major", color=GREY, alpha=0.25)
        axes.set_title(work["title"], color=DARK, fontsize=10)
        axes.set_xlabel("operations for each byte to or from memory")
        if place == 1:
            axes.set_ylabel("billion operations per second")
        tidy(axes)
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=8, label=kind)
        for kind, (colour, marker) in KINDS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    write(figure, path, who="draw_roofline")


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
