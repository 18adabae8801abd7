"""Where and when a measurement was made, and what the machine could reach."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from handgrad.cli.environment import environment
from side_by_side.driver import HOME, THREADS

BUSY = 0.5  # running programs, besides the one that asks


def machine(threads: int) -> dict[str, Any]:
    """Date, processor, versions, threads and load, as plain values."""
    found = environment()
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        **found["machine"],
        "threads": threads,
        "versions": found["versions"],
        "load": load(),
    }


def load() -> float | None:
    """How many programs ran on average in the last minute; None where nobody counts."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def limits(threads: int) -> dict[str, Any]:
    """The peak of multiply-adds and the rate of BLAS; empty where that fails."""
    done = subprocess.run(
        [sys.executable, "-m", "side_by_side.limits", str(threads)],
        env=os.environ | dict.fromkeys(THREADS, str(threads)) | {"PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else {}


def heading(found: dict[str, Any], *, quick: bool) -> list[str]:
    """The machine in a few lines, for the top of a table."""
    versions = ", ".join(f"{name} {value}" for name, value in found["versions"].items())
    threads = f"{found['threads']} thread{'' if found['threads'] == 1 else 's'}"
    lines = [f"{found['date']}, {found['processor']}, {threads}", versions]
    if (found["load"] or 0) > BUSY:
        lines.append(f"The machine was busy (load {found['load']:.1f}).")
    if quick:
        lines.append("A quick run with tiny sizes: it shows that it works, not how fast.")
    return lines
