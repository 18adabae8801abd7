"""Softmax cross-entropy, compiled: the targets and the loss in one pass over each row.

The exponentials and the logarithms of the probabilities come from `softmax.py`. The rest of the
reference builds arrays as large as the logits for one-hot rows, smoothed rows, shares and
products; here a row's target is written and its part of the loss summed at once, in float64.

The backward pass has no twin: it is one exponential and two products, and NumPy is as good.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.kernels.softmax import log_probabilities
from handgrad.ops.losses import SoftmaxCrossEntropySaved, share_of_rows


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
    share = share_of_rows(logits, sample_weight)
    loss = logits.dtype.type(cross_entropy(log_probs, target, share))
    return loss, SoftmaxCrossEntropySaved(log_probs, target, share)
