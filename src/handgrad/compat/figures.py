"""Pictures on machines without a display: they become PNG files, and nobody is waited for.

Those are the figures of `plt.show()`, and the images of Pillow's `show()`.
"""

# Matplotlib leaves the types of its **kwargs out.
# pyright: reportUnknownMemberType=false

import functools
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from handgrad.checks import FileAccessError

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

        write = cast("Callable[[Path], None]", plt.savefig)
        for number in plt.get_fignums():
            plt.figure(number)
            self.save(write)
        plt.close("all")
        self.later = False

    def save(self, write: Callable[[Path], None]) -> None:
        """Let `write` write the next file.

        Raises:
            FileAccessError: it cannot be written.
        """
        self.count += 1
        path = self.folder / f"{self.name}-{self.count}.png"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write(path)
        except OSError as error:
            raise FileAccessError(
                f"cannot save the figure {path} ({error.strerror or error}). "
                "Name another folder: --figures DIR."
            ) from None
        self.tell(f"figure saved: {path}")


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


@functools.cache
def take_images() -> None:
    """Be the first that Pillow asks to show an image."""
    from PIL.ImageShow import Viewer, register

    class Files(Viewer):
        """Writes what it shows; while no script runs, it leaves that to others."""

        def show_image(self, image: Any, **options: Any) -> int:
            if album is not None:
                album.save(image.save)
            return album is not None

    register(Files(), 0)


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
