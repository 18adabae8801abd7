"""Affine layers as a stage, on the weights where they are."""

from typing import Any

from handgrad.checks import Array
from handgrad.kernels.dense_parts import finite
from handgrad.kernels.images import transpose
from handgrad.kernels.places import Four
from handgrad.kernels.tiles import lanes
from handgrad.kernels.windows import MASKED, PLAIN, RELU, position_sums, window_sums
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.stages import Pair
from handgrad.plans.weighted import WeightedStage, vectors_for

ROWS = 8  # of a tile
PIECE = 16  # features that workers share: whole registers and cache lines


class AffineStage(WeightedStage):
    """An affine layer, with ReLU if the layer after it is one.

    The weights (in, out) are read, and their gradient is written, in the public layout; only those
    with fewer columns than a register holds are copied into wider rows. Going back, x's gradient
    needs the transposed weights, which the workers copy in parts. The gradient of the weights is
    shared by rows of weights, not by examples, so there is nothing to add up.
    """

    hands_out = True

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        super().connect(x, y, dy, dx)
        dtype = self.context.dtype
        inputs, outputs = self.input_shape[0], self.shape[0]
        # Whole registers of columns: the public arrays have them, or copies do.
        self.narrow = outputs < lanes(dtype.itemsize)
        self.columns = y.channels if self.narrow else outputs
        if self.narrow:
            self.wide_weight = aligned_zeros(inputs * y.channels, dtype)
        self.wide_bias = aligned_zeros(y.channels, dtype)
        if dy is None:
            return
        self.dbias = self.partial(y.channels)
        self.dweight = aligned_zeros(inputs * self.columns, dtype)
        if dx is not None:
            self.make_room(dx)

    def make_room(self, dx: Buffer) -> None:
        """What x's gradient needs."""
        self.turned = aligned_zeros(self.shape[0] * dx.channels, self.context.dtype)
        self.no_bias = aligned_zeros(dx.channels, self.context.dtype)

    def load(self, worker: int, *, training: bool) -> None:
        self.load_forward(worker)
        if training and self.dx is not None:
            weight, outputs = self.context.params[f"{self.name}.weight"], self.shape[0]
            weights, turned = (0, outputs), (0, self.dx.channels)
            transpose(
                *(self.own(worker), (0, outputs), weight.reshape(-1), weights),
                *(self.turned, turned),
            )

    def load_forward(self, worker: int) -> None:
        """What the forward pass needs: this worker's part of it."""
        params, inputs, outputs = self.context.params, self.input_shape[0], self.shape[0]
        if self.narrow:
            first, last = self.own(worker)
            wide = self.wide_weight.reshape(inputs, self.columns)
            wide[first:last, :outputs] = params[f"{self.name}.weight"][first:last]
        if worker == 0 and self.has_bias:
            self.wide_bias[:outputs] = params[f"{self.name}.bias"]

    def own(self, worker: int) -> Pair:
        """The features first … last − 1 whose weights this worker transposes, and sums dweight."""
        inputs = self.input_shape[0]
        first, last = self.context.workers.share(worker, -(-inputs // PIECE))
        return min(PIECE * first, inputs), min(PIECE * last, inputs)

    def prepare(self, *, training: bool) -> None:
        if training:
            flags = [True] * self.context.workers.count
            self.context.spoiled[f"{self.name}.weight"] = flags

    def copied(self) -> list[str]:
        return super().copied()[0 if self.narrow else 1 :]  # else the weights are used in place

    @property
    def weight(self) -> Array:
        """The weights, flat, in rows of `columns`."""
        if self.narrow:
            return self.wide_weight
        return self.context.params[f"{self.name}.weight"].reshape(-1)

    @staticmethod
    def rows_from(buffer: Buffer, lo: int) -> Four:
        """The examples from `lo` on, as the positions of one row."""
        return buffer.at[0] + lo * buffer.image, 0, 0, buffer.image

    def sums(self, rows: int, columns: int) -> Any:
        """The kernel for so many examples: of two widths, so that no batch waits for a compiler."""
        vectors = vectors_for(columns, self.context.dtype)
        return window_sums(ROWS if rows >= ROWS else 1, vectors)

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        if lo == hi:
            return
        x, y, run, columns = self.x, self.y, self.input_shape[0], self.columns
        self.sums(hi - lo, columns)(
            *(0, 1, x.flat, self.rows_from(x, lo), (1, 1, run, 0, 0), self.weight, self.wide_bias),
            *(y.flat, self.rows_from(y, lo), (1, hi - lo, columns), (0, columns)),
            *(RELU if self.relu else PLAIN, y.flat, y.at),
        )

    def backward(self, worker: int, lo: int, hi: int) -> None:
        self.mask_dy(lo, hi)
        self.bias_gradient(worker, lo, hi)
        x, dx, dy = self.x, self.dx, self.dy
        if dx is None or lo == hi:
            return
        window, size = (1, 1, self.shape[0], 0, 0), (1, hi - lo, dx.channels)
        self.sums(hi - lo, dx.channels)(
            *(0, 1, dy.flat, self.rows_from(dy, lo), window, self.turned, self.no_bias),
            *(dx.flat, self.rows_from(dx, lo), size, (0, dx.channels)),
            *(MASKED if self.masks_dx else PLAIN, x.flat, self.rows_from(x, lo)),
        )

    def gather(self, worker: int) -> None:
        x, dy, rows, columns = self.x, self.dy, self.context.rows, self.columns
        window, vectors = (1, 1, self.input_shape[0], 0, 0), vectors_for(columns, x.flat.dtype)
        first, last = self.own(worker)
        for width in (8, 4, 1):
            end = last - (last - first) % width
            if end > first:
                position_sums(1, width, vectors)(
                    *(0, 1, x.flat, self.rows_from(x, 0), window, first, end),
                    *(dy.flat, self.rows_from(dy, 0), (1, rows, columns), (0, columns)),
                    *(self.dweight, True),
                )
            first = end
        self.look_at_gradient(worker)
        if worker == 0:
            self.hand_out_gradients()

    def look_at_gradient(self, worker: int) -> None:
        """Say whether this worker's part of dweight is finite, while it lies in a cache nearby."""
        first, last = self.own(worker)
        own = self.dweight[first * self.columns : last * self.columns]
        self.context.spoiled[f"{self.name}.weight"][worker] = not finite(own)

    def hand_out_gradients(self) -> None:
        """Give both gradients their public form."""
        grad = self.dweight.reshape(-1, self.columns)[:, : self.shape[0]]
        self.context.grads[f"{self.name}.weight"] = grad
        self.gather_bias()
