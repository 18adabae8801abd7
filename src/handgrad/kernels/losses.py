"""Losses of classifiers, compiled: a row's part of the loss in one pass over the row.

Exponentials and logarithms are NumPy's, which computes many at once: those of softmax
cross-entropy come from `softmax.py`, those of yes/no answers from `activations.py`. The rest of the
references builds arrays as large as the logits for one-hot rows, smoothed rows, shares and
products; here a row's target is written and its part of the loss summed at once, in float64.

The shares of rows that count alike are written at once; with weights they are the reference's. The
backward passes of both cross-entropies have no twins: they are one exponential and two products,
and NumPy is as good. That of the hinge loss, which sums over the rows, has one.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.activations import softness
from handgrad.kernels.jit import compiled, dense, rows
from handgrad.kernels.softmax import log_probabilities
from handgrad.ops.losses import (
    BinaryCrossEntropySaved,
    HingeSaved,
    SoftmaxCrossEntropySaved,
    share_of_entries,
    share_of_rows,
)


def one_per_row(outputs: Array) -> tuple[int, ...]:
    """The shape of one number per row, beside the outputs."""
    return len(outputs), *[1 for _ in outputs.shape[1:]]


def row_shares(outputs: Array, sample_weight: Array | None) -> Array:
    """Each row's share of a mean over rows, as `ops.losses.share_of_rows`."""
    if sample_weight is not None:
        return share_of_rows(outputs, sample_weight)
    return np.ones(one_per_row(outputs), outputs.dtype) / len(outputs)


def entry_shares(outputs: Array, sample_weight: Array | None) -> Array:
    """Each entry's share of a mean over everything, as `ops.losses.share_of_entries`.

    Raises:
        Unsuitable: rows without entries, or weights that are not one per row.
    """
    require(bool(outputs.size) or not len(outputs))
    if sample_weight is not None:
        require(sample_weight.shape == outputs.shape[:1])
        return share_of_entries(outputs, sample_weight)
    return np.ones(one_per_row(outputs), outputs.dtype) / outputs.size


@compiled
def smooth_classes(labels: Array, smoothing: float, target: Array) -> None:
    """target = (1 − ε) onehot(labels) + ε / K."""
    classes = target.shape[1]
    kind, low = target.dtype.type, smoothing / classes
    rest, asked = kind(low), kind(1 - smoothing + low)
    for n in range(len(target)):
        for k in range(classes):
            target[n, k] = asked if k == labels[n] else rest


@compiled
def smooth_rows(labels: Array, smoothing: float, target: Array) -> None:
    """target = (1 − ε) labels + ε / K."""
    kind, classes = target.dtype.type, target.shape[1]
    part, rest = kind(1 - smoothing), kind(smoothing / classes)
    for n in range(len(target)):
        for k in range(classes):
            target[n, k] = part * labels[n, k] + rest


@compiled
def cross_entropy(log_probs: Array, target: Array, share: Array) -> float:
    """Σ share target (0 − log p)."""
    zero, loss = log_probs.dtype.type(0), 0.0
    for n in range(len(log_probs)):
        row = 0.0
        for k in range(log_probs.shape[1]):
            row += target[n, k] * (zero - log_probs[n, k])
        loss += share[n, 0] * row
    return loss


def softmax_cross_entropy_forward(
    logits: Array,
    *,
    labels: Array,
    label_smoothing: float = 0.0,
    sample_weight: Array | None = None,
) -> tuple[Array, SoftmaxCrossEntropySaved]:
    """The twin of `ops.softmax_cross_entropy_forward`."""
    log_probs = log_probabilities(logits)
    target = np.empty(logits.shape, logits.dtype)
    if labels.ndim == 2:
        require(labels.shape == logits.shape)
        require(labels.dtype == logits.dtype)
        smooth_rows(dense(labels), float(label_smoothing), target)
    else:
        require(labels.shape == logits.shape[:1])
        require(labels.dtype.kind in "iu")
        smooth_classes(dense(labels.astype(np.int64)), float(label_smoothing), target)
    require(sample_weight is None or sample_weight.shape == logits.shape[:1])
    share = row_shares(logits, sample_weight)
    loss = logits.dtype.type(cross_entropy(log_probs, target, share))
    return loss, SoftmaxCrossEntropySaved(log_probs, target, share)


