from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import optimizers
from handgrad.checks import (
    Array,
    DtypeError,
    InvalidValueError,
    NonFiniteError,
    ShapeError,
)
from handgrad.gradcheck import FlatFunctionWarning
from handgrad.optimizers import OPTIMIZERS, Optimizer, by_name, clip_by_norm, gradient_descent
from harness import ORACLES, check_close

# Each optimizer with the options of the recorded case of its rule in tests/ops/test_updates.py.
OPTIONS: dict[str, tuple[str, dict[str, float]]] = {
    "sgd": ("default", {"learning_rate": 0.05}),
    "momentum": ("default", {"learning_rate": 0.05, "momentum": 0.6}),
    "nesterov": ("default", {"learning_rate": 0.05, "momentum": 0.6}),
    "adagrad": ("default", {"learning_rate": 0.3, "eps": 1.0}),
    "rmsprop": ("default", {"learning_rate": 0.3, "rho": 0.75, "eps": 0.5}),
    "adadelta": ("default", {"learning_rate": 0.5, "rho": 0.75, "eps": 1.0}),
    "adam": ("default", {"learning_rate": 0.3, "beta1": 0.75, "beta2": 0.5, "eps": 0.5}),
    "adamw": (
        "decayed",
        {"learning_rate": 0.2, "beta1": 0.6, "beta2": 0.8, "eps": 0.1, "weight_decay": 0.3},
    ),
}
NAMES = list(OPTIONS)


def make(name: str) -> Optimizer:
    return by_name(name, **OPTIONS[name][1])


