"""Batch norm and layer norm, compiled: few passes over memory in place of one per operation.

NumPy goes over x nine times in batch norm's forward pass, and writes an array as large as x five
times. Here x is read three times (for the mean, for the variance about it, for the result), and
only x̂ and y are written; backward reads dy and x̂ twice and writes dx.

A batch of features, (N, C), is gone through row by row with all channels side by side, which is
how they lie in memory; a batch of images, (N, C, H, W), plane by plane with one channel's numbers
held fast. So there are two kernels for each pass: `columns_…` and `planes_…`. Layer norm's rows
lie in one piece, and everything about a row is done while it is in the cache.

All sums are kept in float64, also those of float32 arrays: a channel of images sums tens of
thousands of numbers. The other arithmetic is that of the arrays' dtype.
"""

import math

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense, rows
from handgrad.ops.normalization import (
    BatchNormInferenceSaved,
    BatchNormSaved,
    LayerNormSaved,
    beside_channels,
    entries_per_channel,
)


@compiled
def columns_statistics(
    x: Array, m: int, eps: float, mean: Array, var: Array, inv_std: Array
) -> None:
    """Mean, variance and 1 / √(variance + ε) of each column of m entries."""
    kind, channels = x.dtype.type, x.shape[1]
    total, squares = np.zeros(channels), np.zeros(channels)
    for n in range(len(x)):
        for c in range(channels):
            total[c] += x[n, c]
    for c in range(channels):
        mean[c] = total[c] / m
    for n in range(len(x)):
        for c in range(channels):
            centered = x[n, c] - mean[c]
            squares[c] += centered * centered
    for c in range(channels):
        var[c] = squares[c] / m
        inv_std[c] = kind(1) / np.sqrt(var[c] + kind(eps))


@compiled
def planes_statistics(
    x: Array, m: int, eps: float, mean: Array, var: Array, inv_std: Array
) -> None:
    """Mean, variance and 1 / √(variance + ε) of each channel, m entries, of (N, C, positions)."""
    images, channels, positions = x.shape
    kind = x.dtype.type
    for c in range(channels):
        total, squares = 0.0, 0.0
        for n in range(images):
            for p in range(positions):
                total += x[n, c, p]
        middle = kind(total / m)
        for n in range(images):
            for p in range(positions):
                centered = x[n, c, p] - middle
                squares += centered * centered
        mean[c], var[c] = middle, squares / m
        inv_std[c] = kind(1) / np.sqrt(var[c] + kind(eps))


@compiled
def columns_normalize(
    x: Array, mean: Array, inv_std: Array, weight: Array, bias: Array, x_hat: Array, y: Array
) -> None:
    """x̂ = (x − mean) s and y = weight x̂ + bias, column by column."""
    for n in range(len(x)):
        for c in range(x.shape[1]):
            value = (x[n, c] - mean[c]) * inv_std[c]
            x_hat[n, c] = value
            y[n, c] = weight[c] * value + bias[c]


@compiled
def planes_normalize(
    x: Array, mean: Array, inv_std: Array, weight: Array, bias: Array, x_hat: Array, y: Array
) -> None:
    """x̂ = (x − mean) s and y = weight x̂ + bias, for each channel of (N, C, positions)."""
    images, channels, positions = x.shape
    for n in range(images):
        for c in range(channels):
            middle, scale, slope, shift = mean[c], inv_std[c], weight[c], bias[c]
            for p in range(positions):
                value = (x[n, c, p] - middle) * scale
                x_hat[n, c, p] = value
                y[n, c, p] = slope * value + shift


@compiled
def columns_sums(dy: Array, x_hat: Array, dbias: Array, dweight: Array) -> None:
    """Σ dy and Σ dy x̂ of each column."""
    plain, scaled = np.zeros(dy.shape[1]), np.zeros(dy.shape[1])
    for n in range(len(dy)):
        for c in range(dy.shape[1]):
            plain[c] += dy[n, c]
            scaled[c] += dy[n, c] * x_hat[n, c]
    for c in range(dy.shape[1]):
        dbias[c], dweight[c] = plain[c], scaled[c]


