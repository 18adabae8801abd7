"""Notebooks with cells that fail: which cell it was, and going on after it."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from command_line import call
from handgrad.compat.cs231n.cell_by_cell import CELL_FAILED, joined, program
from handgrad.compat.cs231n.notebooks import Failures

FAILING = [
    "import matplotlib.pyplot as plt\nbest = None",
    "plt.plot([1, 2])\nbest.predict(3)",
    "x = # fill this in",
    "",
    "def f():\n    return 1 / 0\n\nf()",
    "plt.plot([2, 1])\nplt.show()\nprint('the end')",
]


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = [{"cell_type": "code", "source": text} for text in FAILING]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_lines_are_those_of_the_joined_texts() -> None:
    texts = ["a = 1", "b = 2\n\nc = 3\n", "", "# nothing", "d = 4"]
    lines = joined(texts).split("\n")
    found = [node for node in ast.walk(program(texts, "x")) if isinstance(node, ast.Assign)]
    assert [lines[node.lineno - 1] for node in found] == ["a = 1", "b = 2", "c = 3", "d = 4"]


def test_each_failing_cell_is_told_with_its_number() -> None:
    failed: list[Any] = []
    given = {CELL_FAILED: lambda error, number: failed.append((type(error).__name__, number))}
    texts = ["a = 1", "a.b", "c = = 1", "c = a + 1"]
    exec(compile(program(texts, "x"), "x", "exec"), given)  # noqa: S102  (its text is above)
    assert failed == [("AttributeError", 2), ("SyntaxError", 3)]
    assert given["c"] == 2


def test_an_error_ends_the_run(notebook: Path) -> None:
    called = call("cs231n", notebook)
    assert (called.status, called.out) == (1, "")
    assert called.err.endswith(
        "AttributeError: 'NoneType' object has no attribute 'predict'\n"
        "handgrad: code cell 2 ended in this error; --keep-going goes on with the next.\n"
    )


def test_going_on(notebook: Path) -> None:
    called = call("cs231n", "--keep-going", notebook)
    assert (called.status, called.out) == (1, "the end\n")
    for number in (2, 3, 5):
        assert f"handgrad: code cell {number} ended in this error; going on" in called.err
    assert called.err.count("ended in this error") == 3
    assert f'File "{notebook} (code cells)", line 11\n    x = # fill this in' in called.err
    assert f'File "{notebook} (code cells)", line 18, in f\n    return 1 / 0' in called.err
    figures = sorted(file.name for file in (notebook.parent / "figures").iterdir())
    assert figures == ["a-1.png", "a-2.png"]  # the failed cell's, and the last one's alone


def test_the_whole_traceback(notebook: Path) -> None:
    called = call("--debug", "cs231n", "--keep-going", notebook)
    assert called.status == 1
    assert "code cell 5 ended in this error" in called.err


def test_a_closed_pipe_ends_the_run() -> None:
    failures = Failures(keep_going=True, whole_traceback=False)
    with pytest.raises(BrokenPipeError, match="closed"):
        failures(BrokenPipeError("closed"), 1)
    assert failures.count == 0
