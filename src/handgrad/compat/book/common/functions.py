"""`common.functions` of the book: activations and losses as plain functions, and their slopes."""

from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, ShapeError, shape_text

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "mean_squared_error",
    "np",  # scripts take it from here: `from common.functions import *`
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]


def floating(x: Any) -> Array:
    """`x` as an array of floats: integers and lists become float64."""
    array = np.asarray(x)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def identity_function(x: Any) -> Any:
    """`x` itself."""
    return x


def step_function(x: Any) -> Array:
    """1 where x > 0, else 0, as integers."""
    return np.array(np.asarray(x) > 0, dtype=np.int64)


def sigmoid(x: Any) -> Array:
    """1 / (1 + exp(−x)), without an overflow for any x."""
    y, _ = ops.sigmoid_forward(floating(x))
    return y[()]


def sigmoid_grad(x: Any) -> Array:
    """The slope of the sigmoid."""
    y = sigmoid(x)
    return (1.0 - y) * y


def relu(x: Any) -> Array:
    """The larger of 0 and x."""
    return np.maximum(0, x)


def relu_grad(x: Any) -> Array:
    """The slope of ReLU: 1 where x > 0, else 0, at 0 too, as in the layer Relu."""
    return np.where(np.asarray(x) > 0, 1.0, 0.0).astype(floating(x).dtype)


def softmax(x: Any) -> Array:
    """Probabilities from scores: along the last axis."""
    x = floating(x)
    y, _ = ops.softmax_forward(x.reshape(-1, x.shape[-1]))
    return y.reshape(x.shape)


def sum_squared_error(y: Any, t: Any) -> Any:
    """Half the sum of squared differences."""
    return 0.5 * np.sum((np.asarray(y) - t) ** 2)


mean_squared_error = sum_squared_error  # the name in the book's first edition


def cross_entropy_error(y: Any, t: Any) -> Any:
    """The mean of −log of the probability that `y` gives to the right class.

    Args:
        y: probabilities, (N, K), or (K,) for one example.
        t: classes, or rows of the shape of y (one-hot). It is the number of axes that says which.
    """
    y = floating(y)
    rows = y[np.newaxis] if y.ndim == 1 else y
    target = one_hot(t, rows, single=y.ndim == 1)
    tiny = np.finfo(rows.dtype).tiny  # log(0) has no value; nothing is added to what has one
    return np.sum(target * (0 - np.log(np.maximum(rows, tiny)))) / max(len(rows), 1)


def softmax_loss(X: Any, t: Any) -> Any:
    """The cross-entropy of softmax(X), from the scores: exact, however wrong they are."""
    x = floating(X)
    rows = x[np.newaxis] if x.ndim == 1 else x
    loss, _ = ops.softmax_cross_entropy_forward(
        rows, labels=one_hot(t, rows, single=x.ndim == 1).astype(rows.dtype)
    )
    return loss


def one_hot(t: Any, rows: Array, *, single: bool) -> Array:
    """Targets as rows of the shape of `rows`, from such rows or from classes.

    Raises:
        ShapeError: neither.
    """
    t = np.asarray(t)
    count, classes = rows.shape
    if single:
        t = t[np.newaxis] if t.shape == (classes,) else t.reshape(-1)
    if t.shape == rows.shape:
        return t
    if t.size != count or t.ndim > rows.ndim:
        raise ShapeError(
            f"cross entropy: t must have shape ({count},), classes, or {shape_text(rows.shape)}, "
            f"one row for each of y, but has shape {shape_text(t.shape)}."
        )
    target = np.zeros_like(rows)
    target[np.arange(count), t.reshape(-1).astype(np.int64)] = 1
    return target
