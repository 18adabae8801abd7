"""Augmentation against a sampler that asks for one pixel after another."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from handgrad.checks import DtypeError, InvalidValueError, ShapeError
from handgrad.data import (
    Augmentation,
    affine,
    brightness,
    crop,
    elastic,
    flip,
    rotate,
    scale,
    shift,
)
from handgrad.data.augmentation import _sample

Function = Callable[..., np.ndarray]
ALL: list[Function] = [affine, rotate, scale, shift, crop, flip, brightness, elastic]
STRONG: list[Function] = [
    partial(affine, degrees=30, scale=0.3, pixels=2),
    *(rotate, scale, shift, crop, flip, brightness, elastic),
]


class Most(np.random.Generator):
    """Draws the largest value always, or the smallest."""

    def __init__(self, *, most: bool = True) -> None:
        super().__init__(np.random.PCG64(0))
        self.most = most

    def uniform(self, low: Any = 0, high: Any = 1, size: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return np.broadcast_to(high if self.most else low, size).copy()

    def integers(self, low: Any, high: Any, size: Any, *, endpoint: bool) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert endpoint
        return self.uniform(low, high, size)


def images(n: int = 4, c: int = 2, h: int = 7, w: int = 5, dtype: Any = np.float64) -> np.ndarray:
    return (np.random.default_rng(0).random((n, c, h, w)) * 200).astype(dtype)


def one_by_one(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: float) -> np.ndarray:
    """Bilinear interpolation as a textbook writes it."""
    height, width = x.shape[2:]
    y = np.empty_like(x)

    def at(i: int, c: int, v: int, u: int) -> float:
        return float(x[i, c, v, u]) if 0 <= v < height and 0 <= u < width else fill

    for i, c, v, u in np.ndindex(*x.shape):
        row, column = rows[i, v, u], columns[i, v, u]
        top, left = math.floor(row), math.floor(column)
        down, right = row - top, column - left
        y[i, c, v, u] = (
            (1 - down) * (1 - right) * at(i, c, top, left)
            + (1 - down) * right * at(i, c, top, left + 1)
            + down * (1 - right) * at(i, c, top + 1, left)
            + down * right * at(i, c, top + 1, left + 1)
        )
    return y


@pytest.mark.parametrize("fill", [0.0, -3.5])
def test_sampling(fill: float) -> None:
    x = images()
    rng = np.random.default_rng(1)
    rows, columns = rng.uniform(-3, 9, (4, 7, 5)), rng.uniform(-3, 7, (4, 7, 5))
    rows[0, 0], columns[0, 0] = [-1, -0.5, 0, 6, 7], [4.5, 5, -1, 0, 2]  # the edges themselves
    rows[0, 1], columns[0, 1] = [1e9, -1e9, 3, 3, 6.999], [0, 0, 1e9, -1e9, 4.999]
    np.testing.assert_allclose(
        _sample(x, rows, columns, fill), one_by_one(x, rows, columns, fill), atol=1e-10
    )


@pytest.mark.parametrize("function", STRONG)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_shape_dtype_and_nothing_changed(function: Function, dtype: Any) -> None:
    x = images(dtype=dtype)
    before = x.copy()
    y = function(x, np.random.default_rng(0))
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(x, y)
    assert not np.array_equal(x, y)
    np.testing.assert_array_equal(y, function(x, np.random.default_rng(0)))
    assert not np.array_equal(y, function(x, np.random.default_rng(1)))
    assert function(x[:0], np.random.default_rng(0)).shape == (0, *x.shape[1:])
    assert function(x[:1], np.random.default_rng(0)).shape == (1, *x.shape[1:])


@pytest.mark.parametrize("function", STRONG)
def test_bytes_are_the_floats_rounded(function: Function) -> None:
    x = images(dtype=np.uint8)
    y = function(x, np.random.default_rng(3))
    floats = function(x.astype(np.float32), np.random.default_rng(3))
    np.testing.assert_array_equal(y, np.clip(np.rint(floats), 0, 255))


@pytest.mark.parametrize("function", STRONG)
def test_channels_move_together_and_images_apart(function: Function) -> None:
    x = np.repeat(np.repeat(images(1, 1), 3, axis=1), 8, axis=0)
    y = function(x, np.random.default_rng(0))
    np.testing.assert_array_equal(y[:, 0], y[:, 2])
    assert len(np.unique(y[:, 0].reshape(8, -1), axis=0)) > 1


@pytest.mark.parametrize("function", STRONG)
def test_layout_does_not_matter(function: Function) -> None:
    x = images(dtype=np.float32)
    strided = np.asfortranarray(x)[::-1][::-1]
    np.testing.assert_array_equal(
        function(strided, np.random.default_rng(0)), function(x, np.random.default_rng(0))
    )


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (affine, {}),
        (rotate, {"degrees": 0}),
        (scale, {"by": 0}),
        (shift, {"pixels": 0}),
        (crop, {"share": 1}),
        (flip, {"share": 0}),
        (brightness, {"by": 0}),
        (elastic, {"alpha": 0}),
    ],
)
def test_no_strength_no_change(function: Function, options: dict[str, float]) -> None:
    x = images()
    np.testing.assert_allclose(function(x, np.random.default_rng(0), **options), x, atol=1e-12)


# -- which way, and how far ---------------------------------------------------------------------


def test_rotation_is_counter_clockwise_for_the_largest_angle() -> None:
    x = images(h=6, w=6)
    np.testing.assert_allclose(rotate(x, Most(), degrees=90), np.rot90(x, axes=(2, 3)), atol=1e-9)
    back = rotate(x, Most(most=False), degrees=90)
    np.testing.assert_allclose(back, np.rot90(x, -1, axes=(2, 3)), atol=1e-9)
    both = affine(x, Most(), degrees=90)
    np.testing.assert_allclose(both, np.rot90(x, axes=(2, 3)), atol=1e-9)


def test_shift_down_and_right() -> None:
    x = images(dtype=np.uint8)
    y = shift(x, Most(), pixels=2, fill=9)
    np.testing.assert_array_equal(y[:, :, 2:, 2:], x[:, :, :-2, :-2])
    assert (y[:, :, :2] == 9).all()
    assert (y[:, :, :, :2] == 9).all()
    np.testing.assert_allclose(affine(x, Most(), pixels=2, fill=9), y)


def test_shifts_are_of_all_sizes() -> None:
    x = np.zeros((2000, 1, 5, 5))
    x[:, 0, 2, 2] = 1
    places = shift(x, np.random.default_rng(0), pixels=2).sum(axis=(0, 1))
    assert places.sum() == 2000
    assert places.min() > 50


def test_scale_by_two() -> None:
    x = np.zeros((1, 1, 9, 9))
    x[0, 0, 3:6, 3:6] = 1
    wide = scale(x, Most(), by=0.5)[0, 0, 4]  # 1.5 times as large: edges from 1.5 to 2.25
    np.testing.assert_allclose(wide, [0, 0, 2 / 3, 1, 1, 1, 2 / 3, 0, 0], atol=1e-12)
    narrow = scale(x, Most(most=False), by=0.5)[0, 0, 4]
    np.testing.assert_allclose(narrow, [0, 0, 0, 0, 1, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(affine(x, Most(), scale=0.5)[0, 0, 4], wide, atol=1e-12)


def test_affine_turns_scales_and_then_moves() -> None:
    x = np.zeros((1, 1, 11, 11))
    x[0, 0, 5, 7] = 1  # two to the right of the centre
    y = affine(x, Most(), degrees=90, scale=0.5, pixels=1)[0, 0]
    # Counter-clockwise: three above the centre; then one down and one to the right.
    assert np.unravel_index(int(y.argmax()), y.shape) == (5 - 3 + 1, 5 + 1)


def test_crop_shows_a_window() -> None:
    row = np.arange(9.0)
    x = np.broadcast_to(row, (1, 1, 9, 9)).copy()
    last = crop(x, Most(), share=0.5)[0, 0, 0]
    np.testing.assert_allclose(last, np.linspace(4, 8, 9), atol=1e-12)
    first = crop(x, Most(most=False), share=0.5)[0, 0, 0]
    np.testing.assert_allclose(first, np.linspace(0, 4, 9), atol=1e-12)


def test_crop_reaches_every_edge_of_an_oblong() -> None:
    x = np.arange(9.0)[:, np.newaxis] * 100 + np.arange(5.0)
    window = crop(x.reshape(1, 1, 9, 5), Most(), share=0.5)[0, 0]
    np.testing.assert_allclose(window[0], 400 + np.linspace(2, 4, 5), atol=1e-9)
    np.testing.assert_allclose(window[:, 0], 2 + 100 * np.linspace(4, 8, 9), atol=1e-9)


def test_affine_draws_from_both_sides() -> None:
    x = np.zeros((500, 1, 15, 15))
    x[:, 0, 7, 7] = 1
    y = affine(x, np.random.default_rng(0), pixels=4)
    place = np.array([np.unravel_index(int(each.argmax()), (15, 15)) for each in y]) - 7
    assert place.min() == -4
    assert place.max() == 4
    np.testing.assert_allclose(place.mean(axis=0), 0, atol=0.4)


def test_flip() -> None:
    x = images(1000)
    y = flip(x, np.random.default_rng(0), share=0.3)
    flipped = np.array([not np.array_equal(a, b) for a, b in zip(x, y, strict=True)])
    np.testing.assert_array_equal(y[flipped], x[flipped][..., ::-1])
    assert flipped.mean() == pytest.approx(0.3, abs=0.05)


def test_brightness() -> None:
    x = np.full((3000, 1, 1, 1), 100.0)
    y = brightness(x, np.random.default_rng(0), by=0.4).ravel()
    assert (y.min(), y.max()) == pytest.approx((60, 140), abs=0.2)
    assert y.mean() == pytest.approx(100, abs=1)
    assert brightness(np.full((1, 1, 1, 1), 250, np.uint8), Most(), by=0.2) == 255


def test_elastic_moves_as_far_as_it_says() -> None:
    """A ramp shows where each pixel came from."""
    ramp = np.broadcast_to(np.arange(60.0), (50, 1, 60, 60)).copy()
    for alpha, sigma in ((34, 4), (20, 6)):
        y = elastic(ramp, np.random.default_rng(0), alpha=alpha, sigma=sigma)
        inside = (slice(None), 0, slice(25, 35), slice(25, 35))
        moves = y[inside] - ramp[inside]
        exact = alpha / math.sqrt(3) / (2 * sigma * math.sqrt(math.pi))
        assert moves.std() == pytest.approx(exact, rel=0.15)
        assert exact == pytest.approx(alpha / (6 * sigma), rel=0.03)
    neighbours = np.diff(moves, axis=2).std()
    assert neighbours < 0.2 * moves.std()


def test_elastic_is_its_formula() -> None:
    x = images()
    alpha, sigma, (height, width) = 3.0, 1.5, x.shape[2:]
    drawn = np.random.default_rng(0).random((2, 4, height, width)) * 2 - 1
    moves = np.zeros_like(drawn)
    for v, u, i, j in np.ndindex(height, width, height, width):
        near = math.exp(-((v - i) ** 2 + (u - j) ** 2) / (2 * sigma**2)) / (sigma**2 * 2 * math.pi)
        moves[:, :, v, u] += alpha * near * drawn[:, :, i, j]
    rows = np.arange(height)[:, np.newaxis] + moves[0]
    columns = np.arange(width) + moves[1]
    y = elastic(x, np.random.default_rng(0), alpha=alpha, sigma=sigma, fill=2)
    np.testing.assert_allclose(y, one_by_one(x, rows, columns, 2), atol=1e-9)


# -- together -----------------------------------------------------------------------------------


def test_steps_one_after_another() -> None:
    x = images(dtype=np.uint8)
    both = Augmentation(partial(rotate, degrees=30), flip)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        both(x, np.random.default_rng(0)), flip(rotate(x, rng, degrees=30), rng)
    )
    np.testing.assert_array_equal(Augmentation()(x, rng), x)
    nested = Augmentation(both, partial(shift, pixels=1))
    assert repr(nested) == ("Augmentation(Augmentation(rotate(degrees=30), flip), shift(pixels=1))")


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ALL)
def test_images_are_checked(function: Function) -> None:
    rng = np.random.default_rng(0)
    name = function.__name__
    with pytest.raises(
        ShapeError, match=rf"{name}: x must have shape \(N, C, H, W\), but .*\(2, 3"
    ):
        function(np.zeros((2, 3)), rng)
    with pytest.raises(DtypeError, match=rf"{name}: x must be uint8 or float, but has dtype int64"):
        function(np.zeros((1, 1, 2, 2), np.int64), rng)


@pytest.mark.parametrize(
    ("function", "option", "value"),
    [
        (affine, "degrees", 181),
        (affine, "scale", 1.1),
        (affine, "pixels", -1),
        (affine, "fill", math.nan),
        (rotate, "degrees", -1),
        (rotate, "degrees", 180.5),
        (rotate, "fill", math.inf),
        (scale, "by", 2),
        (scale, "fill", math.nan),
        (shift, "pixels", -1),
        (shift, "fill", math.nan),
        (crop, "share", 0),
        (crop, "share", 1.5),
        (flip, "share", 1.5),
        (brightness, "by", -0.1),
        (brightness, "by", 1.5),
        (elastic, "alpha", -1),
        (elastic, "sigma", 0),
        (elastic, "fill", math.nan),
    ],
)
def test_options_are_checked(function: Function, option: str, value: float) -> None:
    with pytest.raises(
        InvalidValueError, match=rf"{function.__name__}: {option} must be (in|at least)"
    ):
        function(images(), np.random.default_rng(0), **{option: value})


def test_limits_are_allowed() -> None:
    x, rng = images(), np.random.default_rng(0)
    assert affine(x, rng, degrees=180, scale=1).shape == x.shape
    assert brightness(x, rng, by=1).shape == x.shape
    assert elastic(x, rng, sigma=0.5).shape == x.shape


def test_steps_are_checked() -> None:
    with pytest.raises(DtypeError, match=r"every step must be a function .*, but one is 'flip'"):
        Augmentation("flip")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DtypeError, match=r"shift: pixels must be a whole number, but is 0\.5"):
        shift(images(), np.random.default_rng(0), pixels=0.5)  # pyright: ignore[reportArgumentType]
