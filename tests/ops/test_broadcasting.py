import numpy as np

from handgrad import ops
from harness import Case, Example, check_close, op_test


def by_hand() -> None:
    """A row of 2 becomes 3 rows; each entry gets the sum of its column."""
    y, saved = ops.broadcast_to_forward(np.array([1.0, 2.0]), shape=(3, 2))
    check_close(y, [[1.0, 2.0]] * 3, 0.0, "broadcast_to_forward by hand")
    d_output = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    (dx,) = ops.broadcast_to_backward(d_output, saved)
    check_close(dx, [111.0, 222.0], 0.0, "broadcast_to_backward by hand")


CASES = [
    Case(
        "broadcast_to",
        lambda rng, n, k: Example((rng.normal(size=(3, 1, k)),), {"shape": (n, 3, 4, k)}),
        extra=(by_hand,),
    ),
    Case(
        "broadcast_to",
        lambda rng, n, k: Example((rng.normal(size=()),), {"shape": (n, 2 * k)}),
        name="number",
    ),
    Case(
        "broadcast_to",
        lambda rng, n, k: Example((rng.normal(size=(n, 3 * k)),), {"shape": (n, 3 * k)}),
        name="same shape",
    ),
]
test_ops = op_test(CASES)
