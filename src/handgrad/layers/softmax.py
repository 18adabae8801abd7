"""Layers of softmax and its logarithm, for rows of K numbers; no parameters."""

from handgrad.backend import ops
from handgrad.checks import Array
from handgrad.layers.activations import Activation
from handgrad.layers.base import Shape
from handgrad.ops.softmax import LogSoftmaxSaved, SoftmaxSaved


class RowActivation(Activation):
    """The base of layers that normalize each row of K numbers, and so take no other shape."""

    def build(self, input_shape: Shape) -> Shape:
        self.check_axes(input_shape, ("K",), cure="Put Flatten() before it.")
        return input_shape


class Softmax(RowActivation):
    """Turn each row into K probabilities: y = exp(x) / Σ exp(x). Shapes: (N, K) -> (N, K).

    A classifier needs it neither for training (SoftmaxCrossEntropy has it inside) nor for
    predicting (predict_proba applies it): end the network in its logits.
    """

    flops_per_entry = 14

    def forward(self, x: Array, *, training: bool) -> tuple[Array, SoftmaxSaved]:
        self.check_input(x)
        return ops.softmax_forward(x)

    def backward(self, dy: Array, saved: SoftmaxSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.probs.shape)
        (dx,) = ops.softmax_backward(dy, saved)
        return dx, {}


class LogSoftmax(RowActivation):
    """The logarithm of each row's softmax, without rounding to log 0. Shapes: (N, K) -> (N, K)."""

    flops_per_entry = 14  # and one logarithm for each row

    def flops(self) -> int:
        return super().flops() + 10

    def forward(self, x: Array, *, training: bool) -> tuple[Array, LogSoftmaxSaved]:
        self.check_input(x)
        return ops.log_softmax_forward(x)

    def backward(self, dy: Array, saved: LogSoftmaxSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.log_probs.shape)
        (dx,) = ops.log_softmax_backward(dy, saved)
        return dx, {}
