"""The gradient of 3 × 3 weights by Winograd's products, compiled: F(3 × 3, 4 × 4).

dweight is a sum over positions, and 4 × 4 of them at once give 3 × 3 numbers from 6 × 6 inputs: the
same kind of sum as in `winograd.py`, with the gradient in the place of the weights, and the same
transform of the inputs. So: transform x (Bᵀ x B) and dy (G d Gᵀ), multiply plane by plane, now
summing over tiles, (C × tiles) (tiles × F), and transform the 36 sums into 3 × 3 at the very end,
once per step (`winograd_weights.py`). A quarter of the arithmetic of the plain sum. Behind a 2 × 2
max-pool dy is unpooled in registers, on the way into its planes.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_unpool, tile_winograd_gradient
from handgrad.kernels.places import Four, Three, Two
from handgrad.kernels.tiles import (
    REGISTERS,
    tile_fma,
    tile_lanes,
    tile_load,
    tile_store,
    tile_zeros,
)
from handgrad.kernels.winograd import tiles_in


@compiled
def gradient_tiles(
    lo: int, hi: int, dy: Array, dy_at: Four, size: Three, winner: Array, room: Array, plane: int
) -> None:
    """Write G d Gᵀ of every tile's 4 × 4 gradients: number p of tile t at room[p plane + t F].

    `size` is (rows, positions, F) of dy. Where `winner` is not empty, dy is the gradient behind a
    2 × 2 max-pool. Around dy lie zeros as far as the last tiles reach.
    """
    height, width, filters = size
    per_tile = 2 if winner.size else 4
    t = 0
    for n in range(lo, hi):
        for i in range(0, height, per_tile):
            for j in range(0, width, per_tile):
                at = dy_at[0] + n * dy_at[1] + i * dy_at[2] + j * dy_at[3]
                code = ((n * height + i) * width + j) * filters
                for f in range(0, filters, tile_lanes(dy)):
                    if winner.size:
                        small = tile_load(2, 2, 1, dy, at + f, dy_at[2], dy_at[3])
                        tile = tile_unpool(small, winner, code + f, width * filters, filters)
                    else:
                        tile = tile_load(4, 4, 1, dy, at + f, dy_at[2], dy_at[3])
                    tile = tile_winograd_gradient(tile)
                    tile_store(tile, room, t * filters + f, 6 * plane, plane)
                t += 1


@cache
def plane_gradients(width: int, vectors: int) -> Any:
    """Make the function for tiles of `width` channels × `vectors` registers of filters.

    For each of the 36 planes: total += xᵀ dy, (C, tiles) (tiles, F); `fresh`: total = xᵀ dy.
    """

    @compiled
    def products(
        count: int,
        size: Two,
        x: Array,
        x_plane: int,
        dy: Array,
        dy_plane: int,
        total: Array,
        fresh: bool,  # noqa: FBT001
    ) -> None:
        channels, filters = size
        columns = vectors * tile_lanes(x)
        for p in range(36):
            for f in range(0, filters, columns):
                for c in range(0, channels, width):
                    place = (p * channels + c) * filters + f
                    if fresh:
                        tile = tile_zeros(1, width, vectors, x)
                    else:
                        tile = tile_load(1, width, vectors, total, place, 0, filters)
                    at, d = p * x_plane + c, p * dy_plane + f
                    for _ in range(count):
                        tile = tile_fma(tile, x, at, 0, 1, dy, d)
                        at += channels
                        d += filters
                    tile_store(tile, total, place, 0, filters)

    return products


WIDE, NARROW = ((8, 2), (8, 1)) if REGISTERS == 32 else ((4, 2), (4, 1))
wide_gradients, narrow_gradients = plane_gradients(*WIDE), plane_gradients(*NARROW)


@compiled
def winograd_position_sums(
    lo: int,
    hi: int,
    block: int,
    x: Array,
    x_at: Four,
    channels: int,
    dy: Array,
    dy_at: Four,
    size: Three,
    winner: Array,
    room: Array,
    planes: Two,
    total: Array,
    fresh: bool,  # noqa: FBT001  (kernels take no keywords)
) -> None:
    """total[p, c, f] += Σ over the tiles of images lo … hi − 1 of the transformed x times dy.

    `fresh` says that total's old values do not count, if there are images. `room` is for the
    planes of a block's x and dy, of the sizes `planes`; the other arguments are those of
    `gradient_tiles` and of `winograd.winograd_sums`.
    """
    per_tile = 2 if winner.size else 4
    lines, width, filters = -(-size[0] // per_tile), -(-size[1] // per_tile), size[2]
    d_room = room[36 * planes[0] :]
    sizes = (channels, filters)
    for first in range(lo, hi, block):
        last = min(first + block, hi)
        tiles_in(first, last, x, x_at, (lines, width, channels), room, planes[0])
        gradient_tiles(first, last, dy, dy_at, size, winner, d_room, planes[1])
        count, new = (last - first) * lines * width, fresh and first == lo
        if filters % (2 * tile_lanes(x)) == 0:
            wide_gradients(count, sizes, room, planes[0], d_room, planes[1], total, new)
        else:
            narrow_gradients(count, sizes, room, planes[0], d_room, planes[1], total, new)
