"""A notebook as one program that knows which cell an error is from, and may go on after it.

Each cell becomes

    try:
        the cell
    except Exception as error:
        CELL_FAILED(error, its number)

and lines are numbered as in the cells' texts one below the other.
"""

import ast
from collections.abc import Sequence

CELL_FAILED = "__cell_failed__"  # the name of `Failures` in the program


def joined(texts: Sequence[str]) -> str:
    """The cells' texts one below the other, each with its number."""
    return "\n\n".join(f"# cell {number}\n{text}" for number, text in enumerate(texts, 1))


def program(texts: Sequence[str], name: str) -> ast.Module:
    """The program of these cells.

    Args:
        texts: Python, one text a cell. One that is none fails when its turn comes.
        name: what errors call the file.
    """
    body: list[ast.stmt] = []
    line = 1  # of the comment with the cell's number
    for number, text in enumerate(texts, 1):
        body.append(guarded(statements("\n" * line + text, name), number))
        line += text.count("\n") + 3  # that comment, the text, an empty line
    return ast.Module(body, [])


def statements(padded: str, name: str) -> list[ast.stmt]:
    """A cell's statements; for one that is no Python, one that raises the error."""
    try:
        return ast.parse(padded, name).body
    except SyntaxError as error:
        failing = ast.parse(f"compile({padded!r}, {name!r}, 'exec')").body
        ast.increment_lineno(failing[0], (error.lineno or 1) - 1)
        return failing


def guarded(cell: list[ast.stmt], number: int) -> ast.stmt:
    """`try: cell; except Exception: …`."""
    lines = f"try: pass\nexcept Exception as __error: {CELL_FAILED}(__error, {number})"
    (guard,) = ast.parse(lines).body
    assert isinstance(guard, ast.Try)  # noqa: S101  (it is two lines further up)
    guard.body = cell or guard.body
    return guard
