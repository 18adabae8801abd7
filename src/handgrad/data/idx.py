"""Reading IDX files, the format of the MNIST database: strictly, and never more than is there.

An IDX file is a header and then the entries of one array, in rows, big-endian:

    2 bytes   zero
    1 byte    type of the entries (0x08 uint8, 0x09 int8, 0x0B int16, 0x0C int32,
              0x0D float32, 0x0E float64)
    1 byte    number of axes
    4 bytes   size of an axis, unsigned, once for each axis
    …         the entries, exactly as many as the sizes say
"""

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from handgrad.checks import Array, FileAccessError, FileFormatError, shape_text

TYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20  # bytes asked for at a time: what a lying header can cost at most


def read_idx(path: str | os.PathLike[str], *, sha256: str | None = None) -> Array:
    """Read the array in an IDX file, plain or compressed with gzip (its first bytes tell which).

    Memory is taken as bytes arrive, never because a header claims a size.

    Args:
        path: the file.
        sha256: what the SHA-256 of the unpacked file must be, in hexadecimal; None asks nothing.

    Returns:
        The array, writable, in this machine's byte order.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is not an IDX file, or not a whole one, or not the one expected.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
            header = _read_at_most(file, 4)
            dtype, axes = _check_start(path, header)
            header += _read_at_most(file, 4 * axes)
            shape = _shape(path, header, axes)
            size = math.prod(shape) * dtype.itemsize
            content = _read_at_most(file, size + 1)  # one more, to notice a file that goes on
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileFormatError(
            f"{path}: the gzip compression is damaged ({error}). Copy or download the file again."
        ) from error
    except OSError as error:
        raise FileAccessError(
            f"{path}: cannot be read ({error.strerror or error}). Check the path."
        ) from error
    _check_size(path, shape, dtype, size, len(content))
    if sha256 is not None:
        _check_hash(path, header, content, sha256)
    try:
        array = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:
        raise FileFormatError(
            f"{path}: NumPy has no arrays of the header's shape {shape_text(shape)} ({error})."
        ) from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_at_most(file: IO[bytes], size: int) -> bytearray:
    """Read `size` bytes, or what there is."""
    content = bytearray()
    while chunk := file.read(min(CHUNK, size - len(content))):
        content += chunk
    return content


def _check_start(path: Path, start: bytearray) -> tuple[np.dtype[np.generic], int]:
    """Take the type and the number of axes out of the first four bytes."""
    if not start:
        raise FileFormatError(f"{path}: the file is empty. Copy or download it again.")
    if len(start) < 4 or any(start[:2]):
        raise FileFormatError(
            f"{path}: an IDX file must start with two zero bytes, a type and a number of axes, "
            f"but this one starts with {bytes(start)!r}. It is a file of another kind."
        )
    code, axes = start[2:]
    if code not in TYPES:
        known = ", ".join(f"0x{key:02X} {dtype.name}" for key, dtype in TYPES.items())
        raise FileFormatError(f"{path}: the type must be one of {known}, but is 0x{code:02X}.")
    if axes == 0:
        raise FileFormatError(f"{path}: the number of axes must be at least 1, but is 0.")
    return TYPES[code], axes


def _shape(path: Path, header: bytearray, axes: int) -> tuple[int, ...]:
    """Take the sizes of the axes out of the header."""
    want = 4 + 4 * axes
    if len(header) < want:
        raise FileFormatError(
            f"{path}: the header must have {want} bytes for its {axes} axes, but the file ends "
            f"after {len(header)}. It was cut off; copy or download it again."
        )
    return tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))


def _check_size(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic], size: int, came: int
) -> None:
    """Refuse a file with fewer or more entries than its header says."""
    if came == size:
        return
    what = "more" if came > size else f"only {came:,}"
    why = "It is not a plain IDX file" if came > size else "It was cut off, or its header is wrong"
    raise FileFormatError(
        f"{path}: {size:,} bytes must follow the header, for shape {shape_text(shape)} of "
        f"{dtype.name}, but there are {what}. {why}; copy or download it again."
    )


def _check_hash(path: Path, header: bytearray, content: bytearray, want: str) -> None:
    """Refuse a file that is not, bit for bit, the one expected."""
    digest = hashlib.sha256(header)
    digest.update(content)
    if digest.hexdigest() != want:
        raise FileFormatError(
            f"{path}: the SHA-256 of the unpacked file must be {want}, "
            f"but is {digest.hexdigest()}. The file was changed; install or copy it again."
        )
