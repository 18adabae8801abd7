"""Pictures of paths on surfaces: contours with paths, heights by step, an animation."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.checks import Array
from handgrad.examples._surfaces import Path, Surface, height
from handgrad.examples.drawing import BLUE, DARK, ORANGE, label, new_figure, tidy
from handgrad.files import write_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's, with black; the dashes tell them apart without colours too.
STYLES: dict[str, tuple[str, Any]] = {
    "SGD": ("#000000", "-"),
    "Momentum": ("#0072B2", "-"),
    "Nesterov": ("#56B4E9", (0, (5, 1))),
    "AdaGrad": ("#009E73", "-"),
    "RMSprop": ("#E69F00", (0, (5, 1))),
    "AdaDelta": ("#8a8a8a", (0, (3, 1, 1, 1))),
    "Adam": ("#D55E00", "-"),
    "Newton": ("#CC79A7", (0, (1, 1))),
    "BFGS": ("#661100", (0, (1, 1))),
}


def draw_contours(axes: "Axes", surface: Surface) -> None:
    """Lines of equal height, closer together near the bottom than they are in height."""
    x = np.linspace(*surface.x_range, 160)
    y = np.linspace(*surface.y_range, 120)
    grid = surface.f(x, y[:, np.newaxis]) - surface.lowest
    root = np.sqrt(np.maximum(grid, 0))
    axes.contour(x, y, root, 14, colors="#d0d0d0", linewidths=0.8)
    axes.set_xlim(*surface.x_range)
    axes.set_ylim(*surface.y_range)
    tidy(axes)


def visible(surface: Surface, path: Path) -> Path:
    """The path up to the first point outside the picture."""
    (left, right), (low, high) = surface.x_range, surface.y_range
    inside = (path[:, 0] >= left) & (path[:, 0] <= right)
    inside &= (path[:, 1] >= low) & (path[:, 1] <= high)
    return path if inside.all() else path[: int(inside.argmin()) + 1]


def draw_paths(surface: Surface, paths: Mapping[str, Path], title: str) -> "Figure":
    """One small picture for each method: contours, the path, its start and its end."""
    figure = new_figure(9.6, 7.4)
    figure.suptitle(title, color=DARK, fontsize=12, fontweight="bold")
    for place, (name, path) in enumerate(paths.items(), start=1):
        axes = figure.add_subplot(3, 3, place)
        draw_contours(axes, surface)
        seen = visible(surface, path)
        axes.plot(*seen.T, color=BLUE, lw=1.2, marker="o", ms=2.8)
        axes.plot(*seen[0], "s", color=DARK, ms=5)
        if len(seen) == len(path):
            axes.plot(*seen[-1], "*", color=ORANGE, ms=11, zorder=5)
            end = f"ends at height {height(surface, path)[-1]:.3g}".replace("-", "−")
        else:
            end = f"leaves after {len(seen) - 1} steps"
        axes.set_title(f"{name}: {end}", fontsize=9.5, color=DARK, loc="left")
        axes.label_outer()
        if place > 6:
            axes.set_xlabel("x", color=DARK)
        if place % 3 == 1:
            axes.set_ylabel("y", color=DARK)
    return figure


def draw_heights(above: Mapping[str, Array], title: str) -> "Figure":
    """How far above the lowest point each method is, by step, on a logarithmic axis."""
    figure = new_figure(7.6, 4.4)
    axes = figure.add_subplot()
    for name, heights in above.items():
        colour, dashes = STYLES[name]
        axes.semilogy(np.maximum(heights, 1e-12), color=colour, ls=dashes, lw=1.8, label=name)
    label(axes, title, x="step", y="height above the minimum")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def draw_rates(surface: Surface, paths: Mapping[float, Path]) -> "Figure":
    """SGD's path for each learning rate on the round bowl."""
    figure = new_figure(9.6, 5.6)
    title = "SGD on x² + y²: small, good, too large learning rates"
    figure.suptitle(title, color=DARK, fontsize=12, fontweight="bold")
    for place, (rate, path) in enumerate(paths.items(), start=1):
        axes = figure.add_subplot(2, 3, place)
        draw_contours(axes, surface)
        seen = visible(surface, path)
        axes.plot(*seen.T, color=BLUE, lw=1, marker="o", ms=3.5)
        axes.plot(*seen[0], "s", color=DARK, ms=5)
        factor = f"{1 - 2 * rate:g}".replace("-", "−")
        axes.set_title(f"η = {rate:g}: p is multiplied by {factor}", fontsize=9.5, color=DARK)
        axes.label_outer()
        if place > 3:
            axes.set_xlabel("x", color=DARK)
        if place % 3 == 1:
            axes.set_ylabel("y", color=DARK)
    return figure


def animate(surface: Surface, paths: Mapping[str, Path], file: FilePath, *, frames: int) -> None:
    """All methods at once, step by step, as a GIF that repeats."""
    from matplotlib.animation import PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = new_figure(6.4, 3.9)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_contours(axes, surface)
    axes.set_xlabel("x", color=DARK)
    axes.set_ylabel("y", color=DARK)
    lines: dict[str, tuple[Any, Any]] = {}
    for name in paths:
        colour, dashes = STYLES[name]
        (trail,) = axes.plot([], [], color=colour, ls=dashes, lw=1.3)
        (dot,) = axes.plot([], [], "o", color=colour, ms=6, mec="white", mew=0.6, label=name)
        lines[name] = trail, dot
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    title = axes.set_title("step 0", loc="left", color=DARK, fontsize=10, fontweight="bold")
    canvas.draw()
    figure.set_layout_engine("none")  # found once, and kept: it takes longer than a frame
    last = max(map(len, paths.values())) - 1
    steps = np.linspace(0, last, frames).round().astype(int)
    writer = PillowWriter(fps=6)
    with write_beside(file) as part, writer.saving(figure, str(part), dpi=100):
        for step in (*steps, *[last] * 6):  # and wait a second at the end
            title.set_text(f"step {step}")
            for name, path in paths.items():
                trail, dot = lines[name]
                seen = path[: step + 1]
                trail.set_data(*seen.T)
                dot.set_data(*seen[-1:].T)
            writer.grab_frame()
