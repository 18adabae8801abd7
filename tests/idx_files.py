"""Writing IDX files, for the tests of reading them."""

import struct

from handgrad.checks import Array
from handgrad.data.idx import TYPES

CODES = {dtype.str[1:]: code for code, dtype in TYPES.items()}


def idx_bytes(array: Array) -> bytes:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    start = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    return start + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()
