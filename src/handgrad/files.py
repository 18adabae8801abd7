"""Writing files so that nothing is ever half written: beside, then rename."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from handgrad.checks import FileAccessError


@contextmanager
def write_beside(path: str | Path) -> Generator[Path]:
    """Give a temporary path in the same folder; when the block ends well, rename it to `path`.

    If the block fails, `path` is as it was and the temporary file is gone.

    Raises:
        FileAccessError: the folder cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        part.touch(exist_ok=False)
        yield part
        part.replace(path)
    except OSError as error:
        raise FileAccessError(
            f"cannot write {path}: {error.strerror or error}. Choose a folder that can be written."
        ) from error
    finally:
        part.unlink(missing_ok=True)
