"""Stages: what a plan does for one layer (or two fused ones), on buffers that it keeps.

A stage reads `x`, the buffer that the stage before it writes, and writes `y`; going back it reads
`dy` and writes `dx` (None where nobody needs it). Borders are what the reader needs: a stage says
in `x_border` and `dy_border` how wide, and the plan makes the buffers. Every worker calls
`forward` and `backward` for its own rows lo … hi − 1 of the buffers, once per step or, where the
worker goes through its images in several passes, once per pass. Features of all examples are kept;
images have room for those of a pass, and lo … hi − 1 are their places in that room.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.places import Four, rounded_up
from handgrad.layers.base import Layer
from handgrad.plans.buffers import Buffer, aligned_zeros
from handgrad.plans.workers import Workers

Pair = tuple[int, int]
NONE: tuple[Pair, Pair] = ((0, 0), (0, 0))


class Pass(NamedTuple):
    """Some of a worker's examples, computed from the first stage to the last and back.

    `shift` is how much further an example's features lie than its images.
    """

    lo: int  # rows of the batch
    hi: int
    shift: int = 0
    fresh: bool = True  # whether it is the first of a step


@dataclass
class Context:
    """What all stages of a plan share.

    Attributes:
        workers: who runs.
        count: the largest batch.
        at_once: how many examples a worker computes at a time.
        rows: the rows of the batch under way.
        passes: where each worker is.
        dtype: of all numbers.
        params: the network's parameters, by full name, in the public layouts.
        state: its running statistics.
        grads: where the gradients go, by full name, in the public layouts.
        new_state: what the forward pass made of the state.
        spoiled: for each gradient that the workers looked at, which parts are not finite.
    """

    workers: Workers
    count: int
    at_once: int
    dtype: np.dtype[Any]
    params: Mapping[str, Array]
    state: Mapping[str, Array]
    rows: int = 0
    grads: dict[str, Array] = field(default_factory=dict[str, Array])
    new_state: dict[str, Array] = field(default_factory=dict[str, Array])
    spoiled: dict[str, list[bool]] = field(default_factory=dict[str, list[bool]])

    def __post_init__(self) -> None:
        self.passes = [Pass(0, 0)] * self.workers.count

    def array(self, name: str) -> Array:
        """A parameter or a running statistic."""
        return self.params[name] if name in self.params else self.state[name]


class Stage:
    """The base of stages.

    Attributes:
        shape: (channels, height, width) of an example of the output; features are (D, 1, 1).
        images: whether it is about images: features are counted through the whole batch.
        x_border, dy_border: zeros wanted around x and dy: ((above, left), (below, right)).
        whole_channels: whether x's channels must be padded to whole registers.
        room_size: how many numbers each worker needs room for, while it is in this stage.
        hands_out: whether the gradients of weights are views of the plan's buffers, not copies.
        reuses_x: whether backward is done with x where it writes dx, so that dx may take its place.
        relu: whether it ends with the ReLU that follows its layer.
        dy_masked: whether the stage after this one takes that ReLU's mask into its dx.
        waits: how often in a step the workers wait for each other in it: it needs all examples.
        whole: whether it wants all examples of a worker at once, for each call costs much.
    """

    x_border: tuple[Pair, Pair] = NONE
    dy_border: tuple[Pair, Pair] = NONE
    whole_channels = False
    hands_out = False
    reuses_x = False
    relu = False
    dy_masked = False
    waits = 0
    whole = False
    room_size = 0
    room: Array  # (workers, at least room_size): the same for all stages

    def __init__(self, context: Context, layer: Layer, name: str) -> None:
        self.context, self.layer, self.name = context, layer, name
        self.input_shape = image_shape(layer.input_shape)
        self.shape = image_shape(layer.output_shape)
        self.images = len(layer.input_shape) == 3

    def keeps_y(self) -> bool:
        """Whether backward reads y, so that dy must not take its place."""
        return False

    def connect(self, x: Buffer, y: Buffer, dy: Buffer | None, dx: Buffer | None) -> None:
        """Take over the buffers; make what else is needed."""
        self.x, self.y, self.dx = x, y, dx
        self.dy = dy if dy is not None else y  # never read without a backward pass

    def prepare(self, *, training: bool) -> None:
        """Once per step, before the workers start: what the layer draws, or looks up."""

    def load(self, worker: int, *, training: bool) -> None:
        """Bring this worker's part of the weights into the kernels' layouts."""

    def copied(self) -> list[str]:
        """What `load` copies, params and state, so that it must run again when they change."""
        return []

    def folded_options(self) -> list[float]:
        """Options that are part of what `load` copies, likewise."""
        return []

    def forward(self, worker: int, lo: int, hi: int, *, training: bool) -> None:
        """Compute y for the rows lo … hi − 1."""
        raise NotImplementedError

    def backward(self, worker: int, lo: int, hi: int) -> None:
        """Compute dx for the rows lo … hi − 1, and this worker's part of the gradients."""
        raise NotImplementedError

    def finish(self, worker: int) -> None:
        """When this worker has gone back with all its rows: what it can do before the others."""

    def gather(self, worker: int) -> None:
        """When all workers have gone back: this worker's part of what they computed together."""

    def partial(self, size: int) -> Array:
        """Room for each worker's part of a sum: (workers, size), each on its own cache lines."""
        room = rounded_up(size, 16)
        flat = aligned_zeros(self.context.workers.count * room, self.context.dtype)
        return flat.reshape(self.context.workers.count, room)[:, :size]

    @property
    def size(self) -> tuple[int, int, int]:
        """(height, width, padded channels) of the output."""
        return self.shape[1], self.shape[2], self.y.channels

    def features_at(self, worker: int, features: Buffer) -> Four:
        """Where a stage from images to features finds those of this pass's first image."""
        start, example, row, position = features.at
        return start + self.context.passes[worker].shift * example, example, row, position


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """An example's shape as (channels, height, width); features are channels of a 1 × 1 image.

    What has neither one axis nor three is features too, in the order that they lie in.
    """
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (math.prod(shape), 1, 1)


def pair(value: int | Pair) -> Pair:
    """An option that is one number for both axes, or one for each."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])
