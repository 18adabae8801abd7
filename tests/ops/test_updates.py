"""Update rules: no backward, so cases of their own, with the same `functions` and `checks()`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, get_type_hints

import numpy as np
import pytest

from handgrad import ops
from harness import ORACLES, Array, check_close, check_hint, spread

STEPS = 5


def problem() -> tuple[Array, Array, Array]:
    """Least squares, ½ ‖a w − b‖²: a, b and the w to start from."""
    rng = np.random.default_rng(21)
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 2)), rng.normal(size=(3, 2))


@dataclass
class UpdateCase:
    """An update rule with options that are not its defaults.

    Attributes:
        op: the name before `_step`.
        slots: how many arrays it keeps.
        options: its keyword arguments, without the step's number.
        by_hand: (param, grad, slots before; param, slots after) of one entry, with `options`.
        counts: whether it takes the number of the step.
        decay: weight decay, which the recorded trajectories of AdamW have.
        name: tells several cases of one rule apart.
    """

    op: str
    slots: int
    options: dict[str, Any]
    by_hand: tuple[tuple[float, float, tuple[float, ...]], tuple[float, tuple[float, ...]]]
    counts: bool = False
    decay: float = 0.0
    name: str = "default"
    oracle: bool = True
    functions: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.functions = {f"{self.op}_step"}

    def __str__(self) -> str:
        return self.op if self.name == "default" else f"{self.op}-{self.name}"

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.check_oracle
        yield self.check_by_hand
        yield self.check_dtypes
        yield self.check_pure
        yield self.check_layouts
        yield self.check_empty
        yield self.check_annotations

    def update(self, param: Array, grad: Array, slots: list[Array], step: int = 1) -> None:
        options = {**self.options, "step": step} if self.counts else self.options
        getattr(ops, f"{self.op}_step")(param, grad, *slots, **options)

    def trajectory(self, start: Array, gradient: Callable[[Array], Array]) -> Array:
        """The parameter before the first step and after each."""
        param = start.copy()
        slots = [np.zeros_like(param) for _ in range(self.slots)]
        path = [param.copy()]
        for step in range(1, STEPS + 1):
            param *= 1 - self.options["learning_rate"] * self.decay
            self.update(param, gradient(path[-1]), slots, step)
            path.append(param.copy())
        return np.array(path)

    def check_oracle(self) -> None:
        """Five steps on a small problem go where PyTorch's optimizer goes."""
        a, b, start = problem()
        with np.load(ORACLES / f"{self.op}.npz", allow_pickle=False) as record:
            stored = record[f"{self.name}/trajectory"]
        came = self.trajectory(start, lambda w: a.T @ (a @ w - b))
        check_close(came, stored, 1e-12, f"{self.op}_step against PyTorch")

    def check_by_hand(self) -> None:
        """One step, worked by hand."""
        (param, grad, slots), (param_after, slots_after) = self.by_hand
        arrays = [np.array([value]) for value in (param, *slots)]
        self.update(arrays[0], np.array([grad]), arrays[1:])
        expected = [np.array([value]) for value in (param_after, *slots_after)]
        check_close(np.array(arrays), np.array(expected), 1e-12, f"{self.op}_step by hand")

    def check_dtypes(self) -> None:
        """float32 stays float32 and goes the same way."""
        _, _, start = problem()
        expected = self.trajectory(start, np.sin)
        came = self.trajectory(start.astype(np.float32), np.sin)
        assert came.dtype == np.float32
        check_close(came, expected, 1e-5, f"{self.op}_step in float32")

    def check_pure(self) -> None:
        """The gradient is not changed, and a slot is never the gradient's memory."""
        _, _, param = problem()
        grad = np.cos(param)
        slots = [np.zeros_like(param) for _ in range(self.slots)]
        self.update(param, grad, slots)
        assert np.array_equal(grad, np.cos(problem()[2])), f"{self.op}_step changes the gradient"

    def check_layouts(self) -> None:
        """Arrays that are not contiguous are updated too."""
        _, _, start = problem()
        expected = start.copy()
        self.update(expected, np.cos(start), [np.zeros_like(start) for _ in range(self.slots)])
        param = spread(start)
        slots = [spread(np.zeros_like(start)) for _ in range(self.slots)]
        self.update(param, spread(np.cos(start)), slots)
        check_close(param, expected, 1e-15, f"{self.op}_step of strided arrays")

    def check_empty(self) -> None:
        """A parameter without entries, and one without axes."""
        for shape in ((0, 3), ()):
            slots = [np.zeros(shape) for _ in range(self.slots)]
            param = np.ones(shape)
            self.update(param, np.ones(shape), slots)
            assert (param < 1).all()

    def check_annotations(self) -> None:
        hints = get_type_hints(getattr(ops, f"{self.op}_step"), include_extras=True)
        names = list(hints)[: 2 + self.slots]
        for name in names:
            check_hint(hints[name], np.ones((2, 3)), {}, f"{self.op}_step, {name}")
        assert hints["return"] is type(None)


