"""`two_layer_net` of chapter 4: a network without layer classes."""

from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array
from handgrad.compat.book.common.functions import cross_entropy_error, one_hot, sigmoid, softmax
from handgrad.compat.book.common.gradient import numerical_gradient

__all__ = ["TwoLayerNet", "np"]


class TwoLayerNet:
    """Affine, sigmoid, affine, softmax."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01
    ) -> None:
        self.params: dict[str, Array] = {}
        self.params["W1"] = weight_init_std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = weight_init_std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)

    def predict(self, x: Array) -> Array:
        """Probabilities."""
        hidden = sigmoid(x @ self.params["W1"] + self.params["b1"])
        return softmax(hidden @ self.params["W2"] + self.params["b2"])

    def loss(self, x: Array, t: Array) -> Any:
        """The mean cross-entropy."""
        return cross_entropy_error(self.predict(x), t)

    def accuracy(self, x: Array, t: Array) -> float:
        """The share of examples whose highest probability is at the right class."""
        classes = np.asarray(t) if np.ndim(t) == 1 else np.argmax(t, axis=1)
        return float(np.sum(np.argmax(self.predict(x), axis=1) == classes)) / max(len(x), 1)

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The gradients by differences."""
        return {
            name: numerical_gradient(lambda _: self.loss(x, t), array)
            for name, array in self.params.items()
        }

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The gradients by back-propagation, op by op."""
        sums, first = ops.affine_forward(x, self.params["W1"], self.params["b1"])
        hidden, bent = ops.sigmoid_forward(sums)
        scores, second = ops.affine_forward(hidden, self.params["W2"], self.params["b2"])
        labels = one_hot(t, scores, single=False).astype(scores.dtype)
        _, lost = ops.softmax_cross_entropy_forward(scores, labels=labels)
        (dscores,) = ops.softmax_cross_entropy_backward(np.ones((), scores.dtype), lost)
        dhidden, dW2, db2 = ops.affine_backward(dscores, second)
        (dsums,) = ops.sigmoid_backward(dhidden, bent)
        _, dW1, db1 = ops.affine_backward(dsums, first)
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
