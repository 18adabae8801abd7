"""CIFAR-10 from a folder in the course's place: shapes, values, and what is missing."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.checks import FileAccessError, FileFormatError, InvalidValueError
from handgrad.compat.cs231n.data_utils import get_CIFAR10_data, load_CIFAR10, load_CIFAR_batch

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small CIFAR-10 of 4 images a file, where the notebooks have it; no cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path / "cache"))
    folder = tmp_path / "cs231n" / "datasets" / "cifar-10-batches-py"
    write_batches(folder)
    return folder


def write_batches(folder: Path) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name in NAMES:
        data = rng.integers(0, 256, (4, 3072), np.uint8)
        batch: dict[str, Any] = {"data": data, "labels": rng.integers(0, 10, 4).tolist()}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def test_all_batches(root: Path) -> None:
    X_train, y_train, X_test, y_test = load_CIFAR10(root)
    assert (X_train.shape, X_test.shape) == ((20, 32, 32, 3), (4, 32, 32, 3))
    assert (X_train.dtype, y_train.shape, y_test.shape) == (np.float64, (20,), (4,))
    second = pickle.loads((root / "data_batch_2").read_bytes())  # noqa: S301  (written above)
    red = second["data"][1, :1024].reshape(32, 32)
    np.testing.assert_array_equal(X_train[5, :, :, 0], red)
    assert y_train[5] == second["labels"][1]


def test_one_batch(root: Path) -> None:
    X, y = load_CIFAR_batch(root / "data_batch_1")
    all_X, all_y, _, _ = load_CIFAR10(str(root))
    np.testing.assert_array_equal(X, all_X[:4])
    np.testing.assert_array_equal(y, all_y[:4])


@pytest.mark.usefixtures("root")
def test_the_notebooks_data() -> None:
    X, y, X_test, _ = load_CIFAR10("cs231n/datasets/cifar-10-batches-py")
    data = get_CIFAR10_data(num_training=12, num_validation=5, num_test=3)
    assert list(data) == ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]
    mean = X[:12].mean(axis=0)
    np.testing.assert_array_equal(data["X_train"], (X[:12] - mean).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(data["X_val"], (X[12:17] - mean).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(data["X_test"], (X_test[:3] - mean).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(data["y_val"], y[12:17])
    plain = get_CIFAR10_data(12, 5, 3, subtract_mean=False)
    np.testing.assert_array_equal(plain["X_val"], X[12:17].transpose(0, 3, 1, 2))
    with pytest.raises(InvalidValueError, match="num_test must be at least 1, but is 0"):
        get_CIFAR10_data(12, 5, 0)


def test_the_cache_is_asked_where_the_folder_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path / "cache"))
    with pytest.raises(FileAccessError, match=r"handgrad data get cifar10` once; or get cifar-10"):
        get_CIFAR10_data()
    write_batches(tmp_path / "cache" / "cifar10" / "cifar-10-batches-py")
    assert get_CIFAR10_data(12, 5, 3)["X_train"].shape == (12, 3, 32, 32)


def test_damaged_files(root: Path) -> None:
    (root / "data_batch_1").write_bytes(pickle.dumps({"data": [1, 2, 3], "labels": [1]}))
    with pytest.raises(FileFormatError, match="must hold a dict with data"):
        load_CIFAR_batch(root / "data_batch_1")
    (root / "data_batch_2").unlink()
    with pytest.raises(FileAccessError, match="data_batch_2"):
        load_CIFAR10(root)


def test_a_pickle_that_runs_something_is_refused(root: Path) -> None:
    (root / "data_batch_1").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(FileFormatError, match=r"it asks for os\.system, which is not read"):
        load_CIFAR_batch(root / "data_batch_1")
