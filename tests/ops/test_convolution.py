import itertools
from typing import Any

import numpy as np
import pytest

from handgrad import ops
from handgrad.ops.windows import Pair
from harness import Case, Example, Make, check_close, op_test

Array = np.ndarray[Any, np.dtype[Any]]


def images(
    channels: int, filters: int, size: Pair, kernel: Pair, groups: int = 1, **options: object
) -> Make:
    """Images of `size` (larger with k) and random filters for them."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        x = rng.normal(size=(n, channels, size[0] + k, size[1] + k))
        weight = rng.normal(size=(filters, channels // groups, *kernel))
        given = dict(options) if groups == 1 else {"groups": groups, **options}
        return Example((x, weight, rng.normal(size=filters)), given)

    return make


CASES = [
    Case("conv2d", images(2, 4, (4, 6), (3, 2)), batch=3),
    Case(
        "conv2d",
        images(2, 3, (5, 7), (2, 3), stride=(2, 3), padding=(2, 1)),
        name="strided_padded",
        batch=4,
    ),
    Case(
        "conv2d",
        images(1, 2, (7, 9), (3, 2), dilation=(2, 3), padding=(1, 2)),
        name="dilated",
        batch=3,
    ),
    Case(
        "conv2d",
        images(4, 6, (4, 3), (2, 3), groups=2, stride=(2, 1), padding=(0, 1)),
        name="grouped",
        batch=3,
    ),
    Case("conv2d", images(3, 2, (2, 4), (1, 1)), name="one_by_one", batch=4),
]
test_ops = op_test(CASES)


# -- the definition ---------------------------------------------------------------------------


def by_definition(
    x: Array,
    weight: Array,
    bias: Array,
    *,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """Equation (1) as seven loops, with the padding as a question whether a pixel exists."""
    images, _, height, width = x.shape
    filters, channels, kernel_rows, kernel_columns = weight.shape
    rows = (height + 2 * padding[0] - dilation[0] * (kernel_rows - 1) - 1) // stride[0] + 1
    columns = (width + 2 * padding[1] - dilation[1] * (kernel_columns - 1) - 1) // stride[1] + 1
    y = np.zeros((images, filters, rows, columns))
    for n, f, i, j in np.ndindex(y.shape):
        y[n, f, i, j] = bias[f]
        first = f // (filters // groups) * channels  # the first channel of the filter's group
        for c, k, l in np.ndindex(channels, kernel_rows, kernel_columns):
            row = i * stride[0] - padding[0] + k * dilation[0]
            column = j * stride[1] - padding[1] + l * dilation[1]
            if 0 <= row < height and 0 <= column < width:
                y[n, f, i, j] += weight[f, c, k, l] * x[n, first + c, row, column]
    return y


OPTIONS = list(
    itertools.product(
        [(1, 1), (2, 3), (3, 1)],  # stride
        [(0, 0), (1, 2), (3, 0)],  # padding
        [(1, 1), (2, 1), (1, 3)],  # dilation
        [1, 2, 4],  # groups; 4: depthwise
        [((1, 1), (1, 1)), ((3, 2), (5, 4)), ((3, 3), (7, 8)), ((5, 2), (10, 7))],  # kernel, image
    )
)


@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (3, 1)])
def test_equals_the_seven_loops_of_its_definition(stride: Pair):
    rng = np.random.default_rng(4)
    tried = 0
    for _, padding, dilation, groups, (kernel, size) in (o for o in OPTIONS if o[0] == stride):
        spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        if any(span > s + 2 * p for span, s, p in zip(spans, size, padding, strict=True)):
            continue
        x = rng.normal(size=(2, 4, *size))
        weight, bias = rng.normal(size=(4, 4 // groups, *kernel)), rng.normal(size=4)
        options: dict[str, Any] = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }
        y, _ = ops.conv2d_forward(x, weight, bias, **options)
        expected = by_definition(x, weight, bias, **options)
        check_close(y, expected, 1e-13, f"conv2d_forward, kernel {kernel}, {size}, {options}")
        tried += 1
    assert tried > 80


@pytest.mark.parametrize("size", range(1, 12))
def test_a_kernel_of_any_size(size: int):
    rng = np.random.default_rng(size)
    x = rng.normal(size=(2, 2, 12, 13))
    weight, bias = rng.normal(size=(3, 2, size, 12 - size)), rng.normal(size=3)
    options: dict[str, Any] = {"stride": (1, 2), "padding": (1, 0), "dilation": (1, 1), "groups": 1}
    y, _ = ops.conv2d_forward(x, weight, bias, **options)
    check_close(y, by_definition(x, weight, bias, **options), 1e-13, f"conv2d_forward, {size}")


def test_depthwise_is_one_convolution_per_channel():
    rng = np.random.default_rng(5)
    x, weight, bias = rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(3, 1, 3, 2)), np.zeros(3)
    together, _ = ops.conv2d_forward(x, weight, bias, groups=3)
    for c in range(3):
        alone, _ = ops.conv2d_forward(x[:, c : c + 1], weight[c : c + 1], bias[:1])
        check_close(together[:, c : c + 1], alone, 1e-14, f"conv2d_forward, channel {c}")


def test_pixels_that_no_window_sees_get_no_gradient():
    rng = np.random.default_rng(6)
    x, weight = rng.normal(size=(2, 1, 6, 7)), rng.normal(size=(1, 1, 2, 2))
    y, saved = ops.conv2d_forward(x, weight, np.zeros(1), stride=(4, 4))
    dx, _, _ = ops.conv2d_backward(np.ones_like(y), saved)
    seen = np.zeros((6, 7), bool)
    for i, j in itertools.product((0, 4), (0, 4)):
        seen[i : i + 2, j : j + 2] = True
    assert np.array_equal(dx[0, 0] != 0, seen)
