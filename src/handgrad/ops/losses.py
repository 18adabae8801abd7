"""Losses of classifiers: how wrong the network's scores are, as one number."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class SoftmaxCrossEntropySaved(NamedTuple):
    """What `softmax_cross_entropy_backward` needs from the forward pass."""

    log_probs: Annotated[Array, "N K"]  # log softmax(logits)
    target: Annotated[Array, "N K"]  # the probabilities asked for: smoothed one-hot rows
    share: Annotated[Array, "N 1"]  # each row's share of the loss; they sum to 1


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
        (5)  loss = Σₙ wₙ Σⱼ tₙⱼ (0 − log pₙⱼ)

    (1) changes nothing but keeps every exponential ≤ 1, and (2) takes no logarithm of a number
    below 1: nothing overflows and no log(0) is met, however large the logits. (0 − log p is
    −log p, but 0 and not −0 for a perfect answer.) A batch that is empty or has only zero
    weights has loss 0.

    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990;
    label smoothing: Szegedy et al., arXiv:1512.00567, section 7.

    >>> loss, _ = softmax_cross_entropy_forward(np.zeros((1, 4)), labels=np.array([2]))
    >>> print(f"{loss:.4f} = log 4")
    1.3863 = log 4
    """
    classes = logits.shape[1]
    z = logits - logits.max(axis=1, keepdims=True)  # (1)
    log_probs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))  # (2)
    one_hot = labels if labels.ndim == 2 else one_hot_rows(labels, classes)
    target = (1 - label_smoothing) * one_hot + label_smoothing / classes  # (3)
    target = target.astype(logits.dtype)
    share = share_of_rows(logits, sample_weight)  # (4)
    loss = (share * target * (0 - log_probs)).sum()  # (5)
    return loss, SoftmaxCrossEntropySaved(log_probs, target, share)


def softmax_cross_entropy_backward(
    dloss: Annotated[Array, ""], saved: SoftmaxCrossEntropySaved
) -> tuple[Annotated[Array, "N K"]]:
    """Gradient with respect to `logits`.

    The derivative of log Σⱼ exp(zⱼ) by zᵢ is exp(zᵢ) / Σⱼ exp(zⱼ) = pᵢ. So by (2), with δᵢⱼ = 1
    where i = j, else 0,

        ∂(log pⱼ)/∂zᵢ = δᵢⱼ − pᵢ

    and one row of (5) gives, because Σⱼ tⱼ δᵢⱼ = tᵢ and Σⱼ tⱼ = 1,

        ∂loss/∂zᵢ = −w Σⱼ tⱼ (δᵢⱼ − pᵢ) = −w (tᵢ − pᵢ) = w (pᵢ − tᵢ)

    (1) subtracts max(logits) from the whole row, so that the largest logit is also moved by
    −Σᵢ ∂loss/∂zᵢ; but Σᵢ (pᵢ − tᵢ) = 1 − 1 = 0: it adds nothing.

        dlogits = dloss w (p − t)
    """
    log_probs, target, share = saved
    dlogits = dloss * share * (np.exp(log_probs) - target)  # (5, 2, 1)
    return (dlogits,)


class BinaryCrossEntropySaved(NamedTuple):
    """What `binary_cross_entropy_backward` needs from the forward pass."""

    log_probs: Annotated[Array, "N ..."]  # log p = log sigmoid(logits)
    labels: Annotated[Array, "N ..."]  # the probabilities asked for
    share: Annotated[Array, "N ..."]  # each entry's share of the loss (one number per row)


def binary_cross_entropy_forward(
    logits: Annotated[Array, "N ..."],
    *,
    labels: Annotated[Array, "N ..."],
    sample_weight: Annotated[Array, "N"] | None = None,
) -> tuple[Annotated[Array, ""], BinaryCrossEntropySaved]:
    """Mean cross-entropy between yes/no labels and sigmoid(logits), entry by entry.

    Every logit x answers a question of its own; its label t is the probability of yes: 0, 1 or
    between, in an array of the logits' shape and dtype. With p = sigmoid(x) = 1 / (1 + exp(−x)),
    1 − p = p exp(−x), so log(1 − p) = log p − x. The cross-entropy −t log p − (1 − t) log(1 − p)
    is therefore −log p + (1 − t) x, and with (2) that is the bracket in (4):

        (1)  s = log(1 + exp(−|x|))
        (2)  log p = min(x, 0) − s
        (3)  w = sample_weight / Σₙ sample_weightₙ / K       (1/(N K) without weights)
        (4)  loss = Σₙ wₙ Σⱼ (max(xₙⱼ, 0) − xₙⱼ tₙⱼ + sₙⱼ)

    where K entries make a row. The exponential in (1) is ≤ 1 and the logarithm's argument ≥ 1:
    nothing overflows and no log(0) is met, whatever the logits. (2) is log p because for x ≥ 0
    both are −log(1 + exp(−x)), and for x < 0 both are x − log(1 + exp(x)). In (4),
    −min(x, 0) + x = max(x, 0).

    Cox, "The regression analysis of binary sequences", J. R. Stat. Soc. B 20, 1958.

    >>> loss, _ = binary_cross_entropy_forward(np.zeros((1, 1)), labels=np.ones((1, 1)))
    >>> print(f"{loss:.4f} = log 2")
    0.6931 = log 2
    """
    softness = np.log1p(np.exp(np.minimum(logits, -logits)))  # (1)
    log_probs = np.minimum(logits, 0) - softness  # (2)
    share = share_of_entries(logits, sample_weight)  # (3)
    loss = (share * (np.maximum(logits, 0) - logits * labels + softness)).sum()  # (4)
    return loss, BinaryCrossEntropySaved(log_probs, labels, share)


