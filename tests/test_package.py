"""The package as a user gets it: quick to import, in need of nothing but NumPy, complete."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("PIL", "matplotlib", "numba", "rich", "safetensors", "typer")
ROUNDS = 15


def run(code: str, *, folder: Path, cache: Path | None = None) -> str:
    """Run code in a fresh interpreter, away from the repository; what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if cache is not None:
        environment["PYTHONPYCACHEPREFIX"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("statement", "limit"),
    [("import handgrad", 1.5), ("from handgrad import Network, Trainer, data, ops", 2.0)],
)
def test_import_costs_little_more_than_numpy(statement: str, limit: float, tmp_path: Path) -> None:
    def seconds(statement: str) -> float:
        clock = f"import time; t = time.process_time(); {statement}; "
        return float(run(f"{clock}print(time.process_time() - t)", folder=tmp_path, cache=cache))

    cache = tmp_path / "bytecode"
    run(f"import numpy; {statement}", folder=tmp_path, cache=cache)  # the others read its bytecode
    times = [(seconds("import numpy"), seconds(statement)) for _ in range(ROUNDS)]  # side by side
    # Neighbours in time: a processor that changes its speed does not do so between most of them.
    ratio = median(handgrad / numpy for numpy, handgrad in times)
    numpy, handgrad = (min(column) for column in zip(*times, strict=True))
    assert ratio <= limit, (
        f"{statement} takes {handgrad * 1000:.0f} ms, import numpy {numpy * 1000:.0f} ms: "
        f"see python -X importtime -c '{statement}' for what became slow"
    )


def test_import_loads_no_heavy_library(tmp_path: Path) -> None:
    code = "import sys, json, handgrad; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.partition(".")[0] for name in json.loads(run(code, folder=tmp_path))}
    assert loaded.isdisjoint(HEAVY)


def test_the_library_trains_with_everything_but_numpy_blocked(tmp_path: Path) -> None:
    code = f"""
import runpy, sys
for name in {HEAVY!r}:
    sys.modules[name] = None  # importing it now raises ImportError
runpy.run_path({str(ROOT / "scripts" / "smoke.py")!r}, run_name="__main__")
"""
    assert "accuracy" in run(code, folder=tmp_path)


def test_without_kernels_and_plans_everything_works(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("kernels", "plans", "__pycache__")
    shutil.copytree(ROOT / "src" / "handgrad", tmp_path / "handgrad", ignore=ignored)
    code = f"""
import runpy, handgrad
from handgrad import backend
assert handgrad.__file__.startswith({str(tmp_path)!r}) and not backend.compiled()
runpy.run_path({str(ROOT / "scripts" / "smoke.py")!r}, run_name="__main__")
"""
    assert "accuracy" in run(code, folder=tmp_path)


def test_every_module_imports_alone(tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, sys, handgrad
names = [info.name for info in pkgutil.walk_packages(handgrad.__path__, "handgrad.")]
for name in names:
    for loaded in [each for each in sys.modules if each.partition(".")[0] == "handgrad"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in {"llvmlite", "numba"}:  # compiled code does not import without them
            raise
print(len(names))
"""
    assert int(run(code, folder=tmp_path)) > 20


def test_the_package_ships_its_types_and_its_data() -> None:
    package = files("handgrad")
    assert package.joinpath("py.typed").is_file()
    bundled = {path.name for path in package.joinpath("data", "bundled").iterdir()}
    assert {name for name in bundled if name.endswith("-ubyte.gz")} == {
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    }


def test_the_readme_says_what_pyproject_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    oldest = re.sub(r"^\D+", "", project["requires-python"])
    assert f"Python ≥ {oldest}" in readme
    numpy = next(need for need in project["dependencies"] if need.startswith("numpy"))
    assert f"NumPy {numpy.removeprefix('numpy').replace('>=', '≥ ')}" in contributing
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_readme_example_is_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for block in blocks:
        lines = [line for line in block.splitlines() if line.startswith((">>>", "..."))]
        assert len(lines) <= 20, block
