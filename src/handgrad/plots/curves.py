"""The learning curve: loss and metrics by epoch."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import os
from typing import TYPE_CHECKING

import numpy as np

from handgrad.checks import Array, InvalidValueError
from handgrad.plots.canvas import BLUE, DARK, ORANGE, new_figure, tidy, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from handgrad.training import History

TRAINING, VALIDATION = "training", "validation"
NOT_MEASURED = {"epoch", "learning_rate", "seconds"}  # columns that say nothing about the network


def learning_curve(history: "History", path: str | os.PathLike[str]) -> None:
    """Draw the loss and every metric by epoch, in training and validation, and mark the best.

    The best epoch is the validation's, where there is one: the lowest of a loss or an error, the
    highest of anything else.

    Raises:
        InvalidValueError: no epoch was finished, or the file's ending is unknown.
        FileAccessError: the file cannot be written.
    """
    prefix = f"{VALIDATION}_"
    columns = dict.fromkeys(name.removeprefix(prefix) for name in history.columns)
    names = [name for name in columns if name not in NOT_MEASURED]
    if not len(history) or not names:
        raise InvalidValueError("learning_curve: the history must have an epoch, but is empty.")
    figure = new_figure(5.2 * len(names), 3.8)
    epochs = np.asarray(history["epoch"])
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), place)
        curves = {
            which: np.array([np.nan if v is None else v for v in history[column]], float)
            for which, column in ((TRAINING, name), (VALIDATION, prefix + name))
            if column in history.columns
        }
        _draw_curves(axes, epochs, curves, name)
    write(figure, path, who="learning_curve")


def _draw_curves(axes: "Axes", epochs: Array, curves: dict[str, Array], name: str) -> None:
    """One measure's curves, with the best epoch marked."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for which, values in curves.items():
        colour = BLUE if which == TRAINING else ORANGE
        marker = "o" if len(epochs) < 25 else ""
        axes.plot(epochs, values, color=colour, marker=marker, ms=3.5, lw=1.8, label=which)
    judged = curves[VALIDATION if VALIDATION in curves else TRAINING]
    share = name.endswith("accuracy")
    if np.isfinite(judged).any():
        low = "loss" in name or "error" in name
        best = int(np.nanargmin(judged) if low else np.nanargmax(judged))
        value = f"{100 * judged[best]:.2f} %" if share else f"{judged[best]:.4g}"
        text = f"{'lowest' if low else 'highest'}: {value} in epoch {epochs[best]}"
        axes.plot(epochs[best], judged[best], "o", ms=10, mfc="none", mec=DARK, mew=1.4, label=text)
    tidy(axes)
    axes.set_title(name.replace("_", " ").capitalize(), loc="left", color=DARK, fontweight="bold")
    axes.set_xlabel("epoch", color=DARK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(epochs) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
        axes.margins(y=0.5)
    if share:
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.grid(axis="y", color="#e4e4e4", lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, labelcolor=DARK, fontsize=9)
