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


CASES = [Case("dropout", masked, extra=(rate_zero_keeps_all,))]
test_ops = op_test(CASES)
