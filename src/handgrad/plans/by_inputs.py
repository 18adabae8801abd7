"""Affine layers with many weights, shared by inputs: each worker has its own rows of the weights.

What all workers need of each other is small then: each sums its inputs' share of all outputs, and
these are added up; going back, each needs all of dy. (By examples, every worker would need all
weights, which others have just changed.)
"""

import numpy as np

from handgrad.kernels.by_inputs import gradients_by_inputs
from handgrad.kernels.tiles import lanes
from handgrad.kernels.windows import MASKED, PLAIN
from handgrad.layers.base import Layer
from handgrad.plans.affine import ROWS, AffineStage
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.stages import Context, Pair, image_shape

MANY = 1 << 20  # bytes of weights: a core's second cache
FEW = 8  # outputs beside whole blocks


class AffineByInputsStage(AffineStage):
    """An affine layer of a training plan whose workers take all of their examples at once."""

    waits = 4
    reuses_x = True

    @staticmethod
    def fits(context: Context, layer: Layer, *, training: bool) -> bool:
        """Whether it pays, and each worker gets whole blocks of inputs."""
        inputs, outputs = (image_shape(s)[0] for s in (layer.input_shape, layer.output_shape))
        workers, block = context.workers.count, block_of(context)
        at_once = context.at_once * workers >= context.count
        whole = inputs % block == 0 and inputs >= block * workers and outputs >= block
        large = inputs * outputs * context.dtype.itemsize >= MANY
        return training and workers > 1 and at_once and whole and large

    def make_room(self, dx: Buffer) -> None:
        block, outputs, dtype = block_of(self.context), self.shape[0], self.context.dtype
        self.shares = self.partial(self.y.count * self.y.channels)  # of y
        self.no_bias = aligned_zeros(max(self.y.channels, block), dtype)
        self.room_size = outputs * block
        self.few = outputs % block if outputs % block <= FEW else 0

    def own(self, worker: int) -> Pair:
        """The inputs first … last − 1 of this worker."""
        block = block_of(self.context)
        first, last = self.context.workers.share(worker, self.input_shape[0] // block)
        return first * block, last * block

    def load(self, worker: int, *, training: bool) -> None:
        self.load_forward(worker)

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        if self.dx is None:
            super().forward(worker, lo, hi, training=training)
            return
        x, y, rows, columns = self.x, self.y, self.context.rows, self.columns
        (first, last), share = self.own(worker), self.shares[worker]
        start, *step = self.rows_from(x, 0)
        self.context.workers.wait()  # for x
        self.sums(rows, columns)(
            *(0, 1, x.flat, (start + first, *step), (1, 1, last - first, 0, 0)),
            *(self.weight[first * columns :], self.no_bias if worker else self.wide_bias),
            *(share, (0, 0, 0, y.image), (1, rows, columns), (0, columns), PLAIN, share, y.at),
        )
        self.context.workers.wait()
        mine = slice(lo * y.image, hi * y.image)
        out = np.add.reduce(self.shares[:, mine], axis=0, out=y.flat[mine])
        if self.relu:
            np.maximum(out, 0, out=out)

    def backward(self, worker: int, lo: int, hi: int) -> None:
        x, dy, dx = self.x, self.dy, self.dx
        if dx is None:
            super().backward(worker, lo, hi)
            return
        self.mask_dy(lo, hi)
        self.bias_gradient(worker, lo, hi)
        self.context.workers.wait()  # for dy
        gradients_by_inputs(ROWS, self.few)(
            *(self.own(worker), (self.context.rows, self.columns)),
            *(x.flat, (x.at[0], x.image), dy.flat, (dy.at[0], dy.image), self.weight),
            *(self.dweight, dx.flat, (dx.at[0], dx.image), MASKED if self.masks_dx else PLAIN),
            *(self.room[worker], self.no_bias),
        )
        self.look_at_gradient(worker)
        self.context.workers.wait()  # for dx

    def gather(self, worker: int) -> None:
        if self.dx is None:
            super().gather(worker)
        elif worker == 0:
            self.hand_out_gradients()


def block_of(context: Context) -> int:
    """How many inputs are done with at a time: two registers of them."""
    return 2 * lanes(context.dtype.itemsize)
