"""Gradients of weights behind a 2 × 2 max-pool, compiled: only the winners count.

A max-pool gives its gradient to one of four positions; a dense sum over positions would multiply
three zeros for each number that counts. Here the sum runs over the pooled positions, and the
winner's number says where its window lies in x. Neighbouring filters have different winners.

Where x has whole registers of channels, a register holds channels (`winner_sums`): for one filter,
a tile's sums are a piece of the window (`lines` kernel rows × `vectors` registers of the numbers
side by side in each), and every pooled position adds its gradient times the window it came from.

With few channels a register holds filters (`four_sums`): a number of the window is then one of four
for each of them, those under the four positions of the pool. Each image is first laid out so that
the four lie side by side: they are one load, and one instruction gives each filter its own.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_add_scaled, tile_fma_fours
from handgrad.kernels.places import Five, Four, Three, Two
from handgrad.kernels.shuffles import tile_interleave
from handgrad.kernels.tiles import tile_lanes, tile_load, tile_store


@cache
def winner_sums(lines: int, vectors: int) -> Any:
    """Make the function for tiles of `lines` kernel rows × `vectors` registers.

        dweight[f, k, c] += Σ over images lo … hi − 1 and pooled positions of dy[f] · x[k, c]

    for the window of the position that won. Its arguments:
        x, x_at: as in `windows.window_sums` (the window of the position before pooling).
        kernel_rows, run: a window's rows and the numbers in each, a multiple of the tile's.
        dy, dy_at, size: the gradient behind the pool, (rows, positions, filters with padding).
        filters: how many of them there are.
        winner: (N, *size) bytes: 0, 1, 2 or 3.
        dweight: (filters, kernel rows, run) flat.
    """

    @compiled
    def sums(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        window: Two,
        dy: Array,
        dy_at: Four,
        size: Three,
        filters: int,
        winner: Array,
        dweight: Array,
    ) -> None:
        kernel_rows, run = window
        height, width, channels = size
        columns = vectors * tile_lanes(x)
        row, pixel = x_at[2], x_at[3]
        for n in range(lo, hi):
            for f in range(filters):
                for line in range(0, kernel_rows, lines):
                    for c in range(0, run, columns):
                        w = (f * kernel_rows + line) * run + c
                        tile = tile_load(lines, 1, vectors, dweight, w, run, 0)
                        for i in range(height):
                            code = (n * height + i) * width * channels + f
                            d = dy_at[0] + n * dy_at[1] + i * dy_at[2] + f
                            at = x_at[0] + n * x_at[1] + (2 * i + line) * row + c
                            for _ in range(width):
                                k = int(winner[code])
                                place = at + (k >> 1) * row + (k & 1) * pixel
                                tile = tile_add_scaled(tile, dy, d, x, place, row, 0)
                                code += channels
                                d += dy_at[3]
                                at += 2 * pixel
                        tile_store(tile, dweight, w, run, 0)

    return sums


@cache
def four_sums(lines: int, width: int) -> Any:
    """Make the function for tiles of `lines` kernel rows × `width` numbers × a register of filters.

        dweight[k, r, c, f] += Σ over images lo … hi − 1 and pooled positions of dy[f] · x[k, r, c]

    for the window of the position that won. Arguments as above and in `windows.window_sums`; the
    window's kernel rows and its run are multiples of the tile's. `fours` is room for one image's
    fours, as long as four images.
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
        count = 2 * (height - 1) * row + 2 * (positions - 1) * pixel  # to the last window
        count += (kernel_rows - 1) * row_step + (runs - 1) * run_step + run
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
                                    at += 8 * pixel
                                    code += filters
                                    d += dy_at[3]
                            tile_store(tile, dweight, w, line, filters)

    return sums


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
