import numpy as np

from handgrad import ops
from harness import Case, Example, check_close, op_test


def masked(rng: np.random.Generator, n: int, k: int) -> Example:
    x = rng.normal(size=(n, 3, 4 * k))
    return Example((x,), {"mask": rng.random(x.shape) >= 0.3, "rate": 0.3})


def rate_zero_keeps_all() -> None:
    x = np.array([1.0, -2.0, 3.0])
    y, _ = ops.dropout_forward(x, mask=np.ones(3, bool), rate=0.0)
    check_close(y, x, 0.0, "dropout_forward at rate 0")


def what_is_left_out_counts_for_nothing() -> None:
    """Even an infinity: 0 · ∞ would be NaN."""
    x, mask = np.array([np.inf, 1.0]), np.array([False, True])
    y, saved = ops.dropout_forward(x, mask=mask, rate=0.75)
    check_close(y, [0.0, 4.0], 0.0, "dropout_forward of an infinity left out")
    (dx,) = ops.dropout_backward(np.array([np.inf, 1.0]), saved)
    check_close(dx, [0.0, 4.0], 0.0, "dropout_backward of an infinity left out")


CASES = [Case("dropout", masked, extra=(rate_zero_keeps_all, what_is_left_out_counts_for_nothing))]
test_ops = op_test(CASES)
