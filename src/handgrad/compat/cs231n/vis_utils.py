"""`cs231n.vis_utils`: many images as one."""

from math import ceil, sqrt

import numpy as np

from handgrad.checks import Array


def visualize_grid(Xs: Array, ubound: float = 255.0, padding: int = 1) -> Array:
    """Images (N, H, W, C) side by side in a square grid, each stretched to 0 … ubound.

    Args:
        Xs: the images.
        ubound: what each image's largest entry becomes; its smallest becomes 0.
        padding: pixels between two images, which are 0.

    Returns:
        One image (rows, columns, C).
    """
    images, height, width, channels = Xs.shape
    side = ceil(sqrt(images))
    tile = (height + padding, width + padding)
    grid = np.zeros((side * tile[0] - padding, side * tile[1] - padding, channels))
    for number, image in enumerate(Xs):
        top, left = number // side * tile[0], number % side * tile[1]
        low, high = image.min(), image.max()
        # An image of one colour has nothing to stretch; the course divides 0 by 0 there.
        stretched = ubound * (image - low) / (high - low) if high > low else 0.0
        grid[top : top + height, left : left + width] = stretched
    return grid


def vis_grid(Xs: Array) -> Array:
    """Images (N, H, W, C) in a square grid, all stretched together to 0 … 1, on their largest."""
    images, height, width, channels = Xs.shape
    side = ceil(sqrt(images))
    grid = np.full((side * height + side, side * width + side, channels), Xs.max(), Xs.dtype)
    for number, image in enumerate(Xs):
        top, left = number // side * (height + 1), number % side * (width + 1)
        grid[top : top + height, left : left + width] = image
    low, high = grid.min(), grid.max()
    return (grid - low) / (high - low) if high > low else grid * 0.0
