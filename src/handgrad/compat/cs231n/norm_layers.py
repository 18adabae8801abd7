"""Batch, layer and group normalization as `cs231n.layers` has them."""

from typing import Any

import numpy as np

from handgrad.backend import ops
from handgrad.checks import Array, InvalidValueError, check_choice
from handgrad.ops import BatchNormSaved

Gradients = tuple[Array, Array, Array]


def batchnorm_forward(
    x: Array, gamma: Array, beta: Array, bn_param: dict[str, Any]
) -> tuple[Array, Any]:
    """Normalize each feature of `x` over the batch, then scale and shift it.

    Args:
        x: shape (N, D).
        gamma: each feature's factor, shape (D,).
        beta: each feature's shift, shape (D,).
        bn_param: "mode", "train" (by the batch's mean and variance) or "test" (by the running
            averages); "eps" (1e-5) and "momentum" (0.9). Training writes "running_mean" and
            "running_var" into it; both begin at 0.

    Returns:
        The output and a cache.
    """
    mode = bn_param["mode"]
    check_choice(mode, ("train", "test"), who="batchnorm_forward", which='bn_param["mode"]')
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1], x.dtype))
    running_var = bn_param.get("running_var", np.zeros(x.shape[1], x.dtype))
    if mode == "train":
        out, saved = ops.batch_norm_forward(x, gamma, beta, eps=eps)
        running_mean = momentum * running_mean + (1 - momentum) * saved.mean
        running_var = momentum * running_var + (1 - momentum) * saved.var
    else:
        out, saved = ops.batch_norm_inference_forward(
            x, gamma, beta, mean=running_mean, var=running_var, eps=eps
        )
    bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var
    return out, saved


def batchnorm_backward(dout: Array, cache: Any) -> Gradients:
    """Gradients dx, dgamma and dbeta."""
    if isinstance(cache, BatchNormSaved):
        return ops.batch_norm_backward(dout, cache)
    return ops.batch_norm_inference_backward(dout, cache)


def batchnorm_backward_alt(dout: Array, cache: Any) -> Gradients:
    """The same as `batchnorm_backward`, which is the simplified formula already."""
    return batchnorm_backward(dout, cache)


def layernorm_forward(
    x: Array, gamma: Array, beta: Array, ln_param: dict[str, Any]
) -> tuple[Array, Any]:
    """Normalize each row of `x` over its own entries, then scale and shift it.

    Args:
        x: shape (N, D).
        gamma: each entry's factor, shape (D,).
        beta: each entry's shift, shape (D,).
        ln_param: "eps" (1e-5).

    Returns:
        The output and a cache.
    """
    return ops.layer_norm_forward(x, gamma, beta, eps=ln_param.get("eps", 1e-5))


def layernorm_backward(dout: Array, cache: Any) -> Gradients:
    """Gradients dx, dgamma and dbeta."""
    return ops.layer_norm_backward(dout, cache)


def spatial_batchnorm_forward(
    x: Array, gamma: Array, beta: Array, bn_param: dict[str, Any]
) -> tuple[Array, Any]:
    """`batchnorm_forward` for images, shape (N, C, H, W): statistics by channel."""
    return batchnorm_forward(x, gamma, beta, bn_param)


def spatial_batchnorm_backward(dout: Array, cache: Any) -> Gradients:
    """Gradients dx, dgamma and dbeta."""
    return batchnorm_backward(dout, cache)


def spatial_groupnorm_forward(
    x: Array, gamma: Array, beta: Array, G: int, gn_param: dict[str, Any]
) -> tuple[Array, Any]:
    """Normalize each image's channels in G groups, then scale and shift each channel.

    Args:
        x: shape (N, C, H, W).
        gamma: each channel's factor, shape (1, C, 1, 1).
        beta: each channel's shift, shape (1, C, 1, 1).
        G: how many groups the channels are split into, one after the other.
        gn_param: "eps" (1e-5).

    Returns:
        The output and a cache.

    Raises:
        InvalidValueError: the channels cannot be split into G equal parts.
    """
    images, channels = x.shape[:2]
    if G < 1 or channels % G:
        raise InvalidValueError(
            f"spatial_groupnorm_forward: G must divide the {channels} channels of x, but is {G}."
        )
    # A group of an image is a row of layer norm, which then has no factors of its own.
    rows = x.reshape(images * G, x[:1].size // G)
    factor, shift = np.ones(rows.shape[1], x.dtype), np.zeros(rows.shape[1], x.dtype)
    normalized, saved = ops.layer_norm_forward(rows, factor, shift, eps=gn_param.get("eps", 1e-5))
    x_hat = normalized.reshape(x.shape)
    return gamma * x_hat + beta, (x_hat, saved, gamma)


def spatial_groupnorm_backward(dout: Array, cache: Any) -> Gradients:
    """Gradients dx, dgamma and dbeta, the last two in the shape (1, C, 1, 1)."""
    x_hat, saved, gamma = cache
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    dgamma = (dout * x_hat).sum(axis=(0, 2, 3), keepdims=True)
    rows = (dout * gamma).reshape(saved.x_hat.shape)
    dx, _, _ = ops.layer_norm_backward(rows, saved)
    return dx.reshape(dout.shape), dgamma, dbeta
