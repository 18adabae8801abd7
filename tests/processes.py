"""Programs in a process of their own, which find this package and the tests."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import handgrad

PLACES = (str(Path(__file__).parent), str(Path(handgrad.__file__).parents[1]))
# For programs that run with NUMBA_CPU_NAME="haswell": registers half as wide as those of AVX-512.
needs_x86 = pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"}, reason="another processor"
)


def environment() -> dict[str, str]:
    """This process's variables, with the places of the package and the tests."""
    path = os.pathsep.join([*PLACES, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


def run(code: str, **variables: str) -> str:
    """What a fresh process prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
