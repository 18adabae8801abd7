"""`handgrad cs231n`: scripts and notebooks in the course's style, from any folder."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from command_line import call
from handgrad.compat.cs231n import conventions

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the scripts in the reader's folder; we stand elsewhere, without a display."""
    shutil.copytree(SCRIPTS, tmp_path / "assignment2")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return tmp_path / "assignment2"


def notebook(path: Path, *cells: str) -> Path:
    listed: list[Any] = [{"cell_type": "code", "source": cell} for cell in cells]
    path.write_text(json.dumps({"cells": listed, "nbformat": 4}), encoding="utf-8")
    return path


def test_an_exported_notebook(home: Path) -> None:
    called = call("cs231n", home / "dropout_and_batchnorm.py")
    assert called.status == 0, called.err
    lines = called.out.splitlines()
    assert lines[:3] == [
        "three times two: 6",  # a module of the reader's, which uses one of ours
        "dx relative error small: True",
        "dgamma error small: True",
    ]
    assert lines[3].startswith("(Iteration 1 / 6) loss: 1.104191")
    assert lines[-1].startswith("(Epoch 2 / 2) train acc: ")
    assert (home / "figures" / "dropout_and_batchnorm-1.png").exists()
    assert not any(name.split(".")[0] == "cs231n" for name in sys.modules)


def test_a_script_for_python_2(home: Path) -> None:
    called = call("cs231n", home / "svm_python2.py")
    assert called.status == 0, called.err
    lines = called.out.splitlines()
    assert lines[0] == "loss: 2.000033"
    assert all("relative error: " in line for line in lines[1:4])
    assert lines[4:6] == [
        f"lr {lr} accuracy at least: 0" for lr in ("1.000000e-07", "5.000000e-05")
    ]
    assert lines[6:] == ["", "penalty 3.0"]  # 1 by the hinge, 1 · (1 + 1) by the penalty


def test_the_year(home: Path) -> None:
    called = call("cs231n", "--year", "2016", home / "svm_python2.py")
    assert called.out.splitlines()[-1] == "penalty 2.0"
    assert conventions.Chosen.year == conventions.NEWEST_YEAR
    called = call("cs231n", "--year", "1999", home / "svm_python2.py")
    assert (called.status, called.out) == (2, "")
    assert "--year" in called.err
    assert "2015" in called.err


def test_a_notebook(home: Path) -> None:
    path = notebook(
        home / "Test Nets.ipynb",
        "from google.colab import drive\nFOLDERNAME = None\nassert FOLDERNAME is not None",
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nimport numpy as np\n"
        "from cs231n.layers import *",
        "from __future__ import print_function\n!ls\nx, _ = relu_forward(np.array([-1.0, 2.0]))\n"
        "print(x, __name__)",
        "plt.plot(x)",  # shown in a notebook, though nobody calls show
        "plt.plot(-x)",
    )
    called = call("cs231n", "--figures", "pictures", path)
    assert (called.status, called.out) == (0, "[0. 2.] __main__\n"), called.err
    assert sorted(file.name for file in Path("pictures").iterdir()) == [
        "Test Nets-1.png",
        "Test Nets-2.png",
    ]


def test_an_error_in_a_notebook_shows_the_cells_line(home: Path) -> None:
    path = notebook(home / "a.ipynb", "x = 1", "def f():\n    return 1 / 0\n\nf()")
    called = call("cs231n", path)
    assert called.status == 1
    assert f'File "{path} (code cells)", line 6, in f' in called.err
    assert "    return 1 / 0" in called.err
    assert "ZeroDivisionError" in called.err
    assert "runpy" not in called.err
    assert "handgrad/" not in called.err


def test_an_error_in_a_mended_script_shows_its_line(home: Path) -> None:
    path = home / "broken.py"
    path.write_text("%matplotlib inline\nprint 'a'\nprint 'b', 1 / 0\n", encoding="utf-8")
    called = call("cs231n", path)
    assert (called.status, called.out) == (1, "a\n")
    assert f'File "{path}", line 3' in called.err
    path.write_text("print 'a'\nx = = 1\n", encoding="utf-8")
    called = call("cs231n", path)
    assert called.status == 1
    assert f'File "{path}", line 2' in called.err
    assert "SyntaxError: invalid syntax" in called.err


def test_arguments_and_folder_are_the_scripts(home: Path) -> None:
    path = home / "show.py"
    path.write_text(
        "import os, sys\nprint(sys.argv[1:], os.path.basename(os.getcwd()))\nsys.exit(3)\n",
        encoding="utf-8",
    )
    called = call("cs231n", path, "one", "--two")
    assert (called.status, called.out) == (3, "['one', '--two'] assignment2\n")


def test_runs_without_a_seed_of_their_own_can_be_repeated(home: Path) -> None:
    path = home / "draw.py"
    path.write_text(
        "import numpy as np, random\nprint(np.random.rand(), random.random())\n", encoding="utf-8"
    )
    first, second = (call("cs231n", path).out for _ in range(2))
    assert first == second != call("cs231n", "--seed", "1", path).out


def test_cifar10_that_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_DATA", str(home / "nothing"))
    path = notebook(
        home / "a.ipynb",
        "from cs231n.data_utils import get_CIFAR10_data\ndata = get_CIFAR10_data()",
    )
    called = call("cs231n", path)
    assert called.status == 1
    assert (
        f"{home / 'cs231n' / 'datasets' / 'cifar-10-batches-py'} must be the folder" in called.err
    )
    assert "Run `handgrad data get cifar10` once" in called.err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("no.py", None, "there is no such file"),
        ("a.ipynb", "no JSON", "must be a notebook, but is not one"),
    ],
)
def test_what_cannot_be_run(home: Path, name: str, text: str | None, message: str) -> None:
    if text is not None:
        (home / name).write_text(text, encoding="utf-8")
    called = call("cs231n", home / name)
    assert (called.status, called.out) == (2, "")
    assert message in called.err
