"""Convolutional layers."""

import math
from collections.abc import Sequence

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, InvalidValueError, ShapeError, check_count, check_kind
from handgrad.initializers import Initializer, resolve, zeros
from handgrad.layers.base import ParamSpec, Shape
from handgrad.layers.windows import WindowLayer, pair, spans
from handgrad.ops.convolution import Conv2dSaved
from handgrad.ops.windows import Pair, Placement


class Conv2d(WindowLayer):
    """Slide filters over images: each output is a filter's weighted sum of one window, plus a bias.

    `kernel`, `stride`, `padding` and `dilation` are one number for both axes, or a pair (along the
    height, along the width).

    Args:
        filters: the number of filters F, which is the number of the output's channels.
        kernel: the filters' size.
        stride: how far the window moves from one output position to the next.
        padding: rows and columns of zeros added on each side; "same" adds as many as keep the
            image's size (for stride 1 and odd kernels).
        dilation: how far apart the pixels of a window are (1: side by side).
        groups: into how many parts channels and filters are split, each part by itself; as many as
            there are channels make a depthwise convolution.
        init: the weight's initial values: a name ("he", "xavier", …), a number (a Gaussian of that
            standard deviation) or a function (rng, shape, dtype) -> array.
        bias: False leaves the bias out (batch norm after it has one).
        name: how parameters and errors call this layer.

    Shapes: x (N, C, H, W) -> y (N, F, OH, OW), with
    OH = ⌊(H + 2 padding − dilation (kernel − 1) − 1) / stride⌋ + 1 and OW alike;
    params weight (F, C / groups, KH, KW), bias (F,).

    >>> from handgrad import Network
    >>> Network([Conv2d(30, 5)], input_shape=(1, 28, 28)).output_shape
    (30, 24, 24)
    """

    decayed = ("weight",)

    def __init__(
        self,
        filters: int,
        kernel: int | Sequence[int],
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        init: str | float | Initializer = "he",
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        check_count(filters, who="Conv2d", which="filters")
        check_count(groups, who="Conv2d", which="groups")
        check_kind(bias, bool, who="Conv2d", which="bias")
        if filters % groups:
            raise InvalidValueError(
                f"Conv2d: filters must be divisible by groups, {groups}, but is {filters}."
            )
        self.filters = filters
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.init = init
        self.bias = bias
        self.placement = place(kernel, stride, padding, dilation)

    def build(self, input_shape: Shape) -> Shape:
        size = self.positions(input_shape)
        channels = input_shape[0]
        if channels % self.groups:
            raise ShapeError(
                f"{self.title}: the channels of x must be divisible by groups, {self.groups}, "
                f"but x has {channels}."
            )
        weight_init = resolve(self.init, who=f"Conv2d {self.name!r}")
        weight_shape = (self.filters, channels // self.groups, *self.placement.kernel)
        self.param_specs = {"weight": ParamSpec(weight_shape, weight_init)}
        if self.bias:
            self.param_specs["bias"] = ParamSpec((self.filters,), zeros)
        return (self.filters, *size)

    def forward(self, x: Array, *, training: bool) -> tuple[Array, Conv2dSaved]:
        self.check_images(x)
        weight = self.params["weight"]
        return ops.conv2d_forward(
            x,
            weight,
            self.params["bias"] if self.bias else np.zeros(self.filters, weight.dtype),
            stride=self.placement.stride,
            padding=self.placement.padding,
            dilation=self.placement.dilation,
            groups=self.groups,
        )

    def backward(self, dy: Array, saved: Conv2dSaved) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, saved.x.shape)
        dx, dweight, dbias = ops.conv2d_backward(dy, saved)
        grads = {"weight": dweight}
        if self.bias:
            grads["bias"] = dbias
        return dx, grads

    def flops(self) -> int:
        products = self.input_shape[0] // self.groups * math.prod(self.placement.kernel)
        return 2 * math.prod(self.output_shape) * products


def place(
    kernel: int | Sequence[int],
    stride: int | Sequence[int],
    padding: int | Sequence[int] | str,
    dilation: int | Sequence[int],
) -> Placement:
    """Where a convolution's windows lie, from what its user gives.

    >>> place(5, 1, "same", 1)
    Placement(kernel=(5, 5), stride=(1, 1), padding=(2, 2), dilation=(1, 1))
    """
    placement = Placement(
        pair(kernel, who="Conv2d", which="kernel"),
        pair(stride, who="Conv2d", which="stride"),
        dilation=pair(dilation, who="Conv2d", which="dilation"),
    )
    if not isinstance(padding, str):
        amount = pair(padding, who="Conv2d", which="padding", low=0)
    elif padding == "same":
        amount = same_padding(placement)
    else:
        raise InvalidValueError(
            "Conv2d: padding must be a whole number, a pair of them, or 'same', "
            f"but is {padding!r}."
        )
    return placement._replace(padding=amount)


def same_padding(placement: Placement) -> Pair:
    """The padding that keeps an image's size: half of what the windows take off, on each side.

    Raises:
        InvalidValueError: a stride other than 1, or windows of even size.
    """
    kernel, stride, _, dilation = placement
    span = spans(kernel, dilation)
    if stride != (1, 1):
        raise InvalidValueError(
            f"Conv2d: stride must be 1 for padding 'same', but is {stride}. "
            "Give the padding as numbers."
        )
    if span[0] % 2 == 0 or span[1] % 2 == 0:
        raise InvalidValueError(
            "Conv2d: windows must have odd sizes for padding 'same', which is equal on both sides, "
            f"but have sizes {span} (kernel {kernel}, dilation {dilation}). "
            "Take an odd kernel, or give the padding as numbers."
        )
    return span[0] // 2, span[1] // 2
