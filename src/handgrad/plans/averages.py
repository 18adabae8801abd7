"""Average pooling as stages: over windows, and over whole images."""

import math
from typing import Any

import numpy as np

from handgrad.kernels.averages import average_pool, average_pool_dx
from handgrad.kernels.places import Four
from handgrad.kernels.tiles import lanes
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer
from handgrad.plans.stages import Context, Pair, Stage
from handgrad.plans.weighted import windows_of


class AverageStage(Stage):
    """The mean of each window, without padding; nothing is kept for the way back."""

    reuses_x = True

    def __init__(self, context: Context, layer: Layer, name: str) -> None:
        super().__init__(context, layer, name)
        self.kernel, self.stride = self.windows()
        self.overlapping = any(s < k for s, k in zip(self.stride, self.kernel, strict=True))
        tiled = tuple(n * k for n, k in zip(self.shape[1:], self.kernel, strict=True))
        self.writes_all = self.stride == self.kernel and tiled == self.input_shape[1:]
        register = lanes(context.dtype.itemsize)
        self.share = np.full(register, 1 / math.prod(self.kernel), context.dtype)

    def windows(self) -> tuple[Pair, Pair]:
        """How large they are, and how far apart."""
        options: Any = self.layer
        return options.placement.kernel, options.placement.stride

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        x, y = self.x, self.y
        at, steps = self.places(x)
        size = (*self.shape[1:], min(x.channels, y.channels))  # padding stays zero
        to = self.outputs_at(worker, y)
        average_pool(lo, hi, x.flat, at, self.kernel, steps, size, self.share, y.flat, to)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        if self.dx is None:
            return
        dx, dy = self.dx, self.dy
        if not self.writes_all:
            dx.flat[lo * dx.image : hi * dx.image] = 0
        at, steps = self.places(dx)
        average_pool_dx(
            *(lo, hi, dy.flat, self.outputs_at(worker, dy), self.kernel, steps, self.size),
            *(self.share, dx.flat, at, self.overlapping),
        )

    def places(self, buffer: Buffer) -> tuple[Four, Pair]:
        """Where the windows lie in x or dx, and the steps inside a window."""
        at, _ = windows_of(buffer, self.kernel, (0, 0), self.stride)
        return at, (buffer.row, buffer.pixel)

    def outputs_at(self, worker: int, outputs: Buffer) -> Four:
        """Where this pass's outputs, or their gradients, lie."""
        del worker
        return outputs.at


class GlobalAverageStage(AverageStage):
    """The mean of each channel: one window, the whole image, and features as outputs."""

    def windows(self) -> tuple[Pair, Pair]:
        _, height, width = self.input_shape
        return (height, width), (height, width)

    def outputs_at(self, worker: int, outputs: Buffer) -> Four:
        return self.features_at(worker, outputs)
