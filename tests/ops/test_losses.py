import numpy as np

from handgrad import ops
from harness import Case, Example, Make, check_close, op_test


def classified(**options: object) -> Make:
    """Logits with integer labels; `weighted` adds sample weights, `rows` gives label rows."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        logits = rng.normal(size=(n, 4 * k)) * 3
        given = dict(options)
        labels = rng.integers(0, 4 * k, n)
        if given.pop("rows", False):
            labels = rng.dirichlet(np.ones(4 * k), n)
        if given.pop("weighted", False):
            given["sample_weight"] = rng.uniform(0.5, 2.0, n)
        return Example((logits,), {"labels": labels, **given})

    return make


def extreme_logits() -> None:
    logits = np.array([[1000.0, 0.0], [0.0, -1000.0], [0.0, 1000.0]])
    loss, saved = ops.softmax_cross_entropy_forward(logits, labels=np.array([0, 0, 0]))
    check_close(loss, 1000 / 3, 1e-15, "softmax_cross_entropy_forward of extreme logits")
    (dlogits,) = ops.softmax_cross_entropy_backward(np.array(1.0), saved)
    expected = np.array([[0.0, 0.0], [0.0, 0.0], [-1.0, 1.0]]) / 3
    check_close(dlogits, expected, 1e-15, "softmax_cross_entropy_backward of extreme logits")


CASES = [
    Case("softmax_cross_entropy", classified(), extra=(extreme_logits,)),
    Case(
        "softmax_cross_entropy",
        classified(weighted=True, label_smoothing=0.1),
        name="smoothed_weighted",
    ),
    Case("softmax_cross_entropy", classified(rows=True), name="rows"),
]
test_ops = op_test(CASES)
