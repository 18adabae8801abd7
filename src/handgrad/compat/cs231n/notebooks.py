"""Running notebooks, and scripts with IPython's magics, as if they were Python.

`runpy.run_path` runs whatever the import system finds a `__main__` in. In the block of `readable`
it finds one in a notebook, and in a script that is no Python 3 before it is mended.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Generator
from importlib.abc import InspectLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from handgrad.compat import figures
from handgrad.compat.cs231n.cell_by_cell import CELL_FAILED
from handgrad.compat.cs231n.mending import program_of, python_of
from handgrad.compat.cs231n.own_modules import own_modules
from handgrad.compat.cs231n.python2 import QUOTIENT, quotient
from handgrad.compat.running import tell, tell_error


class MendingLoader(InspectLoader):
    """Loads a notebook's or a script's code as a module."""

    def __init__(self, path: Path) -> None:
        # A notebook's own name would make tracebacks show lines of its JSON.
        self.name = f"{path} (code cells)" if path.suffix == ".ipynb" else str(path)
        self.path = path

    def get_source(self, fullname: str) -> str:
        return python_of(self.path)

    def get_code(self, fullname: str) -> Any:
        return compile(program_of(self.path, self.name), self.name, "exec", dont_inherit=True)

    def get_filename(self, fullname: str) -> str:
        """What `__file__` and tracebacks say."""
        return self.name

    def is_package(self, fullname: str) -> bool:
        return False


class MainFinder:
    """Finds `__main__` in one file, and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find_spec(self, name: str, target: ModuleType | None = None) -> Any:
        """The spec of `__main__`."""
        if name != "__main__":
            return None
        loader = MendingLoader(self.path)
        return importlib.util.spec_from_file_location(name, loader.name, loader=loader)


@contextlib.contextmanager
def readable(script: Path) -> Generator[None]:
    """Let `runpy.run_path` mend this script, a full path, as it reads it; and what it imports."""

    def hook(entry: str) -> MainFinder:
        if entry != str(script):
            raise ImportError(entry)
        return MainFinder(script)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.pop(str(script), None)
    try:
        with own_modules():
            yield
    finally:
        sys.path_hooks.remove(hook)
        sys.path_importer_cache.pop(str(script), None)


class Failures:
    """What becomes of an error in a cell: it is shown; then the run ends, or goes on.

    Args:
        keep_going: whether the next cell is run.
        whole_traceback: whether an error shows the libraries' lines too.

    Attributes:
        count: how many cells ended in an error.
    """

    def __init__(self, *, keep_going: bool, whole_traceback: bool) -> None:
        self.keep_going, self.whole_traceback = keep_going, whole_traceback
        self.count = 0

    def __call__(self, error: Exception, number: int) -> None:
        """Take the error of the cell with this number.

        Raises:
            SystemExit: unless the run goes on.
        """
        if isinstance(error, BrokenPipeError):
            raise error  # nobody reads what is printed: the command line knows what to do
        self.count += 1
        tell_error(error, whole=self.whole_traceback)
        if not self.keep_going:
            tell(f"code cell {number} ended in this error; --keep-going goes on with the next.")
            raise SystemExit(1)
        tell(f"code cell {number} ended in this error; going on with the next.")
        if "matplotlib.pyplot" in sys.modules:
            figures.show()  # what the cell has drawn is not for the next to draw on


def given_names(failures: Failures) -> dict[str, Any]:
    """What a notebook, or a script, finds defined."""
    return {
        "get_ipython": get_ipython,
        "xrange": range,
        QUOTIENT: quotient,
        CELL_FAILED: failures,
    }


class Shell:
    """What exported notebooks get from `get_ipython()`: every magic is taken and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        """A method that does nothing, whatever its name."""
        if name.startswith("__"):
            raise AttributeError(name)
        return ignore


def ignore(*_args: Any, **_options: Any) -> None:
    """Do nothing."""


def get_ipython() -> Shell:
    """The shell of an exported notebook."""
    return Shell()
