"""`common.multi_layer_net` of the book: a fully connected network with weight decay."""

from collections.abc import Sequence

import numpy as np

from handgrad.compat.book.common.gradient import numerical_gradient
from handgrad.compat.book.common.multi_layer_net_extend import MultiLayerNetExtend

__all__ = ["MultiLayerNet", "np", "numerical_gradient"]


class MultiLayerNet(MultiLayerNetExtend):
    """A fully connected network of any depth: `MultiLayerNetExtend` without dropout and norms."""

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: float | str = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size_list,
            output_size,
            activation,
            weight_init_std,
            weight_decay_lambda,
        )
