"""Activation layers: one op each, no parameters."""

from handgrad.backend import ops
from handgrad.checks import Array
from handgrad.layers.base import Layer, Shape
from handgrad.ops.activations import ReluSaved


class Activation(Layer):
    """The base of layers that treat every entry by itself and keep the shape."""

    flops_per_entry = 1

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def flops(self) -> int:
        import math

        return self.flops_per_entry * math.prod(self.input_shape)


class Relu(Activation):
    """Keep what is positive: y = max(x, 0). Any shape."""

    def forward(self, x: Array, *, training: bool) -> tuple[Array, ReluSaved]:
        return ops.relu_forward(x)

    def backward(self, dy: Array, saved: ReluSaved) -> tuple[Array, dict[str, Array]]:
        (dx,) = ops.relu_backward(dy, saved)
        return dx, {}
