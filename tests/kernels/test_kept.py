"""What is compiled is kept, found again, and never stands in the way."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from handgrad.kernels import events, kept
from handgrad.kernels.jit import compiled

CODE = """
import numpy as np
from handgrad.kernels import events
from handgrad.kernels.updates import momentum_step
param, v = np.ones(3, np.float32), np.zeros(3, np.float32)
momentum_step(param, np.ones(3, np.float32), v, learning_rate=0.5)
assert param.tolist() == [0.5] * 3
print(events.SO_FAR.count)
"""


def compilations(folder: Path | None, **variables: str) -> int:
    """How many kernels a fresh process compiles for one step of momentum."""
    environment = {**os.environ, **variables}
    environment.pop("NUMBA_CACHE_DIR", None)
    if folder is not None:
        environment["NUMBA_CACHE_DIR"] = str(folder)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return int(done.stdout)


def kept_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.kernel"))


def make(number: int) -> Any:
    """A kernel that closes over a number, as tiles' kernels do over their sizes."""

    @compiled
    def times(x: float) -> float:
        return number * x

    return times


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept.config, "CACHE_DIR", str(tmp_path))
    return next(kept.folders())


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> events.Compilations:
    fresh = events.Compilations()
    monkeypatch.setattr(events, "SO_FAR", fresh)
    return fresh


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    assert compilations(tmp_path) > 0
    assert compilations(tmp_path) == 0


def test_a_kernel_is_kept_for_each_value_it_closes_over_and_each_type(
    folder: Path, count: events.Compilations
) -> None:
    assert [make(2)(3.0), make(5)(3.0), make(2)(np.float32(3))] == [6, 15, 6]
    assert count.count == len(kept_in(folder)) == 3
    assert [make(2)(3.0), make(5)(3.0), make(2)(np.float32(3))] == [6, 15, 6]
    assert count.count == 3
    assert count.seconds > 0


@pytest.mark.parametrize("damage", ["", "shorter", "other bytes", "other kernel"])
def test_a_damaged_file_is_compiled_again(
    folder: Path, count: events.Compilations, damage: str
) -> None:
    make(2)(3.0)
    (path,) = kept_in(folder)
    content = path.read_bytes()
    if damage == "other kernel":
        make(7)(3.0)
        path.write_bytes(next(p for p in kept_in(folder) if p != path).read_bytes())
    else:
        flipped = content[:100] + bytes([content[100] ^ 1]) + content[101:]
        path.write_bytes({"": b"", "shorter": content[:-1], "other bytes": flipped}[damage])
    before = count.count
    assert make(2)(3.0) == 6
    assert count.count == before + 1
    assert make(2)(3.0) == 6
    assert count.count == before + 1


