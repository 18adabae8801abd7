"""Winograd's products against their definitions; their mutants."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad.kernels import tiles, tiles_in_numpy, winograd, winograd_gradients, winograd_weights
from handgrad.kernels.windows import MASKED, PLAIN, POOLED, RELU
from mutate import functions_of
from uncompiled import survivors, uncompiled

BOTH_WAYS = np.kron(tiles_in_numpy.WEIGHT, tiles_in_numpy.WEIGHT)  # (36, 9)
DTYPES = (np.float32, np.float64)
LO, HI, BLOCK = 1, 4, 2  # images, and how many at a time: a block of two and one of one


class Images:
    """Random images (HI of them) in a flat array, in a border, with a gap before the first."""

    def __init__(self, seed: int, size: tuple[int, int, int], dtype: Any, border: int = 0) -> None:
        height, width, channels = size
        pixel = channels
        row = (width + 2 * border) * pixel
        image = (height + 2 * border) * row
        gap = 3 + seed
        rng = np.random.default_rng(seed)
        self.size, self.border, self.row, self.pixel = size, border, row, pixel
        self.first = gap  # the border's first number
        self.at = (gap + border * (row + pixel), image, row, pixel)
        self.flat = np.zeros(gap + HI * image + 7 * row, dtype)
        self.view[:] = rng.normal(size=(HI, *size))

    @property
    def view(self) -> Any:
        height, width, channels = self.size
        whole = self.flat[self.first : self.first + HI * self.at[1]]
        shape = (HI, height + 2 * self.border, width + 2 * self.border, channels)
        b = self.border
        return whole.reshape(shape)[:, b : b + height, b : b + width]

    @property
    def padded(self) -> Any:
        """Everything from the border's first number on, as images."""
        height, width, channels = self.size
        whole = self.flat[self.first : self.first + HI * self.at[1]]
        return whole.reshape(HI, height + 2 * self.border, width + 2 * self.border, channels)


def check_close(came: Any, wanted: Any, dtype: Any) -> None:
    tolerance = 3e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(came, wanted, tolerance, tolerance)


def lanes_of(dtype: Any, lanes: int | None) -> int:
    return lanes or tiles.lanes(np.dtype(dtype).itemsize)


def convolved(x: Any, weight: Any, height: int, width: int) -> Any:
    """Σ over 3 × 3 windows; x (N, H, W, C) with what windows reach, weight (F, C, 3, 3)."""
    total = np.zeros((len(x), height, width, len(weight)))
    for k in range(3):
        for r in range(3):
            part = x[:, k : k + height, r : r + width].astype(float)
            total += part @ weight[:, :, k, r].T.astype(float)
    return total


def transformed(weight: Any, *, turned: bool, padded: tuple[int, int]) -> Any:
    """The weights of winograd_sums, by matrices: rows are inputs, columns are outputs."""
    if turned:
        weight = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    whole = np.einsum("pk,fck->pcf", BOTH_WAYS, weight.reshape(*weight.shape[:2], 9))
    room = np.zeros((36, *padded), weight.dtype)
    room[:, : whole.shape[1], : whole.shape[2]] = whole
    return room.reshape(-1)


def check_weights(dtype: Any, lanes: int | None = None) -> None:
    """The public weights as windows, and both their transforms."""
    rng, unit = np.random.default_rng(0), lanes_of(dtype, lanes)
    size, padded = (unit + 1, 2 * unit - 1), (2 * unit, 3 * unit)
    channels, filters = size
    both = padded[0] * padded[1]
    weight = rng.normal(size=(filters, channels, 3, 3)).astype(dtype)
    windows, room = np.zeros(9 * both, dtype), rng.normal(size=36 * both).astype(dtype)
    winograd_weights.windows_in(weight.reshape(-1), size, padded[1], windows)
    wanted = np.zeros((9 * padded[0], padded[1]))
    wanted[: 9 * channels, :filters] = weight.reshape(filters, -1).T
    np.testing.assert_array_equal(windows.reshape(wanted.shape), wanted)
    out, turned = np.zeros(36 * both, dtype), np.zeros(36 * both, dtype)
    winograd_weights.weights_in(windows, channels, padded, out)
    check_close(out, transformed(weight, turned=False, padded=padded), dtype)
    winograd_weights.turned_in(windows, size, padded, room, turned)
    check_close(turned, transformed(weight, turned=True, padded=(padded[1], padded[0])), dtype)


