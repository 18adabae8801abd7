"""What the machine could do at best: `python -m side_by_side.limits THREADS` prints it as JSON.

`fma` is the peak of fused multiply-adds, in billions of floating-point operations per second of
all threads together, from a kernel that does nothing else; null without Numba. `gemm` is what
NumPy's BLAS reaches on a large product. Both in float32. `memory` is how many billions of bytes per
second are read and written, together, when arrays larger than the caches are copied.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import numpy as np

LENGTH, PASSES, DEPTH = 2048, 40_000, 16  # the array stays in the first cache; ten milliseconds
SIZE = 1024
COPIED = 64_000_000  # bytes of each thread's array
TRIES = 15


def best(function: Callable[[], Any]) -> float:
    """The shortest of several times, in seconds: noise only ever adds."""
    function()
    seconds: list[float] = []
    for _ in range(TRIES):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def gemm() -> float:
    """The rate of a product of two large matrices."""
    a = np.random.default_rng(0).standard_normal((SIZE, SIZE), dtype=np.float32)
    out = np.empty_like(a)
    return 2 * SIZE**3 / best(lambda: np.matmul(a, a, out=out)) / 1e9


def fma(threads: int) -> float | None:
    """The rate of a kernel whose every entry goes through a chain of DEPTH multiply-adds.

    Entries do not wait for each other, so that several chains fill the processor's units.
    """
    try:
        numba: Any = import_module("numba")
        llvm: Any = import_module("llvmlite.binding")
    except ModuleNotFoundError:
        return None
    # By itself LLVM uses half of some processors' registers, and too few chains at a time.
    for option in ("-force-vector-width=16", "-force-vector-interleave=4"):
        llvm.set_option("limits", option)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))

    def chains(x: Any) -> None:
        for row in numba.prange(len(x)):
            values = x[row]
            a, b = np.float32(0.999), np.float32(0.001)
            for _ in range(PASSES):
                for i in range(LENGTH):
                    value = values[i]
                    for _ in range(DEPTH):
                        value = value * a + b
                    values[i] = value

    kernel: Any = numba.njit(parallel=True, fastmath={"contract"})(chains)
    x = np.ones((threads, LENGTH), np.float32)
    return 2 * DEPTH * LENGTH * PASSES * threads / best(lambda: kernel(x)) / 1e9


def memory(threads: int) -> float:
    """The rate at which threads copy large arrays, each its own."""
    arrays = [np.ones((2, COPIED), np.uint8) for _ in range(threads)]

    def copy(array: Any) -> None:
        array[1] = array[0]

    with ThreadPoolExecutor(threads) as pool:
        seconds = best(lambda: list(pool.map(copy, arrays)))
    return 2 * COPIED * threads / seconds / 1e9


def main() -> None:
    """Measure and print."""
    threads = int(sys.argv[1])
    rates = {"fma": fma(threads), "gemm": gemm(), "memory": memory(threads)}
    print(json.dumps({"threads": threads, **rates}))


if __name__ == "__main__":
    main()
