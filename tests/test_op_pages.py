"""An op's page can be ticked off: every saved field and every backward line says what it is."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import handgrad.layers
from mutate import OPS

NUMBERED = re.compile(r"#.*\(\d[\d, ]*\)")


def lines_and_tree() -> Iterator[tuple[str, list[str], ast.Module]]:
    """(file name, lines, syntax tree) of every file of the ops."""
    for module in OPS:
        source = inspect.getsource(module)
        yield f"ops/{Path(module.__file__ or '').name}", source.splitlines(), ast.parse(source)


def computes(statement: ast.stmt) -> bool:
    """Whether an assignment computes a number; parts of `saved` and counts of axes do not."""
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return False
    named = {node.id for node in ast.walk(statement) if is_target(node)}
    made = any(isinstance(node, ast.BinOp | ast.Call) for node in ast.walk(statement.value))
    return made and not named <= {"axes", "m"}


def is_target(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def test_saved_fields_say_what_they_are() -> None:
    bare = [
        f"{name}:{field.lineno}: {lines[field.lineno - 1].strip()}"
        for name, lines, tree in lines_and_tree()
        for record in tree.body
        if isinstance(record, ast.ClassDef)
        for field in record.body
        if isinstance(field, ast.AnnAssign) and "  # " not in lines[field.lineno - 1]
    ]
    assert not bare, "a field of `saved` has a comment:\n" + "\n".join(bare)


def test_backward_lines_say_which_equation_they_undo() -> None:
    bare = [
        f"{name}:{statement.lineno}: {lines[statement.lineno - 1].strip()}"
        for name, lines, tree in lines_and_tree()
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name.endswith("_backward")
        for statement in function.body
        if computes(statement) and not NUMBERED.search(lines[(statement.end_lineno or 0) - 1])
    ]
    assert not bare, "a backward line names its equation, as `# (2)`:\n" + "\n".join(bare)


def test_a_layer_stands_in_the_file_that_its_op_does() -> None:
    homes = {
        name: module.__name__
        for module in OPS
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", "") == module.__name__
    }
    elsewhere = [
        f"layers/{path.name}:{node.lineno}: {node.attr} is in {homes[node.attr]}"
        for path in sorted(Path(handgrad.layers.__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr.endswith("_forward")
        and homes[node.attr].rpartition(".")[2] != path.stem
    ]
    assert not elsewhere, "one family, one name:\n" + "\n".join(elsewhere)


def test_every_layer_has_a_test() -> None:
    files = (Path(__file__).parent / "layers").glob("test_*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    without = [name for name in handgrad.layers.__all__ if not re.search(rf"\b{name}\b", text)]
    assert not without, f"tests/layers does not mention {', '.join(without)}"
