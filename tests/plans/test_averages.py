"""The kernels of average pooling against their definition: compiled, as Python, as mutants."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit

from handgrad.kernels import averages, tiles, tiles_in_numpy
from handgrad.kernels.remainders import tile_load_some, tile_store_some
from uncompiled import survivors, uncompiled

DTYPES = (np.float32, np.float64)
LO, HI, ROWS, COLUMNS = 1, 3, 2, 3
STRIDES = ((2, 4), (3, 5), (1, 2))  # of windows of 2 × 4 pixels: side by side, apart, overlapping
KERNEL = (2, 4)
Kernel = Callable[..., Any]


class Images:
    """Images LO … HI − 1 of a batch in a flat array that ends with them; gaps everywhere else."""

    def __init__(self, seed: int, size: tuple[int, int, int], dtype: Any) -> None:
        height, width, channels = size
        pixel = channels + seed
        row = width * pixel + 1
        image = height * row + 2
        self.at = (seed, image, row, pixel)
        n, i, j, c = np.ogrid[LO:HI, :height, :width, :channels]
        self.index = seed + n * image + i * row + j * pixel + c
        rng = np.random.default_rng(seed)
        self.flat = rng.normal(size=int(self.index.max()) + 1).astype(dtype)

    @property
    def seen(self) -> Any:
        """The images as (N, H, W, C): a copy."""
        return self.flat[self.index].astype(float)

    def expect(self, wanted: Any, call: Callable[[], None]) -> None:
        """After the call, these images are `wanted` and nothing else has changed."""
        expected = self.flat.copy()
        expected[self.index] = wanted
        call()
        tolerance = 1e-6 if self.flat.dtype == np.float32 else 1e-14
        np.testing.assert_allclose(self.flat, expected, tolerance, tolerance)


class Case:
    """Large images with windows on them, and small ones with a number for each window."""

    def __init__(self, dtype: Any, lanes: int, stride: tuple[int, int], channels: int) -> None:
        rows, columns = (ROWS - 1) * stride[0] + KERNEL[0], (COLUMNS - 1) * stride[1] + KERNEL[1]
        self.size = (ROWS, COLUMNS, channels)
        self.large = Images(2, (rows + 1, columns + 1, channels), dtype)
        self.small = Images(3, self.size, dtype)
        start, image, row, pixel = self.large.at
        self.at, self.steps = (start, image, stride[0] * row, stride[1] * pixel), (row, pixel)
        self.share = np.full(lanes, 0.3, dtype)
        self.views = [
            (
                slice(None),
                slice(k, k + (ROWS - 1) * stride[0] + 1, stride[0]),
                slice(r, r + (COLUMNS - 1) * stride[1] + 1, stride[1]),
            )
            for k, r in np.ndindex(KERNEL)
        ]


def check_average_pool(f: Kernel, dtype: Any, lanes: int) -> None:
    """Whole registers, whole ones and a remainder, a remainder alone."""
    for stride, channels in zip(STRIDES, (2 * lanes, lanes + 1, lanes - 1), strict=True):
        case = Case(dtype, lanes, stride, channels)
        x, y, seen = case.large, case.small, case.large.seen
        wanted = 0.3 * sum(seen[view] for view in case.views)
        way = (LO, HI, x.flat, case.at, KERNEL, case.steps, case.size, case.share)
        y.expect(wanted, partial(f, *way, y.flat, y.at))


def check_average_pool_dx(f: Kernel, dtype: Any, lanes: int) -> None:
    """Windows that do not overlap write, others add; what is in no window stays."""
    for stride in STRIDES:
        case, overlapping = Case(dtype, lanes, stride, 2 * lanes), stride == (1, 2)
        dx, dy, wanted = case.large, case.small, case.large.seen
        for view in case.views:
            wanted[view] = 0.3 * dy.seen + wanted[view] * overlapping
        way = (LO, HI, dy.flat, dy.at, KERNEL, case.steps, case.size, case.share)
        dx.expect(wanted, partial(f, *way, dx.flat, case.at, overlapping))


CHECKS: dict[str, Callable[..., None]] = {
    "average_pool": check_average_pool,
    "average_pool_dx": check_average_pool_dx,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CHECKS)
def test_a_kernel_does_what_it_says(name: str, dtype: Any) -> None:
    kernel, lanes = getattr(averages, name), tiles.lanes(np.dtype(dtype).itemsize)
    CHECKS[name](kernel, dtype, lanes)
    for width in (2, lanes):
        with uncompiled(width):
            CHECKS[name](kernel.py_func, dtype, width)


def test_mutants_are_caught() -> None:
    checks = {name: [partial(run, name)] for name in CHECKS}
    alive = survivors(averages, checks, {})
    assert not alive, "\n".join(alive)


def run(name: str) -> None:
    """Check what stands in the module, a mutant perhaps."""
    CHECKS[name](getattr(averages, name), np.float64, 2)


def test_a_large_mean_is_accurate() -> None:
    """Sums of rows: 360,000 additions to one number would lose a digit more."""
    lanes = tiles.lanes(4)
    x = np.random.default_rng(0).uniform(size=600 * 600 * lanes).astype(np.float32)
    y, share = np.zeros(lanes, np.float32), np.full(lanes, 1 / 600**2, np.float32)
    at, steps = (0, 0, 0, 0), (600 * lanes, lanes)
    averages.average_pool(0, 1, x, at, (600, 600), steps, (1, 1, lanes), share, y, at)
    np.testing.assert_allclose(y, x.reshape(-1, lanes).mean(axis=0, dtype=float), 2e-6)


def test_some_numbers_of_a_register_alone_are_read_and_written() -> None:
    """As in NumPy; up to the array's last number, and beyond it nothing."""

    def through(x: Any, count: int, y: Any, wanted: int) -> None:
        tile_store_some(tile_load_some(x, 1, count), y, 2, wanted)

    def in_numpy(x: Any, count: int, y: Any, wanted: int) -> None:
        tile = tiles_in_numpy.tile_load_some(x, 1, count)
        tiles_in_numpy.tile_store_some(tile, y, 2, wanted)

    compiled: Any = njit(through)
    for dtype in DTYPES:
        lanes = tiles.lanes(np.dtype(dtype).itemsize)
        numbers = np.arange(1, lanes + 5).astype(dtype)
        for count in range(lanes + 2):
            for wanted in range(lanes + 2):
                x = numbers[: 1 + min(count, lanes)].copy()
                there, expected = -numbers[: 2 + min(wanted, lanes)], -numbers
                expected[2 : 2 + min(wanted, lanes)] = 0
                both = min(count, wanted, lanes)
                expected[2 : 2 + both] = numbers[1 : 1 + both]
                for function in (compiled, in_numpy):
                    y = there.copy()
                    with uncompiled(lanes):
                        function(x, count, y, wanted)
                    np.testing.assert_array_equal(y, expected[: len(y)])
