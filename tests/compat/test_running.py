"""Running a reader's script: where, as what, how errors and figures look, what is left after."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from command_line import Called, call, interrupt_when, start
from handgrad.checks import FileAccessError
from handgrad.compat import run_script
from handgrad.compat.figures import has_windows

Script = Callable[..., Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a script, and modules beside it."""

    def write(text: str, name: str = "ch09/mine.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def state() -> list[int]:
    """The state of np.random's own generator."""
    return np.random.get_state(legacy=False)["state"]["key"].tolist()


def book(*arguments: object) -> Called:
    return call("book", *arguments)


def test_it_runs_as_main_in_its_own_folder(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = script(
        "import os, sys, pathlib\n"
        "print(__name__, sys.argv[1:], os.path.basename(os.getcwd()), __file__ == sys.argv[0])\n"
        "print(pathlib.Path('data.txt').read_text())\n"
    )
    (path.parent / "data.txt").write_text("beside the script", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = book("ch09/mine.py", "--lr", "0.1", "-h", "--figures")
    assert done.err == ""
    assert done.out.splitlines() == [
        "__main__ ['--lr', '0.1', '-h', '--figures'] ch09 True",
        "beside the script",
    ]
    assert Path.cwd() == tmp_path


def test_nothing_is_left_behind(script: Script):
    script("value = 1\n", "ch09/beside.py")
    path = script(
        "import sys; sys.path.append('..')\n"
        "import numpy as np, random, beside, common.layers\n"
        "np.int\nnp.seterr(all='ignore'); np.set_printoptions(precision=1)\n"
        "np.random.seed(9)\nrandom.seed(9)\nprint(common.layers.__name__)\n"
    )
    before = sys.argv, list(sys.path), list(sys.meta_path), set(sys.modules), random.getstate()
    drawn, numpy_before = state(), (np.geterr(), np.get_printoptions())
    assert book(path).out == "handgrad.compat.book.common.layers\n"  # the very module
    assert (sys.argv, list(sys.path), list(sys.meta_path)) == before[:3]
    assert random.getstate() == before[4]
    assert state() == drawn
    new = set(sys.modules) - before[3]
    assert not {name for name in new if not name.startswith(("handgrad", "numba", "llvmlite"))}
    assert not hasattr(np, "int")
    assert (np.geterr(), np.get_printoptions()) == numpy_before


def test_errors_show_the_readers_lines_alone(script: Script):
    path = script(
        "import sys; sys.path.append('..')\n"
        "import numpy as np\n"
        "from common.layers import Affine\n"
        "def use():\n"
        "    return Affine(np.ones((2, 3)), np.ones(3)).forward(np.ones((4, 5)))\n"
        "use()\n"
    )
    done = book(path)
    assert done.status == 1
    assert f'File "{path}", line 6, in <module>' in done.err
    assert f'File "{path}", line 5, in use' in done.err
    assert done.err.count("  File ") == 2
    assert "runpy" not in done.err
    assert "runpy" in call("--debug", "book", path).err
    assert "raised in" in done.err.splitlines()[-1]  # an op checks nothing, so NumPy raised it


def test_an_error_that_explains_itself_names_no_library(script: Script):
    text = (
        "import numpy as np\nfrom common.layers import Pooling\n"
        "Pooling(2, 2).forward(np.ones((4, 5)))\n"
    )
    done = book(script(text))
    assert done.status == 1
    assert done.err.splitlines()[-1] == (
        "handgrad.checks.ShapeError: Pooling: x must have shape (N, C, H, W), but has shape "
        "(4, 5). Load images with flatten=False."
    )


def test_errors_that_led_to_others_are_shown_too(script: Script):
    done = book(script("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('k')\n"))
    assert "ZeroDivisionError" in done.err
    assert "During handling of the above exception" in done.err
    assert done.err.count("  File ") == 2


def test_syntax_errors_show_the_place(script: Script):
    path = script("x = 1\nprint 'hello'\n")
    done = book(path)
    assert done.status == 1
    assert f'File "{path}", line 2' in done.err
    assert "SyntaxError" in done.err
    assert done.err.count("  File ") == 1


@pytest.mark.parametrize(
    ("ending", "status", "err"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('no data')", 1, "no data\n"),
        ("raise KeyboardInterrupt", 130, "handgrad: stopped.\n"),
    ],
)
def test_the_exit_status_is_the_scripts_own(script: Script, ending: str, status: int, err: str):
    done = book(script(f"import sys\n{ending}\n"))
    assert (done.status, done.err) == (status, err)


def test_ctrl_c_ends_it(script: Script):
    path = script("open('ready', 'w').close()\nimport time\ntime.sleep(60)\n")
    done = interrupt_when(start("book", path), (path.parent / "ready").exists)
    assert (done.status, done.out, done.err.strip()) == (130, "", "handgrad: stopped.")


def test_what_cannot_be_run_is_refused(script: Script, tmp_path: Path):
    path = script("")
    assert book(tmp_path / "no.py") == Called(
        2, "", f"handgrad: cannot run {tmp_path / 'no.py'}: there is no such file.\n"
    )
    assert book(path.parent).err == (
        f"handgrad: cannot run {path.parent}: it is a folder. Name one of its scripts: mine.py.\n"
    )
    assert book(tmp_path).err.endswith("it is a folder. Name a Python file.\n")
    with pytest.raises(FileAccessError, match="there is no such file"):
        run_script(tmp_path / "no.py", names={})


def test_ours_goes_before_the_readers_own_and_his_additions_are_found(script: Script):
    script("raise SystemError('not this one')\n", "common/layers.py")
    script("", "common/__init__.py")
    script("from common.layers import Affine\nMINE = Affine.__module__\n", "common/extra.py")
    path = script(
        "import sys, os\nsys.path.append(os.pardir)\n"
        "from common.extra import MINE\nfrom common import extra, util\nprint(MINE)\n"
    )
    assert book(path) == Called(0, "handgrad.compat.book.common.layers\n", "")


def test_what_he_added_to_the_sources_files_is_found_too(script: Script):
    script(
        "from common.functions import *\nprint('run')\n"
        "class Relu: pass\nclass Tanh:\n    slope = sigmoid(0)\ndef _private(): return 7\n",
        "common/layers.py",
    )
    path = script(
        "import sys, os\nsys.path.append(os.pardir)\n"
        "from common.layers import *\n"
        "print(Relu.__module__, Tanh.slope)\n"
        "from common.layers import _private\n"
        "import common.layers\n"
        "print(_private(), hasattr(common.layers, 'nothing'), hasattr(common.layers, 'print'))\n"
    )
    assert book(path).out.splitlines() == [
        "run",
        "handgrad.compat.book.common.layers 0.5",
        "7 False False",
    ]


def test_his_files_are_run_only_for_what_is_not_here(script: Script):
    script("print 'Python 2'\n", "common/util.py")
    script("1 / 0\nclass Tanh: pass\n", "common/layers.py")
    start = "import sys, os\nsys.path.append(os.pardir)\nfrom common.util import im2col\n"
    assert book(script(f"{start}from common.layers import Relu\n")) == Called(0, "", "")
    done = book(script(f"{start}from common.layers import Tanh\n"))
    assert 'common/layers.py", line 1, in <module>' in done.err.replace(os.sep, "/")
    assert "ZeroDivisionError" in done.err


def test_a_module_that_nobody_has_is_missed_by_its_name(script: Script):
    done = book(script("import common.nothing\n"))
    assert done.err.splitlines()[-1] == "ModuleNotFoundError: No module named 'common.nothing'"


def test_old_names_of_numpy_are_told_once_and_only_to_the_reader(script: Script):
    path = script(
        "import numpy as np\n"
        "print([np.int(2.5), np.float('1'), np.object, np.NaN, np.bool(1)])\n"
        "np.int\n"
        "from numpy import product\nprint(product([2, 3]), hasattr(np, 'nothing'))\n"
    )
    done = book(path)
    assert done.out == "[2, 1.0, <class 'object'>, nan, np.True_]\n6 False\n"
    assert [line.split(": ")[2] for line in done.err.splitlines()] == [
        "np.int is no longer in NumPy; it means int here. Write int instead.",
        "np.float is no longer in NumPy; it means float here. Write float instead.",
        "np.object is no longer in NumPy; it means object here. Write object instead.",
        "np.NaN is no longer in NumPy; it means np.nan here. Write np.nan instead.",
        "np.product is no longer in NumPy; it means np.prod here. Write np.prod instead.",
    ]


def test_figures_are_saved_where_told(script: Script, tmp_path: Path):
    path = script(
        "import matplotlib.pyplot as plt\n"
        "plt.plot([1, 2]); plt.figure(); plt.plot([2, 1])\nplt.show()\n"
        "print(plt.get_fignums())\n"
        "plt.plot([3]); plt.pause(0.001); plt.plot([4]); plt.pause(0.001)\n"
    )
    used = mpl.get_backend()
    done = book("--figures", tmp_path / "out", path)
    assert (done.status, done.out) == (0, "[]\n")
    names = [f"mine-{number}.png" for number in (1, 2, 3)]
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == names
    assert [line.rpartition(os.sep)[2] for line in done.err.splitlines()] == names
    assert mpl.get_backend() == used


def test_images_of_pillow_are_saved_too(script: Script):
    path = script(
        "import numpy as np\nfrom PIL import Image\n"
        "Image.fromarray(np.full((3, 4), 200.0, np.float32)).show()\n"
    )
    saved = path.parent / "figures" / "mine-1.png"
    assert book(path) == Called(0, "", f"handgrad: figure saved: {saved}\n")
    with Image.open(saved) as image:
        assert (image.size, image.getpixel((0, 0))) == ((4, 3), 200)


def test_warnings_point_at_the_readers_line_once(script: Script):
    path = script(
        "import warnings\nwarnings.simplefilter('always')\n"
        "import numpy as np; np.seterr(over='warn'); from common.layers import Affine\n"
        "affine = Affine(np.full((1, 1), 1e300), 0)\n"
        "for _ in range(3):\n"
        "    affine.forward(np.full((1, 1), 1e300))\n"
        "warnings.warn('mine')\n"
    )
    done = book(path)
    assert [line.partition(str(path))[2] for line in done.err.splitlines()] == [
        ":6: RuntimeWarning: overflow encountered in matmul",
        ":7: UserWarning: mine",
    ]


def test_figures_that_cannot_be_saved_end_the_script(script: Script, tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("", encoding="utf-8")
    done = book(
        "--figures", taken, script("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\n")
    )
    assert done.status == 1
    assert f"cannot save the figure {taken / 'mine-1.png'} (" in done.err.splitlines()[-1]
    assert done.err.splitlines()[-1].endswith("Name another folder: --figures DIR.")


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"MPLBACKEND": "Agg"}, "darwin", False),
        ({"MPLBACKEND": "TkAgg"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_windows_are_opened_where_there_are_any(
    monkeypatch: pytest.MonkeyPatch, *, environment: dict[str, str], platform: str, expected: bool
):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert has_windows() is expected


def test_pickles_of_numpy_1_are_read_in_silence(script: Script):
    import pickle

    path = script(
        "import pickle\nwith open('w.pkl', 'rb') as f: print(pickle.load(f)['W1'].sum())\n"
    )
    content = pickle.dumps({"W1": np.ones((2, 3))}, protocol=2)
    (path.parent / "w.pkl").write_bytes(content.replace(b"numpy._core", b"numpy.core"))
    assert book(path) == Called(0, "6.0\n", "")
