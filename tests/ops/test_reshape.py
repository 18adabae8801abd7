import numpy as np

from handgrad import ops
from harness import Case, Example, check_close, op_test


def the_last_axis_runs_fastest() -> None:
    y, saved = ops.flatten_forward(np.arange(24.0).reshape(2, 3, 2, 2)[::-1])
    check_close(y, [np.arange(12.0, 24.0), np.arange(12.0)], 0.0, "flatten_forward by hand")
    (dx,) = ops.flatten_backward(y, saved)
    check_close(dx[1, 2], [[8.0, 9.0], [10.0, 11.0]], 0.0, "flatten_backward by hand")


CASES = [
    Case(
        "flatten",
        lambda rng, n, k: Example((rng.normal(size=(n, 2 * k, 3, 4)),)),
        extra=(the_last_axis_runs_fastest,),
    ),
    Case("flatten", lambda rng, n, k: Example((rng.normal(size=(n, 3 * k)),)), name="rows"),
]
test_ops = op_test(CASES)
