from typing import Any

import numpy as np

from handgrad import ops
from harness import Case, Example, Make, check_close, op_test


def block(**options: Any) -> Make:
    """Random entries on three axes of unlike sizes."""
    return lambda rng, n, k: Example((rng.normal(size=(n, 3, 4 * k)),), options)


def axes_by_hand() -> None:
    x = np.arange(6.0).reshape(1, 2, 3)
    y, saved = ops.transpose_forward(x, axes=(2, 0, 1))
    check_close(y, [[[0.0, 3.0]], [[1.0, 4.0]], [[2.0, 5.0]]], 0.0, "transpose_forward by hand")
    (dx,) = ops.transpose_backward(y, saved)
    check_close(dx, x, 0.0, "transpose_backward by hand")


def picked_twice() -> None:
    y, saved = ops.index_forward(np.array([10.0, 20.0, 30.0]), key=[2, 0, 2])
    check_close(y, [30.0, 10.0, 30.0], 0.0, "index_forward by hand")
    (dx,) = ops.index_backward(np.array([1.0, 2.0, 4.0]), saved)
    check_close(dx, [2.0, 0.0, 5.0], 0.0, "index_backward by hand")


CASES = [
    Case(
        "reshape",
        lambda rng, n, k: Example((rng.normal(size=(n, 3, 4 * k)),), {"shape": (2 * k, n, 6)}),
    ),
    Case("transpose", block()),
    Case("transpose", block(axes=(1, 2, 0)), name="given", extra=(axes_by_hand,)),
    Case("transpose", block(axes=(-1, 0, -2)), name="from the end"),
    Case("index", block(key=(slice(None), 1)), extra=(picked_twice,)),
    Case("index", block(key=(Ellipsis, [2, 0, 2])), name="list"),
    Case("index", block(key=(slice(None, None, -1), slice(1, None), -1)), name="slices"),
    Case(
        "index",
        lambda rng, n, k: Example(
            (rng.normal(size=(n, 3, 4 * k)),), {"key": rng.uniform(size=(n, 3)) > 0.4}
        ),
        name="mask",
    ),
]
test_ops = op_test(CASES)
