"""Ctrl-C and its relatives: a clean end at any time, with the best network kept."""

import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from command_line import call, finish, interrupt_when, start
from handgrad import Network
from handgrad.cli.signals import SIGNALS, Ended

LONG = ("train", "mnist", "--model", "mlp", "--limit", 500, "--epochs", 100_000, "--out")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")


@posix
def test_ctrl_c_keeps_the_best_network_and_says_how_to_use_it(tmp_path: Path):
    out = tmp_path / "run"
    done = interrupt_when(start(*LONG, out), (out / "network.safetensors").exists)
    assert done.status == 130
    first, second = done.err.splitlines()
    assert first.startswith("handgrad: stopped by Ctrl-C in epoch ")
    assert "The best network so far (epoch " in first
    assert f"is kept in {out}." in first
    assert second == f"handgrad: use it: handgrad evaluate {out}"
    assert Network.load(out / "network.safetensors").output_shape == (10,)
    assert {file.name for file in out.iterdir()} == {
        "network.safetensors",
        "history.csv",
        "config.json",
    }


@posix
def test_sigterm_ends_the_same_way(tmp_path: Path):
    out = tmp_path / "run"
    ready = (out / "network.safetensors").exists
    done = interrupt_when(start(*LONG, out, "--quiet"), ready, signal.SIGTERM)
    assert done.status == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in done.err
    assert "is kept in" in done.err


@posix
def test_ctrl_c_twice_is_fine_too(tmp_path: Path):
    out = tmp_path / "run"
    program = start(*LONG, out, "--quiet")

    def ready() -> bool:
        if (out / "network.safetensors").exists():
            program.send_signal(signal.SIGINT)
            return True
        return False

    done = interrupt_when(program, ready)
    assert done.status == 130
    assert "is kept in" in done.err
    assert "Traceback" not in done.err


@posix
def test_ctrl_c_before_training_leaves_nothing(tmp_path: Path):
    out = tmp_path / "run"
    done = interrupt_when(start(*LONG, out, "--quiet"), (out / "config.json").exists)
    assert done.status == 130
    assert "Traceback" not in done.err
    assert done.err.startswith("handgrad: stopped by Ctrl-C ")
    assert ("nothing was saved" in done.err) != (out / "network.safetensors").exists()


@posix
def test_a_closed_pipe_ends_the_training_and_keeps_the_network(tmp_path: Path):
    out = tmp_path / "run"
    program = start(*LONG, out)
    assert program.stdout is not None
    while not program.stdout.readline().startswith(b"epoch"):
        pass
    program.stdout.close()
    program.stdout = None
    done = finish(program)
    assert done.status == 141
    assert "output closed in epoch " in done.err
    assert (out / "network.safetensors").exists()


@posix
def test_a_pipe_closed_at_the_start_leaves_nothing(tmp_path: Path):
    program = start(*LONG, tmp_path / "run")
    assert program.stdout is not None
    program.stdout.close()
    program.stdout = None
    done = finish(program)
    assert done.status == 141
    assert done.err == "handgrad: output closed before training began; nothing was saved.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_was_raised_where_exceptions_are_ignored_ends_at_the_next_safe_place():
    with SIGNALS.installed():
        with contextlib.suppress(Ended):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(Ended, match=str(int(signal.SIGINT))):
            SIGNALS.check()


def end_at(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(where, interrupt)


def short(out: str) -> tuple[object, ...]:
    return ("train", "mnist", "--model", "mlp", "--limit", 100, "--epochs", 1, "--out", out, "-q")


def test_within_the_first_epoch_the_network_of_now_is_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch
):
    end_at(monkeypatch, "handgrad.training.callbacks.Callback.on_step")
    done = call(*short("run"))
    assert done.status == 130
    assert "stopped by Ctrl-C in epoch 1 of 1. No epoch was finished; the network as it" in done.err
    assert Network.load(here / "run/network.safetensors").output_shape == (10,)


def test_validation_does_not_have_to_be_waited_for(here: Path, monkeypatch: pytest.MonkeyPatch):
    end_at(monkeypatch, "handgrad.training.trainer.Trainer.evaluate")
    done = call(*short("run"))
    assert done.status == 130
    assert "stopped by Ctrl-C in epoch 1 of 1. No epoch was finished" in done.err
    assert (here / "run/network.safetensors").exists()


def test_while_loading_nothing_is_left(here: Path, monkeypatch: pytest.MonkeyPatch):
    end_at(monkeypatch, "handgrad.cli.train.load_images")
    done = call(*short("run"))
    assert done.status == 130
    assert done.err == "handgrad: stopped by Ctrl-C before training began; nothing was saved.\n"
    assert list(here.iterdir()) == []


def test_while_drawing_the_network_is_kept(here: Path, monkeypatch: pytest.MonkeyPatch):
    end_at(monkeypatch, "handgrad.cli.train.draw_pictures")
    done = call(*short("run"))
    assert done.status == 130
    assert "stopped by Ctrl-C after training (results or pictures are not complete)." in done.err
    assert (here / "run/network.safetensors").exists()


def test_other_commands_just_stop(run: Path, monkeypatch: pytest.MonkeyPatch):
    end_at(monkeypatch, "handgrad.cli.evaluate.measure")
    done = call("evaluate", run)
    assert (done.status, done.out, done.err) == (130, "", "handgrad: stopped.\n")


# -- the rules, one by one ----------------------------------------------------------------------


def send(times: int) -> None:
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


def test_a_deferred_signal_waits_for_a_safe_place():
    with SIGNALS.installed():
        SIGNALS.waiting = True
        send(1)
        with pytest.raises(Ended, match="2"):
            SIGNALS.check()


def test_the_end_of_the_block_is_a_safe_place():
    reached: list[str] = []

    def block() -> None:
        with SIGNALS.deferred():
            send(1)
            reached.append("end of block")

    with SIGNALS.installed(), pytest.raises(Ended, match="2"):
        block()
    assert reached


def test_a_second_signal_does_not_wait_and_a_third_changes_nothing():
    with SIGNALS.installed():
        SIGNALS.waiting = True
        with pytest.raises(Ended, match="2"):
            send(2)
        send(1)


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with SIGNALS.installed():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with SIGNALS.installed():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
