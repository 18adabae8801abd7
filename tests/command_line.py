"""Calling the command line from tests: in this process, and as a program of its own."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from handgrad.cli import main

# Ctrl-C is restored first: a shell that starts the tests in the background ignores it.
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from handgrad.cli import main; sys.exit(main())"
)


class Called(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str


def call(*arguments: object) -> Called:
    """Call the command line in this process, as from a pipe."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Called(status, out.getvalue(), without_news(err.getvalue()))


def start(*arguments: object, **environment: str) -> "subprocess.Popen[bytes]":
    """Start the command line as a program of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"OPENBLAS_NUM_THREADS": "1", **os.environ, **environment},
    )


def finish(program: "subprocess.Popen[bytes]") -> Called:
    """Wait for a started program."""
    try:
        out, err = program.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        program.kill()  # or it would train on, beside the other tests
        program.communicate()
        raise
    return Called(program.returncode, (out or b"").decode(), without_news(err.decode()))


def without_news(err: str) -> str:
    """Without the line that comes where kernels are not compiled yet: in a fresh clone."""
    lines = err.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("compiling kernels, once"))


def interrupt_when(
    program: "subprocess.Popen[bytes]", ready: Callable[[], bool], number: int = signal.SIGINT
) -> Called:
    """Send a signal as soon as `ready` says so."""
    deadline = time.monotonic() + 60
    while not ready() and program.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    program.send_signal(number)
    return finish(program)
