"""Modules under other names: `import common.layers` gives handgrad.compat.book.common.layers."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Path = Sequence[str] | None


class SameModule(Loader):
    """Hands out a module that has another name, itself: its classes stay the same classes."""

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.real)
        self.spec = module.__spec__  # the import system is about to overwrite it
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class SamePackage(Loader):
    """Makes a package with the public names of another.

    It is a new one, because it looks for its modules in two places: first among ours, then in the
    reader's folder of the same name, for what he wrote himself.
    """

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        real = vars(importlib.import_module(self.real))
        vars(module).update({name: real[name] for name in real if not name.startswith("_")})


class Renamed(MetaPathFinder):
    """Finds modules under the names that a script uses.

    Args:
        names: top-level names of scripts, and the modules that answer: {"common":
            "handgrad.compat.book.common"}. What is in a package follows: "common.layers".
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def find_spec(
        self, fullname: str, path: Path, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        first, dot, rest = fullname.partition(".")
        if first not in self.names:
            return None
        real = f"{self.names[first]}{dot}{rest}"
        try:
            found = importlib.util.find_spec(real)
        except ModuleNotFoundError:  # its parent is the reader's
            found = None
        if found is None:
            return None
        if found.submodule_search_locations is None:
            return ModuleSpec(fullname, SameModule(real), origin=found.origin)
        spec = ModuleSpec(fullname, SamePackage(real), is_package=True)
        folders = sys.path if path is None else path
        spec.submodule_search_locations = [
            os.path.join(folder, fullname.rpartition(".")[2])  # noqa: PTH118  (as the import system)
            for folder in folders
        ]
        return spec
