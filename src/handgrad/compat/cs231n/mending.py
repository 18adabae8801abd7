"""Python out of what readers have: notebooks, exported notebooks, and scripts for Python 2.

Lines stay where they are, so that errors name the right ones.
"""

import json
import re
import warnings
from pathlib import Path
from typing import Any

from handgrad.checks import FileFormatError

# %matplotlib, !wget, ?np.dot, np.dot?; and what only the first line of a file may be
MAGIC = re.compile(r"\s*(%%?[A-Za-z]|![^=]|\?)|\s*[\w.]+\?\??\s*$|from __future__ ")
PRINT = re.compile(r"(\s*)print[ \t]+(?=[^\s(=.,:])(.*)", re.DOTALL)  # a statement of Python 2
COLAB = "google.colab"  # in cells that fetch the course's folder from Google Drive
KEPT = {"%%time", "%%timeit", "%%capture"}  # cell magics whose cell is Python all the same
LONGEST_PRINT = 6  # lines


def python_of(path: Path) -> str:
    """The Python program in a notebook or a script.

    Raises:
        FileFormatError: the file is no notebook, or not text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".ipynb":
            return mended(text)
        return "\n\n".join(
            f"# cell {number}\n{mended(cell_as_script(code))}"
            for number, code in enumerate(cells(json.loads(text)), 1)
        )
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


def parses(code: str) -> bool:
    """Whether the code is Python 3 as it is."""
    with warnings.catch_warnings(action="ignore"):  # Python gives them when the script runs
        try:
            compile(code, "script", "exec", dont_inherit=True)
        except SyntaxError:
            return False
    return True


def commented(line: str) -> str:
    """A magic as a comment. In a block `pass` stands for it, so that the block is not empty."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass  # {line.strip()}" if indent else f"# {line}"


def print_call(lines: list[str]) -> tuple[int, str]:
    """The first line, or the print statement of several lines that begins there, as a call."""
    if lines[0].strip() == "print":
        return 1, f"{lines[0].rstrip()}()"
    for length in range(1, LONGEST_PRINT + 1):
        statement = PRINT.match("\n".join(lines[:length]))
        if statement is None:
            break
        indent, printed = statement.groups()
        call = f"print({printed.rstrip().removesuffix(',')})"
        if parses(call):
            return length, f"{indent}{call}"
    return 1, lines[0]
