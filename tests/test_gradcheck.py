import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad import (
    Affine,
    BatchNorm,
    Dropout,
    MeanSquaredError,
    Network,
    Relu,
    Residual,
    SoftmaxCrossEntropy,
    ops,
)
from handgrad.checks import Array, DtypeError, InvalidValueError, ShapeError
from handgrad.gradcheck import (
    FlatFunctionWarning,
    GradientReport,
    check_network,
    check_op,
    complex_step_gradient,
    numerical_diff,
    numerical_gradient,
)
from harness import check_close, spread

# -- numerical_diff -----------------------------------------------------------------------------


@pytest.mark.parametrize("x", [3, 3.0, np.float32(3), np.int8(3), np.array(3)])
def test_diff_of_a_number(x: Any) -> None:
    came = numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, x)
    assert type(came) is float
    assert came == pytest.approx(0.16, rel=1e-9)


@pytest.mark.parametrize("dtype", [int, np.float32, np.float64])
def test_diff_of_an_array(dtype: Any) -> None:
    x = np.arange(-2, 4).reshape(2, 3).astype(dtype)
    check_close(numerical_diff(lambda x: x**3, x), 3.0 * x**2, 1e-9, "numerical_diff of x³")


def test_diff_takes_functions_of_plain_numbers() -> None:
    assert numerical_diff(math.sin, 1) == pytest.approx(math.cos(1), rel=1e-9)


def test_diff_at_large_and_small_numbers() -> None:
    x = np.array([1e-9, 1.0, 1e9])
    check_close(numerical_diff(lambda x: x**2, x) / x, np.full(3, 2.0), 1e-6, "numerical_diff")


def test_diff_steps_further_where_f_is_float32() -> None:
    came = numerical_diff(lambda x: np.float32(np.exp(x)), 1.0)
    assert came == pytest.approx(np.e, rel=1e-3)


def test_diff_with_a_step_of_your_own() -> None:
    assert numerical_diff(lambda x: x**3, 0.0, step=0.5) == 0.25


def test_diff_may_be_handed_a_function_that_changes_its_argument() -> None:
    def double(x: Array) -> Array:
        x *= 2
        return x

    check_close(numerical_diff(double, np.ones(2)), np.full(2, 2.0), 1e-9, "numerical_diff")


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (np.sum, [1.0, 2.0], ShapeError, r"must have the shape of x, \(2,\), but has shape \(\)"),
        (np.sin, [1j], DtypeError, r"x must be real numbers, but has dtype complex128"),
        (np.sin, ["a"], DtypeError, r"x must be real numbers, but has dtype <U1"),
        (np.sqrt, [True], DtypeError, r"x must be real numbers, but has dtype bool"),
        (lambda x: 1j * x, 1.0, DtypeError, r"f\(x\) must be real numbers, but has dtype complex"),
    ],
)
def test_diff_refuses(f: Any, x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"numerical_diff: .*{message}"):
        numerical_diff(f, x)


def test_a_step_must_change_x() -> None:
    message = "step must change x, but 0.0001 is less than the rounding .* Leave step out"
    with pytest.raises(InvalidValueError, match=f"numerical_diff: {message}"):
        numerical_diff(lambda x: x * x, [1.0, 1e13], step=1e-4)
    with pytest.raises(InvalidValueError, match=f"numerical_gradient: {message}"):
        numerical_gradient(lambda x: (x * x).sum(), [1.0, 1e13], step=1e-4)


def test_a_step_must_be_positive() -> None:
    with pytest.raises(InvalidValueError, match=r"numerical_diff: step must be in \(0, inf\)"):
        numerical_diff(np.sin, 1.0, step=0)


# -- numerical_gradient -------------------------------------------------------------------------


def squares(x: Array) -> Any:
    return (x**2).sum()


