"""Batch norm as a stage: the workers add up their parts of the sums, and wait for each other."""

from typing import Any

import numpy as np

from handgrad.kernels import images
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.stages import Context, Stage


class BatchNormStage(Stage):
    """As `ops.batch_norm` and `ops.batch_norm_inference`; x is kept, and x̂ is computed again.

    Variance in two passes (mean first), as in the reference: nothing cancels.
    """

    whole_channels = True
    waits = True

    def __init__(self, context: Context, layer: Layer, name: str) -> None:
        super().__init__(context, layer, name)
        options: Any = layer
        self.eps, self.momentum = options.eps, options.momentum

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        channels = y.channels
        self.first, self.second = self.partial(channels), self.partial(channels)
        self.mean, self.var, self.inv_std, self.scale, self.shift = (
            aligned_zeros(channels, self.context.dtype) for _ in range(5)
        )
        self.factors = aligned_zeros(3 * channels, self.context.dtype).reshape(3, channels)

    def prepare(self, *, training: bool) -> None:
        self.learns = training and not self.layer.frozen
        features = self.shape[0]
        if not self.learns:
            self.mean[:features] = self.context.state[f"{self.name}.running_mean"]
            self.var[:features] = self.context.state[f"{self.name}.running_var"]
            self.fold()

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        x, y, wait = self.x, self.y, self.context.workers.wait
        if self.learns:
            first, second = self.first[worker], self.second[worker]
            first[:], second[:] = 0, 0
            images.channel_sums(lo, hi, x.flat, x.at, self.size, first)
            wait()
            if worker == 0:
                self.mean[:] = self.first.sum(axis=0) / self.entries
            wait()
            images.centered_squares(lo, hi, x.flat, x.at, self.size, self.mean, second)
            wait()
            if worker == 0:
                self.var[:] = self.second.sum(axis=0) / self.entries
                self.fold()
                self.update_state()
            wait()
        shift, scale = self.shift, self.scale
        images.scale_and_shift(lo, hi, x.flat, x.at, self.size, scale, shift, y.flat, y.at)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        x, dy, wait = self.x, self.dy, self.context.workers.wait
        first, second = self.first[worker], self.second[worker]
        first[:], second[:] = 0, 0
        images.batch_norm_sums(
            *(lo, hi, x.flat, x.at, dy.flat, dy.at, self.size, self.mean, first, second)
        )
        wait()
        if worker == 0:
            self.combine()
        wait()
        if self.dx is not None:
            images.batch_norm_dx(
                *(lo, hi, x.flat, x.at, dy.flat, dy.at, self.size, self.mean, self.factors),
                *(self.dx.flat, self.dx.at),
            )

    @property
    def entries(self) -> int:
        """How many numbers each channel's mean is of."""
        return max(self.context.rows * self.shape[1] * self.shape[2], 1)

    def fold(self) -> None:
        """Write y = weight (x − mean) / std + bias as one multiplication and one addition."""
        features, params = self.shape[0], self.context.params
        self.inv_std[:] = 1 / np.sqrt(self.var + self.eps)
        self.scale[:features] = params[f"{self.name}.weight"] * self.inv_std[:features]
        self.shift[:features] = params[f"{self.name}.bias"]
        self.shift -= self.mean * self.scale

    def update_state(self) -> None:
        """The running statistics after this batch, as `BatchNorm.new_state`."""
        features, keep, entries = self.shape[0], self.momentum, self.entries
        batch = {"running_mean": self.mean}
        if entries > 1:
            batch["running_var"] = self.var * (entries / (entries - 1))
        for key, value in batch.items():
            name = f"{self.name}.{key}"
            old = self.context.state[name]
            self.context.new_state[name] = keep * old + (1 - keep) * value[:features]

    def combine(self) -> None:
        """dweight, dbias, and the three numbers per channel that dx is made with.

        With s = 1/std, Σ over the m entries of a channel, and x̂ = (x − μ) s:

            dx = weight s (dy − Σdy / m − x̂ Σ(dy x̂) / m)
        """
        features, entries = self.shape[0], self.entries
        total, scaled = self.first.sum(axis=0), self.second.sum(axis=0) * self.inv_std
        self.context.grads[f"{self.name}.bias"] = total[:features].copy()
        self.context.grads[f"{self.name}.weight"] = scaled[:features].copy()
        self.factors[0] = self.scale
        if self.learns:
            self.factors[1] = self.scale * total / entries
            self.factors[2] = self.scale * self.inv_std * scaled / entries
        else:  # the statistics were constants
            self.factors[1:] = 0
