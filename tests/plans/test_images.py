"""The kernels of `kernels/images.py` against their definitions: compiled, as Python, as mutants."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad.kernels import images, tiles
from mutate import Mutant, functions_of, mutants_of
from uncompiled import uncompiled

LO, HI, HEIGHT, WIDTH, CHANNELS = 1, 3, 2, 3, 4
SIZE = (HEIGHT, WIDTH, CHANNELS)
KERNEL = (2, 3)
Kernel = Callable[..., None]


class Flat:
    """Random images in a flat array with gaps everywhere, and where their numbers lie."""

    def __init__(self, seed: int, size: tuple[int, int, int] = SIZE) -> None:
        height, width, channels = size
        start, gap = 2 + seed, 1 + seed % 3
        pixel = channels + gap
        row = width * pixel + gap
        image = height * row + gap
        self.at = (start, image, row, pixel)
        n, i, j, c = np.ogrid[LO:HI, :height, :width, :channels]
        self.index = start + n * image + i * row + j * pixel + c
        self.values = np.random.default_rng(seed).normal(size=start + HI * image)

    @property
    def seen(self) -> Any:
        """The images LO … HI − 1 as (N, H, W, C): a copy."""
        return self.values[self.index]

    def expect(self, wanted: Any, call: Callable[[], None]) -> None:
        """After the call, these images are `wanted` and nothing else has changed."""
        expected = self.values.copy()
        expected[self.index] = wanted
        call()
        np.testing.assert_allclose(self.values, expected, rtol=1e-12, atol=1e-12)


def per_channel(seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=CHANNELS)


def check_total(call: Callable[[Any], None], wanted: Any) -> None:
    """Sums are added to what is there."""
    total = per_channel(9)
    before = total.copy()
    call(total)
    np.testing.assert_allclose(total, before + wanted, rtol=1e-12)


def check_channel_sums(f: Kernel) -> None:
    x = Flat(1)
    check_total(lambda t: f(LO, HI, x.values, x.at, SIZE, t), x.seen.sum(axis=(0, 1, 2)))


def test_sums_over_channels_in_whole_registers() -> None:
    lanes = tiles.lanes(8)
    x = np.random.default_rng(0).normal(size=(3, 2, 5, 2 * lanes))
    total = np.ones(2 * lanes)
    at = (0, x[0].size, x[0, 0].size, 2 * lanes)
    images.channel_sums(1, 3, x.reshape(-1), at, (2, 5, 2 * lanes), total)
    np.testing.assert_allclose(total, 1 + x[1:].sum(axis=(0, 1, 2)), rtol=1e-12)


def check_transpose(f: Kernel) -> None:
    """Whole squares, the last ones moved back; fewer rows or columns than a register holds."""
    for dtype in (np.float64, np.float32):
        for rows, columns in (
            *(((1, 20), (2, 37)), ((1, 9), (2, 18)), ((2, 5), (1, 4))),
            *(((2, 3), (1, 4)), ((1, 4), (2, 3)), ((1, 20), (2, 12)), ((1, 11), (2, 20))),
        ):
            x = np.random.default_rng(0).normal(size=900).astype(dtype)
            y = np.random.default_rng(1).normal(size=900).astype(dtype)
            wanted = y.copy()
            for r in range(*rows):
                for c in range(*columns):
                    wanted[5 + c * 23 + r] = x[7 + r * 43 + c]
            f(rows, columns, x, (7, 43), y, (5, 23))
            np.testing.assert_array_equal(y, wanted)


def check_same(f: Kernel) -> None:
    """Every number counts; NaN is like nothing."""
    x = np.random.default_rng(0).normal(size=37)
    assert f(x, x.copy())
    assert f(x[:0], x[:0])
    for place in range(len(x)):
        for value in (x[place] + 1, x[place] - 1, np.nan):
            y = x.copy()
            y[place] = value
            assert not f(x, y)
            assert f(y, y) != np.isnan(value)


def without_border(seed: int) -> Any:
    """Images whose positions lie side by side: their numbers, where they lie, and indices."""
    at = (3, HEIGHT * WIDTH * 6 + 2, WIDTH * 6, 6)
    n, i, j, c = np.ogrid[LO:HI, :HEIGHT, :WIDTH, :CHANNELS]
    index = at[0] + n * at[1] + i * at[2] + j * at[3] + c
    return np.random.default_rng(seed).normal(size=3 + HI * at[1]), at, index


FEATURES = (4, 31, 99, 98)  # where features lie: the steps to rows and positions are never used


def features_of(seed: int) -> Any:
    """Features, in the public order, and their indices as (N, C, H, W)."""
    n, c, i, j = np.ogrid[LO:HI, :CHANNELS, :HEIGHT, :WIDTH]
    index = 4 + n * 31 + c * HEIGHT * WIDTH + i * WIDTH + j
    return np.random.default_rng(seed).normal(size=4 + HI * 31), index


def check_flatten(f: Kernel) -> None:
    bordered = Flat(1)
    for x, at, index in (without_border(1), (bordered.values, bordered.at, bordered.index)):
        y, to = features_of(2)
        wanted = y.copy()
        wanted[to] = x[index].transpose(0, 3, 1, 2)
        f(LO, HI, x, at, SIZE, y, FEATURES)
        np.testing.assert_array_equal(y, wanted)


def check_unflatten(f: Kernel) -> None:
    y, source = features_of(2)
    bordered = Flat(1)
    for x, at, index in (without_border(1), (bordered.values, bordered.at, bordered.index)):
        wanted = x.copy()
        wanted[index] = y[source].transpose(0, 2, 3, 1)
        f(LO, HI, y, FEATURES, SIZE, x, at)
        np.testing.assert_array_equal(x, wanted)


def check_scale_and_shift(f: Kernel) -> None:
    x, y, scale, shift = Flat(1), Flat(2), per_channel(3), per_channel(4)
    wanted = x.seen * scale + shift
    y.expect(wanted, lambda: f(LO, HI, x.values, x.at, SIZE, scale, shift, y.values, y.at))


def check_relu_image(f: Kernel) -> None:
    x, y = Flat(1), Flat(2)
    wanted = np.maximum(x.seen, 0)
    y.expect(wanted, lambda: f(LO, HI, x.values, x.at, SIZE, y.values, y.at))


def check_keep_positive(f: Kernel) -> None:
    dy, y, dx = Flat(1), Flat(2), Flat(3)
    arguments = (LO, HI, dy.values, dy.at, y.values, y.at, SIZE)
    wanted = np.where(y.seen > 0, dy.seen, 0)
    dx.expect(wanted, lambda: f(*arguments, dx.values, dx.at))


def pooled(f: Kernel, stride: tuple[int, int]) -> tuple[Flat, tuple[Any, ...], Any, Any]:
    """Run max_pool; give x, where its windows lie, y and the winners."""
    reach = [(n - 1) * s + k for n, s, k in zip(SIZE, stride, KERNEL, strict=False)]
    x, y = Flat(1, (reach[0], reach[1], CHANNELS)), Flat(2)
    start, image, row, pixel = x.at
    at, steps = (start, image, row * stride[0], pixel * stride[1]), (row, pixel)
    rows = [slice(k, k + (HEIGHT - 1) * stride[0] + 1, stride[0]) for k in range(KERNEL[0])]
    columns = [slice(k, k + (WIDTH - 1) * stride[1] + 1, stride[1]) for k in range(KERNEL[1])]
    x.values[x.index] = x.seen.round(0)  # many equals: the first must win
    windows = np.stack([x.seen[:, r, c] for r in rows for c in columns])
    winner = np.full(HI * HEIGHT * WIDTH * CHANNELS, 99, np.uint8)
    arguments = (x.values, at, KERNEL, steps, SIZE)
    y.expect(windows.max(axis=0), lambda: f(LO, HI, *arguments, y.values, y.at, winner))
    numbers = winner.reshape(HI, *SIZE)
    assert (numbers[:LO] == 99).all()
    np.testing.assert_array_equal(numbers[LO:], windows.argmax(axis=0))
    return x, (at, steps), rows, winner


def check_max_pool(f: Kernel) -> None:
    for stride in ((2, 3), (1, 2)):
        pooled(f, stride)
    nothing = np.full(3 * CHANNELS, np.nan)
    for place in range(3):
        x = np.repeat([1.0, 2.0, 3.0], CHANNELS)
        x[place * CHANNELS : (place + 1) * CHANNELS] = nothing[:CHANNELS]
        y, winner, one = np.zeros(CHANNELS), np.zeros(CHANNELS, np.uint8), (0, 0, 0, 0)
        f(0, 1, x, one, (1, 3), (0, CHANNELS), (1, 1, CHANNELS), y, one, winner)
        assert np.isnan(y).all()
        assert (winner == place).all()


def check_max_pool_dx(f: Kernel) -> None:
    for stride in ((2, 3), (1, 2)):
        overlapping = stride == (1, 2)
        x, (at, steps), _, winner = pooled(images.max_pool, stride)
        dy, dx = Flat(3), Flat(1, (x.index.shape[1], x.index.shape[2], CHANNELS))
        wanted = dx.seen if overlapping else np.zeros_like(dx.seen)
        numbers = winner.reshape(HI, *SIZE)[LO:]
        for n, i, j, c in np.ndindex(dy.seen.shape):
            k = numbers[n, i, j, c]
            row, column = i * stride[0] + k // KERNEL[1], j * stride[1] + k % KERNEL[1]
            wanted[n, row, column, c] += dy.seen[n, i, j, c]
        arguments = (LO, HI, dy.values, dy.at, KERNEL, steps, SIZE, winner)
        dx.expect(wanted, lambda a=arguments, d=dx, t=at, o=overlapping: f(*a, d.values, t, o))


CHECKS: dict[str, Callable[[Kernel], None]] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_") and name != "check_total"
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_kernel_does_what_it_says(name: str) -> None:
    kernel: Any = getattr(images, name)
    if name != "channel_sums" or CHANNELS % tiles.lanes(8) == 0:  # it takes whole registers
        CHECKS[name](kernel)
    with uncompiled(2):
        CHECKS[name](kernel.py_func)


def test_every_kernel_is_checked() -> None:
    assert {function.name for function in functions_of(images)} == set(CHECKS)


def caught(mutant: Mutant) -> bool:
    try:
        with uncompiled(2):
            CHECKS[mutant.function](mutant.build())
    except Exception:  # noqa: BLE001  (whatever a mutant breaks with, it was noticed)
        return True
    return False


def test_mutants_are_caught() -> None:
    mutants: list[Mutant] = []
    for function in functions_of(images):
        function.decorator_list = []
        mutants += mutants_of(images, function)
    asked = [mutant for mutant in mutants if mutant.name not in PROVEN]
    survivors = [f"{mutant.line}: {mutant.name}" for mutant in asked if not caught(mutant)]
    assert len(mutants) > 100
    assert not survivors, f"{len(survivors)} of {len(mutants)} survive:\n" + "\n".join(survivors)


SLOWER = "squares and single numbers write the same, one slower than the other"
PROVEN = dict.fromkeys(
    [
        "transpose: 1 for 0: if min(rows[1] - rows[1], columns[1] - columns[0]) < lanes:",
        "transpose: 1 for 0: if min(rows[1] - rows[0], columns[1] - columns[1]) < lanes:",
        *(
            f"{function}: {change}"
            for function in ("flatten", "unflatten")
            for change in (
                "Div for Mult: if x_at[2] == width / x_at[3]:",
                "keep the left side: if x_at[2] == width:",
                "keep the right side: if x_at[2] == x_at[3]:",
                "3 for 2: if x_at[3] == width * x_at[3]:",
            )
        ),
    ],
    SLOWER,
)
