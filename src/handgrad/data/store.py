"""Where data sets lie: the user's cache, or a folder that an environment variable names."""

import os
import shlex
from pathlib import Path

VARIABLE = "HANDGRAD_DATA"


def data_folder() -> Path:
    """The folder of all data sets: HANDGRAD_DATA, or else in the system's place for caches.

    Nothing is created by asking.
    """
    named = os.environ.get(VARIABLE, "")
    if named:
        return Path(named).expanduser()
    try:
        from platformdirs import user_cache_path
    except ImportError:  # it comes with handgrad, but NumPy alone should do
        return Path.home() / ".cache" / "handgrad" / "data"
    return user_cache_path("handgrad", appauthor=False) / "data"


def set_folder(name: str, folder: str | os.PathLike[str] | None) -> Path:
    """The folder of one set: the user's own, or the one in `data_folder`."""
    return data_folder() / name if folder is None else Path(folder)


def how_to_get(name: str, folder: str | os.PathLike[str] | None) -> str:
    """The cure where a set is not there."""
    if folder is None:
        return f"Get it with: handgrad data get {name}"
    return f"Get it with: handgrad data get {name} --folder {shlex.quote(os.fspath(folder))}"
