"""Scripts in the book's style, one or two for each chapter, run by `handgrad book`."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from command_line import call
from handgrad import ops
from handgrad.compat.book.ch08.deep_convnet import DeepConvNet
from handgrad.data import mnist


def run(script: Path) -> list[str]:
    """What a script prints; it must end well."""
    done = call("book", script)
    assert done.status == 0, done.err
    return done.out.splitlines()


def test_chapter_2(scripts: Path):
    assert run(scripts / "ch02" / "gates.py")[-1] == "(1, 1) -> 1"
    assert run(scripts / "ch02" / "xor.py") == ["[0, 1, 1, 0]"]  # it imports the other


def test_chapter_3_keeps_np_int_and_saves_the_figure(scripts: Path):
    done = call("book", scripts / "ch03" / "activations.py")
    assert (done.status, done.out) == (0, "i 49\n")
    script = scripts / "ch03" / "activations.py"
    assert done.err.splitlines() == [
        (
            f"handgrad: {script}, line 7: np.int is no longer in NumPy; it means int here. "
            "Write int instead."
        ),
        f"handgrad: figure saved: {scripts / 'ch03' / 'figures' / 'activations-1.png'}",
    ]


def old_pickle(value: object) -> bytes:
    """A pickle as NumPy 1 wrote it."""
    return pickle.dumps(value, protocol=2).replace(b"numpy._core", b"numpy.core")


def test_chapter_3_reads_stored_weights(scripts: Path):
    rng = np.random.default_rng(4)
    weights = {
        "b2": rng.normal(size=10).astype(np.float32),
        "W1": rng.normal(size=(784, 20)).astype(np.float32),
        "b1": rng.normal(size=20).astype(np.float32),
        "W2": rng.normal(size=(20, 10)).astype(np.float32),
    }
    (scripts / "ch03" / "sample_weight.pkl").write_bytes(old_pickle(weights))
    test = mnist(normalize=True, flatten=True).test
    hidden, _ = ops.sigmoid_forward(test.x @ weights["W1"] + weights["b1"])
    right = (hidden @ weights["W2"] + weights["b2"]).argmax(axis=1) == test.labels
    lines = run(scripts / "ch03" / "neuralnet_mnist.py")
    assert lines == [f"one by one:{right[:1000].mean()}", f"Accuracy:{right.mean()}"]


def test_chapter_4(scripts: Path):
    lines = run(scripts / "ch04" / "gradient_simplenet.py")
    assert lines[0] == "0.9280685387482351"  # the book prints 0.92806828…: log(p + 1e-7)
    assert lines[1].startswith("[[0.219248, 0.143562, -0.36281]")  # as the book prints
    assert run(scripts / "ch04" / "gradient_method.py") == ["[-6.11110793e-10  8.14814391e-10]"]
    # Chapter 4 has a TwoLayerNet of its own.
    lines = run(scripts / "ch04" / "train_neuralnet.py")
    assert lines == ["handgrad.compat.book.ch04.two_layer_net True"]


def test_chapter_5(scripts: Path):
    assert run(scripts / "ch05" / "buy_apple.py") == ["price: 220", "2.2 110 200"]
    lines = run(scripts / "ch05" / "gradient_check.py")
    assert lines == ["W1 True", "b1 True", "W2 True", "b2 True"]


def test_chapter_6(scripts: Path):
    lines = run(scripts / "ch06" / "optimizer_compare_naive.py")
    assert lines[0] == f"SGD {-7 * 0.905**30:.6f} {2 * 0.9**30:.6f}"
    lines = run(scripts / "ch06" / "overfit.py")
    assert lines[-2:] == ["15 15", "5 True"]
    assert [line for line in lines if line.startswith("=== epoch:5, train acc:0.8")]


def test_chapter_6_sees_at_once_what_batch_norm_does(scripts: Path):
    with_norms, without = run(scripts / "ch06" / "young_norms.py")
    assert float(with_norms.removeprefix("True ")) > 0.4
    assert float(without.removeprefix("False ")) < 0.2


def test_the_same_seed_gives_the_same_run(scripts: Path):
    script = scripts / "ch06" / "overfit.py"
    first = run(script)
    assert run(script) == first
    assert call("book", "--seed", 1, script).out.splitlines() != first


def test_chapter_7(scripts: Path):
    assert run(scripts / "ch07" / "train_convnet.py") == ["True"]
    assert (scripts / "ch07" / "params.pkl").read_bytes().startswith(b"PK")


def test_chapter_8_reads_stored_weights(scripts: Path):
    np.random.seed(3)
    network = DeepConvNet()
    stored = {name: array.astype(np.float32) for name, array in network.params.items()}
    (scripts / "ch08" / "deep_convnet_params.pkl").write_bytes(old_pickle(stored))
    test = mnist(normalize=True).test
    classes = network.predict(test.x[:50]).argmax(axis=1)
    right = float((classes == test.labels[:50]).mean())
    assert run(scripts / "ch08" / "half_float.py")[0] == f"float64 {right}"


@pytest.mark.parametrize("chapter", ["ch04", "ch05"])
def test_the_readers_own_siblings_go_first(scripts: Path, chapter: str):
    folder = scripts / chapter
    (folder / "two_layer_net.py").write_text("class TwoLayerNet: pass\n", encoding="utf-8")
    (folder / "show.py").write_text(
        "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet.__module__)\n", encoding="utf-8"
    )
    assert run(folder / "show.py") == ["two_layer_net"]


@pytest.mark.parametrize(
    ("folder", "name", "chapter"),
    [
        ("ch4", "mine.py", 4),
        ("Chapter_04", "mine.py", 4),
        ("第4章", "mine.py", 4),
        ("notes", "ch04_exercises.py", 4),
        ("ch40", "mine.py", 5),
        ("batch4", "mine.py", 5),
        ("notes", "mine.py", 5),
    ],
)
def test_the_two_layer_net_of_chapter_4_is_for_its_scripts(
    tmp_path: Path, folder: str, name: str, chapter: int
):
    (tmp_path / folder).mkdir()
    script = tmp_path / folder / name
    script.write_text(
        "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet.__module__)\n", encoding="utf-8"
    )
    assert run(script) == [f"handgrad.compat.book.ch0{chapter}.two_layer_net"]


def test_chapters_are_found_from_the_folder_above(scripts: Path):
    (scripts / "ch05" / "shop.py").write_text("price = 220\n", encoding="utf-8")
    (scripts / "all.py").write_text(
        "from ch04.two_layer_net import TwoLayerNet as First\n"
        "from ch05.two_layer_net import TwoLayerNet as Second\n"
        "from ch05.shop import price\n"
        "from ch07.simple_convnet import SimpleConvNet\n"
        "print(First is Second, len(SimpleConvNet().params), price)\n",
        encoding="utf-8",
    )
    assert run(scripts / "all.py") == ["False 6 220"]


def notebook(path: Path, *cells: str) -> Path:
    """A notebook of these code cells, each below a heading."""
    heading = {"cell_type": "markdown", "metadata": {}, "source": ["# a script"]}
    rest = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    listed = [part for cell in cells for part in (heading, {**rest, "source": cell})]
    path.write_text(json.dumps({"cells": listed, "nbformat": 4}), encoding="utf-8")
    return path


def test_a_notebook_of_chapter_4(tmp_path: Path):
    first = (
        "%matplotlib inline\nimport sys, os\nsys.path.append(os.pardir)\n"
        "from two_layer_net import TwoLayerNet\nfrom common.functions import softmax\n"
        "print(TwoLayerNet.__module__)"
    )
    path = notebook(tmp_path / "ch04.ipynb", first, "softmax([1.0, 1.0]).size", "print(softmax)")
    assert run(path)[0] == "handgrad.compat.book.ch04.two_layer_net"


def test_a_notebook_stops_at_an_error_or_goes_on(tmp_path: Path):
    path = notebook(tmp_path / "a.ipynb", "print(1)", "import two_layer_nett", "print(3)")
    done = call("book", path)
    assert (done.status, done.out) == (1, "1\n")
    assert done.err.splitlines()[-2:] == [
        "ModuleNotFoundError: No module named 'two_layer_nett'",
        "handgrad: code cell 2 ended in this error; --keep-going goes on with the next.",
    ]
    done = call("book", "--keep-going", path)
    assert (done.status, done.out) == (1, "1\n3\n")


def test_what_is_no_notebook_is_refused(tmp_path: Path):
    (tmp_path / "a.ipynb").write_text("print(1)", encoding="utf-8")
    done = call("book", tmp_path / "a.ipynb")
    assert (done.status, done.out) == (2, "")
    assert "a.ipynb: must be a notebook, but is not one" in " ".join(done.err.split())


def test_a_script_can_run_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ch08").mkdir()
    (tmp_path / "ch08" / "helper.py").write_text("answer = 42\n", encoding="utf-8")
    (tmp_path / "ch08" / "mine.py").write_text(
        "import sys\nsys.path.append('.')\nfrom common.functions import sigmoid\n"
        "from helper import answer\nwith open('ch08/note.txt') as f:\n"
        "    print(sigmoid(0), answer, f.read())\n",
        encoding="utf-8",
    )
    (tmp_path / "ch08" / "note.txt").write_text("found", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = call("book", "--here", "ch08/mine.py")
    assert (done.status, done.out) == (0, "0.5 42 found\n"), done.err
    done = call("book", "ch08/mine.py")
    assert "FileNotFoundError" in done.err
    assert Path.cwd() == tmp_path
