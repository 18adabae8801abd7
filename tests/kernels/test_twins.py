"""Every compiled twin against its reference, on the reference's own cases."""

import ast
import importlib
import inspect

import pytest

import handgrad.ops
from handgrad import kernels
from twins import TwinCase, TwinUpdate, twin_cases

pytest.importorskip("numba")

CASES = twin_cases()
MODULES = sorted(set(kernels.TWINS.values()))


@pytest.mark.parametrize(
    ("case", "check"),
    [
        pytest.param(case, check.__name__, id=f"{case}-{check.__name__.removeprefix('check_')}")
        for case in CASES
        for check in case.checks()
    ],
)
def test_twins(case: TwinCase | TwinUpdate, check: str) -> None:
    getattr(case, check)()


def test_every_twin_is_tried() -> None:
    assert set().union(*(case.functions for case in CASES)) == set(kernels.TWINS)


@pytest.mark.parametrize("name", sorted(kernels.TWINS))
def test_a_twin_has_the_reference_s_name_and_arguments_and_is_another_function(name: str) -> None:
    twin, reference = kernels.load(name), getattr(handgrad.ops, name)
    assert twin is not reference
    assert twin.__module__ == f"handgrad.kernels.{kernels.TWINS[name]}"

    def arguments(function: object) -> list[tuple[str, object, object]]:
        parameters = inspect.signature(function).parameters  # pyright: ignore[reportArgumentType]
        return [(p.name, p.kind, p.default) for p in parameters.values()]

    assert arguments(twin) == arguments(reference)


@pytest.mark.parametrize("name", MODULES)
def test_no_twin_asks_the_reference(name: str) -> None:
    """A comparison of the reference with itself would always succeed."""
    module = importlib.import_module(f"handgrad.kernels.{name}")
    named = {
        alias.name
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("handgrad.ops")
        for alias in node.names
    }
    assert not [each for each in named if each.endswith(("_forward", "_backward", "_step"))]


@pytest.mark.parametrize("name", MODULES)
def test_every_function_with_an_op_s_name_is_offered(name: str) -> None:
    module = importlib.import_module(f"handgrad.kernels.{name}")
    functions = {
        function
        for function, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    twins = {each for each in functions if each in handgrad.ops.__all__}
    assert twins == {each for each, home in kernels.TWINS.items() if home == name}
