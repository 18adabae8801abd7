"""How kernels are compiled, and the form in which they take arrays.

What is chosen here, and why:

- a compiled kernel is kept on disk (`kept.py`); the next process loads it in milliseconds.
- `error_model="numpy"`: a division by zero gives an infinity, as in NumPy. Numba's default asks
  before each division whether it must raise, and no loop that asks becomes vector instructions.
- `nogil`: other threads may run meanwhile.
- `no_cfunc_wrapper`: none is called through a pointer of C, and what such calls need takes a tenth
  of the time.
- `fastmath`: sums may be taken in any order, and a product and a sum become one instruction;
  without the first, no sum becomes vector instructions. Nothing is assumed about NaN, infinity and
  the sign of zero: training finds an explosion by them.

A kernel is a plain function of its module with sizes as arguments: few versions are compiled, and
what is on disk is found again. Only the size of a register tile is part of the code (`tiles.py`):
where it is not always the same, a function of the module makes the kernel, once for each size.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from handgrad.checks import Array
from handgrad.kernels.kept import KernelCache

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,
    "fastmath": {"reassoc", "contract"},
}


def compiled(function: Function) -> Function:
    """Compile a kernel when it is first called, once for each dtype."""
    decorate: Any = njit  # for type checkers, a kernel stays the function that it is
    dispatcher = decorate(**OPTIONS)(function)
    if hasattr(dispatcher, "_cache"):  # not so where NUMBA_DISABLE_JIT is set
        dispatcher._cache = KernelCache(function)  # noqa: SLF001  (Numba has no public way)
    return dispatcher


def inlined(function: Function) -> Function:
    """Compile a kernel as a part of each kernel that calls it, for which it is written down.

    The machine code of what a kernel calls is made anew for each that calls it. Between a small
    function and one that calls everything, this saves seconds.
    """
    decorate: Any = njit
    return decorate(inline="always", **OPTIONS)(function)


def dense(array: Array) -> Array:
    """The array itself, or a copy where its memory has gaps, runs backwards or is read-only.

    So Numba meets one kind of array per dtype, and compiles one version for it.
    """
    return array if array.flags.carray else np.array(array, order="C")


def rows(array: Array) -> Array:
    """The entries as a matrix: a row for each entry of the first axis."""
    return dense(array).reshape(len(array), math.prod(array.shape[1:]))