@compiled
def yes_no_entries(x: Array, labels: Array, share: Array, log_probs: Array) -> float:
    """`ops.binary_cross_entropy_forward`; log_probs holds log(1 + exp(−|x|))."""
    zero, loss = x.dtype.type(0), 0.0
    for n in range(len(x)):
        row = 0.0
        for k in range(x.shape[1]):
            value, soft = x[n, k], log_probs[n, k]
            row += (zero if value < zero else value) - value * labels[n, k] + soft
            log_probs[n, k] = (value if value < zero else zero) - soft
        loss += share[n] * row
    return loss


def binary_cross_entropy_forward(
    logits: Array, *, labels: Array, sample_weight: Array | None = None
) -> tuple[Array, BinaryCrossEntropySaved]:
    """The twin of `ops.binary_cross_entropy_forward`."""
    share = entry_shares(logits, sample_weight)
    require(labels.shape == logits.shape)
    require(labels.dtype == logits.dtype)
    entries = dense(logits)
    log_probs = softness(entries)
    loss = yes_no_entries(rows(entries), rows(labels), share.ravel(), rows(log_probs))
    return logits.dtype.type(loss), BinaryCrossEntropySaved(log_probs, labels, share)


@compiled
def are_classes(labels: Array, classes: int) -> bool:
    """Whether every label is the number of a class."""
    fit = True
    for n in range(len(labels)):
        fit = fit & (labels[n] >= 0) & (labels[n] < classes)
    return fit


@compiled
def hinge_rows(
    scores: Array, labels: Array, margin: float, share: Array, violated: Array, right: Array
) -> float:
    """`ops.hinge_forward`, row by row."""
    kind, loss = scores.dtype.type, 0.0
    for n in range(len(scores)):
        own, row = scores[n, labels[n]], 0.0
        for k in range(scores.shape[1]):
            excess = scores[n, k] - own + kind(margin)
            violated[n, k] = (excess > 0) & (k != labels[n])
            right[n, k] = k == labels[n]
            row += kind(violated[n, k]) * excess
        loss += share[n, 0] * row
    return loss


@compiled
def hinge_dscores(dloss: float, violated: Array, right: Array, share: Array, ds: Array) -> None:
    """`ops.hinge_backward`, row by row."""
    kind = ds.dtype.type
    for n in range(len(ds)):
        upward, count = kind(dloss) * share[n, 0], 0
        for k in range(ds.shape[1]):
            count += violated[n, k]
        total = upward * kind(count)
        for k in range(ds.shape[1]):
            ds[n, k] = upward * kind(violated[n, k]) - kind(right[n, k]) * total


def hinge_forward(
    scores: Array, *, labels: Array, margin: float = 1.0, sample_weight: Array | None = None
) -> tuple[Array, HingeSaved]:
    """The twin of `ops.hinge_forward`."""
    require(scores.ndim == 2)
    require(labels.shape == scores.shape[:1])
    require(labels.dtype.kind in "iu")
    require(sample_weight is None or sample_weight.shape == labels.shape)
    classes = dense(labels.astype(np.int64))
    require(are_classes(classes, scores.shape[1]))
    share = row_shares(scores, sample_weight)
    violated, right = np.empty(scores.shape, np.bool_), np.empty(scores.shape, np.bool_)
    loss = hinge_rows(dense(scores), classes, float(margin), share, violated, right)
    return scores.dtype.type(loss), HingeSaved(violated, right, share)


def hinge_backward(dloss: Array, saved: HingeSaved) -> tuple[Array]:
    """The twin of `ops.hinge_backward`."""
    violated, right, share = saved
    require(np.ndim(dloss) == 0)
    require(violated.shape == right.shape)
    require(violated.dtype == right.dtype == np.bool_)
    require(share.shape == (len(violated), 1))
    dscores = np.empty(violated.shape, share.dtype)
    hinge_dscores(float(dloss), dense(violated), dense(right), dense(share), dscores)
    return (dscores,)
