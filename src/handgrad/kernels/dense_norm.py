"""Batch norm between the sums of dense layers, and sums over a batch: compiled, on register tiles.

Everything is a view of one flat array, and dx takes dy's place: a compiler that must expect every
store to change what is loaded next finds no vector instructions there, so tiles spell them out.
`x`, `y`, `d` and so on are where matrices begin in `a`; their rows lie `step` numbers apart, padded
with zeros to whole registers, and the zeros stay zeros.

Schedule: one register of columns after the other, or four; the rows lo … hi − 1 are walked inside,
so that whatever belongs to a column stays in registers. Sums begin anew after `FEW` rows and are
then added to totals in float64. Mean and variance cost one meeting of the workers: each computes
those of its own rows, in two passes, and after it every worker joins all parts, in one order, by
the formula of Chan, Golub and LeVeque (1979).
"""

from functools import cache
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.dense import HEIGHT, number, share
from handgrad.kernels.jit import compiled
from handgrad.kernels.places import Four, Two
from handgrad.kernels.tile_operators import tile_flush
from handgrad.kernels.tiles import (
    tile_keep,
    tile_lanes,
    tile_load,
    tile_relu,
    tile_store,
    tile_zeros,
)

FEW = 64  # rows whose sum float32 may hold


# -- sums over rows ---------------------------------------------------------------------------


@cache
def row_sums(vectors: int) -> Any:
    """Make the function that sums rows, `vectors` registers of columns at a time."""

    @compiled
    def sums(a: Array, x: int, step: int, lo: int, hi: int, cut: Two, total: Array) -> None:
        """total[j] += Σ x[n, j] for the columns cut[0] … cut[1] − 1."""
        for j in range(cut[0], cut[1], vectors * tile_lanes(a)):
            for block in range(lo, hi, FEW):
                some = tile_zeros(1, 1, vectors, a)
                for n in range(block, min(block + FEW, hi)):
                    some = some + tile_load(1, 1, vectors, a, x + n * step + j, 0, 0)
                tile_flush(some, total, j)

    return sums


@cache
def row_squares(vectors: int) -> Any:
    """Make the function that sums squares."""

    @compiled
    def sums(
        a: Array, x: int, step: int, lo: int, hi: int, cut: Two, mean: int, total: Array
    ) -> None:
        """total[j] += Σ (x[n, j] − mean[j])²."""
        for j in range(cut[0], cut[1], vectors * tile_lanes(a)):
            middle = tile_load(1, 1, vectors, a, mean + j, 0, 0)
            for block in range(lo, hi, FEW):
                some = tile_zeros(1, 1, vectors, a)
                for n in range(block, min(block + FEW, hi)):
                    centered = tile_load(1, 1, vectors, a, x + n * step + j, 0, 0) - middle
                    some = some + centered * centered
                tile_flush(some, total, j)

    return sums


@cache
def row_products(vectors: int) -> Any:
    """Make the function that sums what the gradients of batch norm need."""

    @compiled
    def sums(
        a: Array,
        at: Four,
        step: int,
        lo: int,
        hi: int,
        cut: Two,
        relu: int,
        plain: Array,
        scaled: Array,
    ) -> None:
        """plain[j] += Σ dy and scaled[j] += Σ dy (x − mean[j]); at: x, y, dy and mean.

        With `relu`, dy counts where y is positive.
        """
        x, y, d, mean = at
        for j in range(cut[0], cut[1], vectors * tile_lanes(a)):
            middle = tile_load(1, 1, vectors, a, mean + j, 0, 0)
            for block in range(lo, hi, FEW):
                some, product = tile_zeros(1, 1, vectors, a), tile_zeros(1, 1, vectors, a)
                for n in range(block, min(block + FEW, hi)):
                    place = n * step + j
                    dy = tile_load(1, 1, vectors, a, d + place, 0, 0)
                    if relu:
                        dy = tile_keep(dy, a, y + place, 0, 0)
                    centered = tile_load(1, 1, vectors, a, x + place, 0, 0) - middle
                    some, product = some + dy, product + dy * centered
                tile_flush(some, plain, j)
                tile_flush(product, scaled, j)

    return sums


sums_of_four, sums_of_one = row_sums(4), row_sums(1)
squares_of_four, squares_of_one = row_squares(4), row_squares(1)
products_of_four, products_of_one = row_products(4), row_products(1)


@compiled
def cuts(a: Array, step: int) -> tuple[Two, Two]:
    """The columns that make whole fours of registers, and those that are left."""
    fours = step - step % (4 * tile_lanes(a))
    return (number(0), fours), (fours, step)


@compiled
def column_sums(a: Array, x: int, step: int, lo: int, hi: int, total: Array) -> None:
    """total[j] = Σ x[n, j]."""
    fours, ones = cuts(a, step)
    total[:step] = 0.0
    sums_of_four(a, x, step, lo, hi, fours, total)
    sums_of_one(a, x, step, lo, hi, ones, total)


# -- forward ----------------------------------------------------------------------------------


