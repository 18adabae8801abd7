"""Every small mistake planted in a kernel must turn a check of its twins red."""

from collections.abc import Iterator

import pytest

pytest.importorskip("numba")

from mutants_equivalent import EQUIVALENT_KERNELS
from mutate import functions_of
from mutate_kernels import caught, kernel_checks, kernel_mutants, modules, uncompiled


@pytest.fixture(autouse=True)
def plain_python() -> Iterator[None]:
    with uncompiled():
        yield


def test_unmutated_kernels_pass_as_plain_python() -> None:
    for checks in kernel_checks().values():
        for check in checks:
            check()


def test_mutants_are_caught() -> None:
    checks = kernel_checks()
    chosen = kernel_mutants()
    survivors = [
        f"{mutant.module.__name__}:{mutant.line}: {mutant.name}"
        for mutant in chosen
        if mutant.name not in EQUIVALENT_KERNELS and not caught(mutant, checks[mutant.function])
    ]
    assert not survivors, f"{len(survivors)} of {len(chosen)} survive:\n" + "\n".join(survivors)


def test_every_function_is_reached_by_a_check() -> None:
    functions = {function.name for module in modules() for function in functions_of(module)}
    assert functions - set(kernel_checks()) == {"compiled", "inlined"}  # decorators


def test_equivalent_mutants_exist() -> None:
    names = {mutant.name for mutant in kernel_mutants()}
    gone = [name for name in EQUIVALENT_KERNELS if name not in names]
    assert not gone, f"listed as equivalent, but there is no such mutant (any more): {gone}"
