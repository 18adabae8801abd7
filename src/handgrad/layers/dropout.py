"""The dropout layer: draws the mask that the op takes."""

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, InvalidValueError, check_number
from handgrad.layers.base import Layer, Shape
from handgrad.ops.dropout import DropoutSaved


class Dropout(Layer):
    """In training, leave out each entry with probability `rate` and scale up the others.

    The kept entries are divided by 1 − rate, so that inference, where the layer does nothing,
    needs no scaling. (The book's layer scales at inference instead.) Each
    forward pass in training draws a new mask from the layer's own generator.

    Args:
        rate: in [0, 1): the probability of being left out.
        name: how errors call this layer.

    Shapes: x (N, …), y the same.
    """

    random = True

    def __init__(self, rate: float = 0.5, *, name: str | None = None) -> None:
        super().__init__(name=name)
        check_number(rate, who="Dropout", which="rate", low=0, high=1, open_high=True)
        self.rate = float(rate)

    def build(self, input_shape: Shape) -> Shape:
        return input_shape

    def forward(self, x: Array, *, training: bool) -> tuple[Array, DropoutSaved | None]:
        self.check_input(x)
        if not training:
            return x.copy(), None
        return ops.dropout_forward(x, mask=self.draw(len(x)), rate=self.rate)

    def draw(self, rows: int) -> Array:
        """The mask for a batch of so many rows: True where an entry is kept."""
        if self.rng is None:
            raise InvalidValueError(
                f"{self.title}: there is no generator to draw from, because the layer belongs to "
                "no network. Put it into a Network first."
            )
        # 32 bits a draw take less time than 64, and round the rate by less than 1e-7.
        return self.rng.random((rows, *self.input_shape), np.float32) >= self.rate

    def backward(self, dy: Array, saved: DropoutSaved | None) -> tuple[Array, dict[str, Array]]:
        self.check_gradient(dy, None if saved is None else saved.mask.shape)
        if saved is None:
            return dy.copy(), {}
        (dx,) = ops.dropout_backward(dy, saved)
        return dx, {}
