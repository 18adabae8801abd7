"""Normalization: bring values to mean 0 and variance 1, then let the network scale and shift them.

Batch norm takes the statistics of each feature (on images: of each channel) over the batch; layer
norm takes those of each row over its own entries.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class BatchNormSaved(NamedTuple):
    """What `batch_norm_backward` needs, and the batch's statistics for the running ones."""

    x_hat: Annotated[Array, "N C ..."]  # normalized x
    inv_std: Annotated[Array, "C"]  # s = 1 / √(σ² + ε)
    weight: Annotated[Array, "C"]  # each channel's factor
    mean: Annotated[Array, "C"]  # μ: not for backward, but for the layer
    var: Annotated[Array, "C"]  # σ²: the same; over m, not m − 1


def batch_norm_forward(
    x: Annotated[Array, "N C ..."],
    weight: Annotated[Array, "C"],
    bias: Annotated[Array, "C"],
    *,
    eps: float = 1e-5,
) -> tuple[Annotated[Array, "N C ..."], BatchNormSaved]:
    """Normalize each channel of `x` over the batch, then scale and shift it.

    `x` is (N, C), with a feature for each channel, or (N, C, H, W): then the sums run over the
    rows and all positions of an image. For one channel, with m entries:

        (1)  μ = Σ x / m
        (2)  σ² = Σ (x − μ)² / m
        (3)  s = 1 / √(σ² + ε)
        (4)  x̂ = (x − μ) s
        (5)  y = weight x̂ + bias

    A channel with one entry has σ² = 0 and x̂ = 0, so that y = bias.

    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", 2015, arXiv:1502.03167, algorithm 1.

    >>> y, _ = batch_norm_forward(np.array([[1.0], [3.0]]), np.ones(1), np.zeros(1), eps=0.0)
    >>> y
    array([[-1.],
           [ 1.]])
    """
    m, axes = entries_per_channel(x), all_but_channels(x)
    mean = x.sum(axis=axes) / m  # (1)
    centered = x - beside_channels(mean, x)
    var = (centered * centered).sum(axis=axes) / m  # (2)
    inv_std = 1 / np.sqrt(var + eps)  # (3)
    x_hat = centered * beside_channels(inv_std, x)  # (4)
    y = beside_channels(weight, x) * x_hat + beside_channels(bias, x)  # (5)
    return y, BatchNormSaved(x_hat, inv_std, weight, mean, var)


def batch_norm_backward(
    dy: Annotated[Array, "N C ..."], saved: BatchNormSaved
) -> tuple[Annotated[Array, "N C ..."], Annotated[Array, "C"], Annotated[Array, "C"]]:
    """Gradients with respect to `x`, `weight` and `bias`.

    All sums and means run over the m entries of one channel. (5) is linear, so

        dbias = Σ dy        dweight = Σ dy x̂        dx̂ = weight dy

    (4) moves with x directly, through μ and through s: three paths. Number the entries of the
    channel by i and j, with δᵢⱼ = 1 where i = j, else 0.

        by (1)  ∂μ/∂xⱼ = 1/m
        by (2)  ∂σ²/∂xⱼ = 2 (xⱼ − μ) / m           (μ's own move adds −2 Σ (x − μ) / m² = 0)
        by (3)  ∂s/∂xⱼ = −½ s³ ∂σ²/∂xⱼ = −s² x̂ⱼ / m     (because (xⱼ − μ) s = x̂ⱼ)
        by (4)  ∂x̂ᵢ/∂xⱼ = s (δᵢⱼ − 1/m) + (xᵢ − μ) ∂s/∂xⱼ = s (δᵢⱼ − 1/m − x̂ᵢ x̂ⱼ / m)

    One x moves every x̂ of its channel, so dxⱼ sums dx̂ᵢ ∂x̂ᵢ/∂xⱼ over i:

        dx = s (dx̂ − Σ dx̂ / m − x̂ Σ dx̂ x̂ / m)

    All dx̂ of a channel have the same factor, its weight. Taken out, it leaves sums that are known:

        dx = weight s (dy − dbias / m − x̂ dweight / m)
    """
    m, axes = entries_per_channel(dy), all_but_channels(dy)
    dbias = dy.sum(axis=axes)  # (5)
    dweight = (dy * saved.x_hat).sum(axis=axes)  # (5)
    through_mean = beside_channels(dbias / m, dy)  # (1)
    through_std = saved.x_hat * beside_channels(dweight / m, dy)  # (3, 2)
    slope = beside_channels(saved.weight * saved.inv_std, dy)  # (5, 4)
    dx = slope * (dy - through_mean - through_std)  # (4)
    return dx, dweight, dbias