@compiled
def planes_sums(dy: Array, x_hat: Array, dbias: Array, dweight: Array) -> None:
    """Σ dy and Σ dy x̂ of each channel of (N, C, positions)."""
    images, channels, positions = dy.shape
    for c in range(channels):
        plain, scaled = 0.0, 0.0
        for n in range(images):
            for p in range(positions):
                plain += dy[n, c, p]
                scaled += dy[n, c, p] * x_hat[n, c, p]
        dbias[c], dweight[c] = plain, scaled


@compiled
def columns_dx(
    dy: Array, x_hat: Array, slope: Array, mean: Array, mean_scaled: Array, dx: Array
) -> None:
    """dx = slope (dy − mean − x̂ mean_scaled), column by column."""
    for n in range(len(dy)):
        for c in range(dy.shape[1]):
            dx[n, c] = slope[c] * (dy[n, c] - mean[c] - x_hat[n, c] * mean_scaled[c])


@compiled
def planes_dx(
    dy: Array, x_hat: Array, slope: Array, mean: Array, mean_scaled: Array, dx: Array
) -> None:
    """dx = slope (dy − mean − x̂ mean_scaled), for each channel of (N, C, positions)."""
    images, channels, positions = dy.shape
    for n in range(images):
        for c in range(channels):
            steep, plain, scaled = slope[c], mean[c], mean_scaled[c]
            for p in range(positions):
                dx[n, c, p] = steep * (dy[n, c, p] - plain - x_hat[n, c, p] * scaled)


def by_channel(array: Array) -> Array:
    """(N, C) as it is; images as (N, C, positions)."""
    array = dense(array)
    return array if array.ndim == 2 else array.reshape(*array.shape[:2], math.prod(array.shape[2:]))


def check_channels(x: Array, *per_channel: Array) -> None:
    """Refuse x without channels, and anything but one number per channel beside it."""
    require(x.ndim >= 2)
    for values in per_channel:
        require(values.shape == x.shape[1:2])


def normalized(
    x: Array, weight: Array, bias: Array, mean: Array, inv_std: Array
) -> tuple[Array, Array]:
    """y and x̂, in the shape of x."""
    values = by_channel(x)
    x_hat, y = np.empty_like(values), np.empty_like(values)
    normalize = columns_normalize if x.ndim == 2 else planes_normalize
    normalize(values, dense(mean), dense(inv_std), dense(weight), dense(bias), x_hat, y)
    return y.reshape(x.shape), x_hat.reshape(x.shape)


def batch_norm_forward(
    x: Array, weight: Array, bias: Array, *, eps: float = 1e-5
) -> tuple[Array, BatchNormSaved]:
    """The twin of `ops.batch_norm_forward`."""
    check_channels(x, weight, bias)
    mean, var, inv_std = (np.empty(x.shape[1], x.dtype) for _ in range(3))
    statistics = columns_statistics if x.ndim == 2 else planes_statistics
    statistics(by_channel(x), entries_per_channel(x), float(eps), mean, var, inv_std)
    y, x_hat = normalized(x, weight, bias, mean, inv_std)
    return y, BatchNormSaved(x_hat, inv_std, weight, mean, var)


def batch_norm_inference_forward(
    x: Array, weight: Array, bias: Array, *, mean: Array, var: Array, eps: float = 1e-5
) -> tuple[Array, BatchNormInferenceSaved]:
    """The twin of `ops.batch_norm_inference_forward`."""
    check_channels(x, weight, bias, mean, var)
    inv_std = 1 / np.sqrt(var + eps)
    y, x_hat = normalized(x, weight, bias, mean, inv_std)
    return y, BatchNormInferenceSaved(x_hat, inv_std, weight)


def batch_norm_backward(dy: Array, saved: BatchNormSaved) -> tuple[Array, Array, Array]:
    """The twin of `ops.batch_norm_backward`."""
    require(dy.shape == saved.x_hat.shape)
    check_channels(dy, saved.weight, saved.inv_std)
    dbias, dweight = np.empty(dy.shape[1], dy.dtype), np.empty(dy.shape[1], dy.dtype)
    values, x_hat = by_channel(dy), by_channel(saved.x_hat)
    dx: Array = np.empty(values.shape, dy.dtype)
    slope, m = saved.weight * saved.inv_std, entries_per_channel(dy)
    sums = columns_sums if dy.ndim == 2 else planes_sums
    sums(values, x_hat, dbias, dweight)
    gradient = columns_dx if dy.ndim == 2 else planes_dx
    gradient(values, x_hat, slope, dbias / m, dweight / m, dx)
    return dx.reshape(dy.shape), dweight, dbias


