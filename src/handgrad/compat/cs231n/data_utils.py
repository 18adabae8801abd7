"""`cs231n.data_utils`: CIFAR-10 from the reader's own folder, in the course's shapes."""

import os
from pathlib import Path

import numpy as np

from handgrad.checks import Array, FileAccessError, FileFormatError, check_count
from handgrad.data import cifar10, read_pickle

FOLDER = Path("cs231n", "datasets", "cifar-10-batches-py")  # beside the notebooks
Folder = str | os.PathLike[str]


def load_CIFAR_batch(filename: Folder) -> tuple[Array, Array]:
    """One file of CIFAR-10's python version: images (N, 32, 32, 3) as floats, and labels (N,).

    The file is a pickle, of which only arrays and plain values are read.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it holds something else.
    """
    batch = read_pickle(filename)
    try:
        labels = np.asarray(batch["labels"])
        images = np.asarray(batch["data"]).reshape(len(labels), 3, 32, 32)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{filename}: must hold a dict with data (N, 3072) and labels (N), as CIFAR-10's "
            f"python version has, but does not ({type(error).__name__}: {error})."
        ) from error
    return images.transpose(0, 2, 3, 1).astype(np.float64), labels


def load_CIFAR10(ROOT: Folder) -> tuple[Array, Array, Array, Array]:
    """All of CIFAR-10: training images and labels, test images and labels.

    Args:
        ROOT: the folder cifar-10-batches-py. Where it does not exist, the data that
            `handgrad data get cifar10` has put into the cache are taken.

    Returns:
        Images (50000, 32, 32, 3) and (10000, 32, 32, 3) as floats from 0 to 255, labels as
        integers; in the order X_train, y_train, X_test, y_test.

    Raises:
        FileAccessError: the data are in neither place; the message says how to get them.
        FileFormatError: a file is damaged.
    """
    root = Path(ROOT)
    try:
        train, test = cifar10(folder=root if root.exists() else None)
    except FileAccessError as error:
        if root.exists():
            raise
        raise FileAccessError(
            f"load_CIFAR10: {root.absolute()} must be the folder cifar-10-batches-py, but does not "
            "exist. Run `handgrad data get cifar10` once; or get cifar-10-python.tar.gz from "
            "www.cs.toronto.edu/~kriz/cifar.html, unpack it, and put that folder there."
        ) from error
    (X_train, y_train), (X_test, y_test) = (
        (images.transpose(0, 2, 3, 1).astype(np.float64), labels)
        for images, labels in (train, test)
    )
    return X_train, y_train, X_test, y_test


def get_CIFAR10_data(
    num_training: int = 49000,
    num_validation: int = 1000,
    num_test: int = 1000,
    subtract_mean: bool = True,
) -> dict[str, Array]:
    """CIFAR-10 as the notebooks use it, from cs231n/datasets/cifar-10-batches-py.

    Args:
        num_training: so many images from the beginning of the training images.
        num_validation: so many that follow them.
        num_test: so many from the beginning of the test images.
        subtract_mean: subtract the mean training image from all.

    Returns:
        "X_train", "y_train", "X_val", "y_val", "X_test", "y_test"; images (N, 3, 32, 32).
    """
    sizes = {"num_training": num_training, "num_validation": num_validation, "num_test": num_test}
    for which, size in sizes.items():
        check_count(size, who="get_CIFAR10_data", which=which)
    X, y, X_test, y_test = load_CIFAR10(FOLDER)
    end = num_training + num_validation
    parts = {
        "train": (X[:num_training], y[:num_training]),
        "val": (X[num_training:end], y[num_training:end]),
        "test": (X_test[:num_test], y_test[:num_test]),
    }
    mean = parts["train"][0].mean(axis=0) if subtract_mean else 0.0
    data: dict[str, Array] = {}
    for name, (images, labels) in parts.items():
        data[f"X_{name}"] = np.ascontiguousarray((images - mean).transpose(0, 3, 1, 2))
        data[f"y_{name}"] = labels.copy()
    return data
