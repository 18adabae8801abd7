"""Modules under other names: `import common.layers` gives handgrad.compat.book.common.layers.

A reader may have files of these names too. What handgrad has goes first; what he wrote in addition,
as files beside the source's or within its files, is found in his.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

DEFINITIONS = ast.FunctionDef | ast.ClassDef


class SameModule(Loader):
    """Hands out a module that has another name: the very same."""

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
    reader's folders of the same name.
    """

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        real = vars(importlib.import_module(self.real))
        vars(module).update({name: real[name] for name in real if not name.startswith("_")})


class Completed(SamePackage):
    """Makes a module with the names of another, and those that the reader's file has in addition.

    His file is only looked at; it is run if one of its names is asked for.
    """

    def __init__(self, real: str, own: Path) -> None:
        super().__init__(real)
        self.own = own

    def exec_module(self, module: ModuleType) -> None:
        real = vars(importlib.import_module(self.real))
        ours = {name: real[name] for name in real if not name.startswith("__")}
        vars(module).update(ours)
        offered = list(real.get("__all__", [name for name in ours if not name.startswith("_")]))
        added = [name for name in defined(self.own) if name not in ours]
        hidden = f"{module.__name__}__own"

        def additional(name: str) -> Any:
            if name not in added:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            if hidden not in sys.modules:
                load(hidden, self.own)
            return getattr(sys.modules[hidden], name)

        public = [name for name in added if not name.startswith("_")]
        vars(module).update({"__all__": [*offered, *public], "__getattr__": additional})


def defined(file: Path) -> list[str]:
    """The functions and classes that a file defines; none, if it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    return [node.name for node in tree.body if isinstance(node, DEFINITIONS)]


def load(name: str, file: Path) -> None:
    """Import a file under a name."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # noqa: S101  (a .py file always has one)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


class Renamed(MetaPathFinder):
    """Finds modules under the names that a script uses.

    Args:
        names: top-level names of scripts, and the modules that answer: {"common":
            "handgrad.compat.book.common"}. What is in a package follows: "common.layers".
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
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
        last = fullname.rpartition(".")[2]
        folders = [Path(folder) for folder in (sys.path if path is None else path)]
        if found.submodule_search_locations is None:
            own = next(
                (f for f in (folder / f"{last}.py" for folder in folders) if f.is_file()), None
            )
            loader = SameModule(real) if own is None else Completed(real, own)
            return ModuleSpec(fullname, loader, origin=found.origin)
        spec = ModuleSpec(fullname, SamePackage(real), is_package=True)
        spec.submodule_search_locations = [str(folder / last) for folder in folders]
        return spec
