"""The affine (fully connected, dense) layer."""

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, check_count, check_kind
from handgrad.initializers import Initializer, resolve, zeros
from handgrad.layers.base import Layer, ParamSpec, Shape
from handgrad.ops.affine import AffineSaved


class Affine(Layer):
    """Every output is a weighted sum of all inputs, plus a bias: y = x weight + bias.

    Args:
        features: the number of outputs M.
        init: the weight's initial values: a name ("he", "xavier", …), a number (a Gaussian of that
            standard deviation) or a function (rng, shape, dtype) -> array.
        bias: False leaves the bias out (batch norm after it has one).
        name: how parameters and errors call this layer.

    Shapes: x (N, D) -> y (N, M); params weight (D, M), bias (M,).
    """

    decayed = ("weight",)

    def __init__(
        self,
        features: int,
        *,
        init: str | float | Initializer = "he",
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        check_count(features, who="Affine", which="features")
        check_kind(bias, bool, who="Affine", which="bias")
        self.features = features
        self.init = init
        self.bias = bias

    def build(self, input_shape: Shape) -> Shape:
        self.check_axes(input_shape, ("D",), cure="Put Flatten() before it.")
        weight_init = resolve(self.init, who=f"Affine {self.name!r}")
        self.param_specs = {"weight": ParamSpec((input_shape[0], self.features), weight_init)}
        if self.bias:
            self.param_specs["bias"] = ParamSpec((self.features,), zeros)
        return (self.features,)

    def forward(self, x: Array, *, training: bool) -> tuple[Array, AffineSaved]:
        self.check_input(x, cure="Put Flatten() before it." if x.ndim > 2 else "")
        weight = self.params["weight"]
        bias = self.params["bias"] if self.bias else np.zeros(self.features, weight.dtype)
        return ops.affine_forward(x, weight, bias)

    def backward(self, dy: Array, saved: AffineSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x.shape)
        dx, dweight, dbias = ops.affine_backward(dy, saved)
        grads = {"weight": dweight}
        if self.bias:
            grads["bias"] = dbias
        return dx, grads

    def flops(self) -> int:
        return 2 * self.input_shape[0] * self.features
