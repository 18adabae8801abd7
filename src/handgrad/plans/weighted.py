"""What the stages with weights share: convolution and affine, as sums over windows.

An affine layer is the same sum with the whole example as its window: the rows of a batch stand
side by side like the positions of one image row, and no kernel of its own is needed.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import images
from handgrad.kernels.places import Five, Four
from handgrad.kernels.tiles import REGISTERS, lanes
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer
from handgrad.plans.normalized import folded, names_of
from handgrad.plans.stages import Context, Pair, Stage

LITTLE = 8  # of so many channels, one that is padding
WIDTHS = (14, 12, 8, 4, 1)  # of tiles: few, because each is compiled by itself


def width_for(positions: int, vectors: int) -> int:
    """The width of a tile of so many registers that covers `positions` with the fewest loads.

    The sums, a row of weights and a number of x must fit into the registers, with one to spare:
    14 × 2, which just fits, runs at a quarter of the speed of 12 × 2.
    """
    fitting = [w for w in WIDTHS if w <= positions and (w + 1) * vectors + 2 < REGISTERS]
    loads = {w: -(-positions // w) * (w * vectors + vectors + w) for w in fitting}
    return min(fitting, key=lambda width: loads[width])


def vectors_for(filters: int, dtype: Any) -> int:
    """Two registers of filters where they fill two, else one."""
    return 2 if filters >= 2 * lanes(np.dtype(dtype).itemsize) else 1


def filter_blocks(filters: int, dtype: Any) -> list[tuple[int, Pair]]:
    """How many registers of filters tiles have, and for which filters: first … last − 1.

    Two, as far as they go, for they need fewer loads; one for a last register. (Filters are padded
    to whole ones.)

    >>> one = lanes(4)
    >>> filter_blocks(3 * one, np.float32) == [(2, (0, 2 * one)), (1, (2 * one, 3 * one))]
    True
    """
    rest = filters % (2 * lanes(np.dtype(dtype).itemsize))
    blocks = [(2, (0, filters - rest)), (1, (filters - rest, filters))]
    return [(vectors, which) for vectors, which in blocks if which[0] < which[1]]


class WeightedStage(Stage):
    """What convolution and affine share: ReLU at the end, and its mask on the way back.

    Attributes:
        relu: whether ReLU is applied to the output before it is stored.
        masks_dx: whether x is the output of such a ReLU: then dx is 0 where x is not positive.
        dy_masked: whether the stage after this one does that for this one's ReLU.
        dbias: each worker's part of the bias's gradient.
        norm: the batch norm whose running statistics are part of the weights (only predicting).
    """

    dbias: Array
    norm: Layer | None = None

    def __init__(self, context: Context, layer: Layer, name: str, *, relu: bool) -> None:
        super().__init__(context, layer, name)
        self.relu, self.masks_dx, self.dy_masked = relu, False, False
        self.has_bias = f"{name}.bias" in context.params

    def copied(self) -> list[str]:
        own = [f"{self.name}.weight", *([f"{self.name}.bias"] if self.has_bias else [])]
        return [*own, *(names_of(self.norm) if self.norm else [])]

    def folded_options(self) -> list[float]:
        norm: Any = self.norm
        return [] if norm is None else [norm.eps]

    def parameters(self) -> tuple[Array, Array | None]:
        """Weight and bias, with what a batch norm behind them makes of them."""
        params = self.context.params
        weight, bias = params[f"{self.name}.weight"], params.get(f"{self.name}.bias")
        if self.norm is None:
            return weight, bias
        return folded(weight, bias, self.context, self.norm)

    def keeps_y(self) -> bool:
        return self.relu and not self.dy_masked

    def mask_dy(self, lo: int, hi: int) -> None:
        """Take ReLU's mask into dy, if the stage after this one did not."""
        if self.keeps_y():
            dy, y = self.dy, self.y
            images.keep_positive(lo, hi, dy.flat, dy.at, y.flat, y.at, self.size, dy.flat, dy.at)

    def bias_gradient(self, worker: int, lo: int, hi: int) -> None:
        """This worker's part of dbias, added to that of its passes before."""
        if self.has_bias:
            if self.context.passes[worker].fresh:
                self.dbias[worker] = 0
            images.channel_sums(lo, hi, self.dy.flat, self.dy.at, self.size, self.dbias[worker])

    def gather_bias(self) -> None:
        """Add up the workers' parts."""
        if self.has_bias:
            self.context.grads[f"{self.name}.bias"] = self.dbias.sum(axis=0)[: self.shape[0]]


def numbers_of(buffer: Buffer) -> int:
    """How many numbers of each position sums run over: its channels, without most padding.

    A little padding does no harm: with it, the positions of a window's row are one run.
    """
    padding = buffer.channels - buffer.shape[0]
    return buffer.channels if LITTLE * padding <= buffer.channels else buffer.shape[0]


def windows_of(
    buffer: Buffer, kernel: Pair, before: Pair, stride: Pair = (1, 1), dilation: Pair = (1, 1)
) -> tuple[Four, Five]:
    """Where windows lie that start `before` (rows, positions) early, and what one looks like."""
    start = buffer.at[0] - before[0] * buffer.row - before[1] * buffer.pixel
    at = (start, buffer.image, stride[0] * buffer.row, stride[1] * buffer.pixel)
    (rows, columns), numbers = kernel, numbers_of(buffer)
    row_step, column_step = dilation[0] * buffer.row, dilation[1] * buffer.pixel
    if column_step == numbers:  # a kernel row is one run of numbers side by side
        return at, (rows, 1, columns * numbers, row_step, 0)
    return at, (rows, columns, numbers, row_step, column_step)
