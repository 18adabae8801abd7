"""What the models share since 2025: keeping their parameters in a file."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.checks import Array, FileFormatError
from handgrad.files import write_beside

FOLDER = Path("cs231n", "saved")  # beside the notebooks


class Savable:
    """A model whose `params` can be saved and loaded."""

    params: dict[str, Array]

    def save(self, fname: str) -> None:
        """Write the parameters to cs231n/saved/FNAME, as arrays (the course pickles them)."""
        save_arrays(fname, self.params)

    def load(self, fname: str) -> bool:
        """Take the parameters of cs231n/saved/FNAME; False if there is no such file."""
        arrays = load_arrays(fname)
        self.params = self.params if arrays is None else arrays
        return arrays is not None


def save_arrays(fname: str, arrays: dict[str, Any]) -> None:
    """Write arrays to cs231n/saved/FNAME, and say so."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with write_beside(FOLDER / fname) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)
    print(fname, "saved.")


def load_arrays(fname: str) -> dict[str, Array] | None:
    """The arrays in cs231n/saved/FNAME, or None if there is no such file; says which.

    Raises:
        FileFormatError: the file was not written by `save_arrays`.
    """
    path = FOLDER / fname
    if not path.exists():
        print(fname, "not available.")
        return None
    if not zipfile.is_zipfile(path):
        raise FileFormatError(
            f"{path}: must be a file that save wrote here, but is not one. What the course's own "
            "save writes is a pickle, which is not read: train again, and save again."
        )
    with np.load(path) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    print(fname, "loaded.")
    return found
