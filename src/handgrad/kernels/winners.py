"""Gradients of weights behind a 2 × 2 max-pool, compiled: only the winners count.

A max-pool gives its gradient to one of four positions; a dense sum over positions would multiply
three zeros for each number that counts. Here the sum runs over the pooled positions, and the
winner's number says which of four numbers of x each filter's gradient meets. Neighbouring filters
have different winners, but a register can hold neighbouring filters all the same: each image is
first laid out in *fours*, numbers under the four positions of a pool side by side. Four are one
load, and one instruction gives each filter its own of them.

A tile's sums are a piece of the window (`lines` kernel rows × `width` of the numbers side by side
in each) for a register of filters, over all positions of an image.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_fma_fours
from handgrad.kernels.places import Five, Four, Three
from handgrad.kernels.shuffles import tile_interleave
from handgrad.kernels.tiles import tile_lanes, tile_load, tile_store


@cache
def winner_sums(lines: int, width: int) -> Any:
    """Make the function for tiles of `lines` kernel rows × `width` numbers × a register of filters.

        dweight[k, r, c, f] += Σ over images lo … hi − 1 and pooled positions of dy[f] · x[k, r, c]

    for the window of the position that won. Its arguments:
        x, x_at, window: as in `windows.window_sums`, of the positions before pooling; the kernel
            rows are a multiple of the tile's lines, the run one of its width.
        dy, dy_at, size: the gradient behind the pool, (rows, positions, filters with padding).
        winner: (N, *size) bytes: 0, 1, 2 or 3.
        fours: room for the fours of an image, four times its length.
        dweight: (kernel rows, runs, run, filters) flat.
    """

    @compiled
    def sums(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        window: Five,
        dy: Array,
        dy_at: Four,
        size: Three,
        winner: Array,
        fours: Array,
        dweight: Array,
    ) -> None:
        kernel_rows, runs, run, row_step, run_step = window
        height, positions, filters = size
        row, pixel, line = x_at[2], x_at[3], runs * run * filters
        count = places_under(x_at, window, size)
        for n in range(lo, hi):
            lay_fours(x, x_at[0] + n * x_at[1], row, pixel, count, fours)
            for f in range(0, filters, tile_lanes(x)):
                for k in range(0, kernel_rows, lines):
                    for r in range(runs):
                        for c in range(0, run, width):
                            w = ((k * runs + r) * run + c) * filters + f
                            tile = tile_load(lines, width, 1, dweight, w, line, filters)
                            for i in range(height):
                                at = 4 * (2 * i * row + k * row_step + r * run_step + c)
                                code = (n * height + i) * positions * filters + f
                                d = dy_at[0] + n * dy_at[1] + i * dy_at[2] + f
                                for _ in range(positions):
                                    tile = tile_fma_fours(
                                        tile, dy, d, winner, code, fours, at, 4 * row_step
                                    )
                                    at, code, d = at + 8 * pixel, code + filters, d + dy_at[3]
                            tile_store(tile, dweight, w, line, filters)

    return sums


@compiled
def places_under(x_at: Four, window: Five, size: Three) -> int:
    """How many places of an image may be the first of four: to the last window's last number."""
    kernel_rows, runs, run, row_step, run_step = window
    last = 2 * (size[0] - 1) * x_at[2] + 2 * (size[1] - 1) * x_at[3]
    return last + (kernel_rows - 1) * row_step + (runs - 1) * run_step + run


@compiled
def lay_fours(x: Array, start: int, row: int, pixel: int, count: int, fours: Array) -> None:
    """Write x[start], and what lies a pixel, a row and both after it; the same for all `count`.

    In whole registers, the last ones moved back until they fit; fewer numbers one by one.
    """
    lanes = tile_lanes(x)
    if count < lanes:
        for c in range(count):
            for k in range(4):
                fours[4 * c + k] = x[start + c + k // 2 * row + k % 2 * pixel]
        return
    for block in range(0, count, lanes):
        c = min(block, count - lanes)
        four = tile_interleave(tile_load(2, 2, 1, x, start + c, row, pixel))
        tile_store(four, fours, 4 * c, 0, lanes)