class BatchNormInferenceSaved(NamedTuple):
    """What `batch_norm_inference_backward` needs from the forward pass."""

    x_hat: Annotated[Array, "N C ..."]  # x, normalized by the given statistics
    inv_std: Annotated[Array, "C"]  # s = 1 / √(var + ε)
    weight: Annotated[Array, "C"]  # each channel's factor


def batch_norm_inference_forward(
    x: Annotated[Array, "N C ..."],
    weight: Annotated[Array, "C"],
    bias: Annotated[Array, "C"],
    *,
    mean: Annotated[Array, "C"],
    var: Annotated[Array, "C"],
    eps: float = 1e-5,
) -> tuple[Annotated[Array, "N C ..."], BatchNormInferenceSaved]:
    """Normalize each channel of `x` by given statistics, then scale and shift it.

    `mean` and `var` are constants (the running statistics of training), so that a row's output
    does not depend on the rows beside it:

        (1)  s = 1 / √(var + ε)
        (2)  x̂ = (x − mean) s
        (3)  y = weight x̂ + bias

    Ioffe and Szegedy, arXiv:1502.03167, algorithm 2.

    >>> x, weight, bias = np.array([[5.0]]), np.array([2.0]), np.array([1.0])
    >>> y, _ = batch_norm_inference_forward(
    ...     x, weight, bias, mean=np.array([3.0]), var=np.array([4.0]), eps=0.0
    ... )
    >>> y
    array([[3.]])
    """
    inv_std = 1 / np.sqrt(var + eps)  # (1)
    x_hat = (x - beside_channels(mean, x)) * beside_channels(inv_std, x)  # (2)
    y = beside_channels(weight, x) * x_hat + beside_channels(bias, x)  # (3)
    return y, BatchNormInferenceSaved(x_hat, inv_std, weight)


def batch_norm_inference_backward(
    dy: Annotated[Array, "N C ..."], saved: BatchNormInferenceSaved
) -> tuple[Annotated[Array, "N C ..."], Annotated[Array, "C"], Annotated[Array, "C"]]:
    """Gradients with respect to `x`, `weight` and `bias`.

    Without the paths through the batch's statistics, each channel is a straight line. With sums
    over a channel's entries, (3) and (2) give

        dbias = Σ dy        dweight = Σ dy x̂        dx = weight s dy
    """
    axes = all_but_channels(dy)
    dbias = dy.sum(axis=axes)  # (3)
    dweight = (dy * saved.x_hat).sum(axis=axes)  # (3)
    dx = beside_channels(saved.weight * saved.inv_std, dy) * dy  # (3, 2)
    return dx, dweight, dbias


class LayerNormSaved(NamedTuple):
    """What `layer_norm_backward` needs from the forward pass."""

    x_hat: Annotated[Array, "N ..."]  # normalized x
    inv_std: Annotated[Array, "N ..."]  # s = 1 / √(σ² + ε), with axes of size 1 after N
    weight: Annotated[Array, "..."]  # each entry's factor


