"""Losses: how wrong the network's output is, as one number."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class SoftmaxCrossEntropySaved(NamedTuple):
    """What `softmax_cross_entropy_backward` needs from the forward pass."""

    log_probs: Annotated[Array, "N K"]  # log softmax(logits)
    target: Annotated[Array, "N K"]  # the probabilities asked for: smoothed one-hot rows
    row_weight: Annotated[Array, "N 1"]  # each row's share of the loss; they sum to 1


def softmax_cross_entropy_forward(
    logits: Annotated[Array, "N K"],
    *,
    labels: Annotated[Array, "N | N K"],
    label_smoothing: float = 0.0,
    sample_weight: Annotated[Array, "N"] | None = None,
) -> tuple[Annotated[Array, ""], SoftmaxCrossEntropySaved]:
    """Mean cross-entropy between the labels and softmax(logits).

    `labels` are integer classes, or rows of K probabilities (one-hot, say) of sum 1. With
    label smoothing ε, row n asks for the probabilities tₙ, and counts by its share wₙ:

        (1)  z = logits − max(logits)                        (row by row)
        (2)  log p = z − log Σⱼ exp(zⱼ)
        (3)  t = (1 − ε) onehot(labels) + ε / K
        (4)  w = sample_weight / Σₙ sample_weightₙ           (1/N without weights)
        (5)  loss = −Σₙ wₙ Σⱼ tₙⱼ log pₙⱼ

    (1) changes nothing but keeps every exponential ≤ 1, and (2) takes no logarithm of a number
    below 1: nothing overflows and no log(0) is met, whatever the logits. A batch that is empty
    or has only zero weights has loss 0.

    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990;
    label smoothing: Szegedy et al., arXiv:1512.00567, section 7.

    >>> loss, _ = softmax_cross_entropy_forward(np.zeros((1, 4)), labels=np.array([2]))
    >>> print(f"{loss:.4f} = log 4")
    1.3863 = log 4
    """
    classes = logits.shape[1]
    z = logits - logits.max(axis=1, keepdims=True)  # (1)
    log_probs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))  # (2)
    one_hot = labels if labels.ndim == 2 else np.eye(classes)[labels]
    target = ((1 - label_smoothing) * one_hot + label_smoothing / classes).astype(
        logits.dtype
    )  # (3)
    row_weight = share_of_rows(logits, sample_weight)  # (4)
    loss = -(row_weight * target * log_probs).sum()  # (5)
    return loss, SoftmaxCrossEntropySaved(log_probs, target, row_weight)


def softmax_cross_entropy_backward(
    dloss: Annotated[Array, ""], saved: SoftmaxCrossEntropySaved
) -> tuple[Annotated[Array, "N K"]]:
    """Gradient with respect to `logits`.

    By (2), ∂(log pⱼ)/∂zᵢ = δᵢⱼ − pᵢ, and because Σⱼ tⱼ = 1, one row of (5) gives

        ∂loss/∂zᵢ = −w Σⱼ tⱼ (δᵢⱼ − pᵢ) = w (pᵢ − tᵢ)

    The shift (1) subtracts one number from a whole row, and Σᵢ (pᵢ − tᵢ) = 0, so it adds nothing:

        dlogits = dloss w (p − t)
    """
    log_probs, target, row_weight = saved
    dlogits = dloss * row_weight * (np.exp(log_probs) - target)  # (5, 2, 1)
    return (dlogits,)


def share_of_rows(
    logits: Annotated[Array, "N ..."], sample_weight: Annotated[Array, "N"] | None
) -> Annotated[Array, "N 1"]:
    """Each row's share of a mean, as a column: `sample_weight` over its sum, 1/N without weights.

    >>> share_of_rows(np.zeros((2, 3)), np.array([1.0, 3.0]))
    array([[0.25],
           [0.75]])
    """
    weight = np.ones(len(logits)) if sample_weight is None else sample_weight
    total = weight.sum()
    share = weight / total if total != 0 else np.zeros(len(logits))
    return share.astype(np.abs(logits[:0]).dtype)[:, np.newaxis]
