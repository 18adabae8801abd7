# pyright: reportMissingTypeStubs=false
# (Numba's compiler has no types.)
"""What is compiled is kept on disk: one file for each kernel, dtype, processor and version.

Numba has a cache of its own, `cache=True`. It is not used, for four reasons that could each make a
wrong kernel run, or none:

- It looks only at a kernel's own file to see whether what it kept is out of date, but kernels use
  functions of other files. Here the name of what is kept holds a stamp of all sources that a
  kernel can see, so that a kernel of another version is never found.
- Its files are numbered, and an index says which is which. Two processes that compile at once can
  give one number to two kernels. Here the name is made from everything that the machine code
  depends on; there is no index, and whoever writes last writes what does the same.
- A full disk, or a damaged file, ends the call of a kernel with an error. Here whatever goes wrong
  with a file means that it is not there: the kernel is compiled, or not kept.
- It reads only from the folder that it could write to. Here a folder that another user filled (an
  image built by root, say) is read as well.

A file is a checksum and the pickled machine code. Unpickling runs what it reads, so the folders are
those in which this package itself lies, and the user's own; never a shared temporary folder.
"""

import hashlib
import os
import pickle
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import config as numba_config

from handgrad.checks import HandgradError
from handgrad.files import write_beside
from handgrad.kernels import events

config: Any = numba_config
PACKAGE = Path(__file__).parent
SUFFIX = ".kernel"
DAY = 24 * 60 * 60
TOO_OLD = 60 * DAY  # what nobody has read for so many seconds is removed
DIGEST = hashlib.sha256().digest_size


@cache
def stamp(source: Path) -> str:
    """Twelve digits that change whenever that file does, or any of this folder that it names.

    A word that is the name of a file counts as an import, wherever it stands: too many do no harm.
    """
    files = {path.stem: path for path in PACKAGE.glob("*.py")}
    seen: set[Path] = set()
    waiting = {source}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting |= {files[word] for word in words(path) & files.keys()} - seen
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def words(path: Path) -> set[str]:
    """The words of a file."""
    return set(re.findall(r"\w+", path.read_text(encoding="utf-8")))


@cache
def versions() -> str:
    """What else machine code depends on, besides source, types and processor."""
    parts = [numba.__version__, llvmlite.__version__, np.__version__]
    return " ".join([sys.version, platform.platform(), *parts])


def folders() -> Iterator[Path]:
    """Where kernels are looked for and kept, best first.

    NUMBA_CACHE_DIR alone where that is set; else beside the source, and the user's cache folder.
    """
    place = hashlib.sha256(os.fsencode(PACKAGE)).hexdigest()[:8]  # installations stay apart
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR) / f"handgrad-{place}"
        return
    yield PACKAGE / "__pycache__"
    user = user_folder()
    if user is not None:
        yield user / "handgrad" / f"kernels-{place}"


def user_folder() -> Path | None:
    """The user's folder for files that can be made again, if this user has one."""
    names = {"win32": ("LOCALAPPDATA", "~/AppData/Local"), "darwin": ("", "~/Library/Caches")}
    variable, usual = names.get(sys.platform, ("XDG_CACHE_HOME", "~/.cache"))
    try:
        path = Path(os.environ.get(variable) or usual).expanduser()
    except RuntimeError:  # nobody's home
        return None
    return path if path.is_absolute() else None


class KernelCache:
    """What a compiled function asks before it compiles, and gives what it compiled.

    Takes the place of Numba's own object of the same three methods.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self.name = self.name.replace(".<locals>", "")
        self.text = described(function)
        self.source = Path(function.__code__.co_filename)
        self.cache_path = str(next(folders()))
        self.started = 0.0

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled form for these types, or None."""
        target.refresh()
        try:
            key = self.key(signature, target.codegen())
            payload = read(self.file(key), key)
            if payload is not None:
                result: Any = import_module("numba.core.compiler").CompileResult
                return result._rebuild(target, *pickle.loads(payload))  # noqa: S301, SLF001
        except Exception:  # noqa: BLE001, S110  (whatever is wrong with it: compiled again)
            pass
        events.SO_FAR.begin(self.name, where())
        self.started = time.perf_counter()
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled for these types, if that can be done."""
        events.SO_FAR.end(time.perf_counter() - self.started)
        try:
            if result.library.has_dynamic_globals:  # holds addresses of this process
                return
            key = self.key(signature, result.codegen)
            dumps: Any = import_module("numba.core.serialize").dumps
            payload: bytes = dumps(result._reduce())  # noqa: SLF001  (as Numba's own cache does)
        except Exception:  # noqa: BLE001  (this Numba does it in another way: nothing is kept)
            return
        write(self.file(key), key, payload)

    def flush(self) -> None:
        """Nothing to do: what is out of date is never found."""

    def key(self, signature: Any, codegen: Any) -> bytes:
        """Everything that the machine code depends on."""
        return repr((self.text, signature, codegen.magic_tuple(), versions())).encode()

    def file(self, key: bytes) -> str:
        """The name of the file for that key."""
        return f"{self.name}-{stamp(self.source)}-{hashlib.sha256(key).hexdigest()[:16]}{SUFFIX}"


def described(function: Callable[..., Any]) -> str:
    """A function's code, and the values that it was made with (tile sizes, say), as text."""
    code: Any = function.__code__
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    values = [described(v.py_func) if hasattr(v, "py_func") else repr(v) for v in cells]
    code_digest = hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()
    return f"{function.__module__}.{function.__qualname__} {code_digest} {values}"


def read(name: str, key: bytes) -> bytes | None:
    """What was kept under that name, whole and undamaged; else None."""
    for folder in folders():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        checksum, payload = content[:DIGEST], content[DIGEST:]
        if hashlib.sha256(key + payload).digest() == checksum:
            stay_young(folder / name)
            return payload
    return None


def stay_young(path: Path) -> None:
    """Let `tidy` see that a file is used."""
    try:
        if path.stat().st_mtime < time.time() - DAY:
            path.touch()
    except OSError:  # not ours
        pass


def write(name: str, key: bytes, payload: bytes) -> bool:
    """Keep something in the first folder that takes it; whether one did."""
    content = hashlib.sha256(key + payload).digest() + payload
    for folder in folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with write_beside(folder / name) as part:
                part.write_bytes(content)
        except (OSError, HandgradError):  # read-only, full, or not a folder
            continue
        tidy(folder)
        return True
    return False


@cache
def tidy(folder: Path) -> None:
    """Remove what has not been used for a while in a folder; once per process.

    What is out of date is never found again, so that it grows old; what is read stays young.
    """
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            if path.stat().st_mtime < time.time() - TOO_OLD:
                path.unlink(missing_ok=True)
        except OSError:  # another process has it open, or has just removed it
            continue


@cache
def place() -> Path | None:
    """The first folder that can be written to, as far as can be seen."""
    for folder in folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def where() -> str:
    """Where kernels are kept, in words."""
    folder = place()
    return "not kept: no folder can be written" if folder is None else f"kept in {folder}"
