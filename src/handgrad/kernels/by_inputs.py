"""Back through an affine layer by inputs: the gradients of its weights and of x, block by block.

Where workers share an affine layer by examples, each of them reads all of its weights, and writes
beside what the others read: large weights go to and fro between the caches of the cores in every
step. Shared by inputs, a worker has some inputs of all examples: rows of the weights that nobody
else reads or writes, and columns of x.

Going back, one block of inputs is done with before the next begins: dweight, from x; the weights
turned around, in room that stays in the first cache; and dx, which may then take x's place. The
last few outputs, which would leave registers empty, are summed as rows of dweight turned around:
then the registers hold inputs.
"""

from functools import cache
from typing import Any

from handgrad.checks import Array
from handgrad.kernels.images import transpose
from handgrad.kernels.jit import compiled
from handgrad.kernels.places import Two
from handgrad.kernels.tiles import tile_lanes
from handgrad.kernels.windows import one_row, one_run, position_sums, window_sums


@cache
def gradients_by_inputs(width: int, few: int) -> Any:
    """Make the function for tiles of `width` rows of dx, with the last `few` outputs as rows.

        dweight[i, o] = Σ x[n, i] · dy[n, o]     dx[n, i] = Σ dy[n, o] · weight[i, o]

    for inputs own[0] ≤ i < own[1], a whole number of blocks: two registers each. Arguments:
        size: rows of the batch, and outputs, not fewer than a block.
        x_at, dy_at, dx_at: where the rows lie in flat arrays: the start, and the step to the next.
        weight, dweight: (inputs, outputs) flat.
        how: PLAIN, or MASKED: dx is zero where x is not positive (see `window_sums`).
        room: for outputs × a block. `zeros`: a block of them.
    """
    sums, sums_of_one = window_sums(width, 2), window_sums(1, 2)
    products = position_sums(1, 8, 2)
    products_of_few: Any = position_sums(1, few, 2) if few else None

    @compiled
    def gradients(
        own: Two,
        size: Two,
        x: Array,
        x_at: Two,
        dy: Array,
        dy_at: Two,
        weight: Array,
        dweight: Array,
        dx: Array,
        dx_at: Two,
        how: int,
        room: Array,
        zeros: Array,
    ) -> None:
        rows, outputs = size
        block, full, whole = 2 * tile_lanes(x), outputs - few, rows - rows % width
        y_rows, y_run = one_row(dy_at[0], dy_at[1]), one_run(outputs)
        for i in range(own[0], own[1], block):
            x_i, dx_i = x_at[0] + i, dx_at[0] + i
            x_rows, x_run = one_row(x_i, x_at[1]), one_run(block)
            products(
                *(0, 1, x, x_rows, x_run, 0, block, dy, y_rows, (1, rows, outputs), (0, full)),
                *(dweight[i * outputs :], True),
            )
            if few:
                y_last = one_row(dy_at[0] + full, dy_at[1])
                products_of_few(
                    *(0, 1, dy, y_last, y_run, 0, few, x, x_rows, (1, rows, block), (0, block)),
                    *(room, True),
                )
                to = (i * outputs + full, outputs)
                transpose((0, few), (0, block), room, (0, block), dweight, to)
            transpose((0, block), (0, outputs), weight, (i * outputs, outputs), room, (0, block))
            if whole:
                sums(
                    *(0, 1, dy, y_rows, y_run, room, zeros, dx, one_row(dx_i, dx_at[1])),
                    *((1, whole, block), (0, block), how, x, x_rows),
                )
            for n in range(whole, rows):  # not by a tile moved back: dx is written once, over x
                y_n, dx_n = one_row(dy_at[0] + n * dy_at[1], 0), one_row(dx_i + n * dx_at[1], 0)
                sums_of_one(
                    *(0, 1, dy, y_n, y_run, room, zeros, dx, dx_n, (1, 1, block), (0, block)),
                    *(how, x, one_row(x_i + n * x_at[1], 0)),
                )

    return gradients
