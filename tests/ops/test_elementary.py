import numpy as np

from entrywise import entries, keeps_nan
from handgrad import ops
from harness import Case, Example, check_close, op_test


def log_by_hand() -> None:
    _, saved = ops.log_forward(np.array([0.5, 4.0]))
    (dx,) = ops.log_backward(np.array([3.0, 8.0]), saved)
    check_close(dx, [6.0, 2.0], 0.0, "log_backward by hand")


CASES = [
    Case("exp", entries(2.0), extra=(keeps_nan("exp"),)),
    Case(
        "log",
        lambda rng, n, k: Example((rng.uniform(0.1, 9, size=(n, 3, 4 * k)),)),
        extra=(log_by_hand, keeps_nan("log")),
    ),
    Case("sin", entries(3.0), extra=(keeps_nan("sin"),)),
    Case("cos", entries(3.0), extra=(keeps_nan("cos"),)),
]
test_ops = op_test(CASES)
