"""A plan: one network's whole step, compiled, on buffers that are kept from step to step."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from handgrad.checks import Array
from handgrad.layers import Affine, BatchNorm, Conv2d, Dropout, Flatten, MaxPool2d, Relu, Rescale
from handgrad.layers.base import Layer
from handgrad.losses import Loss
from handgrad.network import Network
from handgrad.plans.affine import AffineStage
from handgrad.plans.buffers import Border, Buffer
from handgrad.plans.convolution import ConvStage
from handgrad.plans.normalized import BatchNormStage
from handgrad.plans.stages import (
    NONE,
    Context,
    DropoutStage,
    FlattenStage,
    LayerStage,
    MaxPoolStage,
    ReluStage,
    RescaleStage,
    Stage,
    image_shape,
    pair,
)
from handgrad.plans.weighted import WeightedStage
from handgrad.plans.winograd import WinogradStage
from handgrad.plans.workers import Workers


class PlanResult(NamedTuple):
    """What a step computed."""

    loss: float
    outputs: Array  # a copy
    grads: dict[str, Array]  # by parameter
    new_state: dict[str, Array]


class Plan:
    """A network's step for batches of up to `count` rows.

    Args:
        network: what is computed; its parameters are read anew in each step.
        count: the largest batch.
        workers: who computes.
        training: whether there is a backward pass.
    """

    def __init__(
        self, network: Network, count: int, workers: Workers, *, training: bool = True
    ) -> None:
        # Not the network itself: a predicting plan lives as long as its network, not longer.
        self.input_shape, self.output_shape = network.input_shape, network.output_shape
        self.training = training
        self.context = Context(workers, count, network.dtype, network.params, network.state)
        self.stages = make_stages(self.context, network.layers)
        self.learning: list[Stage] = []  # from the first with parameters on
        self._connect(count)

    def _connect(self, count: int) -> None:
        """Make the buffers: each as wide as its reader needs."""
        dtype = self.context.dtype
        shape = image_shape(self.input_shape)
        whole = wants_whole_channels(self.stages)
        border = self.stages[0].x_border
        x = Buffer(count, shape, dtype, border=border, pad_channels=whole.pop(0))
        self.input, dx = x, None
        readers = [*self.stages[1:], None]
        for stage, reader, padding in zip(self.stages, readers, whole, strict=True):
            learns = self.training and (dx is not None or bool(stage.layer.params))
            wide = learns or isinstance(stage, WeightedStage) or padding
            border = reader.x_border if reader is not None else NONE
            shared = learns and shares_buffer(stage, reader)
            if shared:
                border = widest(border, stage.dy_border)
            y = Buffer(count, stage.shape, dtype, border=border, pad_channels=wide)
            dy = None
            if learns:
                border, step = stage.dy_border, stage.dy_step
                dy = y if shared else Buffer(count, stage.shape, dtype, border=border, step=step)
                self.learning.append(stage)
            stage.connect(x, y, dy, dx)
            x, dx = y, dy
        self.output, self.d_output = x, dx
        room = self.stages[0].partial(max(stage.room_size for stage in self.stages))
        for stage in self.stages:
            stage.room = room

    # -- running ----------------------------------------------------------------------------

    def forward(self, x: Array, *, training: bool) -> Array:
        """The outputs of a batch, (N, …): a copy."""
        rows = self._begin(x, training=training)
        workers = self.context.workers

        def task(worker: int) -> None:
            self._load(worker, training=training)
            self._forward(worker, x, *workers.share(worker, rows), training=training)

        workers.run(task)
        return self._outputs(rows)

    def step(
        self, x: Array, loss: Loss, *, labels: Array, sample_weight: Array | None = None
    ) -> PlanResult:
        """Forward, loss and backward of a batch, in training mode."""
        rows = self._begin(x, training=True)
        workers = self.context.workers
        result: list[PlanResult] = []

        def task(worker: int) -> None:
            lo, hi = workers.share(worker, rows)
            self._load(worker, training=True)
            self._forward(worker, x, lo, hi, training=True)
            workers.wait()
            if worker == 0:
                result.append(self._loss(rows, loss, labels, sample_weight))
            workers.wait()
            for stage in reversed(self.learning):
                stage.backward(worker, lo, hi)
            workers.wait()
            for stage in self.learning:
                stage.gather(worker)

        workers.run(task)
        return result[0]

    def _begin(self, x: Array, *, training: bool) -> int:
        self.context.rows = len(x)
        self.context.grads, self.context.new_state = {}, {}
        for stage in self.stages:
            stage.prepare(training=training)
        return len(x)

    def _load(self, worker: int, *, training: bool) -> None:
        for stage in self.stages:
            stage.load(worker, training=training)
        self.context.workers.wait()

    def _forward(self, worker: int, x: Array, lo: int, hi: int, *, training: bool) -> None:
        self.input.view[lo:hi] = x[lo:hi].reshape(hi - lo, *image_shape(self.input_shape))
        for stage in self.stages:
            stage.forward(worker, lo, hi, training=training)

    def _outputs(self, rows: int) -> Array:
        return self.output.view[:rows].reshape(rows, *self.output_shape).copy()

    def _loss(
        self, rows: int, loss: Loss, labels: Array, sample_weight: Array | None
    ) -> PlanResult:
        outputs = self._outputs(rows)
        value, saved = loss.forward(outputs, labels=labels, sample_weight=sample_weight)
        (d_output,) = loss.backward(outputs.dtype.type(1), saved)
        assert self.d_output is not None  # noqa: S101  (a training plan has it)
        self.d_output.view[:rows] = d_output.reshape(rows, *self.stages[-1].shape)
        return PlanResult(float(value), outputs, self.context.grads, self.context.new_state)


def shares_buffer(stage: Stage, reader: Stage | None) -> bool:
    """Whether the gradient of a stage's output may take the output's own place."""
    return (
        reader is not None and reader.reuses_x and not stage.keeps_y() and stage.dy_step == (1, 1)
    )


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


def make_stages(context: Context, layers: Sequence[Layer]) -> list[Stage]:
    """A stage for each layer, with the layers that it can take in as well."""
    stages: list[Stage] = []
    remaining = list(layers)
    while remaining:
        layer = remaining.pop(0)
        name = str(layer.name)
        if type(layer) is Affine:
            relu = follows(remaining, Relu)
            stage: Stage = AffineStage(context, layer, name, relu=relu)
            del remaining[: int(relu)]
        elif type(layer) is Conv2d and layer.groups == 1:
            stage, taken = make_convolution(context, layer, name, remaining)
            del remaining[:taken]
        else:
            stage = make_plain_stage(context, layer, name)
        share_mask(stage, stages)
        stages.append(stage)
    return stages


def make_convolution(
    context: Context, layer: Layer, name: str, remaining: Sequence[Layer]
) -> tuple[Stage, int]:
    """The stage of a convolution, and how many of the layers after it it does as well."""
    kind = WinogradStage if WinogradStage.fits(context, layer) else ConvStage
    relu = follows(remaining, Relu)
    pool = remaining[1] if relu and len(remaining) > 1 and is_halving(remaining[1]) else None
    return kind(context, layer, name, relu=relu, pool=pool), int(relu) + (pool is not None)


def follows(layers: Sequence[Layer], kind: type[Layer]) -> bool:
    """Whether the next layer is of this kind."""
    return bool(layers) and type(layers[0]) is kind


def is_halving(layer: Layer) -> bool:
    """Whether a layer is a 2 × 2 max-pool without overlap or padding."""
    if not isinstance(layer, MaxPool2d) or any(layer.placement.padding):
        return False
    options: Any = layer
    return pair(options.kernel) == pair(options.stride or options.kernel) == (2, 2)


def share_mask(stage: Stage, before: Sequence[Stage]) -> None:
    """Let a stage with weights mask its dx for the ReLU before it, if only a Flatten is between."""
    source = before[-1] if before else None
    if isinstance(source, FlattenStage):
        source = before[-2] if len(before) > 1 else None
    if isinstance(stage, WeightedStage) and isinstance(source, WeightedStage) and source.relu:
        stage.masks_dx = source.dy_masked = True


PLAIN_STAGES: dict[type[Layer], type[Stage]] = {
    Rescale: RescaleStage,
    Relu: ReluStage,
    BatchNorm: BatchNormStage,
}


def make_plain_stage(context: Context, layer: Layer, name: str) -> Stage:
    """A stage for a layer without weights of its own to sum over."""
    kind: type[Stage] = PLAIN_STAGES.get(type(layer), LayerStage)
    features = len(layer.input_shape) == 1
    if isinstance(layer, MaxPool2d) and not any(layer.placement.padding):
        kind = MaxPoolStage
    elif type(layer) is Dropout and features:
        kind = DropoutStage
    elif type(layer) is Flatten and not features:
        kind = FlattenStage
    return kind(context, layer, name)
