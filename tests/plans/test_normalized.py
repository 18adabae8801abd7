"""Batch norm's kernels against their definitions: compiled, in Python on NumPy's tiles, mutants."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad.kernels import normalized_gradients as gradients
from handgrad.kernels import normalized_images as forward
from handgrad.kernels import tiles
from mutate import functions_of
from uncompiled import survivors, uncompiled

DTYPES = (np.float32, np.float64)
LO, HI = 2, 5
HEIGHT, WIDTH = 3, 7
NOBODY = np.zeros(0, np.uint8)  # no max-pool, no winners
Kernel = Callable[..., Any]


class Images:
    """Images LO … HI − 1 of a batch in a flat array with gaps everywhere."""

    def __init__(self, seed: int, size: tuple[int, int, int], dtype: Any) -> None:
        height, width, channels = size
        pixel = channels + 1 + seed % 3
        row = width * pixel + 2
        image = height * row + 3
        n, i, j, c = np.ogrid[LO:HI, :height, :width, :channels]
        self.at = (seed, image, row, pixel)
        self.index = seed + n * image + i * row + j * pixel + c
        self.flat = np.random.default_rng(seed).normal(size=seed + HI * image + 9).astype(dtype)

    @property
    def seen(self) -> Any:
        """The images as (N, H, W, C): a copy."""
        return self.flat[self.index].astype(float)

    def expect(self, wanted: Any, call: Callable[[], None]) -> None:
        """After the call, these images are `wanted` and nothing else has changed."""
        expected = self.flat.copy()
        expected[self.index] = wanted
        call()
        check_close(self.flat, expected)


def check_close(came: Any, wanted: Any) -> None:
    tolerance = 2e-5 if came.dtype == np.float32 else 1e-11
    np.testing.assert_allclose(came, wanted, tolerance, tolerance)


class Case:
    """Images of two registers of channels, and the numbers of each channel."""

    def __init__(self, dtype: Any, lanes: int, *, pooled: bool = False, odd: bool = False) -> None:
        self.channels = channels = 2 * lanes
        self.size = (HEIGHT, WIDTH, channels)
        whole = (2 * HEIGHT + odd, 2 * WIDTH + odd, channels) if pooled else self.size
        self.x, self.dy, self.y = (
            Images(seed, size, dtype) for seed, size in ((1, whole), (2, self.size), (3, self.size))
        )
        self.dx = Images(4, whole, dtype)
        rng = np.random.default_rng(5)
        self.rows = rng.normal(size=5 * channels).astype(dtype)
        minus_mean, self.scale, self.bias, self.constant, self.scaled = self.rows.reshape(5, -1)
        self.centered = self.x.seen + minus_mean
        self.winner = rng.integers(0, 4, HI * HEIGHT * WIDTH * channels).astype(np.uint8)
        self.part = rng.normal(size=(2, channels))

    @property
    def numbers(self) -> Any:
        """The winners of the images LO … HI − 1."""
        return self.winner.reshape(HI, *self.size)[LO:]

    def d(self, *, masked: bool) -> Any:
        """What of dy counts."""
        return self.dy.seen * (self.y.seen > 0) if masked else self.dy.seen

    def spread(self, d: Any) -> Any:
        """The gradient before pooling."""
        large = np.zeros(self.x.index.shape)
        for place in np.ndindex(d.shape):
            n, i, j, c = place
            k = self.numbers[place]
            large[n, 2 * i + k // 2, 2 * j + k % 2, c] = d[place]
        return large

    def behind(self, *, masked: bool) -> tuple[Any, ...]:
        """The arguments that the ways back have in common."""
        x, dy, y = self.x, self.dy, self.y
        ways = (dy.flat, dy.at, masked, y.flat, y.at)
        return (LO, HI, x.flat, x.at, self.size, self.rows, *ways)


def check_moments(f: Kernel, dtype: Any, lanes: int) -> None:
    """Also where a mean is a million times the deviation, and another for each channel."""
    channels, precise = 2 * lanes, dtype == np.float64
    for height, width, deviation, apart in ((6, 60, 1, 1e6), (3, 2, 1e-2, 10)):
        x = Images(1, (height, width, channels), dtype)
        x.flat[x.index] *= deviation
        levels = np.arange(1, channels + 1) + np.arange(LO, HI)[:, None] * 1e-6
        x.flat[x.index] += (precise * apart * levels[:, None, None]).astype(dtype)
        part = np.random.default_rng(2).normal(size=(2, channels))
        f(LO, HI, x.flat, x.at, (height, width, channels), part)
        seen = x.seen
        tolerance = 1e-8 if precise else 3e-6
        np.testing.assert_allclose(part[0], seen.mean(axis=(0, 1, 2)), tolerance, tolerance)
        squares = ((seen - seen.mean(axis=(0, 1, 2))) ** 2).sum(axis=(0, 1, 2))
        np.testing.assert_allclose(part[1], squares, tolerance)


def check_nobodys_moments(f: Kernel, dtype: Any, lanes: int) -> None:
    part = np.ones((2, 2 * lanes))
    f(2, 2, np.zeros(4, dtype), (1, 1, 1, 1), (1, 1, 2 * lanes), part)
    assert not part.any()


def check_combine_moments(f: Kernel) -> None:
    rng = np.random.default_rng(0)
    entries = rng.normal(size=(9, 3)) + np.array([1e4, 0, 5])
    shares = [entries[:2], entries[2:2], entries[2:]]
    parts = np.full((3, 2, 3), 7.0)
    for part, share in zip(parts, shares, strict=True):
        if len(share):
            part[:] = share.mean(axis=0), ((share - share.mean(axis=0)) ** 2).sum(axis=0)
    mean, var = rng.normal(size=(2, 3))
    f(np.array([2.0, 0, 7]), parts, mean, var)
    np.testing.assert_allclose(mean, entries.mean(axis=0), 1e-12)
    np.testing.assert_allclose(var, entries.var(axis=0), 1e-9)
    f(np.array([1.0, 0, 0]), parts, mean, var)
    np.testing.assert_allclose(var, parts[0, 1], 1e-12)
    f(np.zeros(3), parts, mean, var)
    assert not mean.any()
    assert not var.any()


def check_forward_rows(f: Kernel) -> None:
    """Features, and padding that stays as it is."""
    mean, var = np.array([3.0, -2, 9, 9]), np.array([0.75, 3.75, 9, 9])
    rows = np.zeros(20)
    f(mean, var, 0.25, np.array([2.0, 3]), np.array([5.0, 6]), rows)
    wanted = np.zeros((5, 4))
    wanted[:3, :2] = [-3, 2], [2, 1.5], [5, 6]
    np.testing.assert_allclose(rows, wanted.ravel(), 1e-12)


def check_normalize(f: Kernel, dtype: Any, lanes: int, *, relu: bool) -> None:
    case = Case(dtype, lanes)
    x, y = case.x, case.y
    wanted = case.centered * case.scale + case.bias
    kept = case.winner.copy()
    way = (LO, HI, x.flat, x.at, case.size, case.rows, relu, y.flat, y.at)
    y.expect(np.maximum(wanted, 0) if relu else wanted, partial(f, *way, case.winner))
    np.testing.assert_array_equal(case.winner, kept)


def check_normalize_pools(f: Kernel, dtype: Any, lanes: int, *, relu: bool, odd: bool) -> None:
    case = Case(dtype, lanes, pooled=True, odd=odd)
    x, y, before = case.x, case.y, case.winner[: LO * HEIGHT * WIDTH * case.channels].copy()
    out = case.centered * case.scale + case.bias
    four = np.stack([out[:, i : 2 * HEIGHT : 2, j : 2 * WIDTH : 2] for i in (0, 1) for j in (0, 1)])
    wanted = np.maximum(four.max(axis=0), 0) if relu else four.max(axis=0)
    way = (LO, HI, x.flat, x.at, case.size, case.rows, relu, y.flat, y.at)
    y.expect(wanted, partial(f, *way, case.winner))
    np.testing.assert_array_equal(case.numbers, four.argmax(axis=0))
    np.testing.assert_array_equal(case.winner[: len(before)], before)


def check_sums(part: Any, d: Any, centered: Any) -> None:
    wanted = np.stack([d.sum(axis=(0, 1, 2)), (d * centered).sum(axis=(0, 1, 2))])
    np.testing.assert_allclose(part, wanted, 2e-5, 2e-5)


def check_norm_sums(f: Kernel, dtype: Any, lanes: int, *, masked: bool) -> None:
    case = Case(dtype, lanes)
    f(*case.behind(masked=masked), NOBODY, case.part)
    check_sums(case.part, case.d(masked=masked), case.centered)


def check_pooled_norm_sums(f: Kernel, dtype: Any, lanes: int, *, masked: bool) -> None:
    case = Case(dtype, lanes, pooled=True, odd=masked)
    f(*case.behind(masked=masked), case.winner, case.part)
    d = case.spread(case.d(masked=masked))
    wanted = np.stack([d.sum(axis=(0, 1, 2)), (d * case.centered).sum(axis=(0, 1, 2))])
    np.testing.assert_allclose(case.part, wanted, 2e-5, 2e-5)


def check_long_sums(f: Kernel, dtype: Any, lanes: int, *, pooled: bool) -> None:
    """A large number first: what is added to it in float32 is lost, what comes later is not."""
    del dtype
    height, size = 200, (200, WIDTH, 2 * lanes)
    x = np.ones(height * WIDTH * 2 * lanes * (4 if pooled else 1), np.float32)
    dy = np.ones(height * WIDTH * 2 * lanes, np.float32)
    dy[: 2 * lanes] = 2**25
    row, pixel = WIDTH * 2 * lanes, 2 * lanes
    x_at, dy_at = (0, 0, 2 * row if pooled else row, pixel), (0, 0, row, pixel)
    winner = np.zeros(dy.size, np.uint8) if pooled else NOBODY
    rows, part = np.zeros(10 * lanes, np.float32), np.zeros((2, 2 * lanes))
    f(0, 1, x, x_at, size, rows, dy, dy_at, False, dy, dy_at, winner, part)
    lost = 2**25 + height * WIDTH - 1 - part
    assert (lost >= 0).all()
    assert (lost < forward.STRIP + WIDTH).all()


def check_add_up(f: Kernel, dtype: Any, lanes: int) -> None:
    rng, channels = np.random.default_rng(0), 3 * lanes
    for positions in (1, 4):
        total = rng.normal(size=channels).astype(dtype)
        scaled = rng.normal(size=positions * channels).astype(dtype)
        part = rng.normal(size=(2, channels))
        wanted = part.copy()
        wanted[0] += total
        wanted[1] += scaled.reshape(3, positions, lanes).sum(axis=1).ravel()
        f(total, scaled, positions, part)
        np.testing.assert_allclose(part, wanted, 1e-6, 1e-6)
        assert not total.any()
        assert not scaled.any()


def check_backward_rows(f: Kernel, *, learns: bool) -> None:
    rng = np.random.default_rng(0)
    parts, var, eps, entries = rng.normal(size=(3, 2, 4)), rng.uniform(1, 2, 4), 0.5, 7
    rows = rng.normal(size=20)
    wanted, grads = rows.copy().reshape(5, 4), rng.normal(size=(2, 4))
    f(parts, entries, var, eps, learns, rows, grads)
    std = np.sqrt(var + eps)
    dweight, dbias = parts[:, 1].sum(axis=0) / std, parts[:, 0].sum(axis=0)
    np.testing.assert_allclose(grads, np.stack([dweight, dbias]), 1e-12)
    wanted[3] = -wanted[1] * dbias / entries if learns else 0
    wanted[4] = -wanted[1] * dweight / std / entries if learns else 0
    np.testing.assert_allclose(rows, wanted.ravel(), 1e-12)


def check_norm_dx(f: Kernel, dtype: Any, lanes: int, *, masked: bool) -> None:
    case = Case(dtype, lanes)
    d, dx = case.d(masked=masked), case.dx
    wanted = d * case.scale + case.centered * case.scaled + case.constant
    dx.expect(wanted, partial(f, *case.behind(masked=masked), NOBODY, dx.flat, dx.at))
    x = case.x
    x.expect(wanted, partial(f, *case.behind(masked=masked), NOBODY, x.flat, x.at))


def check_pooled_norm_dx(f: Kernel, dtype: Any, lanes: int, *, masked: bool) -> None:
    case = Case(dtype, lanes, pooled=True, odd=masked)
    d, dx = case.spread(case.d(masked=masked)), case.dx
    wanted = dx.seen
    whole = (slice(None), slice(2 * HEIGHT), slice(2 * WIDTH))
    others = case.centered * case.scaled + case.constant
    wanted[whole] = (d * case.scale + others)[whole]
    dx.expect(wanted, partial(f, *case.behind(masked=masked), case.winner, dx.flat, dx.at))


def either(check: Callable[..., None], **option: Any) -> list[Callable[..., None]]:
    """The check with its option off and on."""
    (name,) = option or {"masked": None}
    return [partial(check, **{name: value}) for value in (False, True)]


# By kernel: checks that ask for a dtype and for the width of a register, and those that do not.
IMAGES: dict[str, list[Callable[..., None]]] = {
    "moments": [check_moments, check_nobodys_moments],
    "normalize": either(check_normalize, relu=None),
    "normalize_pools": [
        partial(check_normalize_pools, relu=relu, odd=odd)
        for relu, odd in ((False, True), (True, False))
    ],
    "norm_sums": [*either(check_norm_sums), partial(check_long_sums, pooled=False)],
    "pooled_norm_sums": [
        *either(check_pooled_norm_sums),
        partial(check_long_sums, pooled=True),
    ],
    "add_up": [check_add_up],
    "norm_dx": either(check_norm_dx),
    "pooled_norm_dx": either(check_pooled_norm_dx),
}
MADE: dict[str, dict[str, tuple[int]]] = {  # by function: what it makes, and of what
    "normalize_by": {"normalize": (1,), "normalize_pools": (2,)},
    "norm_sums_by": {"norm_sums": (1,), "pooled_norm_sums": (2,)},
    "norm_dx_by": {"norm_dx": (1,), "pooled_norm_dx": (2,)},
}
CHANNELS: dict[str, list[Callable[..., None]]] = {
    "combine_moments": [check_combine_moments],
    "forward_rows": [check_forward_rows],
    "backward_rows": either(check_backward_rows, learns=None),
}


def kernel(name: str) -> Any:
    return getattr(forward, name, None) or getattr(gradients, name)


@contextmanager
def in_python(lanes: int) -> Generator[None]:
    """Kernels as Python, with short strips."""
    kept = forward.STRIP
    with uncompiled(lanes):
        try:
            forward.STRIP = gradients.STRIP = 3 * WIDTH
            yield
        finally:
            forward.STRIP = gradients.STRIP = kept


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", IMAGES)
def test_a_kernel_of_images_does_what_it_says(name: str, dtype: Any) -> None:
    lanes = tiles.lanes(np.dtype(dtype).itemsize)
    for check in IMAGES[name]:
        check(kernel(name), dtype, lanes)
        with in_python(lanes):
            check(kernel(name), dtype, lanes)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_kernel_of_channels_does_what_it_says(name: str) -> None:
    for check in CHANNELS[name]:
        check(kernel(name))
        check(kernel(name).py_func)


@pytest.mark.parametrize("module", [forward, gradients])
def test_mutants_are_caught(module: Any) -> None:
    def checks_of(name: str) -> list[Callable[[], None]]:
        if name in CHANNELS:
            return [lambda c=check: c(kernel(name)) for check in CHANNELS[name]]
        kernels = MADE.get(name, ["moments" if name == "join" else name])
        return [
            lambda c=check, k=each: c(kernel(k), np.float64, 2)
            for each in kernels
            for check in IMAGES[each]
        ]

    own = {function.name for function in functions_of(module)}
    with in_python(2):
        alive = survivors(module, {name: checks_of(name) for name in own}, MADE, proven=PROVEN)
    assert not alive, "\n".join(alive)


STRIPS = "strips of another length: the same sums"
PROVEN: dict[str, str] = {
    "moments: LtE for GtE: if new <= STRIP:": STRIPS,
    "norm_sums_by: 1 for 0: new = 1": STRIPS,
    "norm_sums_by: LtE for GtE: if new <= STRIP:": STRIPS,
}