def test_an_unreadable_pickle_is_compiled_again(folder: Path, count: events.Compilations) -> None:
    kernel = make(2)
    kernel(3.0)
    (path,) = kept_in(folder)
    key = kernel._cache.key(kernel.signatures[0], kernel.targetctx.codegen())
    assert kernel._cache.file(key) == path.name
    assert kept.write(path.name, key, b"no pickle")
    assert make(2)(3.0) == 6
    assert count.count == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_folder_that_takes_nothing_is_passed_over(
    folder: Path, count: events.Compilations, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert make(2)(3.0) == 6
    assert not list(folder.glob("*"))
    assert make(2)(3.0) == 6
    assert count.count == 2


def test_where_nothing_can_be_written_kernels_run_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert compilations(tmp_path / "file") > 0  # not a folder


def test_beside_the_source_then_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, user = tmp_path / "package", tmp_path / "user"
    (package / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(kept.config, "CACHE_DIR", "")
    monkeypatch.setattr(kept, "PACKAGE", package)
    monkeypatch.setattr(kept, "user_folder", lambda: user)
    beside, own = kept.folders()
    assert beside == package / "__pycache__"
    assert own.parent == user / "handgrad"
    assert kept.write("a.kernel", b"key", b"code")
    assert kept_in(beside)
    (beside / "a.kernel").unlink()
    beside.rmdir()
    beside.touch()  # a file, where the folder should be
    assert kept.write("a.kernel", b"key", b"code")
    assert kept_in(own)
    assert kept.read("a.kernel", b"key") == b"code"
    assert kept.read("a.kernel", b"other") is None
    assert kept.read("b.kernel", b"key") is None


def test_a_user_without_a_home_has_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: Path) -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "expanduser", nobody)
    assert kept.user_folder() is None
    assert len(list(kept.folders())) == 1


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_users_folder_on_every_system(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    folder = kept.user_folder()
    assert folder is not None
    assert folder.is_relative_to(Path.home())
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert (kept.user_folder() is None) == (system == "linux")  # as the XDG rules say


def test_two_processes_that_compile_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", CODE], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert all(process.communicate()[0].strip() for process in both)
    assert all(process.returncode == 0 for process in both)
    assert compilations(tmp_path) == 0


@pytest.mark.parametrize("changed", ["kernel.py", "used.py", "used_by_used.py"])
def test_the_stamp_changes_with_every_source_that_a_kernel_can_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    sources = {
        "kernel.py": "from handgrad.kernels.used import f",
        "used.py": "from handgrad.kernels import (used_by_used)",
        "used_by_used.py": "import kernel",
        "stranger.py": "x = 1",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(kept, "PACKAGE", tmp_path)
    stamp = kept.stamp.__wrapped__
    before = stamp(tmp_path / "kernel.py")
    (tmp_path / "stranger.py").write_text("x = 2")
    kept.words.cache_clear()
    assert stamp(tmp_path / "kernel.py") == before
    (tmp_path / changed).write_text(sources[changed] + "  # changed")
    kept.words.cache_clear()
    assert stamp(tmp_path / "kernel.py") != before


def test_every_kernel_sees_the_tiles_it_uses_and_how_it_is_compiled() -> None:
    stamps = {path: kept.stamp(path) for path in kept.PACKAGE.glob("*.py")}
    assert len(set(stamps.values())) > 1
    words = (kept.PACKAGE / "windows.py").read_text()
    assert "handgrad.kernels.tiles" in words
    assert "handgrad.kernels.jit" in words


def test_another_processor_or_version_is_another_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = make(2)
    kernel(3.0)
    own, codegen = kernel._cache, kernel.targetctx.codegen()
    (signature,) = kernel.signatures
    name = own.file(own.key(signature, codegen))
    monkeypatch.setattr(kept, "versions", lambda: "others")
    assert own.file(own.key(signature, codegen)) != name
    monkeypatch.undo()
    monkeypatch.setattr(type(codegen), "magic_tuple", lambda _: ("another", "processor"))
    assert own.file(own.key(signature, codegen)) != name


def test_what_is_not_read_any_more_is_removed(tmp_path: Path) -> None:
    old, used, young = (tmp_path / f"{name}.kernel" for name in ("old", "used", "young"))
    other = tmp_path / "other.txt"
    for path in (old, used, young, other):
        path.touch()
    for path in (old, used, other):
        os.utime(path, (0, 0))
    kept.stay_young(used)
    kept.stay_young(tmp_path / "missing.kernel")
    kept.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("other.txt", "used.kernel", "young.kernel"),
    ]


def test_listeners_hear_what_is_compiled(folder: Path, count: events.Compilations) -> None:
    heard: list[str] = []
    kept.place.cache_clear()
    count.listeners.append(lambda name, where: heard.append(f"{name}: {where}"))
    make(3)(2.0)
    make(3)(2.0)
    assert heard == [f"test_kept.make.times: kept in {folder}"]
    assert count.seconds > 0
    kept.place.cache_clear()


def test_where_nothing_can_be_kept_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    kept.place.cache_clear()
    monkeypatch.setattr(kept, "folders", lambda: iter([Path(__file__)]))
    assert kept.where() == "not kept: no folder can be written"
    kept.place.cache_clear()


def test_a_kernel_of_another_kernel_is_known_by_it(folder: Path) -> None:
    def outer(inner: Any) -> Any:
        @compiled
        def applied(x: float) -> float:
            return inner(x)

        return applied

    assert [outer(make(2))(3.0), outer(make(5))(3.0), outer(make(2))(3.0)] == [6, 15, 6]
    assert len([path for path in kept_in(folder) if "applied" in path.name]) == 2
