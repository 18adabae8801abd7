"""Python out of notebooks, exported notebooks and scripts for Python 2."""

import json
from pathlib import Path
from typing import Any

import pytest

from handgrad.checks import FileFormatError
from handgrad.compat.cs231n.mending import cell_as_script, mended, program_of, python_of


def write_notebook(path: Path, *cells: Any, old: bool = False) -> Path:
    key = "input" if old else "source"
    listed: list[Any] = [{"cell_type": "code", key: text, "outputs": []} for text in cells]
    listed.insert(1, {"cell_type": "markdown", key: "# %matplotlib is not code"})
    notebook = {"worksheets": [{"cells": listed}]} if old else {"cells": listed}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "code",
    [
        "x = 5\n",
        "print('%d' %\n  5)\n",
        'text = """\n%matplotlib inline\n!ls\nprint 5\n"""\n',
        "",
    ],
)
def test_python_stays_as_it_is(code: str) -> None:
    assert mended(code) == code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%matplotlib inline", "# %matplotlib inline"),
        ("!ls -l\nx = 1", "# !ls -l\nx = 1"),
        ("%%time\nx = 1", "# %%time\nx = 1"),
        ("np.dot?", "# np.dot?"),
        ("?np.dot", "# ?np.dot"),
        ("if x:\n  %cd data\ny = 1", "if x:\n  pass  # %cd data\ny = 1"),
        ("print 'a', b", "print('a', b)"),
        ("if 1:\n    print 'a',", "if 1:\n    print('a')"),
        ("print", "print"),
        ("print\nprint 5", "print()\nprint(5)"),
        (
            "print 'a %d %d' % (\n    1,\n    2)\nx = 1",
            "print('a %d %d' % (\n    1,\n    2))\nx = 1",
        ),
        ("x = (5\n     % 3)\n%cd", "x = (5\n     % 3)\n# %cd"),
        ("x = 1\nfrom __future__ import division", "x = 1\n# from __future__ import division"),
        ("print -1 5\nprint 6", "print -1 5\nprint(6)"),
    ],
)
def test_mending(code: str, expected: str) -> None:
    assert mended(code) == expected


def test_cells() -> None:
    assert cell_as_script("x = 1") == "x = 1"
    assert cell_as_script("from __future__ import division") == "# from __future__ import division"
    assert cell_as_script("plt.plot(x)") == "plt.plot(x)\nplt.show()"
    assert cell_as_script("from google.colab import drive\nx = 1").startswith("# from google")
    assert cell_as_script("%%bash\nrm -r data") == "# %%bash\n# rm -r data"
    assert cell_as_script("%%time\nx = 1") == "%%time\nx = 1"


@pytest.mark.parametrize("old", [False, True])
def test_notebooks(tmp_path: Path, *, old: bool) -> None:
    path = write_notebook(tmp_path / "a.ipynb", ["x = 1\n", "%cd data\n"], "print x", old=old)
    assert python_of(path) == "# cell 1\nx = 1\n# %cd data\n\n\n# cell 2\nprint(x)"


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"cells": [{"source": "x"}]}'])
def test_no_notebook(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"a\.ipynb: must be a notebook, but is not one"):
        python_of(path)


def test_scripts(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("\ufeff# coding: utf-8\nprint 'ä'", encoding="utf-8")
    assert python_of(path).startswith("# coding: utf-8\nprint('")
    path.write_bytes(b"x = '\xff'")
    with pytest.raises(FileFormatError, match="must be a text in UTF-8, but is not one"):
        python_of(path)


def test_timed_cells_of_exported_notebooks(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        "x = 1\nget_ipython().run_cell_magic('time', '', 'y = 2\\nz = 1 / 0\\n')\n"
        "get_ipython().run_cell_magic('bash', '', 'rm -r data')\n"
        "get_ipython().run_cell_magic('time', '', 'no Python')\n",
        encoding="utf-8",
    )
    program = program_of(path, "a")
    assert [type(each).__name__ for each in program.body] == [
        "Assign",
        "Assign",
        "Assign",
        "Expr",
        "Expr",
    ]
    assert [each.lineno for each in program.body] == [1, 2, 2, 3, 4]
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(program, "a", "exec"), {})  # noqa: S102  (its text is above)
    assert caught.tb.tb_next is not None
    assert caught.tb.tb_next.tb_lineno == 2
