"""Mutants: the ops with one small mistake planted, and whether their cases notice.

Every function of `handgrad.ops` is parsed, and for each place where a mistake can be planted (an
operator swapped, a side dropped, an axis or a number changed, …) a mutant is made. A mutant runs in
this process: it takes the original's place in every module of the ops, its op's checks run, and it
is caught when one of them fails. `test_mutants.py` demands that all are caught, but for those that
`mutants_equivalent.py` lists with a proof that they compute the same.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

import handgrad.ops

OPS = [
    importlib.import_module(f"handgrad.ops.{info.name}")
    for info in pkgutil.iter_modules(handgrad.ops.__path__)
]
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Gt: ast.Lt,
    ast.Lt: ast.Gt,
    ast.GtE: ast.LtE,
    ast.LtE: ast.GtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
CALLS = {"sum": "mean", "mean": "sum", "max": "min", "maximum": "minimum", "minimum": "maximum"}


@dataclass(frozen=True)
class Mutant:
    """One function with one mistake in it."""

    module: ModuleType
    function: str
    line: int  # of the module's file
    text: str  # what the mistaken statement says
    change: str  # what kind of mistake
    tree: ast.FunctionDef

    @property
    def name(self) -> str:
        """How `mutants_equivalent.py` and failing tests call it; free of line numbers."""
        return f"{self.function}: {self.change}: {self.text}"

    def build(self) -> FunctionType:
        """The mutated function, living in a copy of its module's namespace."""
        namespace = dict(vars(self.module))
        module = ast.Module([self.tree], [])
        exec(compile(ast.fix_missing_locations(module), f"<{self.name}>", "exec"), namespace)  # noqa: S102
        return namespace[self.function]


@functools.cache
def mutants() -> list[Mutant]:
    """Every mutant of every function of the ops, in the order of the source."""
    return [m for module in OPS for f in functions_of(module) for m in mutants_of(module, f)]


def functions_of(module: ModuleType) -> Iterator[ast.FunctionDef]:
    """The functions that a module defines."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef):
            yield node


def mutants_of(module: ModuleType, function: ast.FunctionDef) -> Iterator[Mutant]:
    """Every mutant of one function; its signature and its docstring stay."""
    count = len(list(places(function)))
    for index in range(count):
        for variant in range(8):
            tree = copy.deepcopy(function)
            statement, node = list(places(tree))[index]
            change = plant(node, variant)
            if change is None:
                break
            text = " ".join(ast.unparse(statement).split("\n")[0].split())
            yield Mutant(module, function.name, statement.lineno, text, change, tree)


def places(function: ast.FunctionDef) -> Iterator[tuple[ast.stmt, ast.AST]]:
    """Every (statement, node) of the body where something can be planted."""
    for statement in ast.walk(function):
        if not isinstance(statement, ast.stmt) or statement is function:
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # the docstring
        if isinstance(statement, ast.Raise):
            continue
        for child in ast.iter_child_nodes(statement):
            if not isinstance(child, ast.stmt):
                for node in ast.walk(child):
                    yield statement, node
        if isinstance(statement, ast.AugAssign):
            yield statement, statement


def plant(node: ast.AST, variant: int) -> str | None:
    """Change `node` in place; None when it has no such variant."""
    kinds: list[Callable[[], str]] = []
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPS:
        kinds.append(lambda: swap_operator(node))
    if isinstance(node, ast.BinOp):
        kinds.append(lambda: become(node, node.left, "keep the left side"))
        kinds.append(lambda: become(node, node.right, "keep the right side"))
        if isinstance(node.op, ast.Pow):
            kinds.append(
                lambda: become(node, ast.BinOp(node.left, ast.Mult(), node.right), "* for **")
            )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        kinds.append(lambda: become(node, node.operand, "drop the minus or not"))
    if isinstance(node, ast.Constant):
        kinds.extend(constant_changes(node))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        kinds.append(lambda: swap_comparison(node))
    if isinstance(node, ast.Call):
        kinds.extend(call_changes(node))
    if isinstance(node, ast.Attribute) and node.attr == "T":
        kinds.append(lambda: become(node, node.value, "drop the transpose"))
    if isinstance(node, ast.keyword) and node.arg == "axis":
        kinds.extend(axis_changes(node))
    return kinds[variant]() if variant < len(kinds) else None


def call_changes(node: ast.Call) -> list[Callable[[], str]]:
    """Mistakes in a call: another reduction, the branches of `where` exchanged, no exp or sqrt."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else ""
    kinds: list[Callable[[], str]] = []
    if isinstance(function, ast.Attribute) and name in CALLS:

        def rename() -> str:
            function.attr = CALLS[name]
            return f"{function.attr} for {name}"

        kinds.append(rename)
    if name == "where" and len(node.args) == 3:

        def exchange() -> str:
            node.args[1:] = node.args[2], node.args[1]
            return "branches exchanged"

        kinds.append(exchange)
    if (
        name in {"exp", "log", "log1p", "expm1", "sqrt", "tanh", "sign", "square"}
        and len(node.args) == 1
    ):
        kinds.append(lambda: become(node, node.args[0], f"no {name}"))
    return kinds


