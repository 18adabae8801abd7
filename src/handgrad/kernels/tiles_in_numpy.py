"""What the functions of `tiles.py` mean, in NumPy: a tile is an array (rows, columns).

Kernels that are tested without their compiler (mutants, above all) run on these.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array

LANES = 16  # of float32 with AVX-512; kernels are tested with this width


def tile_bias(rows: int, vectors: int, bias: Array, start: int) -> Array:
    """Every row is bias[start], bias[start + 1] and so on."""
    return bias[places(rows, vectors * LANES, start, 0)]


def tile_load(rows: int, vectors: int, x: Array, start: int, stride: int) -> Array:
    """Row r is x[start + r · stride] and the entries after it."""
    return x[places(rows, vectors * LANES, start, stride)]


def tile_fma(tile: Array, x: Array, start: int, stride: int, w: Array, w_start: int) -> Array:
    """The tile + (the column x[start + r · stride]) times (the row w[w_start], …)."""
    rows, columns = tile.shape
    return tile + x[places(rows, 1, start, stride)] * w[places(1, columns, w_start, 0)]


def tile_relu(tile: Array) -> Array:
    """Negative numbers become 0."""
    return np.maximum(tile, 0)


def tile_store(tile: Array, y: Array, start: int, stride: int) -> None:
    """Row r goes to y[start + r · stride] and the entries after it."""
    rows, columns = tile.shape
    y[places(rows, columns, start, stride)] = tile


def tile_store_where(
    tile: Array, y: Array, start: int, stride: int, m: Array, m_start: int, m_stride: int
) -> None:
    """As `tile_store`, but 0 where m[m_start + r · m_stride], … is not positive."""
    rows, columns = tile.shape
    positive = m[places(rows, columns, m_start, m_stride)] > 0
    y[places(rows, columns, start, stride)] = tile * positive


def places(rows: int, columns: int, start: int, stride: int) -> Any:
    """The indices of a tile's entries in a flat array; negative ones would wrap, so they fail."""
    index = start + stride * np.arange(rows)[:, np.newaxis] + np.arange(columns)
    if index.min(initial=0) < 0:
        raise IndexError("a tile reaches before the array")
    return index
