"""Convolution, compiled: patches of a few images at a time, multiplied on register tiles.

The reference lays the patches of a whole batch out as one matrix, KH·KW times as large as x, and
its gradient as another. They go to memory and come back, which takes as long as the products. Here
a block has so few images that their patches stay in the processor's cache (`blocks.py` says where),
and the sums of dense layers, `matrix_sums`, multiply them.

For each block, forward: the images are put into a border of zeros; `gather` copies what windows
see of them into patches, a row for each pixel of the window; filters times patches; `give` adds
the bias and puts images before filters. Backward: `take` puts filters before images and adds up
dbias; the same patches times dy, turned around, are dweight; filters times dy are the gradient of
the patches, which `scatter` adds up in images with a border.

Rows are moved by whole registers, and the last one may reach too far. What `gather` writes there,
the next row writes over. `scatter` adds zeros there, and rows lie so far apart that it reaches no
other row: it would have to wait for what was just written to that one.

Sums are taken block by block, in one order: their bits do not depend on threads, as BLAS's do.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.blocks import Block, Room
from handgrad.kernels.dense import NOTHING_AFTER, matrix_sums
from handgrad.kernels.jit import compiled, dense
from handgrad.kernels.shuffles import tile_square, tile_transpose
from handgrad.kernels.tiles import tile_add, tile_keep, tile_lanes, tile_load, tile_store
from handgrad.ops.convolution import Conv2dSaved
from handgrad.ops.windows import Pair, Placement


@compiled
def register(a: Array, at: int) -> Any:
    """The numbers from a[at] on, as a tile of one register."""
    return tile_load(1, 1, 1, a, at, 0, 0)


@compiled
def gather(images: int, offsets: Array, a: Array, room: Room) -> None:
    """Patches: for each channel and pixel of the window, what it sees at all output positions."""
    rows, columns = room.size
    start = room.patches
    for c in range(room.channels):
        for offset in offsets:
            to = start
            for n in range(images):
                at = room.images + (n * room.channels + c) * room.steps[0] + offset
                for _ in range(rows):
                    for j in range(0, columns, tile_lanes(a)):
                        tile_store(register(a, at + j), a, to + j, 0, 0)
                    to += columns
                    at += room.steps[1]
            start += room.pitch


@compiled
def scatter(images: int, offsets: Array, a: Array, room: Room) -> None:
    """Add the patches up where `gather` copies them from, in the border of gradients."""
    rows, columns = room.size
    width = tile_lanes(a)
    rest = columns % width  # how many numbers the last register of a row has, if it is not full
    last = columns - rest
    for c in range(room.channels):
        for n in range(images):
            for k in range(len(offsets)):
                row = room.patches + (c * len(offsets) + k) * room.pitch + n * rows * columns
                at = room.added + (n * room.channels + c) * room.steps[0] + offsets[k]
                for _ in range(rows):
                    for j in range(0, last, width):
                        tile = tile_add(register(a, row + j), a, at + j)
                        tile_store(tile, a, at + j, 0, 0)
                    if rest:
                        tile = tile_keep(register(a, row + last), a, room.kept - rest, 0, 0)
                        tile_store(tile_add(tile, a, at + last), a, at + last, 0, 0)
                    row += columns
                    at += room.steps[1]


@compiled
def give(a: Array, room: Room, bias: Array, y: Array) -> None:
    """y[n, f] = sums [f, n] + bias[f], on planes of positions."""
    images, filters, positions = y.shape
    for n in range(images):
        for f in range(filters):
            start = room.sums + f * room.pitch + n * positions
            sums, out, shift = a[start : start + positions], y[n, f], bias[f]
            for p in range(positions):
                out[p] = sums[p] + shift


@compiled
def take(dy: Array, a: Array, room: Room, dbias: Array) -> None:
    """Sums' gradient [f, n] = dy[n, f], on planes of positions, and dbias[f] += Σ dy."""
    images, filters, positions = dy.shape
    for n in range(images):
        for f in range(filters):
            start = room.sums + f * room.pitch + n * positions
            d, out, total = dy[n, f], a[start : start + positions], 0.0
            for p in range(positions):
                out[p] = d[p]
                total += d[p]
            dbias[f] += total


@compiled
def whole_registers(a: Array, count: int) -> int:
    """So many numbers, rounded up to registers."""
    width = tile_lanes(a)
    return (count + width - 1) // width * width


