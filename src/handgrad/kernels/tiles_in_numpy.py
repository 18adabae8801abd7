"""What tiles mean, in NumPy: those of `tiles.py`, and of all that teaches them more.

A tile is an array (lines, width, columns).
Kernels that are tested without their compiler (mutants, above all) run on these.
"""

from functools import cache
from typing import Any

import numpy as np

from handgrad.checks import Array

LANES = 16  # of float32 with AVX-512; kernels are tested with this width

# Winograd's matrices for F(4 × 4, 3 × 3), as in Lavin and Gray, 2015 (there Bᵀ and Aᵀ).
INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
OUTPUT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)
# And for F(3 × 3, 4 × 4), without its factors: the powers 0 to 3 of the points 0, 1, −1, 2, −2, ∞.
GRADIENT = OUTPUT.T
# The transform of the weights; turned over, the last one of their gradient.
WEIGHT = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24


def tile_lanes(_x: Array) -> int:
    """How many of x's numbers a register holds."""
    return LANES


def tile_bias(lines: int, width: int, vectors: int, bias: Array, start: int) -> Array:
    """At every position bias[start], bias[start + 1] and so on."""
    return bias[places((lines, width, vectors * LANES), start, 0, 0)]


def tile_zeros(lines: int, width: int, vectors: int, like: Array) -> Array:
    """Zeros."""
    return np.zeros((lines, width, vectors * LANES), like.dtype)


def tile_load(
    lines: int, width: int, vectors: int, x: Array, start: int, line: int, step: int
) -> Array:
    """At position (i, j): x[start + i · line + j · step] and the entries after it."""
    return x[positions((lines, width, vectors * LANES), start, line, step)]


def tile_load_some(x: Array, start: int, count: int) -> Array:
    """One register with x[start], …, x[start + count − 1], and zeros behind them."""
    tile = np.zeros((1, 1, LANES), x.dtype)
    tile[0, 0, :count] = x[places((1, 1, min(count, LANES)), start, 0, 0)]
    return tile


def tile_square(x: Array, start: int, step: int) -> Array:
    """As many positions as a register has numbers."""
    return tile_load(1, LANES, 1, x, start, 0, step)


def tile_fma(
    tile: Array, x: Array, start: int, line: int, step: int, w: Array, w_start: int
) -> Array:
    """The tile + (the number of x at each position) times (the row w[w_start], …)."""
    lines, width, columns = tile.shape
    numbers = x[positions((lines, width, 1), start, line, step)]
    return tile + numbers * w[places((1, 1, columns), w_start, 0, 0)]


def tile_fma_fours(
    tile: Array, d: Array, place: int, winner: Array, code: int, x: Array, start: int, line: int
) -> Array:
    """The tile + (the row d[place], …) times (of each position's four numbers, the winners')."""
    lines, width, columns = tile.shape
    which = winner[places((1, 1, columns), code, 0, 0)]
    fours = x[positions((lines, width, 4), start, line, 4 * (width > 1))]
    row = d[places((1, 1, columns), place, 0, 0)]
    return tile + row * np.take_along_axis(fours, which.astype(int), axis=2)


def tile_add(tile: Array, bias: Array, start: int) -> Array:
    """The tile + (the row bias[start], …) at every position."""
    return tile + bias[places((1, 1, tile.shape[2]), start, 0, 0)]


def tile_relu(tile: Array) -> Array:
    """Negative numbers become 0."""
    return np.maximum(tile, 0)


def tile_keep(tile: Array, m: Array, start: int, line: int, step: int) -> Array:
    """The tile, and 0 where m is not positive."""
    return tile * (m[positions(tile.shape, start, line, step)] > 0)


def tile_store(tile: Array, y: Array, start: int, line: int, step: int) -> None:
    """Position (i, j) goes to y[start + i · line + j · step] and the entries after it."""
    y[positions(tile.shape, start, line, step)] = tile


