"""CIFAR-10: small colour photographs of ten kinds of things, from either of its two formats.

    python   data_batch_1 … data_batch_5, test_batch: each a pickle of a dict with "data", uint8
             (N, 3072), and "labels", N numbers; batches.meta names the classes
    binary   data_batch_1.bin … test_batch.bin: for each image 1 byte, its class, and 3072 bytes

A row of 3072 is 1024 red, 1024 green and 1024 blue values, each row by row of the image. The
pickles are read without running them, and the archives without unpacking them to the disk.
"""

import gzip
import os
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np

from handgrad.checks import Array, FileAccessError, FileFormatError, HandgradError, shape_text
from handgrad.data.arrays import Examples
from handgrad.data.arrays import one_hot as one_hot_rows
from handgrad.data.mnist import Dataset
from handgrad.data.pickles import loads_pickle
from handgrad.data.store import how_to_get, set_folder

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
NAMES = (*BATCHES, "test_batch")
MEMBER_LIMIT = 64 << 20  # bytes; the real batches have 31 million
SKIP = 1 << 20


class Form(NamedTuple):
    """One of the two formats."""

    archive: str
    subfolder: str
    suffix: str
    meta: str


FORMS = (
    Form("cifar-10-python.tar.gz", "cifar-10-batches-py", "", "batches.meta"),
    Form("cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin", "batches.meta.txt"),
)


