"""Run the full forms of examples and keep what they print and draw, for the gallery.

    python scripts/record_gallery.py [NAME…] [--seed N] [--threads N]

Each runs in a process of its own, with one thread unless told otherwise. docs/gallery/NAME.txt gets
the log, below a head with the date, the versions, the machine and the seed; figures lie beside it.
A run that fails leaves what was recorded before as it was.
"""

import argparse
import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from handgrad.cli.environment import environment
from handgrad.examples import all_examples

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "gallery"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "HANDGRAD_THREADS")


def head(name, seed, threads, seconds):
    """The lines above a log."""
    found = environment()
    versions, machine = found["versions"], found["machine"]
    system = machine["platform"].partition("-")[0]
    plural = "" if threads == 1 else "s"
    numpy = f"NumPy {versions['numpy']} ({versions['blas']})"
    return [
        f"$ handgrad examples run {name} --seed {seed}",
        f"# {dt.datetime.now(dt.UTC).date()}, {seconds:.0f} s, {threads} thread{plural}",
        f"# handgrad {versions['handgrad']}, Python {versions['python']}, {numpy}",
        f"# {found['backend'].partition(',')[0]}",
        f"# {machine['processor']}, {system}",
        "",
    ]


def record(name, seed, threads):
    """Run one; True if it was recorded."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "handgrad", "examples", "run", name]
        command += ["--folder", scratch, "--seed", str(seed)]
        start = time.monotonic()
        done = subprocess.run(
            command,
            check=False,
            encoding="utf-8",
            stdout=subprocess.PIPE,
        )
        seconds = time.monotonic() - start
        if done.returncode:
            print(f"{name}: failed, nothing recorded", file=sys.stderr)
            return False
        lines = [line for line in done.stdout.splitlines() if scratch not in line]
        text = "\n".join([*head(name, seed, threads, seconds), *lines]) + "\n"
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        for path in FOLDER.glob(f"{name}[.-]*"):
            if path.suffix not in {".txt", ".md"}:
                path.unlink()
        for path in Path(scratch).iterdir():
            shutil.copy(path, FOLDER / path.name)
    print(f"{name}: {seconds:.0f} s")
    return True


def main():
    """Record what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    known = [example.name for example in all_examples()]
    if unknown := set(options.names) - set(known):
        parser.error(f"no example {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    os.environ.update(dict.fromkeys(THREADS, str(options.threads)), PYTHONUTF8="1")
    FOLDER.mkdir(exist_ok=True)
    names = options.names or known
    results = [record(name, options.seed, options.threads) for name in names]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
