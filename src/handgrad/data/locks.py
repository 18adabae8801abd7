"""One process at a time: a lock that ends with the process that holds it, however it ends."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

PAUSE = 0.1  # seconds between two looks

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _let_go(file: int, path: Path) -> None:
        os.close(file)  # an open file cannot be taken away here
        with suppress(OSError):  # nor one that somebody waits for: he will do it
            path.unlink()
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _let_go(file: int, path: Path) -> None:
        with suppress(OSError):  # first, or the next one would hold a file that goes
            path.unlink()
        os.close(file)


@contextmanager
def only_one(path: Path, waiting: Callable[[], object]) -> Generator[bool]:
    """Hold the lock file `path` for the time of a block; wait for it if another process has it.

    Args:
        path: the lock file; made, and taken away at the end.
        waiting: called once, if there is somebody to wait for.

    Yields:
        Whether the lock is held: some network drives know no locks, and then nobody waits.
    """
    file, told = -1, False
    try:
        while file < 0:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(file)
            except (BlockingIOError, PermissionError):  # held: by Unix's and by Windows's name
                os.close(file)
                file = -1
                if not told:
                    waiting()
                    told = True
                time.sleep(PAUSE)
            except OSError:
                yield False
                return
            else:
                if not _is_still_there(file, path):  # the last holder took it away
                    os.close(file)
                    file = -1
        yield True
    finally:
        if file >= 0:
            _let_go(file, path)


def _is_still_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
