"""Layers of the gates: one op each, no parameters."""

from handgrad.backend import ops
from handgrad.checks import Array
from handgrad.layers.activations import Activation
from handgrad.ops.gates import GeluSaved, SiluSaved


class Gelu(Activation):
    """Keep the Gaussian share of each entry, in the tanh form: y ≈ x Φ(x). Any shape."""

    flops_per_entry = 18

    def forward(self, x: Array, *, training: bool) -> tuple[Array, GeluSaved]:
        return ops.gelu_forward(x)

    def backward(self, dy: Array, saved: GeluSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x.shape)
        (dx,) = ops.gelu_backward(dy, saved)
        return dx, {}


class Silu(Activation):
    """Keep the sigmoid's share of each entry: y = x σ(x), also called Swish. Any shape."""

    flops_per_entry = 27

    def forward(self, x: Array, *, training: bool) -> tuple[Array, SiluSaved]:
        return ops.silu_forward(x)

    def backward(self, dy: Array, saved: SiluSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x.shape)
        (dx,) = ops.silu_backward(dy, saved)
        return dx, {}
