"""The sums of convolution, compiled: over windows (forward and dx), and over positions (dweight).

Layout: images lie channels last, (N, H, W, C) with C padded to whole registers, inside a border of
zeros as wide as the padding, so that no code asks where an image ends. Weights are (KH, KW, C, F)
with F padded likewise. An output position is a row of a tile and a register holds neighbouring
filters: the tile's sums run over the window, kernel row by kernel row, and within one over `run`
numbers that lie side by side in x and in the weights (KW · C of them where nothing is skipped).

Schedule: filters outside, so that one block of weights is used for all positions; then output
rows; then `rows` neighbouring positions at once. The last tile of a row is moved back until it
fits, and computes a few positions twice. Every function takes images lo … hi − 1 of a batch, so
that workers can share one; all are serial, and release Python's lock.

The gradient of x is the same sum over dy's windows with the filters turned around (see
`plans/images.py`); the gradient of the weights multiplies x and dy position by position.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.tiles import (
    tile_bias,
    tile_fma,
    tile_lanes,
    tile_load,
    tile_relu,
    tile_store,
    tile_store_where,
)

PLAIN, RELU, MASKED = 0, 1, 2  # what happens to the sums before they are stored
Three = tuple[int, int, int]
Four = tuple[int, int, int, int]
Five = tuple[int, int, int, int, int]


@cache
def window_sums(rows: int, vectors: int) -> Any:  # noqa: C901  (seven loops are what it is)
    """Make the function for tiles of rows × vectors.

        y[n, i, j, f] = bias[f] + Σ over the window at (i, j) of x · weight, for images lo … hi − 1.

    Its arguments:
        lo, hi: which images.
        x, y, mask: flat arrays; `x_at`, `y_at`, `mask_at` say where things lie in them: the start,
            then the steps from one image, row and position to the next (x's include the stride).
        window: how many kernel rows, how many runs in each, how many numbers in a run; the steps
            in x from one kernel row and one run to the next (they include the dilation).
        weight, bias: (kernel rows, runs, run, filters) flat, and (filters,).
        size: output rows, output columns (at least `rows`), filters (a multiple of the tile's).
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
        how: int,
        mask: Array,
        mask_at: Four,
    ) -> None:
        kernel_rows, runs, run, row_step, run_step = window
        height, width, filters = size
        columns = vectors * tile_lanes(x)
        for n in range(lo, hi):
            for f in range(0, filters, columns):
                for i in range(height):
                    x_i = x_at[0] + n * x_at[1] + i * x_at[2]
                    y_i = y_at[0] + n * y_at[1] + i * y_at[2] + f
                    m_i = mask_at[0] + n * mask_at[1] + i * mask_at[2] + f
                    for start in range(0, width, rows):
                        j = min(start, width - rows)
                        tile = tile_bias(rows, vectors, bias, f)
                        w = f
                        for k in range(kernel_rows):
                            for r in range(runs):
                                at = x_i + j * x_at[3] + k * row_step + r * run_step
                                for c in range(run):
                                    tile = tile_fma(tile, x, at + c, x_at[3], weight, w)
                                    w += filters
                        place = y_i + j * y_at[3]
                        if how == MASKED:
                            m = m_i + j * mask_at[3]
                            tile_store_where(tile, y, place, y_at[3], mask, m, mask_at[3])
                        elif how == RELU:
                            tile_store(tile_relu(tile), y, place, y_at[3])
                        else:
                            tile_store(tile, y, place, y_at[3])

    return sums


@cache
def position_sums(rows: int, vectors: int) -> Any:
    """Make the function for tiles of rows × vectors.

        dweight[k, r, c, f] += Σ over images lo … hi − 1 and positions of x · dy, first ≤ c < last.

    Arguments as in `window_sums`; a tile's rows are the numbers c of a run, so `last − first` is a
    multiple of `rows`.
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
        dweight: Array,
    ) -> None:
        kernel_rows, runs, run, row_step, run_step = window
        height, width, filters = size
        columns = vectors * tile_lanes(x)
        for n in range(lo, hi):
            for k in range(kernel_rows):
                for r in range(runs):
                    x_k = x_at[0] + n * x_at[1] + k * row_step + r * run_step
                    for f in range(0, filters, columns):
                        for c in range(first, last, rows):
                            w = ((k * runs + r) * run + c) * filters + f
                            tile = tile_load(rows, vectors, dweight, w, filters)
                            for i in range(height):
                                at = x_k + i * x_at[2] + c
                                d = dy_at[0] + n * dy_at[1] + i * dy_at[2] + f
                                for j in range(width):
                                    number, weight = at + j * x_at[3], d + j * dy_at[3]
                                    tile = tile_fma(tile, x, number, 1, dy, weight)
                            tile_store(tile, dweight, w, filters)

    return sums
