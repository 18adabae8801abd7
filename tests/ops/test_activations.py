from harness import Case, Example, op_test

CASES = [Case("relu", lambda rng, n, k: Example((rng.normal(size=(n, 3, 4 * k)),)))]
test_ops = op_test(CASES)
