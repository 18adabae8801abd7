"""Draw the pictures of the documentation's page on data into docs/images/.

python scripts/data_pictures.py
"""

from functools import partial
from pathlib import Path

import numpy as np

from handgrad.data import (
    Augmentation,
    affine,
    blobs,
    brightness,
    circles,
    crop,
    elastic,
    flip,
    mnist,
    moons,
    rotate,
    scale,
    shift,
    spirals,
    xor,
)
from handgrad.plots.canvas import DARK, new_figure, tidy, write

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
COLOURS = ("#0072B2", "#D55E00", "#009E73")  # told apart by colour-blind people too
MARKS = ("o", "^", "s")
COPIES = 7
ROWS = [
    ("rotate\n(degrees=20)", partial(rotate, degrees=20)),
    ("scale\n(by=0.3)", partial(scale, by=0.3)),
    ("shift\n(pixels=4)", partial(shift, pixels=4)),
    ("crop\n(share=0.7)", partial(crop, share=0.7)),
    ("brightness\n(by=0.6)", partial(brightness, by=0.6)),
    ("elastic", elastic),
    ("affine,\nelastic", Augmentation(partial(affine, degrees=10, scale=0.1), elastic)),
    ("flip: not\nfor digits", flip),
]


def augmentations(path):
    """A digit, and what each function makes of it, several times."""
    digit = mnist().train.x[7:8]
    figure = new_figure(6.4, 0.72 * len(ROWS) + 0.35, gap=0.0)
    for row, (name, step) in enumerate(ROWS):
        changed = step(np.repeat(digit, COPIES, axis=0), np.random.default_rng(2))
        for column, picture in enumerate([digit[0], *changed]):
            place = row * (COPIES + 1) + column + 1
            axes = figure.add_subplot(len(ROWS), COPIES + 1, place)
            axes.imshow(picture[0], cmap="gray_r", vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0 and column < 2:
                title = "before" if column == 0 else "after"
                axes.set_title(title, fontsize=9, color=DARK, fontweight="bold")
            if column == 0:
                axes.set_ylabel(
                    name, rotation=0, ha="right", va="center", fontsize=9, color=DARK, labelpad=8
                )
    write(figure, path, who="augmentations")


def synthetic(path):
    """The sets in the plane."""
    figure = new_figure(7.2, 4.9)
    sets = [moons(), circles(), xor(), spirals(), blobs(centers=3, seed=4), spirals(classes=2)]
    names = ["moons()", "circles()", "xor()", "spirals()", "blobs()", "spirals(classes=2)"]
    for place, ((x, labels), name) in enumerate(zip(sets, names, strict=True), start=1):
        axes = figure.add_subplot(2, 3, place)
        for k in range(labels.max() + 1):
            axes.scatter(*x[labels == k].T, s=9, c=COLOURS[k], marker=MARKS[k], linewidths=0)
        axes.set_title(name, fontsize=10, color=DARK)
        axes.set_xlabel("x[:, 0]", fontsize=8, color=DARK)
        axes.set_ylabel("x[:, 1]", fontsize=8, color=DARK, labelpad=1)
        axes.set_aspect("equal", adjustable="datalim")
        tidy(axes)
        axes.tick_params(labelsize=8)
    write(figure, path, who="synthetic")


if __name__ == "__main__":
    augmentations(FOLDER / "augmentation.png")
    synthetic(FOLDER / "synthetic.png")
