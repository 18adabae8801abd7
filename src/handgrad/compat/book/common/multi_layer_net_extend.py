"""`common.multi_layer_net_extend` of the book: with weight decay, dropout and batch norm."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from handgrad.checks import Array, check_choice
from handgrad.compat.book.common.gradient import numerical_gradient
from handgrad.compat.book.common.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)
from handgrad.compat.book.common.networks import BookNetwork

__all__ = ["MultiLayerNetExtend", "np", "numerical_gradient"]

ACTIVATIONS: dict[str, Any] = {"sigmoid": Sigmoid, "relu": Relu}
SCALES = {"relu": 2.0, "he": 2.0, "sigmoid": 1.0, "xavier": 1.0}  # variance times inputs


class MultiLayerNetExtend(BookNetwork):
    """A fully connected network of any depth.

    Args:
        input_size: features of an example.
        hidden_size_list: neurons of each hidden layer.
        output_size: classes.
        activation: "relu" or "sigmoid".
        weight_init_std: the weights' standard deviation; "relu" or "he" for √(2/n), "sigmoid" or
            "xavier" for √(1/n), with n inputs of a neuron.
        weight_decay_lambda: λ of the penalty λ/2 Σ W².
        use_dropout: dropout after each activation.
        dropout_ration: the share that it leaves out.
        use_batchnorm: batch norm before each activation.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: float | str = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        who = type(self).__name__
        check_choice(activation.lower(), list(ACTIVATIONS), who=who, which="activation")
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.use_dropout = use_dropout
        self.dropout_ration = dropout_ration
        self.weight_decay_lambda = weight_decay_lambda
        self.use_batchnorm = use_batchnorm
        self.params = {}
        self._draw_weights(weight_init_std)
        self.layers = OrderedDict()
        for number, size in enumerate(hidden_size_list, start=1):
            self._add_affine(number)
            if use_batchnorm:
                gamma, beta = np.ones(size), np.zeros(size)
                self.params[f"gamma{number}"], self.params[f"beta{number}"] = gamma, beta
                self.layers[f"BatchNorm{number}"] = BatchNormalization(gamma, beta)
            self.layers[f"Activation_function{number}"] = ACTIVATIONS[activation.lower()]()
            if use_dropout:
                self.layers[f"Dropout{number}"] = Dropout(dropout_ration)
        self._add_affine(self.hidden_layer_num + 1)
        self.last_layer = SoftmaxWithLoss()

    def _draw_weights(self, std: float | str) -> None:
        """W1, b1, W2, …: Gaussian weights from `np.random`, biases 0."""
        if isinstance(std, str):
            check_choice(
                std.lower(), list(SCALES), who=type(self).__name__, which="weight_init_std"
            )
        sizes = [self.input_size, *self.hidden_size_list, self.output_size]
        for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            scale = np.sqrt(SCALES[std.lower()] / inputs) if isinstance(std, str) else std
            self.params[f"W{number}"] = scale * np.random.randn(inputs, outputs)
            self.params[f"b{number}"] = np.zeros(outputs)

    def _add_affine(self, number: int) -> None:
        W, b = self.params[f"W{number}"], self.params[f"b{number}"]
        self.layers[f"Affine{number}"] = Affine(W, b)

    def predict(self, x: Array, train_flg: bool = False) -> Array:
        """The scores. In training dropout draws masks, and batch norm uses the batch."""
        for name, layer in self.layers.items():
            mode = (train_flg,) if "Dropout" in name or "BatchNorm" in name else ()
            x = layer.forward(x, *mode)
        return x

    def loss(self, x: Array, t: Array, train_flg: bool = False) -> Any:
        """The loss of a batch, and the penalty on the weights."""
        loss = self.last_layer.forward(self.predict(x, train_flg), t)
        if not self.weight_decay_lambda:
            return loss
        weights = [self.params[f"W{n}"] for n in range(1, self.hidden_layer_num + 2)]
        return loss + sum(0.5 * self.weight_decay_lambda * np.sum(W**2) for W in weights)

    def training_loss(self, x: Array, t: Array) -> Any:
        return self.loss(x, t, train_flg=True)

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The gradients by differences, all with the masks that the next `gradient` will draw.

        The running statistics of batch norm stay as they are.
        """
        norms = [n for n in self.layers.values() if isinstance(n, BatchNormalization)]
        before = [(norm.running_mean, norm.running_var, norm.batches) for norm in norms]
        try:
            return super().numerical_gradient(x, t)
        finally:
            for norm, state in zip(norms, before, strict=True):
                norm.running_mean, norm.running_var, norm.batches = state

    def collected(self) -> dict[str, Array]:
        grads: dict[str, Array] = {}
        for number in range(1, self.hidden_layer_num + 2):
            affine = self.layers[f"Affine{number}"]
            grads[f"W{number}"] = affine.dW + self.weight_decay_lambda * affine.W
            grads[f"b{number}"] = affine.db
            if self.use_batchnorm and number <= self.hidden_layer_num:
                norm = self.layers[f"BatchNorm{number}"]
                grads[f"gamma{number}"], grads[f"beta{number}"] = norm.dgamma, norm.dbeta
        return grads