@pytest.mark.parametrize(
    "x",
    [
        np.array([3, 4]),  # the book's own code answers 25000 and 35000 here
        np.array([3, 4], np.uint8),
        np.array([3, 4], np.float16),
        np.array([3, 4], np.float32),
        np.array([3.0, 4.0]),
        [3, 4],
    ],
)
def test_gradient_of_any_dtype(x: Any) -> None:
    came = numerical_gradient(squares, x)
    assert came.dtype == np.float64
    check_close(came, np.array([6.0, 8.0]), 1e-9, "numerical_gradient")
    assert np.array_equal(x, [3, 4])


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (2, 1, 3), (0, 2)])
def test_gradient_of_any_shape(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    came = numerical_gradient(lambda x: np.sin(x).sum(), x)
    assert came.shape == shape
    check_close(came, np.cos(x), 1e-9, "numerical_gradient")


def test_gradient_of_an_array_with_gaps() -> None:
    x = spread(np.array([[1.0, 2.0], [3.0, 4.0]]))
    check_close(numerical_gradient(squares, x), 2 * x, 1e-9, "numerical_gradient")


def test_gradient_of_an_array_that_cannot_be_written() -> None:
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    check_close(numerical_gradient(squares, x), 2 * x, 1e-9, "numerical_gradient")


def test_gradient_of_a_function_that_returns_a_view() -> None:
    assert numerical_gradient(lambda x: x[...], np.array(5.0)) == pytest.approx(1)


def test_gradient_with_the_trick_of_the_books() -> None:
    # f ignores its argument and reads the array that is changed in place.
    w = np.random.default_rng(0).normal(size=(2, 3))
    before = w.copy()
    came = numerical_gradient(lambda _: np.sin(w).sum(), w)
    check_close(came, np.cos(before), 1e-9, "numerical_gradient")
    assert np.array_equal(w, before)


def test_gradient_with_the_trick_in_float32() -> None:
    w = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    before = w.copy()
    came = numerical_gradient(lambda _: np.sin(w).sum(), w)
    check_close(came, np.cos(before.astype(float)), 1e-3, "numerical_gradient")
    assert np.array_equal(w, before)


def test_gradient_with_the_trick_and_a_float32_loss() -> None:
    w = np.array([0.5, 1.5])
    came = numerical_gradient(lambda _: np.float32(squares(w)), w)
    check_close(came, 2 * w, 1e-3, "numerical_gradient")


@pytest.mark.parametrize("x", [np.array([1, 1]), np.array([0, 255], np.uint8)])
def test_gradient_refuses_the_trick_with_integers(x: Array) -> None:
    before = x.copy()
    message = r"f reads the array x itself, which has dtype \w+ and cannot take small steps"
    with pytest.raises(DtypeError, match=message):
        numerical_gradient(lambda _: float(x.sum()), x)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("dtype", [int, np.float32, np.float64])
def test_gradient_warns_where_f_never_changes(dtype: Any) -> None:
    x = np.ones((2, 3), dtype)
    copy = x.copy()
    with pytest.warns(FlatFunctionWarning, match=r"for every change of x \(shape \(2, 3\)\)"):
        came = numerical_gradient(lambda _: float(copy.sum()), x)
    assert not came.any()
    assert not numerical_gradient(lambda _: 1.0, x, warn=False).any()


def test_gradient_at_a_symmetric_minimum_is_no_flat_function() -> None:
    assert numerical_gradient(squares, np.zeros(2)).tolist() == [0, 0]


def test_gradient_puts_everything_back_when_f_raises() -> None:
    x = np.array([0.1, 0.2, 0.3])
    before, calls = x.copy(), 0

    def fails(x: Array) -> float:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError("the disk is full")
        return float(x.sum())

    with pytest.raises(OSError, match="the disk is full"):
        numerical_gradient(fails, x)
    assert np.array_equal(x, before)


def test_gradient_with_a_step_of_your_own() -> None:
    assert numerical_gradient(lambda x: float(x[0]) ** 3, np.zeros(1), step=0.5) == 0.25


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (lambda x: x, [1.0, 2.0], ShapeError, r"f must return one number, .* of shape \(2,\)"),
        (squares, [1j], DtypeError, "x must be real numbers, but has dtype complex128"),
        (lambda x: 1j * x.sum(), [1.0], DtypeError, r"f\(x\) must be real numbers, but has dtype"),
        (lambda _: "a", [1.0], DtypeError, r"f\(x\) must be real numbers, but has dtype <U1"),
    ],
)
def test_gradient_refuses(f: Any, x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"numerical_gradient: {message}"):
        numerical_gradient(f, x)


