"""One file over HTTP, from the first of several mirrors that has it whole.

The bytes go into a file beside, `NAME.part`, which is kept when anything ends too soon: the next
attempt, at this mirror or another one, asks for the rest only. When all bytes are there, their
SHA-256 decides, and only then the file gets its name. Nothing that a server says is believed: not
its status, not its lengths, not its types.
"""

import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from handgrad.checks import FileAccessError
from handgrad.data.locks import only_one
from handgrad.data.mirrors import RemoteFile

TIMEOUT = 20.0  # seconds without an answer, or without enough bytes
LEAST = 1024  # bytes that must come in that time
CHUNK = 1 << 18
ATTEMPTS = 20  # at one mirror, as long as each brings something
PAUSE = 0.5  # seconds before another attempt
GZIP_MAGIC = b"\x1f\x8b"  # all files are compressed
NETWORK_ERRORS = (OSError, http.client.HTTPException)


class MirrorError(Exception):
    """A mirror is of no use; says why, after its name."""


class BrokenOffError(MirrorError):
    """What came so far is good, but it ended."""


class Listener:
    """Told how it goes; override what you want to know."""

    def started(self, file: RemoteFile) -> None:
        """A file is begun, or gone on with."""

    def progress(self, done: int) -> None:
        """So many bytes of the file are there."""

    def note(self, text: str) -> None:
        """Something that people may want to know."""


def download(
    file: RemoteFile,
    folder: Path,
    bases: list[str],
    *,
    timeout: float = TIMEOUT,
    listener: Listener | None = None,
) -> Path:
    """Get a file, unless it is there already; return its path.

    Raises:
        FileAccessError: no mirror has it, with the reason of each; or it cannot be written.
    """
    listener = listener or Listener()
    target = folder / file.name
    if what_is_wrong(target, file) is None:
        return target
    part = folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = only_one(
            folder / f".{file.name}.lock",
            lambda: listener.note(f"{file.name}: another process is getting it; waiting"),
        )
        with lock as held:
            if what_is_wrong(target, file) is not None:  # or another process has got it meanwhile
                if not held:
                    part = folder / f"{file.name}.{os.getpid()}.part"
                listener.started(file)
                _from_any(file, part, bases, timeout, listener)
                part.replace(target)
    except OSError as error:
        if isinstance(error, FileAccessError):
            raise
        raise FileAccessError(
            f"cannot write {target}: {error.strerror or error}. Choose a folder that can be "
            f"written, on a disk with room for {file.size:,} bytes; what has come so far is kept."
        ) from error
    return target


