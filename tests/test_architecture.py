"""The rules of the house that a machine can hold: who imports whom, how long, how documented.

Every failure names the file, the line and the rule.
"""

import ast
import importlib
import inspect
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import handgrad
import handgrad.kernels
import handgrad.ops
from mutate import OPS, load

SOURCE = Path(handgrad.__file__).parent
TEST_OPS = Path(__file__).parent / "ops"

# Each name may import itself and the names of the lines above it, and nothing else of handgrad.
ORDER = [
    {"checks"},
    {"files", "gradcheck", "initializers", "labels", "threads"},
    {"ops"},
    {"kernels"},
    {"backend"},
    {"layers"},
    {"losses", "metrics", "optimizers", "regularizers", "schedules"},
    {"heads", "inspection", "memory", "network_file", "parameters"},
    {"summary"},
    {"network"},
    {"plans"},
    {"graph"},
    {"data"},
    {"training"},
    {"models"},
    {"compat", "estimators", "onnx", "plots", "selftest"},
    {"examples"},
    {"cli"},
    {"__init__", "__main__"},
]
UPWARD = {  # the imports that go the other way, and why
    ("memory", "plans"): "what a plan would take: asked for if it is to be compiled",
    ("network", "plans"): "streaming predict: asked for at its first call, if it is to be compiled",
}
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
HEAVY = {"PIL", "llvmlite", "matplotlib", "numba", "rich", "safetensors", "typer"}
HEAVY_FILES = {"compat/figure_backend.py": "Matplotlib imports it: it is one of its backends"}
COMPILED = {"kernels", "plans"}  # the only parts with Numba; imported when a kernel is first needed
UNSAFE_MODULES = {"dill", "joblib", "marshal", "pickle", "shelve"}
UNSAFE_CALLS = {"eval", "exec"}
UNSAFE_ALLOWED = {  # (path, module): why
    ("kernels/kept.py", "pickle"): "Numba's form of machine code, which runs in any form; read "
    "from this package's own folder and the user's, where the source could be changed as well",
}