def constant_changes(node: ast.Constant) -> list[Callable[[], str]]:
    """Another number."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    return [lambda: become(node, ast.Constant(value + 1), f"{value + 1} for {value}")]


def axis_changes(node: ast.keyword) -> list[Callable[[], str]]:
    """Another axis, or none at all."""
    original = ast.unparse(node.value)
    other = {"0": 1, "1": 0, "-1": 0}.get(original)
    kinds: list[Callable[[], str]] = []
    if other is not None:

        def move() -> str:
            node.value = ast.Constant(other)
            return f"axis {other} for {original}"

        kinds.append(move)

    def drop() -> str:
        node.value = ast.Constant(None)
        return f"all axes for {original}"

    kinds.append(drop)
    return kinds


def swap_operator(node: ast.BinOp | ast.AugAssign) -> str:
    """Exchange + and −, × and ÷."""
    before = type(node.op).__name__
    node.op = SWAPS[type(node.op)]()
    return f"{type(node.op).__name__} for {before}"


def swap_comparison(node: ast.Compare) -> str:
    """Turn a comparison around."""
    before = type(node.ops[0]).__name__
    node.ops[0] = SWAPS[type(node.ops[0])]()
    return f"{type(node.ops[0]).__name__} for {before}"


def become(node: ast.AST, other: ast.AST, change: str) -> str:
    """Turn `node` into `other` without knowing its parent."""
    node.__class__ = other.__class__
    vars(node).update({key: value for key, value in vars(other).items() if key in other._fields})
    node._fields = other._fields  # pyright: ignore[reportAttributeAccessIssue]
    return change


# -- catching -----------------------------------------------------------------------------------


def all_checks() -> dict[str, list[Callable[[], None]]]:
    """{function of the ops: the checks that must notice a mistake in it}.

    A check belongs to its case's op, and to every helper that the op's functions reach.
    """
    checks: dict[str, list[Callable[[], None]]] = {}
    for path in sorted((Path(__file__).parent / "ops").glob("test_*.py")):
        for case in load(path).CASES:
            for function in case_functions(case):
                checks.setdefault(function, []).extend(case.checks())
    return checks


def case_functions(case: Any) -> set[str]:
    """The functions that a case runs: its own, and the ops' functions that those name."""
    names = getattr(case, "functions", None) or {f"{case.op}_forward", f"{case.op}_backward"}
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        function = next(f for m in OPS if isinstance(f := vars(m).get(name), FunctionType))
        code = function.__code__
        nested = [c for c in code.co_consts if inspect.iscode(c)]
        used = set(code.co_names).union(*(c.co_names for c in nested))
        known = {n for m in OPS for n, v in vars(m).items() if isinstance(v, FunctionType)}
        waiting |= (used & known) - reached
    return reached


def load(path: Path) -> ModuleType:
    """Import a test file by its path, once."""
    name = f"mutated_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@contextmanager
def planted(mutant: Mutant) -> Generator[None]:
    """Put the mutant in the original's place, wherever the ops (or their package) name it."""
    original = getattr(mutant.module, mutant.function)
    replacement = mutant.build()
    holders = [m for m in [handgrad.ops, *OPS] if vars(m).get(mutant.function) is original]
    for module in holders:
        setattr(module, mutant.function, replacement)
    try:
        yield
    finally:
        for module in holders:
            setattr(module, mutant.function, original)


def caught(mutant: Mutant, checks: list[Callable[[], None]]) -> bool:
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