@compiled
def filter_patches(columns: int, a: Array, room: Room) -> None:
    """The sums: weight times patches, for each group."""
    for g in range(room.groups):
        x = (room.weight + g * room.filters * room.pixels, room.pixels, 1)
        w = (room.patches + g * room.pixels * room.pitch, room.pitch)
        y = (room.sums + g * room.filters * room.pitch, room.pitch)
        whole = whole_registers(a, columns)
        matrix_sums(a, *x, *w, room.zeros, *y, whole, 0, room.filters, room.pixels, NOTHING_AFTER)


@compiled
def patch_gradient(columns: int, a: Array, room: Room) -> None:
    """In place of the patches, their gradient: weightᵀ times the sums' gradient, for each group."""
    for g in range(room.groups):
        x = (room.weight + g * room.filters * room.pixels, 1, room.pixels)
        w = (room.sums + g * room.filters * room.pitch, room.pitch)
        y = (room.patches + g * room.pixels * room.pitch, room.pitch)
        whole = whole_registers(a, columns)
        matrix_sums(a, *x, *w, room.zeros, *y, whole, 0, room.pixels, room.filters, NOTHING_AFTER)


@compiled
def turn(columns: int, a: Array, room: Room, group: int) -> None:
    """A group's gradient of sums with positions as rows, made in squares of registers."""
    side, start = tile_lanes(a), room.sums + group * room.filters * room.pitch
    for p in range(0, columns, side):
        for f in range(0, room.wide, side):
            square = tile_square(a, start + f * room.pitch + p, room.pitch)
            tile_store(tile_transpose(square), a, room.turned + p * room.wide + f, 0, room.wide)


@compiled
def weight_gradient(columns: int, a: Array, room: Room, dweight: Array) -> None:
    """dweight[g] += patches times the sums' gradient: a row for each pixel of the window."""
    for g in range(room.groups):
        turn(columns, a, room, g)
        x = (room.patches + g * room.pixels * room.pitch, room.pitch, 1)
        w, y = (room.turned, room.wide), (room.dweight, room.wide)
        matrix_sums(a, *x, *w, room.zeros, *y, room.wide, 0, room.pixels, columns, NOTHING_AFTER)
        for k in range(room.pixels):
            for f in range(room.filters):
                dweight[g, k, f] += a[room.dweight + k * room.wide + f]


def make_patches(x: Array, block: Block) -> int:
    """Make the patches of a block of images; say how many columns they have."""
    for place, columns in block.images:
        place[: len(x)] = x[..., columns]
    gather(len(x), block.offsets, block.flat, block.room)
    return len(x) * block.positions


def add_patches(block: Block, dx: Array) -> None:
    """Write dx of a block from the gradient of its patches."""
    block.flat[block.room.added : block.room.patches] = 0
    scatter(len(dx), block.offsets, block.flat, block.room)
    for place, columns in block.added:
        dx[..., columns] = place[: len(dx)]


def conv2d_forward(
    x: Array,
    weight: Array,
    bias: Array,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[Array, Conv2dSaved]:
    """The twin of `ops.conv2d_forward`."""
    placement = Placement((weight.shape[2], weight.shape[3]), stride, padding, dilation)
    block = Block(x, weight, placement, groups)
    require(bias.shape == (len(weight),))
    bias, y = dense(bias), np.empty((len(x), len(weight), block.positions), x.dtype)
    for some in block.slices(len(x)):
        columns = make_patches(x[some], block)
        filter_patches(columns, block.flat, block.room)
        give(block.flat, block.room, bias, y[some])
    y = y.reshape(len(x), len(weight), *block.room.size)
    return y, Conv2dSaved(x, weight, placement, groups)


def conv2d_backward(dy: Array, saved: Conv2dSaved) -> tuple[Array, Array, Array]:
    """The twin of `ops.conv2d_backward`."""
    x, weight, placement, groups = saved
    block = Block(x, weight, placement, groups)
    flat, room = block.flat, block.room
    require(dy.shape == (len(x), len(weight), *room.size))
    planes = dense(dy).reshape(len(x), len(weight), block.positions)
    dx, dbias = np.empty(x.shape, x.dtype), np.zeros(len(weight))
    dweight = np.zeros((groups, room.pixels, room.filters), x.dtype)
    for some in block.slices(len(x)):
        take(planes[some], flat, room, dbias)
        columns = make_patches(x[some], block)
        weight_gradient(columns, flat, room, dweight)
        patch_gradient(columns, flat, room)
        add_patches(block, dx[some])
    of_filters: Array = dweight.transpose(0, 2, 1)
    return dx, of_filters.reshape(weight.shape), dbias.astype(x.dtype)
