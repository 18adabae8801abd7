"""The confusion matrix: which class is taken for which."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from handgrad.checks import Array, ShapeError, check_shape
from handgrad.plots.canvas import DARK, new_figure, tidy, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def confusion_matrix(
    matrix: Annotated[Any, "K K"],
    path: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
) -> None:
    """Draw how often each class (row) was taken for each class (column).

    The colour is the share of the row; it rises steeply at first, so that rare mistakes show.

    Raises:
        ShapeError: the matrix is not square, or the names are not as many as its rows.
        InvalidValueError: the file's ending is unknown.
        FileAccessError: the file cannot be written.
    """
    from matplotlib.colors import PowerNorm

    matrix = np.asarray(matrix)
    who = "confusion_matrix"
    check_shape(matrix, ("K", "K"), who=who, which="matrix")
    classes = len(matrix)
    check_shape(matrix, (classes, classes), who=who, which="matrix")
    names = [str(k) for k in range(classes)] if names is None else list(names)
    if len(names) != classes:
        raise ShapeError(f"{who}: names must be {classes}, one for each row, but are {len(names)}.")
    shares = matrix / matrix.sum(axis=1, keepdims=True).clip(1)
    side = min(max(0.52 * classes + 1.6, 3.6), 16)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.35, 0, 1))
    if classes <= 30:
        _write_counts(axes, matrix, shares)
    right, total = int(np.trace(matrix)), int(matrix.sum())
    title = f"{right:,} of {total:,} right ({100 * right / max(total, 1):.2f} %)"
    axes.set_title(title, color=DARK, fontweight="bold", pad=10)
    turn = 90 if max(map(len, names), default=0) > 3 else 0
    axes.set_xticks(range(classes), names, rotation=turn)
    axes.set_yticks(range(classes), names)
    axes.set_xlabel("predicted", color=DARK)
    axes.set_ylabel("true", color=DARK)
    axes.set_xticks(np.arange(1, classes) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, classes) - 0.5, minor=True)
    axes.grid(which="minor", color="white", lw=1.5)
    tidy(axes, spines=False)
    write(figure, path, who=who)


def _write_counts(axes: "Axes", matrix: Array, shares: Array) -> None:
    for row, column in np.argwhere(matrix > 0):
        count = int(matrix[row, column])
        colour = "white" if shares[row, column] > 0.15 else DARK
        size = 9 if count < 1000 else 8
        axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=size)
