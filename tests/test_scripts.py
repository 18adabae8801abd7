"""scripts/: on machines that lack something, and run again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("cat", "cksum", "dirname")  # all that setup needs besides a Python
THIS = f'exec "{sys.executable}" "$@"'  # for a pretended Python that is a real one otherwise
pytestmark = pytest.mark.skipif(os.name != "posix", reason="scripts/ are for POSIX shells")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with nothing but the set-up, in a folder with a space in its name."""
    folder = tmp_path / "a clone"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", folder / "scripts")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def program(path: Path, text: str) -> None:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def setup(clone: Path, *groups: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/setup from another folder, where only TOOLS and the programs in bin/ exist."""
    path = clone / "bin"
    path.mkdir(exist_ok=True)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        if not (path / tool).exists():
            (path / tool).symlink_to(found)
    return subprocess.run(
        ["/bin/sh", str(clone / "scripts" / "setup"), *groups],
        cwd=clone.parent,
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "name",
    sorted(
        path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix
    ),
)
def test_scripts_are_posix_shell(name: str) -> None:
    path = ROOT / "scripts" / name
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK), f"{path} is not executable"
    subprocess.run(["/bin/sh", "-n", str(path)], check=True)


def test_setup_without_python_says_what_to_install(clone: Path) -> None:
    done = setup(clone)
    assert done.returncode == 1
    assert "no Python of at least 3.11 was found (there is no python3)" in done.stderr
    assert "sudo apt install python3 python3-venv" in done.stderr


def test_setup_passes_over_an_old_python3(clone: Path) -> None:
    program(
        clone / "bin" / "python3", '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0; exit 1'
    )
    done = setup(clone)
    assert "no Python of at least 3.11 was found (Python 3.9.2)" in done.stderr
    program(clone / "bin" / "python3.12", f'case "$*" in *ensurepip*) exit 1;; esac\n{THIS}')
    assert "python3.12 (" in setup(clone).stderr


def test_setup_without_the_venv_package_says_what_to_install(clone: Path) -> None:
    program(clone / "bin" / "python3", f'case "$*" in *ensurepip*) exit 1;; esac\n{THIS}')
    done = setup(clone)
    assert done.returncode == 1
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt install python{version}-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_setup_refuses_a_python_that_is_none(clone: Path) -> None:
    done = setup(clone, PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert "PYTHON=/nowhere/python is not a Python of at least 3.11" in done.stderr


def test_setup_installs_once_and_again_after_a_change(clone: Path) -> None:
    program(clone / ".venv" / "bin" / "python", f'echo "$*" >>"{clone}/log"')

    def installed() -> list[str]:
        log = clone / "log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [
            line.partition("install ")[2] for line in lines if "pip" in line and "install" in line
        ]

    assert setup(clone, "test").returncode == 0
    assert installed() == ["pip>=25.1", "--editable .", "--group test"]
    assert setup(clone, "test").returncode == 0
    assert installed() == []
    assert setup(clone, "test", "docs").returncode == 0
    assert installed() == ["--group docs"]
    with (clone / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert setup(clone, "docs").returncode == 0
    assert installed() == ["pip>=25.1", "--editable .", "--group docs"]


def test_setup_makes_a_broken_venv_anew(clone: Path) -> None:
    program(clone / ".venv" / "bin" / "python", "exit 1")  # what an interrupted set-up leaves
    program(
        clone / "bin" / "python3",
        f'case "$*" in *"-m venv"*) echo "$*" >"{clone}/made"; exit 1;; esac\n{THIS}',
    )
    assert setup(clone).returncode == 1  # the pretended venv cannot be made
    assert "--clear .venv" in (clone / "made").read_text(encoding="utf-8")
