"""Sums over winners against their definition: compiled, in Python on NumPy's tiles, as mutants."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit

from handgrad.kernels import patches, tiles, winners
from handgrad.kernels.patches import tile_fma_fours
from handgrad.kernels.tiles import tile_store, tile_zeros
from handgrad.plans.convolution import piece_of
from uncompiled import survivors, uncompiled

DTYPES = (np.float32, np.float64)
LO, HI = 1, 3  # images
Five = tuple[int, int, int, int, int]


class Pools:
    """Random images, gradients and winners, in flat arrays with gaps.

    The images end where the last window does, so that reading on would be noticed.
    """

    def __init__(
        self, dtype: Any, window: Five, steps: tuple[int, int], pools: tuple[int, int], padded: int
    ) -> None:
        rng = np.random.default_rng(0)
        self.window, self.size = window, (*pools, padded)
        ends = [2 * n - 1 for n in pools]  # the last position before pooling
        sizes = zip((*ends, *(n - 1 for n in window[:2])), (*steps, *window[3:]), strict=True)
        reach = sum(n * step for n, step in sizes) + window[2]
        self.x_at = (3, reach + 2, *steps)
        self.x = rng.normal(size=3 + (HI - 1) * (reach + 2) + reach).astype(dtype)
        pixel = padded + 1
        self.dy_at = (2, pools[0] * pools[1] * pixel + 5, pools[1] * pixel, pixel)
        self.dy = rng.normal(size=2 + HI * self.dy_at[1]).astype(dtype)
        self.winner = rng.integers(0, 4, size=(HI, *self.size)).astype(np.uint8)
        self.count = reach - sum(steps)  # of the places where four may begin
        self.weights = (window[0], window[1], window[2], padded)
        self.dweight = rng.normal(size=math.prod(self.weights)).astype(dtype)

    def wanted(self) -> Any:
        """(kernel rows, runs, run, filters): what is there, and the sums added to it."""
        total = self.dweight.reshape(self.weights).astype(float)
        for n, i, j, f in np.ndindex(HI, *self.size):
            winner = int(self.winner[n, i, j, f])
            start = self.x_at[0] + n * self.x_at[1]
            start += (2 * i + winner // 2) * self.x_at[2] + (2 * j + winner % 2) * self.x_at[3]
            d = self.dy[self.dy_at[0] + n * self.dy_at[1] + i * self.dy_at[2] + j * self.dy_at[3] :]
            for k, r in np.ndindex(self.window[:2]):
                at = start + k * self.window[3] + r * self.window[4]
                if n >= LO:
                    total[k, r, :, f] += float(d[f]) * self.x[at : at + self.window[2]]
        return total


def check_close(came: Any, wanted: Any, dtype: Any) -> None:
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(came, wanted, tolerance, tolerance)


def python(function: Any, lanes: int | None) -> Any:
    """The Python function, made by a mutant or by the compiled original; or the compiled one."""
    return getattr(function, "py_func", function) if lanes else function


# Windows (rows, runs, run, steps), steps from row to row and position to position (with a stride),
# rows and positions of the pooled image, and a tile.
PLAIN: Any = ((4, 1, 6, 22, 0), (22, 2), (2, 3), (2, 3))
DILATED: Any = ((4, 3, 3, 60, 6), (90, 3), (3, 2), (2, 3))
STRIDED: Any = ((3, 1, 5, 31, 0), (62, 3), (2, 2), (3, 5))
TINY: Any = ((1, 1, 2, 0, 0), (4, 2), (1, 1), (1, 2))


def check_winner_sums(dtype: Any, lanes: int | None = None, *, shape: Any = PLAIN) -> None:
    """Two registers of filters, the last of them padding."""
    unit = lanes or tiles.lanes(np.dtype(dtype).itemsize)
    window, steps, size, tile = shape
    pools = Pools(dtype, window, steps, size, 2 * unit)
    wanted = pools.wanted()
    fours = np.zeros(4 * pools.count, dtype)
    python(winners.winner_sums(*tile), lanes)(
        *(LO, HI, pools.x, pools.x_at, window, pools.dy, pools.dy_at, pools.size),
        *(pools.winner.reshape(-1), fours, pools.dweight),
    )
    check_close(pools.dweight.reshape(wanted.shape), wanted, dtype)


def check_lay_fours(dtype: Any, lanes: int | None = None) -> None:
    """Fewer than a register holds, one register, and one that is moved back."""
    unit = lanes or tiles.lanes(np.dtype(dtype).itemsize)
    for count in (1, unit - 1, unit, 3 * unit + 1):
        x = np.random.default_rng(0).normal(size=2 + count + 7 + 3).astype(dtype)
        fours = np.full(4 * count + 4, 9, dtype)
        python(winners.lay_fours, lanes)(x, 2, 7, 3, count, fours)
        first = 2 + np.arange(count)
        wanted = np.stack([x[first + step] for step in (0, 3, 7, 10)], axis=1)
        np.testing.assert_array_equal(fours[: 4 * count], wanted.reshape(-1))
        assert (fours[4 * count :] == 9).all()


SUMS = [partial(check_winner_sums, shape=shape) for shape in (PLAIN, DILATED, STRIDED, TINY)]
CHECKS: dict[str, list[Callable[..., None]]] = {
    "winner_sums": [*SUMS],
    "places_under": [*SUMS],
    "lay_fours": [check_lay_fours],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("check", [check for checks in CHECKS.values() for check in checks])
def test_a_kernel_does_what_it_says(check: Callable[..., None], dtype: Any) -> None:
    check(dtype)
    lanes = tiles.lanes(np.dtype(dtype).itemsize)
    with uncompiled(lanes):
        check(dtype, lanes=lanes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("permutes", [True, False])
def test_one_of_four_on_every_processor(
    dtype: Any, monkeypatch: pytest.MonkeyPatch, *, permutes: bool
) -> None:
    monkeypatch.setattr(patches, "PERMUTES", permutes)
    lanes = tiles.lanes(np.dtype(dtype).itemsize)
    rng = np.random.default_rng(0)
    d, x = (rng.normal(size=size).astype(dtype) for size in (lanes + 3, 60))
    winner = rng.integers(0, 4, lanes + 5).astype(np.uint8)
    came = np.zeros(6 * lanes, dtype)
    compile_once: Any = njit  # not `compiled`: it must not be kept
    compile_once(sums_of_fours)(d, winner, x, came, 3 * lanes, lanes)
    wanted = [d[3:] * x[7 + 30 * i + 4 * j + winner[5:]] for i in range(2) for j in range(3)]
    np.testing.assert_array_equal(came, np.concatenate(wanted))


def sums_of_fours(d: Any, winner: Any, x: Any, y: Any, line: int, step: int) -> None:
    tile = tile_fma_fours(tile_zeros(2, 3, 1, x), d, 3, winner, 5, x, 7, 30)
    tile_store(tile, y, 0, line, step)


def test_mutants_are_caught() -> None:
    small = {
        name: [partial(check, np.float64, lanes=4) for check in checks]
        for name, checks in CHECKS.items()
    }
    alive = survivors(winners, small, {}, lanes=4)
    assert not alive, "\n".join(alive)


def test_the_largest_piece_that_fits_is_taken() -> None:
    wide = tiles.REGISTERS == 32
    assert piece_of(5, 5) == ((5, 5) if wide else (1, 5))
    assert piece_of(3, 9) == ((3, 9) if wide else (1, 9))
    assert piece_of(5, 15) == ((5, 5) if wide else (1, 5))
    assert piece_of(7, 29) == (7, 1)
