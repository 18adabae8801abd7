"""Start the sides of a work, see that they agree, warm them, and let them run in turn."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HOME = Path(__file__).resolve().parent.parent
# What is compared, with the ways of running it; the fastest way counts. A thread of PyTorch that
# waits for the others spins by default: best on a quiet machine, and up to a hundred times slower
# than sleeping where another program needs its core.
SPIN: dict[str, str] = {}
SLEEP = {"OMP_WAIT_POLICY": "passive"}
Way = tuple[str, dict[str, str]]  # library and mode; environment variables
SIDES: dict[str, list[Way]] = {
    "handgrad": [("handgrad", {})],
    "reference": [("handgrad", {"HANDGRAD_BACKEND": "reference"})],
    "pytorch": [("torch eager", wait) for wait in (SPIN, SLEEP)]
    + [("torch channels_last", wait) for wait in (SPIN, SLEEP)],
    "torch-fused": [("torch fused", wait) for wait in (SPIN, SLEEP)],
    "torch-compile": [("torch compile", wait) for wait in (SPIN, SLEEP)],
    "sklearn": [("sklearn", {})],
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
LOSSES, TOLERANCE = 5, 3e-4
PAUSE = 0.03  # seconds between two chunks, in which the other side's threads fall asleep
MOST_WARMING, WARM_STEPS = 12, 20  # chunks; steps of each epoch in them


def in_words(way: Way) -> str:
    """How results call a way.

    >>> in_words(("torch eager", SLEEP))
    'torch eager, OMP_WAIT_POLICY=passive'
    """
    return ", ".join([way[0], *(f"{key}={value}" for key, value in way[1].items())])


class Missing(Exception):  # noqa: N818  (a peer that is not there is no error)
    """A peer that cannot do the work; the message says why."""


@dataclass
class Times:
    """One side's times of one work, in seconds per step; or why there are none."""

    how: str = ""
    versions: dict[str, str] = field(default_factory=dict[str, str])
    chunks: list[list[float]] = field(default_factory=list[list[float]])
    warm: bool = True
    missing: str | None = None

    @property
    def median(self) -> float:
        """The median of the chunks' medians."""
        return median(median(chunk) for chunk in self.chunks)

    @property
    def p10(self) -> float:
        """The 10th percentile of all samples: what it takes when nothing disturbs it."""
        return float(np.percentile([each for chunk in self.chunks for each in chunk], 10))


@dataclass(frozen=True)
class Terms:
    """How to measure, the same for all sides.

    Attributes:
        rounds: how many chunks each side gets.
        seconds: how long a chunk lasts (an epoch at least).
        threads: of every side.
        torch_python: a Python that has PyTorch; None for this one.
    """

    rounds: int
    seconds: float
    threads: int
    torch_python: str | None = None


