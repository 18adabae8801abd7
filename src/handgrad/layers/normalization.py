"""Normalization layers: batch norm (over the batch) and layer norm (over each example)."""

import math

from handgrad.backend import ops
from handgrad.checks import Array, ShapeError, check_number, shape_text
from handgrad.initializers import ones, zeros
from handgrad.layers.base import Layer, ParamSpec, Shape
from handgrad.ops.normalization import BatchNormInferenceSaved, BatchNormSaved, LayerNormSaved


class BatchNorm(Layer):
    """Normalize each feature (on images: each channel) over the batch, then scale and shift it.

    Training uses the batch's own mean and variance, and keeps running ones:

        running ← momentum · running + (1 − momentum) · batch

    (PyTorch's momentum is 1 minus this one). The running variance takes the batch's unbiased one,
    Σ (x − μ)² / (m − 1), as the paper and PyTorch do. Inference, and a frozen layer, use the
    running statistics, so that an example's output does not depend on its neighbours; a frozen
    layer leaves them as they are. Where the batch gives a channel one entry, x̂ = 0 and y = bias,
    and its variance, which nothing can be known of, is left out of the running one.

    Args:
        momentum: in [0, 1): how much of the running statistics each step keeps.
        eps: added to the variance, so that a constant feature divides by no zero.
        name: how parameters and errors call this layer.

    Shapes: x (N, C) or (N, C, H, W), y the same; params weight (C,), bias (C,); state running_mean
    (C,), running_var (C,). Weight decay leaves its parameters alone.
    """

    def __init__(
        self, *, momentum: float = 0.9, eps: float = 1e-5, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        check_number(momentum, who="BatchNorm", which="momentum", low=0, high=1, open_high=True)
        check_number(eps, who="BatchNorm", which="eps", low=0, open_low=True)
        self.momentum = float(momentum)
        self.eps = float(eps)

    def build(self, input_shape: Shape) -> Shape:
        shape = (count_channels(self, input_shape),)
        self.param_specs = {"weight": ParamSpec(shape, ones), "bias": ParamSpec(shape, zeros)}
        self.state_specs = {
            "running_mean": ParamSpec(shape, zeros),
            "running_var": ParamSpec(shape, ones),
        }
        return input_shape

    def forward(
        self, x: Array, *, training: bool
    ) -> tuple[Array, BatchNormSaved | BatchNormInferenceSaved]:
        self.check_input(x)
        weight, bias = self.params["weight"], self.params["bias"]
        if training and not self.frozen:
            return ops.batch_norm_forward(x, weight, bias, eps=self.eps)
        mean, var = self.state["running_mean"], self.state["running_var"]
        return ops.batch_norm_inference_forward(x, weight, bias, mean=mean, var=var, eps=self.eps)

    def backward(
        self, dy: Array, saved: BatchNormSaved | BatchNormInferenceSaved
    ) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x_hat.shape)
        if isinstance(saved, BatchNormSaved):
            dx, dweight, dbias = ops.batch_norm_backward(dy, saved)
        else:
            dx, dweight, dbias = ops.batch_norm_inference_backward(dy, saved)
        return dx, {"weight": dweight, "bias": dbias}

    def new_state(self, saved: BatchNormSaved | BatchNormInferenceSaved) -> dict[str, Array]:
        if isinstance(saved, BatchNormInferenceSaved):
            return {}
        m = saved.x_hat[:, 0].size  # entries per channel
        batch: dict[str, Array] = {}
        if m > 0:
            batch["running_mean"] = saved.mean
        if m > 1:
            batch["running_var"] = saved.var * (m / (m - 1))
        keep = self.momentum
        return {key: keep * self.state[key] + (1 - keep) * value for key, value in batch.items()}

    def flops(self) -> int:
        return 4 * math.prod(self.input_shape)


class LayerNorm(Layer):
    """Normalize each example over all its entries, then scale and shift each entry.

    The same in training and inference: no example's output depends on the others.

    Args:
        eps: added to the variance, so that a constant example divides by no zero.
        name: how parameters and errors call this layer.

    Shapes: x (N, …), y the same; params weight (…), bias (…): one entry for each of an example's.
    Weight decay leaves its parameters alone.
    """

    def __init__(self, *, eps: float = 1e-5, name: str | None = None) -> None:
        super().__init__(name=name)
        check_number(eps, who="LayerNorm", which="eps", low=0, open_low=True)
        self.eps = float(eps)

    def build(self, input_shape: Shape) -> Shape:
        self.param_specs = {
            "weight": ParamSpec(input_shape, ones),
            "bias": ParamSpec(input_shape, zeros),
        }
        return input_shape

    def forward(self, x: Array, *, training: bool) -> tuple[Array, LayerNormSaved]:
        self.check_input(x)
        return ops.layer_norm_forward(x, self.params["weight"], self.params["bias"], eps=self.eps)

    def backward(self, dy: Array, saved: LayerNormSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x_hat.shape)
        dx, dweight, dbias = ops.layer_norm_backward(dy, saved)
        return dx, {"weight": dweight, "bias": dbias}

    def flops(self) -> int:
        return 7 * math.prod(self.input_shape)


def count_channels(layer: Layer, input_shape: Shape) -> int:
    """The number of features of (N, C), or of channels of (N, C, H, W).

    Raises:
        ShapeError: x is neither. (N, H, W) is refused because its rows would pass for channels.
    """
    if len(input_shape) not in {1, 3}:
        cure = " Give images a channel axis: x[:, np.newaxis]." if len(input_shape) == 2 else ""
        raise ShapeError(
            f"{type(layer).__name__} {layer.name!r}: x must have shape (N, C) or (N, C, H, W), "
            f"but has shape {shape_text(('N', *input_shape))}.{cure}"
        )
    return input_shape[0]
