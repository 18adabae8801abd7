"""`handgrad warmup`, and the line that the first training on a machine writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import call, finish, start
from handgrad import backend
from handgrad.backend import available, events
from handgrad.checks import Array
from handgrad.cli import warmup
from handgrad.cli.warmup import Row, use_layers
from handgrad.ops.convolution import Conv2dSaved
from handgrad.threads import limited

needs_numba = pytest.mark.skipif(not available(), reason="no Numba, nothing to compile")
NEWS = "compiling kernels, once (some 10 to 30 s); kept in "


@needs_numba
def test_after_a_warm_up_training_compiles_nothing(tmp_path: Path):
    first = call("warmup")
    assert (first.status, first.err) == (0, "")
    assert first.out.splitlines()[0].startswith("compiled: Numba")
    assert "kept in " in first.out.splitlines()[-1]
    second = json.loads(finish(start("warmup", "--json")).out)
    assert (second["kernels"], second["seconds"]) == (0, 0)
    assert second["where"].startswith("kept in ")
    assert {"mlp", "convnet", "deep", "layer by layer"} <= {row["name"] for row in second["rows"]}
    for model in ("mlp", "convnet", "deep"):
        options = ("--model", model, "--epochs", "1", "--limit", "100")
        program = start("train", "mnist", *options, "--out", tmp_path / model)
        _, err = program.communicate(timeout=100)
        assert (program.returncode, err) == (0, b"")


def fake_rows(monkeypatch: pytest.MonkeyPatch, program: str) -> "list[subprocess.Popen[str]]":
    """Let `program` be the second process, and rows say who made them: here takes one second."""
    made: list[subprocess.Popen[str]] = []

    def start_program(names: list[str]) -> "subprocess.Popen[str]":
        assert names == ["b", "c", "d"]
        command = [sys.executable, "-c", program]
        made.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return made[0]

    monkeypatch.setattr(warmup, "second_process", start_program)
    monkeypatch.setattr(warmup, "compile_for", lambda name: Row(name, 1, 1.0))
    return made


ROWS = "print('[\"b\", 2, 2.0]'); print('[\"c\", 2, 2.0]')"


@needs_numba
@pytest.mark.parametrize(
    ("program", "by_the_other"),
    [(f"{ROWS}; print('[\"d\", 2, 2.0]')", 3), (f"{ROWS}; raise SystemExit(3)", 2), ("", 0)],
)
def test_what_the_second_process_leaves_is_compiled_here(
    program: str, by_the_other: int, monkeypatch: pytest.MonkeyPatch
):
    made = fake_rows(monkeypatch, program)
    with limited(2):
        rows = list(warmup.by_two(["a", "b", "c", "d"]))
    assert [row.name for row in rows] == ["a", "b", "c", "d"]
    seconds = [2.0] * by_the_other + [1.0] * (3 - by_the_other)
    assert [row.seconds for row in rows] == [1.0, *seconds]
    assert made[0].returncode is not None


@needs_numba
def test_an_interrupt_ends_the_second_process_too(monkeypatch: pytest.MonkeyPatch):
    made = fake_rows(monkeypatch, "import time; time.sleep(100)")
    with limited(2):
        rows = warmup.by_two(["a", "b", "c", "d"])
        assert next(rows).name == "a"
        rows.close()
    assert made[0].returncode not in {None, 0}


@needs_numba
@pytest.mark.parametrize("why", ["one thread", "nothing is kept", "no processes"])
def test_one_process_where_two_are_of_no_use(why: str, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        assert why == "no processes"
        raise OSError

    monkeypatch.setattr(warmup, "compile_for", lambda name: Row(name, 1, 1.0))
    monkeypatch.setattr(subprocess, "Popen", refuse)
    if why == "nothing is kept":
        monkeypatch.setattr("handgrad.kernels.kept.place", lambda: None)
    with limited(1 if why == "one thread" else 2):
        assert [row.name for row in warmup.by_two(["a", "b"])] == ["a", "b"]


@needs_numba
def test_convolutions_twin_is_warmed_up(monkeypatch: pytest.MonkeyPatch):
    from handgrad.kernels.convolution import conv2d_backward

    answered: list[str] = []

    def watched(dy: Array, saved: Conv2dSaved) -> tuple[Array, Array, Array]:
        answer = conv2d_backward(dy, saved)  # ends here where it refuses
        answered.append(dy.dtype.name)
        return answer

    monkeypatch.setitem(backend._twins, "conv2d_backward", watched)
    use_layers()
    assert answered == ["float32"] * 3


@needs_numba
@pytest.mark.parametrize("quiet", [False, True])
def test_the_first_training_says_why_it_takes_longer(tmp_path: Path, *, quiet: bool):
    options = ["--model", "mlp", "--epochs", "1", "--limit", "100"] + ["--quiet"] * quiet
    program = start(
        "train", "mnist", *options, "--out", tmp_path / "run", NUMBA_CACHE_DIR=str(tmp_path)
    )
    _, err = program.communicate(timeout=100)
    assert program.returncode == 0
    assert err.decode().count("\n") == (0 if quiet else 1)
    assert err.decode().startswith("" if quiet else f"{NEWS}{tmp_path}")


def test_without_compiled_code_there_is_nothing_to_do():
    done = finish(start("warmup", HANDGRAD_BACKEND="reference"))
    assert (done.status, done.err) == (0, "")
    assert done.out == "Nothing to compile. reference: chosen by HANDGRAD_BACKEND\n"


def test_progress_listens_while_it_runs_and_no_longer(capsys: pytest.CaptureFixture[str]):
    from handgrad.training.progress import Progress

    if events is None:
        pytest.skip("no kernels")
    progress = Progress()
    before = list(events.SO_FAR.listeners)
    progress._listen(True)
    progress._listen(True)
    assert len(events.SO_FAR.listeners) == len(before) + 1
    events.SO_FAR.listeners[-1]("kernel", "kept somewhere")
    assert events.SO_FAR.listeners == before
    progress._listen(False)
    assert capsys.readouterr().err == "compiling kernels, once (some 10 to 30 s); kept somewhere\n"
