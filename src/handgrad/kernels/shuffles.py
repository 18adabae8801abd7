# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# (Numba's and llvmlite's compiler interfaces have no types.)
"""Tiles whose numbers change places: squares are transposed, four registers become fours.

A loop that goes along one array and across another reads or writes number by number. Here whole
registers are read and written, and what changes places does so between registers: two of them give
two others that hold any of their numbers in any order, in one instruction each.
"""

from typing import Any

from llvmlite import ir

from handgrad.kernels.tiles import I32, I64, TileType, Writer, intrinsic, lanes


@intrinsic
def tile_square(typing: Any, x: Any, start: Any, step: Any) -> Any:
    """Give a tile of as many positions as a register has numbers: `tile_load` for transposing."""
    tile = TileType(1, lanes(x.dtype.bitwidth // 8), 1, x.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer, (array, first, right) = Writer(context, builder, tile), arguments
        places = [writer.place(first, I64(0), right, (0, i, 0)) for i in range(tile.width)]
        return writer.tile_of([writer.load(writer.address(x, array, p)) for p in places])

    return tile(x, start, step), write


@intrinsic
def tile_transpose(typing: Any, tile: Any) -> Any:
    """Give a tile of as many registers as each has numbers with rows and columns exchanged.

    In steps of 1, 2, 4, …: two registers that far apart exchange the halves of their blocks.
    """

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        writer = Writer(context, builder, tile)
        registers, width = writer.read(arguments[0]), tile.lanes
        step = 1
        while step < width:
            low = [i if not i & step else width + i - step for i in range(width)]
            high = [i + step if not i & step else width + i for i in range(width)]
            masks = [ir.Constant(ir.VectorType(I32, width), order) for order in (low, high)]
            for i in range(width):
                if not i & step:
                    pair = registers[i], registers[i + step]
                    registers[i], registers[i + step] = (
                        builder.shuffle_vector(*pair, mask) for mask in masks
                    )
            step *= 2
        return writer.tile_of(registers)

    return tile(tile), write


@intrinsic
def tile_interleave(typing: Any, tile: Any) -> Any:
    """Give the tile's four numbers, then the four after them, and so on, in four registers.

    The tile has 2 × 2 positions of one vector. First neighbours are paired, number by number, then
    the pairs.
    """
    result = TileType(1, 4, 1, tile.dtype)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        width = tile.lanes

        def zipped(one: Any, other: Any, size: int) -> list[Any]:
            """Pieces of `size` numbers by turns, in two registers."""
            starts = range(0, width, size)
            order = [side + k + i for k in starts for side in (0, width) for i in range(size)]
            masks = [ir.Constant(ir.VectorType(I32, width), half) for half in halves(order)]
            return [builder.shuffle_vector(one, other, mask) for mask in masks]

        a, b, c, d = Writer(context, builder, tile).read(arguments[0])
        fours = [
            four
            for one, other in zip(zipped(a, b, 1), zipped(c, d, 1), strict=True)
            for four in zipped(one, other, 2)
        ]
        return Writer(context, builder, result).tile_of(fours)

    return result(tile), write


def halves(order: list[int]) -> tuple[list[int], list[int]]:
    """The first half of a list, and the second."""
    middle = len(order) // 2
    return order[:middle], order[middle:]
