from pathlib import Path

import numpy as np
import pytest

from handgrad.checks import FileAccessError, FileFormatError
from handgrad.data import FASHION_MNIST_CLASSES, fashion_mnist
from idx_files import idx_bytes

PARTS = {"train": 5, "t10k": 3}


def write_set(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for part, count in PARTS.items():
        x = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count, dtype=np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx_bytes(x))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx_bytes(labels))
        written[part] = x, labels
    return written


def test_own_folder_and_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_set(tmp_path / "fashion_mnist")
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    for data in (fashion_mnist(), fashion_mnist(folder=tmp_path / "fashion_mnist")):
        for came, (x, labels) in zip(data, written.values(), strict=True):
            np.testing.assert_array_equal(came.x, x[:, np.newaxis])
            np.testing.assert_array_equal(came.labels, labels)
            assert (came.x.dtype, came.labels.dtype) == (np.uint8, np.int64)


def test_options(tmp_path: Path) -> None:
    written = write_set(tmp_path)
    data = fashion_mnist(folder=tmp_path, normalize=True, flatten=True, one_hot=True)
    x, labels = written["train"]
    np.testing.assert_array_equal(data.train.x, x.reshape(5, 784) / np.float32(255))
    np.testing.assert_array_equal(data.train.labels.argmax(axis=1), labels)


def test_ten_classes() -> None:
    assert len(FASHION_MNIST_CLASSES) == 10
    assert FASHION_MNIST_CLASSES[9] == "ankle boot"  # the class of the first training image


def test_what_is_missing_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    cure = r"Get it with: handgrad data get fashion_mnist$"
    with pytest.raises(FileAccessError, match=rf"fashion_mnist: folder .* must hold train.*{cure}"):
        fashion_mnist()
    cure = rf"handgrad data get fashion_mnist --folder {tmp_path}$"
    with pytest.raises(FileAccessError, match=cure):
        fashion_mnist(folder=tmp_path)


def test_what_is_wrong(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"<html>")
    with pytest.raises(FileFormatError, match=r"t10k-images-idx3-ubyte\.gz: an IDX file must"):
        fashion_mnist(folder=tmp_path)