def pools_of(sums: Any) -> tuple[Any, Any]:
    """The largest of each 2 × 2 positions, and which."""
    height, width = sums.shape[1] // 2, sums.shape[2] // 2
    four = np.stack(
        [sums[:, i : 2 * height : 2, j : 2 * width : 2] for i in (0, 1) for j in (0, 1)]
    )
    return four.max(axis=0), four.argmax(axis=0)


def check_winograd_sums(
    dtype: Any, how: int, *, wide: bool, spread: bool = False, lanes: int | None = None
) -> None:
    """One direction, with all that may happen at its end (or, with `spread`, at its start)."""
    unit = lanes_of(dtype, lanes)
    rng = np.random.default_rng(5)
    channels, filters = 2 * unit, 2 * unit if wide else 3 * unit
    height, width = (6, 14) if how == POOLED else (5, 9)  # tiles reach beyond it
    x = Images(1, (height, width, channels), dtype, border=5)  # with windows that begin 1 before
    weight = rng.normal(size=(filters, channels, 3, 3)).astype(dtype)
    bias = rng.normal(size=filters).astype(dtype)
    size = (height // 2, width // 2, filters) if how == POOLED else (height, width, filters)
    y, mask = Images(2, size, dtype, border=1), Images(3, size, dtype, border=1)
    winner = (
        np.full(HI * int(np.prod(size)), 9, np.uint8) if how == POOLED else np.zeros(0, np.uint8)
    )
    x_at = (x.first + 4 * (x.row + x.pixel), *x.at[1:])
    source, d, start = x.flat, y, 0
    if spread:
        d = Images(4, (height // 2, width // 2, channels), dtype)
        winner = rng.integers(0, 4, size=HI * d.view[0].size).astype(np.uint8)
        numbers = winner.reshape(d.view.shape)
        x.view[:] = 0
        for n, i, j, c in np.ndindex(d.view.shape):
            k = numbers[n, i, j, c]
            x.view[n, 2 * i + k // 2, 2 * j + k % 2, c] = d.view[n, i, j, c]
        source = np.zeros(BLOCK * x.at[1] + 7 * x.row, dtype)
        x_at, start = (4 * (x.row + x.pixel), *x.at[1:]), 5 * (x.row + x.pixel)
    counted = weight.copy()
    counted[:, -1] = 0  # the last channel is padding: whatever is there does not count
    sums = convolved(x.padded[:, 4:, 4:], counted, height, width) + bias
    expected = y.flat.copy()
    numbers = None
    if how in {RELU, POOLED}:
        sums = np.maximum(sums, 0) if how == RELU else sums
    if how == MASKED:
        sums *= mask.view > 0
    if how == POOLED:
        sums, numbers = pools_of(sums)
        sums = np.maximum(sums, 0)
    whole = Images(2, size, dtype, border=1)
    whole.view[LO:HI] = sums[LO:HI]
    expected = whole.flat
    count = BLOCK * -(-height // 4) * -(-width // 4)
    if not lanes:
        count = -(-count // 56) * 56  # whole tiles of any width
    planes = (count * channels + 1, count * filters + 3)
    room = rng.normal(size=36 * sum(planes)).astype(dtype)
    winograd.winograd_sums(
        *(LO, HI, BLOCK, source, x_at, (channels, channels - 1)),
        *(transformed(weight, turned=False, padded=(channels, filters)), bias, room, planes),
        *(y.flat, y.at, size, how, mask.flat, mask.at),
        *(winner, d.flat, d.at, (*d.size[:2], channels), start),
    )
    check_close(y.flat, expected, dtype)
    if numbers is not None:
        came = winner.reshape(HI, *size)
        assert (came[:LO] == 9).all()
        np.testing.assert_array_equal(came[LO:], numbers[LO:])


def check_gradients(dtype: Any, *, pooled: bool, wide: bool, lanes: int | None = None) -> None:
    """The gradient of 3 × 3 weights, two workers' parts added."""
    unit = lanes_of(dtype, lanes)
    channels, filters = 8, 2 * unit if wide else 3 * unit
    if channels % unit:
        channels = unit
    height, width = (6, 14) if pooled else (5, 9)
    x = Images(1, (height, width, channels), dtype, border=5)
    size = (height // 2, width // 2, filters) if pooled else (height, width, filters)
    dy = Images(2, size, dtype, border=4)
    winner, full = np.zeros(0, np.uint8), dy.view
    if pooled:
        rng = np.random.default_rng(3)
        winner = rng.integers(0, 4, size=HI * int(np.prod(size)) + 9 * dy.row).astype(np.uint8)
        numbers = winner[: HI * int(np.prod(size))].reshape(HI, *size)
        full = np.zeros((HI, height, width, filters))
        for n, i, j, f in np.ndindex(dy.view.shape):
            k = numbers[n, i, j, f]
            full[n, 2 * i + k // 2, 2 * j + k % 2, f] = dy.view[n, i, j, f]
    per_image = -(-height // 4) * -(-width // 4)
    planes = (BLOCK * per_image * channels + 5, BLOCK * per_image * filters + 5)
    total = np.random.default_rng(4).normal(size=(2, 36 * channels * filters)).astype(dtype)
    # The first worker has two blocks in a pass, and then a pass that adds to the one before.
    for worker, lo, hi, fresh in ((0, LO, HI, True), (0, 0, LO, False), (1, 2, 3, True)):
        room = np.random.default_rng(5).normal(size=36 * sum(planes)).astype(dtype)
        winograd_gradients.winograd_position_sums(
            *(lo, hi, BLOCK, x.flat, (x.first + 4 * (x.row + x.pixel), *x.at[1:]), channels),
            *(dy.flat, dy.at, size, winner, room, planes, total[worker], fresh),
        )
    c, f = channels - 1, filters - 1
    out = np.full(f * c * 9, 7, dtype)
    windows = np.full((2, 9 * channels * filters), 7, dtype)
    for worker in range(2):
        padded = (channels, filters)
        winograd_weights.windows_of_gradient(total[worker], c, padded, windows[worker])
    before = windows[0, : 18 * filters].copy()
    winograd_weights.gradient_out(2, c, windows, (c, f), filters, out)
    assert (windows[0, : 18 * filters] == before).all()  # another worker's
    assert (windows[:, 9 * c * filters :] == 7).all()  # what lies beyond is nobody's
    wanted = np.full((f, c, 3, 3), 7.0)
    seen = x.padded[:, 4:, 4:].astype(float)
    for k in range(3):
        for r in range(3):
            part = seen[:, k : k + height, r : r + width]
            products = np.einsum("n,nijc,nijf->fc", [1, 1, 2, 1], part, full)
            wanted[:, 2:, k, r] = products[:f, 2:c]
    check_close(out.reshape(wanted.shape), wanted, dtype)


SUMS: list[Callable[..., None]] = [
    *[partial(check_winograd_sums, how=how, wide=True) for how in (PLAIN, RELU, MASKED, POOLED)],
    partial(check_winograd_sums, how=PLAIN, wide=False),
    partial(check_winograd_sums, how=MASKED, wide=True, spread=True),
]
WEIGHTS: list[Callable[..., None]] = [check_weights]
GRADIENTS: list[Callable[..., None]] = [
    partial(check_gradients, pooled=pooled, wide=pooled) for pooled in (False, True)
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("check", [*SUMS, *WEIGHTS, *GRADIENTS])
def test_a_kernel_does_what_it_says(check: Callable[..., None], dtype: Any) -> None:
    check(dtype)
    lanes = tiles.lanes(np.dtype(dtype).itemsize)
    with uncompiled(lanes):
        check(dtype, lanes=lanes)


def small(checks: list[Callable[..., None]]) -> list[Callable[[], None]]:
    return [partial(check, np.float64, lanes=2) for check in checks]


MAKERS = {
    "plane_products": {"wide_products": (2, 2), "narrow_products": (2, 1)},
    "plane_gradients": {"wide_gradients": (2, 2), "narrow_gradients": (2, 1)},
}


def test_mutants_of_the_products_are_caught() -> None:
    sums = small(SUMS)
    names = ["tiles_in", "tiles_out", "tiles_out_pooled", "plane_products", "winograd_sums"]
    checks = dict.fromkeys(names, sums)
    checks["tile_width"] = [check_tile_width]
    alive = survivors(winograd, checks, MAKERS, proven=PROVEN)
    assert not alive, "\n".join(alive)


def check_tile_width() -> None:
    assert winograd.tile_width(64, 16) == winograd.WIDE[0]
    assert winograd.tile_width(48, 16) == winograd.NARROW[0]
    assert winograd.tile_width(16, 16) == winograd.NARROW[0]


def test_mutants_of_the_gradients_are_caught() -> None:
    functions = ["gradient_tiles", "plane_gradients", "winograd_position_sums"]
    checks = dict.fromkeys(functions, small(GRADIENTS))
    alive = survivors(winograd_gradients, checks, MAKERS, proven=PROVEN)
    assert not alive, "\n".join(alive)


def test_mutants_of_the_weights_are_caught() -> None:
    functions = [function.name for function in functions_of(winograd_weights)]
    checks = dict.fromkeys(functions, small([*WEIGHTS, *GRADIENTS]))
    alive = survivors(winograd_weights, checks, MAKERS, proven=PROVEN)
    assert not alive, "\n".join(alive)


AGAIN = "what goes beyond a tile's positions is written again by the next tile"
ROOM = "more room than is used"
EDGE = "the way for edges computes the same for whole tiles"
SLOWER = "narrow tiles compute the same"
PROVEN: dict[str, str] = {
    "tiles_out: 17 for 16: edge = np.empty(17 * lanes, y.dtype)": ROOM,
    "tiles_out: 5 for 4: if i + 5 <= height and j + 4 <= width:": EDGE,
    "tiles_out: 5 for 4: if i + 4 <= height and j + 5 <= width:": EDGE,
    "tiles_out: 5 for 4: for r in range(min(5, width - j)):": AGAIN,
    "tiles_out_pooled: 5 for 4: edge, edge_winner = (np.empty(5 * lanes, y.dtype), "
    "np.empty(4 * lanes, winner.dtype))": ROOM,
    "tiles_out_pooled: 5 for 4: edge, edge_winner = (np.empty(4 * lanes, y.dtype), "
    "np.empty(5 * lanes, winner.dtype))": ROOM,
    "tiles_out_pooled: 3 for 2: if i + 3 <= height and j + 2 <= width:": EDGE,
    "tiles_out_pooled: 3 for 2: if i + 2 <= height and j + 3 <= width:": EDGE,
    "tiles_out_pooled: 3 for 2: for r in range(min(3, width - j)):": AGAIN,
    **{
        f"{function}: {change}": SLOWER
        for function in ("winograd_sums", "winograd_position_sums")
        for change in (
            "keep the left side: if filters == 0:",
            "keep the right side: if 2 * tile_lanes(x) == 0:",
            "1 for 0: if filters % (2 * tile_lanes(x)) == 1:",
        )
    },
}


def test_winograd_s_transforms_are_those_of_the_paper() -> None:
    """The factored matrices of the compiled tiles, and the whole ones that stand for them here."""
    from handgrad.kernels import patches

    inputs = np.array(patches.INPUT_SUMS) @ np.array(patches.INPUT_TERMS)
    outputs = np.array(patches.OUTPUT_SUMS) @ np.array(patches.OUTPUT_TERMS)
    np.testing.assert_array_equal(inputs, tiles_in_numpy.INPUT)
    np.testing.assert_array_equal(outputs, tiles_in_numpy.OUTPUT)
    gradients = np.array(patches.INPUT_SUMS) @ np.array(patches.GRADIENT_TERMS)
    np.testing.assert_array_equal(gradients, tiles_in_numpy.GRADIENT)
    weights = np.array(patches.WEIGHT_SUMS) @ np.array(patches.WEIGHT_TERMS)
    np.testing.assert_allclose(weights, tiles_in_numpy.WEIGHT, rtol=1e-15)
    sums = np.array(patches.GRADIENT_SUMS) @ np.array(patches.OUTPUT_TERMS)
    np.testing.assert_allclose(sums, tiles_in_numpy.WEIGHT.T, rtol=1e-15)
