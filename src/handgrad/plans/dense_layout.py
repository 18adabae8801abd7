"""Where the numbers of a dense network's step lie, and the program that computes them.

Everything lies in one flat array: first the parameters, then their gradients and the optimizer's
slots in the same order, then what batches need. A matrix is padded with zeros: its columns to
whole registers, its rows to whole tiles. Padding stays zero, because sums of zeros are zero and
entrywise functions leave it alone; so optimizers may walk over it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import dense_losses, dense_parts, dense_program
from handgrad.kernels.dense import HEIGHT, RELU_AFTER
from handgrad.kernels.places import rounded_up
from handgrad.layers import Affine, BatchNorm, LeakyRelu, Relu, Sigmoid, Tanh
from handgrad.layers.base import Layer
from handgrad.plans.buffers import ALIGNMENT, padded
from handgrad.plans.live import LiveOptions

ACTIVATIONS: dict[type[Layer], int] = {
    Relu: dense_parts.RELU,
    LeakyRelu: dense_parts.LEAKY_RELU,
    Sigmoid: dense_parts.SIGMOID,
    Tanh: dense_parts.TANH,
}
STATISTICS = 5  # rows that batch norm keeps: mean, variance, 1/std, and the means of backward
# Of the sums that workers keep: two forward and two backward, in turn, because a worker may begin
# with the next norm while another still reads this one's; and one for each worker's own use.
FORWARD, BACK, USES = 0, 2, 5
Instruction = tuple[list[int], list[float]]


class Place(NamedTuple):
    """A matrix in the flat array."""

    start: int
    rows: int
    step: int  # from row to row

    @property
    def where(self) -> tuple[int, int]:
        """As instructions name it."""
        return self.start, self.step

    def row(self, number: int) -> "Place":
        """One of its rows."""
        return Place(self.start + number * self.step, 1, self.step)

    def at(self, offset: int) -> "Place":
        """The matrix like this one so much further on."""
        return self._replace(start=self.start + offset)

    def view(self, flat: Array, shape: tuple[int, ...]) -> Array:
        """What counts of it, in the shape that users see."""
        matrix = flat[self.start : self.start + self.rows * self.step].reshape(self.rows, self.step)
        return matrix[0, : shape[0]] if len(shape) == 1 else matrix[: shape[0], : shape[1]]


class Value(NamedTuple):
    """A batch between two layers, and the gradient of the loss with respect to it, if wanted."""

    y: Place
    d: Place | None
    features: int


def tiles(count: int) -> int:
    """`count` rounded up to whole tiles."""
    return rounded_up(count, HEIGHT)


class Layout:
    """A flat array's plan and a program, layer by layer.

    Attributes:
        size: of the flat array.
        first: where the parameters begin.
        params, state: where each parameter and running statistic lies, by full name.
        learned: how many numbers the parameters take.
        slots: how many arrays as large as that the optimizer keeps.
        forward, back, sums, after: instructions of the forward pass, the backward pass, the sums
            over the batch, and what follows the update.
        turned: those that transpose the weights.
        statistics: where each batch norm's begin, and how many numbers each worker has of them.
        live: the options in instructions.
    """

    def __init__(self, dtype: Any, count: int, workers: int, slots: int) -> None:
        self.dtype, self.count, self.workers = np.dtype(dtype), count, workers
        self.slots = slots
        self.size = self.first = self.learned = 0
        self.params: dict[str, Place] = {}
        self.state: dict[str, Place] = {}
        self.forward: list[Instruction] = []
        self.back: list[list[Instruction]] = []
        self.sums: list[Instruction] = []
        self.after: list[Instruction] = []
        self.turned: list[Instruction] = []
        self.statistics: list[tuple[int, int]] = []
        self.live = LiveOptions()
        self.widest = 1

    # -- places -----------------------------------------------------------------------------

    def take(self, rows: int, step: int) -> Place:
        """Room for a matrix."""
        place = Place(self.size, rows, step)
        self.size += padded(rows * step, self.dtype)
        return place

    def batch_step(self, features: int) -> int:
        """From row to row of a batch: whole registers that hold whole tiles."""
        step = padded(tiles(features), self.dtype)
        self.widest = max(self.widest, step)
        return step

    def reserve(self, layers: Sequence[tuple[str, Layer]]) -> None:
        """Room for zeros, and for all parameters, their gradients and their slots."""
        sizes = [layer.input_shape[0] for _, layer in layers]
        sizes += [layer.output_shape[0] for _, layer in layers]
        self.zeros = self.take(1, self.batch_step(max(sizes)))
        self.first = self.size
        for name, layer in layers:
            if isinstance(layer, Affine):
                columns = padded(layer.features, self.dtype)
                self.params[f"{name}.weight"] = self.take(tiles(layer.input_shape[0]), columns)
                if layer.bias:
                    self.params[f"{name}.bias"] = self.take(1, columns)
            if isinstance(layer, BatchNorm):
                both = self.take(2, self.batch_step(layer.input_shape[0]))
                self.params[f"{name}.weight"] = both.row(0)
                self.params[f"{name}.bias"] = both.row(1)
        self.learned = self.size - self.first
        self.size += (1 + self.slots) * self.learned

    def gradient(self, place: Place) -> int:
        """Where the gradient of a parameter lies."""
        return place.start + self.learned

    # -- layers -----------------------------------------------------------------------------

    def examples(self, features: int, rescaled: list[float]) -> Value:
        """The batch itself. Its rows begin on cache lines of an odd distance.

        Their neighbours are read along the batch, and processors find only a few numbers at once
        that lie a large power of two apart.
        """
        step, line = self.batch_step(features), ALIGNMENT // self.dtype.itemsize
        if step > line and step // line % 2 == 0:
            step += line
        x = self.take(tiles(self.count), step)
        self.forward.append(
            (
                [dense_program.GATHER, x.start, x.step, features, int(self.splits(features))],
                rescaled,
            )
        )
        return Value(x, None, features)

    def affine(self, name: str, layer: Affine, x: Value) -> Value:
        """The sum y = x weight + bias, and its three gradients."""
        w, b = self.params[f"{name}.weight"], self.params.get(f"{name}.bias", self.zeros)
        rows, step = tiles(self.count), self.batch_step(layer.features)
        y, d = self.take(rows, step), self.take(rows, step)
        if x.d is None and self.splits(x.features):
            self.split_affine(x, w, b, y, layer.features)
        else:
            at = [*x.y.where, 1, *w.where, b.start, *y.where, w.step, x.features]
            self.forward.append(([dense_program.SUMS, *at], []))
        at = [x.y.start, 1, x.y.step, *d.where, self.zeros.start]
        at += [self.gradient(w), w.step, w.step, x.features]
        self.sums.append(([dense_program.WEIGHT_SUMS, *at], []))
        if layer.bias:
            at = [*d.where, layer.features, self.gradient(b)]
            self.sums.append(([dense_program.BIAS_SUMS, *at], []))
        if x.d is not None:
            turned = self.take(w.step, padded(x.features, self.dtype))
            at = [*w.where, *turned.where, x.features, w.step]
            self.turned.append(([dense_program.TRANSPOSE, *at], []))
            at = [*d.where, 1, *turned.where, self.zeros.start, *x.d.where]
            at += [turned.step, layer.features]
            if self.ends_with_relu():
                self.back.pop()
                at.append(x.y.start)
            self.back.append([([dense_program.SUMS, *at], [])])
        return Value(y, d, layer.features)

    def ends_with_relu(self) -> bool:
        """Whether the way back ends with a ReLU's mask, which who writes dx can apply as well."""
        operands = self.back[-1][0][0] if self.back else [dense_program.MEET]
        return operands[0] == dense_program.ACTIVATE_BACK and operands[4] == dense_parts.RELU

    def splits(self, features: int) -> bool:
        """Whether the workers share the inputs of the first layer, and not the rows of the batch.

        Then the weights of an input never leave the cache of the worker that sums, updates and
        uses them; only the sums go from one to the other.
        """
        return self.workers > 1 and features >= 2 * dense_program.PIECE * self.workers

    def split_affine(self, x: Value, w: Place, b: Place, y: Place, features: int) -> None:
        """The sum y = x weight + bias, in parts."""
        size = y.rows * y.step
        parts = self.take(self.workers, size)
        at = [*x.y.where, *w.where, b.start, self.zeros.start, parts.start, y.step]
        self.forward.append(([dense_program.SPLIT_SUMS, *at, x.features, size, 1], []))
        self.forward.append(([dense_program.MEET], []))
        at = [parts.start, y.step, features, y.start, size]
        self.forward.append(([dense_program.ADD_UP, *at], []))

    def activation(self, layer: Layer, x: Value) -> Value:
        """The activation in x's place; `x.d` becomes the gradient before it.

        A ReLU is no instruction of its own where the one before it can end with it.
        """
        assert x.d is not None  # noqa: S101  (it follows a layer with parameters)
        slope = self.live.keep(lambda: [getattr(layer, "slope", 0.0)])
        at = [*x.y.where, x.features, ACTIVATIONS[type(layer)]]
        before = self.forward[-1][0]
        if type(layer) is Relu and before[0] == dense_program.NORMALIZE:
            for operands in (before, self.back[-1][0][0], self.back[-1][-1][0]):
                operands[-1] = 1  # a ReLU follows
            return x
        if type(layer) is Relu and before[0] == dense_program.SUMS:
            before.append(RELU_AFTER)
        else:
            self.forward.append(([dense_program.ACTIVATE, *at], slope))
        self.back.append([([dense_program.ACTIVATE_BACK, *at, x.d.start], slope)])
        return x

    def norm(self, name: str, layer: BatchNorm, x: Value) -> Value:
        """Batch norm, in two instructions each way, which meet; d is changed where it lies."""
        rows, step = tiles(self.count), x.y.step
        y = self.take(rows, step)
        d = x.d if x.d is not None else self.take(rows, step)
        stats = self.take(STATISTICS * self.workers, step)
        self.statistics.append((stats.start, STATISTICS * step))
        running = self.take(2, step)
        self.state[f"{name}.running_mean"] = running.row(0)
        self.state[f"{name}.running_var"] = running.row(1)
        w = self.params[f"{name}.weight"]
        at = [x.y.start, y.start, d.start, step, x.features]
        at += [w.start, stats.start, self.gradient(w), running.start]
        options = self.live.keep(lambda: [layer.eps, layer.momentum])
        meet: Instruction = ([dense_program.MEET], [])
        turn = len(self.after) % 2
        for kind in (dense_program.MOMENTS, dense_program.NORMALIZE):
            self.forward += [([kind, *at, FORWARD + turn, 0], options), meet]
        self.forward.pop()
        first, last = dense_program.NORM_SUMS, dense_program.NORM_BACK
        uses = [BACK + turn, 0]
        self.back.append([([first, *at, *uses], options), meet, ([last, *at, *uses], options)])
        self.after.append(([dense_program.REMEMBER, *at, FORWARD], options))
        return Value(y, d, x.features)

    def loss(self, x: Value, which: int, smoothing: list[float]) -> None:
        """The loss of x, and its gradient."""
        assert x.d is not None  # noqa: S101  (it follows a layer with parameters)
        if which == dense_losses.YES_NO and x.features == 1:
            which = dense_losses.ONE_ANSWER
        at = [*x.y.where, x.features, x.d.start, which]
        self.forward.append(([dense_program.LOSS, *at], smoothing))

    def program(self, decayed: Sequence[Place], rule: int) -> list[Instruction]:
        """All instructions of a step, in their order."""
        meet: Instruction = ([dense_program.MEET], [])
        decay: list[Instruction] = [
            ([dense_program.DECAY, w.start, w.rows, w.step], []) for w in decayed
        ]
        checks: list[Instruction] = []
        updates: list[Instruction] = []
        for w in self.updated():
            grad, one, two = (self.learned * min(n, 1 + self.slots) + w.start for n in (1, 2, 3))
            checks.append(([dense_program.CHECK, grad, w.rows, w.step], []))
            at = [w.start, w.rows, w.step, grad, one, two, rule]
            updates.append(([dense_program.UPDATE, *at], []))
        return [
            *(self.forward[:1] + self.turned + self.forward[1:-1]),
            *([meet] if self.turned else []),
            self.forward[-1],
            *(instruction for part in reversed(self.back) for instruction in part),
            *(meet, *self.sums),
            *(([dense_program.TOTAL], []), *checks),
            *(meet, ([dense_program.STOP], [])),
            *(*decay, *updates, *self.after, meet),
        ]

    def updated(self) -> list[Place]:
        """What the optimizer walks over: matrix by matrix, so that each worker has its own rows.

        They are the rows whose gradients it summed itself, and of the first layer the weights
        that it will use itself: they stay in its cache. One worker takes everything at once.
        """
        if self.workers == 1:
            return [Place(self.first, 1, self.learned)]
        return list(self.params.values())
