"""Batch norm of images that lie channels last, with ReLU and 2 × 2 max-pool at once, compiled.

A pass over all positions costs what memory costs: so there are as few as can be, and what lies
between two steps of the arithmetic stays in registers. `moments` reads x once; `normalize` reads it
again and writes the end of the chain: normalized, ReLU, pooled with the winners' numbers (from
tiles of 2 × 2 positions; without a pool, of one). The way back is in `normalized_gradients.py`.

Mean and variance in one visit: numbers are taken relative to a center near the mean (of what was
seen before; at first, of the first number), so that little cancels in Σd² − (Σd)² / n. Sums run in
registers for an image row, then in float64; after a few hundred positions they are joined with what
came before, as Chan, Golub and LeVeque showed ("Updating Formulae and a Pairwise Algorithm for
Computing Sample Variances", 1979). The same joins the workers' parts, by each worker for itself and
in one order, so that the workers meet once in a pass.

`rows` holds what is needed of each channel, one row after the other: −mean, weight / std and bias.
Layouts as in `images.py`; channels are whole registers.
"""

from functools import cache
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_pool, tile_store_winners
from handgrad.kernels.places import Four, Three
from handgrad.kernels.tile_operators import tile_flush
from handgrad.kernels.tiles import tile_lanes, tile_load, tile_relu, tile_store, tile_zeros

STRIP = 256  # positions, at least, whose sums are taken together

# -- mean and variance --------------------------------------------------------------------------


@compiled
def moments(lo: int, hi: int, x: Array, x_at: Four, size: Three, part: Array) -> None:
    """Write part[0] = the mean and part[1] = Σ (x − mean)² of each channel (float64)."""
    height, width, channels = size
    center, total, squares = np.zeros(channels, x.dtype), np.zeros(channels), np.zeros(channels)
    part[:] = 0
    if lo < hi:
        for c in range(channels):
            center[c] = -x[x_at[0] + lo * x_at[1] + c]
    before, new = 0, 0
    for n in range(lo, hi):
        for i in range(height):
            for c in range(0, channels, tile_lanes(x)):
                at = x_at[0] + n * x_at[1] + i * x_at[2] + c
                middle = tile_load(1, 1, 1, center, c, 0, 0)
                one, two = tile_zeros(1, 1, 1, x), tile_zeros(1, 1, 1, x)
                for _ in range(width):
                    d = tile_load(1, 1, 1, x, at, 0, 0) + middle
                    one, two = one + d, d * d + two
                    at += x_at[3]
                tile_flush(one, total, c)
                tile_flush(two, squares, c)
            new += width
            if new >= STRIP:
                join(before, new, center, total, squares, part)
                before, new = before + new, 0
    if new:
        join(before, new, center, total, squares, part)


@compiled
def join(before: int, new: int, center: Array, total: Array, squares: Array, part: Array) -> None:
    """Join the moments of `before` entries with the sums over `new` ones; begin new sums.

    `center` is −(what the numbers were taken relative to), and becomes −mean.
    """
    share = new / (before + new)
    for c in range(len(center)):
        drift = total[c] / new
        apart = drift - center[c] - part[0, c]  # the new ones' mean, seen from the old one
        inside = max(squares[c] - drift * total[c], 0.0)
        part[0, c] += apart * share
        part[1, c] += inside + apart * apart * before * share
        center[c] = -part[0, c]
        total[c] = squares[c] = 0


@compiled
def combine_moments(counts: Array, parts: Array, mean: Array, var: Array) -> None:
    """Mean and variance of all workers' entries: parts (workers, 2, C), in their order."""
    mean[:], var[:] = 0, 0
    total = 0.0
    for worker in range(len(counts)):
        if counts[worker]:
            before, total = total, total + counts[worker]
            share = counts[worker] / total
            for c in range(len(mean)):
                apart = parts[worker, 0, c] - mean[c]
                mean[c] += apart * share
                var[c] += parts[worker, 1, c] + apart * apart * before * share
    var /= max(total, 1.0)


@compiled
def forward_rows(
    mean: Array, var: Array, eps: float, weight: Array, bias: Array, rows: Array
) -> None:
    """Write −mean, weight / √(var + eps) and bias of each channel, one row after the other."""
    channels = len(mean)
    for c in range(len(weight)):
        rows[c] = -mean[c]
        rows[channels + c] = weight[c] / np.sqrt(var[c] + eps)
        rows[2 * channels + c] = bias[c]


# -- forward --------------------------------------------------------------------------------------


@cache
def normalize_by(side: int) -> Any:
    """Make the function for positions one by one (1), or for a 2 × 2 max-pool at the end (2).

        y = (x − mean) weight / std + bias, or with `relu` what ReLU leaves of it

    `size` and `y_at` are those of y. With the pool, `winner` says which of the four positions it
    was, (N, *size) bytes; without, it is not read.
    """

    @compiled
    def write(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        size: Three,
        rows: Array,
        relu: bool,  # noqa: FBT001  (kernels take no keywords)
        y: Array,
        y_at: Four,
        winner: Array,
    ) -> None:
        height, width, channels = size
        step = (side - 1) * x_at[3]  # one position has none beside it
        for n in range(lo, hi):
            for i in range(height):
                for c in range(0, channels, tile_lanes(x)):
                    at = x_at[0] + n * x_at[1] + side * i * x_at[2] + c
                    to = y_at[0] + n * y_at[1] + i * y_at[2] + c
                    code = (n * height + i) * width * channels + c
                    mean = tile_load(1, 1, 1, rows, c, 0, 0)
                    scale = tile_load(1, 1, 1, rows, channels + c, 0, 0)
                    bias = tile_load(1, 1, 1, rows, 2 * channels + c, 0, 0)
                    for _ in range(width):
                        centered = tile_load(side, side, 1, x, at, x_at[2], step) + mean
                        each = centered * scale + bias
                        out = tile_pool(each) if side == 2 else each
                        if relu:
                            out = tile_relu(out)
                        tile_store(out, y, to, 0, 0)
                        if side == 2:
                            tile_store_winners(each, winner, code, 0, 0)
                        at += side * x_at[3]
                        to += y_at[3]
                        code += channels

    return write


normalize, normalize_pools = normalize_by(1), normalize_by(2)
