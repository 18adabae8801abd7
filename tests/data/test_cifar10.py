import io
import os
import pickle
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cifar_files import ARCHIVES, BIN, PY, cifar_archive, cifar_batches, cifar_files, write_files
from handgrad.checks import FileAccessError, FileFormatError
from handgrad.data import CIFAR10_CLASSES, Dataset, cifar10
from handgrad.data.cifar10 import BATCHES

batches = cifar_batches()
train_x = np.concatenate([batches[name].x for name in BATCHES])
train_labels = np.concatenate([batches[name].labels for name in BATCHES])
FILES = {form: cifar_files(batches, form) for form in (PY, BIN)}
FORMS = [PY, BIN]


def check_set(data: Dataset) -> None:
    np.testing.assert_array_equal(data.train.x, train_x)
    np.testing.assert_array_equal(data.train.labels, train_labels)
    np.testing.assert_array_equal(data.test.x, batches["test_batch"].x)
    np.testing.assert_array_equal(data.test.labels, batches["test_batch"].labels)
    assert data.train.x.dtype == np.uint8
    assert data.train.labels.dtype == np.int64
    for array in (*data.train, *data.test):
        assert array.flags.writeable
        assert array.flags.c_contiguous


@pytest.mark.parametrize("form", FORMS)
def test_batches_in_a_folder(tmp_path: Path, form: str) -> None:
    write_files(tmp_path / form, FILES[form])
    check_set(cifar10(folder=tmp_path / form))
    check_set(cifar10(folder=str(tmp_path)))  # the folder above it
    (tmp_path / form / ("batches.meta" if form == PY else "batches.meta.txt")).unlink()
    check_set(cifar10(folder=tmp_path))


@pytest.mark.parametrize("form", FORMS)
def test_the_archive_itself(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar10"
    write_files(folder, {ARCHIVES[form]: cifar_archive(FILES[form], form)})
    check_set(cifar10(folder=folder))
    check_set(cifar10(folder=folder / ARCHIVES[form]))
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    check_set(cifar10())
    assert os.listdir(folder) == [ARCHIVES[form]]  # noqa: PTH208  (nothing was unpacked)


def test_options(tmp_path: Path) -> None:
    write_files(tmp_path, FILES[BIN])
    (x, labels), test = cifar10(folder=tmp_path, normalize=True, flatten=True, one_hot=True)
    np.testing.assert_array_equal(x, train_x.reshape(len(x), 3072) / np.float32(255))
    np.testing.assert_array_equal(labels.argmax(axis=1), train_labels)
    assert (x.dtype, labels.dtype, labels.shape) == (np.float32, np.float32, (len(x), 10))
    assert test.x.shape == (4, 3072)


def test_a_class_has_its_name() -> None:
    assert CIFAR10_CLASSES[6] == "frog"  # the class of the first training image
    assert len(CIFAR10_CLASSES) == 10


# -- what is missing or wrong -------------------------------------------------------------------


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        FileAccessError, match=r"must hold the batches or cifar-10-python.* --folder"
    ):
        cifar10(folder=tmp_path)
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileAccessError, match=r"absent.*Get it with: handgrad data get cifar10$"):
        cifar10()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["data_batch_2", "data_batch_4", "test_batch"])
def test_a_batch_is_missing(tmp_path: Path, name: str) -> None:
    write_files(tmp_path, FILES[PY])
    (tmp_path / name).unlink()
    with pytest.raises(FileAccessError, match=rf"{name} cannot be read \(No such file"):
        cifar10(folder=tmp_path)


def batch(**changes: Any) -> bytes:
    x, labels = batches["test_batch"]
    return pickle.dumps({"data": x.reshape(4, -1), "labels": labels.tolist(), **changes}, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "it is no pickle, or a damaged one"),
        (batch()[:-1000], "it is no pickle, or a damaged one"),
        (pickle.dumps([1]), r"'data' must be uint8 of shape \(N, 3072\), but is object"),
        (batch(data=np.zeros((4, 3072))), "but is float64"),
        (batch(data=np.zeros((4, 3071), np.uint8)), r"of shape \(4, 3071\)"),
        (batch(labels=[1, 2]), "the labels must be 4 classes in 0..9"),
        (batch(labels=[1, 2, 3, 10]), "the labels must be 4 classes in 0..9"),
        (batch(labels=[1, 2, 3, -1]), "the labels must be 4 classes in 0..9"),
        (batch(labels=["a"] * 4), "the labels must be 4 classes in 0..9"),
        (batch(labels=None), "the labels must be 4 classes in 0..9"),
        (batch(more=print), r"asks for (__builtin__|builtins)\.print"),
    ],
)
def test_a_batch_of_another_kind(tmp_path: Path, content: bytes, message: str) -> None:
    write_files(tmp_path, FILES[PY] | {"test_batch": content})
    where = re.escape(str(tmp_path / "test_batch"))
    with pytest.raises(FileFormatError, match=rf"^{where}: .*{message}"):
        cifar10(folder=tmp_path)


