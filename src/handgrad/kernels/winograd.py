"""Convolution with 3 × 3 windows by Winograd's products, compiled: a quarter of the arithmetic.

Sixteen outputs (4 × 4) of a 3 × 3 window need 6 × 6 inputs and 16 · 9 = 144 multiplications. The
same numbers come from 36: transform the inputs (Bᵀ d B: additions, mostly) and the weights
(G g Gᵀ, once per step), multiply the 36 numbers one by one, transform back (Aᵀ m A). Summed over
channels, "multiply one by one" is 36 matrix products, (tiles × C) (C × F), and that is where the
time goes. S. Winograd, "Arithmetic Complexity of Computations", 1980; A. Lavin and S. Gray, "Fast
Algorithms for Convolutional Neural Networks", 2015, arXiv:1509.09308. Rounding errors grow by about
one digit.

Schedule: a block of a few images at a time, so that its transformed numbers (36 planes, one per
position of the 6 × 6) stay in the second-level cache: transform in, multiply plane by plane on
register tiles, transform out, and while the 4 × 4 outputs are in registers: bias, ReLU, the mask of
a ReLU before, or 2 × 2 max-pooling. Layout as in `windows.py`; where an image's last tile reaches
beyond it, the inputs come from a wider border of zeros, and only what exists is written.
"""

from functools import cache
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.images import max_pool_dx
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import (
    tile_pool,
    tile_store_winners,
    tile_winograd_input,
    tile_winograd_output,
)
from handgrad.kernels.places import Four, Three, Two
from handgrad.kernels.tiles import (
    REGISTERS,
    tile_add,
    tile_fma,
    tile_keep,
    tile_lanes,
    tile_load,
    tile_relu,
    tile_store,
    tile_zeros,
)
from handgrad.kernels.windows import MASKED, POOLED, RELU

HALF = (2, 2)  # the window of the max-pools that are taken in
GAP = 16  # numbers between planes, so that they do not fall on the same lines of the cache


@compiled
def tiles_in(lo: int, hi: int, x: Array, x_at: Four, size: Three, room: Array, plane: int) -> None:
    """Write Bᵀ d B of every tile's 6 × 6 inputs: number p of tile t at room[p plane + t C].

    `x_at` leads to the first input of an image's first tile; `size` is (lines of tiles, tiles in a
    line, C).
    """
    lines, width, channels = size
    t = 0
    for n in range(lo, hi):
        for i in range(lines):
            for j in range(width):
                at = x_at[0] + n * x_at[1] + 4 * i * x_at[2] + 4 * j * x_at[3]
                for c in range(0, channels, tile_lanes(x)):
                    tile = tile_winograd_input(tile_load(6, 6, 1, x, at + c, x_at[2], x_at[3]))
                    tile_store(tile, room, t * channels + c, 6 * plane, plane)
                t += 1


@compiled
def tiles_out(  # noqa: C901  (loops and edges are what it is)
    lo: int,
    hi: int,
    room: Array,
    plane: int,
    bias: Array,
    y: Array,
    y_at: Four,
    size: Three,
    how: int,
    mask: Array,
    mask_at: Four,
) -> None:
    """Write Aᵀ m A of every tile, with bias, to y; `size` is (H, W, F) of y.

    `how`: as it is, with RELU, or MASKED: zero where `mask` is not positive.
    """
    height, width, filters = size
    lanes = tile_lanes(y)
    edge = np.empty(16 * lanes, y.dtype)
    t = 0
    for n in range(lo, hi):
        for i in range(0, height, 4):
            for j in range(0, width, 4):
                at = y_at[0] + n * y_at[1] + i * y_at[2] + j * y_at[3]
                m = mask_at[0] + n * mask_at[1] + i * mask_at[2] + j * mask_at[3]
                for f in range(0, filters, lanes):
                    tile = tile_load(6, 6, 1, room, t * filters + f, 6 * plane, plane)
                    out = tile_add(tile_winograd_output(tile), bias, f)
                    if how == RELU:
                        out = tile_relu(out)
                    if i + 4 <= height and j + 4 <= width:
                        if how == MASKED:
                            out = tile_keep(out, mask, m + f, mask_at[2], mask_at[3])
                        tile_store(out, y, at + f, y_at[2], y_at[3])
                    else:
                        tile_store(out, edge, 0, 4 * lanes, lanes)
                        for k in range(min(4, height - i)):
                            for r in range(min(4, width - j)):
                                one = tile_load(1, 1, 1, edge, (4 * k + r) * lanes, 0, 0)
                                if how == MASKED:
                                    seen = m + k * mask_at[2] + r * mask_at[3] + f
                                    one = tile_keep(one, mask, seen, 0, 0)
                                tile_store(one, y, at + k * y_at[2] + r * y_at[3] + f, 0, 0)
                t += 1


