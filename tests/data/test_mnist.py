import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from handgrad.checks import FileAccessError, FileFormatError
from handgrad.data import Dataset, mnist
from idx_files import idx_bytes

NAMES = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]


@pytest.fixture(scope="module")
def stored() -> Dataset:
    return mnist()


def test_stored_form(stored: Dataset) -> None:
    (x_train, labels_train), (x_test, labels_test) = stored
    assert (x_train.shape, x_train.dtype) == ((60000, 1, 28, 28), np.uint8)
    assert (x_test.shape, x_test.dtype) == ((10000, 1, 28, 28), np.uint8)
    assert (labels_train.shape, labels_train.dtype) == ((60000,), np.int64)
    assert (labels_test.shape, labels_test.dtype) == ((10000,), np.int64)


def test_published_figures(stored: Dataset) -> None:
    counts = np.bincount(stored.train.labels)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert stored.train.x.mean() / 255 == pytest.approx(0.1306604762738429, rel=1e-12)
    assert stored.train.x.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert stored.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_options(stored: Dataset) -> None:
    changed = mnist(normalize=True, flatten=True, one_hot=True)
    for part, plain in zip(changed, stored, strict=True):
        assert (part.x.shape, part.x.dtype) == ((len(plain.x), 784), np.float32)
        assert (part.labels.shape, part.labels.dtype) == ((len(plain.x), 10), np.float32)
        rows = slice(None, None, 97)
        expected = plain.x[rows].reshape(-1, 784) / np.float32(255)
        np.testing.assert_array_equal(part.x[rows], expected)
        np.testing.assert_array_equal(part.labels.argmax(axis=1), plain.labels)
        assert (part.labels.sum(axis=1) == 1).all()


def test_arrays_may_be_changed(stored: Dataset) -> None:
    assert all(
        array.flags.writeable and array.flags.c_contiguous for part in stored for array in part
    )


def write_set(folder: Path, *, suffix: str = "-ubyte", count: int = 3) -> None:
    rng = np.random.default_rng(0)
    for name in NAMES:
        shape = (count, 28, 28) if "images" in name else (count,)
        array = rng.integers(0, 10, shape, dtype=np.uint8)
        (folder / (name + suffix)).write_bytes(idx_bytes(array))


@pytest.mark.parametrize("count", [0, 3])
def test_own_folder(tmp_path: Path, count: int) -> None:
    write_set(tmp_path, count=count)
    own = mnist(folder=tmp_path, flatten=True, normalize=True, one_hot=True)
    assert own.train.x.shape == own.test.x.shape == (count, 784)
    assert own.train.labels.shape == own.test.labels.shape == (count, 10)


def test_own_folder_by_other_names(tmp_path: Path) -> None:
    write_set(tmp_path, suffix="-ubyte.gz")  # unpacked on the way, name kept: read all the same
    for path in tmp_path.iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert mnist(folder=str(tmp_path)).test.x.shape == (3, 1, 28, 28)


def test_own_folder_compressed(tmp_path: Path, stored: Dataset) -> None:
    for path in Path(str(files("handgrad.data") / "bundled")).iterdir():
        shutil.copy(path, tmp_path)
    np.testing.assert_array_equal(mnist(folder=tmp_path).test.x, stored.test.x)


def test_own_folder_lacks_a_file(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileAccessError, match=r"must hold t10k-labels-idx1-ubyte, .* none of .*gz"):
        mnist(folder=tmp_path)
    with pytest.raises(FileAccessError, match=r"folder absent must hold train-images"):
        mnist(folder="absent")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "t10k-images-idx3",
            np.zeros((3, 28, 28), np.int8),
            r"uint8 .* \(N, 28, 28\), but are int8",
        ),
        (
            "t10k-images-idx3",
            np.zeros((3, 28, 27), np.uint8),
            r"but are uint8 of shape \(3, 28, 27\)",
        ),
        ("t10k-images-idx3", np.zeros(3, np.uint8), r"but are uint8 of shape \(3,\)"),
        ("train-labels-idx1", np.zeros(2, np.uint8), r"uint8 of shape \(3,\), .* of shape \(2,\)"),
        ("train-labels-idx1", np.zeros(3, np.int8), r"but are int8 of shape \(3,\)"),
        ("train-labels-idx1", np.array([0, 10, 9], np.uint8), r"in 0\.\.9, but there is a 10"),
    ],
)
def test_own_folder_of_another_form(
    tmp_path: Path, name: str, array: np.ndarray, message: str
) -> None:
    write_set(tmp_path)
    (tmp_path / f"{name}-ubyte").write_bytes(idx_bytes(array))
    with pytest.raises(FileFormatError, match=rf"{name}-ubyte: .*{message}"):
        mnist(folder=tmp_path)


def test_bundled_files_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    from handgrad.data.mnist import SHA256

    monkeypatch.setitem(SHA256, "t10k-labels-idx1-ubyte", "0" * 64)
    with pytest.raises(FileFormatError, match=r"t10k-labels-idx1-ubyte\.gz: the SHA-256"):
        mnist()
