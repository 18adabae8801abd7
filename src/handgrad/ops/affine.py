"""The affine layer's mathematics: every output is a weighted sum of all inputs, plus a bias."""

from typing import Annotated, NamedTuple

from handgrad.ops.array import Array


class AffineSaved(NamedTuple):
    """What `affine_backward` needs from the forward pass."""

    x: Annotated[Array, "N D"]  # the input, which dweight multiplies
    weight: Annotated[Array, "D M"]  # the matrix, which dx multiplies


def affine_forward(
    x: Annotated[Array, "N D"], weight: Annotated[Array, "D M"], bias: Annotated[Array, "M"]
) -> tuple[Annotated[Array, "N M"], AffineSaved]:
    """Multiply each row of `x` by the matrix `weight` and add `bias`.

    Row n and output j, written out and as matrices:

        (1)  yₙⱼ = Σᵢ xₙᵢ weightᵢⱼ + biasⱼ        y = x weight + bias

    Column j of `weight` and entry j of `bias` are one neuron's weights: a layer of M neurons is a
    matrix of M columns, which is all there is to the step from a neuron to a layer.

    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986.

    >>> import numpy as np
    >>> x, weight, bias = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5])
    >>> y, _ = affine_forward(x, weight, bias)
    >>> y
    array([[11.5]])
    """
    y = x @ weight + bias  # (1)
    return y, AffineSaved(x, weight)


def affine_backward(
    dy: Annotated[Array, "N M"], saved: AffineSaved
) -> tuple[Annotated[Array, "N D"], Annotated[Array, "D M"], Annotated[Array, "M"]]:
    """Gradients with respect to `x`, `weight` and `bias`.

    (1) gives ∂yₙⱼ/∂xₙᵢ = weightᵢⱼ, ∂yₙⱼ/∂weightᵢⱼ = xₙᵢ and ∂yₙⱼ/∂biasⱼ = 1. Each gradient sums
    over the outputs that its variable reaches: x over the neurons j, weight and bias over the
    rows n of the batch.

        dxₙᵢ = Σⱼ dyₙⱼ weightᵢⱼ      dx = dy weightᵀ
        dweightᵢⱼ = Σₙ xₙᵢ dyₙⱼ      dweight = xᵀ dy
        dbiasⱼ = Σₙ dyₙⱼ             dbias = Σ_rows dy
    """
    x, weight = saved
    dx = dy @ weight.T  # (1)
    dweight = x.T @ dy  # (1)
    dbias = dy.sum(axis=0)  # (1)
    return dx, dweight, dbias
