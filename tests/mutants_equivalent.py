"""Mutants that no test can catch, because they compute the same: each with its proof.

Keys are `Mutant.name`: function, change, statement.
"""

EQUIVALENT: dict[str, str] = {}
EQUIVALENT_KERNELS: dict[str, str] = {}  # the same, of the compiled twins
