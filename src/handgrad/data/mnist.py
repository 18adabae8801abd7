"""The MNIST database of handwritten digits, bundled with the package."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handgrad.checks import Array, FileAccessError, FileFormatError, shape_text
from handgrad.data.arrays import Examples
from handgrad.data.arrays import one_hot as one_hot_rows
from handgrad.data.idx import read_idx

CLASSES = 10
SHA256 = {  # of the unpacked files
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
FILES = (  # images and labels of each part
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


class Dataset(NamedTuple):
    """What is trained on, and what is looked at once, at the end."""

    train: Examples
    test: Examples


def mnist(
    *,
    normalize: bool = False,
    flatten: bool = False,
    one_hot: bool = False,
    folder: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load the MNIST database: 60,000 handwritten digits for training, 10,000 for testing.

    Args:
        normalize: True gives float32 pixels in [0, 1]; False gives uint8 in 0..255, as stored.
            0 is the background.
        flatten: True gives images of shape (N, 784); False gives (N, 1, 28, 28): one channel.
        one_hot: True gives labels as float32 rows of shape (N, 10); False gives int64 classes of
            shape (N,). (Stored as uint8; int64 does not wrap round when people calculate with it.)
        folder: read the four files there, under their usual names, plain or `.gz`, in place of the
            bundled ones: any data of MNIST's form, such as Fashion-MNIST. Only the bundled files
            are checked against their hash.

    Returns:
        `Dataset(train=Examples(x, labels), test=Examples(x, labels))`. The arrays are new each
        time; they may be changed.

    Raises:
        FileAccessError: a file is missing or cannot be read.
        FileFormatError: a file is damaged, or holds something else.

    By Yann LeCun (Courant Institute, NYU), Corinna Cortes (Google Labs, New York) and Christopher
    J. C. Burges (Microsoft Research, Redmond), under the Creative Commons Attribution-Share Alike
    3.0 licence (https://creativecommons.org/licenses/by-sa/3.0/), which is separate from that of
    the code; see NOTICE. LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
    document recognition", Proceedings of the IEEE 86(11), 1998.

    >>> (x_train, labels_train), (x_test, labels_test) = mnist()
    >>> x_train.shape, x_test.shape, labels_train[:5]
    ((60000, 1, 28, 28), (10000, 1, 28, 28), array([5, 0, 4, 1, 9]))
    """
    if folder is not None:
        return read_folder(
            Path(folder),
            who="mnist",
            cure="Leave `folder` out to use the bundled files.",
            normalize=normalize,
            flatten=flatten,
            one_hot=one_hot,
        )
    from importlib.resources import as_file, files  # takes longer to import than this module

    parts: list[Examples] = []
    with ExitStack() as stack:
        for names in FILES:
            bundled = files("handgrad.data") / "bundled"
            paths = [stack.enter_context(as_file(bundled / f"{name}.gz")) for name in names]
            x, labels = (
                read_idx(path, sha256=SHA256[name]) for path, name in zip(paths, names, strict=True)
            )
            parts.append(_arrange(x, labels, normalize, flatten, one_hot))
    return Dataset(*parts)


def read_folder(
    folder: Path, *, who: str, cure: str, normalize: bool, flatten: bool, one_hot: bool
) -> Dataset:
    """Read the four files of a set of MNIST's form, with the options of `mnist`.

    Raises:
        FileAccessError: a file is missing (`who` says it, and the `cure`), or cannot be read.
        FileFormatError: a file is damaged, or holds something else.
    """
    parts: list[Examples] = []
    for names in FILES:
        paths = [_find(folder, name, who, cure) for name in names]
        x, labels = (read_idx(path) for path in paths)
        _check_pair(paths, x, labels)
        parts.append(_arrange(x, labels, normalize, flatten, one_hot))
    return Dataset(*parts)


def _arrange(x: Array, labels: Array, normalize: bool, flatten: bool, one_hot: bool) -> Examples:  # noqa: FBT001  (mnist's own options)
    x = x.reshape(len(x), 28 * 28) if flatten else x[:, np.newaxis]
    if normalize:
        x = np.divide(x, 255, dtype=np.float32)
    labels = one_hot_rows(labels, CLASSES) if one_hot else labels.astype(np.int64)
    return Examples(x, labels)


def _find(folder: Path, name: str, who: str, cure: str) -> Path:
    """Look for a file under the names that copies of it go by."""
    dotted = name.replace("-idx", ".idx")  # how some archivers unpack it
    names = [name, f"{name}.gz", dotted, f"{dotted}.gz"]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileAccessError(
        f"{who}: folder {folder} must hold {name}, plain or .gz, but holds none of "
        f"{', '.join(names)}. {cure}"
    )


def _check_pair(paths: list[Path], x: Array, labels: Array) -> None:
    """Refuse images and labels that are not of MNIST's form, or not of each other."""
    if x.dtype != np.uint8 or x.shape[1:] != (28, 28):
        raise FileFormatError(
            f"{paths[0]}: the images must be uint8 of shape (N, 28, 28), "
            f"but are {x.dtype} of shape {shape_text(x.shape)}."
        )
    if labels.dtype != np.uint8 or labels.shape != x.shape[:1]:
        raise FileFormatError(
            f"{paths[1]}: the labels must be uint8 of shape {shape_text(x.shape[:1])}, one for "
            f"each image, but are {labels.dtype} of shape {shape_text(labels.shape)}."
        )
    if labels.size and labels.max() >= CLASSES:
        raise FileFormatError(
            f"{paths[1]}: the labels must be in 0..{CLASSES - 1}, but there is a {labels.max()}."
        )