@compiled
def moments(
    a: Array, x: int, step: int, lo: int, hi: int, center: int, mean: Array, squares: Array
) -> None:
    """The rows' mean, and the sum of squares about it; there is room for a row at `center`."""
    column_sums(a, x, step, lo, hi, mean)
    middle = a[center : center + step]
    for j in range(step):
        mean[j] /= max(hi - lo, 1)
        middle[j] = mean[j]
        squares[j] = 0.0
    fours, ones = cuts(a, step)
    squares_of_four(a, x, step, lo, hi, fours, center, squares)
    squares_of_one(a, x, step, lo, hi, ones, center, squares)


@compiled
def join_moments(
    parts: Array, workers: int, rows: int, features: int, eps: float, own: Array, stats: Array
) -> None:
    """Mean, variance and 1/√(variance + ε) of all rows, in the first three rows of `stats`.

    parts: the workers' means m and their sums of squares M. Of all n rows, the mean is Σ nᵥ mᵥ / n,
    and the sum of squares about it is Σ (Mᵥ + nᵥ (mᵥ − mean)²).
    """
    kind = stats.dtype.type
    mean, squares = own[0], own[1]
    mean[:features] = 0.0
    squares[:features] = 0.0
    for worker in range(workers):
        lo, hi = share(worker, workers, rows, HEIGHT)
        weight = (hi - lo) / rows
        for j in range(features):
            mean[j] += weight * parts[0, worker, j]
    for worker in range(workers):
        lo, hi = share(worker, workers, rows, HEIGHT)
        for j in range(features):
            gap = parts[0, worker, j] - mean[j]
            squares[j] += parts[1, worker, j] + (hi - lo) * (gap * gap)
    for j in range(features):
        stats[0, j] = kind(mean[j])
        stats[1, j] = kind(squares[j] / rows)
        stats[2, j] = kind(1) / np.sqrt(stats[1, j] + kind(eps))


@compiled
def normalize(
    a: Array, x: int, y: int, step: int, lo: int, hi: int, stats: int, weight: int, relu: int
) -> None:
    """y = weight (x − mean) inv_std + bias, and 0 where that is negative, with `relu`."""
    for j in range(0, step, tile_lanes(a)):
        mean, inv_std = register(a, stats + j), register(a, stats + 2 * step + j)
        scale, bias = register(a, weight + j) * inv_std, register(a, weight + step + j)
        for n in range(lo, hi):
            place = n * step + j
            out = (register(a, x + place) - mean) * scale + bias
            if relu:
                out = tile_relu(out)
            tile_store(out, a, y + place, 0, 0)


@compiled
def register(a: Array, at: int) -> Any:
    """The register that begins at a[at]."""
    return tile_load(1, 1, 1, a, at, 0, 0)


# -- backward ---------------------------------------------------------------------------------


@compiled
def norm_sums(
    a: Array,
    at: Four,
    step: int,
    lo: int,
    hi: int,
    relu: int,
    plain: Array,
    scaled: Array,
) -> None:
    """plain[j] = Σ dy and scaled[j] = Σ dy (x − mean); at: x, y, dy and mean."""
    plain[:step] = 0.0
    scaled[:step] = 0.0
    fours, ones = cuts(a, step)
    products_of_four(a, at, step, lo, hi, fours, relu, plain, scaled)
    products_of_one(a, at, step, lo, hi, ones, relu, plain, scaled)


@compiled
def join_sums(
    parts: Array, workers: int, rows: int, features: int, own: Array, stats: Array
) -> None:
    """mean(dy) and inv_std² mean(dy (x − mean)) of all rows, in the last two rows of `stats`.

    The gradients of bias and weight, Σ dy and Σ dy x̂, stay in `own`.
    """
    kind = stats.dtype.type
    plain, scaled = own[0], own[1]
    plain[:features] = 0.0
    scaled[:features] = 0.0
    for worker in range(workers):
        for j in range(features):
            plain[j] += parts[0, worker, j]
            scaled[j] += parts[1, worker, j]
    for j in range(features):
        inv_std = stats[2, j]
        scaled[j] *= inv_std
        stats[3, j] = kind(plain[j] / rows)
        stats[4, j] = kind(inv_std * scaled[j] / rows)


@compiled
def norm_dx(a: Array, at: Four, step: int, lo: int, hi: int, weight: int, relu: int) -> None:
    """dx = weight s (dy − mean(dy) − (x − mean) s² mean(dy (x − mean))), in dy's place.

    s is inv_std; at: x, y, dy, and the statistics, (mean, variance, s, the two that dx needs).
    """
    x, y, d, stats = at
    for j in range(0, step, tile_lanes(a)):
        mean, inv_std = register(a, stats + j), register(a, stats + 2 * step + j)
        plain, scaled = register(a, stats + 3 * step + j), register(a, stats + 4 * step + j)
        scale = register(a, weight + j) * inv_std
        for n in range(lo, hi):
            place = n * step + j
            dy = register(a, d + place)
            if relu:
                dy = tile_keep(dy, a, y + place, 0, 0)
            dx = dy - plain - (register(a, x + place) - mean) * scaled
            tile_store(scale * dx, a, d + place, 0, 0)
