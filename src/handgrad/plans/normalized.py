"""Batch norm as a stage, with the ReLU and the 2 × 2 max-pool after it: two passes each way.

Every worker sums over its own rows; the workers meet once; then each adds up all parts for itself.
"""

from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import normalized_gradients as gradients
from handgrad.kernels import normalized_images as images
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.stages import Context, Stage, image_shape

ROWS = 5  # what the kernels want to know of each channel


class BatchNormStage(Stage):
    """As `ops.batch_norm` and `ops.batch_norm_inference`; x is kept, and x̂ is computed again.

    Args:
        relu: whether a ReLU follows, and is done here.
        pool: the 2 × 2 max-pool that follows, before or after the ReLU, if it is done here.
        training: whether the batch's own statistics are ever asked for.
    """

    whole_channels = True
    reuses_x = True  # a position of dx is written when its x has been read

    def __init__(
        self,
        context: Context,
        layer: Layer,
        name: str,
        *,
        relu: bool = False,
        pool: Layer | None = None,
        training: bool = True,
    ) -> None:
        super().__init__(context, layer, name)
        self.relu, self.pooled, self.waits = relu, pool is not None, 2 if training else 0
        if pool is not None:
            self.shape = image_shape(pool.output_shape)

    def keeps_y(self) -> bool:
        return self.relu and not self.dy_masked

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        workers, channels, dtype = self.context.workers.count, x.channels, self.context.dtype
        self.counts = np.zeros(workers)
        self.moments, self.sums = (np.zeros((workers, 2, channels)) for _ in range(2))
        # Each worker's own: it need not ask when others have theirs.
        self.mean, self.var = (np.zeros((workers, channels)) for _ in range(2))
        self.rows = [aligned_zeros(ROWS * channels, dtype) for _ in range(workers)]
        self.grads = np.zeros((workers, 2, channels))
        self.nothing = aligned_zeros(channels, dtype)
        codes = y.count * self.shape[1] * self.shape[2] * channels
        self.winner = np.zeros(codes if self.pooled else 0, np.uint8)

    def prepare(self, *, training: bool) -> None:
        options: Any = self.layer
        self.eps, self.momentum = options.eps, options.momentum
        self.learns = training and not self.layer.frozen
        workers, features = self.context.workers, self.shape[0]
        if self.learns:
            shares = (workers.share(w, self.context.rows) for w in range(workers.count))
            self.counts[:] = [(hi - lo) * self.positions for lo, hi in shares]
        else:  # one worker has seen all that there is to see
            state = self.context.state
            self.counts[:] = np.arange(workers.count) == 0
            self.moments[0, 0, :features] = state[f"{self.name}.running_mean"]
            self.moments[0, 1, :features] = state[f"{self.name}.running_var"]

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        x, y, params = self.x, self.y, self.context.params
        if self.learns:
            images.moments(lo, hi, x.flat, x.at, self.input_size, self.moments[worker])
            self.context.workers.wait()
        mean, var, rows = self.mean[worker], self.var[worker], self.rows[worker]
        images.combine_moments(self.counts, self.moments, mean, var)
        weight, bias = params[f"{self.name}.weight"], params[f"{self.name}.bias"]
        images.forward_rows(mean, var, self.eps, weight, bias, rows)
        if worker == 0 and self.learns:
            self.update_state()
        normalize = images.normalize_pools if self.pooled else images.normalize
        way = (lo, hi, x.flat, x.at, self.size, rows, self.relu, y.flat, y.at)
        normalize(*way, self.winner)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        x, y, dy, rows, part = self.x, self.y, self.dy, self.rows[worker], self.sums[worker]
        way = (lo, hi, x.flat, x.at, self.size, rows, dy.flat, dy.at, self.keeps_y(), y.flat, y.at)
        sums = gradients.pooled_norm_sums if self.pooled else gradients.norm_sums
        sums(*way, self.winner, part)
        self.context.workers.wait()
        var, grads = self.var[worker], self.grads[worker]
        gradients.backward_rows(self.sums, self.entries, var, self.eps, self.learns, rows, grads)
        if worker == 0:
            self.write_gradients()
        if self.dx is None:
            return
        give = gradients.pooled_norm_dx if self.pooled else gradients.norm_dx
        give(*way, self.winner, self.dx.flat, self.dx.at)
        if self.pooled:
            self.left_over(self.dx, worker, lo, hi)

    def left_over(self, dx: Buffer, worker: int, lo: int, hi: int) -> None:
        """The row and the positions that no pool reads: dx without dy."""
        (_, height, width), (_, lines, pools) = self.input_shape, self.shape
        for i, j, rows, positions in (
            (0, 2 * pools, 2 * lines, width - 2 * pools),
            (2 * lines, 0, height - 2 * lines, width),
        ):
            if rows and positions:
                x_at, dx_at = (
                    (at[0] + i * at[2] + j * at[3], *at[1:]) for at in (self.x.at, dx.at)
                )
                none = (self.nothing, (0, 0, 0, 0))
                gradients.norm_dx(
                    *(lo, hi, self.x.flat, x_at, (rows, positions, self.x.channels)),
                    *(self.rows[worker], *none, False, *none, self.winner, dx.flat, dx_at),
                )

    @property
    def input_size(self) -> tuple[int, int, int]:
        """(height, width, padded channels) of x."""
        return self.input_shape[1], self.input_shape[2], self.x.channels

    @property
    def positions(self) -> int:
        """Entries of a channel in an example."""
        return self.input_shape[1] * self.input_shape[2]

    @property
    def entries(self) -> int:
        """How many numbers each channel's mean is of."""
        return max(self.context.rows * self.positions, 1)

    def update_state(self) -> None:
        """The running statistics after this batch, as `BatchNorm.new_state`."""
        features, keep, entries = self.shape[0], self.momentum, self.entries
        batch = {"running_mean": self.mean[0]}
        if entries > 1:
            batch["running_var"] = self.var[0] * (entries / (entries - 1))
        for key, value in batch.items():
            name = f"{self.name}.{key}"
            old = self.context.state[name]
            new = keep * old + (1 - keep) * value[:features]
            self.context.new_state[name] = new.astype(old.dtype)

    def write_gradients(self) -> None:
        """Hand out dweight and dbias, which every worker has."""
        features, dtype = self.shape[0], self.context.dtype
        for key, total in zip(("weight", "bias"), self.grads[0], strict=True):
            self.context.grads[f"{self.name}.{key}"] = total[:features].astype(dtype)


def names_of(norm: Layer) -> list[str]:
    """All that a batch norm has: its parameters, its running statistics."""
    return [f"{norm.name}.{key}" for key in ("weight", "bias", "running_mean", "running_var")]


def folded(weight: Array, bias: Array | None, context: Context, norm: Layer) -> tuple[Array, Array]:
    """A convolution's weight and bias with the batch norm after it, by its running statistics.

    (x ∗ weight + bias − mean) scale + shift is one convolution, of weight · scale.
    """
    options: Any = norm
    params, state = context.params, context.state
    scale = params[f"{norm.name}.weight"] / np.sqrt(state[f"{norm.name}.running_var"] + options.eps)
    from_mean = -state[f"{norm.name}.running_mean"]
    if bias is not None:
        from_mean = from_mean + bias
    shift = params[f"{norm.name}.bias"] + from_mean * scale
    return weight * scale[:, None, None, None], shift
