"""Mutants of the compiled twins, run as plain Python.

`mutate.py` plants mistakes in the ops and asks their cases; this does the same with the kernels
and the properties of `twins.py`. Mutants are not compiled: for the run, every compiled function is
replaced by the Python function that it was made from.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

import numpy as np

from handgrad import kernels
from handgrad.kernels import dense, tiles_in_numpy
from mutate import Mutant, functions_of, mutants_of
from twins import twin_cases

Checks = list[Callable[[], None]]


def modules() -> list[ModuleType]:
    """The modules that hold twins, and what they share."""
    names = ["jit", "wide_pooling", *sorted(set(kernels.TWINS.values()))]
    return [importlib.import_module(f"handgrad.kernels.{name}") for name in names]


@cache
def kernel_mutants() -> list[Mutant]:
    """Every mutant of every function that can be reached from a twin."""
    reached = set(kernel_checks())
    found: list[Mutant] = []
    for module in modules():
        for function in functions_of(module):
            function.decorator_list = []
            if function.name in reached:
                found += mutants_of(module, function)
    return found


@contextmanager
def uncompiled() -> Generator[None]:
    """Plain Python in place of everything compiled, and tiles of NumPy, with short registers."""
    kept = [(module, dict(vars(module))) for module in [*modules(), dense]]
    width, tiles_in_numpy.LANES = tiles_in_numpy.LANES, 2
    for module, names in kept:
        for name, value in names.items():
            if name.startswith("tile_"):
                setattr(module, name, getattr(tiles_in_numpy, name))
            elif hasattr(value, "py_func"):
                setattr(module, name, value.py_func)
    try:
        yield
    finally:
        tiles_in_numpy.LANES = width
        for module, names in kept:
            vars(module).update(names)


@contextmanager
def planted(mutant: Mutant) -> Generator[None]:
    """Put the mutant in the original's place, wherever a kernel's module names it."""
    original = getattr(mutant.module, mutant.function)
    holders = [m for m in modules() if vars(m).get(mutant.function) is original]
    replacement = mutant.build()
    for module in holders:
        setattr(module, mutant.function, replacement)
    try:
        yield
    finally:
        for module in holders:
            setattr(module, mutant.function, original)


def kernel_checks() -> dict[str, Checks]:
    """{function of the kernels: the checks that must notice a mistake in it}."""
    checks: dict[str, Checks] = {}
    for case in twin_cases():
        for function in reached_from(case.functions):
            checks.setdefault(function, []).extend(case.checks())
    return checks


def reached_from(names: set[str]) -> set[str]:
    """The functions of the kernels that these, by their source, can call."""
    uses = {name: set(used) for module in modules() for name, used in names_used(module)}
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= (uses[name] & set(uses)) - reached
    return reached


def names_used(module: ModuleType) -> Iterator[tuple[str, Iterator[str]]]:
    """(function, the names in its body) of every function of a module."""
    for function in functions_of(module):
        nodes = [node for statement in function.body for node in ast.walk(statement)]
        yield function.name, (node.id for node in nodes if isinstance(node, ast.Name))


def caught(mutant: Mutant, checks: Checks) -> bool:
    """Whether any check fails with the mutant in place; an error of any kind counts."""
    with (
        planted(mutant),
        np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"),
    ):
        for check in checks:
            try:
                check()
            except Exception:  # noqa: BLE001  (whatever a mutant breaks with, it was noticed)
                return True
    return False
