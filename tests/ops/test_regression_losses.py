import numpy as np

from handgrad import ops
from harness import Case, Example, Make, check_close, op_test


def measured(*shape: int, weighted: bool = False, **options: float) -> Make:
    """Outputs and targets a few units apart."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        size = (n, *shape, 3 * k)
        given: dict[str, object] = dict(options)
        if weighted:
            given["sample_weight"] = rng.uniform(0.5, 2.0, n)
        targets = rng.normal(size=size) * 2
        return Example((rng.normal(size=size) * 2,), {"targets": targets, **given})

    return make


def book_numbers() -> None:
    """The book's example, which calls this sum the mean squared error: 0.0975."""
    outputs = np.array([[0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]])
    targets = np.eye(10)[[2]]
    loss, saved = ops.half_squared_error_forward(outputs, targets=targets)
    check_close(loss, 0.0975, 1e-14, "half_squared_error_forward of the book's example")
    (doutputs,) = ops.half_squared_error_backward(np.array(1.0), saved)
    check_close(doutputs, outputs - targets, 1e-15, "half_squared_error_backward")
    mean, _ = ops.mean_squared_error_forward(outputs, targets=targets)
    check_close(mean, 2 * 0.0975 / 10, 1e-14, "mean_squared_error_forward of the same")


def weights_as_given() -> None:
    outputs, targets = np.array([[1.0], [2.0]]), np.zeros((2, 1))
    loss, _ = ops.half_squared_error_forward(
        outputs, targets=targets, sample_weight=np.array([4.0, 3.0])
    )
    assert loss == (4 * 1 + 3 * 4) / 2, f"half_squared_error_forward with weights: {loss}"
    loss, _ = ops.half_squared_error_forward(outputs, targets=targets, sample_weight=np.zeros(2))
    assert loss == 0, f"half_squared_error_forward with zero weights: {loss}"


def zero_weights() -> None:
    loss, saved = ops.mean_squared_error_forward(
        np.array([[3.0, 1.0], [0.0, 2.0]]), targets=np.ones((2, 2)), sample_weight=np.zeros(2)
    )
    (doutputs,) = ops.mean_squared_error_backward(np.array(1.0), saved)
    assert loss == 0, f"mean_squared_error_forward with zero weights: {loss}"
    assert not doutputs.any(), "mean_squared_error_backward with zero weights"


def both_sides_of_the_kink() -> None:
    outputs = np.array([[0.5, 2.0, 5.0, -5.0]])
    loss, saved = ops.huber_forward(outputs, targets=np.zeros((1, 4)), delta=2.0)
    check_close(loss, (0.125 + 2.0 + 8.0 + 8.0) / 4, 1e-15, "huber_forward by hand")
    (doutputs,) = ops.huber_backward(np.array(1.0), saved)
    expected = np.array([[0.5, 2.0, 2.0, -2.0]]) / 4
    check_close(doutputs, expected, 1e-15, "huber_backward by hand")


CASES = [
    Case("mean_squared_error", measured(), extra=(zero_weights,)),
    Case("mean_squared_error", measured(2, 4, weighted=True), name="weighted_maps"),
    Case("half_squared_error", measured(), extra=(book_numbers, weights_as_given)),
    Case("half_squared_error", measured(2, 4, weighted=True), name="weighted_maps"),
    Case("huber", measured(), extra=(both_sides_of_the_kink,)),
    Case("huber", measured(2, weighted=True, delta=2.5), name="delta_weighted"),
]
test_ops = op_test(CASES)
