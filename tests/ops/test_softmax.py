import numpy as np

from handgrad import ops
from harness import Case, Example, check_close, op_test


def rows(rng: np.random.Generator, n: int, k: int) -> Example:
    return Example((2.0 * rng.normal(size=(n, 4 * k)),))


# Rows of very different height: a shift by anything but the row's own maximum overflows or
# leaves a row without any probability.
FAR_APART = [[1e4, 0.0, 1e4], [-1e4, -2e4, -3e4], [0.0, 0.0, 1e4]]


def softmax_far_apart() -> None:
    for dtype in (np.float32, np.float64):
        probs, saved = ops.softmax_forward(np.array(FAR_APART, dtype))
        assert probs.tolist() == [[0.5, 0, 0.5], [1, 0, 0], [0, 0, 1]]
        (dlogits,) = ops.softmax_backward(np.array([[1, 7, 3]] * 3, dtype), saved)
        assert dlogits.tolist() == [[-0.5, 0, 0.5], [0, 0, 0], [0, 0, 0]]


def log_softmax_far_apart() -> None:
    half = -np.log(2.0)
    expected = np.array([[half, half - 1e4, half], [0, -1e4, -2e4], [-1e4, -1e4, 0]])
    for dtype, tolerance in ((np.float32, 1e-7), (np.float64, 1e-15)):
        log_probs, saved = ops.log_softmax_forward(np.array(FAR_APART, dtype))
        check_close(log_probs, expected, tolerance, "log_softmax_forward, rows far apart")
        (dlogits,) = ops.log_softmax_backward(np.array([[1, 0, 3]] * 3, dtype), saved)
        wanted = np.array([[-1, 0, 1], [-3, 0, 3], [1, 0, -1]])
        check_close(dlogits, wanted, tolerance, "log_softmax_backward, rows far apart")


def sums_to_one() -> None:
    (logits,) = rows(np.random.default_rng(2), 6, 3).inputs
    probs, _ = ops.softmax_forward(logits)
    log_probs, _ = ops.log_softmax_forward(logits)
    check_close(probs.sum(axis=1), np.ones(6), 1e-15, "softmax_forward, sum of a row")
    check_close(np.exp(log_probs), probs, 1e-14, "exp of log_softmax_forward")


CASES = [
    Case("softmax", rows, extra=(softmax_far_apart, sums_to_one)),
    Case("log_softmax", rows, extra=(log_softmax_far_apart, sums_to_one)),
]
test_ops = op_test(CASES)
