"""Programs for Python 2: what their prints, dicts and divisions mean, and SciPy's old pictures."""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command_line import call
from handgrad.compat.cs231n.mending import is_python2, mended, program_of
from handgrad.compat.cs231n.python2 import QUOTIENT, quotient, translated
from handgrad.compat.cs231n.shims.scipy_misc import as_bytes, imread, imresize, imsave


def run(source: str) -> dict[str, Any]:
    """What a program for Python 2 defines."""
    tree = translated(ast.parse(source), source)
    found: dict[str, Any] = {QUOTIENT: quotient}
    exec(compile(tree, "program", "exec"), found)  # noqa: S102  (the lines are in this file)
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print x[:9] # a few", "print(x[:9])  # a few"),
        ("print 'a', # b", "print('a')  # b"),
        ("print 'a # b' # c # d", "print('a # b')  # c # d"),
        ("print 'a' % (  # b\n  1)", "print('a' % (  # b\n  1))"),
        ("x = 1; print x", "x = 1; print(x)"),
        ("if x: print x", "if x: print(x)"),
        ("print 1; print 2, # c", "print(1); print(2)  # c"),
        ("print 1; x = 2", "print(1); x = 2"),
        ("print 'a;b'", "print('a;b')"),
        ("s = 'a: print b'\nprint 5", "s = 'a: print b'\nprint(5)"),
    ],
)
def test_prints_beside_others(code: str, expected: str) -> None:
    assert mended(code) == expected


def test_division() -> None:
    found = run("a = 7 / 2\nb = 7 / 2.0\nc = [0, 1, 2, 3, 4][5 / 2:-3 / 2]\nd = (9 / 2) / 4\n")
    assert [found[name] for name in "abcd"] == [3, 3.5, [2], 1]
    assert isinstance(found["a"], int)
    np.testing.assert_array_equal(quotient(np.array([7, -7]), 2), [3, -4])
    np.testing.assert_array_equal(quotient(7, np.array([2.0, 4.0])), [3.5, 1.75])
    assert run("a = 7 * 2 // 4\na /= 4")["a"] == 0.75
    assert run("# from __future__ import print_function, division\na = 7 / 2")["a"] == 3.5


def test_an_error_in_a_division_is_at_its_line() -> None:
    tree = translated(ast.parse("x = 1\ny = (x\n     / 0)"), "")
    (_, line) = tree.body
    assert isinstance(line, ast.Assign)
    assert (line.value.lineno, line.value.end_lineno) == (2, 3)


def test_empty_lines(capsys: pytest.CaptureFixture[str]) -> None:
    run("if 1: print\nprint\nprint(5)\nshow = print")
    assert capsys.readouterr().out == "\n\n5\n"


def test_views_of_dicts() -> None:
    found = run(
        "d = {'a': 1}\nx = [list(v) for v in (d.iteritems(), d.iterkeys(), d.itervalues())]"
    )
    assert found["x"] == [[("a", 1)], ["a"], [1]]
    own = run("class A:\n    def iteritems(self):\n        return 5\nx = A().iteritems()")
    assert own["x"] == 5


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print 5", True),
        ("%matplotlib inline\nif 1:\n    print 'a'", True),
        ("print(5)", False),
        ("%matplotlib inline\nprint(5)", False),
        ('%matplotlib inline\n"""\nprint 5\n"""', False),
        ("print 5\nx = = 1", False),
    ],
)
def test_what_is_python_2(code: str, *, expected: bool) -> None:
    assert is_python2(code) is expected


def notebook(path: Path, *texts: str) -> Path:
    cells = [{"cell_type": "code", "source": text} for text in texts]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_one_cell_tells_of_all(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "a.ipynb", "d = {1: 7 / 2}", "for k, v in d.iteritems():\n  print k, v"
    )
    called = call("cs231n", path)
    assert (called.status, called.out) == (0, "1 3\n"), called.err
    path = notebook(tmp_path / "b.ipynb", "print(7 / 2)", "{}.iteritems()")
    called = call("cs231n", path)
    assert (called.status, called.out) == (1, "3.5\n")
    assert "AttributeError: 'dict' object has no attribute 'iteritems'" in called.err


