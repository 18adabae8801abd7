"""Convolution's twin where the cases of the op do not reach: wide images, many blocks, AVX2."""

import hashlib
import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad import kernels, ops
from handgrad.kernels import Unsuitable, blocks
from handgrad.ops.windows import Pair, Placement
from processes import needs_x86, run
from twins import check_same

Array = np.ndarray[Any, np.dtype[Any]]
Arguments = tuple[tuple[Array, Array, Array], dict[str, Any]]
TOLERANCE = {"float32": 3e-5, "float64": 1e-13}


def arguments(rng: np.random.Generator, dtype: str) -> Arguments:
    """A random convolution."""
    while True:
        groups, kernel, stride, dilation = (
            int(rng.integers(1, 4)),
            *(tuple(rng.integers(1, most, 2).tolist()) for most in (6, 4, 4)),
        )
        padding = tuple(rng.integers(0, 4, 2).tolist())
        shape = (*rng.integers(1, 7, 1), groups * rng.integers(1, 4), *rng.integers(1, 45, 2))
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        fits = all(s <= n + 2 * p for s, n, p in zip(spans, shape[2:], padding, strict=True))
        if fits and kernel != (1, 1):
            break
    filters = groups * int(rng.integers(1, 20))
    x, bias = rng.normal(size=shape), rng.normal(size=filters)
    weight = rng.normal(size=(filters, shape[1] // groups, *kernel))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (x.astype(dtype), weight.astype(dtype), bias.astype(dtype)), options


def check_twin(arrays: tuple[Array, Array, Array], options: dict[str, Any]) -> None:
    """Forward and backward give what the reference gives."""
    limit, what = TOLERANCE[arrays[0].dtype.name], f"{[a.shape for a in arrays]}, {options}"
    y, saved = ops.conv2d_forward(*arrays, **options)
    check_same(kernels.load("conv2d_forward")(*arrays, **options), (y, saved), limit, what)
    dy = np.random.default_rng(0).normal(size=y.shape).astype(y.dtype)
    expected = ops.conv2d_backward(dy, saved)
    check_same(kernels.load("conv2d_backward")(dy, saved), expected, limit, what)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 20_000, blocks.BLOCK], ids=["each", "some", "all"])
def test_random_convolutions(dtype: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one image, of several with a smaller one at the end, and of all."""
    monkeypatch.setattr(blocks, "BLOCK", size)
    rng = np.random.default_rng(3)
    for _ in range(60):
        check_twin(*arguments(rng, dtype))


@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_what_lies_beside_a_row_is_in_no_sum(stride: Pair) -> None:
    """A NaN stays in the windows that see it, though registers reach beyond them."""
    x, weight, bias = np.ones((2, 2, 9, 21)), np.ones((3, 2, 3, 3)), np.zeros(3)
    y, saved = kernels.load("conv2d_forward")(x, weight, bias, stride=stride)
    for i, j in itertools.product(range(9), range(21)):
        spoiled = x.copy()
        spoiled[0, 1, i, j] = np.nan
        came, _ = kernels.load("conv2d_forward")(spoiled, weight, bias, stride=stride)
        expected, _ = ops.conv2d_forward(spoiled, weight, bias, stride=stride)
        assert np.array_equal(np.isnan(came), np.isnan(expected))
    dy = np.ones(y.shape)
    for i, j in np.ndindex(dy.shape[2:]):
        spoiled = dy.copy()
        spoiled[0, 1, i, j] = np.nan
        dx, *_ = kernels.load("conv2d_backward")(spoiled, saved)
        expected, *_ = ops.conv2d_backward(spoiled, saved)
        assert np.array_equal(np.isnan(dx), np.isnan(expected))


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 3, 8, 8), (1, 1), {}),
        ((2, 3, 2, 8), (3, 3), {}),
        ((2, 3, 8, 8), (3, 3), {"stride": (0, 1)}),
        ((2, 3, 8, 8), (3, 3), {"padding": (1, -1)}),
        ((2, 3, 8, 8), (3, 3), {"dilation": (1, 0)}),
        ((2, 3, 8, 8), (3, 3), {"groups": 0}),
        ((2, 3, 8, 8), (3, 3), {"groups": 2}),
        ((2, 3, 0, 8), (3, 3), {"padding": (2, 2)}),
    ],
)
def test_refused(shape: tuple[int, ...], kernel: Pair, options: dict[str, Any]) -> None:
    x, weight = np.ones(shape), np.ones((4, 3, *kernel))
    with pytest.raises(Unsuitable):
        kernels.load("conv2d_forward")(x, weight, np.ones(4), **options)


def test_small_works_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One multiplication more or less decides."""
    x, weight = np.ones((2, 1, 4, 5)), np.ones((3, 1, 3, 3))
    products = 2 * (2 * 3) * (3 * 9)
    monkeypatch.setattr(blocks, "WORTH", products)
    kernels.load("conv2d_forward")(x, weight, np.ones(3))
    monkeypatch.setattr(blocks, "WORTH", products + 1)
    with pytest.raises(Unsuitable):
        kernels.load("conv2d_forward")(x, weight, np.ones(3))


def test_parts_follow_each_other_on_cache_lines() -> None:
    """And each is long enough: the next begins behind what belongs to it."""
    for dtype in (np.float32, np.float64):
        x, weight = np.ones((3, 4, 9, 11), dtype), np.ones((10, 2, 3, 3), dtype)
        block = blocks.Block(x, weight, Placement((3, 3), (2, 2), (1, 1)), 2)
        room = block.room
        starts = [
            *(room.zeros, room.kept, room.images, room.added, room.patches),
            *(room.sums, room.turned, room.weight, room.dweight, len(block.flat)),
        ]
        lengths = [
            *(max(room.pitch, room.wide), 1, 3 * 4 * room.steps[0], 3 * 4 * room.steps[0]),
            *(36 * room.pitch, 10 * room.pitch, room.pitch * room.wide, weight.size),
            18 * room.wide,
        ]
        assert block.count == 3
        assert room.pitch >= 3 * 30
        assert room.wide >= 5
        for start, end, length in zip(starts[:-1], starts[1:], lengths, strict=True):
            assert end - start >= length
            assert block.flat[start:].ctypes.data % 64 == 0


def digest() -> str:
    """The bits of a convolution's results."""
    arrays, options = arguments(np.random.default_rng(11), "float32")
    y, saved = kernels.load("conv2d_forward")(*arrays, **options)
    results = (y, *kernels.load("conv2d_backward")(y, saved))
    return hashlib.sha256(b"".join(array.tobytes() for array in results)).hexdigest()


DIGEST = """
from handgrad.kernels import blocks
from kernels.test_convolution import digest
blocks.WORTH = 0
print(digest())
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_bits_do_not_depend_on_threads(threads: str) -> None:
    """There is no BLAS in it."""
    assert run(DIGEST, OPENBLAS_NUM_THREADS=threads, HANDGRAD_THREADS=threads) == digest()


AVX2 = """
import numpy as np
from handgrad.kernels import blocks, tiles
from kernels.test_convolution import arguments, check_twin
assert tiles.BYTES == 32
blocks.WORTH = 0
rng = np.random.default_rng(5)
for dtype in ("float32", "float64"):
    for _ in range(20):
        check_twin(*arguments(rng, dtype))
"""


@needs_x86
def test_machines_with_half_as_wide_registers() -> None:
    run(AVX2, NUMBA_CPU_NAME="haswell")