class MaxNormCase:
    """The constraint, which is no rule of an optimizer: it takes no gradient and keeps nothing."""

    op = "max_norm"
    functions: ClassVar = {"max_norm_step"}

    def __str__(self) -> str:
        return self.op

    def checks(self) -> Iterator[Callable[[], None]]:
        yield self.check_by_hand
        yield self.check_axes
        yield self.check_layouts_and_dtypes
        yield self.check_empty

    def check_by_hand(self) -> None:
        """Columns of length 5, 0.5 and 2.5 (which is the limit), and a column of zeros."""
        weight = np.array([[3.0, 0.3, -1.5, 0.0], [-4.0, 0.4, 2.0, 0.0]])
        ops.max_norm_step(weight, limit=2.5)
        expected = np.array([[1.5, 0.3, -1.5, 0.0], [-2.0, 0.4, 2.0, 0.0]])
        check_close(weight, expected, 1e-15, "max_norm_step by hand")

    def check_axes(self) -> None:
        """Filters: each of the first axis is as long as the limit at most, and none is turned."""
        rng = np.random.default_rng(3)
        before = rng.normal(size=(5, 2, 3, 4)) * np.linspace(0.1, 2, 5)[:, None, None, None]
        weight = before.copy()
        ops.max_norm_step(weight, limit=1.5, axes=(1, 2, 3))
        lengths = np.linalg.norm(before.reshape(5, -1), axis=1)
        shares = np.where(lengths > 1.5, 1.5 / lengths, 1.0)
        assert 0 < (shares < 1).sum() < 5
        check_close(weight, before * shares[:, None, None, None], 1e-14, "max_norm_step, filters")

    def check_layouts_and_dtypes(self) -> None:
        """float32 stays float32; what is not contiguous is scaled in place too."""
        rng = np.random.default_rng(3)
        start = rng.normal(size=(6, 3))
        expected = start.copy()
        ops.max_norm_step(expected, limit=0.7)
        for weight in (start.astype(np.float32), spread(start)):
            ops.max_norm_step(weight, limit=0.7)
            check_close(weight, expected, 1e-6, "max_norm_step in place")

    def check_empty(self) -> None:
        for shape in ((0, 3), (3, 0)):
            ops.max_norm_step(np.zeros(shape), limit=1.0)


