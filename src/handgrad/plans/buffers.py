"""The arrays that a plan keeps: aligned, padded to registers, images in a border of zeros."""

import mmap
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.places import rounded_up
from handgrad.kernels.tiles import lanes

ALIGNMENT = 64  # bytes of a cache line
HUGE = 1 << 22  # bytes from which on NumPy asks for pages so large that each has written parts


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
    return rounded_up(size, lanes(np.dtype(dtype).itemsize))


Border = tuple[tuple[int, int], tuple[int, int]]


class Buffer:
    """A batch of images, channels last, in one flat array.

    Args:
        count: the largest batch.
        shape: (channels, height, width) of an image.
        dtype: of the numbers.
        border: how wide zeros lie around it (rows, columns): above and left, below and right.
        pad_channels: whether the channels are padded to whole registers.

    Attributes:
        count: as given.
        flat: the numbers.
        view: those that count, in the layout that users see.
        size: (count, rows, columns, channels) with border and padding.
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
        pad_channels: bool = True,
    ) -> None:
        self.count, self.shape = count, shape
        channels, height, width = shape
        before, after = border
        self.channels = padded(channels, dtype) if pad_channels else channels
        rows = before[0] + height + after[0]
        columns = before[1] + width + after[1]
        self.pixel = self.channels
        self.row = columns * self.pixel
        self.image = rows * self.row
        start = before[0] * self.row + before[1] * self.pixel
        self.at = (start, self.image, self.row, self.pixel)
        self.flat = aligned_zeros(count * self.image, dtype)
        self.size, self.before = (count, rows, columns, self.channels), before
        self.view = self.seen(self.flat)

    def seen(self, flat: Array) -> Array:
        """What the user's layout sees of such an array: (N, C, H, W), without borders, padding."""
        channels, *sizes = self.shape
        rows, columns = (
            slice(start, start + size) for start, size in zip(self.before, sizes, strict=True)
        )
        return flat.reshape(self.size)[:, rows, columns, :channels].transpose(0, 3, 1, 2)

    def never_written(self) -> int:
        """Bytes of whole pages of border, which are only read: they take no memory.

        What is read before anybody wrote there is zero, and the system has one page of zeros that
        stands for all such.
        """
        if self.flat.nbytes >= HUGE:
            return 0
        written = np.zeros(self.flat.size, np.bool_)
        self.seen(written)[...] = True
        each = mmap.PAGESIZE // self.flat.itemsize
        first = -self.flat.ctypes.data % mmap.PAGESIZE // self.flat.itemsize
        pages = max(0, self.flat.size - first) // each
        whole = written[first : first + pages * each].reshape(pages, each)
        return (pages - int(whole.any(axis=1).sum())) * mmap.PAGESIZE