def test_a_binary_batch_of_another_kind(tmp_path: Path) -> None:
    write_files(tmp_path, FILES[BIN] | {"data_batch_2.bin": FILES[BIN]["data_batch_2.bin"][:-1]})
    with pytest.raises(FileFormatError, match=r"data_batch_2\.bin: the size must be a multiple of"):
        cifar10(folder=tmp_path)
    write_files(tmp_path, {"data_batch_2.bin": b"\x0a" + bytes(3072)})
    with pytest.raises(FileFormatError, match=r"the labels must be 1 classes in 0\.\.9"):
        cifar10(folder=tmp_path)


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        (PY, "batches.meta", pickle.dumps({"label_names": ["apple", "baby"]}, 2)),
        (PY, "batches.meta", pickle.dumps(None)),
        (BIN, "batches.meta.txt", b"apple\nbaby\n"),
    ],
)
def test_another_set_of_the_same_form(tmp_path: Path, form: str, name: str, content: bytes) -> None:
    write_files(tmp_path, FILES[form] | {name: content})
    message = rf"{name}: the classes must be airplane, .*another"
    with pytest.raises(FileFormatError, match=message):
        cifar10(folder=tmp_path)
    packed = tmp_path / "packed"
    write_files(packed, {ARCHIVES[form]: cifar_archive(FILES[form] | {name: content}, form)})
    with pytest.raises(FileFormatError, match=message):
        cifar10(folder=packed)


@pytest.mark.parametrize("cut", [10, 1000, -8, -1])
def test_a_damaged_archive(tmp_path: Path, cut: int) -> None:
    path = tmp_path / ARCHIVES[BIN]
    path.write_bytes(cifar_archive(FILES[BIN], BIN)[:cut])
    with pytest.raises(FileFormatError, match=r"binary\.tar\.gz: the archive is damaged .*again"):
        cifar10(folder=tmp_path)


def test_an_archive_with_a_wrong_checksum(tmp_path: Path) -> None:
    content = bytearray(cifar_archive(FILES[BIN], BIN))
    content[-8] ^= 1
    (tmp_path / ARCHIVES[BIN]).write_bytes(content)
    with pytest.raises(FileFormatError, match=r"the archive is damaged \(CRC check failed"):
        cifar10(folder=tmp_path)


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / ARCHIVES[BIN]
    path.write_bytes(cifar_archive(dict(list(FILES[BIN].items())[:4]), BIN))
    with pytest.raises(FileFormatError, match=r"lacks data_batch_5\.bin, test_batch\.bin\. It is"):
        cifar10(folder=tmp_path)
    path.write_bytes(b"<html>not here</html>")
    with pytest.raises(FileFormatError, match="the archive is damaged"):
        cifar10(folder=tmp_path)


def test_members_that_lead_elsewhere_are_no_files(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in FILES[BIN]:
            member = tarfile.TarInfo(f"../../{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    (tmp_path / ARCHIVES[BIN]).write_bytes(stream.getvalue())
    with pytest.raises(FileFormatError, match=r"lacks data_batch_1\.bin"):
        cifar10(folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_member_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["handgrad.data.cifar10"], "MEMBER_LIMIT", 1000)
    (tmp_path / ARCHIVES[PY]).write_bytes(cifar_archive(FILES[PY], PY))
    with pytest.raises(FileFormatError, match=r"data_batch_1 must have at most 1,000 bytes"):
        cifar10(folder=tmp_path)


def test_the_real_first_batch() -> None:
    """The pixels of the real set may not be part of the repository."""
    folder = os.environ.get("HANDGRAD_TEST_CIFAR10")
    if not folder:
        pytest.skip("HANDGRAD_TEST_CIFAR10 names no folder with the real CIFAR-10")
    data = cifar10(folder=folder)
    assert data.train.labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert (len(data.train.x), len(data.test.x)) == (50_000, 10_000)
