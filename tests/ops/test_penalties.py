import numpy as np

from handgrad import ops
from harness import Case, Example, check_close, op_test


def weights(rng: np.random.Generator, n: int, k: int) -> Example:
    return Example((rng.normal(size=(n, 3, 4 * k)),), {"strength": 0.3})


def zeros_are_left_alone() -> None:
    penalty, saved = ops.l1_penalty_forward(np.array([0.0, 2.0, -3.0]), strength=0.5)
    (dweight,) = ops.l1_penalty_backward(np.array(1.0), saved)
    check_close(penalty, 2.5, 1e-15, "l1_penalty_forward by hand")
    check_close(dweight, np.array([0.0, 0.5, -0.5]), 1e-15, "l1_penalty_backward by hand")


CASES = [
    Case("l1_penalty", weights, extra=(zeros_are_left_alone,)),
    Case("l2_penalty", weights),
]
test_ops = op_test(CASES)