def what_is_wrong(path: Path, file: RemoteFile) -> str | None:
    """Why the file at `path` is not the published one, or None; "absent" if there is none."""
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size:,} bytes, not {file.size:,}"
        return None if sha256(path) == file.sha256 else "has another SHA-256"
    except FileNotFoundError:
        return "absent"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def size_of(path: Path) -> int:
    """A file's size; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _from_any(
    file: RemoteFile, part: Path, bases: list[str], timeout: float, listener: Listener
) -> None:
    """Fill `part` from the first mirror that can."""
    reasons: list[str] = []
    for base in bases:
        try:
            _from_one(f"{base}{file.name}", file, part, timeout, listener)
        except MirrorError as error:
            reasons.append(f"{urlsplit(base).netloc} {error}")
            listener.note(f"{file.name}: {reasons[-1]}")
        else:
            return
    raise FileAccessError(
        f"{file.name}: none of its {len(bases)} mirrors has it: {'; '.join(reasons)}. Try again "
        f"later (what has come so far is kept), or put the file into {part.parent} yourself."
    )


def _from_one(url: str, file: RemoteFile, part: Path, timeout: float, listener: Listener) -> None:
    """Fill `part` from one mirror, as often as that brings something."""
    for _ in range(ATTEMPTS):
        before = size_of(part)
        try:
            _go_on(url, file, part, timeout, listener)
        except BrokenOffError as error:
            if size_of(part) <= before:
                raise
            listener.note(f"{file.name}: {urlsplit(url).netloc} {error}; asking for the rest")
            time.sleep(PAUSE)
            continue
        if sha256(part) == file.sha256:
            return
        part.unlink()
        if before == 0:
            raise MirrorError("sends another file: its SHA-256 is not the published one")
        # What was there before may have been wrong: once more, all of it from here.
    raise MirrorError("breaks off again and again")


def _go_on(url: str, file: RemoteFile, part: Path, timeout: float, listener: Listener) -> None:
    """Ask for what is missing in `part`, and append it."""
    start = size_of(part)
    if start >= file.size:
        if start == file.size:
            return  # all there, from an earlier time: its hash will tell
        part.unlink()
        start = 0
    with open_url(url, timeout, start=start) as answer:
        start = check_answer(answer, file.size, start)
        chunks = _chunks(answer, start, file.size, timeout)
        first = next(chunks)  # looked at before it takes the place of what is there
        if start == 0 and not first.startswith(GZIP_MAGIC[: len(first)]):
            raise MirrorError(f"sends something else: {first[:15]!r} …")
        with part.open("ab" if start else "wb") as out:
            for chunk in chain([first], chunks):
                out.write(chunk)
                listener.progress(out.tell())
            out.flush()
            os.fsync(out.fileno())


def _chunks(answer: Any, done: int, size: int, timeout: float) -> Iterator[bytes]:
    """What comes, until all of it is there."""
    since, then = time.monotonic(), done
    while done < size:
        try:
            chunk: bytes = answer.read1(min(CHUNK, size - done))
        except NETWORK_ERRORS as error:
            raise BrokenOffError(
                f"breaks off after {done:,} of {size:,} bytes ({why(error, timeout)})"
            ) from error
        if not chunk:
            raise BrokenOffError(f"breaks off after {done:,} of {size:,} bytes")
        yield chunk
        done += len(chunk)
        if time.monotonic() - since > timeout:
            if done - then < LEAST:
                raise MirrorError(f"sends only {done - then:,} bytes in {timeout:g} s")
            since, then = time.monotonic(), done


# -- HTTP ---------------------------------------------------------------------------------------


def open_url(url: str, timeout: float, *, start: int = 0, last: int | None = None) -> Any:
    """Ask for the bytes from `start` on, up to `last`; HTTP and HTTPS only.

    Raises:
        MirrorError: anything but an answer with content.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    headers = {"User-Agent": "handgrad", "Accept-Encoding": "identity"}
    if start or last is not None:
        headers["Range"] = f"bytes={start}-{'' if last is None else last}"
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=timeout)  # noqa: S310  (the opener knows HTTP only)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return open_url(url, timeout)  # all of it, then
        if "infinite loop" in str(error.reason):
            raise MirrorError("redirects without end") from error
        name = http.client.responses.get(error.code, "")
        raise MirrorError(f"answers {error.code} {name}".rstrip()) from error
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, Exception) else error
        raise MirrorError(why(reason, timeout)) from error
    except NETWORK_ERRORS as error:
        raise MirrorError(why(error, timeout)) from error


def check_answer(answer: Any, size: int, start: int) -> int:
    """Where the bytes begin that will come: at `start`, or at 0 if the server cannot do that.

    Raises:
        MirrorError: what will come is not the file.
    """
    if answer.headers.get_content_type() == "text/html":
        raise MirrorError("sends a web page instead of the file")
    if answer.status == http.client.PARTIAL_CONTENT:
        said = answer.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", said.strip())
        if not found or int(found[1]) != start or found[3] not in {str(size), "*"}:
            raise MirrorError(f"offers other bytes than asked for ({said!r:.60})")
        return start
    if answer.status != http.client.OK:
        raise MirrorError(f"answers {answer.status}")
    length = answer.headers.get("Content-Length")
    if length is not None and length.strip() != str(size):
        raise MirrorError(f"offers {length:.20} bytes, not {size:,}")
    return 0


def why(error: BaseException, timeout: float) -> str:
    """A network's error in plain words."""
    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection"
    if isinstance(error, ConnectionResetError | http.client.RemoteDisconnected):
        return "closes the connection"
    name, text = type(error).__name__, getattr(error, "strerror", None) or str(error)
    text = " ".join(text.split())
    if name == "gaierror":
        return f"is not found ({text}: no network?)"
    return f"cannot be talked to ({name}: {text[:100]})"
