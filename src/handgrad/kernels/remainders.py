# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""Tiles of which only the first numbers are there: the remainder at the end of a row.

Six channels do not fill a register, and what lies behind them belongs to the next position, to
another worker, or to nobody. Padding them would cost whoever reads them next more than it saves.
So a register is read and written under a mask: what it leaves out is not touched, and may lie
outside the array. Processors do this in one instruction, but not each of them in a fast one. So
where all numbers are there, no mask is used; asking costs nothing, for a loop's answer stays the
same.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from handgrad.kernels.tiles import I32, I64, TileType, Writer, intrinsic


class PartWriter(Writer):
    """Writes loads and stores of a register's first numbers: `count` of them, or all."""

    def mask(self, count: Any) -> Any:
        """True for the first `count` numbers."""
        numbers, builder = ir.VectorType(I64, self.tile.lanes), self.builder
        nothing = ir.Constant(numbers, ir.Undefined)
        limit = builder.insert_element(nothing, count, I32(0))
        everywhere = ir.Constant(ir.VectorType(I32, self.tile.lanes), [0] * self.tile.lanes)
        limits = builder.shuffle_vector(limit, nothing, everywhere)
        return builder.icmp_signed("<", ir.Constant(numbers, [*range(self.tile.lanes)]), limits)

    def call(self, name: str, result: Any, arguments: list[Any]) -> Any:
        """LLVM's masked load or store."""
        vector = f"v{self.tile.lanes}f{self.tile.dtype.bitwidth}"
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(
            self.builder.module, signature, f"llvm.masked.{name}.{vector}.p0{vector}"
        )
        return self.builder.call(function, arguments)

    def either(self, count: Any, whole: Callable[[], Any], some: Callable[[], Any]) -> list[Any]:
        """What `whole` writes where all numbers are there, else `some`; (value, block) of both."""
        full = self.builder.icmp_signed(">=", count, I64(self.tile.lanes))
        ways: list[Any] = []
        with self.builder.if_else(full) as branches:
            for branch, way in zip(branches, (whole, some), strict=True):
                with branch:
                    ways.append((way(), self.builder.block))
        return ways

    def load_some(self, address: Any, count: Any) -> Any:
        """A register of `count` numbers, and zeros."""
        vector, pointer = self.tile.vector, self.builder.bitcast(address, self.vector_pointer)

        def some() -> Any:
            given = [pointer, self.alignment, self.mask(count), self.number(0)]
            return self.call("load", vector, given)

        ways = self.either(count, lambda: self.load(address), some)
        register = self.builder.phi(vector)
        for value, block in ways:
            register.add_incoming(value, block)
        return register

    def store_some(self, value: Any, address: Any, count: Any) -> None:
        """Write `count` numbers of a register."""
        pointer = self.builder.bitcast(address, self.vector_pointer)

        def some() -> Any:
            given = [value, pointer, self.alignment, self.mask(count)]
            self.call("store", ir.VoidType(), given)

        self.either(count, lambda: self.store(value, address), some)

    @property
    def vector_pointer(self) -> Any:
        """The type of a register's address."""
        return self.tile.vector.as_pointer()

    @property
    def alignment(self) -> Any:
        """That of a number."""
        return I32(self.tile.dtype.bitwidth // 8)


@intrinsic
def tile_load_some(typing: Any, x: Any, start: Any, count: Any) -> Any:
    """Give a register with x[start], …, x[start + count − 1], and zeros behind them."""
    tile = TileType(1, 1, 1, x.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (array, first, some) = PartWriter(context, builder, tile), arguments
        return writer.tile_of([writer.load_some(writer.address(x, array, first), some)])

    return tile(x, types.int64, types.int64), write


@intrinsic
def tile_store_some(typing: Any, tile: Any, y: Any, start: Any, count: Any) -> Any:
    """Write a register's first `count` numbers to y[start], y[start + 1] and so on."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, array, first, some) = PartWriter(context, builder, tile), arguments
        (register,) = writer.read(value)
        writer.store_some(register, writer.address(y, array, first), some)
        return context.get_dummy_value()

    return types.void(tile, y, types.int64, types.int64), write
