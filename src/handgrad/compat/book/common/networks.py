"""What the book's networks share: layers by name, one last layer, gradients two ways."""

from collections import OrderedDict
from typing import Any

import numpy as np

from handgrad.checks import Array
from handgrad.compat.book.common.gradient import numerical_gradient


class BookNetwork:
    """A network in the book's form.

    `params` and `layers` are dicts, `last_layer` makes the loss of what the layers give.
    `batch_loss` is the loss that `gradient` met on its way; the Trainer takes it from there.
    """

    params: dict[str, Any]
    layers: OrderedDict[str, Any]
    last_layer: Any
    batch_loss: Any = None

    def predict(self, x: Array) -> Array:
        """The scores."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Array, t: Array) -> Any:
        """The loss of a batch, `t` its classes or one-hot rows."""
        return self.last_layer.forward(self.predict(x), t)

    def training_loss(self, x: Array, t: Array) -> Any:
        """The loss as training sees it: what `gradient` and `numerical_gradient` differentiate."""
        return self.loss(x, t)

    def accuracy(self, x: Array, t: Array, batch_size: int = 1000) -> float:
        """The share of examples whose highest score is at the right class."""
        right = 0
        classes = np.asarray(t) if np.ndim(t) == 1 else np.argmax(t, axis=1)
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            right += int(np.sum(np.argmax(self.predict(x[rows]), axis=1) == classes[rows]))
        return right / max(len(x), 1)

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The gradients by differences: slow, and right if `gradient` is."""
        return {
            name: numerical_gradient(lambda _: self.training_loss(x, t), array)
            for name, array in self.params.items()
        }

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The gradients by back-propagation, keyed like `params`."""
        self.batch_loss = self.training_loss(x, t)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return self.collected()

    def collected(self) -> dict[str, Array]:
        """The gradients that the layers keep, by the parameters' names."""
        raise NotImplementedError
