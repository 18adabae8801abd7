from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import ops
from handgrad.ops.windows import Pair
from harness import Case, Example, Make, check_close, op_test


def images(channels: int, size: Pair, **options: object) -> Make:
    """Images of `size`, larger with k; no two entries of a window are close enough to tie."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        return Example((rng.normal(size=(n, channels, size[0] + k, size[1] + k)),), options)

    return make


def ties() -> None:
    """Of several largest entries the first in row-major order gets the gradient, and all of it."""
    x = np.array([[[[1.0, 3.0, 3.0], [3.0, 0.0, 3.0]]]])
    y, saved = ops.max_pool2d_forward(x, kernel=(2, 3), stride=(1, 1))
    (dx,) = ops.max_pool2d_backward(np.full_like(y, 5.0), saved)
    assert np.array_equal(dx, [[[[0.0, 5.0, 0.0], [0.0, 0.0, 0.0]]]])


def padding_never_wins() -> None:
    x = np.array([[[[-7.0, -2.0, -9.0]]]])
    y, saved = ops.max_pool2d_forward(x, kernel=(2, 2), stride=(1, 2), padding=(1, 1))
    assert np.array_equal(y, [[[[-7.0, -2.0], [-7.0, -2.0]]]])
    (dx,) = ops.max_pool2d_backward(np.array([[[[1.0, 2.0], [4.0, 8.0]]]]), saved)
    assert np.array_equal(dx, [[[[5.0, 10.0, 0.0]]]])


CASES = [
    Case(
        "max_pool2d",
        images(2, (3, 5), kernel=(2, 3), stride=(2, 3)),
        batch=3,
        extra=(ties, padding_never_wins),
    ),
    Case(
        "max_pool2d",
        images(2, (4, 6), kernel=(3, 2), stride=(1, 1)),
        name="overlapping",
        batch=3,
    ),
    Case(
        "max_pool2d",
        images(2, (5, 6), kernel=(3, 4), stride=(2, 3), padding=(1, 2)),
        name="padded",
        batch=3,
    ),
    Case(
        "max_pool2d",
        images(2, (4, 5), kernel=(4, 3), stride=(1, 1), padding=(2, 1)),
        name="side_by_side",
        batch=3,
    ),
    Case(
        "max_pool2d",
        images(2, (5, 6), kernel=(4, 5), stride=(1, 2), padding=(2, 1)),
        name="by_two",
        batch=3,
    ),
    # Those with loops of their own: 2×2 and 3×3, moved by 2, also where they do not tile the image.
    Case("max_pool2d", images(2, (4, 5), kernel=(2, 2), stride=(2, 2)), name="halved", batch=3),
    Case(
        "max_pool2d",
        images(2, (4, 6), kernel=(3, 3), stride=(2, 2), padding=(1, 1)),
        name="halved_padded",
        batch=3,
    ),
    Case("average_pool2d", images(2, (3, 5), kernel=(2, 3), stride=(2, 3)), batch=3),
    Case("average_pool2d", images(2, (4, 5), kernel=(2, 2), stride=(2, 2)), name="halved", batch=3),
    Case(
        "average_pool2d",
        images(2, (5, 6), kernel=(3, 4), stride=(2, 3), padding=(1, 2)),
        name="padded",
        batch=3,
    ),
    Case(
        "average_pool2d",
        images(2, (5, 6), kernel=(3, 4), stride=(1, 3), padding=(1, 2), count_padding=False),
        name="own_pixels",
        batch=3,
    ),
    Case(
        "average_pool2d",
        images(2, (4, 5), kernel=(4, 3), stride=(1, 1), padding=(2, 1)),
        name="side_by_side",
        batch=3,
    ),
    Case(
        "average_pool2d",
        images(2, (5, 6), kernel=(4, 5), stride=(1, 2), padding=(2, 1)),
        name="by_two",
        batch=3,
    ),
    Case("global_average_pool", images(2, (3, 5)), batch=3),
]
test_ops = op_test(CASES)


# -- properties of both -----------------------------------------------------------------------

Op = Callable[..., Any]
POOLS = pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (ops.max_pool2d_forward, ops.max_pool2d_backward),
        (ops.average_pool2d_forward, ops.average_pool2d_backward),
    ],
    ids=["max", "average"],
)


@POOLS
@pytest.mark.parametrize("size", [(6, 6), (7, 7), (6, 9), (8, 7)])
@pytest.mark.parametrize("kernel", [(2, 2), (3, 3), (2, 3), (1, 1), (6, 5)])
def test_windows_that_do_not_overlap_pass_the_gradient_on_whole(
    forward: Op, backward: Op, size: Pair, kernel: Pair
):
    """Also where the kernel does not tile the input: what remains at the end is dropped."""
    rng = np.random.default_rng(2)
    y, saved = forward(rng.normal(size=(2, 3, *size)), kernel=kernel, stride=kernel)
    rows, columns = size[0] // kernel[0], size[1] // kernel[1]
    assert y.shape == (2, 3, rows, columns)
    dy = rng.normal(size=y.shape)
    (dx,) = backward(dy, saved)
    check_close(dx.sum(axis=(2, 3)), dy.sum(axis=(2, 3)), 1e-12, "the sum of dx")
    assert not dx[:, :, rows * kernel[0] :].any()
    assert not dx[:, :, :, columns * kernel[1] :].any()


@POOLS
def test_padding_counts_in_the_output_size(forward: Op, backward: Op):
    """The book's Pooling forgets it, and fails for 3×3 windows, stride 2, padding 1."""
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    y, saved = forward(x, kernel=(3, 3), stride=(2, 2), padding=(1, 1))
    assert y.shape == (1, 1, 2, 2)
    (dx,) = backward(y, saved)
    assert dx.shape == x.shape


def test_max_equals_numpy_on_tiles():
    x = np.random.default_rng(3).normal(size=(2, 3, 8, 6))
    y, _ = ops.max_pool2d_forward(x, kernel=(4, 2), stride=(4, 2))
    assert np.array_equal(y, x.reshape(2, 3, 2, 4, 3, 2).max(axis=(3, 5)))


def test_average_over_own_pixels_keeps_a_constant_image():
    x = np.full((1, 2, 5, 4), 3.0)
    options: dict[str, Any] = {"kernel": (3, 2), "stride": (1, 1), "padding": (2, 1)}
    own, _ = ops.average_pool2d_forward(x, **options, count_padding=False)
    check_close(own, np.full_like(own, 3.0), 1e-15, "average_pool2d_forward, own pixels")
    whole, _ = ops.average_pool2d_forward(x, **options)
    assert whole[0, 0, 0, 0] == 3.0 / 6, "one pixel of six is the image's"


def test_max_passes_nan_on():
    """A NaN must not vanish: the search for the layer that made it would miss it."""
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = np.nan
    y, _ = ops.max_pool2d_forward(x, kernel=(2, 2), stride=(2, 2))
    assert np.array_equal(np.isnan(y), [[[[False, True], [False, False]]]])


def test_max_with_a_kernel_of_more_than_256_pixels():
    x = np.zeros((1, 1, 20, 20))
    x[0, 0, 19, 18] = 1.0
    y, saved = ops.max_pool2d_forward(x, kernel=(20, 20), stride=(20, 20))
    (dx,) = ops.max_pool2d_backward(y, saved)
    assert np.array_equal(dx, x)
