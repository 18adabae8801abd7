"""Sums of dense layers, compiled: y = bias + x weight, and the two gradients, on register tiles.

All numbers of a step lie in one flat array: batches, weights, gradients. A matrix is a start and a
step from row to row; its columns are padded with zeros to whole registers, its rows to whole
tiles, so that no code asks where it ends. All three sums of a dense layer are one:

    out[i, j] = bias[j] + Σₜ x[i, t] w[t, j]

Forward, i counts examples and t features. For dx, w is the transposed weight. For dweight, i
counts features and t examples: x is read along its other axis, which is a matter of two steps.

Schedule: a tile holds 6 rows × up to 4 registers of sums; it walks along t, multiplying one number
of each of its 6 rows with registers of w. Tiles that use the same columns of w follow each other,
for `BLOCK` values of t, so that this block of w stays in the innermost cache. Workers share the
rows i, never a sum: the bits do not depend on their number.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.jit import compiled
from handgrad.kernels.tiles import (
    REGISTERS,
    tile_bias,
    tile_fma,
    tile_keep,
    tile_lanes,
    tile_load,
    tile_relu,
    tile_store,
)

HEIGHT = 6  # rows of a tile
WIDEST = 4 if REGISTERS == 32 else 2  # registers of a row: 6 × 4 sums, 4 weights, one number of x
RELU_AFTER, NOTHING_AFTER = -1, 0  # what comes after a sum, if not a place
BLOCK = 224  # terms that follow each other before the sums return to memory


@compiled
def share(worker: int, workers: int, total: int, piece: int) -> tuple[int, int]:
    """The part lo … hi − 1 of `total` that is this worker's, in whole pieces but for the end."""
    pieces = (total + piece - 1) // piece
    lo, hi = pieces * worker // workers * piece, pieces * (worker + 1) // workers * piece
    return min(lo, total), min(hi, total)


@compiled
def number(constant: int) -> int:
    """The same number, of which the compiler does not know that it is a constant.

    Numba compiles another version of a function that is called with a constant, where tiles are
    made in it, and of all that it calls.
    """
    return constant


@cache
def panel_sums(vectors: int) -> Any:
    """Make the function for panels of that many registers of columns.

    Its arguments: the flat array; where x begins, its steps to the next row i and the next term t;
    where the panel of w begins and the step to its next row; where the panel of the bias begins;
    where the panel of the result begins and its step; the rows lo … hi − 1, and the terms; what
    comes after the sum (see `matrix_sums`), for this panel.
    """

    @compiled
    def sums(
        a: Array,
        x: int,
        x_row: int,
        x_term: int,
        w: int,
        w_step: int,
        bias: int,
        out: int,
        out_step: int,
        lo: int,
        hi: int,
        terms: int,
        after: int,
    ) -> None:
        for block in range(0, terms, BLOCK):
            for i in range(lo, hi, HEIGHT):
                number = x + i * x_row
                if block == 0:
                    tile = tile_bias(1, HEIGHT, vectors, a, bias)
                else:
                    tile = tile_load(1, HEIGHT, vectors, a, out + i * out_step, 0, out_step)
                for t in range(block, min(block + BLOCK, terms)):
                    tile = tile_fma(tile, a, number + t * x_term, 0, x_row, a, w + t * w_step)
                if block + BLOCK >= terms:
                    if after == RELU_AFTER:
                        tile = tile_relu(tile)
                    elif after != NOTHING_AFTER:
                        tile = tile_keep(tile, a, after + i * out_step, 0, out_step)
                tile_store(tile, a, out + i * out_step, 0, out_step)

    return sums


ONE, TWO = panel_sums(1), panel_sums(2)
THREE, FOUR = panel_sums(min(3, WIDEST)), panel_sums(WIDEST)


@compiled
def matrix_sums(
    a: Array,
    x: int,
    x_row: int,
    x_term: int,
    w: int,
    w_step: int,
    bias: int,
    out: int,
    out_step: int,
    columns: int,
    lo: int,
    hi: int,
    terms: int,
    after: int,
) -> None:
    """Write out[i, j] for the rows lo … hi − 1 and the columns, whole registers of them.

    `after`: a ReLU, nothing, or where a matrix like `out` lies: where that is not positive, 0 is
    written.
    """
    lanes = tile_lanes(a)
    for j in range(0, columns, WIDEST * lanes):
        left = min((columns - j) // lanes, WIDEST)
        at, b, y = w + j, bias + j, out + j
        then = after if after <= NOTHING_AFTER else after + j
        if left == WIDEST:
            FOUR(a, x, x_row, x_term, at, w_step, b, y, out_step, lo, hi, terms, then)
        elif left == 1:
            ONE(a, x, x_row, x_term, at, w_step, b, y, out_step, lo, hi, terms, then)
        elif left == 2:
            TWO(a, x, x_row, x_term, at, w_step, b, y, out_step, lo, hi, terms, then)
        else:
            THREE(a, x, x_row, x_term, at, w_step, b, y, out_step, lo, hi, terms, then)
