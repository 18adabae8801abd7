"""Layers that change the shape and move no value."""

import math

from handgrad.backend import ops
from handgrad.checks import Array
from handgrad.layers.base import Layer, Shape
from handgrad.ops.reshape import FlattenSaved


class Flatten(Layer):
    """Write all entries of each example into one row: what stands between images and Affine.

    Shapes: x (N, C, H, W) -> y (N, C·H·W); any other number of axes likewise.
    """

    def build(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def forward(self, x: Array, *, training: bool) -> tuple[Array, FlattenSaved]:
        self.check_input(x)
        return ops.flatten_forward(x)

    def backward(self, dy: Array, saved: FlattenSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.shape)
        (dx,) = ops.flatten_backward(dy, saved)
        return dx, {}