class Worker:
    """The process of one library in one mode."""

    def __init__(self, way: Way, folder: Path, terms: Terms) -> None:
        name, variables = way
        self.name = name
        environment = os.environ | dict.fromkeys(THREADS, str(terms.threads)) | variables
        environment |= {"PYTHONPATH": str(HOME), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        peer = terms.torch_python if name.startswith("torch") else None
        self.process = subprocess.Popen(
            [peer or sys.executable, "-m", "side_by_side.worker", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if name == "handgrad" else subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
        )

    def read(self, key: str) -> Any:
        """The next answer.

        Raises:
            Missing: the side cannot do this work, for a reason of its own.
            RuntimeError: handgrad's own side failed.
        """
        assert self.process.stdout is not None  # noqa: S101  (it was asked for)
        line = self.process.stdout.readline()
        said = json.loads(line) if line else {"failed": "the process ended"}
        if key in said:
            return said[key]
        reason = said.get("missing") or said["failed"]
        if self.name == "handgrad":
            raise RuntimeError(f"handgrad: {reason}")
        raise Missing(reason)

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for the answer."""
        assert self.process.stdin is not None  # noqa: S101  (it was asked for)
        with suppress(BrokenPipeError):  # its last words are waiting to be read
            print(json.dumps(request), file=self.process.stdin, flush=True)
        return self.read("answer")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def measure(folder: Path, steps: int, sides: Sequence[str], terms: Terms) -> dict[str, Times]:
    """Measure the sides on the work in `folder`, in turn; epochs of `steps` steps.

    Raises:
        SystemExit: a side computes something else than handgrad.
    """
    ways = [(side, way) for side in sides for way in SIDES[side]]
    times = [Times(how=in_words(way)) for _, way in ways]
    workers: dict[int, Worker] = {}
    try:
        for i, (_, way) in enumerate(ways):
            workers[i] = Worker(way, folder, terms)
        prepare(workers, times, steps, terms)
        for _ in range(terms.rounds):
            for i, worker in workers.items():
                time.sleep(PAUSE)
                times[i].chunks.append(worker.ask(do="chunk", seconds=terms.seconds, steps=steps))
    finally:
        for worker in workers.values():
            worker.close()
    each = {
        side: [t for t, way in zip(times, ways, strict=True) if way[0] == side] for side in sides
    }
    return {side: fastest(candidates) for side, candidates in each.items()}


def prepare(workers: dict[int, Worker], times: list[Times], steps: int, terms: Terms) -> None:
    """See that all workers compute the same, warm them, and close those that cannot do the work.

    One thing after the other: nobody is warmed while another still starts or compiles.
    """
    first: dict[str, list[float]] = {}

    def get_ready(i: int, worker: Worker) -> None:
        times[i].versions = worker.read("ready")

    def compute(i: int, worker: Worker) -> None:
        first[times[i].how] = worker.ask(do="losses", steps=LOSSES)

    def get_warm(i: int, worker: Worker) -> None:
        times[i].warm = warm(worker, steps, terms)

    for task in (get_ready, compute, get_warm):
        for i, worker in list(workers.items()):
            try:
                task(i, worker)
            except Missing as reason:
                times[i].missing = str(reason)
                workers.pop(i).close()
    check_agreement(first)


def fastest(candidates: Sequence[Times]) -> Times:
    """The way with the smallest median, or the first where none could do the work."""
    there = [each for each in candidates if each.missing is None]
    return min(there, key=lambda each: each.median) if there else candidates[0]


def warm(worker: Worker, steps: int, terms: Terms) -> bool:
    """Run chunks until they no longer get faster; whether that point was reached."""
    before = float("inf")
    for _ in range(MOST_WARMING):
        now = median(worker.ask(do="chunk", seconds=terms.seconds, steps=min(steps, WARM_STEPS)))
        if now > 0.9 * before:
            return True
        before = now
    return False


def check_agreement(first: Mapping[str, Sequence[float]]) -> None:
    """Refuse to compare sides that do not compute the same.

    >>> check_agreement({"handgrad": [2.0, 1.0], "torch": [2.0, 1.5]})
    Traceback (most recent call last):
    SystemExit: torch does not compute what handgrad does: [2.0, 1.5] against [2.0, 1.0]
    """
    names = list(first)
    for name in names[1:]:
        if not np.allclose(first[name], first[names[0]], rtol=TOLERANCE, atol=1e-5):
            raise SystemExit(
                f"{name} does not compute what {names[0]} does: "
                f"{first[name]} against {first[names[0]]}"
            )


def ratio(peer: Times, own: Times) -> float:
    """How many times faster `own` is: the median over rounds, each by itself.

    Both sides of a round run within a second or so, so that a slow hour touches both.
    """
    pairs = zip(peer.chunks, own.chunks, strict=True)
    return median(median(theirs) / median(ours) for theirs, ours in pairs)


def plain(times: Mapping[str, Times]) -> dict[str, Any]:
    """What was measured of every side, as plain values; ratios are to handgrad's times."""
    own = times["handgrad"]
    return {
        side: {"missing": each.missing}
        if each.missing is not None
        else {
            "median": each.median,
            "p10": each.p10,
            "ratio": ratio(each, own),
            "ratio_p10": each.p10 / own.p10,
            "samples": sum(map(len, each.chunks)),
            "warm": each.warm,
            "how": each.how,
            "versions": each.versions,
        }
        for side, each in times.items()
    }
