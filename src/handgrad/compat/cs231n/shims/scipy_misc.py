"""The pictures that `scipy.misc` read, resized and wrote until SciPy 1.2, by Pillow."""

import os
from pathlib import Path

import numpy as np

from handgrad.checks import Array
from handgrad.compat.cs231n.shims.imageio import imread

__all__ = ["imread", "imresize", "imsave"]


def imresize(arr: Array, size: float | tuple[int, int]) -> Array:
    """A picture in another size, smoothly.

    Args:
        arr: pixels (H, W, C) or (H, W); those that are no bytes are stretched to 0 … 255.
        size: the new height and width; an integer is a percentage, a float a fraction.
    """
    from PIL import Image

    if isinstance(size, tuple | list):
        height, width = size
    else:
        share = size / 100 if isinstance(size, int) else size
        height, width = (int(length * share) for length in arr.shape[:2])
    picture = Image.fromarray(as_bytes(arr))
    return np.array(picture.resize((width, height), Image.Resampling.BILINEAR))


def imsave(name: str | os.PathLike[str], arr: Array) -> None:
    """Write a picture; pixels that are no bytes are stretched to 0 … 255."""
    from PIL import Image

    Image.fromarray(as_bytes(arr)).save(Path(name))


def as_bytes(arr: Array) -> Array:
    """The pixels as bytes; others than bytes are stretched, the smallest to 0, the largest to 255.

    >>> as_bytes(np.array([[1.0, 3.0]]))
    array([[  0, 255]], dtype=uint8)
    """
    if arr.dtype == np.uint8:
        return arr
    low, high = float(arr.min()), float(arr.max())
    stretched: Array = 255.0 * (arr - low) / (high - low if high > low else 1)
    return stretched.round().astype(np.uint8)
