# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""A meeting of threads inside compiled code: all wait until the last has come.

Phases of a small step take less time than the operating system needs to wake a thread. So threads
that will meet again at once do not sleep: each counts its own arrivals in a number that the others
read, until all have counted as far. `publish` and `observe` are what this needs of the processor:
what a thread wrote before it published is seen by whoever observed the number (release and
acquire). Each number lies on a cache line of its own.

Nobody waits for ever: after `PATIENCE` looks `arrived` says no, and the caller lets others have
the processor, in Python, before it asks again.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from handgrad.checks import Array
from handgrad.kernels.jit import compiled

intrinsic: Any = numba_intrinsic
LINE = 8  # int64 numbers of a cache line
PATIENCE = 200_000  # looks before others may have the processor


@intrinsic
def publish(typing: Any, numbers: Any, place: Any, value: Any) -> Any:
    """Write numbers[place] = value, after everything written before."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, number = arguments
        data = cgutils.create_struct_proxy(numbers)(context, builder, value=array).data
        builder.store_atomic(number, builder.gep(data, [index]), "release", 8)
        return context.get_dummy_value()

    return types.void(numbers, types.int64, types.int64), write


@intrinsic
def observe(typing: Any, numbers: Any, place: Any) -> Any:
    """Read numbers[place], before everything read after."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index = arguments
        data = cgutils.create_struct_proxy(numbers)(context, builder, value=array).data
        return builder.load_atomic(builder.gep(data, [index]), "acquire", 8)

    return types.int64(numbers, types.int64), write


@intrinsic
def unowned(typing: Any, array: Any) -> Any:
    """Give the same array, without the count of who uses it.

    Numba counts the users of an array, and of every part that is made of it, in one number. When
    two threads change it in turn, each change waits for the other processor core. The caller's
    arrays outlive a call, so nothing is lost.
    """

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = cgutils.create_struct_proxy(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()  # noqa: SLF001  (how Numba's own functions do it)

    return array(array), write


@compiled
def arrive(numbers: Array, worker: int) -> None:
    """Count one more arrival of this worker."""
    publish(numbers, worker * LINE, numbers[worker * LINE] + 1)


@compiled
def arrived(numbers: Array, worker: int, workers: int) -> bool:
    """Whether all workers have come as often as this one, now or within its patience."""
    mine = numbers[worker * LINE]
    for other in range(workers):
        for _ in range(PATIENCE):
            if observe(numbers, other * LINE) >= mine:
                break
        else:
            return False
    return True
