"""Convolution and max-pooling as `cs231n.layers` has them.

They are called naive in the course, where they are loops; here they are as fast as
`cs231n.fast_layers`, which is the same code.
"""

from typing import Any

from handgrad.backend import ops
from handgrad.checks import Array, ShapeError, check_count, shape_text
from handgrad.compat.cs231n.caches import Cache


def conv_forward_naive(
    x: Array, w: Array, b: Array, conv_param: dict[str, int]
) -> tuple[Array, tuple[Any, ...]]:
    """Slide F filters over images that are padded with zeros.

    Args:
        x: images, shape (N, C, H, W).
        w: filters, shape (F, C, HH, WW).
        b: biases, shape (F,).
        conv_param: "stride" and "pad", in pixels.

    Returns:
        The output, shape (N, F, H', W') with H' = 1 + ⌊(H + 2 pad − HH) / stride⌋, and the cache
        (x, w, b, conv_param).

    Raises:
        ShapeError: the filters have another number of channels, or are larger than the images.
    """
    who, stride, pad = "conv_forward", conv_param["stride"], conv_param["pad"]
    check_count(stride, who=who, which='conv_param["stride"]')
    check_count(pad, who=who, which='conv_param["pad"]', low=0)
    _, channels, height, width = x.shape
    rows, columns = w.shape[2:]
    if w.shape[1] != channels or rows > height + 2 * pad or columns > width + 2 * pad:
        raise ShapeError(
            f"{who}: w must have shape (F, {channels}, HH, WW), with HH at most "
            f"{height + 2 * pad} and WW at most {width + 2 * pad}, because x has shape "
            f"{shape_text(x.shape)} and pad is {pad}; but has shape {shape_text(w.shape)}."
        )
    out, saved = ops.conv2d_forward(x, w, b, stride=(stride, stride), padding=(pad, pad))
    return out, Cache.of((x, w, b, conv_param), saved)


def conv_backward_naive(dout: Array, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """Gradients dx, dw and db."""
    if not isinstance(cache, Cache):
        _, cache = conv_forward_naive(*cache)
    return ops.conv2d_backward(dout, saved_of(cache))


def max_pool_forward_naive(x: Array, pool_param: dict[str, int]) -> tuple[Array, tuple[Any, ...]]:
    """Keep the largest entry of each window, channel by channel.

    Args:
        x: images, shape (N, C, H, W).
        pool_param: "pool_height", "pool_width" and "stride", in pixels.

    Returns:
        The output, shape (N, C, H', W') with H' = 1 + ⌊(H − pool_height) / stride⌋, and the cache
        (x, pool_param).

    Raises:
        ShapeError: the window is larger than the images.
    """
    who = "max_pool_forward"
    rows, columns, stride = (pool_param[key] for key in ("pool_height", "pool_width", "stride"))
    for key in ("pool_height", "pool_width", "stride"):
        check_count(pool_param[key], who=who, which=f'pool_param["{key}"]')
    if rows > x.shape[2] or columns > x.shape[3]:
        raise ShapeError(
            f"{who}: x must have at least {rows} rows and {columns} columns of pixels, as many "
            f"as a window has, but has shape {shape_text(x.shape)}."
        )
    out, saved = ops.max_pool2d_forward(x, kernel=(rows, columns), stride=(stride, stride))
    return out, Cache.of((x, pool_param), saved)


def max_pool_backward_naive(dout: Array, cache: tuple[Any, ...]) -> Array:
    """Gradient dx. Where several entries of a window are largest, the first takes all."""
    if not isinstance(cache, Cache):
        _, cache = max_pool_forward_naive(*cache)
    (dx,) = ops.max_pool2d_backward(dout, saved_of(cache))
    return dx


def saved_of(cache: tuple[Any, ...]) -> Any:
    """What the op saved, which our own caches carry."""
    return cache.saved if isinstance(cache, Cache) else None
