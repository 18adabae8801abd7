"""Any layer that treats each example by itself, as a stage: every worker calls it for its own rows.

The layer's own `forward` and `backward` run, so nothing has to be written again for a plan. What it
costs is a copy into the public layout and back. Layers that treat each number by itself do not ask
for a layout, and are given the numbers as they lie.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.layers import (
    Affine,
    AveragePool2d,
    Conv2d,
    Flatten,
    Gelu,
    GlobalAveragePool,
    Identity,
    LayerNorm,
    LeakyRelu,
    LogSoftmax,
    MaxPool2d,
    Relu,
    Rescale,
    Residual,
    Sequential,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
)
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer
from handgrad.plans.stages import Context, Stage

BY_NUMBER: set[type[Layer]] = {Gelu, Identity, LeakyRelu, Relu, Sigmoid, Silu, Softplus, Tanh}
BY_EXAMPLE: set[type[Layer]] = BY_NUMBER | {
    *(Affine, AveragePool2d, Conv2d, Flatten, GlobalAveragePool, LayerNorm, LogSoftmax),
    *(MaxPool2d, Rescale, Residual, Sequential, Softmax, Standardize),
}


def by_example(layer: Layer) -> bool:
    """Whether a layer, with all layers in it, treats each example by itself and draws nothing."""
    return all(type(each) in BY_EXAMPLE for _, each in layer.walk())


class RowsStage(Stage):
    """A layer of such a kind.

    Attributes:
        parts: each worker's part of the gradients, by parameter.
        saved: what each worker's backward pass needs.
    """

    def __init__(self, context: Context, layer: Layer, name: str) -> None:
        super().__init__(context, layer, name)
        self.by_number = type(layer) in BY_NUMBER
        self.whole = not self.by_number

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        count, learns = self.context.workers.count, dy is not None
        self.parts = [
            {key: np.zeros_like(array) for key, array in self.layer.params.items() if learns}
            for _ in range(count)
        ]
        self.saved: list[Any] = [None] * count

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        if lo == hi:
            return
        y, saved = self.layer.forward(self.taken(self.x, lo, hi), training=training)
        self.put(y, self.y, *self.outputs(worker, lo, hi))
        self.saved[worker] = saved if training else None

    def backward(self, worker: int, lo: int, hi: int) -> None:
        parts = self.parts[worker]
        if self.context.passes[worker].fresh:
            for part in parts.values():
                part[...] = 0
        if lo == hi:
            return
        dy = self.taken(self.dy, *self.outputs(worker, lo, hi))
        dx, grads = self.layer.backward(dy, self.saved[worker])
        self.saved[worker] = None
        for key, grad in grads.items():
            parts[key] += grad
        if self.dx is not None:
            self.put(dx, self.dx, lo, hi)

    def gather(self, worker: int) -> None:
        if worker == 0:
            for key in self.parts[0]:
                total = np.sum([part[key] for part in self.parts], axis=0)
                self.context.grads[f"{self.name}.{key}"] = total

    def outputs(self, worker: int, lo: int, hi: int) -> tuple[int, int]:
        """Where the outputs of these examples lie: features are counted through the batch."""
        if not self.images or len(self.layer.output_shape) == 3:
            return lo, hi
        shift = self.context.passes[worker].shift
        return lo + shift, hi + shift

    def taken(self, buffer: Buffer, lo: int, hi: int) -> Array:
        """Some rows of a buffer as the layer wants them."""
        rows, layer = buffer.view[lo:hi], self.layer
        if self.by_number:
            rows = rows.transpose(0, 2, 3, 1)
        shape = layer.output_shape if buffer is self.dy else layer.input_shape
        return np.ascontiguousarray(rows).reshape(hi - lo, *shape)

    def put(self, rows: Array, buffer: Buffer, lo: int, hi: int) -> None:
        """Write what the layer gave into a buffer."""
        channels, height, width = buffer.shape
        if self.by_number:
            rows = rows.reshape(hi - lo, height, width, channels).transpose(0, 3, 1, 2)
        buffer.view[lo:hi] = rows.reshape(hi - lo, channels, height, width)