def binary_cross_entropy_backward(
    dloss: Annotated[Array, ""], saved: BinaryCrossEntropySaved
) -> tuple[Annotated[Array, "N ..."]]:
    """Gradient with respect to `logits`.

    max(x, 0) + s in (4) is log(1 + exp(x)) on both sides of 0, and its slope is
    exp(x) / (1 + exp(x)) = p. The term −x t has slope −t. So, with p = exp(log p) from (2),

        dlogits = dloss w (p − t)
    """
    log_probs, labels, share = saved
    dlogits = dloss * share * (np.exp(log_probs) - labels)  # (4, 2, 1)
    return (dlogits,)


class HingeSaved(NamedTuple):
    """What `hinge_backward` needs from the forward pass."""

    violated: Annotated[Array, "N K"]  # True: this wrong class comes too close to the label's
    right: Annotated[Array, "N K"]  # True at each row's label
    share: Annotated[Array, "N 1"]  # each row's share of the loss; they sum to 1


def hinge_forward(
    scores: Annotated[Array, "N K"],
    *,
    labels: Annotated[Array, "N"],
    margin: float = 1.0,
    sample_weight: Annotated[Array, "N"] | None = None,
) -> tuple[Annotated[Array, ""], HingeSaved]:
    """Multi-class hinge loss: the label's score must beat every other by at least `margin`.

    `labels` are integer classes. Row n counts by its share wₙ, and with the label's score cₙ

        (1)  mₙⱼ = sₙⱼ − cₙ + margin                         by how much class j comes too close
        (2)  violated where mₙⱼ > 0 and j is not the label
        (3)  w = sample_weight / Σₙ sample_weightₙ           (1/N without weights)
        (4)  loss = Σₙ wₙ Σ_violated mₙⱼ

    Weston and Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999:
    the SVM loss of CS231n.

    >>> loss, _ = hinge_forward(np.array([[3.0, 2.5, 1.0]]), labels=np.array([0]))
    >>> print(f"{loss} = (2.5 - 3 + 1) + 0")
    0.5 = (2.5 - 3 + 1) + 0
    """
    excess = scores - np.take_along_axis(scores, labels[:, np.newaxis], axis=1) + margin  # (1)
    right = one_hot_rows(labels, scores.shape[1])
    violated = (excess > 0) & ~right  # (2)
    share = share_of_rows(scores, sample_weight)  # (3)
    loss = (share * violated * excess).sum()  # (4)
    return loss, HingeSaved(violated, right, share)


def hinge_backward(
    dloss: Annotated[Array, ""], saved: HingeSaved
) -> tuple[Annotated[Array, "N K"]]:
    """Gradient with respect to `scores`.

    In (4) every violated class j of a row adds w mⱼ, and by (1) ∂mⱼ/∂sⱼ = 1 and ∂mⱼ/∂c = −1.
    With uⱼ = dloss w where violated, else 0,

        dscoresⱼ = uⱼ for the other classes, −Σᵢ uᵢ for the label's

    A label's own u is 0, so both are one line. At mⱼ = 0, a kink, we take the slope 0.

        dscores = u − onehot(labels) Σᵢ uᵢ
    """
    violated, right, share = saved
    upward = dloss * share * violated  # (4)
    dscores = upward - right * upward.sum(axis=1, keepdims=True)  # (1)
    return (dscores,)


def one_hot_rows(labels: Annotated[Array, "N"], classes: int) -> Annotated[Array, "N K"]:
    """One row per label: True in the label's column.

    >>> one_hot_rows(np.array([2, 0]), 3).astype(int)
    array([[0, 0, 1],
           [1, 0, 0]])
    """
    return labels[:, np.newaxis] == np.arange(classes)


def share_of_rows(
    outputs: Annotated[Array, "N ..."], sample_weight: Annotated[Array, "N"] | None
) -> Annotated[Array, "N ..."]:
    """Each row's share of a mean over rows: `sample_weight` over its sum, 1/N without weights.

    >>> share_of_rows(np.zeros((2, 3)), np.array([1.0, 3.0]))
    array([[0.25],
           [0.75]])
    """
    weight = np.ones(len(outputs)) if sample_weight is None else sample_weight
    total = weight.sum()
    share = weight / total if total != 0 else np.zeros(len(outputs))
    return column(share, outputs)


def share_of_entries(
    outputs: Annotated[Array, "N ..."], sample_weight: Annotated[Array, "N"] | None
) -> Annotated[Array, "N ..."]:
    """Each entry's share of a mean over everything: its row's share over the entries of a row.

    >>> share_of_entries(np.zeros((1, 4)), None)
    array([[0.25]])
    """
    return share_of_rows(outputs, sample_weight) / outputs[:1].size  # the entries of one row


def column(
    weight: Annotated[Array, "N"], outputs: Annotated[Array, "N ..."]
) -> Annotated[Array, "N ..."]:
    """One number per row, in a shape and a dtype that multiply `outputs` row by row.

    >>> column(np.array([5.0, 6.0]), np.zeros((2, 3, 4))).shape
    (2, 1, 1)
    """
    axes = tuple(range(1, outputs.ndim))
    return np.expand_dims(weight, axes).astype(np.real(outputs).dtype)
