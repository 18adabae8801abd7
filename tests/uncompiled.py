"""The kernels of plans as plain Python, on tiles of NumPy: for mutants, and for what tiles mean."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from handgrad.kernels import (
    averages,
    by_inputs,
    images,
    normalized_gradients,
    normalized_images,
    tiles_in_numpy,
    windows,
    winners,
    winograd,
    winograd_gradients,
    winograd_weights,
)
from mutate import Mutant, functions_of, mutants_of

MODULES = [
    *(averages, by_inputs, images, normalized_gradients, normalized_images),
    *(windows, winners, winograd, winograd_gradients, winograd_weights),
]
Makers = Mapping[str, Mapping[str, tuple[int, ...]]]  # {maker: {what it made: of what}}
TILES = {name: value for name, value in vars(tiles_in_numpy).items() if name.startswith("tile_")}


@contextmanager
def uncompiled(lanes: int) -> Generator[None]:
    """Every kernel of plans is its Python function, and registers hold `lanes` numbers."""
    kept = [(module, dict(vars(module))) for module in MODULES]
    width, tiles_in_numpy.LANES = tiles_in_numpy.LANES, lanes
    for module, names in kept:
        for name, value in names.items():
            if name in TILES:
                setattr(module, name, TILES[name])
            elif hasattr(value, "py_func"):
                setattr(module, name, value.py_func)
    for name in ("position_sums", "window_sums"):
        setattr(by_inputs, name, in_python(getattr(windows, name)))
    # Small tiles, so that small sizes have several.
    for module, make in ((winograd, "plane_products"), (winograd_gradients, "plane_gradients")):
        wide, narrow = (getattr(module, make)(*tile).py_func for tile in ((2, 2), (2, 1)))
        kind = "products" if module is winograd else "gradients"
        vars(module).update({f"wide_{kind}": wide, f"narrow_{kind}": narrow})
    try:
        yield
    finally:
        tiles_in_numpy.LANES = width
        for module, names in kept:
            vars(module).update(names)


def in_python(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same maker of kernels, whose kernels are their Python functions."""

    def python(*tile: int) -> Any:
        kernel = make(*tile)
        return getattr(kernel, "py_func", kernel)  # a mutant's is not compiled

    return python


@contextmanager
def planted(mutant: Mutant, makers: Makers) -> Generator[None]:
    """A mutant in the original's place.

    `makers` says for functions that make kernels which names hold what they made, for which tiles.
    """
    made: dict[str, Any] = {mutant.function: mutant.build()}
    for name, tile in makers.get(mutant.function, {}).items():
        made[name] = made[mutant.function](*tile)
    kept = [(m, {name: vars(m)[name] for name in made if name in vars(m)}) for m in MODULES]
    for module, names in kept:
        vars(module).update({name: made[name] for name in names})
    try:
        yield
    finally:
        for module, names in kept:
            vars(module).update(names)


def mutants_in(module: ModuleType) -> list[Mutant]:
    """All mutants of a module's functions, without the decorators that would compile them."""
    mutants: list[Mutant] = []
    for function in functions_of(module):
        for node in ast.walk(function):
            if isinstance(node, ast.FunctionDef):
                node.decorator_list = []
        mutants += mutants_of(module, function)
    return mutants


def survivors(
    module: ModuleType,
    checks: dict[str, list[Callable[[], None]]],
    makers: Makers,
    *,
    lanes: int = 2,
    proven: dict[str, str] | None = None,
) -> list[str]:
    """The mutants that no check notices. `checks`: by function; an error of any kind counts."""
    alive: list[str] = []
    mutants = mutants_in(module)
    assert len(mutants) > 20
    with uncompiled(lanes):
        for function in checks.values():
            for check in function:
                check()
        for mutant in mutants:
            if mutant.name in (proven or {}):
                continue
            with planted(mutant, makers):
                if not caught(checks[mutant.function]):
                    alive.append(f"{mutant.line}: {mutant.name}")
    return alive


def caught(checks: list[Callable[[], None]]) -> bool:
    """Whether a check fails."""
    try:
        for check in checks:
            check()
    except Exception:  # noqa: BLE001  (whatever a mutant breaks with, it was noticed)
        return True
    return False
