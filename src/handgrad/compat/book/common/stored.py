"""Networks of the book whose weights are kept in files: `save_params` and `load_params`."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from handgrad.checks import Array, FileAccessError, FileFormatError, as_numbers, check_shape
from handgrad.compat.book.common.networks import BookNetwork
from handgrad.data.pickles import loads_pickle
from handgrad.files import write_beside


class StoredNetwork(BookNetwork):
    """A network whose parameters W1, b1, W2, … belong to the layers of `weighted`, in order."""

    def weighted(self) -> list[Any]:
        """The layers with W and b, first to last."""
        raise NotImplementedError

    def accuracy(self, x: Array, t: Array, batch_size: int = 100) -> float:
        return super().accuracy(x, t, batch_size)

    def collected(self) -> dict[str, Array]:
        grads: dict[str, Array] = {}
        for number, layer in enumerate(self.weighted(), start=1):
            grads[f"W{number}"], grads[f"b{number}"] = layer.dW, layer.db
        return grads

    def save_params(self, file_name: str = "params.pkl") -> None:
        """Write the parameters: as NumPy's .npz, whatever the name; a pickle can run code."""
        with write_beside(file_name) as part, part.open("wb") as file:
            np.savez(file, **self.params)

    def load_params(self, file_name: str = "params.pkl") -> None:
        """Read the parameters from what `save_params` wrote, or from the book's own pickles.

        Raises:
            FileAccessError, FileFormatError: there is no such file, or it holds something else.
            ShapeError: they are not of this network.
        """
        stored = read_params(file_name)
        missing = [name for name in self.params if name not in stored]
        if missing:
            raise FileFormatError(
                f"{file_name}: it must hold {', '.join(self.params)}, but has no "
                f"{', '.join(missing)}."
            )
        for name, array in self.params.items():
            value = as_numbers(stored[name], who=str(file_name), which=name)
            check_shape(value, array.shape, who=str(file_name), which=name)
            self.params[name] = value.copy()
        for number, layer in enumerate(self.weighted(), start=1):
            layer.W, layer.b = self.params[f"W{number}"], self.params[f"b{number}"]


def read_params(file_name: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of a file by name: an .npz, or a pickle, which is read without running it.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it holds something else.
    """
    path = Path(file_name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileAccessError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if content.startswith(b"PK"):
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return dict(arrays)
        except (ValueError, OSError, zipfile.BadZipFile, KeyError) as error:
            raise FileFormatError(f"{path}: it is a damaged .npz file ({error}).") from error
    stored = loads_pickle(content, name=str(path))
    if not isinstance(stored, dict):
        raise FileFormatError(f"{path}: it must hold a dict of arrays, but holds no dict.")
    return {str(name): value for name, value in cast("dict[Any, Any]", stored).items()}
