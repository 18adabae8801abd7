import numpy as np

from handgrad import ops
from harness import Case, Example, Make, check_close, op_test


def channels(*positions: int, constants: bool = False) -> Make:
    """(N, C, *positions), with parameters per channel; `constants` adds a given mean and var."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        c = 3 * k
        x = 2 * rng.normal(size=(n, c, *positions)) + 1
        options = {"eps": 0.1}
        if constants:
            options |= {"mean": rng.normal(size=c), "var": rng.uniform(0.5, 2.0, c)}
        return Example((x, rng.normal(size=c), rng.normal(size=c)), options)

    return make


def rows(*shape: int) -> Make:
    """(N, *shape), with parameters of that shape; the first axis grows with k."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        row = (shape[0] * k, *shape[1:])
        x = 2 * rng.normal(size=(n, *row)) + 1
        return Example((x, rng.normal(size=row), rng.normal(size=row)), {"eps": 0.1})

    return make


def by_hand() -> None:
    """Channel 0 holds 1 and 3 (mean 2, variance 1), channel 1 holds 5 and 5."""
    x = np.array([[1.0, 5.0], [3.0, 5.0]])
    weight, bias = np.array([2.0, 7.0]), np.array([10.0, 20.0])
    y, saved = ops.batch_norm_forward(x, weight, bias, eps=3.0)
    check_close(y, [[9.0, 20.0], [11.0, 20.0]], 1e-15, "batch_norm_forward by hand")
    check_close(saved.mean, [2.0, 5.0], 1e-15, "batch_norm_forward, mean")
    check_close(saved.var, [1.0, 0.0], 1e-15, "batch_norm_forward, var")


def one_entry_gives_the_bias() -> None:
    bias = np.array([1.0, 2.0, 3.0])
    y, saved = ops.batch_norm_forward(np.array([[4.0, -5.0, 6.0]]), np.ones(3), bias)
    check_close(y, bias[np.newaxis], 0.0, "batch_norm_forward of one entry per channel")
    check_close(saved.var, np.zeros(3), 0.0, "batch_norm_forward, var of one entry")
    dx, _, _ = ops.batch_norm_backward(np.ones((1, 3)), saved)
    check_close(dx, np.zeros((1, 3)), 0.0, "batch_norm_backward of one entry per channel")


def empty_statistics_are_zero() -> None:
    _, saved = ops.batch_norm_forward(np.ones((0, 3, 4, 2)), np.ones(3), np.zeros(3))
    check_close(saved.mean, np.zeros(3), 0.0, "batch_norm_forward, mean of an empty batch")
    check_close(saved.var, np.zeros(3), 0.0, "batch_norm_forward, var of an empty batch")


CASES = [
    Case("batch_norm", channels(), extra=(by_hand, one_entry_gives_the_bias)),
    Case("batch_norm", channels(2, 4), name="images", extra=(empty_statistics_are_zero,)),
    Case("batch_norm_inference", channels(constants=True)),
    Case("batch_norm_inference", channels(2, 4, constants=True), name="images"),
    Case("layer_norm", rows(4)),
    Case("layer_norm", rows(2, 3, 4), name="images"),
]
test_ops = op_test(CASES)
