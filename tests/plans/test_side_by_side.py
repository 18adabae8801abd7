"""Two trainings on one machine, each a process of its own: each keeps its share.

Threads that wait for each other lose most when they wait while another program has a core: spinning
takes the core from it, sleeping comes too late. So two processes with two threads each stand beside
the same two with one thread each, which never wait. The bounds are generous: a machine that runs
tests does other things too.
"""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

import pytest

from processes import environment

pytest.importorskip("numba")

SECONDS, ROUNDS = 0.4, 6
AT_LEAST = 1 / 3  # of the steps that one thread makes, and of those that the other process makes

TRAIN = """
import sys, time
import numpy as np
from handgrad import Adam, Affine, Flatten, Network, Relu, Rescale, SoftmaxCrossEntropy, Trainer
from handgrad import models

dense = [Rescale(1 / 255), Flatten(), Affine(100), Relu(), Affine(10)]
networks = {"dense": lambda: Network(dense, (1, 28, 28)), "images": models.simple_conv_net}
network, rows = networks[sys.argv[1]](), {"dense": 5000, "images": 500}[sys.argv[1]]
x = np.random.default_rng(0).integers(0, 256, (rows, 1, 28, 28), dtype=np.uint8)
trainers = {
    threads: Trainer(network, SoftmaxCrossEntropy(), Adam(), threads=threads) for threads in (1, 2)
}
for line in sys.stdin:
    threads, seconds = line.split()
    steps, end = 0, time.perf_counter() + float(seconds)
    while steps == 0 or time.perf_counter() < end:
        trainers[int(threads)].fit(x, np.arange(rows) % 10, epochs=1, batch_size=100)
        steps += rows // 100
    print(steps, flush=True)
"""


class Pair:
    """Two processes that train when they are told to."""

    def __init__(self, processes: list["subprocess.Popen[str]"]) -> None:
        self.processes = processes

    def steps(self, threads: int, seconds: float) -> list[int]:
        """How many steps each of the two makes, with so many threads, at the same time."""
        for process in self.processes:
            stdin = pipe(process.stdin)
            stdin.write(f"{threads} {seconds}\n")
            stdin.flush()
        return [int(pipe(process.stdout).readline()) for process in self.processes]


def pipe(end: IO[str] | None) -> IO[str]:
    assert end is not None
    return end


@contextmanager
def pair(network: str) -> Generator[Pair]:
    """Two such processes; they end with the block."""
    command = [sys.executable, "-c", TRAIN, network]
    processes = [
        subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        yield Pair(processes)
    finally:
        for process in processes:
            process.communicate()  # no more lines: both end


@pytest.mark.parametrize("network", ["dense", "images"])
def test_two_processes_side_by_side_keep_their_share(network: str) -> None:
    with pair(network) as both:
        for threads in (1, 2):
            both.steps(threads, 0)  # compiles
        one, two = zip(
            *[[both.steps(threads, SECONDS) for threads in (1, 2)] for _ in range(ROUNDS)],
            strict=True,
        )
    slower = max(min(steps) for steps in two)
    assert slower >= AT_LEAST * max(min(steps) for steps in one)
    assert max(min(steps) / max(steps) for steps in two) >= AT_LEAST
