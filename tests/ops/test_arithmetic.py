from collections.abc import Callable

import numpy as np

from handgrad import ops
from harness import Case, Example, Make, check_close, op_test


def pair(x_shape: str = "nk", y_shape: str = "nk") -> Make:
    """Random inputs away from 0; a letter is an axis: n, k (4 k), 1, or "b" for one of size 3."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        sizes = {"n": n, "k": 4 * k, "1": 1, "b": 3}
        shapes = [tuple(sizes[letter] for letter in shape) for shape in (x_shape, y_shape)]
        x, y = (rng.uniform(0.5, 2, size) * rng.choice([-1, 1], size) for size in shapes)
        return Example((np.asarray(x), np.asarray(y)))

    return make


def powers(x_shape: str = "nk", y_shape: str = "nk") -> Make:
    """Positive bases, and exponents of both signs."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        x, exponent = pair(x_shape, y_shape)(rng, n, k).inputs
        return Example((np.abs(x), exponent))

    return make


def powers_by_hand() -> None:
    x, exponent = np.array([-3.0, -2.0, 5.0, 0.0, 0.5]), np.array([2.0, 3.0, 1.0, 2.0, 2.0])
    z, saved = ops.power_forward(x, exponent)
    check_close(z, [9.0, -8.0, 5.0, 0.0, 0.25], 1e-15, "power_forward by hand")
    dx, dexponent = ops.power_backward(np.full(5, 10.0), saved)
    check_close(dx, [-60.0, 120.0, 10.0, 0.0, 10.0], 1e-15, "power_backward, dx, by hand")
    assert np.isnan(dexponent).tolist() == [True, True, False, False, False]
    wanted = [50 * np.log(5), 0.0, -2.5 * np.log(2)]
    check_close(dexponent[2:], wanted, 1e-15, "power_backward, dexponent, by hand")


def powers_of_exponent_zero() -> None:
    z, saved = ops.power_forward(np.array([0.0, 3.0]), np.array([0.0, 0.0]))
    check_close(z, [1.0, 1.0], 0.0, "power_forward, exponent 0")
    dx, dexponent = ops.power_backward(np.ones(2), saved)
    check_close(dx, [0.0, 0.0], 0.0, "power_backward, dx, exponent 0")
    check_close(dexponent, [0.0, np.log(3)], 1e-15, "power_backward, dexponent, exponent 0")


def stretched(op: str, make: Callable[[str, str], Make] = pair) -> list[Case]:
    """An op's further cases: each side broadcast, in its middle, in front, and as a number."""
    return [
        Case(op, make("nbk", "1bk"), name="first axis of y"),
        Case(op, make("k", "nk"), name="missing axis of x"),
        Case(op, make("nb1", "k"), name="both"),
        Case(op, make("nk", ""), name="number"),
    ]


CASES = [
    Case("add", pair()),
    *stretched("add"),
    Case("subtract", pair()),
    *stretched("subtract"),
    Case("multiply", pair()),
    *stretched("multiply"),
    Case("divide", pair()),
    *stretched("divide"),
    Case("negate", lambda rng, n, k: Example((rng.normal(size=(n, 3, 4 * k)),))),
    Case("power", powers(), extra=(powers_by_hand, powers_of_exponent_zero)),
    *stretched("power", powers),
]
test_ops = op_test(CASES)
