# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""What tiles of images can do besides sums: max-pooling, its gradient, and Winograd's transforms.

All happens between registers: position (i, j) of a tile is a register for itself (or `vectors` of
them), so what belongs to neighbouring positions is computed from whole registers, channel by
channel side by side.

Winograd's F(4 × 4, 3 × 3) (`winograd.py` says what it is for) needs three small matrices; those for
the input and the output are factored here into sums that are used twice: 12 instead of 16
operations for six numbers, and 10 instead of 16.
"""

import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from handgrad.kernels.tiles import I32, I64, TileType, Writer, intrinsic

Matrix = tuple[tuple[float, ...], ...]

PERMUTES = platform.machine().lower() in {"x86_64", "amd64"}  # with the order in a register

# Bᵀ = INPUT_SUMS · INPUT_TERMS and Aᵀ = OUTPUT_SUMS · OUTPUT_TERMS (Lavin and Gray, 2015).
INPUT_TERMS: Matrix = (
    (4, 0, -5, 0, 1, 0),
    (0, 0, -4, 0, 1, 0),
    (0, -4, 0, 1, 0, 0),
    (0, 0, -1, 0, 1, 0),
    (0, -1, 0, 1, 0, 0),
    (0, 4, 0, -5, 0, 1),
)
INPUT_SUMS: Matrix = (
    (1, 0, 0, 0, 0, 0),
    (0, 1, 1, 0, 0, 0),
    (0, 1, -1, 0, 0, 0),
    (0, 0, 0, 1, 2, 0),
    (0, 0, 0, 1, -2, 0),
    (0, 0, 0, 0, 0, 1),
)
# For F(3 × 3, 4 × 4), the 4 × 4 numbers are transformed by INPUT_SUMS · GRADIENT_TERMS.
GRADIENT_TERMS: Matrix = (
    (1, 0, 0, 0),
    (1, 0, 1, 0),
    (0, 1, 0, 1),
    (1, 0, 4, 0),
    (0, 1, 0, 4),
    (0, 0, 0, 1),
)
OUTPUT_TERMS: Matrix = (
    (1, 0, 0, 0, 0, 0),
    (0, 1, 1, 0, 0, 0),
    (0, 1, -1, 0, 0, 0),
    (0, 0, 0, 1, 1, 0),
    (0, 0, 0, 1, -1, 0),
    (0, 0, 0, 0, 0, 1),
)
OUTPUT_SUMS: Matrix = (
    (1, 1, 0, 1, 0, 0),
    (0, 0, 1, 0, 2, 0),
    (0, 1, 0, 4, 0, 0),
    (0, 0, 1, 0, 8, 1),
)
# The weights' G = WEIGHT_SUMS · WEIGHT_TERMS; and the last transform of a gradient, with the
# factors of G taken along, is GRADIENT_SUMS · OUTPUT_TERMS.
WEIGHT_TERMS: Matrix = (
    (1 / 4, 0, 0),
    (-1 / 6, 0, -1 / 6),
    (0, 1 / 6, 0),
    (1 / 24, 0, 1 / 6),
    (0, 1 / 12, 0),
    (0, 0, 1),
)
WEIGHT_SUMS: Matrix = (
    (1, 0, 0, 0, 0, 0),
    (0, 1, -1, 0, 0, 0),
    (0, 1, 1, 0, 0, 0),
    (0, 0, 0, 1, 1, 0),
    (0, 0, 0, 1, -1, 0),
    (0, 0, 0, 0, 0, 1),
)
GRADIENT_SUMS: Matrix = (
    (1 / 4, -1 / 6, 0, 1 / 24, 0, 0),
    (0, 0, -1 / 6, 0, 1 / 12, 0),
    (0, -1 / 6, 0, 1 / 6, 0, 1),
)


def combine(writer: Writer, matrix: Matrix, registers: list[Any]) -> list[Any]:
    """matrix · registers, with additions alone where the entries are 1 and −1."""
    builder = writer.builder
    results: list[Any] = []
    for row in matrix:
        terms = [(entry, register) for entry, register in zip(row, registers, strict=True) if entry]
        terms.sort(key=lambda term: term[0] != 1)  # begin with an entry 1, if there is one
        entry, total = terms[0]
        if entry != 1:
            total = builder.fmul(writer.number(entry), total)
        for entry, register in terms[1:]:
            if entry == 1:
                total = builder.fadd(total, register)
            elif entry == -1:
                total = builder.fsub(total, register)
            else:
                total = writer.fma(writer.number(entry), register, total)
        results.append(total)
    return results


def both_ways(terms: Matrix, sums: Matrix) -> Callable[..., Any]:
    """The intrinsic for M t Mᵀ with M = sums · terms, for square tiles of one vector."""
    size, width = len(sums), len(terms[0])

    def transform(typing: Any, tile: Any) -> Any:
        result = TileType(size, size, 1, tile.dtype)

        def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            writer = Writer(context, builder, tile)
            registers = writer.read(arguments[0])
            columns = [
                combine(writer, sums, combine(writer, terms, registers[j::width]))
                for j in range(width)
            ]
            rows = [
                combine(writer, sums, combine(writer, terms, [column[i] for column in columns]))
                for i in range(size)
            ]
            return Writer(context, builder, result).tile_of([r for row in rows for r in row])

        return result(tile), write

    return transform


tile_winograd_input = intrinsic(both_ways(INPUT_TERMS, INPUT_SUMS))
tile_winograd_output = intrinsic(both_ways(OUTPUT_TERMS, OUTPUT_SUMS))
tile_winograd_gradient = intrinsic(both_ways(GRADIENT_TERMS, INPUT_SUMS))
tile_winograd_weight = intrinsic(both_ways(WEIGHT_TERMS, WEIGHT_SUMS))
tile_winograd_sums = intrinsic(both_ways(OUTPUT_TERMS, GRADIENT_SUMS))


# -- max-pooling, 2 × 2 -----------------------------------------------------------------------


def largest(writer: Writer, value: Any) -> tuple[TileType, list[Any], list[Any]]:
    """The pooled tile's type and registers, and the winners' numbers as registers of bytes."""
    tile, builder = writer.tile, writer.builder
    small = TileType(tile.lines // 2, tile.width // 2, tile.vectors, tile.dtype)
    places = {place: k for k, place in tile.each()}
    registers = writer.read(value)
    byte = ir.VectorType(ir.IntType(8), tile.lanes)
    values: list[Any] = []
    winners: list[Any] = []
    for _, (i, j, v) in small.each():
        best = registers[places[2 * i, 2 * j, v]]
        winner = ir.Constant(byte, [0] * tile.lanes)
        for number in range(1, 4):
            other = registers[places[2 * i + number // 2, 2 * j + number % 2, v]]
            is_nan = builder.fcmp_unordered("uno", other, other)
            larger = builder.or_(builder.fcmp_ordered(">", other, best), is_nan)  # NaN stays
            best = builder.select(larger, other, best)
            winner = builder.select(larger, ir.Constant(byte, [number] * tile.lanes), winner)
        values.append(best)
        winners.append(winner)
    return small, values, winners


@intrinsic
def tile_pool(typing: Any, tile: Any) -> Any:
    """Give the largest of each 2 × 2 positions: half as many lines and positions; NaN stays."""
    small = TileType(tile.lines // 2, tile.width // 2, tile.vectors, tile.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result, values, _ = largest(Writer(context, builder, tile), arguments[0])
        return Writer(context, builder, result).tile_of(values)

    return small(tile), write


@intrinsic
def tile_store_winners(
    typing: Any, tile: Any, winner: Any, start: Any, line: Any, step: Any
) -> Any:
    """Write for each 2 × 2 positions which one is the largest: 0, 1, 2 or 3, the first of equals.

    Bytes, at the places of the pooled tile.
    """

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, array, first, down, right = arguments
        result, _, winners = largest(Writer(context, builder, tile), value)
        writer = Writer(context, builder, result)
        for k, at in result.each():
            place = writer.address(winner, array, writer.place(first, down, right, at))
            pointer = builder.bitcast(place, winners[k].type.as_pointer())
            builder.store(winners[k], pointer).align = 1
        return context.get_dummy_value()

    return types.void(tile, winner, start, line, step), write


@intrinsic
def tile_unpool(typing: Any, tile: Any, winner: Any, start: Any, line: Any, step: Any) -> Any:
    """Give each number to the one of its 2 × 2 positions that won: twice as many lines, positions.

    The bytes of `winner` lie at the places of the small tile.
    """
    large = TileType(2 * tile.lines, 2 * tile.width, tile.vectors, tile.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, array, first, down, right) = Writer(context, builder, tile), arguments
        registers: dict[tuple[int, int, int], Any] = {}
        byte, zero = ir.VectorType(ir.IntType(8), tile.lanes), writer.number(0)
        values = writer.read(value)
        for k, at in tile.each():
            place = writer.address(winner, array, writer.place(first, down, right, at))
            codes = builder.load(builder.bitcast(place, byte.as_pointer()))
            codes.align = 1
            for number in range(4):
                won = builder.icmp_unsigned("==", codes, ir.Constant(byte, [number] * tile.lanes))
                i, j = 2 * at[0] + number // 2, 2 * at[1] + number % 2
                registers[i, j, at[2]] = builder.select(won, values[k], zero)
        return Writer(context, builder, large).tile_of([registers[at] for _, at in large.each()])

    return large(tile, winner, start, line, step), write


# -- sums over winners --------------------------------------------------------------------------


def one_of_four(writer: Writer, address: Any, which: Any) -> Any:
    """A register of the numbers that `which` says, from the four at this address.

    Number by number, which LLVM knows as one permutation where the processor has it; elsewhere by
    comparing.
    """
    builder, width = writer.builder, writer.tile.lanes
    if not PERMUTES:
        taken = writer.splat(address)
        for number in range(1, 4):
            won = builder.icmp_unsigned("==", which, ir.Constant(which.type, [number] * width))
            other = writer.splat(builder.gep(address, [I64(number)]))
            taken = builder.select(won, other, taken)
        return taken
    four = ir.VectorType(writer.tile.vector.element, 4)
    numbers = builder.load(builder.bitcast(address, four.as_pointer()))
    numbers.align = writer.tile.dtype.bitwidth // 8
    taken = ir.Constant(writer.tile.vector, ir.Undefined)
    for lane in range(width):
        number = builder.extract_element(numbers, builder.extract_element(which, I32(lane)))
        taken = builder.insert_element(taken, number, I32(lane))
    return taken


@intrinsic
def tile_fma_fours(
    typing: Any,
    tile: Any,
    d: Any,
    place: Any,
    winner: Any,
    code: Any,
    x: Any,
    start: Any,
    line: Any,
) -> Any:
    """Give tile + (the row d[place], …) times (for each of its numbers, one of four).

    The four of position (i, j) are x[start + i · line + 4 j] and the next three; which one counts
    is said by the bytes winner[code], … The tile has one vector.
    """

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (value, ds, d_at, codes, code_at, xs, first, down) = (
            Writer(context, builder, tile),
            arguments,
        )
        number = writer.load(writer.address(d, ds, d_at))
        bytes_at = writer.address(winner, codes, code_at)
        byte = ir.VectorType(ir.IntType(8), tile.lanes)
        read = builder.load(builder.bitcast(bytes_at, byte.as_pointer()))
        read.align = 1
        bits = tile.dtype.bitwidth  # as wide as the numbers, as the instruction wants them
        which = builder.zext(read, ir.VectorType(ir.IntType(bits), tile.lanes))
        sums = writer.read(value)
        for k, at in tile.each():
            address = writer.address(x, xs, writer.place(first, down, I64(4), at))
            taken = one_of_four(writer, address, which)
            sums[k] = writer.fma(number, taken, sums[k])
        return writer.tile_of(sums)

    return tile(tile, d, place, winner, code, x, start, line), write
