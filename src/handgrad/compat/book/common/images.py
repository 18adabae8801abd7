"""The layers of `common.layers` that see images: convolution and pooling."""

from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, ShapeError, shape_text
from handgrad.ops.windows import output_size

__all__ = ["Convolution", "Pooling"]


class Convolution:
    """Filters W (F, C, FH, FW) that slide over images. Gradients: `dW`, `db`."""

    def __init__(self, W: Array, b: Array, stride: int = 1, pad: int = 0) -> None:
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Array) -> Array:
        """Each filter's weighted sum at each place."""
        images(x, self.W.shape[2:], self.stride, self.pad, who="Convolution")
        self.x = x
        dtype = np.result_type(x, self.W)
        out, self.saved = ops.conv2d_forward(
            x.astype(dtype, copy=False),
            self.W.astype(dtype, copy=False),
            np.broadcast_to(np.asarray(self.b, dtype), len(self.W)),  # scripts pass b = 0
            stride=(self.stride, self.stride),
            padding=(self.pad, self.pad),
        )
        return out

    def backward(self, dout: Array) -> Array:
        """The gradient for x; those for W and b are kept."""
        dx, self.dW, self.db = ops.conv2d_backward(dout, self.saved)
        return dx


class Pooling:
    """The largest entry of each window."""

    def __init__(self, pool_h: int, pool_w: int, stride: int = 1, pad: int = 0) -> None:
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self.arg_max: Any = None

    def forward(self, x: Array) -> Array:
        """The maxima; padding never wins."""
        kernel = (self.pool_h, self.pool_w)
        images(x, kernel, self.stride, self.pad, who="Pooling")
        self.x = x
        out, self.saved = ops.max_pool2d_forward(
            x, kernel=kernel, stride=(self.stride, self.stride), padding=(self.pad, self.pad)
        )
        self.arg_max = self.saved.winner
        return out

    def backward(self, dout: Array) -> Array:
        """To the winners, and to nobody else."""
        (dx,) = ops.max_pool2d_backward(dout, self.saved)
        return dx


def images(x: Array, kernel: Any, stride: int, pad: int, *, who: str) -> None:
    """Refuse what is no batch of images, or images smaller than a window.

    Raises:
        ShapeError: with the shapes.
    """
    if x.ndim != 4:
        raise ShapeError(
            f"{who}: x must have shape (N, C, H, W), but has shape {shape_text(x.shape)}. "
            "Load images with flatten=False."
        )
    sizes = [
        output_size(size, kernel=span, stride=stride, padding=pad)
        for size, span in zip(x.shape[2:], kernel, strict=True)
    ]
    if min(sizes) < 1:
        raise ShapeError(
            f"{who}: the window {shape_text(tuple(kernel))} must fit into x "
            f"{shape_text(x.shape)} with pad {pad}, but is larger."
        )
