"""Every example in its quick form, and the ways to them."""

import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import call
from handgrad.checks import FileAccessError, InvalidValueError, UnknownNameError
from handgrad.examples import Stage, all_examples, find, registry, run_example
from handgrad.examples.registry import SECTIONS, names

LIMIT = 10  # seconds of processor time that a quick form may take
WIDTH = 96  # columns of what is said


def silent(text: str) -> None:
    del text


def check_drawn(path: Path) -> None:
    """A picture with something in it."""
    if path.suffix == ".svg":
        assert path.read_text(encoding="utf-8").startswith("<svg")
        return
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.min() < 100
    assert pixels.max() > 200


@pytest.mark.parametrize("name", names())
def test_an_example_says_the_same_twice_and_draws(name: str, tmp_path: Path) -> None:
    start = time.process_time()
    first = run_example(name, tmp_path / "first", quick=True, say=silent)
    seconds = time.process_time() - start
    second = run_example(name, tmp_path / "second", quick=True, say=silent)
    assert first.lines, "it says nothing"
    assert first.lines == second.lines
    assert max(map(len, first.lines)) <= WIDTH
    assert seconds < LIMIT
    assert first.figures, "it draws nothing"
    for path in first.figures:
        check_drawn(path)
    assert {path.name for path in (tmp_path / "first").iterdir()} == {
        path.name for path in first.figures
    }


@pytest.mark.parametrize("name", names())
def test_an_example_explains_itself(name: str) -> None:
    example = find(name)
    assert len(example.title) <= 80
    assert "\n\nWhat to look at: " in example.text
    assert re.search(r"^    \S", example.text, re.MULTILINE), "no mathematics, set in"
    assert example.section in SECTIONS


def test_every_example_is_found_in_the_documents_order() -> None:
    found = all_examples()
    assert sorted(example.name for example in found) == sorted(names())
    places = [list(SECTIONS).index(example.section) for example in found]
    assert places == sorted(places)


def test_the_command_lists_and_runs(tmp_path: Path) -> None:
    done = call("examples")
    assert (done.status, done.err) == (0, "")
    assert "\n  perceptrons " in f"\n{done.out}"
    folder = tmp_path / "new" / "folder"
    done = call("examples", "run", "perceptrons", "--quick", "--folder", folder)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == f"Drawn: {folder / 'perceptrons.png'}"
    assert (folder / "perceptrons.png").exists()


def test_the_list_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = call("examples").out.splitlines()
    assert "  perceptrons" in lines


def test_a_wrong_name_gets_a_suggestion() -> None:
    done = call("examples", "run", "Perceptron")
    assert done.status == 2
    assert "no example 'Perceptron'. Did you mean perceptrons?" in done.err
    with pytest.raises(UnknownNameError, match=r"'zzz'. `handgrad examples` lists them"):
        find("zzz")


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidValueError, match="examples: seed must be at least 0"):
        run_example("perceptrons", tmp_path, seed=-1)
    (tmp_path / "file").touch()
    with pytest.raises(FileAccessError, match=r"cannot make the folder .*file"):
        run_example("perceptrons", tmp_path / "file")
    monkeypatch.setattr(registry, "SECTIONS", {"one": "One"})
    with pytest.raises(InvalidValueError, match="SECTION must be one of one, but is '003"):
        find("perceptrons")


def test_a_stage(tmp_path: Path) -> None:
    out: list[str] = []
    stage = Stage("name", tmp_path, quick=True, seed=3, out=out.append)
    stage.say("two\nlines")
    stage.measured("0.1 s")
    stage.table(["a", "bb"], [["long", "1"], ["x", "222"]])
    assert stage.lines == ["two", "lines", "a      bb", "long    1", "x     222"]
    assert out[1] == "0.1 s"
    assert stage.pick(quick=1, full=2) == 1
    assert Stage("name", tmp_path).pick(quick=1, full=2) == 2
    assert stage.path("part", ending=".gif") == tmp_path / "name-part.gif"
    assert stage.figures == [tmp_path / "name-part.gif"]
    assert stage.rng().random() == Stage("other", tmp_path, seed=3).rng().random()
    assert stage.rng().random() != stage.rng(1).random()
