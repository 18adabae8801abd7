"""Where a convolution's block of images lies in memory, with all that is computed from it.

One flat array holds the images inside a border of zeros, their patches, the filters' sums, the
weights, and room for the gradients; every part begins on a cache line, because a register that
reaches across two lines takes two loads. Parts are longer than what belongs to them by
as much as tiles and registers may reach too far.

A padded row lies by phases: for a stride of 2 its columns 0, 2, 4 …, then 1, 3, 5 …. What one pixel
of the window sees in a row then lies side by side, whatever the stride. A phase is so long that a
register that begins at an output column of any pixel of the window ends before the next row.
"""

import math
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.dense import HEIGHT
from handgrad.kernels.places import Two, rounded_up
from handgrad.kernels.tiles import lanes
from handgrad.ops.windows import Placement, output_shape

WORTH = 1 << 21  # multiplications: with fewer, NumPy is as fast, and nothing has to be compiled
BLOCK = 1 << 20  # bytes of patches in a block: they stay in the second-level cache
LINE_BYTES = 64  # of a cache line
Parts = list[tuple[Array, slice]]  # by phase: a place inside a border, and its columns of x


class Room(NamedTuple):
    """Sizes, and where in the flat array the parts of a block begin."""

    groups: int
    channels: int  # of all groups
    pixels: int  # C/G·KH·KW: the rows of a group's patches
    filters: int  # F/G: the rows of a group's sums
    wide: int  # the same in whole registers
    size: Two  # OH, OW
    steps: Two  # from one padded plane, and from one output row in it, to the next
    pitch: int  # from one row of patches, or of sums, to the next
    zeros: int
    kept: int  # here a register of ones ends, and one of zeros begins
    images: int  # in their border
    added: int  # their gradient, likewise
    patches: int
    sums: int  # filters at positions; their gradient
    turned: int  # a group's gradient, positions as rows
    weight: int
    dweight: int  # a group's, pixels as rows


class Block:
    """Memory for a block of a batch."""

    def __init__(self, x: Array, weight: Array, placement: Placement, groups: int) -> None:
        size = checked_size(x, weight, placement, groups)
        self.positions = math.prod(size)
        require(len(x) * self.positions * weight.size >= WORTH)
        pixels, filters, register = weight[0].size, len(weight) // groups, lanes(x.itemsize)
        bytes_each = groups * pixels * self.positions * x.itemsize  # patches of one image
        self.count = max(1, min(BLOCK // bytes_each, len(x)))
        padded, self.offsets = bordered(x, size, placement)
        _, rows, phases, length = padded
        wide, pitch = (
            rounded_up(filters, register),
            rounded_up(self.count * self.positions, register),
        )
        parts = [
            max(pitch, wide) + register,  # zeros, and ones at the end
            register,  # kept
            *[self.count * math.prod(padded) + register] * 2,  # images, added
            (groups * pixels + HEIGHT) * pitch + register,  # patches
            (groups * filters + max(HEIGHT, register)) * pitch,  # sums
            pitch * wide,  # turned
            weight.size + HEIGHT * pixels,  # weight
            (pixels + HEIGHT) * wide,  # dweight
        ]
        line = LINE_BYTES // x.itemsize
        *starts, whole = accumulate((rounded_up(part, line) for part in parts), initial=0)
        steps = (rows * phases * length, placement.stride[0] * phases * length)
        sizes = (groups, x.shape[1], pixels, filters, wide, size, steps, pitch)
        self.room = Room(*sizes, *starts)
        flat = np.zeros(whole + line, x.dtype)
        self.flat = flat[-flat.ctypes.data % LINE_BYTES // x.itemsize :][:whole]
        self.flat[self.room.kept - register : self.room.kept] = 1
        self.flat[self.room.weight :][: weight.size] = weight.ravel()
        shape = (self.count, *padded)
        self.images, self.added = (
            inside(self.flat[start:][: math.prod(shape)].reshape(shape), x.shape, placement)
            for start in (self.room.images, self.room.added)
        )

    def slices(self, images: int) -> Iterator[slice]:
        """The blocks of a batch."""
        return (slice(at, min(at + self.count, images)) for at in range(0, images, self.count))


def checked_size(x: Array, weight: Array, placement: Placement, groups: int) -> Two:
    """The output's size. Single pixels as windows are refused: x has their patches already."""
    kernel, stride, padding, dilation = placement
    require(x.ndim == weight.ndim == 4 and weight.shape[2:] == kernel != (1, 1))
    require(min(*kernel, *stride, *dilation, groups) > 0 and min(padding) >= 0)
    require(min(*x.shape[1:], *weight.shape) > 0)
    require(len(weight) % groups == 0 and weight.shape[1] * groups == x.shape[1])
    size = output_shape((x.shape[2], x.shape[3]), placement)
    require(min(size) > 0)
    return size


def bordered(x: Array, size: Two, placement: Placement) -> tuple[tuple[int, int, int, int], Array]:
    """The shape of an image with its border: channels, rows, phases, numbers of a phase in a row.

    And how far behind the start of a plane each pixel of its first window lies.
    """
    kernel, stride, padding, dilation = placement
    _, channels, height, width = x.shape
    phases = stride[1]
    seen = rounded_up(size[1], lanes(x.itemsize)) + (kernel[1] - 1) * dilation[1] // phases
    length = max(seen, rounded_up(width + 2 * padding[1], phases) // phases)
    down, right = np.ogrid[: kernel[0], : kernel[1]]
    skipped, phase = np.divmod(right * dilation[1], phases)
    offsets = ((down * dilation[0] * phases + phase) * length + skipped).ravel()
    return (channels, height + 2 * padding[0], phases, length), offsets


def inside(padded: Array, shape: tuple[int, ...], placement: Placement) -> Parts:
    """Where images of that shape lie inside the border, phase by phase."""
    down, right = placement.padding
    height, width = shape[2:]
    parts: Parts = []
    for phase in range(padded.shape[3]):
        columns = slice((phase - right) % padded.shape[3], width, padded.shape[3])
        start = (columns.start + right) // padded.shape[3]
        stop = start + len(range(width)[columns])
        parts.append((padded[:, :, down : down + height, phase, start:stop], columns))
    return parts
