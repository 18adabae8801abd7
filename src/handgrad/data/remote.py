"""Getting data sets, and finding out what is here and which mirrors answer.

Nothing here is called unless somebody asks for it: the functions that load data never do.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from handgrad.data.download import (
    TIMEOUT,
    Listener,
    MirrorError,
    check_answer,
    download,
    open_url,
    size_of,
    what_is_wrong,
)
from handgrad.data.mirrors import RemoteFile, RemoteSet, bases, find_set
from handgrad.data.store import set_folder


class FileState(NamedTuple):
    """What is here of one file."""

    name: str
    state: str  # "whole", "part", "absent" or "damaged"
    came: int  # bytes that are here
    size: int  # bytes of the whole
    text: str


class MirrorState(NamedTuple):
    """What a mirror says when asked for the first byte of one file."""

    mirror: str
    file: str
    answers: bool
    seconds: float
    text: str


def get_set(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    timeout: float = TIMEOUT,
    listener: Listener | None = None,
) -> Path:
    """Get all files of a set that are not here yet, and return the folder that they are in.

    Raises:
        UnknownNameError: there is no such set.
        FileAccessError: no mirror has a file, with the reason of each; or it cannot be written.
    """
    data = find_set(name)
    place = set_folder(data.folder, folder)
    for file in data.files:
        download(file, place, bases(data), timeout=timeout, listener=listener)
    return place


def what_is_here(data: RemoteSet, folder: str | os.PathLike[str] | None) -> list[FileState]:
    """The state of each file of a set, every byte looked at."""
    place = set_folder(data.folder, folder)
    return [_state(place, file) for file in data.files]


def _state(place: Path, file: RemoteFile) -> FileState:
    wrong = what_is_wrong(place / file.name, file)
    came = size_of(place / file.name)
    if wrong is None:
        return FileState(file.name, "whole", came, file.size, "whole")
    if wrong != "absent":
        return FileState(file.name, "damaged", came, file.size, f"not the published file: {wrong}")
    part = size_of(place / f"{file.name}.part")
    if part:
        text = f"{part:,} of {file.size:,} bytes have come"
        return FileState(file.name, "part", part, file.size, text)
    return FileState(file.name, "absent", 0, file.size, "not here")


def ask_mirrors(data: RemoteSet, *, timeout: float = TIMEOUT) -> list[MirrorState]:
    """Ask all mirrors at once for the first byte of each file of a set."""
    places = bases(data)
    with ThreadPoolExecutor(max_workers=16) as threads:
        asked = [
            threads.submit(_ask, base, file, timeout) for base in places for file in data.files
        ]
        return [each.result() for each in asked]


def _ask(base: str, file: RemoteFile, timeout: float) -> MirrorState:
    started = time.monotonic()
    try:
        with open_url(f"{base}{file.name}", timeout, last=0) as answer:
            check_answer(answer, file.size, 0)
        good, text = True, "answers"
    except MirrorError as error:
        good, text = False, str(error)
    return MirrorState(base, file.name, good, time.monotonic() - started, text)
