"""`common.layers` of the book: a layer keeps what its backward pass needs, and its gradients.

Each computes by the op of the same name (`handgrad.ops`), where the derivation stands.
"""

from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, ShapeError, shape_text
from handgrad.compat.book.common.functions import (
    cross_entropy_error,
    floating,
    identity_function,
    mean_squared_error,
    one_hot,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from handgrad.compat.book.common.images import Convolution, Pooling
from handgrad.compat.book.common.util import col2im, im2col

__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "col2im",
    "cross_entropy_error",
    "identity_function",
    "im2col",
    "mean_squared_error",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]


class Relu:
    """Keeps what is positive. `mask` is True where it is not."""

    def __init__(self) -> None:
        self.mask: Any = None

    def forward(self, x: Array) -> Array:
        """Keep `x` where it is positive."""
        out, self.saved = ops.relu_forward(x)
        self.mask = x <= 0
        return out

    def backward(self, dout: Array) -> Array:
        """`dout` where x was positive: a new array, and `dout` stays as it is."""
        (dx,) = ops.relu_backward(dout, self.saved)
        return dx


class Sigmoid:
    """1 / (1 + exp(−x)), kept in `out`."""

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Array) -> Array:
        """The sigmoid of each entry."""
        self.out, self.saved = ops.sigmoid_forward(floating(x))
        return self.out

    def backward(self, dout: Array) -> Array:
        """Times the slope, out (1 − out)."""
        (dx,) = ops.sigmoid_backward(dout, self.saved)
        return dx


class Affine:
    """x W + b, with `x` flattened to rows. Gradients: `dW`, `db`."""

    def __init__(self, W: Array, b: Array) -> None:
        self.W = W
        self.b = b
        self.x: Any = None
        self.original_x_shape: Any = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Array) -> Array:
        """The weighted sums of each row."""
        self.original_x_shape = x.shape
        self.x = x.reshape(len(x), -1)
        out, self.saved = ops.affine_forward(self.x, self.W, self.b)
        return out

    def backward(self, dout: Array) -> Array:
        """The gradient for x, in its own shape."""
        dx, self.dW, self.db = ops.affine_backward(dout, self.saved)
        return dx.reshape(self.original_x_shape)


class SoftmaxWithLoss:
    """Softmax and the mean cross-entropy: `y` are the probabilities, `loss` what came out.

    `t` are classes, or one-hot rows. A single example, x of shape (K,), is a batch of one.
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Array, t: Array) -> Any:
        """The loss, from the scores themselves."""
        self.t = t
        x = floating(x)
        rows = x[np.newaxis] if x.ndim == 1 else x
        labels = one_hot(t, rows, single=x.ndim == 1).astype(rows.dtype)
        self.loss, self.saved = ops.softmax_cross_entropy_forward(rows, labels=labels)
        self.y = np.exp(self.saved.log_probs).reshape(x.shape)
        return self.loss

    def backward(self, dout: Any = 1) -> Array:
        """(y − t) / N, times `dout`."""
        (dx,) = ops.softmax_cross_entropy_backward(np.asarray(dout, self.y.dtype), self.saved)
        return dx.reshape(self.y.shape)


class Dropout:
    """Leaves entries out at random in training.

    What is kept is scaled up in training by 1 / (1 − dropout_ratio), so that nothing is left to
    do in prediction. `inverted=False` is the book's own way, the other way round: prediction is
    scaled down. Weights that were trained that way need it.

    `mask` is True where an entry was kept: np.random.rand(*x.shape) > dropout_ratio.
    """

    def __init__(self, dropout_ratio: float = 0.5, *, inverted: bool = True) -> None:
        self.dropout_ratio = dropout_ratio
        self.inverted = inverted
        self.mask: Any = None

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """With a new mask in training."""
        if not train_flg:
            return x.copy() if self.inverted else x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*x.shape) > self.dropout_ratio
        rate = self.dropout_ratio if self.inverted else 0.0
        out, self.saved = ops.dropout_forward(x, mask=self.mask, rate=rate)
        return out

    def backward(self, dout: Array) -> Array:
        """Through the entries that were kept."""
        (dx,) = ops.dropout_backward(dout, self.saved)
        return dx


class BatchNormalization:
    """Brings each feature, or each channel of images, to mean 0 and variance 1 over the batch.

    gamma (C,) and beta (C,) scale and shift, for images too: one pair for each channel.
    Prediction uses `running_mean` and `running_var`. They are the plain mean of what the first
    batches had, and from the tenth on (with momentum 0.9) a moving one; before the first batch they
    are 0 and 1. Gradients: `dgamma`, `dbeta`.
    """

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        momentum: float = 0.9,
        running_mean: Array | None = None,
        running_var: Array | None = None,
    ) -> None:
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.input_shape: Any = None
        self.running_mean = running_mean
        self.running_var = running_var
        self.batches = np.inf  # that the running statistics come from; given ones from very many
        self.dgamma: Any = None
        self.dbeta: Any = None
        self.saved: Any = None

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """By the batch's statistics in training, which move the running ones; else by those."""
        self.input_shape = x.shape
        weight, bias = self._per_channel("gamma", x), self._per_channel("beta", x)
        eps = 10e-7  # as the book writes it: 10⁻⁶
        if self.running_mean is None or self.running_var is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.ones(x.shape[1])
            self.batches = 0
        if train_flg:
            out, self.saved = ops.batch_norm_forward(x, weight, bias, eps=eps)
            self.backward_op = ops.batch_norm_backward
            self.batches += 1
            share = max(1 - self.momentum, 1 / self.batches)
            self.running_mean = (1 - share) * self.running_mean + share * self.saved.mean
            self.running_var = (1 - share) * self.running_var + share * self.saved.var
        else:
            mean, var = self.running_mean, self.running_var
            out, self.saved = ops.batch_norm_inference_forward(
                x, weight, bias, mean=mean, var=var, eps=eps
            )
            self.backward_op = ops.batch_norm_inference_backward
        return out

    def backward(self, dout: Array) -> Array:
        """Through the statistics as well, if they were the batch's."""
        dx, self.dgamma, self.dbeta = self.backward_op(dout, self.saved)
        return dx

    def _per_channel(self, name: str, x: Array) -> Array:
        """Gamma or beta with one entry for each channel; a single number is for all of them."""
        values = np.asarray(getattr(self, name))
        if values.size != 1 and values.shape != x.shape[1:2]:
            raise ShapeError(
                f"BatchNormalization: {name} must have shape {shape_text(x.shape[1:2])}, one entry "
                f"for each channel of x {shape_text(x.shape)}, but has shape "
                f"{shape_text(values.shape)}."
            )
        return np.broadcast_to(values, x.shape[1:2])
