# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""Register tiles: small blocks of numbers that stay in the processor's vector registers.

A processor's vector register holds 16 float32 (AVX-512) or 8 (AVX2), and one fused multiply-add
works on all of them at once; two such instructions can start per clock tick, but only if nothing
has to wait for memory. A tile is a small piece of an image: `lines × width` positions, each with
`vectors` registers of neighbouring channels. For each step of a sum, `tile_fma` loads `vectors`
registers of weights and, position by position, one number of x: with 1 × 8 positions and 2 vectors
that is 16 multiply-adds for 10 loads, and the loads hide behind the arithmetic; the sums
themselves touch memory once, at the end, in `tile_store`.

Compilers do not find this form by themselves, so these functions write it down for LLVM: Numba
lets us say which instructions a call becomes (an *intrinsic*). The tile's size is a constant of
the code, everything else (sizes, steps, places) comes as arguments. Arrays are flat, and places
count numbers: position (i, j) of a tile lies at start + i · line + j · step, for the steps `line`
and `step` of the array. Addresses need no alignment.

`tiles_in_numpy.py` says the same in NumPy: what each function means, in one line. What only
images need (pooling, Winograd's transforms) is in `patches.py`, transposing in `shuffles.py`.
"""

import os
from itertools import product
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

    def __init__(self, lines: int, width: int, vectors: int, dtype: Any) -> None:
        self.lines, self.width, self.vectors, self.dtype = lines, width, vectors, dtype
        self.count = lines * width * vectors
        self.lanes = lanes(dtype.bitwidth // 8)
        element = ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
        self.vector = ir.VectorType(element, self.lanes)
        super().__init__(name=f"Tile({lines} x {width} x {vectors}, {dtype})")

    def each(self) -> list[tuple[int, tuple[int, int, int]]]:
        """(number, (line, position, vector)) of every register."""
        order = product(range(self.lines), range(self.width), range(self.vectors))
        return list(enumerate(order))


@register_model(TileType)
class TileModel(models.PrimitiveModel):
    """A tile is an array of vectors to LLVM, which it keeps in registers."""

    def __init__(self, manager: Any, tile: TileType) -> None:
        super().__init__(manager, tile, ir.ArrayType(tile.vector, tile.count))


class Writer:
    """What the intrinsics share: writing LLVM's instructions for one tile."""

    def __init__(self, context: Any, builder: Any, tile: TileType) -> None:
        self.context, self.builder, self.tile = context, builder, tile

    def read(self, value: Any) -> list[Any]:
        """The registers of a tile."""
        return [self.builder.extract_value(value, k) for k in range(self.tile.count)]

    def tile_of(self, registers: list[Any]) -> Any:
        """A tile of these registers."""
        result = ir.Constant(ir.ArrayType(self.tile.vector, self.tile.count), ir.Undefined)
        for k, register in enumerate(registers):
            result = self.builder.insert_value(result, register, k)
        return result

    def number(self, value: float) -> Any:
        """A register with the same constant everywhere."""
        return ir.Constant(self.tile.vector, [value] * self.tile.lanes)

    def address(self, kind: Any, array: Any, index: Any) -> Any:
        """Where entry `index` of a flat array lies."""
        data = cgutils.create_struct_proxy(kind)(self.context, self.builder, value=array).data
        return self.builder.gep(data, [index])

    def place(self, start: Any, line: Any, step: Any, at: tuple[int, int, int]) -> Any:
        """The index of the register at (line, position, vector) of the tile."""
        add, multiply = self.builder.add, self.builder.mul
        first = add(multiply(line, I64(at[0])), multiply(step, I64(at[1])))
        return add(add(start, first), I64(at[2] * self.tile.lanes))

    def load(self, address: Any) -> Any:
        """A register of consecutive numbers."""
        pointer = self.builder.bitcast(address, self.tile.vector.as_pointer())
        value = self.builder.load(pointer)
        value.align = self.tile.dtype.bitwidth // 8
        return value

    def row(self, kind: Any, array: Any, start: Any) -> list[Any]:
        """`vectors` registers that lie side by side."""
        steps = [
            self.builder.add(start, I64(v * self.tile.lanes)) for v in range(self.tile.vectors)
        ]
        return [self.load(self.address(kind, array, at)) for at in steps]

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


# -- what kernels call ------------------------------------------------------------------------


@intrinsic
def tile_lanes(typing: Any, x: Any) -> Any:
    """Give how many of x's numbers a register holds."""
    count = lanes(x.dtype.bitwidth // 8)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return I64(count)

    return types.int64(x), write


@intrinsic(prefer_literal=True)
def tile_bias(typing: Any, lines: Any, width: Any, vectors: Any, bias: Any, start: Any) -> Any:
    """Give a tile with bias[start], bias[start + 1] and so on at every position."""
    size = (lines.literal_value, width.literal_value, vectors.literal_value)
    tile = TileType(*size, bias.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (*_, array, first) = Writer(context, builder, tile), arguments
        row = writer.row(bias, array, first)
        return writer.tile_of([row[v] for _, (_, _, v) in tile.each()])

    return tile(lines, width, vectors, bias, start), write


@intrinsic(prefer_literal=True)
def tile_zeros(typing: Any, lines: Any, width: Any, vectors: Any, like: Any) -> Any:
    """Give a tile of zeros, of the dtype of the array `like`."""
    size = (lines.literal_value, width.literal_value, vectors.literal_value)
    tile = TileType(*size, like.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer = Writer(context, builder, tile)
        return writer.tile_of([writer.number(0)] * tile.count)

    return tile(lines, width, vectors, like), write


@intrinsic(prefer_literal=True)
def tile_load(
    typing: Any, lines: Any, width: Any, vectors: Any, x: Any, start: Any, line: Any, step: Any
) -> Any:
    """Give a tile of what lies at its positions in x."""
    size = (lines.literal_value, width.literal_value, vectors.literal_value)
    tile = TileType(*size, x.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (*_, array, first, down, right) = Writer(context, builder, tile), arguments
        places = [writer.place(first, down, right, at) for _, at in tile.each()]
        return writer.tile_of([writer.load(writer.address(x, array, p)) for p in places])

    return tile(lines, width, vectors, x, start, line, step), write


@intrinsic(prefer_literal=True)
def tile_fma(
    typing: Any, tile: Any, x: Any, start: Any, line: Any, step: Any, w: Any, w_start: Any
) -> Any:
    """Give tile + (the number of x at each position) times (the row w[w_start], …)."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, xs, first, down, right, ws, w_first) = (
            Writer(context, builder, tile),
            arguments,
        )
        weights = writer.row(w, ws, w_first)
        sums = writer.read(value)
        number: Any = None
        for k, (i, j, v) in tile.each():
            if v == 0:
                place = writer.place(first, down, right, (i, j, 0))
                number = writer.splat(writer.address(x, xs, place))
            sums[k] = writer.fma(number, weights[v], sums[k])
        return writer.tile_of(sums)

    return tile(tile, x, start, line, step, w, w_start), write


@intrinsic
def tile_add(typing: Any, tile: Any, bias: Any, start: Any) -> Any:
    """Give the tile with bias[start], bias[start + 1] and so on added at every position."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, array, first) = Writer(context, builder, tile), arguments
        row = writer.row(bias, array, first)
        sums = writer.read(value)
        return writer.tile_of([builder.fadd(sums[k], row[v]) for k, (_, _, v) in tile.each()])

    return tile(tile, bias, start), write


@intrinsic
def tile_relu(typing: Any, tile: Any) -> Any:
    """Give the tile with its negative numbers replaced by 0; NaN stays NaN."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value,) = Writer(context, builder, tile), arguments
        zero = writer.number(0)

        def relu(register: Any) -> Any:
            return builder.select(builder.fcmp_ordered("<", register, zero), zero, register)

        return writer.tile_of([relu(register) for register in writer.read(value)])

    return tile(tile), write


@intrinsic
def tile_keep(typing: Any, tile: Any, m: Any, start: Any, line: Any, step: Any) -> Any:
    """Give the tile with 0 where m is not positive."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, masks, first, down, right) = Writer(context, builder, tile), arguments
        zero, kept = writer.number(0), writer.read(value)
        for k, at in tile.each():
            mask = writer.load(writer.address(m, masks, writer.place(first, down, right, at)))
            positive = builder.fcmp_ordered(">", mask, zero)
            kept[k] = builder.select(positive, kept[k], zero)
        return writer.tile_of(kept)

    return tile(tile, m, start, line, step), write


@intrinsic
def tile_store(typing: Any, tile: Any, y: Any, start: Any, line: Any, step: Any) -> Any:
    """Write the tile to its positions in y."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, array, first, down, right) = Writer(context, builder, tile), arguments
        registers = writer.read(value)
        for k, at in tile.each():
            place = writer.place(first, down, right, at)
            writer.store(registers[k], writer.address(y, array, place))
        return context.get_dummy_value()

    return types.void(tile, y, start, line, step), write
