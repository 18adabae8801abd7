"""Small sets in CIFAR-10's two formats, for the tests of reading them."""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.data import CIFAR10_CLASSES, Examples
from handgrad.data.cifar10 import BATCHES, NAMES

PY, BIN = "cifar-10-batches-py", "cifar-10-batches-bin"
ARCHIVES = {PY: "cifar-10-python.tar.gz", BIN: "cifar-10-binary.tar.gz"}


def cifar_batches(count: int = 4) -> dict[str, Examples]:
    """Random batches, by their names."""
    rng = np.random.default_rng(0)
    return {
        name: Examples(
            rng.integers(0, 256, (count + (name in BATCHES), 3, 32, 32), dtype=np.uint8),
            rng.integers(0, 10, count + (name in BATCHES)),
        )
        for name in NAMES
    }


def cifar_files(batches: dict[str, Examples], folder: str) -> dict[str, bytes]:
    """The files of one format, by name."""
    if folder == BIN:
        files = {
            f"{name}.bin": np.concatenate(
                [batch.labels[:, None].astype(np.uint8), batch.x.reshape(len(batch.x), -1)], axis=1
            ).tobytes()
            for name, batch in batches.items()
        }
        return files | {"batches.meta.txt": "\n".join([*CIFAR10_CLASSES, ""]).encode()}
    values: dict[str, Any] = {
        name: {
            "batch_label": name,
            "labels": batch.labels.tolist(),
            "data": batch.x.reshape(len(batch.x), -1),
            "filenames": [f"{i}.png" for i in range(len(batch.x))],
        }
        for name, batch in batches.items()
    }
    values["batches.meta"] = {"label_names": list(CIFAR10_CLASSES), "num_vis": 3072}
    return {name: pickle.dumps(value, 2) for name, value in values.items()}


def cifar_archive(files: dict[str, bytes], folder: str) -> bytes:
    """The files as a .tar.gz, as the authors pack it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        top = tarfile.TarInfo(folder)
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
