from harness import Case, Example, op_test

CASES = [
    Case(
        "affine",
        lambda rng, n, k: Example(
            (rng.normal(size=(n, 4 * k)), rng.normal(size=(4 * k, 3 * k)), rng.normal(size=3 * k))
        ),
    )
]
test_ops = op_test(CASES)
