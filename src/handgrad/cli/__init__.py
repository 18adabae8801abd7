"""The command line: `handgrad train | evaluate | predict | summary | gradcheck | selftest`."""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0: done; 1: failed; 2: used wrongly; 130: ended by Ctrl-C (128 + the signal's number).
    """
    from importlib.util import find_spec

    for name in ("typer", "rich"):
        if find_spec(name) is None:
            sys.stderr.write(f"handgrad: the command line needs {name}: pip install {name}\n")
            return 1
    from handgrad.cli.guard import run

    return run(sys.argv[1:] if arguments is None else list(arguments))
