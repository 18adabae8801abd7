"""Convolutions as stages: sums over windows, pooled at once or not.

Where ReLU and a 2 × 2 max-pool follow, the sums are pooled before they are stored; going back, the
gradient of the weights visits the winners alone.
"""

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import images
from handgrad.kernels.places import Five, Four, Three
from handgrad.kernels.tiles import REGISTERS
from handgrad.kernels.windows import (
    MASKED,
    PLAIN,
    RELU,
    position_sums,
    window_pools,
    window_sums,
)
from handgrad.kernels.winners import winner_sums
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.phases import phases_of, reach
from handgrad.plans.stages import Context, Pair, image_shape, pair
from handgrad.plans.weighted import WeightedStage, filter_blocks, numbers_of, width_for, windows_of

NOBODY = np.zeros(0, np.uint8)  # no max-pool, no winners


class Part(NamedTuple):
    """One call: dx at positions a stride apart, of a phase of rows and one of columns."""

    weight: Array  # a part of the kernel, turned around: (*numbers, filters, channels), flat
    numbers: Pair  # its rows and columns
    turned: tuple[slice, slice]  # which of the kernel's these are
    dy_at: Four
    window: Five  # in dy
    dx_at: Four
    x_at: Four
    size: Three  # rows, positions in a row, channels


