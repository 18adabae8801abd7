"""The reader's own modules, where they are for Python 2: mended as his script is."""

import contextlib
import sys
from collections.abc import Generator, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from handgrad.compat.cs231n.mending import program_of, python_of
from handgrad.compat.cs231n.python2 import QUOTIENT, parses, quotient
from handgrad.compat.running import is_reader

GIVEN: dict[str, Any] = {"xrange": range, QUOTIENT: quotient}  # names that they find defined


class OwnLoader(InspectLoader):
    """Loads a file that is no Python 3 before it is mended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_source(self, fullname: str) -> str:
        return python_of(self.path)

    def get_code(self, fullname: str) -> Any:
        name = str(self.path)
        return compile(program_of(self.path, name), name, "exec", dont_inherit=True)

    def get_filename(self, fullname: str) -> str:
        """What `__file__` and tracebacks say."""
        return str(self.path)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(GIVEN)
        super().exec_module(module)

    def is_package(self, fullname: str) -> bool:
        return self.path.name == "__init__.py"


class OwnModules(MetaPathFinder):
    """Finds the reader's modules that need mending, and no others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return None
        file = Path(spec.origin)
        if not is_reader(spec.origin) or parses(file.read_bytes()):
            return None
        spec.loader = OwnLoader(file)
        return spec


@contextlib.contextmanager
def own_modules() -> Generator[None]:
    """Mend the reader's modules in this block."""
    finder = OwnModules()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
