import numpy as np

from harness import Case, Example, Make, op_test


def rescaled(rng: np.random.Generator, n: int, k: int) -> Example:
    return Example((rng.normal(size=(n, 3, 4 * k)),), {"scale": 0.3, "offset": -0.7})


def standardized(*positions: int) -> Make:
    def make(rng: np.random.Generator, n: int, k: int) -> Example:
        c = 3 * k
        x = 2 * rng.normal(size=(n, c, *positions)) + 1
        return Example((x,), {"mean": rng.normal(size=c), "std": rng.uniform(0.5, 2.0, c)})

    return make


CASES = [
    Case("rescale", rescaled),
    Case("standardize", standardized()),
    Case("standardize", standardized(2, 4), name="images"),
]
test_ops = op_test(CASES)
