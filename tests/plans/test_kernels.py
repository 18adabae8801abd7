"""Sums over windows against their definition: compiled, in Python on NumPy's tiles, as mutants."""

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad.kernels import images, tiles, tiles_in_numpy, windows
from mutate import Mutant, functions_of, mutants_of

DTYPES = (np.float32, np.float64)
Kernel = Callable[..., None]


def tiles_for(dtype: Any) -> dict[str, Any]:
    """The functions on tiles in NumPy, with tiles as wide as the compiled ones of this dtype."""
    lanes = tiles.lanes(np.dtype(dtype).itemsize)
    tiles_in_numpy.LANES = lanes
    names = {
        name: value for name, value in vars(tiles_in_numpy).items() if name.startswith("tile_")
    }
    return {**names, "tile_lanes": lambda _: lanes}


def both(function: Any, dtype: Any) -> tuple[Kernel, Kernel]:
    """A compiled function, and the Python that it was made from, its tiles in NumPy."""
    python: FunctionType = function.py_func
    names = {**python.__globals__, **tiles_for(dtype)}
    return function, FunctionType(python.__code__, names, closure=python.__closure__)


def flat(rng: np.random.Generator, size: int, dtype: Any) -> np.ndarray:
    return rng.normal(size=size).astype(dtype)


class Geometry:
    """Three images with a stride and a dilation, in flat arrays, and what windows see of them."""

    stride, dilation, kernel = (2, 1), (1, 2), (2, 3)
    count, channels = 3, 4

    def __init__(self, dtype: Any, vectors: int, rows: int) -> None:
        rng = np.random.default_rng(0)
        self.filters = 2 * vectors * tiles.lanes(np.dtype(dtype).itemsize)
        self.y_shape = (2, max(5, rows + 1))
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

    def positions(self) -> list[tuple[int, int, int]]:
        height, width = self.y_shape
        return [(2, i, j) for i in range(height) for j in range(width)]  # the third image alone


def check_window_sums(function: Kernel, dtype: Any, rows: int, vectors: int, how: int) -> None:
    g = Geometry(dtype, vectors, rows)
    mask = flat(np.random.default_rng(1), g.y.size + 9, dtype)
    m_at = (g.y_at[0] + 4, *g.y_at[1:])
    expected = g.y.copy()
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
    y = g.y.copy()
    function(
        *(2, 3, g.x, g.x_at, g.window, g.weight, g.bias, y, g.y_at, g.size, how),
        *(mask, m_at),
    )
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(y, expected, tolerance, tolerance)


def check_position_sums(function: Kernel, dtype: Any, rows: int, vectors: int) -> None:
    g = Geometry(dtype, vectors, rows)
    dy = flat(np.random.default_rng(1), g.y.size, dtype)
    came = flat(np.random.default_rng(2), g.weight.size, dtype)
    expected = came.reshape(2, 3, g.channels, g.filters).astype(float)
    for n, i, j in g.positions():
        d = dy[g.y_index(n, i, j) :][: g.filters].astype(float)
        for k in range(2):
            for r in range(3):
                x = g.x[g.x_index(n, i, j, k, r) :][: g.channels].astype(float)
                expected[k, r, 1:3] += np.outer(x[1:3], d)
    function(2, 3, g.x, g.x_at, g.window, 1, 3, dy, g.y_at, g.size, came)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(came, expected.ravel(), tolerance, tolerance)


HOWS = (windows.PLAIN, windows.RELU, windows.MASKED)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "vectors"), [(1, 1), (4, 1), (8, 2)])
@pytest.mark.parametrize("how", HOWS)
def test_window_sums(dtype: Any, rows: int, vectors: int, how: int) -> None:
    for function in both(windows.window_sums(rows, vectors), dtype):
        check_window_sums(function, dtype, rows, vectors, how)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "vectors"), [(1, 1), (2, 1), (2, 2)])
def test_position_sums(dtype: Any, rows: int, vectors: int) -> None:
    for function in both(windows.position_sums(rows, vectors), dtype):
        check_position_sums(function, dtype, rows, vectors)


def caught(mutant: Mutant) -> bool:
    """Whether a mutant's function, made for small tiles, differs from its definition."""
    try:
        make: Any = mutant.build()
        make.__globals__.update(tiles_for(np.float64))
        if mutant.function == "window_sums":
            for how in HOWS:
                check_window_sums(make(2, 2), np.float64, 2, 2, how)
        else:
            check_position_sums(make(2, 2), np.float64, 2, 2)
    except Exception:  # noqa: BLE001  (whatever a mutant breaks with, it was noticed)
        return True
    return False


def test_mutants_are_caught() -> None:
    mutants: list[Mutant] = []
    for function in functions_of(windows):
        for node in ast.walk(function):
            if isinstance(node, ast.FunctionDef):
                node.decorator_list = []
        mutants += mutants_of(windows, function)
    survivors = [f"{mutant.line}: {mutant.name}" for mutant in mutants if not caught(mutant)]
    assert len(mutants) > 50
    assert not survivors, f"{len(survivors)} of {len(mutants)} survive:\n" + "\n".join(survivors)


def test_nan_passes_through_relu_and_max_pool() -> None:
    lanes = tiles.lanes(4)
    x = np.full(lanes, np.nan, np.float32)
    y, at = np.zeros(lanes, np.float32), (0, 0, 0, 0)
    one = np.ones(1, np.float32)
    windows.window_sums(1, 1)(
        *(0, 1, one, at, (1, 1, 1, 0, 0), x, np.zeros_like(x), y, at, (1, 1, lanes)),
        *(windows.RELU, y, at),
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
