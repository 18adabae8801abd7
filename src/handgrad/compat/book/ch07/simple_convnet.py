"""`simple_convnet` of chapter 7: one convolution, one pooling, two affine layers."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.compat.book.common.layers import Affine, Convolution, Pooling, Relu, SoftmaxWithLoss
from handgrad.compat.book.common.stored import StoredNetwork
from handgrad.compat.book.common.util import conv_output_size

__all__ = ["SimpleConvNet", "np"]

CONVOLUTION: dict[str, int] = {"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1}


class SimpleConvNet(StoredNetwork):
    """Convolution, ReLU, pooling, affine, ReLU, affine; softmax with loss.

    Args:
        input_dim: channels, height and width of the images.
        conv_param: "filter_num", "filter_size", "pad", "stride".
        hidden_size: neurons of the hidden affine layer.
        output_size: classes.
        weight_init_std: the weights' standard deviation.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param: Mapping[str, int] = CONVOLUTION,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float = 0.01,
    ) -> None:
        filters, size = conv_param["filter_num"], conv_param["filter_size"]
        stride, pad = conv_param["stride"], conv_param["pad"]
        channels, *image = input_dim
        after = [conv_output_size(n, size, stride, pad) // 2 for n in image]
        shapes = [
            (filters, channels, size, size),
            (filters * after[0] * after[1], hidden_size),
            (hidden_size, output_size),
        ]
        self.params: dict[str, Any] = {}
        for number, shape in enumerate(shapes, start=1):
            self.params[f"W{number}"] = weight_init_std * np.random.randn(*shape)
            self.params[f"b{number}"] = np.zeros(shape[0] if len(shape) == 4 else shape[1])
        p = self.params
        self.layers = OrderedDict()
        self.layers["Conv1"] = Convolution(p["W1"], p["b1"], stride, pad)
        self.layers["Relu1"] = Relu()
        self.layers["Pool1"] = Pooling(pool_h=2, pool_w=2, stride=2)
        self.layers["Affine1"] = Affine(p["W2"], p["b2"])
        self.layers["Relu2"] = Relu()
        self.layers["Affine2"] = Affine(p["W3"], p["b3"])
        self.last_layer = SoftmaxWithLoss()

    def weighted(self) -> list[Any]:
        return [self.layers[name] for name in ("Conv1", "Affine1", "Affine2")]
