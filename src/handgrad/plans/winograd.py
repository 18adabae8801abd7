"""3 × 3 convolutions as stages by Winograd's products: a quarter of the arithmetic, three times.

Forward and for dx, the sums of a block of images run over whole tiles of 4 × 4 outputs, so borders
are as wide as these reach; for dweight, over tiles of dy. Every worker has its own transformed
weights, and sums of transformed gradients, which go back to 3 × 3 once per step, in `finish`; in
`gather` the workers share the channels when they add up. A block is as long as fills the tiles of
the products. Its planes, and what a worker needs only while it is in a stage, lie in the `room`
that all stages share.
"""

from typing import Any

import numpy as np

from handgrad.kernels import winograd, winograd_gradients, winograd_weights
from handgrad.kernels.places import rounded_up
from handgrad.kernels.tiles import lanes
from handgrad.kernels.windows import MASKED, PLAIN, POOLED, RELU
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.convolution import ConvStage
from handgrad.plans.stages import Context, Pair, image_shape, pair
from handgrad.plans.weighted import windows_of

FEW = 1  # row: transforming the weights in each step takes longer than it saves


class WinogradStage(ConvStage):
    """A 3 × 3 convolution by Winograd's products: a quarter of the arithmetic."""

    whole_channels = True
    hands_out = True
    reuses_x = True  # every position of dx is written once, after its mask was read

    @staticmethod
    def fits(context: Context, layer: Layer, *, training: bool) -> bool:
        """Whether a layer is such a convolution, and has the channels and rows to be worth it."""
        options: Any = layer
        whole = lanes(context.dtype.itemsize) // 2
        return (
            pair(options.kernel) == (3, 3)
            and pair(options.stride) == pair(options.dilation) == (1, 1)
            and max(options.placement.padding) <= 2
            and min(image_shape(layer.input_shape)[0], image_shape(layer.output_shape)[0]) >= whole
            and (context.count > FEW or not training)
        )

    def borders(self) -> None:
        """As wide as whole tiles reach."""
        (_, *sizes), (_, *sums) = self.input_shape, self.sums_shape
        per_tile = 2 if self.pooled else 4
        self.tiles = whole_tiles(self.shape[1:], per_tile)
        self.back_tiles = whole_tiles((sizes[0], sizes[1]), 4)
        after = reach(self.tiles, self.padding, sizes)
        self.x_border = (self.padding, largest(after, self.padding))
        self.sums_border = (self.back, reach(self.back_tiles, self.back, sums))
        missing = [per_tile * t - n for t, n in zip(self.tiles, self.shape[1:], strict=True)]
        if self.pooled:
            self.dy_border = ((0, 0), (missing[0], missing[1]))
        else:
            before, after = self.sums_border
            self.dy_border = (before, largest(after, (missing[0], missing[1])))

    @property
    def back(self) -> Pair:
        """How far the windows of dy start before dy."""
        rows, columns = (2 - p for p in self.padding)
        return rows, columns

    def make_room(self) -> None:
        context, x, y = self.context, self.x, self.y
        dtype, both = context.dtype, x.channels * y.channels
        self.d_sums = self.dy
        self.padded = (x.channels, y.channels)
        self.windows = self.partial(9 * both)  # of weights, and then of their gradients
        self.weight = self.partial(36 * both)
        self.block, self.planes = self.block_for(self.tiles, x.channels, y.channels)
        rooms = [36 * sum(self.planes)]
        if self.learns:
            self.dtransformed = self.partial(36 * both)
            self.dweight = aligned_zeros(9 * self.input_shape[0] * self.shape[0], dtype)
            if self.pooled:
                self.winner = np.pad(self.winner, (0, 2 * y.row + y.pixel))  # edges look beyond
        if self.dx is not None:
            self.turned = self.partial(36 * both)
            self.back_block, self.back_planes = self.block_for(
                self.back_tiles, y.channels, x.channels
            )
            rooms += [36 * sum(self.back_planes), 36 * both]
            if self.pooled:
                self.spread_like = Buffer(1, self.sums_shape, dtype, border=self.sums_border)
                self.spread = self.partial(self.back_block * self.spread_like.image)
        self.room_size = max(rooms)

    def block_for(self, tiles: Pair, channels: int, filters: int) -> tuple[int, Pair]:
        """How many images to take at a time, and how large their planes are.

        Few, for the cache; but the tiles of the products should be full.
        """
        each = tiles[0] * tiles[1]
        width = winograd.tile_width(filters, lanes(self.context.dtype.itemsize))
        most = max(1, min(self.context.at_once, 100 // each))
        waste = {b: rounded_up(b * each, width) / (b * each) for b in range(1, most + 1)}
        block = min(waste, key=lambda b: (waste[b] > 1.1 * min(waste.values()), b * each < 24, b))
        count = rounded_up(block * each, width)
        return block, (count * channels + winograd.GAP, count * filters + winograd.GAP)

    def load(self, worker: int, *, training: bool) -> None:
        public, bias = self.parameters()
        size, windows = (self.input_shape[0], self.shape[0]), self.windows[worker]
        winograd_weights.windows_in(public.reshape(-1), size, self.padded[1], windows)
        winograd_weights.weights_in(windows, size[0], self.padded, self.weight[worker])
        if training and self.dx is not None:
            room, turned = self.room[worker], self.turned[worker]
            winograd_weights.turned_in(windows, size, self.padded, room, turned)
        if worker == 0:
            self.load_bias(bias)

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        x, y = self.x, self.y
        how = POOLED if self.pooled else RELU if self.relu else PLAIN
        winograd.winograd_sums(
            *(lo, hi, self.block, x.flat, self.x_at, (x.channels, self.input_shape[0])),
            *(self.weight[worker], self.bias, self.room[worker], self.planes),
            *(y.flat, y.at, self.size, how, y.flat, y.at),
            *(self.winner, y.flat, y.at, self.size, 0),
        )

    def input_gradient(self, dx: Buffer, worker: int, lo: int, hi: int) -> None:
        x, dy = self.x, self.dy
        at, _ = windows_of(dy, self.kernel, self.back)
        source, start = dy.flat, 0
        if self.pooled:
            spread = self.spread_like
            source, start = self.spread[worker], spread.at[0]
            at = (0, spread.image, spread.row, spread.pixel)
        _, height, width = self.input_shape
        winograd.winograd_sums(
            *(lo, hi, self.back_block, source, at, (dy.channels, self.shape[0])),
            *(self.turned[worker], self.no_bias, self.room[worker], self.back_planes),
            *(dx.flat, dx.at, (height, width, dx.channels)),
            *(MASKED if self.masks_dx else PLAIN, x.flat, x.at),
            *(self.winner, dy.flat, dy.at, self.size, start),
        )

    def weight_gradient(self, worker: int, lo: int, hi: int) -> None:
        fresh = self.context.passes[worker].fresh
        if fresh and lo == hi:
            self.dtransformed[worker] = 0
        x, dy = self.x, self.dy
        winograd_gradients.winograd_position_sums(
            *(lo, hi, self.block, x.flat, self.x_at, x.channels, dy.flat, dy.at, self.size),
            *(self.winner, self.room[worker], self.planes, self.dtransformed[worker], fresh),
        )

    def finish(self, worker: int) -> None:
        winograd_weights.windows_of_gradient(
            self.dtransformed[worker], self.input_shape[0], self.padded, self.windows[worker]
        )

    def gather(self, worker: int) -> None:
        c, f = self.input_shape[0], self.shape[0]
        winograd_weights.gradient_out(
            *self.context.workers.share(worker, c),
            *(self.windows, (c, f), self.padded[1], self.dweight),
        )
        if worker == 0:
            self.context.grads[f"{self.name}.weight"] = self.dweight.reshape(f, c, 3, 3)
            self.gather_bias()


def whole_tiles(size: tuple[int, ...], per_tile: int) -> Pair:
    """How many tiles cover so many rows and positions."""
    return -(-size[0] // per_tile), -(-size[1] // per_tile)


def reach(tiles: Pair, before: Pair, size: list[int]) -> Pair:
    """How far tiles of 6 × 6, four apart, reach beyond images that start `before` early."""
    rows, positions = (
        max(0, 4 * t + 2 - b - n) for t, b, n in zip(tiles, before, size, strict=True)
    )
    return rows, positions


def largest(one: Pair, other: Pair) -> Pair:
    """The larger of both, for rows and positions."""
    return max(one[0], other[0]), max(one[1], other[1])
