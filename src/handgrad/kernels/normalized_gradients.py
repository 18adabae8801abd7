"""The way back of batch norm with ReLU and 2 × 2 max-pool at once, compiled.

With s = 1 / std, m entries in each channel and sums Σ over them, batch norm's gradient is

    dx = weight s (dy − Σdy / m − x̂ Σ(dy x̂) / m)

so there are two passes: `norm_sums` reads x and dy for the sums, which are dbias and (but for s)
dweight too; `norm_dx` reads both again and writes dx. A ReLU's mask and a max-pool's gradient are
part of how dy is read: a register of dy is kept where y is positive, and given to the one of four
positions that won. Where the pool leaves zeros, dx has its other terms, and so have the rows and
positions of an image with odd sizes that no pool reads. With or without a pool, the loops are the
same, on tiles of 2 × 2 positions or of one.

`rows` is that of `normalized_images.py` with two more numbers for each channel, so that dx is
two multiply-adds: dy · (weight s) + ((x − mean) · rows[4] + rows[3]). Sums are kept in registers
for an image row, in the dtype of x for a few hundred positions, then in float64.
"""

from functools import cache
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.normalized_images import STRIP
from handgrad.kernels.patches import tile_unpool
from handgrad.kernels.places import Four, Three
from handgrad.kernels.tile_operators import tile_flush
from handgrad.kernels.tiles import tile_keep, tile_lanes, tile_load, tile_store

# -- sums -----------------------------------------------------------------------------------------


@cache
def norm_sums_by(side: int) -> Any:
    """Make the function for positions one by one (1), or behind a 2 × 2 max-pool (2).

        part[0] = Σ dy and part[1] = Σ dy (x − mean) of each channel (float64)

    `masked`: dy counts where y is positive. dy, y and `size` are those behind the pool, if there is
    one, and `winner` the bytes that forward wrote.
    """

    @compiled
    def sums(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        size: Three,
        rows: Array,
        dy: Array,
        dy_at: Four,
        masked: bool,  # noqa: FBT001  (kernels take no keywords)
        y: Array,
        y_at: Four,
        winner: Array,
        part: Array,
    ) -> None:
        height, width, channels = size
        lanes, count, beside = tile_lanes(x), side * side, side - 1
        total, scaled = np.zeros(channels, x.dtype), np.zeros(count * channels, x.dtype)
        part[:] = 0
        new = 0
        for n in range(lo, hi):
            for i in range(height):
                for c in range(0, channels, lanes):
                    at = x_at[0] + n * x_at[1] + side * i * x_at[2] + c
                    place = dy_at[0] + n * dy_at[1] + i * dy_at[2] + c
                    m = y_at[0] + n * y_at[1] + i * y_at[2] + c
                    code = (n * height + i) * width * channels + c
                    mean = tile_load(1, 1, 1, rows, c, 0, 0)
                    one = tile_load(1, 1, 1, total, c, 0, 0)
                    many = tile_load(side, side, 1, scaled, count * c, side * lanes, beside * lanes)
                    for _ in range(width):
                        d = tile_load(1, 1, 1, dy, place, 0, 0)
                        if masked:
                            d = tile_keep(d, y, m, 0, 0)
                        centered = tile_load(side, side, 1, x, at, x_at[2], beside * x_at[3]) + mean
                        given = tile_unpool(d, winner, code, 0, 0) if side == 2 else d
                        one, many = one + d, centered * given + many
                        at += side * x_at[3]
                        place += dy_at[3]
                        m += y_at[3]
                        code += channels
                    tile_store(one, total, c, 0, 0)
                    tile_store(many, scaled, count * c, side * lanes, beside * lanes)
                new += width
                if new >= STRIP:
                    add_up(total, scaled, count, part)
                    new = 0
        add_up(total, scaled, count, part)

    return sums


@compiled
def add_up(total: Array, scaled: Array, positions: int, part: Array) -> None:
    """Add the sums to part, and begin new ones; `scaled` has some registers for each of total's."""
    lanes = tile_lanes(total)
    for c in range(0, len(total), lanes):
        tile_flush(tile_load(1, 1, 1, total, c, 0, 0), part[0], c)
        for k in range(positions):
            some = tile_load(1, 1, 1, scaled, positions * c + k * lanes, 0, 0)
            tile_flush(some, part[1], c)
    total[:] = 0
    scaled[:] = 0


norm_sums, pooled_norm_sums = norm_sums_by(1), norm_sums_by(2)


@compiled
def backward_rows(
    parts: Array,
    entries: int,
    var: Array,
    eps: float,
    learns: bool,  # noqa: FBT001  (as above)
    rows: Array,
    grads: Array,
) -> None:
    """Write grads = dweight, dbias (2, C) and the last two of `rows`.

    `learns`: whether the statistics are the batch's; else nothing of dx goes through them.
    """
    channels = len(var)
    for c in range(channels):
        inv_std = 1 / np.sqrt(var[c] + eps)
        total = scaled = 0.0
        for worker in range(len(parts)):
            total += parts[worker, 0, c]
            scaled += parts[worker, 1, c] * inv_std
        grads[0, c], grads[1, c] = scaled, total
        share = -rows[channels + c] / entries if learns else 0
        rows[3 * channels + c] = share * total
        rows[4 * channels + c] = share * scaled * inv_std


# -- dx -------------------------------------------------------------------------------------------


@cache
def norm_dx_by(side: int) -> Any:
    """Make the function for positions one by one (1), or behind a 2 × 2 max-pool (2).

        dx = dy · rows[1] + ((x − mean) · rows[4] + rows[3])

    Arguments as in `norm_sums_by`. With the pool, dx is written where the pool reads. dx may be x.
    """

    @compiled
    def write(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        size: Three,
        rows: Array,
        dy: Array,
        dy_at: Four,
        masked: bool,  # noqa: FBT001  (as above)
        y: Array,
        y_at: Four,
        winner: Array,
        dx: Array,
        dx_at: Four,
    ) -> None:
        height, width, channels = size
        beside = side - 1
        for n in range(lo, hi):
            for i in range(height):
                for c in range(0, channels, tile_lanes(x)):
                    at = x_at[0] + n * x_at[1] + side * i * x_at[2] + c
                    place = dy_at[0] + n * dy_at[1] + i * dy_at[2] + c
                    m = y_at[0] + n * y_at[1] + i * y_at[2] + c
                    to = dx_at[0] + n * dx_at[1] + side * i * dx_at[2] + c
                    code = (n * height + i) * width * channels + c
                    mean = tile_load(1, 1, 1, rows, c, 0, 0)
                    direct = tile_load(1, 1, 1, rows, channels + c, 0, 0)
                    constant = tile_load(1, 1, 1, rows, 3 * channels + c, 0, 0)
                    scaled = tile_load(1, 1, 1, rows, 4 * channels + c, 0, 0)
                    for _ in range(width):
                        d = tile_load(1, 1, 1, dy, place, 0, 0)
                        if masked:
                            d = tile_keep(d, y, m, 0, 0)
                        centered = tile_load(side, side, 1, x, at, x_at[2], beside * x_at[3]) + mean
                        given = tile_unpool(d, winner, code, 0, 0) if side == 2 else d
                        others = centered * scaled + constant
                        tile_store(given * direct + others, dx, to, dx_at[2], beside * dx_at[3])
                        at += side * x_at[3]
                        place += dy_at[3]
                        m += y_at[3]
                        to += side * dx_at[3]
                        code += channels

    return write


norm_dx, pooled_norm_dx = norm_dx_by(1), norm_dx_by(2)