# -- complex_step_gradient ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_complex_step_is_exact(dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(dtype)
    came = complex_step_gradient(lambda x: np.sin(x).sum(), x)
    assert came.dtype == np.float64
    check_close(came, np.cos(x.astype(float)), 1e-15, "complex_step_gradient")


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (lambda x: np.abs(x).sum(), [1.0], DtypeError, "f must return a complex .* loses the imag"),
        (lambda x: x, [1.0, 2.0], ShapeError, r"f must return one number, .* of shape \(2,\)"),
        (np.sum, [1j], DtypeError, "x must be real numbers, but has dtype complex128"),
    ],
)
def test_complex_step_refuses(f: Any, x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"complex_step_gradient: {message}"):
        complex_step_gradient(f, x)


# -- check_op -----------------------------------------------------------------------------------

Backward = Callable[[Array, Any], tuple[Any, ...]]


def affine_inputs(outputs: int = 4) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(5, 3)),
        "weight": rng.normal(size=(3, outputs)),
        "bias": rng.normal(size=outputs),
    }


def planted(index: int, mistake: Callable[[Any, Array], Any], scale: float = 1.0) -> Backward:
    """Affine's backward with a mistake in one gradient: mistake(gradient, dy)."""

    def backward(dy: Array, saved: Any) -> tuple[Any, ...]:
        grads = list(ops.affine_backward(dy, saved))
        grads[index] = mistake(grads[index], dy)
        return tuple(scale * each for each in grads)

    return backward


def scaled(forward: Callable[..., Any], scale: float) -> Callable[..., Any]:
    """A forward whose output is `scale` times larger."""

    def times(*inputs: Array, **options: Any) -> tuple[Array, Any]:
        output, saved = forward(*inputs, **options)
        return scale * output, saved

    return times


def spoil(gradient: Array, index: tuple[int, ...], value: float) -> Array:
    gradient = gradient.copy()
    gradient[index] = value
    return gradient


def test_a_right_op_passes() -> None:
    report = check_op(ops.affine_forward, ops.affine_backward, affine_inputs())
    assert report.ok
    assert not report.wrong
    assert [row.name for row in report.rows] == ["x", "weight", "bias"]
    assert [row.checked for row in report.rows] == [15, 12, 4]
    assert all(row.error < 1e-8 and row.verdict == "ok" for row in report.rows)


@pytest.mark.parametrize(
    ("index", "mistake", "verdict"),
    [
        (0, lambda g, _: -g, "sign flipped"),
        (1, lambda g, _: 5 * g, "5 times the right one: 1/N is missing (N = 5)"),
        (1, lambda g, _: g / 5, "0.2 times the right one: divided by N once too often (N = 5)"),
        (1, lambda g, _: 0.5 * g, "0.5 times the right one"),
        (0, lambda g, _: -2 * g, "sign flipped, and 2 times the right one"),
        (1, lambda g, _: g.T, "transposed: shape (4, 3), not (3, 4)"),
        (2, lambda _, dy: dy, "not summed over the batch: shape (5, 4), not (4,)"),
        (2, lambda g, _: g[np.newaxis], "wrong shape: shape (1, 4), not (4,)"),
        (2, lambda g, _: 0 * g, "zero"),
        (1, lambda g, _: spoil(g, (1, 2), np.nan), "NaN or infinite"),
        (1, lambda g, _: spoil(g, (1, 2), 7.0), "wrong in 1 of 12 entries"),
        (1, lambda g, _: g + 0.01, "wrong in 12 of 12 entries"),
        (1, lambda g, _: g * (1 + 1e-5), "1.00001 times the right one"),
    ],
)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_mistakes_are_found_and_named(index: int, mistake: Any, verdict: str, scale: float) -> None:
    backward = planted(index, mistake, scale)
    report = check_op(scaled(ops.affine_forward, scale), backward, affine_inputs())
    assert [row.ok for row in report.rows] == [each != index for each in range(3)]
    assert report.wrong[0].verdict == verdict
    assert not report.ok


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_error_is_relative(scale: float) -> None:
    backward = planted(1, lambda g, _: 0.5 * g, scale)
    report = check_op(scaled(ops.affine_forward, scale), backward, affine_inputs())
    assert report.wrong[0].error == pytest.approx(0.5, rel=0.01)


def test_a_small_mistake_at_large_inputs_is_found() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3)) * 1e8
    for factor, ok in ((2, True), (2.001, False)):
        backward = lambda dy, x, factor=factor: (factor * x * dy,)  # noqa: E731  (two lines)
        assert check_op(lambda x: (x**2, x), backward, {"x": x}).ok == ok


