"""The ops of `handgrad.ops.regression_losses`, said in PyTorch."""

import torch.nn.functional as F


def mean(entries, sample_weight):
    """The mean of all entries, weighted by row."""
    rows = entries.flatten(1).mean(1)
    return (
        rows.mean() if sample_weight is None else (rows * sample_weight).sum() / sample_weight.sum()
    )


def mean_squared_error(outputs, *, targets, sample_weight=None):
    return mean(F.mse_loss(outputs, targets, reduction="none"), sample_weight)


def half_squared_error(outputs, *, targets, sample_weight=None):
    rows = F.mse_loss(outputs, targets, reduction="none").flatten(1).sum(1)
    return 0.5 * (rows if sample_weight is None else rows * sample_weight).sum()


def huber(outputs, *, targets, delta=1.0, sample_weight=None):
    return mean(F.huber_loss(outputs, targets, delta=delta, reduction="none"), sample_weight)


OPS = {
    "half_squared_error": half_squared_error,
    "huber": huber,
    "mean_squared_error": mean_squared_error,
}
