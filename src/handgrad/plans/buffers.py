"""The arrays that a plan keeps: aligned, padded to registers, images in a border of zeros."""

import math
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.tiles import lanes

ALIGNMENT = 64  # bytes of a cache line


def aligned_zeros(size: int, dtype: Any) -> Array:
    """A flat array of zeros that starts on a cache line."""
    itemsize = np.dtype(dtype).itemsize
    raw = np.zeros(size * itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * itemsize].view(dtype)


def padded(size: int, dtype: Any) -> int:
    """`size` rounded up to whole registers.

    >>> padded(0, np.float32)
    0
    """
    width = lanes(np.dtype(dtype).itemsize)
    return -(-size // width) * width


Border = tuple[tuple[int, int], tuple[int, int]]


class Buffer:
    """A batch of images, channels last, in one flat array.

    Args:
        count: the largest batch.
        shape: (channels, height, width) of an image.
        dtype: of the numbers.
        border: how wide zeros lie around it (rows, columns): above and left, below and right.
        step: distance (rows, columns) from one position to the next; more than 1 leaves zeros
            between, as the gradient of a strided convolution needs.
        pad_channels: whether the channels are padded to whole registers.

    Attributes:
        count: as given.
        flat: the numbers.
        at: where positions lie: start, steps to the next image, row and position.
        row, pixel: steps to the next row and pixel of the buffer itself, border included.
    """

    def __init__(
        self,
        count: int,
        shape: tuple[int, int, int],
        dtype: Any,
        *,
        border: Border = ((0, 0), (0, 0)),
        step: tuple[int, int] = (1, 1),
        pad_channels: bool = True,
    ) -> None:
        self.count, self.shape = count, shape
        channels, height, width = shape
        before, after = border
        self.channels = padded(channels, dtype) if pad_channels else channels
        rows = before[0] + (height - 1) * step[0] + 1 + after[0]
        columns = before[1] + (width - 1) * step[1] + 1 + after[1]
        self.pixel = self.channels
        self.row = columns * self.pixel
        self.image = rows * self.row
        start = before[0] * self.row + before[1] * self.pixel
        self.at = (start, self.image, step[0] * self.row, step[1] * self.pixel)
        self.flat = aligned_zeros(count * self.image, dtype)
        everything = self.flat.reshape(count, rows, columns, self.channels)
        # What the user's layout sees: (N, C, H, W), without borders and padding.
        self.view = everything[
            :,
            before[0] : before[0] + (height - 1) * step[0] + 1 : step[0],
            before[1] : before[1] + (width - 1) * step[1] + 1 : step[1],
            :channels,
        ].transpose(0, 3, 1, 2)

    @property
    def per_image(self) -> int:
        """How many numbers an image has, without borders and padding."""
        return math.prod(self.shape)
