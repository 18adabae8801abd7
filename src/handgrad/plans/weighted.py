"""The stages with weights: convolution and affine, as sums over windows on register tiles.

An affine layer is the same sum with the whole example as its window: the rows of a batch stand
side by side like the positions of one image row, and no code of its own is needed.

Weights stay in the network's public layout. Each step copies them into the layout of the kernels
(small arrays beside the images), and copies the gradients back.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import images
from handgrad.kernels.tiles import REGISTERS, lanes
from handgrad.kernels.windows import MASKED, PLAIN, RELU, position_sums, window_sums
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.stages import Context, Pair, Stage, pair

ROWS = (14, 12, 8, 4, 1)  # heights of tiles: few, because each is compiled by itself
Four = tuple[int, int, int, int]
Five = tuple[int, int, int, int, int]


def tile_for(width: int, filters: int, dtype: Any) -> Pair:
    """The tile (rows, vectors) that covers `width` positions × `filters` with the fewest loads.

    The sums, a row of weights and a number of x must fit into the registers, with one to spare:
    14 × 2, which just fits, runs at a quarter of the speed of 12 × 2.
    """
    vectors = 2 if filters % (2 * lanes(np.dtype(dtype).itemsize)) == 0 else 1
    fitting = [r for r in ROWS if r <= width and (r + 1) * vectors + 2 < REGISTERS]
    loads = {rows: -(-width // rows) * (rows * vectors + vectors + rows) for rows in fitting}
    return min(fitting, key=lambda rows: loads[rows]), vectors


class WeightedStage(Stage):
    """What convolution and affine share: three sums over windows, and copies of the weights.

    Attributes:
        relu: whether ReLU is applied to the output before it is stored.
        masks_dx: whether x is the output of such a ReLU: then dx is 0 where x is not positive.
        dy_masked: whether the stage after this one does that for this one's ReLU.
    """

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def __init__(self, context: Context, layer: Layer, name: str, *, relu: bool) -> None:
        super().__init__(context, layer, name)
        self.relu, self.masks_dx, self.dy_masked = relu, False, False

    # What differs between the two.

    def kernel_layout(self, weight: Array) -> Array:
        """A weight in the public layout, seen as (KH, KW, C, F)."""
        raise NotImplementedError

    def rows(self, lo: int, hi: int) -> tuple[int, int, int, int]:
        """The rows of a batch as (first image, last image, image rows, positions in a row)."""
        raise NotImplementedError

    def input_rows(self, lo: int, hi: int) -> tuple[int, int, int, int]:
        """The same for the input."""
        return self.rows(lo, hi)

    def begin(self, at: Four, lo: int) -> Four:
        """Where the rows from `lo` on lie."""
        raise NotImplementedError

    # Buffers.

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        dtype = self.context.dtype
        self.numbers = self.kernel[0] * self.kernel[1] * x.channels * y.channels
        self.weight = aligned_zeros(self.numbers, dtype)
        self.bias = aligned_zeros(y.channels, dtype)
        self.x_at, self.window = self.windows_of(x, self.padding, self.stride)
        if dy is None:
            return
        self.dweight = self.partial(self.numbers)
        self.dbias = self.partial(y.channels)
        if dx is not None:
            back = tuple(
                d * (k - 1) - p
                for d, k, p in zip(self.dilation, self.kernel, self.padding, strict=True)
            )
            self.turned = aligned_zeros(self.numbers, dtype)
            self.no_bias = aligned_zeros(x.channels, dtype)
            self.dy_at, self.dy_window = self.windows_of(dy, (back[0], back[1]), (1, 1))

    def windows_of(self, buffer: Buffer, before: Pair, stride: Pair) -> tuple[Four, Five]:
        """Where windows lie that start `before` (rows, columns) early, and what one looks like."""
        start = buffer.at[0] - before[0] * buffer.row - before[1] * buffer.pixel
        at = (start, buffer.image, stride[0] * buffer.row, stride[1] * buffer.pixel)
        rows, columns = self.kernel
        row_step, column_step = self.dilation[0] * buffer.row, self.dilation[1] * buffer.pixel
        if self.dilation[1] == 1:  # a kernel row is one run of numbers side by side
            return at, (rows, 1, columns * buffer.pixel, row_step, 0)
        return at, (rows, columns, buffer.pixel, row_step, column_step)

    # Weights, from and to the public layout.

    def prepare(self, *, training: bool) -> None:
        params = self.context.params
        weight = self.kernel_layout(params[f"{self.name}.weight"])
        c, f = weight.shape[2:]
        into = self.weight.reshape(*self.kernel, self.x.channels, self.y.channels)
        into[:, :, :c, :f] = weight
        if f"{self.name}.bias" in params:
            self.bias[:f] = params[f"{self.name}.bias"]
        if training:
            self.dweight[...] = 0
            self.dbias[...] = 0
            if self.dx is not None:
                turned = self.turned.reshape(*self.kernel, self.y.channels, self.x.channels)
                turned[:, :, :f, :c] = weight[::-1, ::-1].swapaxes(2, 3)

    def finish(self) -> None:
        params, grads = self.context.params, self.context.grads
        weight = params[f"{self.name}.weight"]
        c, f = self.kernel_layout(weight).shape[2:]
        total = self.dweight.sum(axis=0).reshape(*self.kernel, self.x.channels, self.y.channels)
        grad = np.empty_like(weight)
        self.kernel_layout(grad)[...] = total[:, :, :c, :f]
        grads[f"{self.name}.weight"] = grad
        if f"{self.name}.bias" in params:
            grads[f"{self.name}.bias"] = self.dbias.sum(axis=0)[:f]

    # The three sums.

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        if lo == hi:
            return
        x, y = self.x, self.y
        first, last, height, width = self.rows(lo, hi)
        sums = window_sums(*tile_for(width, y.channels, self.context.dtype))
        sums(
            *(first, last, x.flat, self.begin(self.x_at, lo), self.window),
            *(self.weight, self.bias, y.flat, self.begin(y.at, lo)),
            *((height, width, y.channels), RELU if self.relu else PLAIN, y.flat, y.at),
        )

    def backward(self, worker: int, lo: int, hi: int) -> None:
        if lo == hi:
            return
        dy, y = self.dy, self.y
        if self.relu and not self.dy_masked:
            size = self.size
            images.keep_positive(lo, hi, dy.flat, dy.at, y.flat, y.at, size, dy.flat, dy.at)
        if self.dx is not None:
            self.input_gradient(self.dx, lo, hi)
        self.weight_gradient(worker, lo, hi)
        if f"{self.name}.bias" in self.context.params:
            images.channel_sums(lo, hi, dy.flat, dy.at, self.size, self.dbias[worker])

    def input_gradient(self, dx: Buffer, lo: int, hi: int) -> None:
        """dx: the sum over dy's windows, with the filters turned around."""
        x, dy = self.x, self.dy
        first, last, height, width = self.input_rows(lo, hi)
        sums = window_sums(*tile_for(width, dx.channels, self.context.dtype))
        sums(
            *(first, last, dy.flat, self.begin(self.dy_at, lo), self.dy_window),
            *(self.turned, self.no_bias, dx.flat, self.begin(dx.at, lo)),
            *((height, width, dx.channels), MASKED if self.masks_dx else PLAIN),
            *(x.flat, self.begin(x.at, lo)),
        )

    def weight_gradient(self, worker: int, lo: int, hi: int) -> None:
        """This worker's part of dweight; what does not fill tiles of 8 rows takes smaller ones."""
        x, dy = self.x, self.dy
        first, last, height, width = self.rows(lo, hi)
        vectors = tile_for(1, dy.channels, self.context.dtype)[1]
        done, run = 0, self.window[2]
        for rows in (8, 4, 1):
            end = run - (run - done) % rows
            if end > done:
                position_sums(rows, vectors)(
                    *(first, last, x.flat, self.begin(self.x_at, lo), self.window, done, end),
                    *(dy.flat, self.begin(dy.at, lo), (height, width, dy.channels)),
                    self.dweight[worker],
                )
            done = end


