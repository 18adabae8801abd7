"""Activation layers: one op each, no parameters."""

import math
from typing import NoReturn

from handgrad.backend import ops
from handgrad.checks import Array, NoGradientError, check_number
from handgrad.layers.base import Layer, Shape
from handgrad.ops.activations import (
    IdentitySaved,
    LeakyReluSaved,
    ReluSaved,
    SigmoidSaved,
    SoftplusSaved,
    StepSaved,
    TanhSaved,
)


class Activation(Layer):
    """The base of layers that treat every entry by itself and keep the shape.

    Attributes:
        flops_per_entry: operations of the forward pass: 1 for each + − × ÷, comparison, minimum or
            maximum; roughly 10 for each exp, log or tanh, whose true cost the processor decides.
    """

    flops_per_entry = 1

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def flops(self) -> int:
        return self.flops_per_entry * math.prod(self.input_shape)


class Identity(Activation):
    """Leave everything as it is: y = x. Any shape."""

    flops_per_entry = 0

    def forward(self, x: Array, *, training: bool) -> tuple[Array, IdentitySaved]:
        return ops.identity_forward(x)

    def backward(self, dy: Array, saved: IdentitySaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy)
        (dx,) = ops.identity_backward(dy, saved)
        return dx, {}


class Step(Activation):
    """Say whether each entry is positive: y = 1 where x > 0, else 0. Any shape.

    It predicts but cannot be trained through, because its slope is 0 wherever it has one.
    """

    def forward(self, x: Array, *, training: bool) -> tuple[Array, StepSaved]:
        return ops.step_forward(x)

    def backward(self, dy: Array, saved: StepSaved) -> NoReturn:
        """Refuse: there is nothing useful to return.

        Raises:
            NoGradientError: always.
        """
        raise NoGradientError(
            f"{self.title}: a step has no useful gradient: its slope is 0 on both sides of the "
            "jump, so no layer before it could learn. Train with Sigmoid(), its smooth form."
        )


class Relu(Activation):
    """Keep what is positive: y = max(x, 0). Any shape."""

    def forward(self, x: Array, *, training: bool) -> tuple[Array, ReluSaved]:
        return ops.relu_forward(x)

    def backward(self, dy: Array, saved: ReluSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.positive.shape)
        (dx,) = ops.relu_backward(dy, saved)
        return dx, {}


class LeakyRelu(Activation):
    """Keep what is positive, shrink the rest: y = x where x > 0, else slope x. Any shape.

    Args:
        slope: what negative entries are multiplied by, at least 0.
        name: how errors call this layer.
    """

    flops_per_entry = 4

    def __init__(self, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name)
        check_number(slope, who="LeakyRelu", which="slope", low=0)
        self.slope = float(slope)  # a NumPy scalar would turn float32 into float64

    def forward(self, x: Array, *, training: bool) -> tuple[Array, LeakyReluSaved]:
        return ops.leaky_relu_forward(x, slope=self.slope)

    def backward(self, dy: Array, saved: LeakyReluSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.positive.shape)
        (dx,) = ops.leaky_relu_backward(dy, saved)
        return dx, {}


class Sigmoid(Activation):
    """Squeeze every number into (0, 1): y = 1 / (1 + exp(−x)). Any shape."""

    flops_per_entry = 26

    def forward(self, x: Array, *, training: bool) -> tuple[Array, SigmoidSaved]:
        return ops.sigmoid_forward(x)

    def backward(self, dy: Array, saved: SigmoidSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.y.shape)
        (dx,) = ops.sigmoid_backward(dy, saved)
        return dx, {}


class Softplus(Activation):
    """ReLU with a round corner: y = log(1 + exp(x)). Any shape."""

    flops_per_entry = 24

    def forward(self, x: Array, *, training: bool) -> tuple[Array, SoftplusSaved]:
        return ops.softplus_forward(x)

    def backward(self, dy: Array, saved: SoftplusSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x.shape)
        (dx,) = ops.softplus_backward(dy, saved)
        return dx, {}


class Tanh(Activation):
    """Squeeze every number into (−1, 1): y = tanh(x). Any shape."""

    flops_per_entry = 10

    def forward(self, x: Array, *, training: bool) -> tuple[Array, TanhSaved]:
        return ops.tanh_forward(x)

    def backward(self, dy: Array, saved: TanhSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.y.shape)
        (dx,) = ops.tanh_backward(dy, saved)
        return dx, {}
