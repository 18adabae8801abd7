"""Mutants that no test can catch, because they compute the same: each with its proof.

Keys are `Mutant.name`: function, change, statement.
"""

EQUIVALENT: dict[str, str] = {}