def waves(frequency: float, scale: float = 1.0) -> tuple[Callable[..., Any], Backward]:
    """A smooth op with much curvature."""
    return (
        lambda x: (scale * np.sin(frequency * x), x),
        lambda dy, x: (scale * frequency * np.cos(frequency * x) * dy,),
    )


def test_a_smooth_op_costs_two_evaluations_for_each_entry() -> None:
    calls = 0
    forward, backward = waves(30, 1e6)

    def counting(x: Array) -> Any:
        nonlocal calls
        calls += 1
        return forward(x)

    x = np.random.default_rng(0).normal(size=(3, 4))
    assert check_op(counting, backward, {"x": x}).ok
    assert calls == 2 + 2 * x.size


def test_curvature_is_no_kink() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    forward, backward = waves(300)
    flipped = lambda dy, x: (-backward(dy, x)[0],)  # noqa: E731  (a mistake in brief)
    row = check_op(forward, flipped, {"x": x}).rows[0]
    assert (row.verdict, row.skipped) == ("sign flipped", 0)
    spoiled = lambda dy, x: (spoil(backward(dy, x)[0], (1, 2), 1e4),)  # noqa: E731  (the same)
    assert check_op(forward, spoiled, {"x": x}).rows[0].verdict == "wrong in 1 of 12 entries"


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_gradient_that_is_zero_but_for_rounding(scale: float) -> None:
    # Standardizing takes away what `shift` adds, so its gradient is 0; the differences are noise.
    def forward(x: Array, shift: Array) -> tuple[Array, Any]:
        moved = x + shift
        return scale * (moved - moved.mean()) / moved.std(), None

    x = np.random.default_rng(0).normal(size=(40, 30))

    def verdict(value: float) -> str:
        backward = lambda _, __: (np.zeros(x.shape), np.array(value))  # noqa: E731  (in brief)
        report = check_op(forward, backward, {"x": x, "shift": 1000.0}, entries=1)
        return report.rows[1].verdict

    assert verdict(0.0) == "ok, but zero everywhere"
    assert verdict(scale).endswith("times the right one") or verdict(scale).startswith("wrong")


def test_the_worst_entry_is_named() -> None:
    for value in (np.nan, 7.0):
        backward = planted(1, lambda g, _, value=value: spoil(g, (1, 2), value))
        assert check_op(ops.affine_forward, backward, affine_inputs()).wrong[0].worst == (1, 2)


def test_a_square_matrix_may_be_transposed_too() -> None:
    backward = planted(1, lambda g, _: g.T)
    report = check_op(ops.affine_forward, backward, affine_inputs(outputs=3))
    assert [row.verdict for row in report.rows] == ["ok", "transposed", "ok"]


def test_options_reach_forward() -> None:
    rng = np.random.default_rng(0)
    inputs = {"logits": rng.normal(size=(5, 3)).astype(np.float32)}
    options: dict[str, Any] = {"labels": rng.integers(0, 3, 5), "label_smoothing": 0.2}
    forward, backward = ops.softmax_cross_entropy_forward, ops.softmax_cross_entropy_backward
    report = check_op(forward, backward, inputs, **options)
    assert report.ok
    assert report.rows[0].error < 1e-8  # float64, although the input was float32


def test_inputs_are_not_changed() -> None:
    inputs = affine_inputs()
    check_op(ops.affine_forward, ops.affine_backward, inputs)
    assert all(np.array_equal(inputs[name], each) for name, each in affine_inputs().items())


def test_a_kink_is_not_a_mistake() -> None:
    x = np.array([[-1.0, 0.0, 1.0], [2.0, 1e-7, -1e-7]])
    report = check_op(ops.relu_forward, ops.relu_backward, {"x": x})
    assert report.ok
    assert report.rows[0].checked + report.rows[0].skipped == 6
    assert report.rows[0].skipped > 0


def test_a_mistake_beside_a_kink_is_found() -> None:
    x = np.array([[-1.0, 0.0, 1.0], [2.0, 3.0, -3.0]])
    backward = lambda dy, saved: (-ops.relu_backward(dy, saved)[0],)  # noqa: E731  (a mistake in brief)
    report = check_op(ops.relu_forward, backward, {"x": x})
    assert report.rows[0].verdict == "sign flipped"


def test_all_entries_at_kinks_prove_nothing() -> None:
    report = check_op(ops.relu_forward, ops.relu_backward, {"x": np.zeros((2, 3))})
    assert [row.verdict for row in report.rows] == [
        "unclear: 6 of 6 entries lie at kinks, try other data"
    ]
    assert not report.ok
    assert not report.wrong
    assert str(report).endswith("Right: 0 of 1 gradients.")


