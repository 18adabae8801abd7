# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""Arithmetic between register tiles: x + y, x - y and x * y.

Whoever imports this module teaches Numba the three operators, so that a kernel reads like the
formula. Both tiles are of one size, or y has one position: then its registers, neighbouring
channels, serve at every position of x. What they do is one instruction for each register; a product
that is added to something becomes a fused multiply-add, as in all kernels (`contract`, see
`jit.py`). In NumPy, where a tile is an array, the operators are there already.

`tile_flush` ends a sum: registers hold the sums of a few dozen rows, in the tile's own dtype, and
are then added to totals in float64, so that a long sum is as accurate as if all of it were.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from handgrad.kernels.tiles import I64, TileType, Writer, intrinsic


def teach(function: Any, instruction: str) -> None:
    """Let Numba write `instruction` for each register where `function` is applied to two tiles."""

    class Between(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            x, y = args
            if not (isinstance(x, TileType) and isinstance(y, TileType)):
                return None
            one = TileType(1, 1, x.vectors, x.dtype)
            return signature(x, x, y) if y in {x, one} else None

    infer: Any = infer_global
    infer(function)(Between)

    @lower_builtin(function, TileType, TileType)
    def write(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        writer = Writer(context, builder, sig.return_type)
        registers = Writer(context, builder, sig.args[1]).read(arguments[1])
        if sig.args[1] != sig.return_type:
            registers = [registers[v] for _, (_, _, v) in sig.return_type.each()]
        pairs = zip(writer.read(arguments[0]), registers, strict=True)
        emit = getattr(builder, instruction)
        return writer.tile_of([emit(x, y, flags=("contract",)) for x, y in pairs])


teach(operator.add, "fadd")
teach(operator.sub, "fsub")
teach(operator.mul, "fmul")


@intrinsic
def tile_flush(typing: Any, tile: Any, total: Any, start: Any) -> Any:
    """Add a tile of one position to total[start], total[start + 1] and so on, in float64."""

    def write(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        writer, (value, array, first) = Writer(context, builder, tile), arguments
        wide = ir.VectorType(ir.DoubleType(), tile.lanes)
        for k, register in enumerate(writer.read(value)):
            place = builder.add(first, I64(k * tile.lanes))
            pointer = builder.bitcast(writer.address(total, array, place), wide.as_pointer())
            before = builder.load(pointer)
            number = builder.fpext(register, wide) if tile.dtype.bitwidth == 32 else register
            before.align = 8
            builder.store(builder.fadd(before, number), pointer).align = 8
        return context.get_dummy_value()

    return types.void(tile, total, start), write
