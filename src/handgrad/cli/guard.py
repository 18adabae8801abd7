"""What surrounds every command: one line per error, exit statuses, closed pipes, signals."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Generator
from typing import Any

from handgrad.checks import HandgradError
from handgrad.cli.signals import SIGNALS, Ended

FAILED, USAGE = 1, 2
NARROW = 70  # columns that help in boxes needs
PIPE_CLOSED = 128 + 13  # what a shell reports for a program that SIGPIPE ended


class Asked:
    """What was asked of the command line as a whole."""

    debug = False


class UsageError(HandgradError, ValueError):
    """The command was used wrongly: exit status 2."""


@contextlib.contextmanager
def usage_errors() -> Generator[None]:
    """Whatever the library refuses in this block was an option's fault."""
    try:
        yield
    except HandgradError as error:
        raise UsageError(str(error)) from error


def run(arguments: list[str]) -> int:
    """Run the command line on `arguments`, and return the exit status."""
    prepare_streams()
    arguments, debug = take_debug(arguments)
    Asked.debug = debug
    with SIGNALS.installed():
        status = guarded(lambda: invoke(arguments), debug=debug)
        return status or guarded(flush, debug=debug)


def invoke(arguments: list[str]) -> int:
    """Parse `arguments` and call the command; errors pass through."""
    import typer

    from handgrad.cli.app import app, plain_help
    from handgrad.cli.text import width

    options: dict[str, Any] = {}
    if width() < NARROW:
        plain_help()
        options["terminal_width"] = width() - 1
    command = typer.main.get_command(app)
    try:
        # Not `command.main`: it would deal with signals and closed pipes in its own way.
        with command.make_context("handgrad", arguments or ["--help"], **options) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as ended:
        return ended.exit_code


def guarded(action: Callable[[], int], *, debug: bool) -> int:
    """Call `action`; turn what it raises into one line on stderr and an exit status."""
    try:
        return action()
    except BrokenPipeError:
        drop_output()
        return PIPE_CLOSED
    except KeyboardInterrupt as stop:
        if not (isinstance(stop, Ended) and stop.told):
            complain("stopped.")
        return stop.status if isinstance(stop, Ended) else 130
    except Exception as error:  # noqa: BLE001  (the command line's last door)
        if debug:
            traceback.print_exc()
        status, text = describe(error)
        complain(text)
        return status


def describe(error: Exception) -> tuple[int, str]:
    """An error's exit status, and its text in one line."""
    if hasattr(error, "format_message"):  # Typer's own; its class has moved between versions
        return USAGE, describe_usage(error)
    if isinstance(error, HandgradError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = f"not enough memory ({error}). Try a smaller --batch-size."
    elif isinstance(error, ImportError):
        text = f"{error}. Install what is missing: pip install {error.name or 'handgrad'}"
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}."
    else:
        text = (
            f"unexpected {type(error).__name__}: {error}. This is a fault in handgrad; "
            "run the command again with --debug to see where it happened, and please report it."
        )
    notes = getattr(error, "__notes__", [])  # what is still good, after an error
    return USAGE if isinstance(error, UsageError) else FAILED, " ".join([text, *notes])


def describe_usage(error: Exception) -> str:
    """What the parser did not understand, and where help is."""
    text = str(getattr(error, "format_message")()).rstrip()  # noqa: B009  (checked by the caller)
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "handgrad")
    return f"{text}{'' if text.endswith(('.', '?')) else '.'} See {path} --help."


def complain(text: str) -> None:
    """Write one line to stderr, if there is anybody left to read it."""
    line = " ".join(part.strip() for part in text.splitlines())
    with contextlib.suppress(OSError, ValueError):
        print(f"handgrad: {line}", file=sys.stderr, flush=True)  # noqa: T201


def take_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """Take `--debug` out, wherever it stands before `--`: it belongs to every command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != "--debug"]
    return kept + arguments[end:], len(kept) < end


def prepare_streams() -> None:
    """Make stdout and stderr take any text, even if they are closed or cannot encode it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before the program began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    stdout: Any = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):  # (stderr writes what it cannot encode as \xe4)
        stdout.reconfigure(errors="replace")


def flush() -> int:
    """Write out what is still waiting: a full disk or a closed pipe is noticed here."""
    sys.stdout.flush()
    return 0


def drop_output() -> None:
    """Send what is still waiting for a closed pipe nowhere, so that Python's exit is quiet."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
