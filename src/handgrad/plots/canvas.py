"""What the pictures share: an empty figure, a plain frame, a grid of tiles, writing the file."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from handgrad.checks import Array, InvalidValueError, ShapeError, shape_text
from handgrad.files import write_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, DARK = "#0072B2", "#D55E00", "#8a8a8a", "#333333"
DPI = 144


def new_figure(width: float, height: float, *, gap: float = 0.04) -> "Figure":
    """An empty figure, sizes in inches; `gap` is between its parts, as a share of theirs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.05, wspace=gap, hspace=gap)
    return figure


def tidy(axes: "Axes", *, spines: bool = True) -> None:
    """Take away what says nothing: the frame's upper and right side, the dashes at the ticks."""
    for side, spine in axes.spines.items():
        spine.set_visible(spines and side in {"left", "bottom"})
        spine.set_color(GREY)
    axes.tick_params(which="both", length=0, labelcolor=DARK, labelsize=9)


def write(figure: "Figure", path: str | os.PathLike[str], *, who: str) -> None:
    """Write the picture in the format that the file's ending names.

    Raises:
        InvalidValueError: no such format.
        FileAccessError: the file cannot be written.
    """
    path = Path(path)
    known = sorted(figure.canvas.get_supported_filetypes())
    ending = path.suffix.lower().removeprefix(".")
    if ending not in known:
        raise InvalidValueError(
            f"{who}: path must end in one of .{', .'.join(known)}, but is '{path}'."
        )
    with write_beside(path) as part:
        figure.savefig(part, format=ending)


def as_pictures(images: Array, *, who: str, which: str) -> Annotated[Array, "N H W ..."]:
    """Bring images into the form that matplotlib draws: (N, H, W), or (N, H, W, 3) for colours.

    Raises:
        ShapeError: they are of another form.

    >>> as_pictures(np.zeros((5, 1, 28, 28)), who="mistakes", which="images").shape
    (5, 28, 28)
    >>> as_pictures(np.zeros((5, 784)), who="mistakes", which="images").shape
    (5, 28, 28)
    """
    shape = images.shape
    if len(shape) == 2 and isqrt(shape[1]) ** 2 == shape[1]:
        return images.reshape(shape[0], isqrt(shape[1]), isqrt(shape[1]))
    if len(shape) == 3:
        return images
    if len(shape) == 4 and shape[1] == 1:
        return images[:, 0]
    if len(shape) == 4 and shape[1] == 3:
        top = 255 if images.dtype == np.uint8 else 1
        return (images.transpose(0, 2, 3, 1) / top).clip(0, 1)
    raise ShapeError(
        f"{who}: {which} must have shape (N, 1, H, W), (N, 3, H, W), (N, H, W), or (N, D) with a "
        f"square number D, but {which} has shape {shape_text(shape)}."
    )


def draw_tiles(
    pictures: Array, title: str, captions: Sequence[str], *, width: float, signed: bool = False
) -> "Figure":
    """Many small pictures in a grid, on one scale; `signed` draws 0 in white."""
    total = len(pictures)
    columns = min(total, max(8, isqrt(total)))
    rows = -(-total // max(columns, 1))
    tall, wide = pictures.shape[1:3]
    height = width * min(max(tall / wide, 0.4), 3) + (0.18 if captions else 0)
    figure = new_figure(max(width * columns, 4.0), height * rows + 0.6, gap=0.0)
    figure.suptitle(title, color=DARK, fontsize=11, fontweight="bold")
    top = low = None
    if signed and total:
        top = max(
            float(np.percentile(np.abs(pictures), 99.5)), 1e-12
        )  # a few weights may stick out
        low = -top
    for place, picture in enumerate(pictures, start=1):
        axes = figure.add_subplot(rows, columns, place)
        colours = "RdBu_r" if signed else "gray_r"
        axes.imshow(picture, cmap=colours, vmin=low, vmax=top, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        tidy(axes, spines=False)
        if captions:
            axes.set_xlabel(captions[place - 1], fontsize=8, color=DARK, labelpad=2)
    return figure
