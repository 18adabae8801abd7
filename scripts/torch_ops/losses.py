"""The ops of `handgrad.ops.losses`, said in PyTorch."""

import torch.nn.functional as F


def softmax_cross_entropy(logits, *, labels, label_smoothing=0.0, sample_weight=None):
    rows = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return (
        rows.mean() if sample_weight is None else (rows * sample_weight).sum() / sample_weight.sum()
    )


OPS = {"softmax_cross_entropy": softmax_cross_entropy}
