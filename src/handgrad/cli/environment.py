"""What a run's numbers depend on besides its options: versions, machine, threads."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.backend import active
from handgrad.threads import allowed, blas_threads


def environment() -> dict[str, Any]:
    """Versions and machine, as plain values."""
    return {
        "versions": {
            "handgrad": version(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "blas": blas(),
        },
        "backend": active(),
        "machine": {
            "platform": platform.platform(),
            "processor": processor(),
            "processors": processors(),
            "threads": threads(),
            "workers": allowed(),
        },
    }


def version() -> str:
    """This package's version."""
    try:
        return metadata.version("handgrad")
    except metadata.PackageNotFoundError:  # run from its source, not installed
        return "unknown"


def blas() -> str:
    """The library that multiplies NumPy's matrices, with its version."""
    config: Any = np.show_config(mode="dicts")
    found = config.get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def processors() -> int:
    """How many processors this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The processor's name."""
    try:
        for line in (
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        ):
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def threads() -> int:
    """How many threads BLAS uses: sums differ in their last bits between one and two."""
    found = blas_threads()
    if found is not None:
        return found
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(variable, "")
        if value.isdecimal() and int(value) > 0:
            return int(value)
    return processors()
