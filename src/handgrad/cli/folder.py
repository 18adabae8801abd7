"""The run folder: where it is made, what lies in it, how a command finds the network."""

import contextlib
from pathlib import Path
from typing import Any

from handgrad.checks import FileAccessError
from handgrad.cli.guard import UsageError
from handgrad.cli.text import json_text
from handgrad.files import write_beside
from handgrad.network import Network

NETWORK = "network.safetensors"
CONFIG = "config.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
RUNS = Path("runs")


class RunFolder:
    """A new folder for one run.

    Args:
        path: where; by default the first free `runs/<name>-<number>`.
        name: what is trained.

    Raises:
        UsageError: `path` exists.
        FileAccessError: it cannot be made.
    """

    def __init__(self, path: Path | None, name: str) -> None:
        self.path = make_folder(path) if path is not None else make_numbered(name)
        self.network = self.path / NETWORK

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write plain values as JSON."""
        with write_beside(self.path / name) as part:
            part.write_text(json_text(value), encoding="utf-8")

    def discard(self) -> bool:
        """Remove the folder where it holds no network: nobody misses it. Returns whether it did."""
        if self.network.exists():
            return False
        with contextlib.suppress(OSError):
            for name in (CONFIG, HISTORY):
                (self.path / name).unlink(missing_ok=True)
            self.path.rmdir()
        return True


def make_folder(path: Path) -> Path:
    """Make a folder that must not exist yet."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(
            f"train mnist: --out must be a new folder, but {path} exists. "
            "Give another name; a run never overwrites one."
        ) from None
    except OSError as error:
        raise FileAccessError(
            f"train mnist: cannot make the folder {path}: {error.strerror or error}. "
            "Give --out a folder in a place that can be written."
        ) from error
    return path


def make_numbered(name: str) -> Path:
    """Make `runs/<name>-<number>`, with a number above all that are there."""
    number = 1 + max(
        (
            int(tail)
            for path in RUNS.glob(f"{name}-*")
            if (tail := path.name[len(name) + 1 :]).isdecimal()
        ),
        default=0,
    )
    while True:
        path = RUNS / f"{name}-{number}"
        try:
            return make_folder(path)
        except UsageError:  # another run took it, a moment ago
            number += 1


def load_network(run: Path) -> Network:
    """The network of a run folder, or of a file.

    Raises:
        FileAccessError: there is none.
        FileFormatError: the file is damaged, or something else.
    """
    if not run.exists():
        raise FileAccessError(f"there is no run folder or network file {run}.{known_runs()}")
    if run.is_dir():
        if not (run / NETWORK).is_file():
            raise FileAccessError(
                f"the folder {run} holds no {NETWORK}, so it is not a finished run.{known_runs()}"
            )
        run = run / NETWORK
    return Network.load(run)


def known_runs() -> str:
    """Which runs lie in the usual place, newest first."""
    with contextlib.suppress(OSError):
        found = sorted(RUNS.glob(f"*/{NETWORK}"), key=lambda path: path.stat().st_mtime)
        if found:
            names = ", ".join(str(path.parent) for path in found[:-6:-1])
            return f" Runs here, newest first: {names}."
    return " Train one with: handgrad train mnist."
