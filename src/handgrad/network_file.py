"""One network in one file: weights, architecture and preprocessing as safetensors, without pickle.

The arrays are the file's tensors ("params/affine_1.weight", "state/…"); everything else is JSON in
the header's metadata, under "handgrad", with a SHA-256 of both. Nothing in a file is ever
executed: the layers' types are looked up among those that are known, their options are plain
values, and no array is made whose size the file does not back with data.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from handgrad.checks import Array, FileAccessError, FileFormatError, shape_text
from handgrad.files import write_beside

FORMAT = 1


def write_network(
    path: str | Path, arrays: Mapping[str, Array], description: dict[str, Any]
) -> None:
    """Write a network beside `path`, then rename: an interrupted save leaves what was there.

    Raises:
        FileAccessError: the folder cannot be written.
    """
    import safetensors
    import safetensors.numpy

    library: Any = safetensors.numpy  # its types are incomplete
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    about = {**description, "format": FORMAT}
    text = json.dumps({**about, "sha256": digest(contiguous, about)})
    with write_beside(path) as part:
        try:
            library.save_file(contiguous, part, metadata={"handgrad": text})
        except safetensors.SafetensorError as error:  # a full disk, for example
            raise OSError(str(error)) from error


def read_network(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_network` wrote: (arrays, description).

    Raises:
        FileAccessError: the file cannot be read.
        FileFormatError: it is not a network that handgrad saved, or it was damaged.
    """
    import safetensors

    library: Any = safetensors  # its types are incomplete
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileAccessError(f"cannot read the network {path}: it {what}.")
    try:
        with library.safe_open(path, "numpy") as file:
            metadata = cast("dict[str, str]", file.metadata() or {})
            names = cast("list[str]", file.keys())
            arrays = {name: cast("Array", file.get_tensor(name)) for name in names}
    except library.SafetensorError as error:
        raise FileFormatError(
            f"{path} is not a whole safetensors file ({error}). It may have been cut short or "
            "damaged; take another copy."
        ) from error
    except OSError as error:
        raise FileAccessError(f"cannot read the network {path}: {error}.") from error
    except (TypeError, ValueError) as error:  # a dtype that NumPy has not
        raise FileFormatError(f"{path} has arrays that NumPy cannot hold ({error}).") from error
    description = parse(path, metadata.get("handgrad"))
    if description.get("sha256") != digest(arrays, description):
        raise FileFormatError(
            f"{path}: the network does not have the checksum that was saved with it. "
            "The file was damaged or changed; take another copy."
        )
    return arrays, description


def parse(path: Path, text: str | None) -> dict[str, Any]:
    """The description in a header, or a clear error."""
    if text is None:
        raise FileFormatError(
            f"{path} holds arrays, but no network of handgrad: its header has no 'handgrad' entry."
        )
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: the network's description is not valid JSON.") from error
    if not isinstance(description, dict):
        raise FileFormatError(f"{path}: the network's description is not a JSON object.")
    description = cast("dict[str, Any]", description)
    if description.get("format") != FORMAT:
        raise FileFormatError(
            f"{path} has format {description.get('format')!r}, but this version of handgrad reads "
            f"format {FORMAT}. Update handgrad."
        )
    return description


def check_arrays(
    path: str | Path, wanted: Mapping[str, tuple[int, ...]], arrays: Mapping[str, Array], dtype: Any
) -> None:
    """Refuse a file whose arrays are not those of its architecture, before anything is allocated.

    Raises:
        FileFormatError: a name, a shape or a dtype differs; the first one is named.
    """
    for name in sorted(wanted.keys() | arrays.keys()):
        need = f"{dtype} {shape_text(wanted[name])}" if name in wanted else "no such array"
        array = arrays.get(name)
        came = "has none" if array is None else f"has {array.dtype} {shape_text(array.shape)}"
        if came != f"has {need}":
            raise FileFormatError(
                f"{path}: the architecture needs for {name!r:.200} {need}, but the file {came}."
            )


def digest(arrays: Mapping[str, Array], description: Mapping[str, Any]) -> str:
    """SHA-256 over the description, and the names, dtypes, shapes and bytes of all arrays."""
    about = {key: value for key, value in description.items() if key != "sha256"}
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.reshape(-1).view(np.uint8).data)  # its bytes where they lie
    return total.hexdigest()
