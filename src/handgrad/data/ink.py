"""Telling a drawing's ink from its paper, under uneven light, with noise and specks."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.checks import Array, InvalidValueError

LEAST_CONTRAST = 12.0  # of 255: fainter than that is taken for paper
LEAST_SIDE = 5  # pixels: no digit can be drawn in fewer
MAD_TO_STD = 1.4826  # a normal distribution's standard deviation over its median deviation
EDGE = 0.15  # share of the full ink at which a stroke begins
CELLS = 96  # parts are told apart on a grid of at most so many cells a side


class Paper(NamedTuple):
    """What the picture would be without ink."""

    grey: Annotated[Array, "H W"]
    noise: float  # standard deviation of what is left on the paper


def find_ink(grey: Annotated[Array, "H W"], *, who: str) -> Annotated[Array, "H W"]:
    """Show the ink alone: 0 where there is paper, 1 where there is full ink.

    Ink is what differs from the paper, on whichever side most of the difference lies. Dark ink
    reflects a share of the light that falls on the paper, so its difference is divided by the
    paper's brightness: a drawing half in the shade comes out even.

    Raises:
        InvalidValueError: there is no ink, or hardly a pixel.
    """
    if max(grey.shape) < LEAST_SIDE:
        raise InvalidValueError(
            f"{who}: the longer side must have at least {LEAST_SIDE} pixels, "
            f"but has {max(grey.shape)}."
        )
    grey = smooth(grey)
    paper = find_paper(grey)
    ink, noise = grey - paper.grey, paper.noise
    faint = max(5 * noise, LEAST_CONTRAST)
    if ink[np.abs(ink) > faint].sum() < 0:
        brightest = paper.grey.max()
        gain = brightest / paper.grey.clip(brightest / 5)
        ink = -ink * gain
        noise *= float(np.median(gain))
    strong = ink[ink > max(5 * noise, LEAST_CONTRAST)]
    if strong.size < 3:
        raise InvalidValueError(
            f"{who}: there must be a digit to see, but the image is blank. "
            "Draw with more contrast, or larger."
        )
    ink = stretch(ink, black=2.5 * noise, values=strong)
    return ink * large_parts(ink)


def stretch(ink: Array, *, black: float, values: Array) -> Array:
    """Map `black` to 0, and full ink to 1.

    Full ink is the 90th percentile of the stronger half of `values`: some of MNIST's own pixels
    lie above it, and a glint or a pen's blot does not decide it.
    """
    upper = values[values >= np.percentile(values, 98) / 2]
    white = np.percentile(upper, 90)
    return ((ink - black) / (white - black)).clip(0, 1)


def smooth(grey: Annotated[Array, "H W"]) -> Annotated[Array, "H W"]:
    """Blur a noisy picture by 1/200 of its longer side, at most 3 pixels; leave a clean one.

    Neighbouring pixels of paper differ by noise alone: by its standard deviation times √2.
    """
    from PIL import Image, ImageFilter

    differences = [np.abs(np.diff(grey, axis=axis)).ravel() for axis in (0, 1)]
    noise = MAD_TO_STD * np.median(np.concatenate(differences)) / np.sqrt(2)
    if noise < 3:
        return grey
    margin = 10  # so that the blur does not draw a line along the picture's edge
    image = Image.fromarray(np.pad(grey, margin, mode="edge").round().astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(min(max(grey.shape) / 200, 3.0)))
    return np.asarray(image, np.float64)[margin:-margin, margin:-margin]


def find_paper(grey: Annotated[Array, "H W"]) -> Paper:
    """Fit the paper's brightness: a polynomial of degree 2 in row and column.

    It starts from the picture's frame. Each round fits the pixels now taken for paper, and then
    takes for paper what lies near the fit, so that ink drops out and the inside comes in.
    """
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, size) for size in grey.shape), indexing="ij")
    ones = np.ones(grey.shape)
    terms = np.stack([ones, rows, columns, rows * columns, rows**2, columns**2], axis=-1)
    step = -(-max(grey.shape) // 128)  # 128 × 128 points are plenty for six numbers
    sample, sample_terms = grey[::step, ::step], terms[::step, ::step]
    paper = np.ones(sample.shape, bool)
    frame = max(1, min(sample.shape) // 16)
    paper[frame:-frame, frame:-frame] = False
    away = np.abs(sample - np.median(sample[paper]))
    tolerance = 24.0  # light may vary along the frame
    weights = np.zeros(6)
    noise = 0.0
    for _ in range(10):
        noise = MAD_TO_STD * float(np.median(away[paper]))
        paper = away <= max(3 * noise, tolerance)  # at least half of what was paper stays
        near = sample_terms[paper]
        weights = np.linalg.lstsq(near.T @ near, near.T @ sample[paper], rcond=None)[0]
        away = np.abs(sample - sample_terms @ weights)
        tolerance = LEAST_CONTRAST / 2
    return Paper(terms @ weights, noise)


def large_parts(ink: Annotated[Array, "H W"]) -> Annotated[Array, "H W"]:
    """True near the connected parts that make up the digit; False at specks and frames.

    A speck has less than 5 % of the largest part's ink. A frame is a part around another that has
    at least 10 % of its ink.
    """
    cell = -(-max(ink.shape) // CELLS)
    height, width = (-(-size // cell) for size in ink.shape)
    padded = np.zeros((height * cell, width * cell))
    padded[: ink.shape[0], : ink.shape[1]] = ink
    blocks = padded.reshape(height, cell, width, cell)
    labels = connected(blocks.max(axis=(1, 3)) > EDGE)
    mass = np.bincount(labels.ravel(), blocks.sum(axis=(1, 3)).ravel())
    mass[0] = 0
    large = np.flatnonzero(mass >= 0.05 * mass.max())
    boxes = {part: bounding_box(labels == part) for part in large}
    frames = [
        part
        for part in large
        for other in large
        if mass[other] >= 0.1 * mass[part] and encloses(boxes[part], boxes[other])
    ]
    kept = neighbours(np.isin(labels, np.setdiff1d(large, frames))).any(axis=0)  # soft edges too
    return kept.repeat(cell, axis=0).repeat(cell, axis=1)[: ink.shape[0], : ink.shape[1]]


def connected(on: Annotated[Array, "H W"]) -> Annotated[Array, "H W"]:
    """Number the connected parts of a mask (diagonal neighbours count); 0 is off.

    Every cell starts with a number of its own and takes the largest among its neighbours, until
    nothing changes: a part's cells then share one.

    >>> connected(np.array([[True, False, True], [True, False, False]]))
    array([[3, 0, 2],
           [3, 0, 0]])
    """
    labels = np.where(on, on.cumsum().reshape(on.shape), 0)
    while True:
        spread = np.where(on, neighbours(labels).max(axis=0), 0)
        if (spread == labels).all():
            return labels
        labels = spread


def neighbours(cells: Annotated[Array, "H W"]) -> Annotated[Array, "9 H W"]:
    """Each cell itself and its eight neighbours; beyond the edge there is 0."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(cells, 1), (3, 3))
    return np.moveaxis(windows.reshape(*cells.shape, 9), -1, 0)


def bounding_box(on: Annotated[Array, "H W"]) -> tuple[slice, slice]:
    """The smallest rectangle around a mask's True cells."""
    rows, columns = np.flatnonzero(on.any(axis=1)), np.flatnonzero(on.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def encloses(outer: tuple[slice, slice], inner: tuple[slice, slice]) -> bool:
    """Tell whether `inner` lies within `outer` and touches none of its sides."""
    return all(a.start < b.start and b.stop < a.stop for a, b in zip(outer, inner, strict=True))
