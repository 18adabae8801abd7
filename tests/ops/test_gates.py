import numpy as np

from entrywise import at_tails, entries, keeps_nan
from handgrad import ops
from harness import Case, check_close, op_test


def silu_keeps_small_values() -> None:
    y, _ = ops.silu_forward(np.array([-100.0]))
    assert abs(y[0] / (-100.0 * np.exp(-100.0)) - 1) < 1e-12, y


def gelu_by_hand() -> None:
    """At x = 1: u = √(2/π) · 1.044715 = 0.83356, tanh(u) = 0.68238, y = 1.68238 / 2."""
    y, _ = ops.gelu_forward(np.array([1.0]))
    check_close(y, np.array([0.8411919906]), 1e-9, "gelu_forward at 1")


CASES = [
    Case(
        "gelu",
        entries(2.0),
        extra=(at_tails("gelu", (0, 1e4), (0, 1)), gelu_by_hand, keeps_nan("gelu")),
    ),
    Case(
        "silu",
        entries(3.0),
        extra=(at_tails("silu", (0, 1e4), (0, 1)), silu_keeps_small_values, keeps_nan("silu")),
    ),
]
test_ops = op_test(CASES)
