"""The ops of `handgrad.ops.losses`, said in PyTorch."""

import torch.nn.functional as F


def mean(rows, sample_weight):
    """The mean of the rows' losses, weighted."""
    return (
        rows.mean() if sample_weight is None else (rows * sample_weight).sum() / sample_weight.sum()
    )


def softmax_cross_entropy(logits, *, labels, label_smoothing=0.0, sample_weight=None):
    rows = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return mean(rows, sample_weight)


def binary_cross_entropy(logits, *, labels, sample_weight=None):
    entries = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return mean(entries.flatten(1).mean(1), sample_weight)


def hinge(scores, *, labels, margin=1.0, sample_weight=None):
    # PyTorch divides a row's sum by the number of classes; CS231n does not.
    rows = F.multi_margin_loss(scores, labels, margin=margin, reduction="none") * scores.shape[1]
    return mean(rows, sample_weight)


OPS = {
    "binary_cross_entropy": binary_cross_entropy,
    "hinge": hinge,
    "softmax_cross_entropy": softmax_cross_entropy,
}
