"""Programs for Python 2 in Python 3: their print statements, their dicts, their division."""

import ast
import re
import warnings
from typing import Any

import numpy as np

PRINT = re.compile(r"((?:[^#\n]*?[;:])??\s*)print[ \t]+(?=[^\s(=.,:])(.*)", re.DOTALL)
LONGEST_PRINT = 6  # lines
VIEWS = {"iteritems": "items", "iterkeys": "keys", "itervalues": "values"}
QUOTIENT = "__python2_quotient__"  # the name of `quotient` in the program
TRUE_DIVISION = re.compile(r"^[# ]*from __future__ import .*\bdivision\b", re.MULTILINE)


def parses(code: str | bytes) -> bool:
    """Whether the code is Python 3 as it is."""
    with warnings.catch_warnings(action="ignore"):  # Python gives them when the script runs
        try:
            compile(code, "script", "exec", dont_inherit=True)
        except SyntaxError:
            return False
    return True


def print_call(lines: list[str]) -> tuple[int, str]:
    """The first line, or the print statement of several lines that begins there, as a call."""
    if lines[0].strip() == "print":
        return 1, f"{lines[0].rstrip()}()"
    for length in range(1, LONGEST_PRINT + 1):
        statement = PRINT.match("\n".join(lines[:length]))
        if statement is None:
            break
        indent, printed = statement.groups()
        for call in calls(printed):
            if parses(call):
                return length, f"{indent}{call}"
    return 1, lines[0]


def calls(printed: str) -> list[str]:
    """What `print printed` may mean: all of it is printed, or what is before a # or a semicolon."""
    found: list[str] = []
    for end in [len(printed), *(mark.start() for mark in re.finditer("[#;]", printed))]:
        values, rest = printed[:end].rstrip().removesuffix(","), printed[end:]
        if rest.startswith(";"):
            rest = f"; {print_call([rest[1:].lstrip()])[1]}"
        found.append(f"print({values})  {rest}".rstrip().replace(")  ; ", "); "))
    return found


def translated(tree: ast.Module, source: str) -> ast.Module:
    """A program that has `print()` already, with Python 2's meaning of the rest; lines stay."""
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    views = {name: view for name, view in VIEWS.items() if name not in defined}
    return Translator(views, divides=TRUE_DIVISION.search(source) is None).visit(tree)


class Translator(ast.NodeTransformer):
    """Renames the methods of dicts, has `/` give an integer between two, and `print` a line.

    Args:
        views: methods' names, old and new.
        divides: whether `/` is Python 2's.
    """

    def __init__(self, views: dict[str, str], *, divides: bool) -> None:
        self.views, self.divides = views, divides

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        """`d.iteritems` becomes `d.items`."""
        self.generic_visit(node)
        node.attr = self.views.get(node.attr, node.attr)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        """`print` alone becomes a call."""
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "print":
            node.value = ast.copy_location(ast.Call(node.value, [], []), node.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """`a / b` becomes a call of `quotient`."""
        self.generic_visit(node)
        if not (self.divides and isinstance(node.op, ast.Div)):
            return node
        function = ast.Name(QUOTIENT, ast.Load())
        call = ast.copy_location(ast.Call(function, [node.left, node.right], []), node)
        return ast.fix_missing_locations(call)


def quotient(a: Any, b: Any) -> Any:
    """`a / b` as in Python 2: rounded down between integers.

    >>> quotient(7, 2), quotient(7, 2.0)
    (3, 3.5)
    """
    return a // b if is_whole(a) and is_whole(b) else a / b


def is_whole(value: Any) -> bool:
    """Whether it is an integer, or an array of integers."""
    return isinstance(value, int) or getattr(value, "dtype", np.dtype(float)).kind in "biu"
