"""Fashion-MNIST: pictures of clothes, in MNIST's form and number, and harder to tell apart."""

import os

from handgrad.data.mnist import Dataset, read_folder
from handgrad.data.store import how_to_get, set_folder

FASHION_MNIST_CLASSES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def fashion_mnist(
    *,
    normalize: bool = False,
    flatten: bool = False,
    one_hot: bool = False,
    folder: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load Fashion-MNIST: 60,000 pictures of clothes for training, 10,000 for testing.

    It is not part of the package: `handgrad data get fashion_mnist` gets it. Nothing is ever
    downloaded from here.

    Args:
        normalize: True gives float32 pixels in [0, 1]; False gives uint8 in 0..255, as stored.
        flatten: True gives images of shape (N, 784); False gives (N, 1, 28, 28): one channel.
        one_hot: True gives labels as float32 rows of shape (N, 10); False gives int64 classes of
            shape (N,), numbered as in `FASHION_MNIST_CLASSES`.
        folder: where the four files are, plain or `.gz`, if not where `handgrad data get` put them.
            On Debian the package dataset-fashion-mnist puts them in
            /usr/share/datasets/fashion-mnist.

    Returns:
        `Dataset(train=Examples(x, labels), test=Examples(x, labels))`, as `mnist` does.

    Raises:
        FileAccessError: a file is missing or cannot be read; says how to get it.
        FileFormatError: a file is damaged, or holds something else.

    By Zalando SE, under the MIT licence. Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image
    dataset for benchmarking machine learning algorithms", 2017, arXiv:1708.07747.
    """
    return read_folder(
        set_folder("fashion_mnist", folder),
        who="fashion_mnist",
        cure=how_to_get("fashion_mnist", folder),
        normalize=normalize,
        flatten=flatten,
        one_hot=one_hot,
    )