def layer_norm_forward(
    x: Annotated[Array, "N ..."],
    weight: Annotated[Array, "..."],
    bias: Annotated[Array, "..."],
    *,
    eps: float = 1e-5,
) -> tuple[Annotated[Array, "N ..."], LayerNormSaved]:
    """Normalize each row of `x` to mean 0 and variance 1, then scale and shift it.

    A row is all that belongs to one example: D features, or all entries of an image. `weight`
    and `bias` have its shape. For one row, with D entries:

        (1)  μ = mean(x)
        (2)  σ² = mean((x − μ)²)
        (3)  s = 1 / √(σ² + ε)
        (4)  x̂ = (x − μ) s
        (5)  y = weight x̂ + bias

    Ba, Kiros and Hinton, "Layer Normalization", 2016, arXiv:1607.06450.

    >>> y, _ = layer_norm_forward(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2), eps=0.0)
    >>> y
    array([[-1.,  1.]])
    """
    axes = tuple(range(1, x.ndim))
    centered = x - x.mean(axis=axes, keepdims=True)  # (1)
    var = (centered * centered).mean(axis=axes, keepdims=True)  # (2)
    inv_std = 1 / np.sqrt(var + eps)  # (3)
    x_hat = centered * inv_std  # (4)
    y = weight * x_hat + bias  # (5)
    return y, LayerNormSaved(x_hat, inv_std, weight)


def layer_norm_backward(
    dy: Annotated[Array, "N ..."], saved: LayerNormSaved
) -> tuple[Annotated[Array, "N ..."], Annotated[Array, "..."], Annotated[Array, "..."]]:
    """Gradients with respect to `x`, `weight` and `bias`.

    (5) is linear. Every row uses the same weight and bias, so their gradients sum over rows:

        dbias = Σ_rows dy        dweight = Σ_rows dy x̂        dx̂ = weight dy

    From here on one row is one channel of `batch_norm_backward`, whose steps through (4) to (1)
    are the same with D entries for m:

        ∂x̂ᵢ/∂xⱼ = s (δᵢⱼ − 1/D − x̂ᵢ x̂ⱼ / D)

    Summed over i, with dx̂ᵢ before it, the last two terms become means over the row. Here each entry
    has a weight of its own, which cannot be taken out of them:

        dx = s (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂))
    """
    x_hat, inv_std, weight = saved
    axes = tuple(range(1, dy.ndim))
    dbias = dy.sum(axis=0)  # (5)
    dweight = (dy * x_hat).sum(axis=0)  # (5)
    dx_hat = weight * dy  # (5)
    through_mean = dx_hat.mean(axis=axes, keepdims=True)  # (1)
    through_std = x_hat * (dx_hat * x_hat).mean(axis=axes, keepdims=True)  # (3, 2)
    dx = inv_std * (dx_hat - through_mean - through_std)  # (4)
    return dx, dweight, dbias


def all_but_channels(x: Annotated[Array, "N C ..."]) -> tuple[int, ...]:
    """The axes that a channel's statistics sum over: every axis but 1.

    >>> all_but_channels(np.zeros((2, 3))), all_but_channels(np.zeros((2, 3, 4, 4)))
    ((0,), (0, 2, 3))
    """
    return (0, *range(2, x.ndim))


def entries_per_channel(x: Annotated[Array, "N C ..."]) -> int:
    """How many entries each channel has; 1 for an empty batch, whose sums of 0 stay 0 that way.

    >>> entries_per_channel(np.zeros((2, 3, 4, 4))), entries_per_channel(np.zeros((0, 3)))
    (32, 1)
    """
    return max(x.size // x.shape[1], 1)


def beside_channels(
    values: Annotated[Array, "C"], x: Annotated[Array, "N C ..."]
) -> Annotated[Array, "C ..."]:
    """Shape one value per channel so that it broadcasts along axis 1 of `x`.

    >>> beside_channels(np.zeros(3), np.zeros((2, 3))).shape
    (3,)
    >>> beside_channels(np.zeros(3), np.zeros((2, 3, 4, 4))).shape
    (3, 1, 1)
    """
    return values.reshape(len(values), *[1] * (x.ndim - 2))
