import numpy as np

from harness import Case, Example, Make, op_test


def factors(x_shape: str, y_shape: str) -> Make:
    """Random factors; a letter is an axis: n, k (4 k), m (3 k), 1, or "b" for one of size 2."""

    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        sizes = {"n": n, "k": 4 * k, "m": 3 * k, "1": 1, "b": 2}
        shapes = [tuple(sizes[letter] for letter in shape) for shape in (x_shape, y_shape)]
        x, y = (rng.normal(size=shape) for shape in shapes)
        return Example((x, y))

    return make


CASES = [
    Case("matmul", factors("nk", "km")),
    Case("matmul", factors("k", "km"), name="vector on the left"),
    Case("matmul", factors("nk", "k"), name="vector on the right"),
    Case("matmul", factors("n", "n"), name="vectors"),
    Case("matmul", factors("bnk", "bkm"), name="many matrices"),
    Case("matmul", factors("bnk", "km"), name="one matrix for many"),
    Case("matmul", factors("1nk", "b1km"), name="both broadcast"),
    Case("matmul", factors("k", "bkm"), name="vector and many matrices"),
    Case("matmul", factors("bnk", "k"), name="many matrices and vector"),
]
test_ops = op_test(CASES)
