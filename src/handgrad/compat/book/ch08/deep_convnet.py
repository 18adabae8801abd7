"""`deep_convnet` of chapter 8: six convolutions, three poolings, two affine layers, dropout."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.compat.book.common.layers import (
    Affine,
    Convolution,
    Dropout,
    Pooling,
    Relu,
    SoftmaxWithLoss,
)
from handgrad.compat.book.common.stored import StoredNetwork
from handgrad.compat.book.common.util import conv_output_size

__all__ = ["DeepConvNet", "np"]


def convolution(filters: int, pad: int) -> dict[str, int]:
    """What the constructor takes for a 3 × 3 convolution."""
    return {"filter_num": filters, "filter_size": 3, "pad": pad, "stride": 1}


class DeepConvNet(StoredNetwork):
    """conv-relu-conv-relu-pool, three times; affine-relu-dropout; affine-dropout; softmax.

    Its dropout is the book's own, which scales in prediction: the weights that the book stores
    were trained that way, and they give their published accuracy only so.

    Args:
        input_dim: channels, height and width of the images.
        conv_param_1, …, conv_param_6: "filter_num", "filter_size", "pad", "stride".
        hidden_size: neurons of the hidden affine layer.
        output_size: classes.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param_1: Mapping[str, int] = convolution(16, 1),
        conv_param_2: Mapping[str, int] = convolution(16, 1),
        conv_param_3: Mapping[str, int] = convolution(32, 1),
        conv_param_4: Mapping[str, int] = convolution(32, 2),
        conv_param_5: Mapping[str, int] = convolution(64, 1),
        conv_param_6: Mapping[str, int] = convolution(64, 1),
        hidden_size: int = 50,
        output_size: int = 10,
    ) -> None:
        self.params: dict[str, Any] = {}
        self.layers: Any = []
        channels, *image = input_dim
        blocks = [conv_param_1, conv_param_2, conv_param_3]
        blocks += [conv_param_4, conv_param_5, conv_param_6]
        for number, block in enumerate(blocks, start=1):
            size, stride, pad = block["filter_size"], block["stride"], block["pad"]
            shape = (block["filter_num"], channels, size, size)
            W, b = self._draw(number, shape, inputs=channels * size * size)
            self.layers += [Convolution(W, b, stride, pad), Relu()]
            channels = block["filter_num"]
            image = [conv_output_size(n, size, stride, pad) for n in image]
            if number % 2 == 0:
                self.layers.append(Pooling(pool_h=2, pool_w=2, stride=2))
                image = [n // 2 for n in image]
        features = channels * image[0] * image[1]
        self.layers += [Affine(*self._draw(7, (features, hidden_size), inputs=features)), Relu()]
        self.layers.append(Dropout(0.5, inverted=False))
        self.layers.append(Affine(*self._draw(8, (hidden_size, output_size), inputs=hidden_size)))
        self.layers.append(Dropout(0.5, inverted=False))
        self.last_layer = SoftmaxWithLoss()

    def _draw(self, number: int, shape: tuple[int, ...], *, inputs: int) -> tuple[Array, Array]:
        """He's initial weights, from `np.random`, and biases of 0."""
        W = np.sqrt(2.0 / inputs) * np.random.randn(*shape)
        b = np.zeros(shape[0] if len(shape) == 4 else shape[1])
        self.params[f"W{number}"], self.params[f"b{number}"] = W, b
        return W, b

    def predict(self, x: Array, train_flg: bool = False) -> Array:
        """The scores. In training dropout draws masks."""
        for layer in self.layers:
            x = layer.forward(x, train_flg) if isinstance(layer, Dropout) else layer.forward(x)
        return x

    def training_loss(self, x: Array, t: Array) -> Any:
        return self.last_layer.forward(self.predict(x, train_flg=True), t)

    def loss(self, x: Array, t: Array) -> Any:
        """The loss in training: with dropout, as in the book."""
        return self.training_loss(x, t)

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        self.batch_loss = self.training_loss(x, t)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return self.collected()

    def weighted(self) -> list[Any]:
        return [layer for layer in self.layers if isinstance(layer, Affine | Convolution)]
