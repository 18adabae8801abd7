"""What surrounds every command: help, versions, errors, pipes, terminals."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad.cli.evaluate
from command_line import START, call, finish, start
from handgrad.checks import FileAccessError, HandgradError
from handgrad.cli import main
from handgrad.cli.guard import describe, take_debug
from handgrad.cli.text import bar, closest, json_text, table

COMMANDS = ["train", "evaluate", "predict", "summary", "gradcheck", "selftest"]


def test_help_lists_the_commands_in_the_order_of_use():
    for arguments in ([], ["--help"], ["-h"]):
        done = call(*arguments)
        assert done.status == 0
        places = [done.out.index(f" {name} ") for name in COMMANDS]
        assert places == sorted(places)


@pytest.mark.parametrize("command", [["train", "mnist"], *[[name] for name in COMMANDS[1:]]])
def test_each_command_has_help(command: list[str]):
    done = call(*command, "--help")
    assert (done.status, done.err) == (0, "")
    assert f"handgrad {' '.join(command)}" in done.out


def test_train_alone_says_what_can_be_trained():
    done = call("train")
    assert done.status == 0
    assert "mnist" in done.out


def test_the_version_is_told():
    done = call("--version")
    assert done.status == 0
    assert done.out.startswith("handgrad 0.")
    assert "NumPy" in done.out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["evalute"], "No such command 'evalute'"),
        (["train", "mnst"], "No such command 'mnst'"),
        (["evaluate"], "Missing argument 'RUN'. See handgrad evaluate --help."),
        (["predict", "x"], "Missing argument 'IMAGE...'"),
        (["summary", "x", "y"], "unexpected extra argument"),
        (["--nonsense"], "No such option: --nonsense"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments: list[str], text: str):
    done = call(*arguments)
    assert (done.status, done.out) == (2, "")
    assert text in done.err
    assert done.err.startswith("handgrad: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("command", ["evaluate", "summary", "gradcheck", "predict"])
@pytest.mark.usefixtures("here")
def test_a_run_that_is_not_there(command: str):
    done = call(command, "nowhere", *(["x.png"] if command == "predict" else []))
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "handgrad: there is no run folder or network file nowhere. "
        "Train one with: handgrad train mnist.\n"
    )


def test_a_folder_without_its_network_and_which_runs_there_are(here: Path):
    (here / "empty").mkdir()
    (here / "runs/good").mkdir(parents=True)
    (here / "runs/good/network.safetensors").write_bytes(b"")
    done = call("evaluate", "empty")
    assert done.status == 1
    assert "the folder empty holds no network.safetensors" in done.err
    assert f"Runs here, newest first: {Path('runs/good')}." in done.err


def test_a_damaged_network_file_is_refused(run: Path, tmp_path: Path):
    whole = (run / "network.safetensors").read_bytes()
    for name, content in (("cut", whole[:-100]), ("text", b"hello"), ("other", whole[::-1])):
        damaged = tmp_path / f"{name}.safetensors"
        damaged.write_bytes(content)
        done = call("summary", damaged)
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith(f"handgrad: {damaged}")
        assert done.err.count("\n") == 1


def test_a_network_for_other_data_is_refused(tmp_path: Path):
    from handgrad import Affine, Network

    path = tmp_path / "other.safetensors"
    Network([Affine(3)], (5,)).save(path)
    for command in (["evaluate"], ["gradcheck"], ["predict", "a.png", "b.png"]):
        done = call(command[0], path, *command[1:])
        assert done.status == 1
        assert "must take MNIST images" in done.err
        assert done.err.endswith("but takes (N, 5) and has outputs (N, 3).\n")
        assert done.err.count("\n") == 1
    assert call("summary", path).status == 0


def test_debug_shows_the_traceback_wherever_it_stands():
    for arguments in (["--debug", "summary", "nowhere"], ["summary", "nowhere", "--debug"]):
        done = call(*arguments)
        assert done.status == 1
        assert "Traceback (most recent call last)" in done.err
        assert done.err.splitlines()[-1].startswith("handgrad: there is no run folder")
    assert take_debug(["a", "--", "--debug"]) == (["a", "--", "--debug"], False)


def test_what_nobody_expected_is_still_one_line(run: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(handgrad.cli.evaluate, "measure", fail)
    done = call("evaluate", run)
    assert done.status == 1
    assert done.err.startswith("handgrad: unexpected ZeroDivisionError: division by zero. This is")
    assert done.err.count("\n") == 1


def test_errors_in_words():
    assert describe(MemoryError("8 GB")) == (
        1,
        "not enough memory (8 GB). Try a smaller --batch-size.",
    )
    assert describe(PermissionError(13, "Permission denied", "x")) == (1, "x: Permission denied.")
    assert describe(OSError(28, "No space left on device")) == (1, "No space left on device.")
    missing = ModuleNotFoundError("No module named 'PIL'", name="PIL")
    assert describe(missing)[1].endswith("Install what is missing: pip install PIL")
    error = FileAccessError("cannot write.")
    error.add_note("The network is kept.")
    assert describe(error) == (1, "cannot write. The network is kept.")
    assert describe(HandgradError("no")) == (1, "no")


def test_a_network_with_nan_is_refused(run: Path, tmp_path: Path):
    from handgrad import Network

    network = Network.load(run / "network.safetensors")
    network.params["affine_1.bias"] = np.full(network.params["affine_1.bias"].shape, np.nan)
    network.save(tmp_path / "nan.safetensors")
    done = call("evaluate", tmp_path / "nan.safetensors", "--json")
    assert (done.status, done.out) == (1, "")
    assert "probabilities[0, 0] is nan" in done.err
    assert "train it again" in done.err


def test_without_typer_the_cure_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", {"rich": object()}.get)
    done = call("--version")
    assert done.status == 1
    assert done.err == "handgrad: the command line needs typer: pip install typer\n"


# -- as a program -------------------------------------------------------------------------------


def test_python_m_handgrad_from_another_folder(tmp_path: Path):
    command = [sys.executable, "-m", "handgrad", "--version"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith(b"handgrad 0.")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_pipe_that_closes_early_is_quiet(run: Path):
    program = start("evaluate", run, "--json")
    assert program.stdout is not None
    program.stdout.close()
    program.stdout = None
    done = finish(program)
    assert (done.status, done.err) == (141, "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_output_that_was_closed_before_the_start(run: Path):
    script = f'"{sys.executable}" -c "$1" summary "$2" >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", script, "sh", START, str(run)], check=False)
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(run: Path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", START, "summary", str(run)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"handgrad: No space left on device.\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_encoding_can_carry_the_output(run: Path, encoding: str):
    # Windows consoles and LANG=C have encodings without bars, dashes or all letters of a path.
    program = start("evaluate", run, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    out, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    text = out.decode(encoding)
    assert "Test accuracy" in text
    assert "?" not in text
    assert ("█" in text) == (encoding == "utf-8")
    strange = start("summary", "Läufe/größte", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert finish_bytes(strange).startswith(b"handgrad: there is no run folder")


def finish_bytes(program: "subprocess.Popen[bytes]") -> bytes:
    return program.communicate(timeout=60)[1]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("command", ["evaluate", "gradcheck", "summary"])
def test_tables_fit_the_terminal(
    run: Path, monkeypatch: pytest.MonkeyPatch, columns: int, command: str
):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([command, str(run)]) == 0
    lines = re.sub("\x1b[^m]*m", "", stream.getvalue()).splitlines()
    tables = [line for line in lines if not line.endswith((".", ")"))]  # sentences may wrap
    assert max(map(len, tables)) <= columns


def test_colours_are_for_terminals_without_no_color(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main(["evaluate", str(run)]) == 0
    assert "\x1b[1m" in sys.stdout.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "\x1b" not in call("evaluate", run).out


def test_help_fits_a_narrow_terminal():
    environment = {**os.environ, "COLUMNS": "40"}
    command = [sys.executable, "-c", START, "train", "mnist", "--help"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 40
    assert any("--learning-rate" in line for line in lines)


# -- small parts --------------------------------------------------------------------------------


def test_a_table_lines_up():
    assert table(["a", "bb"], [["ccc", "d"]], left=1) == ["a    bb", "ccc   d"]


def test_bars_have_eighths(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert [bar(share, 2) for share in (0, 1 / 16, 0.5, 0.75, 1)] == ["", "▏", "█", "█▌", "██"]
    monkeypatch.setattr(Terminal, "encoding", "cp437")
    assert bar(0.5, 4) == "##"


def test_slips_of_the_keyboard_are_recognized():
    assert closest("ADAM", ["adam"]) == " Did you mean 'adam'?"
    assert closest("xyz", ["adam"]) == ""


def test_json_does_not_touch_names():
    value = {"image": "[ 1, 2 ].png", "rows": [[1, 2.5e-3], []], "nothing": None}
    assert json.loads(json_text(value)) == value
    assert "[1, 0.0025]" in json_text(value)


def test_json_has_lists_of_numbers_on_one_line(run: Path):
    lines = call("evaluate", run, "--json").out.splitlines()
    assert sum(line.count(",") == 10 for line in lines) == 9
    assert json.loads("\n".join(lines))["images"] == 10_000
