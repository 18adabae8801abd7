# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""Register tiles: small blocks of numbers that stay in the processor's vector registers.

A processor's vector register holds 16 float32 (AVX-512) or 8 (AVX2), and one fused multiply-add
works on all of them at once; two such instructions can start per clock tick, but only if nothing
has to wait for memory. A tile is `rows × vectors` registers of sums. For each step of a sum,
`tile_fma` loads `vectors` registers of weights and, row by row, one number of x: rows × vectors
multiply-adds for vectors + rows loads. With 8 × 2 that is 16 for 10, and the loads hide behind the
arithmetic; the sums themselves touch memory once, at the end, in `tile_store`.

Compilers do not find this form by themselves, so these functions write it down for LLVM: Numba
lets us say which instructions a call becomes (an *intrinsic*). Rows and vectors are constants of
the code, everything else (sizes, strides, positions) comes as arguments. Arrays are flat, and
positions count numbers. Addresses need no alignment.

`tiles_in_numpy.py` says the same in NumPy: what each function means, in one line.
"""

import os
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config as numba_config
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

intrinsic: Any = numba_intrinsic
config: Any = numba_config

I32, I64 = ir.IntType(32), ir.IntType(64)


def vector_bytes() -> int:
    """How wide a register is here: 64 bytes with AVX-512, else 32."""
    name, features = config.CPU_NAME or os.environ.get("NUMBA_CPU_NAME"), config.CPU_FEATURES
    if features:
        return 64 if "+avx512f" in features else 32
    if name and name != llvm.get_host_cpu_name():
        return 64 if "avx512" in name or name in AVX512_MACHINES else 32
    return 64 if llvm.get_host_cpu_features().get("avx512f", False) else 32


AVX512_MACHINES = ("cascadelake", "icelake-server", "sapphirerapids", "znver4", "znver5")
BYTES = vector_bytes()
REGISTERS = 32 if BYTES == 64 else 16


def lanes(itemsize: int) -> int:
    """How many numbers of `itemsize` bytes a register holds."""
    return BYTES // itemsize


# -- how Numba knows a tile -------------------------------------------------------------------


class TileType(types.Type):
    """Numba's type of a tile: its size is part of the type, so that it can live in registers."""

    def __init__(self, rows: int, vectors: int, dtype: Any) -> None:
        self.rows, self.vectors, self.dtype = rows, vectors, dtype
        self.count = rows * vectors
        self.lanes = lanes(dtype.bitwidth // 8)
        element = ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
        self.vector = ir.VectorType(element, self.lanes)
        super().__init__(name=f"Tile({rows} x {vectors}, {dtype})")


@register_model(TileType)
class TileModel(models.PrimitiveModel):
    """A tile is an array of vectors to LLVM, which it keeps in registers."""

    def __init__(self, manager: Any, tile: TileType) -> None:
        super().__init__(manager, tile, ir.ArrayType(tile.vector, tile.count))


class Writer:
    """What the intrinsics share: writing LLVM's instructions for one tile."""

    def __init__(self, context: Any, builder: Any, tile: TileType) -> None:
        self.context, self.builder, self.tile = context, builder, tile

    def empty(self) -> Any:
        """A tile whose registers are yet to be written."""
        return ir.Constant(ir.ArrayType(self.tile.vector, self.tile.count), ir.Undefined)

    def zero(self) -> Any:
        """A register of zeros."""
        return ir.Constant(self.tile.vector, [0.0] * self.tile.lanes)

    def address(self, kind: Any, array: Any, index: Any) -> Any:
        """Where entry `index` of a flat array lies."""
        data = cgutils.create_struct_proxy(kind)(self.context, self.builder, value=array).data
        return self.builder.gep(data, [index])

    def at(self, start: Any, stride: Any, row: int, vector: int) -> Any:
        """The index start + row · stride + vector · lanes."""
        add, multiply = self.builder.add, self.builder.mul
        return add(start, add(multiply(stride, I64(row)), I64(vector * self.tile.lanes)))

    def load(self, address: Any) -> Any:
        """A register of consecutive numbers."""
        pointer = self.builder.bitcast(address, self.tile.vector.as_pointer())
        value = self.builder.load(pointer)
        value.align = self.tile.dtype.bitwidth // 8
        return value

    def store(self, value: Any, address: Any) -> None:
        """Write a register to consecutive numbers."""
        pointer = self.builder.bitcast(address, self.tile.vector.as_pointer())
        self.builder.store(value, pointer).align = self.tile.dtype.bitwidth // 8

    def splat(self, address: Any) -> Any:
        """A register with the same number everywhere."""
        nothing = ir.Constant(self.tile.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, self.builder.load(address), I32(0))
        everywhere = ir.Constant(ir.VectorType(I32, self.tile.lanes), [0] * self.tile.lanes)
        return self.builder.shuffle_vector(first, nothing, everywhere)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """One instruction: x y + z, rounded once."""
        vector, bits = self.tile.vector, self.tile.dtype.bitwidth
        signature = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fma.v{self.tile.lanes}f{bits}"
        function = cgutils.get_or_insert_function(self.builder.module, signature, name)
        return self.builder.call(function, [x, y, z])

    def each(self) -> list[tuple[int, int, int]]:
        """(number, row, vector) of every register of the tile."""
        vectors = self.tile.vectors
        return [(k, k // vectors, k % vectors) for k in range(self.tile.count)]


# -- what kernels call ------------------------------------------------------------------------


@intrinsic
def tile_lanes(typing: Any, x: Any) -> Any:
    """Give how many of x's numbers a register holds."""
    count = lanes(x.dtype.bitwidth // 8)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return I64(count)

    return types.int64(x), write


@intrinsic(prefer_literal=True)
def tile_bias(typing: Any, rows: Any, vectors: Any, bias: Any, start: Any) -> Any:
    """Give a tile whose every row is bias[start], bias[start + 1] and so on."""
    tile = TileType(rows.literal_value, vectors.literal_value, bias.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (_, _, array, first) = Writer(context, builder, tile), arguments
        row = [
            writer.load(writer.address(bias, array, writer.at(first, I64(0), 0, vector)))
            for vector in range(tile.vectors)
        ]
        result = writer.empty()
        for k, _, vector in writer.each():
            result = builder.insert_value(result, row[vector], k)
        return result

    return tile(rows, vectors, bias, start), write


@intrinsic(prefer_literal=True)
def tile_load(typing: Any, rows: Any, vectors: Any, x: Any, start: Any, stride: Any) -> Any:
    """Give a tile whose row r is x[start + r · stride], … (as many as it has columns)."""
    tile = TileType(rows.literal_value, vectors.literal_value, x.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (_, _, array, first, step) = Writer(context, builder, tile), arguments
        result = writer.empty()
        for k, row, vector in writer.each():
            value = writer.load(writer.address(x, array, writer.at(first, step, row, vector)))
            result = builder.insert_value(result, value, k)
        return result

    return tile(rows, vectors, x, start, stride), write


@intrinsic(prefer_literal=True)
def tile_fma(typing: Any, tile: Any, x: Any, start: Any, stride: Any, w: Any, w_start: Any) -> Any:
    """Give tile + (the column x[start + r · stride]) times (the row w[w_start], …)."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (result, xs, first, step, ws, w_first) = Writer(context, builder, tile), arguments
        weights = [
            writer.load(writer.address(w, ws, writer.at(w_first, I64(0), 0, vector)))
            for vector in range(tile.vectors)
        ]
        for row in range(tile.rows):
            number = writer.splat(writer.address(x, xs, writer.at(first, step, row, 0)))
            for vector, weight in enumerate(weights):
                k = row * tile.vectors + vector
                total = writer.fma(number, weight, builder.extract_value(result, k))
                result = builder.insert_value(result, total, k)
        return result

    return tile(tile, x, start, stride, w, w_start), write


@intrinsic(prefer_literal=True)
def tile_relu(typing: Any, tile: Any) -> Any:
    """Give the tile with its negative numbers replaced by 0; NaN stays NaN."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (result,) = Writer(context, builder, tile), arguments
        zero = writer.zero()
        for k, _, _ in writer.each():
            value = builder.extract_value(result, k)
            negative = builder.fcmp_ordered("<", value, zero)
            result = builder.insert_value(result, builder.select(negative, zero, value), k)
        return result

    return tile(tile), write


@intrinsic(prefer_literal=True)
def tile_store(typing: Any, tile: Any, y: Any, start: Any, stride: Any) -> Any:
    """Write the tile: its row r to y[start + r · stride] and the entries after it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, array, first, step) = Writer(context, builder, tile), arguments
        for k, row, vector in writer.each():
            place = writer.address(y, array, writer.at(first, step, row, vector))
            writer.store(builder.extract_value(value, k), place)
        return context.get_dummy_value()

    return types.void(tile, y, start, stride), write


@intrinsic(prefer_literal=True)
def tile_store_where(
    typing: Any, tile: Any, y: Any, start: Any, stride: Any, m: Any, m_start: Any, m_stride: Any
) -> Any:
    """Write the tile where m[m_start + r · m_stride], … is positive, and 0 elsewhere."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer = Writer(context, builder, tile)
        value, array, first, step, masks, m_first, m_step = arguments
        zero = writer.zero()
        for k, row, vector in writer.each():
            mask = writer.load(writer.address(m, masks, writer.at(m_first, m_step, row, vector)))
            positive = builder.fcmp_ordered(">", mask, zero)
            kept = builder.select(positive, builder.extract_value(value, k), zero)
            writer.store(kept, writer.address(y, array, writer.at(first, step, row, vector)))
        return context.get_dummy_value()

    return types.void(tile, y, start, stride, m, m_start, m_stride), write