class ConvStage(WeightedStage):
    """A convolution of one group, with ReLU if the layer after it is one.

    Args:
        pool: the 2 × 2 max-pool after the ReLU, if it is to be done here.
    """

    def __init__(
        self, context: Context, layer: Layer, name: str, *, relu: bool, pool: Layer | None = None
    ) -> None:
        super().__init__(context, layer, name, relu=relu)
        options: Any = layer
        self.kernel, self.stride = pair(options.kernel), pair(options.stride)
        self.padding, self.dilation = options.placement.padding, pair(options.dilation)
        self.pooled = pool is not None
        self.sums_shape = self.shape  # before pooling
        if pool is not None:
            self.shape = image_shape(pool.output_shape)
        self.borders()

    def borders(self) -> None:
        """Zeros around x and dy: x's padding, and what the windows of dy reach over."""
        self.x_border = (self.padding, self.padding)
        options = (self.kernel, self.stride, self.padding, self.dilation)
        self.rows, self.columns = (
            phases_of(*axis) for axis in zip(self.input_shape[1:], *options, strict=True)
        )
        above, below = reach(self.rows, self.sums_shape[1])
        left, right = reach(self.columns, self.sums_shape[2])
        self.sums_border = ((above, left), (below, right))
        if not self.pooled:
            self.dy_border = self.sums_border

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        dtype = self.context.dtype
        self.numbers = math.prod(self.kernel) * numbers_of(x) * y.channels
        self.x_at, self.window = windows_of(
            x, self.kernel, self.padding, self.stride, self.dilation
        )
        self.bias, self.no_bias = (aligned_zeros(b.channels, dtype) for b in (y, x))
        self.winner = NOBODY
        if self.pooled:
            self.winner = np.zeros(y.count * self.shape[1] * self.shape[2] * y.channels, np.uint8)
        self.learns = dy is not None
        if self.learns:
            self.dbias = self.partial(y.channels)
        self.make_room()

    def make_room(self) -> None:
        """Room for the weights in the kernels' layouts, and for the gradient before pooling."""
        dtype = self.context.dtype
        if self.learns:
            self.dweight = self.partial(self.numbers)
            if self.pooled:
                self.room_size = 4 * self.x.image
                self.piece = piece_of(self.window[0], self.window[2])
        self.weight = aligned_zeros(self.numbers, dtype)
        self.d_sums = self.dy
        if self.dx is not None:
            if self.pooled:
                shape, border = self.sums_shape, self.sums_border
                self.d_sums = Buffer(self.y.count, shape, dtype, border=border)
            self.parts = self.parts_of(self.dx)

    def parts_of(self, dx: Buffer) -> list[Part]:
        """The sums that dx is: one for every phase of rows and of columns."""
        both = numbers_of(self.d_sums) * dx.channels
        # Together they are the kernel.
        rest = aligned_zeros(math.prod(self.kernel) * both, self.context.dtype)
        parts: list[Part] = []
        for rows, columns in product(self.rows, self.columns):
            numbers = (rows.numbers, columns.numbers)
            weight, rest = np.split(rest, [math.prod(numbers) * both])
            dy_at, window = windows_of(
                *(self.d_sums, numbers, (-rows.start, -columns.start)),
                dilation=(rows.step, columns.step),
            )
            first = (-rows.first, -columns.first)
            dx_at, x_at = (windows_of(b, (1, 1), first, self.stride)[0] for b in (dx, self.x))
            size = (rows.positions, columns.positions, dx.channels)
            turned = (rows.turned, columns.turned)
            parts.append(Part(weight, numbers, turned, dy_at, window, dx_at, x_at, size))
        return parts

    # Weights, from the public layout, and gradients back to it.

    def load(self, worker: int, *, training: bool) -> None:
        if worker:
            return
        public, bias = self.parameters()
        weight = public.transpose(2, 3, 1, 0)
        c, f = weight.shape[2:]
        into = self.weight.reshape(*self.kernel, -1, self.y.channels)
        into[:, :, :c, :f] = weight
        if training and self.dx is not None:
            for part in self.parts:
                into = part.weight.reshape(*part.numbers, numbers_of(self.d_sums), self.dx.channels)
                into[:, :, :f, :c] = weight[part.turned].swapaxes(2, 3)
        self.load_bias(bias)

    def load_bias(self, bias: Array | None) -> None:
        """The bias, in whole registers."""
        if bias is not None:
            self.bias[: self.shape[0]] = bias

    def gather(self, worker: int) -> None:
        if worker:
            return
        c, f = self.input_shape[0], self.shape[0]
        total = self.dweight.sum(axis=0)
        public = total.reshape(*self.kernel, -1, self.y.channels).transpose(3, 2, 0, 1)
        self.context.grads[f"{self.name}.weight"] = np.ascontiguousarray(public[:f, :c])
        self.gather_bias()

    # The three sums.

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        x, y = self.x, self.y
        arguments = (lo, hi, x.flat, self.x_at, self.window, self.weight, self.bias, y.flat, y.at)
        how, positions = RELU if self.relu else PLAIN, self.shape[2]
        for vectors, which in filter_blocks(y.channels, self.context.dtype):
            if self.pooled:
                width = 2 * max(w for w in (1, 2, 3, 4, 6) if w <= positions and fits(w, vectors))
                window_pools(width, vectors)(*arguments, self.size, which, self.winner)
            else:
                sums = window_sums(width_for(positions, vectors), vectors)
                sums(*arguments, self.size, which, how, y.flat, y.at)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        self.mask_dy(lo, hi)
        self.bias_gradient(worker, lo, hi)
        if self.d_sums is not self.dy:
            self.unpool(lo, hi)
        self.weight_gradient(worker, lo, hi)
        if self.dx is not None:  # last: it may take x's place
            self.input_gradient(self.dx, worker, lo, hi)

    def unpool(self, lo: int, hi: int) -> None:
        """The gradient before pooling: each number goes to the position that won."""
        dy, d = self.dy, self.d_sums
        start, image, row, position = d.at
        to, steps = (start, image, 2 * row, 2 * position), (row, position)
        images.max_pool_dx(
            *(lo, hi, dy.flat, dy.at, (2, 2), steps, self.size, self.winner, d.flat, to, False)
        )

    def input_gradient(self, dx: Buffer, worker: int, lo: int, hi: int) -> None:
        """dx: phase by phase, the sum over dy's windows with the filters turned around."""
        del worker
        x, d = self.x, self.d_sums
        blocks = filter_blocks(dx.channels, self.context.dtype)
        for part, (vectors, which) in product(self.parts, blocks):
            masked = self.masks_dx and len(part.weight)  # what meets no weights is 0 in any case
            window_sums(width_for(part.size[1], vectors), vectors)(
                *(lo, hi, d.flat, part.dy_at, part.window, part.weight, self.no_bias),
                *(dx.flat, part.dx_at, part.size, which),
                *(MASKED if masked else PLAIN, x.flat, part.x_at),
            )

    def weight_gradient(self, worker: int, lo: int, hi: int) -> None:
        """This worker's part of dweight, over the positions that won or over all."""
        if self.context.passes[worker].fresh:
            self.dweight[worker] = 0
        if not self.pooled:
            self.positions_gradient(worker, lo, hi)
            return
        winner_sums(*self.piece)(
            *(lo, hi, self.x.flat, self.x_at, self.window, self.dy.flat, self.dy.at, self.size),
            *(self.winner, self.room[worker], self.dweight[worker]),
        )

    def positions_gradient(self, worker: int, lo: int, hi: int) -> None:
        """Add to dweight over all positions before pooling."""
        d, size = self.d_sums, (*self.sums_shape[1:], self.dy.channels)
        rows, _, run, _, _ = self.window
        tiles, blocks = [(1, 8), (1, 4), (1, 1)], filter_blocks(d.channels, self.context.dtype)
        if rows * run + 3 < REGISTERS:  # a whole window of few channels is one tile
            tiles, blocks = [(rows, run)], [(1, (0, d.channels))]
        done = 0
        for lines, width in tiles:
            end = run - (run - done) % width
            for vectors, which in blocks if end > done else []:
                position_sums(lines, width, vectors)(
                    *(lo, hi, self.x.flat, self.x_at, self.window, done, end),
                    *(d.flat, d.at, size, which, self.dweight[worker], False),
                )
            done = end


def piece_of(rows: int, run: int) -> Pair:
    """The largest piece of a window whose sums fit, beside dy, the winners and two numbers of x."""
    pieces = [
        (k, c) for k in range(1, rows + 1) for c in range(1, run + 1) if k * c + 4 < REGISTERS
    ]
    return max((p for p in pieces if rows % p[0] == 0 == run % p[1]), key=math.prod)


def fits(pools: int, vectors: int) -> bool:
    """Whether a tile of `pools` 2 × 2 positions leaves registers for weights and numbers."""
    return 4 * pools * vectors + vectors + 2 < REGISTERS
