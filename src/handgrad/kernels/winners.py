"""Gradients of weights behind a 2 × 2 max-pool, compiled: only the winners count.

A max-pool gives its gradient to one of four positions; a dense sum over positions would multiply
three zeros for each number that counts. Here the sum runs over the pooled positions, and the
winner's number says where its window lies in x. Neighbouring filters have different winners, so a
register holds neighbouring channels of x instead: for one filter, a tile's sums are a piece of the
window (`lines` kernel rows × `vectors` registers of the numbers side by side in each), and every
pooled position adds its gradient times the window it came from.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.patches import tile_add_scaled
from handgrad.kernels.places import Four, Three
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
        window: tuple[int, int],
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
