from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from entrywise import Check, at_tails, entries, gradient_of, keeps_nan
from handgrad import ops
from harness import Case, op_test


@dataclass
class ForwardOnly(Case):
    """An op without a backward pass: its `extra` checks are all there is to it."""

    oracle: bool = False

    @property
    def functions(self) -> set[str]:
        return {f"{self.op}_forward"}

    def checks(self) -> Iterator[Check]:
        yield from self.extra
        yield self.check_dtypes

    def check_dtypes(self) -> None:
        """Shape and floating dtype stay, for an empty batch and strided entries as well."""
        for dtype in (np.float32, np.float64):
            for x in (np.ones((5, 3), dtype), np.ones((0, 3), dtype), np.ones((5, 6), dtype).T):
                before = x.copy()
                y, saved = self.forward(x)
                assert (y.shape, y.dtype) == (x.shape, dtype), f"{self.op}_forward"
                assert not np.shares_memory(y, x), f"{self.op}_forward aliases x"
                assert np.array_equal(x, before), f"{self.op}_forward changes x"
                assert saved == (), f"{self.op}_forward saves something"


# -- the kinks, and the jump ------------------------------------------------------------------


def relu_at_zero() -> None:
    assert gradient_of("relu", np.array([-1e-300, -0.0, 0.0, 1e-300])).tolist() == [0, 0, 0, 1]


def leaky_relu_at_zero() -> None:
    dx = gradient_of("leaky_relu", np.array([-1e-300, -0.0, 0.0, 1e-300]), slope=0.3)
    assert dx.tolist() == [0.3, 0.3, 0.3, 1]


def leaky_relu_default_slope() -> None:
    y, _ = ops.leaky_relu_forward(np.array([-2.0, 3.0]))
    assert y.tolist() == [-0.02, 3.0]


def step_values() -> None:
    y, _ = ops.step_forward(np.array([[-2.0, -1e-300, -0.0], [0.0, 1e-300, 3.0]]))
    assert y.tolist() == [[0, 0, 0], [0, 1, 1]]


# -- tails ------------------------------------------------------------------------------------


def sigmoid_keeps_small_values() -> None:
    x = np.array([-700.0, -100.0, -30.0])
    y, _ = ops.sigmoid_forward(x)
    assert np.all(np.abs(y / np.exp(x) - 1) < 1e-12), y  # exp(x) / (1 + exp(x)) ≈ exp(x)
    dx = gradient_of("sigmoid", x)
    assert np.all(np.abs(dx / np.exp(x) - 1) < 1e-12), dx
    y, _ = ops.sigmoid_forward(np.array([-80.0], np.float32))
    assert abs(y[0] / np.exp(-80.0) - 1) < 1e-5, y


def softplus_keeps_small_values() -> None:
    y, _ = ops.softplus_forward(np.array([-100.0]))
    assert abs(y[0] / np.exp(-100.0) - 1) < 1e-12, y  # log(1 + e) ≈ e


CASES = [
    Case(
        "relu",
        entries(),
        extra=(relu_at_zero, at_tails("relu", (0, 1e4), (0, 1)), keeps_nan("relu")),
    ),
    Case(
        "leaky_relu",
        entries(slope=0.2),
        extra=(leaky_relu_at_zero, leaky_relu_default_slope, keeps_nan("leaky_relu")),
    ),
    Case("leaky_relu", entries(slope=1.5), name="steep"),
    Case(
        "sigmoid",
        entries(3.0),
        extra=(
            at_tails("sigmoid", (0, 1), (0, 0)),
            sigmoid_keeps_small_values,
            keeps_nan("sigmoid"),
        ),
    ),
    Case(
        "softplus",
        entries(3.0),
        extra=(
            at_tails("softplus", (0, 1e4), (0, 1)),
            softplus_keeps_small_values,
            keeps_nan("softplus"),
        ),
    ),
    Case("tanh", entries(), extra=(at_tails("tanh", (-1, 1), (0, 0)), keeps_nan("tanh"))),
    Case("identity", entries(), extra=(at_tails("identity", (-1e4, 1e4), (1, 1)),)),
    ForwardOnly("step", entries(), extra=(step_values,)),
]
test_ops = op_test(CASES)
