"""A plan: one network's whole step, compiled, on buffers that are kept from step to step.

Layout: each stage's output has a buffer, channels last, with the border of zeros and the padding
that the stage after it wants to read. Its gradient has another, or takes its place where the output
is not needed any more. Features have room for the whole batch; images for as many as all workers
compute at a time, in which each worker has its own part. What a stage needs only while a worker is
in it lies in room that all stages share.

Schedule: each worker has its rows of the batch (but of large affine layers its inputs:
`by_inputs.py`). It brings its part of the weights into the kernels' layouts; when all have, it goes
in passes: with a few examples from the first stage to the last, to the loss, and back, so that what
one stage wrote is near when the next one reads it. Gradients add up from pass to pass. At the end
it finishes what it can alone, and when all have come so far, its part of what they computed
together. Where a stage needs all examples, or the loss does, there is one pass, and the workers
wait for each other inside it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from handgrad.checks import Array, InvalidValueError
from handgrad.kernels.dense_losses import loss_rows
from handgrad.kernels.images import same
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.plans.assembly import make_stages
from handgrad.plans.buffers import Border, Buffer
from handgrad.plans.dense_kinds import RowLoss, row_loss
from handgrad.plans.normalized import BatchNormStage
from handgrad.plans.plain import MaxPoolStage, ReluStage
from handgrad.plans.stages import NONE, Context, Pass, Stage, image_shape
from handgrad.plans.weighted import WeightedStage
from handgrad.plans.workers import Workers


class PlanResult(NamedTuple):
    """What a step computed."""

    loss: float
    outputs: Array  # a copy
    grads: dict[str, Array]  # by parameter
    new_state: dict[str, Array]
    finite: dict[str, bool]  # for some gradients: whether every number is


class Plan:
    """A network's step for batches of up to `count` rows.

    Args:
        network: what is computed; its parameters are read anew in each step, and for predictions
            when they have changed.
        count: the largest batch.
        workers: who computes.
        training: whether there is a backward pass. Without one, a batch norm's running statistics
            are part of the convolution before it, and `forward` cannot take the batch's own.
        at_once: how many examples each worker computes at a time, from the first stage to the last
            and back; None: its whole share. Always that where workers wait for each other in a
            stage, where a stage wants all examples of a worker (`Stage.whole`), and where outputs
            are more than a row for each example.
    """

    def __init__(
        self,
        network: Network,
        count: int,
        workers: Workers,
        *,
        training: bool = True,
        at_once: int | None = None,
    ) -> None:
        # Not the network itself: a predicting plan lives as long as its network, not longer.
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.training = training
        self.share = -(-count // workers.count)
        self.at_once = min(at_once or self.share, self.share)
        self.context = Context(
            workers, count, self.at_once, network.dtype, network.params, network.state
        )
        self.stages = make_stages(self.context, network.layers, training=training)
        if len(self.output_shape) > 1 or any(stage.waits or stage.whole for stage in self.stages):
            self.at_once = self.share
        self.context.at_once = self.at_once
        self.learning: list[Stage] = []  # from the first with parameters on
        self._connect()
        self.losses, self.numbers = np.zeros(count), np.arange(count)  # of the rows
        self.loaded: list[tuple[Array, Array]] = []  # arrays and what they held when loaded, flat
        self.options: list[float] = []

    def _connect(self) -> None:
        """Make the buffers: each as wide as its reader needs."""
        dtype, count = self.context.dtype, self.context.count
        workers = self.context.workers.count
        images = min(self.at_once * workers, count)
        shape = image_shape(self.input_shape)
        whole = wants_whole_channels(self.stages)
        border = self.stages[0].x_border
        rows = images if self.stages[0].images else count
        x = Buffer(rows, shape, dtype, border=border, pad_channels=whole.pop(0))
        self.input, dx = x, None
        readers = [*self.stages[1:], None]
        for stage, reader, padding in zip(self.stages, readers, whole, strict=True):
            learns = self.training and (dx is not None or bool(stage.layer.params))
            wide = learns or isinstance(stage, (WeightedStage, BatchNormStage)) or padding
            border = reader.x_border if reader is not None else NONE
            rows = images if reader is not None and reader.images else count
            shared = learns and shares_buffer(stage, reader)
            if shared:
                border = widest(border, stage.dy_border)
            y = Buffer(rows, stage.shape, dtype, border=border, pad_channels=wide)
            dy = None
            if learns:
                dy = y if shared else Buffer(rows, stage.shape, dtype, border=stage.dy_border)
                self.learning.append(stage)
            stage.connect(x, y, dy, dx)
            x, dx = y, dy
        self.output, self.d_output = x, dx
        room = self.stages[0].partial(max(stage.room_size for stage in self.stages))
        for stage in self.stages:
            stage.room = room

    def never_written(self) -> int:
        """Bytes of its buffers' borders that take no memory."""
        values = [value for stage in self.stages for value in vars(stage).values()]
        buffers = {id(value): value for value in values if isinstance(value, Buffer)}
        return sum(buffer.never_written() for buffer in buffers.values())

    # -- running ----------------------------------------------------------------------------

    def forward(self, x: Array, *, training: bool) -> Array:
        """The outputs of a batch, (N, …): a copy."""
        rows = self._begin(x, training=training)
        workers = self.context.workers
        changed = self._changed()

        def task(worker: int) -> None:
            if changed:
                self._load(worker, training=training)
            for each in self._passes(worker, rows):
                self._forward(worker, x, each, training=training)

        names = [name for stage in self.stages for name in stage.copied()] if changed else []
        arrays = [self.context.array(name).reshape(-1) for name in names]
        now = [(array, array.copy()) for array in arrays]
        workers.run(task)
        self.loaded = now or self.loaded
        return self._outputs(rows)

    def step(
        self, x: Array, loss: Loss, *, labels: Array, sample_weight: Array | None = None
    ) -> PlanResult:
        """Forward, loss and backward of a batch, in training mode.

        Raises:
            InvalidValueError: passes shorter than a worker's share, and a loss that is not of the
                kind of `RowLoss`.
        """
        rows, self.loaded = self._begin(x, training=True), []
        workers = self.context.workers
        own = self._row_loss(loss, labels, sample_weight)
        result: list[tuple[float, Array]] = []

        def task(worker: int) -> None:
            self._load(worker, training=True)
            for each in self._passes(worker, rows):
                self._forward(worker, x, each, training=True)
                if own is not None:
                    self.own_loss(own, each)
                else:
                    workers.wait()
                    if worker == 0:
                        result.append(self._loss(rows, loss, labels, sample_weight))
                    workers.wait()
                for stage in reversed(self.learning):
                    stage.backward(worker, *self._rows(stage, worker))
            for stage in self.learning:
                stage.finish(worker)
            workers.wait()
            for stage in self.learning:
                stage.gather(worker)

        workers.run(task)
        if own is None:
            value, outputs = result[0]
        else:
            value, outputs = float(self.losses[:rows].sum()), self._outputs(rows)
        context = self.context
        looked_at = {name: not any(parts) for name, parts in context.spoiled.items()}
        return PlanResult(value, outputs, context.grads, context.new_state, looked_at)

    def _begin(self, x: Array, *, training: bool) -> int:
        self.context.rows = len(x)
        self.context.grads, self.context.new_state, self.context.spoiled = {}, {}, {}
        for stage in self.stages:
            stage.prepare(training=training)
        return len(x)

    def _changed(self) -> bool:
        """Whether parameters or options are others than those that were loaded for a prediction."""
        before = self.options
        self.options = [value for stage in self.stages for value in stage.folded_options()]
        return (
            not self.loaded
            or before != self.options
            or not all(same(array, kept) for array, kept in self.loaded)
        )

    def _load(self, worker: int, *, training: bool) -> None:
        for stage in self.stages:
            stage.load(worker, training=training)
        self.context.workers.wait()

    def _passes(self, worker: int, rows: int) -> Iterator[Pass]:
        """This worker's examples, in passes of about the same length."""
        context = self.context
        lo, hi = context.workers.share(worker, rows)
        count = max(1, -(-(hi - lo) // self.at_once))
        place = worker * self.at_once
        for number in range(count):
            first, last = (lo + (hi - lo) * n // count for n in (number, number + 1))
            shift = first - place if self.at_once < self.share else 0
            context.passes[worker] = Pass(first, last, shift, number == 0)
            yield context.passes[worker]

    def _rows(self, stage: Stage, worker: int) -> tuple[int, int]:
        """Where a stage finds the examples of the pass that a worker is in."""
        lo, hi, shift, _ = self.context.passes[worker]
        return (lo - shift, hi - shift) if stage.images else (lo, hi)

    def _forward(self, worker: int, x: Array, each: Pass, *, training: bool) -> None:
        lo, hi = self._rows(self.stages[0], worker)
        part = x[each.lo : each.hi]
        self.input.view[lo:hi] = part.reshape(hi - lo, *image_shape(self.input_shape))
        for stage in self.stages:
            stage.forward(worker, *self._rows(stage, worker), training=training)

    def _outputs(self, rows: int) -> Array:
        return self.output.view[:rows].reshape(rows, *self.output_shape).copy()

    def _loss(
        self, rows: int, loss: Loss, labels: Array, sample_weight: Array | None
    ) -> tuple[float, Array]:
        outputs = self._outputs(rows)
        value, saved = loss.forward(outputs, labels=labels, sample_weight=sample_weight)
        (d_output,) = loss.backward(outputs.dtype.type(1), saved)
        assert self.d_output is not None  # noqa: S101  (a training plan has it)
        self.d_output.view[:rows] = d_output.reshape(rows, *self.stages[-1].shape)
        return float(value), outputs

    def _row_loss(self, loss: Loss, labels: Array, sample_weight: Array | None) -> RowLoss | None:
        """The loss as a sum over rows, if it is one; several passes ask for that."""
        own = row_loss(loss, labels, sample_weight, self.context.dtype)
        own = own if len(self.output_shape) == 1 else None
        if own is None and self.at_once < self.share:
            raise InvalidValueError(
                f"Plan: several passes need a loss of rows, not {loss}. Leave `at_once` out: then "
                f"each worker takes its {self.share} examples in one."
            )
        return own

    def own_loss(self, own: RowLoss, each: Pass) -> None:
        """The losses of a pass, and their gradients."""
        y, d = self.output, self.d_output
        assert d is not None  # noqa: S101  (a training plan has it)
        loss_rows(
            *(own.which, own.smoothing, y.flat.reshape(y.count, -1), d.flat.reshape(d.count, -1)),
            *(self.output_shape[0], own.labels, self.numbers[: self.context.rows]),
            *(each.lo, each.hi, self.losses),
        )


def shares_buffer(stage: Stage, reader: Stage | None) -> bool:
    """Whether the gradient of a stage's output may take the output's own place."""
    return reader is not None and reader.reuses_x and not stage.keeps_y()


def widest(one: Border, other: Border) -> Border:
    """A border wide enough for both."""
    (above, left), (below, right) = (
        tuple(max(a, b) for a, b in zip(*pair_of, strict=True))
        for pair_of in zip(one, other, strict=True)
    )
    return (above, left), (below, right)


def wants_whole_channels(stages: Sequence[Stage]) -> list[bool]:
    """For each buffer, input first: whether it must be padded; else few channels stay few."""
    wanted = [False]
    for stage in reversed(stages):
        passed_on = wanted[0] and isinstance(stage, (ReluStage, MaxPoolStage))
        wanted.insert(0, stage.whole_channels or passed_on)
    return wanted
