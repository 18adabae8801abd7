"""Pooling layers: smaller images, nothing to learn."""

import math
from collections.abc import Sequence

from handgrad.backend import ops
from handgrad.checks import Array, InvalidValueError
from handgrad.layers.base import Shape
from handgrad.layers.windows import ImageLayer, WindowLayer, pair
from handgrad.ops.pooling import AveragePool2dSaved, GlobalAveragePoolSaved, MaxPool2dSaved
from handgrad.ops.windows import Placement


class Pool2d(WindowLayer):
    """The base of layers that make one number of each window, channel by channel."""

    def __init__(
        self,
        kernel: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        who = type(self).__name__
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        size = pair(kernel, who=who, which="kernel")
        self.placement = Placement(
            size,
            size if stride is None else pair(stride, who=who, which="stride"),
            pair(padding, who=who, which="padding", low=0),
        )
        if any(p >= k for p, k in zip(self.placement.padding, size, strict=True)):
            raise InvalidValueError(
                f"{who}: padding must be smaller than kernel {size}, but is "
                f"{self.placement.padding}: some windows would hold no pixel of the image."
            )

    def build(self, input_shape: Shape) -> Shape:
        rows, columns = self.positions(input_shape)
        return (input_shape[0], rows, columns)

    def flops(self) -> int:
        return math.prod(self.output_shape) * math.prod(self.placement.kernel)


class MaxPool2d(Pool2d):
    """Keep the largest entry of each window, channel by channel.

    Padding never wins. Where several entries are largest, the first in row-major order gets the
    gradient.

    Args:
        kernel: the window's size: one number, or a pair (along the height, along the width).
        stride: how far the window moves, alike; by default the kernel, so that windows tile the
            image. Rows and columns that remain at the far end are dropped.
        padding: rows and columns added on each side, alike; smaller than the kernel.
        name: how errors call this layer.

    Shapes: x (N, C, H, W) -> y (N, C, OH, OW), OH = ⌊(H + 2 padding − kernel) / stride⌋ + 1 and OW
    alike.
    """

    def forward(self, x: Array, *, training: bool) -> tuple[Array, MaxPool2dSaved]:
        self.check_images(x)
        return ops.max_pool2d_forward(
            x,
            kernel=self.placement.kernel,
            stride=self.placement.stride,
            padding=self.placement.padding,
        )

    def backward(self, dy: Array, saved: MaxPool2dSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.winner.shape)
        (dx,) = ops.max_pool2d_backward(dy, saved)
        return dx, {}


class AveragePool2d(Pool2d):
    """The mean of each window, channel by channel.

    Args:
        kernel: the window's size: one number, or a pair (along the height, along the width).
        stride: how far the window moves, alike; by default the kernel, so that windows tile the
            image. Rows and columns that remain at the far end are dropped.
        padding: rows and columns of zeros added on each side, alike; smaller than the kernel.
        count_padding: whether these zeros count in the mean; if not, a window at the border gives
            the mean of the image's own pixels in it.
        name: how errors call this layer.

    Shapes: x (N, C, H, W) -> y (N, C, OH, OW), OH = ⌊(H + 2 padding − kernel) / stride⌋ + 1 and OW
    alike.
    """

    def __init__(
        self,
        kernel: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        count_padding: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(kernel, stride=stride, padding=padding, name=name)
        self.count_padding = count_padding

    def forward(self, x: Array, *, training: bool) -> tuple[Array, AveragePool2dSaved]:
        self.check_images(x)
        return ops.average_pool2d_forward(
            x,
            kernel=self.placement.kernel,
            stride=self.placement.stride,
            padding=self.placement.padding,
            count_padding=self.count_padding,
        )

    def backward(self, dy: Array, saved: AveragePool2dSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.input_shape)
        (dx,) = ops.average_pool2d_backward(dy, saved)
        return dx, {}


class GlobalAveragePool(ImageLayer):
    """The mean of each channel over the whole image: x (N, C, H, W) -> y (N, C)."""

    def build(self, input_shape: Shape) -> Shape:
        channels, _, _ = self.image_axes(input_shape)
        return (channels,)

    def forward(self, x: Array, *, training: bool) -> tuple[Array, GlobalAveragePoolSaved]:
        self.check_images(x)
        return ops.global_average_pool_forward(x)

    def backward(self, dy: Array, saved: GlobalAveragePoolSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.input_shape)
        (dx,) = ops.global_average_pool_backward(dy, saved)
        return dx, {}

    def flops(self) -> int:
        return math.prod(self.input_shape)