class ConvStage(WeightedStage):
    """A convolution of one group, with ReLU if the layer after it is one."""

    def __init__(self, context: Context, layer: Layer, name: str, *, relu: bool) -> None:
        super().__init__(context, layer, name, relu=relu)
        options: Any = layer
        self.kernel, self.stride = pair(options.kernel), pair(options.stride)
        self.padding, self.dilation = options.placement.padding, pair(options.dilation)
        (_, height, width), (_, rows, columns) = self.input_shape, self.shape
        before: list[int] = []
        after: list[int] = []
        for k, s, p, d, size, out in zip(
            *(self.kernel, self.stride, self.padding, self.dilation),
            *((height, width), (rows, columns)),
            strict=True,
        ):
            before.append(max(0, d * (k - 1) - p))
            after.append(max(0, size - 1 + p - (out - 1) * s))
        self.x_border = (self.padding, self.padding)
        self.dy_border = ((before[0], before[1]), (after[0], after[1]))
        self.dy_step = self.stride

    def kernel_layout(self, weight: Array) -> Array:
        return weight.transpose(2, 3, 1, 0)

    def rows(self, lo: int, hi: int) -> tuple[int, int, int, int]:
        return lo, hi, self.shape[1], self.shape[2]

    def input_rows(self, lo: int, hi: int) -> tuple[int, int, int, int]:
        return lo, hi, self.input_shape[1], self.input_shape[2]

    def begin(self, at: Four, lo: int) -> Four:
        return at


class AffineStage(WeightedStage):
    """An affine layer, with ReLU if the layer after it is one."""

    def kernel_layout(self, weight: Array) -> Array:
        return weight[np.newaxis, np.newaxis]

    def rows(self, lo: int, hi: int) -> tuple[int, int, int, int]:
        return 0, 1, 1, hi - lo

    def begin(self, at: Four, lo: int) -> Four:
        start, image, _, _ = at
        return start + lo * image, 0, 0, image
