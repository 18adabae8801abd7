"""The stages without weights: ReLU, pooling, flatten, rescale, dropout, and any other layer."""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import images
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer
from handgrad.plans.stages import Context, Pair, Stage, pair


class ReluStage(Stage):
    """max(x, 0), where it could not be fused with the stage before."""

    def keeps_y(self) -> bool:
        return True

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        images.relu_image(lo, hi, self.x.flat, self.x.at, self.size, self.y.flat, self.y.at)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        if self.dx is not None:
            dy, y, dx = self.dy, self.y, self.dx
            images.keep_positive(lo, hi, dy.flat, dy.at, y.flat, y.at, self.size, dx.flat, dx.at)


class MaxPoolStage(Stage):
    """The largest of each window; remembers which, as one byte."""

    def __init__(self, context: Context, layer: Layer, name: str) -> None:
        super().__init__(context, layer, name)
        options: Any = layer
        self.kernel, self.stride = pair(options.kernel), pair(options.stride or options.kernel)
        self.overlapping = any(s < k for s, k in zip(self.stride, self.kernel, strict=True))

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        self.winner = np.zeros(y.count * self.shape[1] * self.shape[2] * y.channels, np.uint8)

    def windows(self, buffer: Buffer) -> tuple[tuple[int, int, int, int], Pair]:
        """Where the windows lie in x or dx, and the steps inside a window."""
        start, image, row, pixel = buffer.at
        return (start, image, row * self.stride[0], pixel * self.stride[1]), (row, pixel)

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        at, steps = self.windows(self.x)
        y, x = self.y, self.x.flat
        images.max_pool(lo, hi, x, at, self.kernel, steps, self.size, y.flat, y.at, self.winner)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        if self.dx is None:
            return
        dx, dy = self.dx, self.dy
        if self.overlapping:
            dx.flat[lo * dx.image : hi * dx.image] = 0
        at, steps = self.windows(dx)
        images.max_pool_dx(
            lo,
            hi,
            dy.flat,
            dy.at,
            self.kernel,
            steps,
            self.size,
            self.winner,
            dx.flat,
            at,
            self.overlapping,
        )


class FlattenStage(Stage):
    """Images to features, in the order (channel, row, column) that the public layout has."""

    reuses_x = True

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        x, y = self.x, self.y
        images.flatten(lo, hi, x.flat, x.at, self.image_size, y.flat, self.features_at(worker, y))

    def backward(self, worker: int, lo: int, hi: int) -> None:
        dx, dy = self.dx, self.dy
        if dx is not None:
            at = self.features_at(worker, dy)
            images.unflatten(lo, hi, dy.flat, at, self.image_size, dx.flat, dx.at)

    @property
    def image_size(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images, without padding."""
        channels, height, width = self.input_shape
        return height, width, channels


class RescaleStage(Stage):
    """x times a number, plus another."""

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        channels, height, width = self.shape
        self.rows = (height, width, channels)
        if x.pixel == y.pixel == channels:  # a whole row lies side by side
            self.rows = (height, 1, width * channels)
        parts = np.zeros((3, self.rows[2]), self.context.dtype)
        self.scale, self.offset, self.nothing = parts

    def prepare(self, *, training: bool) -> None:
        options: Any = self.layer
        self.scale[:], self.offset[:] = options.scale, options.offset

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        self.multiply(lo, hi, self.x, self.offset, self.y)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        if self.dx is not None:
            self.multiply(lo, hi, self.dy, self.nothing, self.dx)

    def multiply(self, lo: int, hi: int, source: Buffer, offset: Array, to: Buffer) -> None:
        """The same on both ways."""
        images.scale_and_shift(
            lo, hi, source.flat, source.at, self.rows, self.scale, offset, to.flat, to.at
        )


class DropoutStage(Stage):
    """Dropout of features: the mask is drawn before the workers start, as the layer draws it."""

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        self.mask = Buffer(self.context.count, self.shape, self.context.dtype)

    def prepare(self, *, training: bool) -> None:
        self.training = training
        if training:
            rows, layer = self.context.rows, self.layer
            options: Any = layer
            kept = options.draw(rows).reshape(rows, *self.shape)
            np.divide(kept, 1 - options.rate, out=self.mask.view[:rows])

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        if training:
            self.multiply(lo, hi, self.x, self.y)
        else:
            self.y.view[lo:hi] = self.x.view[lo:hi]

    def backward(self, worker: int, lo: int, hi: int) -> None:
        if self.dx is not None:
            self.multiply(lo, hi, self.dy, self.dx)

    def multiply(self, lo: int, hi: int, source: Buffer, to: Buffer) -> None:
        """The same on both ways."""
        np.multiply(source.view[lo:hi], self.mask.view[lo:hi], out=to.view[lo:hi])


class LayerStage(Stage):
    """Any layer that has no stage of its own: the layer itself, on the whole batch.

    One worker copies the batch into the public layout, and the others wait.
    """

    waits = 4

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        workers, rows = self.context.workers, self.context.rows
        workers.wait()
        if worker == 0:
            shape = (rows, *self.layer.input_shape)
            x = np.ascontiguousarray(self.x.view[:rows]).reshape(shape)
            y, self.saved = self.layer.forward(x, training=training)
            self.y.view[:rows] = y.reshape(rows, *self.shape)
            if training:
                for key, value in self.layer.new_state(self.saved).items():
                    self.context.new_state[f"{self.name}.{key}"] = value
        workers.wait()

    def backward(self, worker: int, lo: int, hi: int) -> None:
        workers, rows = self.context.workers, self.context.rows
        workers.wait()
        if worker == 0:
            dy = np.ascontiguousarray(self.dy.view[:rows])
            dx, grads = self.layer.backward(dy.reshape(rows, *self.layer.output_shape), self.saved)
            for key, grad in grads.items():
                self.context.grads[f"{self.name}.{key}"] = grad
            if self.dx is not None:
                self.dx.view[:rows] = dx.reshape(rows, *self.input_shape)
        workers.wait()
