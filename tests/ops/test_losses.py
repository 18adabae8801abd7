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


def perfect_answer_is_zero() -> None:
    loss, _ = ops.softmax_cross_entropy_forward(np.array([[1000.0, 0.0]]), labels=np.array([0]))
    assert str(loss) == "0.0", f"softmax_cross_entropy_forward of a perfect answer: {loss}"


def book_numbers() -> None:
    """The scores [3, 1, 6] with label 1, which the book's readers know as 5.054969555278561.

    That number has 1e-7 added inside the logarithm, against log(0); −log softmax itself is
    5.054985235. The gradient printed with it, [0.0157, −0.3312, 0.3155], is a third of the
    derivative: the code takes the number of classes for the number of rows and divides by it.
    """
    logits, labels = np.array([[3.0, 1.0, 6.0]]), np.array([1])
    loss, saved = ops.softmax_cross_entropy_forward(logits, labels=labels)
    check_close(loss, 5.054985235377147, 1e-15, "softmax_cross_entropy_forward of [3, 1, 6]")
    check_close(-np.log(np.exp(-loss) + 1e-7), 5.054969555278561, 1e-15, "the printed loss")
    (dlogits,) = ops.softmax_cross_entropy_backward(np.array(1.0), saved)
    printed = np.array([[0.01570781, -0.33120751, 0.31549971]])
    check_close(dlogits, 3 * printed, 1e-7, "softmax_cross_entropy_backward of [3, 1, 6]")


def zero_weights() -> None:
    loss, saved = ops.softmax_cross_entropy_forward(
        np.array([[3.0, 1.0], [0.0, 2.0]]), labels=np.array([1, 0]), sample_weight=np.zeros(2)
    )
    (dlogits,) = ops.softmax_cross_entropy_backward(np.array(1.0), saved)
    assert loss == 0, f"softmax_cross_entropy_forward with zero weights: {loss}"
    assert not dlogits.any(), "softmax_cross_entropy_backward with zero weights"


def answered(*shape: int, soft: bool = False, weighted: bool = False) -> Make:
    """Logits of yes/no questions; `soft` labels are probabilities."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        size = (n, *shape, 3 * k)
        labels = rng.uniform(size=size) if soft else rng.integers(0, 2, size).astype(float)
        options = {"sample_weight": rng.uniform(0.5, 2.0, n)} if weighted else {}
        return Example((rng.normal(size=size) * 3,), {"labels": labels, **options})

    return make


def extreme_answers() -> None:
    logits = np.array([[1000.0, -1000.0, 1000.0, -1000.0, 40.0]])
    labels = np.array([[1.0, 0.0, 0.0, 1.0, 1.0]])
    loss, saved = ops.binary_cross_entropy_forward(logits, labels=labels)
    check_close(loss, 400.0, 1e-15, "binary_cross_entropy_forward of extreme logits")
    (dlogits,) = ops.binary_cross_entropy_backward(np.array(1.0), saved)
    expected = np.array([[0.0, 0.0, 0.2, -0.2, 0.0]])
    check_close(dlogits, expected, 1e-15, "binary_cross_entropy_backward of extreme logits")


def confident_answer_keeps_its_digits() -> None:
    # 1 - sigmoid(40) is 4.2e-18: less than 40's last digit, so the order of the sum matters.
    loss, _ = ops.binary_cross_entropy_forward(np.array([[40.0]]), labels=np.array([[1.0]]))
    check_close(loss / np.exp(-40.0), 1.0, 1e-12, "binary_cross_entropy_forward near 0")


def hinge_by_hand() -> None:
    # The example of CS231n: scores of a cat, a car and a frog; losses 2.9, 0 and 12.9.
    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    loss, saved = ops.hinge_forward(scores, labels=np.array([0, 1, 2]))
    check_close(loss, 15.8 / 3, 1e-15, "hinge_forward of the three pictures")
    (dscores,) = ops.hinge_backward(np.array(1.0), saved)
    expected = np.array([[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, -2.0]]) / 3
    check_close(dscores, expected, 1e-15, "hinge_backward of the three pictures")


def hinge_at_its_kink() -> None:
    scores = np.array([[3.0, 2.0]])
    loss, saved = ops.hinge_forward(scores, labels=np.array([0]), margin=1.0)
    (dscores,) = ops.hinge_backward(np.array(1.0), saved)
    assert loss == 0, f"hinge_forward with exactly the margin: {loss}"
    assert not dscores.any(), "hinge_backward with exactly the margin"


CASES = [
    Case(
        "softmax_cross_entropy",
        classified(),
        extra=(extreme_logits, perfect_answer_is_zero, book_numbers, zero_weights),
    ),
    Case(
        "softmax_cross_entropy",
        classified(weighted=True, label_smoothing=0.1),
        name="smoothed_weighted",
    ),
    Case("softmax_cross_entropy", classified(rows=True), name="rows"),
    Case("softmax_cross_entropy", classified(rows=True, label_smoothing=0.2), name="rows_smoothed"),
    Case(
        "binary_cross_entropy",
        answered(),
        extra=(extreme_answers, confident_answer_keeps_its_digits),
    ),
    Case(
        "binary_cross_entropy", answered(2, 4, soft=True, weighted=True), name="soft_weighted_maps"
    ),
    Case("hinge", classified(), extra=(hinge_by_hand, hinge_at_its_kink)),
    Case("hinge", classified(weighted=True, margin=2.5), name="margin_weighted"),
]
test_ops = op_test(CASES)