def test_modules_of_the_readers_own(tmp_path: Path) -> None:
    folder = tmp_path / "cs231n"
    folder.mkdir()
    trainer = folder / "classifier_trainer.py"
    trainer.write_text(
        "def train(steps):\n  for i in xrange(steps / 2):\n    print 'step', i\n", encoding="utf-8"
    )
    (tmp_path / "helpers.py").write_text("half = 7 / 2\n", encoding="utf-8")
    script = tmp_path / "a.py"
    script.write_text(
        "from cs231n.classifier_trainer import train\nfrom cs231n.layers import relu_forward\n"
        "import helpers\ntrain(5)\nprint(helpers.half)\n",
        encoding="utf-8",
    )
    called = call("cs231n", script)  # nothing tells that helpers is for Python 2
    assert (called.status, called.out) == (0, "step 0\nstep 1\n3.5\n"), called.err
    trainer.write_text("def train(steps):\n  print 'a', undefined\n", encoding="utf-8")
    called = call("cs231n", script)
    assert f'File "{trainer}", line 2, in train' in called.err
    assert "    print 'a', undefined\n" in called.err


def test_packages_of_the_readers_own(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("print 'tools'\n", encoding="utf-8")
    (tmp_path / "tools" / "one.py").write_bytes(b"# coding: latin-1\nx = '\xe4'\n")
    script = tmp_path / "a.py"
    script.write_text("from tools.one import x\nprint(x)\n", encoding="utf-8")
    called = call("cs231n", script)
    assert (called.status, called.out) == (0, "tools\n\u00e4\n"), called.err


def test_pictures_of_scipy(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, 3:] = 255
    imsave(tmp_path / "kitten.png", pixels)
    np.testing.assert_array_equal(imread(tmp_path / "kitten.png"), pixels)
    path = notebook(
        tmp_path / "a.ipynb",
        "from scipy.misc import imread, imresize\nkitten = imread('kitten.png')\n"
        "d = kitten.shape[1] - kitten.shape[0]\n"
        "print imresize(kitten[:, d/2:-d/2], (2, 8)).shape",
    )
    called = call("cs231n", path)
    assert (called.status, called.out) == (0, "(2, 8, 3)\n"), called.err
    (tmp_path / "b.py").write_text("from scipy.misc import face", encoding="utf-8")
    other = program_of(tmp_path / "b.py", "b")
    assert ast.unparse(other) == "from scipy.misc import face"


def test_sizes_of_pictures() -> None:
    pixels = np.arange(8 * 12, dtype=np.uint8).reshape(8, 12)
    assert imresize(pixels, 50).shape == imresize(pixels, 0.5).shape == (4, 6)
    assert imresize(pixels, (3, 5)).dtype == np.uint8
    # A picture of the same size is the same; each new pixel is a mean of those it covers.
    np.testing.assert_array_equal(imresize(pixels, (8, 12)), pixels)
    left, right = imresize(np.array([[0, 0, 200, 200]], np.uint8).repeat(2, axis=0), (1, 2))[0]
    assert 0 <= left < 60
    assert 140 < right <= 200


def test_pixels_that_are_no_bytes(tmp_path: Path) -> None:
    np.testing.assert_array_equal(as_bytes(np.array([[-1.0, 0.0, 1.0]])), [[0, 128, 255]])
    np.testing.assert_array_equal(as_bytes(np.full((2, 2), 3.0)), np.zeros((2, 2)))
    imsave(tmp_path / "a.png", np.array([[0.0, 2.0]]))
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.array(picture), [[0, 255]])


def test_a_syntax_error_is_the_scripts_own(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("print 5\nx = = 1\n", encoding="utf-8")
    called = call("cs231n", path)
    assert called.status == 1
    assert called.err.rstrip().endswith("SyntaxError: invalid syntax")