@pytest.mark.parametrize("factor", [-1, 3])
def test_a_wrong_gradient_at_a_kink_is_found(factor: float) -> None:
    # At a kink every slope between the left and the right one will do, but none outside.
    forward = lambda x: (np.maximum(x, 0) + 1, x)  # noqa: E731  (in brief)
    report = check_op(forward, lambda dy, _: (factor * dy,), {"x": np.zeros((2, 3))})
    assert report.wrong
    right = check_op(forward, lambda dy, _: (dy,), {"x": np.zeros((2, 3))})
    assert right.rows[0].unclear


def test_rounding_at_a_kink_is_no_mistake() -> None:
    forward = lambda x: (np.maximum(x, 0) + 1e3 / 3, x)  # noqa: E731  (in brief)
    for gradient in (0, 1):
        backward = lambda dy, _, gradient=gradient: (gradient * dy,)  # noqa: E731  (the same)
        assert check_op(forward, backward, {"x": np.zeros((4, 5))}).rows[0].skipped == 20


def test_few_entries_away_from_kinks_prove_little() -> None:
    x = np.array([[0.0, 0.0, 1.0]])
    report = check_op(ops.relu_forward, ops.relu_backward, {"x": x})
    assert report.rows[0].verdict.startswith("unclear: 2 of 3 entries")
    assert report.rows[0].checked == 1


def test_an_op_that_loses_precision_inside_is_not_called_right() -> None:
    def forward(x: Array) -> tuple[Array, Any]:
        return ops.tanh_forward(x.astype(np.float32))

    x = np.random.default_rng(0).normal(size=(4, 5))
    assert not check_op(forward, ops.tanh_backward, {"x": x}).ok


def test_a_gradient_of_zeros_is_said_to_be_one() -> None:
    report = check_op(ops.relu_forward, ops.relu_backward, {"x": np.full((2, 3), -1.0)})
    assert report.rows[0].verdict == "ok, but zero everywhere"


def test_an_empty_input_is_fine() -> None:
    report = check_op(ops.relu_forward, ops.relu_backward, {"x": np.zeros((0, 3))})
    assert report.rows[0].verdict == "ok, no entries"


def test_entries_that_are_not_sampled_are_checked_together() -> None:
    # One entry of 600 is wrong, and 10 are sampled: the adjoint test sees it.
    def backward(dy: Array, saved: Any) -> tuple[Any, ...]:
        (dx,) = ops.tanh_backward(dy, saved)
        return (spoil(dx, (7, 7), 9.0),)

    inputs = {"x": np.random.default_rng(0).normal(size=(20, 30))}
    report = check_op(ops.tanh_forward, backward, inputs, entries=10)
    assert report.rows[0].checked == 10
    assert "the adjoint test fails" in report.rows[0].verdict
    assert check_op(ops.tanh_forward, ops.tanh_backward, inputs, entries=10).ok
    every = check_op(ops.tanh_forward, backward, inputs, entries=None)
    assert every.rows[0].verdict == "wrong in 1 of 600 entries"


def test_a_gradient_that_is_zero_only_where_it_was_sampled() -> None:
    x = np.random.default_rng(0).normal(size=(20, 30))
    forward = lambda x: (5 * x[7, 7:9] + 100 / 3, x)  # noqa: E731  (in brief)
    report = check_op(forward, lambda _, x: (0 * x,), {"x": x}, entries=10)
    assert "the adjoint test fails" in report.rows[0].verdict


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_adjoint_test_knows_kinks_and_rounding(scale: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 30))
    x[rng.random(x.shape) < 0.1] = 0
    backward = lambda dy, saved: (scale * ops.relu_backward(dy, saved)[0],)  # noqa: E731  (in brief)
    report = check_op(scaled(ops.relu_forward, scale), backward, {"x": x}, entries=2)
    assert report.ok

    # What is added to every entry does not change the centred values: a gradient of 0.
    def centre(x: Array, shift: Array) -> tuple[Array, Any]:
        moved = x + shift.sum()
        return scale * (moved - moved.mean()), None

    def backward_of_centre(dy: Array, _: Any) -> tuple[Array, Array]:
        return scale * (dy - dy.mean()), np.zeros((1, 2))

    assert check_op(centre, backward_of_centre, {"x": x, "shift": [[100.0, 200.0]]}, entries=1).ok


