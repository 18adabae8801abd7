"""`cs231n.features`: what an image looks like, in a few numbers: its edges and its colours."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.checks import Array, check_count

CELL = 8  # pixels along each side of the squares that edges are counted in
DIRECTIONS = 9
WIDTH = 180 / DIRECTIONS  # degrees of each direction


def extract_features(
    imgs: Array, feature_fns: Sequence[Callable[[Array], Array]], verbose: bool = False
) -> Array:
    """The features of every image, one row each.

    Args:
        imgs: images (N, H, W, C).
        feature_fns: each takes an image and returns an array with one axis.
        verbose: print after every thousand images.
    """
    rows: list[Array] = []
    for number, image in enumerate(imgs, 1):
        rows.append(np.hstack([np.asarray(f(image.squeeze())) for f in feature_fns]))
        if verbose and number % 1000 == 0:
            print(f"Done extracting features for {number} / {len(imgs)} images")
    return np.array(rows, np.float64)


def rgb2gray(rgb: Array) -> Array:
    """Grey values of an RGB image, with the course's weights.

    (The weight of blue is commonly 0.114, and they would sum to 1.)
    """
    return np.dot(rgb[..., :3], np.array([0.299, 0.587, 0.144]))


def hog_feature(im: Array) -> Array:
    """How strong the edges of each direction are in each square of 8 × 8 pixels.

    Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.

    Args:
        im: an image, grey (H, W) or in colour (H, W, 3).

    Returns:
        For each square 9 numbers, in one row; the squares run down the columns of the image.
    """
    image = rgb2gray(im) if im.ndim == 3 else im.astype(np.float64)
    gx, gy = np.zeros(image.shape), np.zeros(image.shape)
    gx[:, :-1], gy[:-1, :] = np.diff(image, axis=1), np.diff(image, axis=0)
    # 1e-15 decides on which side of ±90° the vertical edges are.
    degrees = (np.arctan2(gy, gx + 1e-15) * (180 / np.pi) + 90)[:, :, np.newaxis]
    low = WIDTH * np.arange(DIRECTIONS)
    inside = (degrees >= low) & (degrees < low + WIDTH) & (degrees > 0)
    edges = np.sqrt(gx**2 + gy**2)[:, :, np.newaxis] * inside
    rows, columns = image.shape[0] // CELL, image.shape[1] // CELL
    whole = edges[: rows * CELL, : columns * CELL]
    squares = whole.reshape(rows, CELL, columns, CELL, DIRECTIONS).mean(axis=(1, 3))
    return squares.transpose(1, 0, 2).ravel()


def color_histogram_hsv(
    im: Array, nbin: int = 10, xmin: float = 0, xmax: float = 255, normalized: bool = True
) -> Array:
    """How much of an RGB image has each hue.

    Args:
        im: the image (H, W, 3).
        nbin: how many hues are told apart.
        xmin: where the first bin begins.
        xmax: the largest value that a pixel can have.
        normalized: shares of the image; otherwise numbers of pixels times the bin's width.
    """
    from matplotlib.colors import rgb_to_hsv

    check_count(nbin, who="color_histogram_hsv", which="nbin")
    hues: Any = rgb_to_hsv(im / xmax)[:, :, 0] * xmax
    edges = np.linspace(xmin, xmax, nbin + 1)
    counts, _ = np.histogram(hues, bins=edges, density=normalized)
    return counts * np.diff(edges)
