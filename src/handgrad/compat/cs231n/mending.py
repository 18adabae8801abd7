"""Python out of what readers have: notebooks, exported notebooks, and scripts for Python 2.

Lines stay where they are, so that errors name the right ones.
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

from handgrad.checks import FileFormatError
from handgrad.compat.cs231n.cell_by_cell import joined, program
from handgrad.compat.cs231n.python2 import parses, print_call, translated

# %matplotlib, !wget, ?np.dot, np.dot?; and what only the first line of a file may be
MAGIC = re.compile(r"\s*(%%?[A-Za-z]|![^=]|\?)|\s*[\w.]+\?\??\s*$|from __future__ ")
COLAB = "google.colab"  # in cells that fetch the course's folder from Google Drive
KEPT = {"%%time", "%%timeit", "%%capture"}  # cell magics whose cell is Python all the same
MOVED = {"scipy.misc": "handgrad.compat.cs231n.shims.scipy_misc"}  # it has no pictures any more
PICTURES = {"imread", "imresize", "imsave"}


def python_of(path: Path) -> str:
    """The Python program in a notebook or a script, to read; `program_of` is the one to run.

    Raises:
        FileFormatError: the file is no notebook, or not text.
    """
    texts = [mended(text) for text in texts_of(path)]
    return joined(texts) if path.suffix == ".ipynb" else texts[0]


def program_of(path: Path, name: str) -> ast.Module:
    """The same as a syntax tree: what Python 2 or an older SciPy meant is in it too.

    Args:
        path: the file.
        name: what errors call it.
    """
    originals, source = texts_of(path), python_of(path)
    if path.suffix == ".ipynb":
        tree = program([mended(text) for text in originals], name)
    else:
        tree = ast.parse(source, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and PICTURES.issuperset(a.name for a in node.names):
            node.module = MOVED.get(node.module or "", node.module)
    tree = TimedCells().visit(tree)
    return translated(tree, source) if any(map(is_python2, originals)) else tree


class TimedCells(ast.NodeTransformer):
    """Puts the cell in the place of `get_ipython().run_cell_magic("time", "", cell)`.

    Exported notebooks have that. An error in the cell is at the call's line.
    """

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | list[ast.stmt]:
        """Look at one call."""
        match node.value:
            case ast.Call(
                func=ast.Attribute(attr="run_cell_magic"),
                args=[ast.Constant(str(name)), ast.Constant(), ast.Constant(str(text))],
            ) if f"%%{name}" in KEPT and parses(mended(text)):
                cell = ast.parse(mended(text)).body
                for each in (inner for statement in cell for inner in ast.walk(statement)):
                    ast.copy_location(each, node)
                return cell
            case _:
                return node


def texts_of(path: Path) -> list[str]:
    """The script, or the notebook's cells, not mended yet."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".ipynb":
            return [text]
        return [cell_as_script(code) for code in cells(json.loads(text))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        kind = "a notebook" if path.suffix == ".ipynb" else "a text in UTF-8"
        raise FileFormatError(
            f"{path}: must be {kind}, but is not one, or a damaged one "
            f"({type(error).__name__}: {error})."
        ) from error


def cells(notebook: dict[str, Any]) -> list[str]:
    """The text of the notebook's code cells, in versions 3 and 4 of the format."""
    sheets = notebook.get("worksheets", [notebook])
    found = [cell for sheet in sheets for cell in sheet["cells"] if cell["cell_type"] == "code"]
    texts: list[Any] = [cell.get("source", cell.get("input", "")) for cell in found]
    return [text if isinstance(text, str) else "".join(text) for text in texts]


def cell_as_script(code: str) -> str:
    """What is a cell's alone: no cell for Colab, no late `__future__`, pictures at its end."""
    code = re.sub(r"^(?=from __future__ )", "# ", code, flags=re.MULTILINE)
    first = code.split(maxsplit=1)[0] if code.split() else ""
    if COLAB in code or (first.startswith("%%") and first not in KEPT):
        return "\n".join(f"# {line}" for line in code.splitlines())
    return f"{code}\nplt.show()" if re.search(r"^\s*plt\.", code, re.MULTILINE) else code


def mended(code: str) -> str:
    r"""The code itself, if it is Python 3; else without IPython's magics and with `print()`.

    >>> print(mended("%matplotlib inline\nx = 5\nprint 'x %d' % (\n  x)"))
    # %matplotlib inline
    x = 5
    print('x %d' % (
      x))
    """
    if parses(code):
        return code
    lines, done = code.split("\n"), list[str]()
    while lines:
        if MAGIC.match(lines[0]):
            done.append(commented(lines.pop(0)))
            continue
        length, call = print_call(lines)
        done.append(call)
        del lines[:length]
    return "\n".join(done)


def is_python2(code: str) -> bool:
    """Whether it is print statements that keep the code from being Python 3."""
    lines = code.split("\n")
    plain = "\n".join(commented(line) if MAGIC.match(line) else line for line in lines)
    return not parses(plain) and parses(mended(code))


def commented(line: str) -> str:
    """A magic as a comment. In a block `pass` stands for it, so that the block is not empty."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass  # {line.strip()}" if indent else f"# {line}"