def cifar10(
    *,
    normalize: bool = False,
    flatten: bool = False,
    one_hot: bool = False,
    folder: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load CIFAR-10: 50,000 colour photographs for training, 10,000 for testing, 32 × 32 pixels.

    It is not part of the package: `handgrad data get cifar10` gets it. Nothing is ever downloaded
    from here.

    Args:
        normalize: True gives float32 values in [0, 1]; False gives uint8 in 0..255, as stored.
        flatten: True gives images of shape (N, 3072); False gives (N, 3, 32, 32): red, green, blue.
        one_hot: True gives labels as float32 rows of shape (N, 10); False gives int64 classes of
            shape (N,), numbered as in `CIFAR10_CLASSES`.
        folder: where the data are, if not where `handgrad data get` put them: a folder with the
            batches, in the python or the binary format; a folder with the folder that the archive
            unpacks to, or with the archive itself; or the archive's own path.

    Returns:
        `Dataset(train=Examples(x, labels), test=Examples(x, labels))`, as `mnist` does.

    Raises:
        FileAccessError: a file is missing or cannot be read; says how to get it.
        FileFormatError: a file is damaged, or holds something else.

    By Alex Krizhevsky, Vinod Nair and Geoffrey Hinton; the authors state no licence. Krizhevsky,
    "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    place = set_folder("cifar10", folder)
    form, contents = _find(place, how_to_get("cifar10", folder))
    read = _read_binary if form.suffix else _read_pickled
    parts = {name: read(place / f"{name}{form.suffix}", contents[name]) for name in NAMES}
    if form.meta in contents:
        _check_classes(place / form.meta, contents[form.meta])
    train = Examples(*map(np.concatenate, zip(*(parts[name] for name in BATCHES), strict=True)))
    return Dataset(
        *(_arrange(part, normalize, flatten, one_hot) for part in (train, parts["test_batch"]))
    )


# -- where the batches are ----------------------------------------------------------------------


def _find(place: Path, cure: str) -> tuple[Form, dict[str, bytes]]:
    """The format found there, and the content of each file, by its name without suffix."""
    try:
        for form in FORMS:
            if place.is_file() and place.name == form.archive:
                return form, _from_archive(place, form)
            for folder in (place, place / form.subfolder):
                if (folder / f"{NAMES[0]}{form.suffix}").is_file():
                    return form, _from_folder(folder, form)
            if (place / form.archive).is_file():
                return form, _from_archive(place / form.archive, form)
    except HandgradError:
        raise
    except OSError as error:
        raise FileAccessError(
            f"cifar10: {error.filename or place} cannot be read ({error.strerror or error})."
        ) from error
    archives = " or ".join(form.archive for form in FORMS)
    raise FileAccessError(f"cifar10: {place} must hold the batches or {archives}. {cure}")


def _from_folder(folder: Path, form: Form) -> dict[str, bytes]:
    contents = {name: (folder / f"{name}{form.suffix}").read_bytes() for name in NAMES}
    meta = folder / form.meta
    return contents | ({form.meta: meta.read_bytes()} if meta.is_file() else {})


def _from_archive(path: Path, form: Form) -> dict[str, bytes]:
    """Read the members that we know, one after another; nothing is written anywhere."""
    import tarfile

    wanted = {f"{name}{form.suffix}": name for name in NAMES} | {form.meta: form.meta}
    contents: dict[str, bytes] = {}
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for member in archive:
                name = wanted.get(member.name.rpartition("/")[2])
                file = archive.extractfile(member) if name and member.isreg() else None
                if name and file is not None:
                    contents[name] = _read_member(path, member.name, file)
            while cast("IO[bytes]", packed).read(SKIP):  # to the end, where gzip's checksum is
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileFormatError(f"{path}: the archive is damaged ({error}). Get it again.") from error
    missing = [file for file, name in wanted.items() if name in NAMES and name not in contents]
    if missing:
        raise FileFormatError(
            f"{path}: the archive must hold {', '.join(wanted)}, but lacks {', '.join(missing)}. "
            "It is another archive, or not a whole one; get it again."
        )
    return contents


def _read_member(path: Path, name: str, file: IO[bytes]) -> bytes:
    content = file.read(MEMBER_LIMIT + 1)
    if len(content) > MEMBER_LIMIT:
        raise FileFormatError(
            f"{path}: {name} must have at most {MEMBER_LIMIT:,} bytes, but has more. "
            "It is not CIFAR-10."
        )
    return content


# -- what the batches hold ----------------------------------------------------------------------


def _read_pickled(path: Path, content: bytes) -> Examples:
    """A batch of the python format."""
    batch = _dict(loads_pickle(content, encoding="latin1", name=str(path)))
    x = np.asarray(batch.get("data"))
    if x.dtype != np.uint8 or x.shape[1:] != (PIXELS,):
        raise FileFormatError(
            f"{path}: 'data' must be uint8 of shape (N, {PIXELS}), but is {x.dtype} of shape "
            f"{shape_text(x.shape)}. It is not a batch of CIFAR-10."
        )
    try:
        labels = np.asarray(batch.get("labels"), np.int64)
    except (TypeError, ValueError, OverflowError):
        labels = np.empty(())
    return _checked(path, x, labels)


def _read_binary(path: Path, content: bytes) -> Examples:
    """A batch of the binary format."""
    if len(content) % (1 + PIXELS):
        raise FileFormatError(
            f"{path}: the size must be a multiple of {1 + PIXELS} bytes, one class and one image, "
            f"but is {len(content):,}. It was cut off, or is another file; get it again."
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return _checked(path, rows[:, 1:], rows[:, 0].astype(np.int64))


def _checked(path: Path, x: Array, labels: Array) -> Examples:
    if labels.shape != x.shape[:1] or (labels.size and not 0 <= labels.min() <= labels.max() <= 9):
        raise FileFormatError(
            f"{path}: the labels must be {len(x):,} classes in 0..9, one for each image. "
            "It is not a batch of CIFAR-10."
        )
    return Examples(x, labels)


def _check_classes(path: Path, content: bytes) -> None:
    """Refuse a set of another kind that has CIFAR-10's form."""
    if path.suffix == ".txt":
        names = content.decode("latin1").split()
    else:
        names = _dict(loads_pickle(content, encoding="latin1", name=str(path))).get("label_names")
    if names != list(CIFAR10_CLASSES):
        raise FileFormatError(
            f"{path}: the classes must be {', '.join(CIFAR10_CLASSES)}, "
            f"but are {names!r:.100}. It is another data set."
        )


def _dict(value: Any) -> dict[str, Any]:
    """What a pickle holds, if it is a dict."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _arrange(part: Examples, normalize: bool, flatten: bool, one_hot: bool) -> Examples:  # noqa: FBT001  (cifar10's own options)
    x = np.ascontiguousarray(part.x).reshape(-1, *((PIXELS,) if flatten else SHAPE))
    if normalize:
        x = np.divide(x, 255, dtype=np.float32)
    return Examples(x, one_hot_rows(part.labels, 10) if one_hot else part.labels)
