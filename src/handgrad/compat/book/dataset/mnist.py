"""`dataset.mnist` of the book: MNIST, from the files that come with handgrad."""

from functools import cache

import numpy as np

from handgrad.checks import Array
from handgrad.data.mnist import Dataset, mnist

__all__ = [
    "download_mnist",
    "img_dim",
    "img_size",
    "init_mnist",
    "load_mnist",
    "np",
    "test_num",
    "train_num",
]

train_num = 60000
test_num = 10000
img_dim = (1, 28, 28)
img_size = 784
Pair = tuple[Array, Array]


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[Pair, Pair]:
    """MNIST as ((x_train, t_train), (x_test, t_test)).

    Args:
        normalize: pixels as float32 from 0 to 1; else as bytes.
        flatten: images of shape (N, 784); else (N, 1, 28, 28).
        one_hot_label: labels as rows of 10 float64; else as bytes.
    """
    train, test = stored()
    return (
        arranged(*train, normalize=normalize, flatten=flatten, one_hot=one_hot_label),
        arranged(*test, normalize=normalize, flatten=flatten, one_hot=one_hot_label),
    )


def init_mnist() -> None:
    """Nothing: there is nothing to download, and no mnist.pkl is needed."""


def download_mnist() -> None:
    """Nothing, as `init_mnist`."""


@cache
def stored() -> Dataset:
    """The files, read once."""
    return mnist()


def arranged(x: Array, labels: Array, *, normalize: bool, flatten: bool, one_hot: bool) -> Pair:
    """Copies in the form that was asked for."""
    x = x.astype(np.float32) / np.float32(255) if normalize else x.copy()
    x = x.reshape(-1, img_size) if flatten else x
    return x, np.eye(10)[labels] if one_hot else labels.astype(np.uint8)
