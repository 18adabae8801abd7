"""`cs231n.layers`: each layer's forward and backward pass, and the two losses.

Forward passes return `out, cache`; `cache` is for the backward pass of the same name. No function
changes its arguments, but for the running averages that `batchnorm_forward` keeps in `bn_param`.
"""

from math import prod
from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, ShapeError, check_choice, check_number, shape_text
from handgrad.compat.cs231n.conventions import keep_probability
from handgrad.compat.cs231n.image_layers import (
    conv_backward_naive,
    conv_forward_naive,
    max_pool_backward_naive,
    max_pool_forward_naive,
)
from handgrad.compat.cs231n.norm_layers import (
    batchnorm_backward,
    batchnorm_backward_alt,
    batchnorm_forward,
    layernorm_backward,
    layernorm_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
)
from handgrad.ops import AffineSaved, ReluSaved

__all__ = [
    "affine_backward",
    "affine_forward",
    "batchnorm_backward",
    "batchnorm_backward_alt",
    "batchnorm_forward",
    "conv_backward_naive",
    "conv_forward_naive",
    "dropout_backward",
    "dropout_forward",
    "layernorm_backward",
    "layernorm_forward",
    "max_pool_backward_naive",
    "max_pool_forward_naive",
    "relu_backward",
    "relu_forward",
    "softmax_loss",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
    "svm_loss",
]


def affine_forward(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """Multiply each example of `x`, read as one row, by `w`, and add `b`.

    Args:
        x: shape (N, d1, …, dk).
        w: shape (D, M), with D = d1 ⋯ dk.
        b: shape (M,), or (1, M).

    Returns:
        The output, shape (N, M), and the cache (x, w, b).

    Raises:
        ShapeError: an example of `x` has not as many entries as `w` has rows.
    """
    rows = as_rows(x)
    if rows.shape[1] != len(w):
        raise ShapeError(
            f"affine_forward: w must have shape ({rows.shape[1]}, M), because an example of x "
            f"(shape {shape_text(x.shape)}) has {rows.shape[1]} entries, but has shape "
            f"{shape_text(w.shape)}."
        )
    out, _ = ops.affine_forward(rows, w, b)
    return out, (x, w, b)


def affine_backward(dout: Array, cache: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Gradients dx, dw and db, in the shapes of x, w and b."""
    x, w, b = cache
    dx, dw, db = ops.affine_backward(dout, AffineSaved(as_rows(x), w))
    return dx.reshape(x.shape), dw, db.reshape(np.shape(b))


def as_rows(x: Array) -> Array:
    """One row per example (also where there is none, for which NumPy's -1 has no answer)."""
    return x.reshape(len(x), prod(x.shape[1:]))


def relu_forward(x: Array) -> tuple[Array, Array]:
    """Keep what is positive, replace the rest by 0; the cache is x."""
    out, _ = ops.relu_forward(x)
    return out, x


def relu_backward(dout: Array, cache: Array) -> Array:
    """Gradient dx: `dout` where x > 0, else 0. `dout` itself is left as it is."""
    (dx,) = ops.relu_backward(dout, ReluSaved(cache > 0))
    return dx


def dropout_forward(
    x: Array, dropout_param: dict[str, Any]
) -> tuple[Array, tuple[dict[str, Any], Array | None]]:
    """Leave out entries at random in training, scaling up the rest; in testing keep all.

    Args:
        x: any shape.
        dropout_param: "p", the probability of keeping an entry (in the course's years before 2018,
            of dropping it: see `conventions`); "mode", "train" or "test"; and, if it is there,
            "seed", for NumPy's global generator, which makes the same mask each time.

    Returns:
        The output, and the cache (dropout_param, mask); in testing the mask is None.

    Raises:
        InvalidValueError: nothing would be kept, or the mode is another.
    """
    who = "dropout_forward"
    mode = dropout_param["mode"]
    check_choice(mode, ("train", "test"), who=who, which='dropout_param["mode"]')
    keep = keep_probability(dropout_param["p"])
    check_number(
        keep, who=who, which="the probability of keeping an entry", low=0, high=1, open_low=True
    )
    if dropout_param.get("seed") is not None:
        np.random.seed(dropout_param["seed"])
    if mode == "test":
        return x.copy(), (dropout_param, None)
    mask = np.random.rand(*x.shape) < keep
    out, _ = ops.dropout_forward(x, mask=mask, rate=1 - keep)
    return out, (dropout_param, mask / keep)


def dropout_backward(dout: Array, cache: tuple[dict[str, Any], Array | None]) -> Array:
    """Gradient dx: `dout` times the mask; in testing, `dout`."""
    _, mask = cache
    return dout.copy() if mask is None else (dout * mask).astype(dout.dtype, copy=False)


def svm_loss(x: Array, y: Array) -> tuple[Any, Array]:
    """The multi-class hinge loss with margin 1, a mean over examples, and its gradient.

    Args:
        x: scores, shape (N, C).
        y: labels, shape (N,).

    Returns:
        The loss and dx.
    """
    loss, saved = ops.hinge_forward(x, labels=np.asarray(y))
    (dx,) = ops.hinge_backward(one(x), saved)
    return loss, dx


def softmax_loss(x: Array, y: Array) -> tuple[Any, Array]:
    """The cross-entropy of softmax(x), a mean over examples, and its gradient.

    Args:
        x: scores, shape (N, C), as large as they may be.
        y: labels, shape (N,).

    Returns:
        The loss and dx.
    """
    loss, saved = ops.softmax_cross_entropy_forward(x, labels=np.asarray(y))
    (dx,) = ops.softmax_cross_entropy_backward(one(x), saved)
    return loss, dx


def one(x: Array) -> Any:
    """The number 1 in the dtype of `x`."""
    return x.dtype.type(1)