def test_one_input_may_come_without_a_tuple() -> None:
    def backward(dy: Array, saved: Any) -> Any:
        return ops.tanh_backward(dy, saved)[0]

    assert check_op(ops.tanh_forward, backward, {"x": [[0.5, 1.0]]}).ok


def test_random_ops_are_refused() -> None:
    rng = np.random.default_rng(0)

    def forward(x: Array) -> tuple[Array, Array]:
        mask = rng.random(x.shape) < 0.5
        return x * mask, mask

    with pytest.raises(InvalidValueError, match="gives different results for equal inputs"):
        check_op(forward, lambda dy, mask: (dy * mask,), {"x": np.ones((4, 5))})


@pytest.mark.parametrize(
    ("backward", "inputs", "entries", "error", "message"),
    [
        (
            lambda dy, _: (dy, dy),
            {"x": [1.0]},
            None,
            InvalidValueError,
            "must return one gradient for each of x, but returned 2",
        ),
        (
            ops.tanh_backward,
            {"x": ["a"]},
            None,
            DtypeError,
            "x must hold real numbers, but has dtype <U1",
        ),
        (
            ops.tanh_backward,
            {"x": [1.0]},
            0,
            InvalidValueError,
            "entries must be at least 1, but is 0",
        ),
    ],
)
def test_check_op_refuses(
    backward: Any, inputs: Any, entries: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"check_op: .*{message}"):
        check_op(ops.tanh_forward, backward, inputs, entries=entries)


# -- check_network ------------------------------------------------------------------------------


class WrongAffine(Affine):
    """An affine layer whose backward has a mistake: mistake(dx, grads) -> (dx, grads)."""

    mistake: Callable[[Array, dict[str, Array]], tuple[Array, dict[str, Array]]]

    def backward(self, dy: Array, saved: Any) -> tuple[Array, dict[str, Array]]:
        return type(self).mistake(*super().backward(dy, saved))


def wrong(mistake: Any) -> type[WrongAffine]:
    """A layer class with that mistake, which no other network can find by its name."""
    return type("WrongAffine", (WrongAffine,), {"mistake": staticmethod(mistake)})


def data(rows: int = 6) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 4)), rng.integers(0, 3, rows)


def network_with(layer: Affine, *, dtype: str = "float32") -> Network:
    layers = [Affine(5), Relu(), layer, Relu(), Affine(3)]
    return Network(layers, input_shape=(4,), dtype=dtype, seed=1)


