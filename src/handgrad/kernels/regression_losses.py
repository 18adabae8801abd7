"""Losses of regressions, compiled: differences and their part of the loss in one pass.

NumPy writes an array as large as the outputs for each difference, product and share; here an entry
is fetched once, and what backward needs is written. Sums are kept in float64. The two squared
errors are one kernel, with shares or with weights. Backward is a product of the numbers of the rows
with what was saved, which NumPy does as well: it has no twins.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, rows
from handgrad.kernels.losses import entry_shares, one_per_row
from handgrad.ops.losses import column
from handgrad.ops.regression_losses import HalfSquaredErrorSaved, HuberSaved, MeanSquaredErrorSaved


@compiled
def squared_differences(outputs: Array, targets: Array, share: Array, residual: Array) -> float:
    """Σ share (outputs − targets)²."""
    loss = 0.0
    for n in range(len(outputs)):
        row = 0.0
        for k in range(outputs.shape[1]):
            difference = outputs[n, k] - targets[n, k]
            residual[n, k] = difference
            row += difference * difference
        loss += share[n] * row
    return loss


@compiled
def huber_entries(
    outputs: Array, targets: Array, share: Array, delta: float, clipped: Array
) -> float:
    """`ops.huber_forward`, entry by entry. NaN stays NaN."""
    kind, loss = outputs.dtype.type, 0.0
    low, high, half = kind(-delta), kind(delta), kind(0.5)
    for n in range(len(outputs)):
        row = 0.0
        for k in range(outputs.shape[1]):
            difference = outputs[n, k] - targets[n, k]
            near = low if difference < low else difference
            near = high if near > high else near
            clipped[n, k] = near
            row += near * (difference - half * near)
        loss += share[n] * row
    return loss


def check_targets(outputs: Array, targets: Array) -> None:
    """Refuse targets of another shape or dtype."""
    require(targets.shape == outputs.shape)
    require(targets.dtype == outputs.dtype)


def row_weights(outputs: Array, sample_weight: Array | None) -> Array:
    """Each row's weight as it is given, beside the outputs; 1 without weights."""
    if sample_weight is not None:
        require(sample_weight.shape == outputs.shape[:1])
        return column(sample_weight, outputs)
    return np.ones(one_per_row(outputs), outputs.dtype)


def mean_squared_error_forward(
    outputs: Array, *, targets: Array, sample_weight: Array | None = None
) -> tuple[Array, MeanSquaredErrorSaved]:
    """The twin of `ops.mean_squared_error_forward`."""
    check_targets(outputs, targets)
    share, residual = entry_shares(outputs, sample_weight), np.empty(outputs.shape, outputs.dtype)
    loss = squared_differences(rows(outputs), rows(targets), share.ravel(), rows(residual))
    return outputs.dtype.type(loss), MeanSquaredErrorSaved(residual, share)


def half_squared_error_forward(
    outputs: Array, *, targets: Array, sample_weight: Array | None = None
) -> tuple[Array, HalfSquaredErrorSaved]:
    """The twin of `ops.half_squared_error_forward`."""
    check_targets(outputs, targets)
    weight, residual = row_weights(outputs, sample_weight), np.empty(outputs.shape, outputs.dtype)
    loss = squared_differences(rows(outputs), rows(targets), weight.ravel(), rows(residual))
    return outputs.dtype.type(loss / 2), HalfSquaredErrorSaved(residual, weight)


def huber_forward(
    outputs: Array, *, targets: Array, delta: float = 1.0, sample_weight: Array | None = None
) -> tuple[Array, HuberSaved]:
    """The twin of `ops.huber_forward`."""
    check_targets(outputs, targets)
    share, clipped = entry_shares(outputs, sample_weight), np.empty(outputs.shape, outputs.dtype)
    loss = huber_entries(rows(outputs), rows(targets), share.ravel(), float(delta), rows(clipped))
    return outputs.dtype.type(loss), HuberSaved(clipped, share)
