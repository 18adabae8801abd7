"""Figures on machines without a display: `plt.show()` writes PNG files, and waits for nobody."""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

BACKEND = "module://handgrad.compat.figure_backend"
SILENT = {"", "agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}  # backends without windows
TOOLKITS = ("tkinter", "PyQt6", "PySide6", "PyQt5", "PySide2", "gi", "wx")


class Album:
    """Where figures go: a folder, and the name they share."""

    def __init__(self, folder: Path, name: str, tell: Callable[[str], None]) -> None:
        self.folder, self.name, self.tell = folder, name, tell
        self.count = 0
        self.later = False  # something was shown that the script may still draw on

    def save_open(self) -> None:
        """Write every open figure and close it, as people close windows."""
        import matplotlib.pyplot as plt

        for number in plt.get_fignums():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.count += 1
            path = self.folder / f"{self.name}-{self.count}.png"
            plt.figure(number)
            plt.savefig(path)
            self.tell(f"figure saved: {path}")
        plt.close("all")
        self.later = False


album: Album | None = None  # of the script that runs


def show(*, block: bool | None = None) -> None:
    """What `plt.show` does here."""
    if album is None:
        return
    if block is False:  # as plt.pause asks, at each picture of a moving one
        album.later = True
    else:
        album.save_open()


def finish() -> None:
    """Write what was shown without waiting: now it is done."""
    if album is not None and album.later:
        album.save_open()


def has_windows() -> bool:
    """Whether Matplotlib can open windows here and nobody asked it not to."""
    if os.environ.get("MPLBACKEND", "") and os.environ["MPLBACKEND"].lower() not in SILENT:
        return os.environ["MPLBACKEND"] != BACKEND
    if "MPLBACKEND" in os.environ:
        return False
    if sys.platform == "darwin":
        return True
    screen = (
        sys.platform == "win32" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return bool(screen) and any(importlib.util.find_spec(name) for name in TOOLKITS)