@compiled
def tiles_out_pooled(
    lo: int,
    hi: int,
    room: Array,
    plane: int,
    bias: Array,
    y: Array,
    y_at: Four,
    size: Three,
    winner: Array,
) -> None:
    """Write max(Aᵀ m A + bias, 0), pooled 2 × 2, to y, and who won; `size` is (H, W, F) of y."""
    height, width, filters = size
    lanes = tile_lanes(y)
    edge, edge_winner = np.empty(4 * lanes, y.dtype), np.empty(4 * lanes, winner.dtype)
    t = 0
    for n in range(lo, hi):
        for i in range(0, height, 2):
            for j in range(0, width, 2):
                at = y_at[0] + n * y_at[1] + i * y_at[2] + j * y_at[3]
                code = ((n * height + i) * width + j) * filters
                for f in range(0, filters, lanes):
                    tile = tile_load(6, 6, 1, room, t * filters + f, 6 * plane, plane)
                    tile = tile_winograd_output(tile)
                    out = tile_relu(tile_add(tile_pool(tile), bias, f))
                    if i + 2 <= height and j + 2 <= width:
                        tile_store(out, y, at + f, y_at[2], y_at[3])
                        tile_store_winners(tile, winner, code + f, width * filters, filters)
                    else:
                        tile_store(out, edge, 0, 2 * lanes, lanes)
                        tile_store_winners(tile, edge_winner, 0, 2 * lanes, lanes)
                        for k in range(min(2, height - i)):
                            for r in range(min(2, width - j)):
                                one = tile_load(1, 1, 1, edge, (2 * k + r) * lanes, 0, 0)
                                tile_store(one, y, at + k * y_at[2] + r * y_at[3] + f, 0, 0)
                                there = code + (k * width + r) * filters + f
                                for c in range(lanes):
                                    winner[there + c] = edge_winner[(2 * k + r) * lanes + c]
                t += 1


@cache
def plane_products(width: int, vectors: int) -> Any:
    """Make the function for tiles of `width` positions × `vectors` registers.

    For each of the 36 planes: y = x · weight, (count, C) (C, F); the room for x and y holds whole
    tiles of positions. Of the channels, the first `real` count; behind them is padding.
    """

    @compiled
    def products(
        count: int,
        size: Two,
        real: int,
        x: Array,
        x_plane: int,
        weight: Array,
        y: Array,
        y_plane: int,
    ) -> None:
        channels, filters = size
        columns = vectors * tile_lanes(x)
        for p in range(36):
            for f in range(0, filters, columns):
                for t in range(0, count, width):
                    tile = tile_zeros(1, width, vectors, x)
                    at = p * x_plane + t * channels
                    w = p * channels * filters + f
                    for c in range(real):
                        tile = tile_fma(tile, x, at + c, 0, channels, weight, w)
                        w += filters
                    tile_store(tile, y, p * y_plane + t * filters + f, 0, filters)

    return products


# The tiles of the products: their sums fit into the registers, with some to spare for addresses
# (12 × 2, which fits, is slower than 8 × 2).
WIDE, NARROW = ((8, 2), (14, 1)) if REGISTERS == 32 else ((5, 2), (8, 1))
wide_products, narrow_products = plane_products(*WIDE), plane_products(*NARROW)


def tile_width(filters: int, lanes: int) -> int:
    """How many positions a tile of the products has: 36 planes hold whole tiles."""
    return WIDE[0] if filters % (2 * lanes) == 0 else NARROW[0]


@compiled
def winograd_sums(
    lo: int,
    hi: int,
    block: int,
    x: Array,
    x_at: Four,
    channels: Two,
    weight: Array,
    bias: Array,
    room: Array,
    planes: Two,
    y: Array,
    y_at: Four,
    size: Three,
    how: int,
    mask: Array,
    mask_at: Four,
    winner: Array,
    d_pooled: Array,
    d_at: Four,
    d_size: Three,
    d_start: int,
) -> None:
    """y[n, i, j, f] = bias[f] + Σ over the 3 × 3 window at (i, j) of x · weight.

    As `windows.window_sums`, and:
        block: how many images at a time.
        channels: of x, with padding and without.
        weight: G g Gᵀ, (36, C, F) flat.
        room: for the planes of a block's x and products, of the sizes `planes`.
        how: PLAIN, RELU, MASKED, or POOLED: with ReLU, the largest of each 2 × 2 positions, and
            which one into `winner`; `size` is that of the pooled images.
        winner, d_pooled: where `winner` is not empty (and how is not POOLED), x is room for the
            images of a block, with the first position at `d_start`: the gradient `d_pooled`
            behind a 2 × 2 max-pool is spread there.
    """
    lines, width = -(-size[0] // 4), -(-size[1] // 4)
    if how == POOLED:
        lines, width = -(-size[0] // 2), -(-size[1] // 2)
    filters = size[2]
    products = room[36 * planes[0] :]
    for first in range(lo, hi, block):
        last = min(first + block, hi)
        at = x_at
        if how != POOLED and winner.size:
            at = (x_at[0] - first * x_at[1], x_at[1], x_at[2], x_at[3])
            to = (d_start - first * x_at[1], x_at[1], 2 * x_at[2], 2 * x_at[3])
            steps = (x_at[2], x_at[3])
            max_pool_dx(first, last, d_pooled, d_at, HALF, steps, d_size, winner, x, to, False)
        tiles_in(first, last, x, at, (lines, width, channels[0]), room, planes[0])
        count = (last - first) * lines * width
        sums = (count, (channels[0], filters), channels[1], room, planes[0], weight, products)
        if filters % (2 * tile_lanes(x)) == 0:
            wide_products(*sums, planes[1])
        else:
            narrow_products(*sums, planes[1])
        if how == POOLED:
            tiles_out_pooled(first, last, products, planes[1], bias, y, y_at, size, winner)
        else:
            tiles_out(first, last, products, planes[1], bias, y, y_at, size, how, mask, mask_at)
