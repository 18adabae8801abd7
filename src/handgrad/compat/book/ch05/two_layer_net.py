"""`two_layer_net` of chapter 5: the same network as layers, with ReLU."""

from collections import OrderedDict

import numpy as np

from handgrad.checks import Array
from handgrad.compat.book.common.layers import Affine, Relu, SoftmaxWithLoss
from handgrad.compat.book.common.networks import BookNetwork

__all__ = ["TwoLayerNet", "np"]


class TwoLayerNet(BookNetwork):
    """Affine, ReLU, affine; softmax with loss."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01
    ) -> None:
        self.params = {}
        self.params["W1"] = weight_init_std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = weight_init_std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)
        self.layers = OrderedDict()
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self.lastLayer = self.last_layer = SoftmaxWithLoss()

    def collected(self) -> dict[str, Array]:
        first, second = self.layers["Affine1"], self.layers["Affine2"]
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}
