"""Sums over windows against their definition: compiled, in Python on NumPy's tiles, as mutants."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad.kernels import images, tiles, windows
from uncompiled import survivors, uncompiled

DTYPES = (np.float32, np.float64)
Kernel = Callable[..., None]


def flat(rng: np.random.Generator, size: int, dtype: Any) -> np.ndarray:
    return rng.normal(size=size).astype(dtype)


class Geometry:
    """Three images with a stride and a dilation, in flat arrays, and what windows see of them."""

    stride, dilation, kernel = (2, 1), (1, 2), (2, 3)
    count, channels = 3, 4

    def __init__(
        self, dtype: Any, vectors: int, width: int, *, height: int = 2, tail: int = 0
    ) -> None:
        rng = np.random.default_rng(0)
        self.columns = vectors * tiles.lanes(np.dtype(dtype).itemsize)
        self.filters = 2 * self.columns + tail
        self.y_shape = (height, max(7, width + 3))
        height = (self.y_shape[0] - 1) * self.stride[0] + self.dilation[0] * 1 + 1
        width = (self.y_shape[1] - 1) * self.stride[1] + self.dilation[1] * 2 + 1
        self.x = flat(rng, self.count * height * width * self.channels + 3, dtype)
        row, pixel = width * self.channels, self.channels
        self.x_at = (3, height * row, self.stride[0] * row, self.stride[1] * pixel)
        self.window = (2, 3, self.channels, self.dilation[0] * row, self.dilation[1] * pixel)
        self.weight = flat(rng, 6 * self.channels * self.filters, dtype)
        self.bias = flat(rng, self.filters, dtype)
        self.size = (*self.y_shape, self.filters)
        out = self.y_shape[0] * self.y_shape[1] * self.filters
        self.y_at = (5, out, self.y_shape[1] * self.filters, self.filters)
        self.y = np.zeros(5 + self.count * out, dtype)

    def x_index(self, n: int, i: int, j: int, k: int, r: int) -> int:
        start, image, row, position = self.x_at
        place = start + n * image + i * row + j * position
        return place + k * self.window[3] + r * self.window[4]

    def y_index(self, n: int, i: int, j: int) -> int:
        start, image, row, position = self.y_at
        return start + n * image + i * row + j * position

    def only(self, which: Any, wanted: np.ndarray, before: np.ndarray, start: int = 0) -> Any:
        """What is wanted of some filters, and what was there before of the others."""
        filters = (np.arange(wanted.size) - start) % self.filters
        return np.where((filters >= which[0]) & (filters < which[1]), wanted, before)

    def positions(self) -> list[tuple[int, int, int]]:
        height, width = self.y_shape
        return [(2, i, j) for i in range(height) for j in range(width)]  # the third image alone


def check_window_sums(function: Kernel, dtype: Any, width: int, vectors: int, how: int) -> None:
    g = Geometry(dtype, vectors, width, tail=1)
    mask = flat(np.random.default_rng(1), g.y.size + 9, dtype)
    m_at = (g.y_at[0] + 4, *g.y_at[1:])
    expected = np.zeros_like(g.y)
    weight = g.weight.reshape(2, 3, g.channels, g.filters)
    for n, i, j in g.positions():
        total = g.bias.astype(float)
        for k in range(2):
            for r in range(3):
                x = g.x[g.x_index(n, i, j, k, r) :][: g.channels].astype(float)
                total = total + x @ weight[k, r]
        start = g.y_index(n, i, j)
        if how == windows.RELU:
            total = np.maximum(total, 0)
        if how == windows.MASKED:
            total = total * (mask[start + 4 : start + 4 + g.filters] > 0)
        expected[start : start + g.filters] = total
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for which in ((0, g.filters), (1, g.columns + 2)):
        y = g.y.copy()
        function(
            *(2, 3, g.x, g.x_at, g.window, g.weight, g.bias, y, g.y_at, g.size, which, how),
            *(mask, m_at),
        )
        wanted = g.only(which, expected, g.y, start=5)
        np.testing.assert_allclose(y, wanted, tolerance, tolerance)


def check_window_pools(function: Kernel, dtype: Any, width: int, vectors: int) -> None:
    """Sums over windows with ReLU, pooled 2 × 2."""
    g = Geometry(dtype, vectors, width, height=4)
    rows, positions = 2, g.y_shape[1] // 2
    size, mine = (rows, positions, g.filters), (5, 2000, 900, g.filters + 1)
    weight = g.weight.reshape(2, 3, g.channels, g.filters)
    for which in ((0, g.filters), (g.columns, g.filters)):
        own = slice(*which)
        y = np.zeros(5 + 3 * 2000, dtype)
        winner = np.full((3, *size), 9, np.uint8)
        expected, numbers = y.copy(), winner.copy()
        for i, j in np.ndindex(rows, positions):
            four: list[Any] = []
            for number in range(4):
                total = g.bias.astype(float)
                for k in range(2):
                    for r in range(3):
                        at = g.x_index(2, 2 * i + number // 2, 2 * j + number % 2, k, r)
                        total = total + g.x[at : at + g.channels].astype(float) @ weight[k, r]
                four.append(total)
            start = 5 + 2 * 2000 + i * 900 + j * (g.filters + 1)
            expected[start : start + g.filters][own] = np.maximum(np.max(four, axis=0), 0)[own]
            numbers[2, i, j, own] = np.argmax(four, axis=0)[own]
        arguments = (2, 3, g.x, g.x_at, g.window, g.weight, g.bias, y, mine, size, which)
        function(*arguments, winner.reshape(-1))
        tolerance = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(y, expected, tolerance, tolerance)
        np.testing.assert_array_equal(winner, numbers)


def check_position_sums(
    function: Kernel, dtype: Any, tile: tuple[int, int, int], *, fresh: bool
) -> None:
    _, width, vectors = tile
    g = Geometry(dtype, vectors, 4, height=6, tail=int(fresh))
    dy = flat(np.random.default_rng(1), g.y.size, dtype)
    before = flat(np.random.default_rng(2), g.weight.size, dtype)
    expected = before.reshape(2, 3, g.channels, g.filters).astype(float)
    if fresh:
        expected[:, :, : 2 * width] = 0
    for n, i, j in g.positions():
        d = dy[g.y_index(n, i, j) :][: g.filters].astype(float)
        for k in range(2):
            for r in range(3):
                x = g.x[g.x_index(n, i, j, k, r) :][: g.channels].astype(float)
                expected[k, r, : 2 * width] += np.outer(x[: 2 * width], d)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for which in ((0, g.filters), (g.columns, g.filters)):
        came = before.copy()
        at = (dy, g.y_at, g.size, which)
        function(2, 3, g.x, g.x_at, g.window, 0, 2 * width, *at, came, fresh)
        wanted = g.only(which, expected.ravel(), before)
        np.testing.assert_allclose(came, wanted, tolerance, tolerance)


HOWS = (windows.PLAIN, windows.RELU, windows.MASKED)


TILES = [(1, 2, 1), (2, 2, 1), (1, 2, 2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("width", "vectors"), [(4, 1), (8, 2), (1, 1)])
@pytest.mark.parametrize("how", HOWS)
def test_window_sums(dtype: Any, width: int, vectors: int, how: int) -> None:
    function = windows.window_sums(width, vectors)
    check_window_sums(function, dtype, width, vectors, how)
    if width > 1:
        with uncompiled(tiles.lanes(np.dtype(dtype).itemsize)):
            check_window_sums(function.py_func, dtype, width, vectors, how)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("width", "vectors"), [(4, 1), (4, 2)])
def test_window_pools(dtype: Any, width: int, vectors: int) -> None:
    function = windows.window_pools(width, vectors)
    check_window_pools(function, dtype, width, vectors)
    with uncompiled(tiles.lanes(np.dtype(dtype).itemsize)):
        check_window_pools(function.py_func, dtype, width, vectors)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("fresh", [False, True])
def test_position_sums(dtype: Any, tile: tuple[int, int, int], *, fresh: bool) -> None:
    function = windows.position_sums(*tile)
    check_position_sums(function, dtype, tile, fresh=fresh)
    with uncompiled(tiles.lanes(np.dtype(dtype).itemsize)):
        check_position_sums(function.py_func, dtype, tile, fresh=fresh)


def check_empty_window(function: Kernel, window: tuple[int, int, int]) -> None:
    g = Geometry(np.float64, 1, 2)
    at = (g.y_at, g.size, (0, g.filters), windows.PLAIN, g.y, g.y_at)
    function(0, 3, g.x, g.x_at, (*window, 5, 6), g.weight[:0], g.bias, g.y, *at)
    assert not g.y[:5].any()
    assert (g.y[5:].reshape(-1, g.filters) == g.bias).all()


@pytest.mark.parametrize("window", [(0, 1, 0), (2, 1, 0), (0, 3, 4)])
def test_an_empty_window_leaves_the_bias(window: tuple[int, int, int]) -> None:
    function = windows.window_sums(2, 1)
    check_empty_window(function, window)
    with uncompiled(tiles.lanes(8)):
        check_empty_window(function.py_func, window)


def check_places() -> None:
    assert windows.one_row(3, 5) == (3, 0, 0, 5)
    assert windows.one_run(7) == (1, 1, 7, 0, 0)


def python(make: Any, *tile: int) -> Any:
    """The Python function for a tile, made by a mutant or by the compiled original."""
    function = make(*tile)
    return getattr(function, "py_func", function)


def test_mutants_are_caught() -> None:
    def sums(how: int) -> None:
        make = windows.window_sums
        check_window_sums(python(make, 2, 2), np.float64, 2, 2, how)

    def pools() -> None:
        check_window_pools(python(windows.window_pools, 6, 2), np.float64, 6, 2)

    def positions(tile: tuple[int, int, int], *, fresh: bool) -> None:
        function = python(windows.position_sums, *tile)
        check_position_sums(function, np.float64, tile, fresh=fresh)

    checks: dict[str, list[Callable[[], None]]] = {
        "one_row": [check_places],
        "one_run": [check_places],
        "window_sums": [partial(sums, how) for how in HOWS],
        "window_pools": [pools],
        "position_sums": [
            partial(positions, tile, fresh=fresh)
            for tile in ((2, 2, 2), (1, 2, 1))
            for fresh in (False, True)
        ],
    }
    alive = survivors(windows, checks, {}, proven=PROVEN)
    assert not alive, "\n".join(alive)


AGAIN = "tiles that overlap more compute the same again"
PROVEN: dict[str, str] = {
    "window_pools: keep the right side: for start in range(0, positions, 2):": AGAIN,
    "window_pools: 3 for 2: for start in range(0, positions, width // 3):": AGAIN,
}


def test_nan_passes_through_relu_and_max_pool() -> None:
    lanes = tiles.lanes(4)
    x = np.full(lanes, np.nan, np.float32)
    y, at = np.zeros(lanes, np.float32), (0, 0, 0, 0)
    one = np.ones(1, np.float32)
    windows.window_sums(1, 1)(
        *(0, 1, one, at, (1, 1, 1, 0, 0), x, np.zeros_like(x), y, at, (1, 1, lanes)),
        *((0, lanes), windows.RELU, y, at),
    )
    assert np.isnan(y).all()
    y[:] = 0
    images.relu_image(0, 1, x, at, (1, 1, lanes), y, at)
    assert np.isnan(y).all()
    for place in range(3):
        parts = [np.full(lanes, 1 + number, np.float32) for number in range(3)]
        parts[place] = x
        winner = np.zeros(lanes, np.uint8)
        values = np.concatenate(parts)
        images.max_pool(0, 1, values, at, (1, 3), (0, lanes), (1, 1, lanes), y, at, winner)
        assert np.isnan(y).all()
        assert (winner == place).all()