def tile_store_some(tile: Array, y: Array, start: int, count: int) -> None:
    """The first `count` numbers of one register go to y[start], y[start + 1] and so on."""
    y[places((1, 1, min(count, LANES)), start, 0, 0)] = one_vector(tile)[:, :, :count]


def tile_flush(tile: Array, total: Array, start: int) -> None:
    """The tile is added to total[start], total[start + 1] and so on."""
    total[places((1, 1, tile.shape[2]), start, 0, 0)] += tile


def tile_transpose(tile: Array) -> Array:
    """Rows become columns."""
    return tile.transpose(0, 2, 1)


def tile_interleave(tile: Array) -> Array:
    """The four numbers of all 2 × 2 positions, then the four after them, and so on."""
    return one_vector(tile).reshape(4, -1).T.reshape(1, 4, -1)


def tile_winograd_input(tile: Array) -> Array:
    """Bᵀ d B, for each column by itself."""
    return np.einsum("pi,qj,ijc->pqc", INPUT, INPUT, one_vector(tile))


def tile_winograd_output(tile: Array) -> Array:
    """Aᵀ m A, for each column by itself."""
    return np.einsum("pi,qj,ijc->pqc", OUTPUT, OUTPUT, one_vector(tile))


def tile_winograd_gradient(tile: Array) -> Array:
    """G d Gᵀ without its factors, for each column by itself."""
    return np.einsum("pi,qj,ijc->pqc", GRADIENT, GRADIENT, one_vector(tile))


def tile_winograd_weight(tile: Array) -> Array:
    """G g Gᵀ, for each column by itself."""
    return np.einsum("pi,qj,ijc->pqc", WEIGHT, WEIGHT, one_vector(tile))


def tile_winograd_sums(tile: Array) -> Array:
    """The last transform of a gradient: Gᵀ m G."""
    return np.einsum("pi,qj,ijc->pqc", WEIGHT.T, WEIGHT.T, one_vector(tile))


def tile_unpool(tile: Array, winner: Array, start: int, line: int, step: int) -> Array:
    """Each number at the one of its 2 × 2 positions that won, and 0 at the others."""
    lines, width, columns = tile.shape
    numbers = winner[positions(one_vector(tile).shape, start, line, step)]
    large = np.zeros((2 * lines, 2 * width, columns), tile.dtype)
    for number in range(4):
        large[number // 2 :: 2, number % 2 :: 2] = tile * (numbers == number)
    return large


def tile_pool(tile: Array) -> Array:
    """The largest of each 2 × 2 positions."""
    return pools(tile).max(axis=0)


def tile_store_winners(tile: Array, winner: Array, start: int, line: int, step: int) -> None:
    """Which of each 2 × 2 positions is the largest, the first of equals."""
    numbers = pools(tile).argmax(axis=0)
    winner[positions(numbers.shape, start, line, step)] = numbers


def pools(tile: Array) -> Array:
    """The four positions of each pool: (4, lines / 2, width / 2, columns)."""
    return np.stack([tile[i::2, j::2] for i in range(2) for j in range(2)])


def one_vector(tile: Array) -> Array:
    """The tile; the transforms take those of one register at each position."""
    if tile.shape[2] != LANES:
        raise ValueError("a tile of one vector is wanted")
    return tile


def positions(shape: tuple[int, int, int], start: int, line: int, step: int) -> Any:
    """As `places`; steps that can only be a mistake are refused."""
    if line == 1 or (shape[0] > 1 and line == 0) or (shape[1] > 1) != (step != 0):
        raise ValueError("a step that a tile of this size has no use for, or none where it has")
    return places(shape, start, line, step)


def places(shape: tuple[int, int, int], start: int, line: int, step: int) -> Any:
    """The indices of a tile's entries in a flat array; negative ones would wrap, so they fail."""
    if start < 0:
        raise IndexError("a tile begins before the array")
    return start + offsets(shape, line, step)


@cache
def offsets(shape: tuple[int, int, int], line: int, step: int) -> Any:
    """The indices of a tile that starts at 0."""
    i, j, c = np.ogrid[: shape[0], : shape[1], : shape[2]]
    return i * line + j * step + c