def walk(optimizer: Optimizer, start: Array, steps: int, **options: Any) -> Array:
    """Steps on the least squares problem of the recorded trajectories."""
    rng = np.random.default_rng(21)
    a, b = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    params = {"w": start.copy()}
    for _ in range(steps):
        w = params["w"]
        optimizer.step(params, {"w": (a.T @ (a @ w - b)).astype(w.dtype)}, **options)
    return params["w"]


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_go_where_pytorchs_go(name: str) -> None:
    record = OPTIONS[name][0]
    with np.load(ORACLES / f"{name.removesuffix('w')}.npz", allow_pickle=False) as file:
        trajectory = file[f"{record}/trajectory"]
    came = walk(make(name), trajectory[0], len(trajectory) - 1, decayed={"w"})
    check_close(came, trajectory[-1], 1e-12, name)


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name: str) -> None:
    start = np.random.default_rng(0).normal(size=(3, 2))
    optimizer = make(name)
    came = walk(optimizer, start.astype(np.float32), 5, scale=np.float64(0.5), decayed={"w"})
    assert came.dtype == np.float32
    assert all(slot.dtype == np.float32 for slot in optimizer.state["w"].values())
    expected = walk(make(name), start, 5, scale=0.5, decayed={"w"})
    check_close(came, expected, 1e-5, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_schedule_scales_the_learning_rate(name: str) -> None:
    start = np.random.default_rng(0).normal(size=(3, 2))
    options = OPTIONS[name][1]
    halved = by_name(name, **{**options, "learning_rate": options["learning_rate"] / 2})
    expected = walk(halved, start, 3, decayed={"w"})
    check_close(walk(make(name), start, 3, scale=0.5, decayed={"w"}), expected, 1e-12, name)


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_shrink_a_simple_loss(name: str) -> None:
    optimizer, params = by_name(name), {"w": np.array([3.0, -2.0])}
    for _ in range(300):
        optimizer.step(params, {"w": 2 * params["w"]})
    assert float((params["w"] ** 2).sum()) < 13
    assert optimizer.steps == 300


def test_decay_applies_to_weights_unless_asked_for_all() -> None:
    def after(*, decay_all: bool) -> tuple[float, float]:
        params = {"weight": np.ones(1), "bias": np.ones(1)}
        zeros = {name: np.zeros(1) for name in params}
        optimizer = by_name("sgd", 0.5, weight_decay=0.2, decay_all=decay_all)
        optimizer.step(params, zeros, scale=0.5, decayed={"weight"})
        return float(params["weight"][0]), float(params["bias"][0])

    assert after(decay_all=False) == (0.95, 1.0)  # 1 − 0.5 · 0.5 · 0.2
    assert after(decay_all=True) == (0.95, 0.95)


def test_adamw_is_adam_with_decay() -> None:
    start = np.random.default_rng(0).normal(size=(3, 2))
    adam = by_name("adam", 0.1, weight_decay=0.01)
    came = walk(by_name("adamw", 0.1), start, 3, decayed={"w"})
    check_close(came, walk(adam, start, 3, decayed={"w"}), 0, "AdamW")
    assert (came != walk(by_name("adam", 0.1), start, 3, decayed={"w"})).all()


def test_slots_start_at_zero_for_each_new_parameter() -> None:
    optimizer = by_name("momentum", 0.1)
    params = {"a": np.ones(2)}
    optimizer.step(params, {"a": np.ones(2)})
    params["b"] = np.ones(3)
    optimizer.step(params, {"a": np.ones(2), "b": np.ones(3)})
    check_close(optimizer.state["b"]["v"], np.full(3, -0.1), 1e-15, "b's first velocity")
    check_close(optimizer.state["a"]["v"], np.full(2, -0.19), 1e-15, "a's second velocity")


@pytest.mark.parametrize("name", NAMES)
def test_config_and_repr_make_the_optimizer_again(name: str) -> None:
    optimizer = make(name)
    again = type(optimizer)(**optimizer.config())
    assert again.config() == optimizer.config()
    assert repr(again) == repr(optimizer)
    assert repr(optimizer).startswith(f"{type(optimizer).__name__}(learning_rate=")
    assert name == type(optimizer).__name__.lower()


def test_by_name_keeps_the_default_rate() -> None:
    rates = {name: by_name(name).learning_rate for name in OPTIMIZERS}
    assert rates == {
        "sgd": 0.1,
        "momentum": 0.01,
        "nesterov": 0.01,
        "adagrad": 0.01,
        "rmsprop": 0.001,
        "adadelta": 1.0,
        "adam": 0.001,
        "adamw": 0.001,
    }
    assert by_name("adam", 0.5).learning_rate == 0.5


def test_by_name_lists_the_names() -> None:
    message = "name must be one of sgd, momentum, nesterov, .*, but is 'Adam'"
    with pytest.raises(InvalidValueError, match=message):
        by_name("Adam")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sgd", {"learning_rate": 0}, r"SGD: learning_rate must be in \(0, inf\), but is 0\."),
        ("adam", {"weight_decay": -1}, r"Adam: weight_decay must be in \[0, inf\), but is -1\."),
        ("momentum", {"momentum": 1}, r"Momentum: momentum must be in \[0, 1\), but is 1\."),
        ("nesterov", {"momentum": -0.1}, r"Nesterov: momentum must be in \[0, 1\), but is -0\.1"),
        ("adagrad", {"eps": 0}, r"AdaGrad: eps must be in \(0, inf\), but is 0\."),
        ("rmsprop", {"rho": 1}, r"RMSprop: rho must be in \[0, 1\), but is 1\."),
        ("rmsprop", {"eps": 0}, r"RMSprop: eps must be in \(0, inf\), but is 0\."),
        ("adadelta", {"rho": 2}, r"AdaDelta: rho must be in \[0, 1\), but is 2\."),
        ("adadelta", {"eps": -1}, r"AdaDelta: eps must be in \(0, inf\), but is -1\."),
        ("adam", {"beta1": 1}, r"Adam: beta1 must be in \[0, 1\), but is 1\."),
        ("adamw", {"beta2": 1}, r"AdamW: beta2 must be in \[0, 1\), but is 1\."),
        ("adam", {"eps": 0}, r"Adam: eps must be in \(0, inf\), but is 0\."),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        by_name(name, **options)


@pytest.mark.parametrize(
    ("param", "grads", "error", "message"),
    [
        (np.ones(2), {}, InvalidValueError, r"SGD\.step: grads must .* but has no 'w'\."),
        (
            np.ones((3, 2)),
            {"w": np.ones(2)},
            ShapeError,
            r"SGD\.step: the gradient of 'w' must have shape \(3, 2\), but has shape \(2,\)\.",
        ),
        (
            np.ones(2, int),
            {"w": np.ones(2)},
            DtypeError,
            r"SGD\.step: 'w' must hold floats, but has dtype int",
        ),
    ],
)
def test_a_step_that_cannot_be_made_changes_nothing(
    param: Array, grads: dict[str, Array], error: type[Exception], message: str
) -> None:
    params = {"first": np.ones(1), "w": param}
    optimizer = by_name("sgd")
    with pytest.raises(error, match=message):
        optimizer.step(params, {"first": np.ones(1), **grads})
    assert params["first"] == 1
    assert optimizer.steps == 0


def test_the_base_optimizer_has_no_rule() -> None:
    with pytest.raises(NotImplementedError, match=r"^$"):
        Optimizer(0.1).step({"w": np.ones(1)}, {"w": np.ones(1)})


# -- clipping -----------------------------------------------------------------------------------


def test_clipping_keeps_the_direction() -> None:
    grads = {"a": np.array([[3.0, 0.0]]), "b": np.array([-4.0])}
    assert clip_by_norm(grads, 2.5) == 5
    check_close(grads["a"], np.array([[1.5, 0.0]]), 1e-15, "a")
    check_close(grads["b"], np.array([-2.0]), 1e-15, "b")


@pytest.mark.parametrize("limit", [None, 5.0, 6.0])
def test_clipping_leaves_small_gradients_alone(limit: float | None) -> None:
    grads = {"a": np.array([3.0, 4.0])}
    assert clip_by_norm(grads, limit) == 5
    assert grads["a"].tolist() == [3, 4]


def test_clipping_of_float32_does_not_overflow() -> None:
    grads = {"a": np.full((2, 2), 1e25, np.float32)}
    assert clip_by_norm(grads, 1.0) == pytest.approx(2e25)
    assert grads["a"].dtype == np.float32
    check_close(grads["a"], np.full((2, 2), 0.5), 1e-6, "a")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_clipping_reports_what_is_not_finite(value: float) -> None:
    grads = {"a": np.array([value, 1.0])}
    assert not np.isfinite(clip_by_norm(grads, 1.0))
    assert grads["a"][1] == 1


def test_clipping_of_nothing() -> None:
    assert clip_by_norm({}, 1.0) == 0
    assert clip_by_norm({"a": np.zeros((0, 3))}, 1.0) == 0


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(InvalidValueError, match=r"clip_by_norm: limit must be in \(0, inf\)"):
        clip_by_norm({"a": np.ones(1)}, -1)


# -- gradient descent ---------------------------------------------------------------------------


def bowl(x: Array) -> float:
    return float(x[0] ** 2 + x[1] ** 2)


def test_gradient_descent_of_the_book() -> None:
    start = np.array([-3.0, 4.0])
    descent = gradient_descent(bowl, start, learning_rate=0.1, steps=100)
    # x shrinks by 1 − 2 · 0.1 in every step.
    check_close(descent.x, 0.8**100 * start, 1e-6, "the end")
    check_close(descent.path[1], 0.8 * start, 1e-9, "the first step")
    assert descent.path.shape == (101, 2)
    assert descent.values.shape == (101,)
    assert descent.value == descent.values[-1] == bowl(descent.x)
    assert start.tolist() == [-3, 4]


def test_gradient_descent_with_a_gradient_of_your_own() -> None:
    descent = gradient_descent(bowl, [1, 2], learning_rate=0.25, steps=2, gradient=lambda x: 2 * x)
    assert descent.path.tolist() == [[1, 2], [0.5, 1], [0.25, 0.5]]
    assert descent.values.tolist() == [5, 1.25, 0.3125]


def test_gradient_descent_returns_the_lowest_point() -> None:
    descent = gradient_descent(bowl, [1.0, 0.0], learning_rate=1.5, steps=3)
    assert descent.x.tolist() == [1, 0]  # every step doubles the distance
    assert descent.value == 1
    check_close(descent.path[-1], np.array([-8.0, 0.0]), 1e-9, "the end")


def test_gradient_descent_of_a_number() -> None:
    descent = gradient_descent(lambda x: (x - 2) ** 2, 5.0, learning_rate=0.5, steps=1)
    assert descent.path.shape == (2,)
    assert float(descent.x) == pytest.approx(2)


def test_gradient_descent_of_no_steps() -> None:
    descent = gradient_descent(bowl, [1.0, 2.0], steps=0)
    assert descent.path.tolist() == [[1, 2]]
    assert descent.value == 5


def test_gradient_descent_may_end_where_rounding_hides_the_slope() -> None:
    descent = gradient_descent(lambda x: 1 + float(x) ** 4, 0.5, learning_rate=0.1, steps=2000)
    assert descent.value == pytest.approx(1, abs=1e-5)


def test_gradient_descent_on_a_flat_function_warns_once() -> None:
    with pytest.warns(FlatFunctionWarning, match="exactly the same value") as caught:
        gradient_descent(lambda _: 3.0, [1.0], steps=5)
    assert len(caught) == 1


@pytest.mark.parametrize("gradient", [None, lambda x: 2 * x])
def test_gradient_descent_that_leaves_all_bounds(gradient: Any) -> None:
    message = r"after step \d+ f\(x\) is (inf|nan)\. Use a smaller learning_rate\."
    with pytest.raises(NonFiniteError, match=message):
        gradient_descent(bowl, [1.0, 1.0], learning_rate=1e10, steps=100, gradient=gradient)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: gradient_descent(bowl, [np.nan, 1.0]),
            NonFiniteError,
            r"after step 0 f\(x\) is nan\. Start elsewhere\.",
        ),
        (
            lambda: gradient_descent(bowl, [1.0, 2.0], learning_rate=0),
            InvalidValueError,
            r"gradient_descent: learning_rate must be in \(0, inf\)",
        ),
        (
            lambda: gradient_descent(bowl, [1.0, 2.0], steps=-1),
            InvalidValueError,
            "gradient_descent: steps must be at least 0, but is -1",
        ),
        (
            lambda: gradient_descent(lambda x: x, [1.0, 2.0]),
            ShapeError,
            r"gradient_descent: f\(x\) must have shape \(\), but has shape \(2,\)",
        ),
        (
            lambda: gradient_descent(bowl, [1.0, 2.0], gradient=lambda _: np.ones(3)),
            ShapeError,
            r"gradient_descent: gradient\(x\) must have shape \(2,\), but has shape \(3,\)",
        ),
    ],
)
def test_gradient_descent_refuses(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_names() -> None:
    assert set(OPTIMIZERS) == set(NAMES)
    assert all(each.__name__ in optimizers.__all__ for each in OPTIMIZERS.values())


class TwoThreads:
    """A team of two, one after the other."""

    count = 2

    def run(self, task: Callable[[int], None]) -> None:
        for worker in range(2):
            task(worker)

    def share(self, worker: int, total: int) -> tuple[int, int]:
        return total * worker // 2, total * (worker + 1) // 2


@pytest.mark.parametrize("name", NAMES)
def test_a_team_updates_the_same_bits(name: str) -> None:
    rng = np.random.default_rng(0)
    first = {"large": rng.normal(size=(300, 201)), "small": rng.normal(size=7)}
    results: list[dict[str, np.ndarray]] = []
    for team in (None, TwoThreads()):
        params = {key: array.copy() for key, array in first.items()}
        optimizer = by_name(name, learning_rate=0.1, weight_decay=0.01)
        for step in range(2):
            grads = {key: np.cos(array + step) for key, array in first.items()}
            optimizer.step(params, grads, decayed={"large"}, team=team)
        results.append(params)
    for key, array in results[0].items():
        assert np.array_equal(array, results[1][key]), key


def test_a_rule_of_the_users_own_is_given_whole_arrays() -> None:
    class Normalized(Optimizer):
        def update(self, param: Any, grad: Any, *, learning_rate: float, **slots: Any) -> None:
            param -= learning_rate * grad / np.linalg.norm(grad)

    params = {"large": np.zeros((300, 201))}
    Normalized(1.0).step(params, {"large": np.ones((300, 201))}, team=TwoThreads())
    assert np.linalg.norm(params["large"]) == pytest.approx(1.0)