def check(network: Network, **options: Any) -> GradientReport:
    return check_network(network, *data(), SoftmaxCrossEntropy(), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("training", [True, False])
def test_networks_with_dropout_and_batch_norm_are_clean(dtype: str, training: bool) -> None:  # noqa: FBT001  (a parameter of pytest)
    layers = [
        Affine(7),
        BatchNorm(),
        Relu(),
        Residual(Affine(7), Dropout(0.4), Relu()),
        Dropout(0.3),
        Affine(3),
    ]
    network = Network(layers, input_shape=(4,), dtype=dtype)
    generators = network.generators()
    before = {name: each.copy() for name, each in {**network.params, **network.state}.items()}
    report = check(network, entries=None, training=training)
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == list(network.params)
    assert all(row.error < 1e-7 for row in report.rows if row.verdict == "ok"), str(report)
    assert network.generators() == generators
    for name, array in {**network.params, **network.state}.items():
        assert array.dtype == dtype
        assert np.array_equal(array, before[name])


@pytest.mark.parametrize(
    ("mistake", "names", "verdict"),
    [
        (lambda dx, g: (-dx, g), ["affine_1.weight", "affine_1.bias"], "sign flipped"),
        (lambda dx, g: (dx, {**g, "bias": 6 * g["bias"]}), ["middle.bias"], "6 times the right"),
        (lambda dx, g: (dx, {**g, "bias": g["bias"] / 6}), ["middle.bias"], "0.1667 times"),
        (lambda dx, g: (dx, {**g, "bias": g["bias"] * 0}), ["middle.bias"], "zero"),
        (lambda dx, g: (dx, {**g, "weight": g["weight"].T}), ["middle.weight"], "transposed"),
        (lambda dx, g: (dx, {"weight": g["weight"]}), ["middle.bias"], "missing"),
    ],
)
def test_a_mistake_in_one_layer_is_found_and_named(
    mistake: Any, names: list[str], verdict: str
) -> None:
    report = check(network_with(wrong(mistake)(5, name="middle")), entries=None)
    assert [row.name for row in report.wrong] == names
    assert all(row.verdict.startswith(verdict) for row in report.wrong)
    assert f"{names[-1]} is the first that it gets wrong" in report.note


def test_a_sample_of_entries_is_checked() -> None:
    report = check(network_with(Affine(5)), entries=3)
    assert [row.checked + row.skipped for row in report.rows] == [3] * 6
    assert report.ok
    other = check(network_with(Affine(5)), entries=3, seed=1)
    assert [row.worst for row in report.rows] != [row.worst for row in other.rows]


def test_kinks_of_a_network_are_skipped() -> None:
    # Biases of 0 and an input of zeros put every ReLU of the first row exactly at its kink, where
    # changing a bias moves it. A weight of the first layer moves nothing there.
    x, labels = data()
    x[0] = 0
    report = check_network(network_with(Affine(5)), x, labels, SoftmaxCrossEntropy())
    rows = {row.name: row for row in report.rows}
    assert rows["affine_1.weight"].ok
    assert rows["affine_1.bias"].skipped == 5
    assert rows["affine_1.bias"].unclear
    assert not report.wrong
    assert not report.note


def test_large_outputs_under_a_small_loss_are_no_mistake() -> None:
    # The loss is about 1, but the rounding errors are those of numbers around 10⁶.
    network = Network([Affine(3)], input_shape=(4,))
    network.params["affine_1.bias"] = np.full(3, 1e6)
    x, _ = data()
    targets = network.predict(x) + np.random.default_rng(1).normal(size=(6, 3))
    report = check_network(network, x, targets, MeanSquaredError(), entries=None)
    assert report.ok, str(report)


class Noisy(Relu):
    """A layer that draws random numbers of its own, which nobody can put back."""

    generator = np.random.default_rng(0)

    def __deepcopy__(self, memo: Any) -> "Noisy":
        return self

    def forward(self, x: Array, *, training: bool) -> tuple[Array, Any]:
        y, saved = super().forward(x, training=training)
        return y + self.generator.normal(size=y.shape), saved


def test_randomness_that_cannot_be_put_back_is_refused() -> None:
    network = Network([Affine(3), Noisy()], input_shape=(4,))
    with pytest.raises(InvalidValueError, match="check_network: the network gives another loss"):
        check(network)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"entries": 0}, "entries must be at least 1"), ({"seed": -1}, "seed must be at least 0")],
)
def test_check_network_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=f"check_network: {message}"):
        check(network_with(Affine(5)), **options)


def test_check_network_refuses_labels_out_of_range() -> None:
    with pytest.raises(InvalidValueError, match="labels must be from 0 to 2"):
        check_network(network_with(Affine(5)), data()[0], [9] * 6, SoftmaxCrossEntropy())


def test_check_network_refuses_labels_of_another_length() -> None:
    with pytest.raises(ShapeError, match=r"check_network: x and labels .* but have 6 and 2"):
        check_network(network_with(Affine(5)), data()[0], [0, 1], SoftmaxCrossEntropy())


# -- the report ---------------------------------------------------------------------------------


def test_the_report_is_a_table() -> None:
    backward = planted(2, lambda _, dy: dy)
    lines = str(check_op(ops.affine_forward, backward, affine_inputs())).splitlines()
    assert lines[0] == "Gradients of backward"
    assert lines[1].split() == [
        "name",
        "shape",
        "checked",
        "skipped",
        "error",
        "worst",
        "entry",
        "verdict",
    ]
    assert lines[2].split()[:5] == ["x", "(5,", "3)", "15", "0"]
    assert lines[2].endswith("  ok")
    expected = "bias    (4,)    0        0        -"
    assert lines[4].startswith(expected)
    assert lines[4].endswith("not summed over the batch: shape (5, 4), not (4,)")
    assert lines[5] == "Right: 2 of 3 gradients."


def test_the_report_of_a_network_says_where_to_look() -> None:
    layer = wrong(lambda dx, g: (-dx, g))(5, name="middle")
    last = str(check(network_with(layer))).splitlines()[-1]
    assert last.startswith("Right: 4 of 6 gradients. Backward runs from the output to the input")
    assert str(check(network_with(Affine(5)))).endswith("Right: 6 of 6 gradients.")
