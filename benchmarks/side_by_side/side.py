"""What every side can do. This module needs NumPy alone: peers may live in another Python."""

import ctypes
import gc
import json
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

STATUS = Path("/proc/self/status")
FEW = 32  # rows of the steps before memory is measured
LONG_EPOCH = 2.0  # seconds; an epoch as long as this wakes threads and caches by itself


class UnsupportedError(Exception):
    """This side cannot do the work; the message says why, as the end of a sentence."""


class Side:
    """One library doing one work, as its users would write it.

    A subclass writes `losses`, `outputs`, `fresh`, `own_bytes` and `run`. The folder (see
    `works.write`) holds the network, its initial parameters, the data and the options: the same for
    every side.

    Attributes:
        task: the options, plain values.
        folder: where the rest is.
        step_seconds: what a step took in the last chunk; None before the first.
    """

    def __init__(self, folder: str) -> None:
        task = (Path(folder) / "task.json").read_text(encoding="utf-8")
        self.task: dict[str, Any] = json.loads(task)
        self.folder = Path(folder)
        self.step_seconds: float | None = None

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The data `x` and `labels`, and the initial parameters `params/<layer>.<name>`."""
        with np.load(self.folder / "arrays.npz") as arrays:
            return dict(arrays)

    def versions(self) -> dict[str, str]:
        """What runs here, for the record."""
        raise NotImplementedError

    def losses(self, steps: int) -> list[float]:
        """The losses of the first `steps` steps, all on the first batch, dropout left out.

        At the task's `check_rate`, in place of its learning rate.
        """
        raise NotImplementedError

    def outputs(self) -> list[float]:
        """What the fresh network says of the first rows."""
        raise NotImplementedError

    def fresh(self) -> Any:
        """The network with its initial parameters, and nothing left of what was done before."""
        raise NotImplementedError

    def own_bytes(self, network: Any) -> int:
        """What its parameters take, and all else that it keeps."""
        raise NotImplementedError

    def run(self, network: Any, count: int, steps: int) -> list[float]:
        """The seconds of each of `count` epochs of `steps` steps."""
        raise NotImplementedError

    def epochs(self, count: int, steps: int) -> list[float]:
        """The same, from the initial parameters."""
        return self.run(self.fresh(), count, steps)

    def train(self) -> float:
        """Train by the task's recipe; the accuracy on the images to measure on."""
        raise NotImplementedError

    def chunk(self, seconds: float, steps: int) -> list[float]:
        """Run for about `seconds`; the seconds per step of each epoch in that time.

        An epoch that is not counted comes first: it wakes the threads and touches the memory.
        """
        if self.step_seconds is None:
            count, skipped = 1, 0
        else:
            epoch = self.step_seconds * steps
            count, skipped = max(1, round(seconds / epoch)), int(epoch < LONG_EPOCH)
        samples = [each / steps for each in self.epochs(count + skipped, steps)[skipped:]]
        self.step_seconds = median(samples)
        return samples

    def memory(self, steps: int) -> dict[str, int]:
        """Bytes: `before` the steps, and the `peak` above that while they run.

        Steps of a few rows come first: they load what a library loads when it is first used. (Not
        of one or two: for so few, libraries have other kernels.) The network is there before, so
        that what reading its file has left free does not count as training; what it takes itself
        does.

        Raises:
            UnsupportedError: this system does not tell.
        """
        if not STATUS.exists():
            raise UnsupportedError("this system does not tell a process's peak memory")
        batch = self.task["batch"]
        self.task["batch"] = min(batch, FEW)
        self.epochs(2, 2)
        self.task["batch"] = batch
        network = self.fresh()
        own = self.own_bytes(network)
        gc.collect()
        give_back()
        before = status("VmRSS")
        (STATUS.parent / "clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        self.run(network, 2, steps)
        return {"before": before - own, "peak": own + status("VmHWM") - before}


def give_back() -> None:
    """Let the C library give back what it keeps for later use, if it is one that can."""
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def status(name: str) -> int:
    """A number of bytes that the system knows of this process."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def orders(seed: int, epoch: int, rows: int) -> Array:
    """The order of an epoch's examples: handgrad's, so that all sides see the same batches."""
    return np.random.default_rng((seed, epoch)).permutation(rows)


def shifted(x: Array, rng: np.random.Generator, most: int = 1) -> Array:
    """Move each image by up to `most` pixels, up or down and left or right; zeros come in."""
    n, _, h, w = map(int, x.shape)
    padded = np.pad(x, ((0, 0), (0, 0), (most, most), (most, most)))
    down, right = rng.integers(0, 2 * most + 1, size=(2, n))
    rows: Array = (down[:, np.newaxis] + np.arange(h))[:, :, np.newaxis]
    columns: Array = (right[:, np.newaxis] + np.arange(w))[:, np.newaxis, :]
    images: Array = np.arange(n)[:, np.newaxis, np.newaxis]
    return padded.transpose(0, 2, 3, 1)[images, rows, columns].transpose(0, 3, 1, 2)
