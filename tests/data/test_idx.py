import gzip
import hashlib
import struct
import tracemalloc
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import pytest

from handgrad.checks import FileAccessError, FileFormatError
from handgrad.data import read_idx
from idx_files import idx_bytes


def header(*shape: int, code: int = 8) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


@pytest.mark.parametrize("name", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_every_type(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    array = np.arange(-3, 21).reshape(2, 3, 4).astype(np.dtype(name))
    content = idx_bytes(array)
    path = tmp_path / "file"  # no suffix: the content says whether it is compressed
    path.write_bytes(pack(content))
    read = read_idx(path)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.writeable


@pytest.mark.parametrize("shape", [(5,), (1,), (0,), (0, 28, 28), (3, 0), (1, 2, 1, 2)])
def test_reads_every_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(prod(shape), dtype=np.uint8).reshape(shape)
    (tmp_path / "file").write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(read_idx(str(tmp_path / "file")), array)


def test_reads_more_than_a_chunk(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 1 << 20), dtype=np.uint8)
    (tmp_path / "file").write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "file"), array)


BAD = {
    "empty": (b"", r"the file is empty"),
    "text": (b"<!DOCTYPE html>", r"two zero bytes.* starts with b'<!DO'.* of another kind"),
    "one_zero": (b"\0\x01\x08\x01", r"starts with b'\\x00\\x01\\x08\\x01'"),
    "three_bytes": (b"\0\0\x08", r"starts with b'\\x00\\x00\\x08'"),
    "type": (header(3, code=0x0A) + b"abc", r"one of 0x08 uint8, .*float64, but is 0x0A"),
    "no_axes": (b"\0\0\x08\0x", r"number of axes must be at least 1, but is 0"),
    "cut_header": (header(3, 4)[:-1], r"12 bytes for its 2 axes, but the file ends after 11"),
    "cut": (header(3, 4) + bytes(11), r"12 bytes must .* \(3, 4\) of uint8, .* only 11"),
    "long": (header(3, 4) + bytes(13), r"12 bytes must .* \(3, 4\) of uint8, .* are more"),
    "cut_wide": (header(3, code=0x0E) + bytes(23), r"24 bytes must .*float64, .* only 23"),
    "no_entries": (header(0) + b"x", r"0 bytes must .* are more"),
    "many_axes": (header(*[1] * 65) + b"x", r"NumPy has no arrays of the header's shape \(1, 1"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", BAD)
def test_refuses(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    content, message = BAD[name]
    path = tmp_path / f"{name}-ubyte"
    path.write_bytes(pack(content))
    with pytest.raises(FileFormatError, match=rf"{name}-ubyte: .*{message}"):
        read_idx(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_huge_claim_costs_nothing(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = header(*[2**32 - 1] * 4) + bytes(1000)
    path = tmp_path / "file"
    path.write_bytes(pack(content))
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="only 1,000"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(header(1000) + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="are more"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def damaged() -> dict[str, bytes]:
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))
    flipped = bytearray(whole)
    flipped[-6] ^= 1  # in the checksum
    garbled = bytearray(whole)
    garbled[10] ^= 0x06  # the type of the first block
    return {
        "cut": whole[:-20],
        "no_checksum": whole[:-8],
        "flipped": bytes(flipped),
        "garbled": bytes(garbled),
        "followed": whole + b"more",
    }


@pytest.mark.parametrize("name", damaged())
def test_refuses_damaged_gzip(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.gz"
    path.write_bytes(damaged()[name])
    with pytest.raises(FileFormatError, match=rf"{name}\.gz: the gzip compression is damaged"):
        read_idx(path)


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"absent: cannot be read \(No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(FileAccessError, match=rf"{tmp_path.name}: cannot be read \("):
        read_idx(tmp_path)


def test_checks_the_hash(tmp_path: Path) -> None:
    content = idx_bytes(np.arange(4, dtype=np.uint8))
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content))
    want = hashlib.sha256(content).hexdigest()
    np.testing.assert_array_equal(read_idx(path, sha256=want), np.arange(4))
    changed = bytearray(content)
    changed[-1] ^= 1
    path.write_bytes(gzip.compress(changed))
    with pytest.raises(FileFormatError, match=rf"must be {want}, but is [0-9a-f]{{64}}\."):
        read_idx(path, sha256=want)