CASES = [
    UpdateCase("sgd", 0, {"learning_rate": 0.05}, ((1.0, 4.0, ()), (0.8, ()))),
    UpdateCase(
        "momentum",
        1,
        {"learning_rate": 0.05, "momentum": 0.6},
        ((1.0, 4.0, (0.5,)), (1.1, (0.1,))),  # 0.6 · 0.5 − 0.05 · 4 = 0.1
    ),
    UpdateCase(
        "nesterov",
        1,
        {"learning_rate": 0.05, "momentum": 0.6},
        ((1.0, 4.0, (0.5,)), (0.86, (0.1,))),  # 1 + 0.6 · 0.1 − 0.05 · 4
    ),
    UpdateCase(
        "adagrad",
        1,
        {"learning_rate": 0.3, "eps": 1.0},
        ((1.0, 4.0, (9.0,)), (0.8, (25.0,))),  # 1 − 0.3 · 4 / (5 + 1)
    ),
    UpdateCase(
        "rmsprop",
        1,
        {"learning_rate": 0.3, "rho": 0.75, "eps": 0.5},
        ((1.0, 1.0, (0.0,)), (0.7, (0.25,))),  # 1 − 0.3 · 1 / (0.5 + 0.5)
    ),
    UpdateCase(
        "adadelta",
        2,
        {"learning_rate": 0.5, "rho": 0.75, "eps": 1.0},
        # h = 0.75 · 4 + 0.25 · 20 = 8; Δ = √20 √(3.05 / 9); Δ² = 61 / 9
        ((1.0, 20**0.5, (4.0, 2.05)), (1 - 0.5 * (61 / 9) ** 0.5, (8.0, 1.5375 + 61 / 36))),
    ),
    UpdateCase(
        "adam",
        2,
        {"learning_rate": 0.3, "beta1": 0.75, "beta2": 0.5, "eps": 0.5},
        # m = 0.75 · 1 + 0.25 · 5, m̂ = 2 / 0.25; v = 0.5 · 7 + 0.5 · 25, v̂ = 16 / 0.5
        ((1.0, 5.0, (1.0, 7.0)), (1 - 0.3 * 8 / (32**0.5 + 0.5), (2.0, 16.0))),
        counts=True,
    ),
    UpdateCase(
        "adam",
        2,
        {"learning_rate": 0.2, "beta1": 0.6, "beta2": 0.8, "eps": 0.1},
        # AdamW; m̂ = (0.4 · 2) / 0.4, v̂ = (0.2 · 4) / 0.2
        ((1.0, 2.0, (0.0, 0.0)), (1 - 0.2 * 2 / 2.1, (0.8, 0.8))),
        counts=True,
        decay=0.3,
        name="decayed",
    ),
    MaxNormCase(),
]


@pytest.mark.parametrize(
    ("case", "check"),
    [
        pytest.param(case, check.__name__, id=f"{case}-{check.__name__.removeprefix('check_')}")
        for case in CASES
        for check in case.checks()
    ],
)
def test_updates(case: UpdateCase | MaxNormCase, check: str) -> None:
    getattr(case, check)()


def test_every_rule_has_a_case() -> None:
    steps = {name for name in vars(ops) if name.endswith("_step")}
    assert steps == {name for case in CASES for name in case.functions}


def test_nesterov_is_momentum_with_a_look_ahead() -> None:
    # As Nesterov wrote it, w and v with the gradient at w + μ v, on w² / 2 (so the gradient is the
    # point itself). `param` must be that point at every step.
    rate, momentum = 0.1, 0.9
    w, v = 1.0, 0.0
    param, slot = np.array([1.0]), np.zeros(1)
    for _ in range(10):
        v = momentum * v - rate * (w + momentum * v)
        w += v
        ops.nesterov_step(param, param.copy(), slot, learning_rate=rate, momentum=momentum)
        check_close(param, np.array([w + momentum * v]), 1e-12, "nesterov_step")
        check_close(slot, np.array([v]), 1e-12, "nesterov_step, v")


def test_nesterov_is_not_the_formula_with_the_new_velocity() -> None:
    rate, momentum, v, wrong = 0.1, 0.9, 0.0, 1.0
    param, slot = np.array([1.0]), np.zeros(1)
    for _ in range(10):
        v = momentum * v - rate * wrong
        wrong += momentum * momentum * v - (1 + momentum) * rate * wrong
        ops.nesterov_step(param, param.copy(), slot, learning_rate=rate, momentum=momentum)
    assert abs(float(param[0]) - wrong) > 0.1


def test_momentum_keeps_its_speed_when_the_rate_falls() -> None:
    param, v = np.array([0.0]), np.zeros(1)
    ops.momentum_step(param, np.array([1.0]), v, learning_rate=1.0, momentum=0.5)
    ops.momentum_step(param, np.array([0.0]), v, learning_rate=0.001, momentum=0.5)
    assert param[0] == -1.5  # PyTorch's form would have moved by 0.0005 in the second step


def test_adam_moves_by_the_learning_rate_whatever_the_gradient() -> None:
    for size in (1e-3, 1.0, 1e6):
        param, m, v = np.zeros(1), np.zeros(1), np.zeros(1)
        values = [0.0]
        for step in range(1, 4):
            ops.adam_step(param, np.array([size]), m, v, learning_rate=0.1, step=step)
            values.append(float(param[0]))
        assert all(abs(a - b - 0.1) < 1e-5 for a, b in pairwise(values))
