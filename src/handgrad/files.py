"""Writing files so that nothing is ever half written: beside, then rename."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from handgrad.checks import FileAccessError

CURE = "Choose a folder that can be written, on a disk with room."


@contextmanager
def write_beside(path: str | Path) -> Generator[Path]:
    """Give a temporary path in the same folder; when the block ends well, rename it to `path`.

    If the block fails, `path` is as it was and the temporary file is gone.

    Raises:
        FileAccessError: the folder cannot be written.
    """
    path = Path(path)
    if not path.name or "\0" in path.name:
        raise FileAccessError(f"cannot write {str(path)!r}: it is not the name of a file.")
    part = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        part.touch(exist_ok=False)
        mode = part.stat().st_mode
        try:
            yield part
            part.chmod(mode)  # safetensors writes a file that only its owner can read
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise FileAccessError(f"cannot write {path}: {error.strerror or error}. {CURE}") from error
