from typing import Any

import numpy as np

from handgrad import ops
from harness import Case, Example, Make, check_close, op_test


def block(**options: Any) -> Make:
    """Random entries on three axes of unlike sizes."""
    return lambda rng, n, k: Example((rng.normal(size=(n, 3, 4 * k)),), options)


def mean_of_few() -> None:
    y, saved = ops.mean_forward(np.array([[2.0], [5.0]]), axis=1)
    check_close(y, [2.0, 5.0], 0.0, "mean_forward of one entry")
    (dx,) = ops.mean_backward(np.array([3.0, 4.0]), saved)
    check_close(dx, [[3.0], [4.0]], 0.0, "mean_backward of one entry")
    y, saved = ops.mean_forward(np.zeros((0, 3)), axis=0)
    check_close(y, np.zeros(3), 0.0, "mean_forward of no entry")
    (dx,) = ops.mean_backward(np.ones(3), saved)
    assert dx.shape == (0, 3)


def ties_share() -> None:
    y, saved = ops.max_forward(np.array([[7.0, 1.0, 7.0], [1.0, 2.0, 3.0]]), axis=1)
    check_close(y, [7.0, 3.0], 0.0, "max_forward by hand")
    (dx,) = ops.max_backward(np.array([10.0, 5.0]), saved)
    check_close(dx, [[5.0, 0.0, 5.0], [0.0, 0.0, 5.0]], 0.0, "max_backward of a tie")


def max_keeps_nan() -> None:
    y, saved = ops.max_forward(np.array([np.nan, 1.0]))
    assert np.isnan(y)
    (dx,) = ops.max_backward(np.array(1.0), saved)
    assert np.isfinite(dx).all()


CASES = [
    Case("sum", block()),
    Case("sum", block(axis=1), name="one axis"),
    Case("sum", block(axis=(0, -1), keepdims=True), name="two axes kept"),
    Case("mean", block(), extra=(mean_of_few,)),
    Case("mean", block(axis=1), name="one axis"),
    Case("mean", block(axis=(0, -1), keepdims=True), name="two axes kept"),
    Case("max", block(), extra=(ties_share, max_keeps_nan), empty=False),
    Case("max", block(axis=1), name="one axis"),
    Case("max", block(axis=(1, -1), keepdims=True), name="two axes kept"),
]
test_ops = op_test(CASES)