MAX_FILE, MAX_FUNCTION = 300, 40
MIN_IDEA = 3  # lines that say what a kernel file's idea is
LONG_FILES = {  # path in src/handgrad: why it may be longer
    "ops/__init__.py": "a list of names, one in each line",
}
LONG_FUNCTIONS = {  # path:function: why it may be longer
    "cli/app.py:train_mnist": "its options are declared in its signature, one by one",
    "kernels/by_inputs.py:gradients": "a third of it are its arguments",
    "kernels/by_inputs.py:gradients_by_inputs": "a function and its arguments inside its maker",
    "kernels/normalized_gradients.py:norm_dx_by": "a function and its arguments inside its maker",
    "kernels/normalized_gradients.py:norm_sums_by": "a function and its arguments inside its maker",
    "kernels/normalized_gradients.py:sums": "a third of it are its arguments",
    "kernels/normalized_gradients.py:write": "a third of it are its arguments",
    "kernels/windows.py:window_sums": "a compiled function and its arguments inside its maker",
    "kernels/windows.py:position_sums": "a compiled function and its arguments inside its maker",
    "kernels/windows.py:window_pools": "a compiled function and its arguments inside its maker",
    "kernels/winograd.py:tiles_out": "a third of it are its arguments",
    "kernels/winograd.py:winograd_sums": "half of it are its arguments",
}
NO_BACKWARD = {"step": "its slope is 0 wherever it has one, so there is nothing to learn from"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every file of the package: its path in src/handgrad and its syntax tree."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def unit(path: str) -> str:
    """The part of the package that a file belongs to: `ops/affine.py` to `ops`."""
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, wherever it stands; `from handgrad import x` counts as x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide where a name lives"
            module = node.module or ""
            if module == "handgrad":
                yield from ((node.lineno, f"handgrad.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            first = node.args[0]
            yield node.lineno, str(first.value) if isinstance(first, ast.Constant) else "?"


def run_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that importing a module runs: no function bodies, no `if TYPE_CHECKING`."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        statement = waiting.pop(0)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            waiting += statement.orelse
            continue
        yield statement
        waiting += [
            child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)
        ]


def imported_at_once(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, module) of every import that importing a module runs."""
    for statement in run_at_import(tree):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from imports(statement)


def refuse(broken: list[str], rule: str) -> None:
    """Fail with every place that breaks a rule."""
    assert not broken, f"{rule}:\n" + "\n".join(broken)


# -- who imports whom ---------------------------------------------------------------------------


def test_every_part_has_its_place_in_the_order() -> None:
    unknown = [path for path, _ in sources() if unit(path) not in LEVEL]
    refuse(unknown, "a part of the package without a place in ORDER")


def test_imports_point_one_way() -> None:
    broken = [
        f"{path}:{line}: {unit(path)} imports {module}"
        for path, tree in sources()
        for line, module in imports(tree)
        if module.split(".")[0] == "handgrad"
        and (other := module.partition(".")[2].split(".")[0]) != unit(path)
        and LEVEL.get(other, len(ORDER)) >= LEVEL.get(unit(path), 0)
        and unit(path) != "__init__"
        and not (unit(path) == "examples" and other in handgrad.__all__)  # as a user writes it
        and (unit(path), other) not in UPWARD
    ]
    refuse(broken, "imports point one way, in the order of ORDER")


def test_ops_import_numpy_alone() -> None:
    allowed = ("numpy", "typing", "collections.abc", "handgrad.ops")
    broken = [
        f"{path}:{line}: imports {module}"
        for path, tree in sources()
        if unit(path) == "ops"
        for line, module in imports(tree)
        if not any(module == name or module.startswith(f"{name}.") for name in allowed)
    ]
    refuse(broken, "ops/ imports NumPy, types and itself, and nothing else")


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    broken = [
        f"{path}:{line}: imports {module}"
        for path, tree in sources()
        if unit(path) != "cli" and path not in HEAVY_FILES
        for line, module in imported_at_once(tree)
        if (name := module.split(".")[0]) in HEAVY
        and not (unit(path) in COMPILED and name in {"llvmlite", "numba"})
    ]
    refuse(broken, f"{', '.join(sorted(HEAVY))} are imported inside functions, outside cli/")


def test_numba_appears_only_in_kernels_and_plans() -> None:
    broken = [
        f"{path}:{line}: imports {module}"
        for path, tree in sources()
        if unit(path) not in COMPILED
        for line, module in imports(tree)
        if module.split(".")[0] in {"llvmlite", "numba"}
    ]
    refuse(broken, "only kernels/ and plans/ know Numba")


def test_kernels_are_imported_when_they_are_needed() -> None:
    broken = [
        f"{path}:{line}: imports {module}"
        for path, tree in sources()
        if unit(path) not in COMPILED or path == "kernels/__init__.py"
        for line, module in imported_at_once(tree)
        if module.startswith(("handgrad.kernels.", "handgrad.plans."))
        and not hasattr(handgrad.kernels, module.rpartition(".")[2])
    ]
    refuse(broken, "kernels and plans, which import Numba, are imported inside functions")


def test_nothing_runs_code_from_data() -> None:
    broken: list[str] = []
    for path, tree in sources():
        broken += [
            f"{path}:{line}: imports {module}"
            for line, module in imports(tree)
            if module.split(".")[0] in UNSAFE_MODULES and (path, module) not in UNSAFE_ALLOWED
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in UNSAFE_CALLS:
                broken.append(f"{path}:{node.lineno}: uses {node.id}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                value = node.value
                if not (isinstance(value, ast.Constant) and value.value is False):
                    broken.append(f"{path}:{node.lineno}: allows pickles")
    refuse(broken, "no pickle, eval or exec")


# -- how long -----------------------------------------------------------------------------------


def test_files_are_short() -> None:
    lengths = {
        path: len((SOURCE / path).read_text(encoding="utf-8").splitlines()) for path, _ in sources()
    }
    broken = [
        f"{path}: {length} lines"
        for path, length in lengths.items()
        if length > MAX_FILE and path not in LONG_FILES
    ]
    refuse(broken, f"a file has at most {MAX_FILE} lines, or a reason in LONG_FILES")
    refuse([p for p in LONG_FILES if lengths.get(p, 0) <= MAX_FILE], "not long: take it out")


def test_functions_are_short() -> None:
    lengths = {
        f"{path}:{node.name}": code_lines(node)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    broken = [
        f"{name}: {length} lines"
        for name, length in lengths.items()
        if length > MAX_FUNCTION and name not in LONG_FUNCTIONS
    ]
    refuse(broken, f"a function has at most {MAX_FUNCTION} lines, or a reason in LONG_FUNCTIONS")
    refuse(
        [n for n in LONG_FUNCTIONS if lengths.get(n, 0) <= MAX_FUNCTION], "not long: take it out"
    )


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring not counted."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        assert docstring.end_lineno is not None
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


# -- ops: whole or not at all -------------------------------------------------------------------


def op_names() -> list[str]:
    """The name of every op: what stands before `_forward`."""
    functions = {name for module in OPS for name in vars(module) if name.endswith("_forward")}
    return sorted(name.removesuffix("_forward") for name in functions)


def cases() -> set[str]:
    """The functions that tests/ops has cases of."""
    named: set[str] = set()
    for path in sorted(TEST_OPS.glob("test_*.py")):
        for case in load(path).CASES:
            pair = {f"{case.op}_forward", f"{case.op}_backward"} if hasattr(case, "op") else set()
            named |= set(getattr(case, "functions", None) or pair)
    return named


@pytest.mark.parametrize("op", op_names())
def test_an_op_is_whole(op: str) -> None:
    forward = getattr(handgrad.ops, f"{op}_forward", None)
    assert forward is not None, f"{op}_forward is not named in ops/__init__.py"
    document = inspect.getdoc(forward) or ""
    equations = set(re.findall(r"^ +\((\d+)\)", document, re.MULTILINE))
    assert equations, f"{op}_forward: no equation (1) in its docstring"
    assert ">>>" in document, f"{op}_forward: no doctest"
    prose = re.sub(r"^ +\(\d+\)", "", document, flags=re.MULTILINE)
    used = comment_numbers(forward) | set(re.findall(r"\((\d+)\)", prose))
    assert equations <= used, (
        f"{op}_forward: no line of the code is marked ({', '.join(sorted(equations - used))}), "
        "and the text does not say what becomes of it"
    )
    assert f"{op}_forward" in cases(), f"{op}: no case in tests/ops"
    backward = getattr(handgrad.ops, f"{op}_backward", None)
    if op in NO_BACKWARD:
        assert backward is None, f"{op} has a backward pass after all: take it out of NO_BACKWARD"
        return
    assert backward is not None, f"{op}_backward is missing, or not named in ops/__init__.py"
    derivation = inspect.getdoc(backward) or ""
    for name, parameter in inspect.signature(forward).parameters.items():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert f"d{name}" in derivation, f"{op}_backward: the docstring derives no d{name}"
    assert comment_numbers(backward), f"{op}_backward: no line says which equation it undoes"
    assert f"{op}_backward" in cases(), f"{op}: no case in tests/ops"


def comment_numbers(function: object) -> set[str]:
    """The numbers in a function's comments: `# (3, 2, 1)` gives 1, 2 and 3."""
    source = inspect.getsource(function)  # pyright: ignore[reportArgumentType]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    groups = [group for comment in comments for group in re.findall(r"\(([\d, –-]+)\)", comment)]
    return {number for group in groups for number in numbers_in(group)}


def numbers_in(group: str) -> Iterator[str]:
    """Every number that a group names: `1–3, 5` gives 1, 2, 3 and 5."""
    for part in group.split(","):
        ends = [int(end) for end in re.findall(r"\d+", part)]
        yield from (str(number) for number in range(ends[0], ends[-1] + 1))


def test_update_rules_are_documented_and_tested() -> None:
    steps = [name for module in OPS for name in vars(module) if name.endswith("_step")]
    broken = [
        name
        for name in steps
        if "(1)" not in (getattr(handgrad.ops, name, None).__doc__ or "") or name not in cases()
    ]
    refuse(broken, "an update rule has its equations, its case in tests/ops and its public name")


def test_ops_check_nothing() -> None:
    broken: list[str] = []
    for path, tree in sources():
        if unit(path) != "ops":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise):
                broken.append(f"{path}:{node.lineno}: raises")
            if isinstance(node, ast.keyword) and node.arg == "out" and path != "ops/updates.py":
                broken.append(f"{path}:{node.lineno}: out=")
    refuse(broken, "ops/ has no validation and no out=: layers check, once")


# -- kernels --------------------------------------------------------------------------------------


def test_a_kernel_file_says_how_it_goes_about_it() -> None:
    broken = [
        f"{path}: {lines} lines"
        for path, tree in sources()
        if unit(path) == "kernels"
        and (lines := len((ast.get_docstring(tree) or "").splitlines())) < MIN_IDEA
    ]
    refuse(broken, f"a kernel file begins with its idea, in at least {MIN_IDEA} lines")


# -- public names -------------------------------------------------------------------------------


def packages() -> list[str]:
    """Every package of handgrad that offers names (the command line offers a command)."""
    found = [
        f"handgrad.{info.name}"
        for info in pkgutil.iter_modules(handgrad.__path__)
        if info.ispkg and info.name not in {"cli", "examples"}
    ]
    return ["handgrad", *found]


@pytest.mark.parametrize("name", packages())
def test_public_names(name: str) -> None:
    if name == "handgrad.plans":
        pytest.importorskip("numba")
    package = importlib.import_module(name)
    offered: list[str] = package.__all__
    path = Path(package.__file__ or "")
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("handgrad")
        for alias in node.names
        if not (alias.asname or alias.name).startswith("_")
    }
    assert imported <= set(offered), f"{name}: not in __all__: {sorted(imported - set(offered))}"
    assert offered == sorted(offered, key=public_order), f"{name}: __all__ is not sorted"
    bare = [each for each in offered if not has_docstring(getattr(package, each))]
    assert not bare, f"{name}: no docstring: {bare}"


def public_order(name: str) -> tuple[int, str]:
    """The order of names in `__all__`, as ruff sorts them: CONSTANTS, Classes, functions."""
    if name.isupper():
        return 0, name
    return (1, name) if name[0].isupper() else (2, name)


def has_docstring(thing: object) -> bool:
    """Whether a class or function has a docstring of its own; plain values need none."""
    own = vars(thing).get("__doc__") if inspect.isclass(thing) else getattr(thing, "__doc__", None)
    return bool(own) or not (inspect.isclass(thing) or inspect.isroutine(thing))
