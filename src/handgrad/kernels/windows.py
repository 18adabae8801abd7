"""The sums of convolution, compiled: over windows (forward and dx), and over positions (dweight).

Layout: images lie channels last, (N, H, W, C) with C padded to whole registers, inside a border of
zeros as wide as the padding, so that no code asks where an image ends. Weights are (KH, KW, C, F)
with F padded likewise. An output position is a position of a tile and a register holds
neighbouring filters: the tile's sums run over the window, kernel row by kernel row, and within one
over `run` numbers that lie side by side in x and in the weights (KW · C of them where nothing is
skipped).

Schedule: filters outside, so that one block of weights is used for all positions; then output
rows; then `width` neighbouring positions at once. What does not fill a tile at the end of a row, or
of the filters, is computed with the last tile moved back until it fits: a few sums are computed
twice. While a tile is being summed, the processor fetches the places where it will be written.
Every function takes images lo … hi − 1 of a batch, so that workers can share one; all are serial,
and release Python's lock.

The gradient of x is the same sum over dy's windows with the filters turned around, in parts where
there is a stride (`plans/phases.py`); the gradient of the weights multiplies x and dy position by
position.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_pool, tile_store_winners
from handgrad.kernels.places import Five, Four, Three, Two
from handgrad.kernels.tiles import (
    tile_add,
    tile_bias,
    tile_fma,
    tile_keep,
    tile_lanes,
    tile_load,
    tile_relu,
    tile_store,
    tile_zeros,
)

PLAIN, RELU, MASKED, POOLED = 0, 1, 2, 3  # what happens to the sums before they are stored


@compiled
def one_row(start: int, step: int) -> Four:
    """Where the rows of a matrix lie, as the positions of one row of one image."""
    return start, 0, 0, step


@compiled
def one_run(run: int) -> Five:
    """A window that is a row of a matrix."""
    return 1, 1, run, 0, 0


@cache
def window_sums(width: int, vectors: int) -> Any:  # noqa: C901  (seven loops are what it is)
    """Make the function for tiles of `width` positions × `vectors` registers.

        y[n, i, j, f] = bias[f] + Σ over the window at (i, j) of x · weight, for images lo … hi − 1.

    Its arguments:
        lo, hi: which images.
        x, y, mask: flat arrays; `x_at`, `y_at`, `mask_at` say where things lie in them: the start,
            then the steps from one image, row and position to the next (x's include the stride).
        window: how many kernel rows, how many runs in each, how many numbers in a run (perhaps
            none: y is the bias); the steps in x from one kernel row and one run to the next (they
            include the dilation).
        weight, bias: (kernel rows, runs, run, filters) flat, and (filters,).
        size: output rows, output positions in a row and filters, not fewer than a tile has.
        which: the filters that are summed, which[0] … which[1] − 1, likewise.
        how: PLAIN, RELU, or MASKED: zero where `mask` is not positive.
    """

    @compiled
    def sums(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        window: Five,
        weight: Array,
        bias: Array,
        y: Array,
        y_at: Four,
        size: Three,
        which: Two,
        how: int,
        mask: Array,
        mask_at: Four,
    ) -> None:
        kernel_rows, runs, run, row_step, run_step = window
        height, positions, filters = size
        columns = vectors * tile_lanes(x)
        for n in range(lo, hi):
            for block in range(which[0], which[1], columns):
                f = min(block, which[1] - columns)
                for i in range(height):
                    x_i = x_at[0] + n * x_at[1] + i * x_at[2]
                    y_i = y_at[0] + n * y_at[1] + i * y_at[2] + f
                    m_i = mask_at[0] + n * mask_at[1] + i * mask_at[2] + f
                    for start in range(0, positions, width):
                        j = min(start, positions - width)
                        tile = tile_bias(1, width, vectors, bias, f)
                        w = f
                        for k in range(kernel_rows):
                            for r in range(runs):
                                at = x_i + j * x_at[3] + k * row_step + r * run_step
                                for c in range(run):
                                    tile = tile_fma(tile, x, at + c, 0, x_at[3], weight, w)
                                    w += filters
                        if how == MASKED:
                            m = m_i + j * mask_at[3]
                            tile = tile_keep(tile, mask, m, 0, mask_at[3])
                        elif how == RELU:
                            tile = tile_relu(tile)
                        tile_store(tile, y, y_i + j * y_at[3], 0, y_at[3])

    return sums


@cache
def window_pools(width: int, vectors: int) -> Any:
    """Make the function for tiles of 2 lines × `width` positions × `vectors` registers.

    As `window_sums`, followed by ReLU and the largest of each 2 × 2 positions, before anything is
    stored. `size` and `y_at` are those of the pooled images, `winner` says which of the four it
    was, (N, *size) bytes.
    """

    @compiled
    def sums(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        window: Five,
        weight: Array,
        bias: Array,
        y: Array,
        y_at: Four,
        size: Three,
        which: Two,
        winner: Array,
    ) -> None:
        kernel_rows, runs, run, row_step, run_step = window
        height, positions, filters = size
        columns = vectors * tile_lanes(x)
        for n in range(lo, hi):
            for f in range(which[0], which[1], columns):
                for i in range(height):
                    x_i = x_at[0] + n * x_at[1] + 2 * i * x_at[2]
                    y_i = y_at[0] + n * y_at[1] + i * y_at[2] + f
                    code = (n * height + i) * positions * filters + f
                    for start in range(0, positions, width // 2):
                        j = min(start, positions - width // 2)
                        tile = tile_zeros(2, width, vectors, x)
                        w = f
                        for k in range(kernel_rows):
                            for r in range(runs):
                                at = x_i + 2 * j * x_at[3] + k * row_step + r * run_step
                                for c in range(run):
                                    tile = tile_fma(tile, x, at + c, x_at[2], x_at[3], weight, w)
                                    w += filters
                        pooled = tile_relu(tile_add(tile_pool(tile), bias, f))
                        tile_store(pooled, y, y_i + j * y_at[3], 0, y_at[3])
                        tile_store_winners(tile, winner, code + j * filters, 0, filters)

    return sums


@cache
def position_sums(lines: int, width: int, vectors: int) -> Any:
    """Make the function for tiles of `lines` kernel rows × `width` numbers × `vectors` registers.

        dweight[k, r, c, f] += Σ over images lo … hi − 1 and positions of x · dy, first ≤ c < last.

    Arguments as in `window_sums`, and: `last − first` is a multiple of `width`, the kernel rows one
    of `lines`. `fresh` says that dweight's old values do not count (for one image alone).
    """

    @compiled
    def sums(
        lo: int,
        hi: int,
        x: Array,
        x_at: Four,
        window: Five,
        first: int,
        last: int,
        dy: Array,
        dy_at: Four,
        size: Three,
        which: Two,
        dweight: Array,
        fresh: bool,  # noqa: FBT001  (kernels take no keywords)
    ) -> None:
        kernel_rows, runs, run, row_step, run_step = window
        height, positions, filters = size
        columns = vectors * tile_lanes(x)
        for n in range(lo, hi):
            for k in range(0, kernel_rows, lines):
                for r in range(runs):
                    x_k = x_at[0] + n * x_at[1] + k * row_step + r * run_step
                    for block in range(which[0], which[1], columns):
                        f = min(block, which[1] - columns)
                        for c in range(first, last, width):
                            w = ((k * runs + r) * run + c) * filters + f
                            line = runs * run * filters
                            if fresh:
                                tile = tile_zeros(lines, width, vectors, x)
                            else:
                                tile = tile_load(lines, width, vectors, dweight, w, line, filters)
                            for i in range(height):
                                at = x_k + i * x_at[2] + c
                                place = dy_at[0] + n * dy_at[1] + i * dy_at[2] + f
                                for _ in range(positions):
                                    tile = tile_fma(tile, x, at, row_step, 1, dy, place)
                                    at += x_at[3]
                                    place += dy_at[3]
                            tile_store(tile, dweight, w, line, filters)

    return sums
