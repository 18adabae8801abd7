"""Every small mistake planted in an op must turn its cases red."""

from mutants_equivalent import EQUIVALENT
from mutate import all_checks, caught, mutants


def test_mutants_are_caught() -> None:
    checks = all_checks()
    survivors = [
        f"{mutant.module.__name__}:{mutant.line}: {mutant.name}"
        for mutant in mutants()
        if mutant.name not in EQUIVALENT and not caught(mutant, checks.get(mutant.function, []))
    ]
    assert not survivors, f"{len(survivors)} survive:\n" + "\n".join(survivors)


def test_equivalent_mutants_exist() -> None:
    names = {mutant.name for mutant in mutants()}
    gone = [name for name in EQUIVALENT if name not in names]
    assert not gone, f"listed as equivalent, but there is no such mutant (any more): {gone}"


def test_unmutated_ops_pass() -> None:
    for checks in all_checks().values():
        for check in checks:
            check()