def batch_norm_inference_backward(
    dy: Array, saved: BatchNormInferenceSaved
) -> tuple[Array, Array, Array]:
    """The twin of `ops.batch_norm_inference_backward`."""
    require(dy.shape == saved.x_hat.shape)
    check_channels(dy, saved.weight, saved.inv_std)
    dbias, dweight = np.empty(dy.shape[1], dy.dtype), np.empty(dy.shape[1], dy.dtype)
    sums = columns_sums if dy.ndim == 2 else planes_sums
    sums(by_channel(dy), by_channel(saved.x_hat), dbias, dweight)
    return beside_channels(saved.weight * saved.inv_std, dy) * dy, dweight, dbias


@compiled
def layer_norm_rows(
    x: Array, weight: Array, bias: Array, eps: float, x_hat: Array, inv_std: Array, y: Array
) -> None:
    """`ops.layer_norm_forward`, row by row."""
    kind, size = x.dtype.type, x.shape[1]
    for n in range(len(x)):
        total = 0.0
        for d in range(size):
            total += x[n, d]
        mean = kind(total / size)
        total = 0.0
        for d in range(size):
            centered = x[n, d] - mean
            total += centered * centered
        scale = kind(1) / np.sqrt(kind(total / size) + kind(eps))
        inv_std[n] = scale
        for d in range(size):
            value = (x[n, d] - mean) * scale
            x_hat[n, d] = value
            y[n, d] = weight[d] * value + bias[d]


@compiled
def layer_norm_gradients(
    dy: Array, x_hat: Array, inv_std: Array, weight: Array, dx: Array, dweight: Array, dbias: Array
) -> None:
    """`ops.layer_norm_backward`, row by row."""
    kind, size = dy.dtype.type, dy.shape[1]
    plain, scaled = np.zeros(size), np.zeros(size)
    for n in range(len(dy)):
        direct, through = 0.0, 0.0
        for d in range(size):
            plain[d] += dy[n, d]
            scaled[d] += dy[n, d] * x_hat[n, d]
            inner = dy[n, d] * weight[d]
            direct += inner
            through += inner * x_hat[n, d]
        mean, mean_scaled = kind(direct / size), kind(through / size)
        for d in range(size):
            inner = dy[n, d] * weight[d]
            dx[n, d] = inv_std[n] * (inner - mean - x_hat[n, d] * mean_scaled)
    for d in range(size):
        dbias[d], dweight[d] = plain[d], scaled[d]


def layer_norm_forward(
    x: Array, weight: Array, bias: Array, *, eps: float = 1e-5
) -> tuple[Array, LayerNormSaved]:
    """The twin of `ops.layer_norm_forward`."""
    require(x.shape[1:] == weight.shape)
    require(x.shape[1:] == bias.shape)
    values = rows(x)
    x_hat, y, inv_std = np.empty_like(values), np.empty_like(values), np.empty(len(x), x.dtype)
    parameters = dense(weight).ravel(), dense(bias).ravel()
    layer_norm_rows(values, *parameters, float(eps), x_hat, inv_std, y)
    beside = inv_std.reshape(len(x), *[1] * (x.ndim - 1))
    return y.reshape(x.shape), LayerNormSaved(x_hat.reshape(x.shape), beside, weight)


def layer_norm_backward(dy: Array, saved: LayerNormSaved) -> tuple[Array, Array, Array]:
    """The twin of `ops.layer_norm_backward`."""
    x_hat, inv_std, weight = saved
    require(dy.shape == x_hat.shape)
    require(dy.shape[1:] == weight.shape)
    require(inv_std.shape == (*dy.shape[:1], *[1] * (dy.ndim - 1)))
    values = rows(dy)
    dx = np.empty_like(values)
    dweight: Array = np.empty(weight.size, dy.dtype)
    dbias: Array = np.empty(weight.size, dy.dtype)
    flat = dense(inv_std).ravel(), dense(weight).ravel()
    layer_norm_gradients(values, rows(x_hat), *flat, dx, dweight, dbias)
    return dx.reshape(dy.shape), dweight.reshape(weight.shape), dbias.reshape(weight.shape)
