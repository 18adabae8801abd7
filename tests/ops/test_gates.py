import numpy as np

from entrywise import at_tails, entries, gradient_of, keeps_nan
from handgrad import ops
from harness import Case, check_close, op_test


def silu_keeps_small_values() -> None:
    y, _ = ops.silu_forward(np.array([-100.0]))
    assert abs(y[0] / (-100.0 * np.exp(-100.0)) - 1) < 1e-12, y


def gelu_by_hand() -> None:
    """At x = 1: u = √(2/π) · 1.044715 = 0.83356, tanh(u) = 0.68238, y = 1.68238 / 2."""
    y, _ = ops.gelu_forward(np.array([1.0]))
    check_close(y, np.array([0.8411919906]), 1e-9, "gelu_forward at 1")


def gelu_of_huge_numbers() -> None:
    """The cube, and later the square, of such an x is more than the largest number."""
    for dtype in (np.float32, np.float64):
        for share in (1e-25, 1e-18, 1.0):
            x = np.array([-1, 1], dtype) * (np.finfo(dtype).max / 4 * dtype(share))
            y, _ = ops.gelu_forward(x)
            assert y.tolist() == [0, x[1]], y
            assert gradient_of("gelu", x).tolist() == [0, 1]


def gelu_is_whole_where_x_is_held() -> None:
    """On both sides of ±10 the switch stands at ±1 to the last digit."""
    for x in (9.0, 10.0, 11.0):
        y, saved = ops.gelu_forward(np.array([-x, x]))
        assert saved.t.tolist() == [-1, 1]
        assert y.tolist() == [0, x]


CASES = [
    Case(
        "gelu",
        entries(2.0),
        extra=(
            at_tails("gelu", (0, 1e4), (0, 1)),
            gelu_by_hand,
            gelu_of_huge_numbers,
            gelu_is_whole_where_x_is_held,
            keeps_nan("gelu"),
        ),
    ),
    Case(
        "silu",
        entries(3.0),
        extra=(at_tails("silu", (0, 1e4), (0, 1)), silu_keeps_small_values, keeps_nan("silu")),
    ),
]
test_ops = op_test(CASES)
