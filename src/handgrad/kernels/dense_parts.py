"""What dense networks' steps do entry by entry, between the sums of products: compiled.

On batches: gathering their rows, adding up the parts of a sum, dropout, activations there and
back, copying outputs. Each takes matrices (N, step) of which the first `features` columns count,
and the rows lo … hi − 1, so that workers can share a batch (gathering and dropout can share
columns as well). Columns beyond stay as they are: zeros. Rows outside, features inside, so the
innermost loop always runs over numbers that lie side by side.

On parameters, as flat arrays: whether a gradient is finite, weight decay, plain descent; and the
running statistics of batch norm. The other update rules are in `updates.py`, the losses in
`dense_losses.py`, batch norm itself and sums over a batch in `dense_norm.py`.
"""

import math

from handgrad.checks import Array
from handgrad.kernels.jit import compiled

RELU, LEAKY_RELU, SIGMOID, TANH = 0, 1, 2, 3


@compiled
def gather(
    source: Array,
    order: Array,
    scale: float,
    offset: float,
    x: Array,
    features: int,
    part: tuple[int, int, int, int],
) -> None:
    """x[n] = source[order[n]] · scale + offset, in x's dtype; part: the rows and the columns."""
    kind = x.dtype.type
    slope, shift = kind(scale), kind(offset)
    lo, hi, first, last = part
    for n in range(lo, hi):
        start = order[n] * features
        row, out = source[start + first : start + last], x[n, first:last]
        for j in range(last - first):
            out[j] = kind(row[j]) * slope + shift


@compiled
def add_parts(parts: Array, features: int, lo: int, hi: int, y: Array) -> None:
    """y = Σ over workers of parts[w], in their order."""
    for n in range(lo, hi):
        for j in range(features):
            y[n, j] = parts[0, n, j] + parts[1, n, j]
        for w in range(2, len(parts)):
            for j in range(features):
                y[n, j] += parts[w, n, j]


@compiled
def drop(
    x: Array, kept: Array, scale: float, y: Array, features: int, part: tuple[int, int, int, int]
) -> None:
    """y = x · scale where kept is 1, and x · 0 where it is 0: an infinite x is not hidden.

    `kept` has a byte for each feature of each row, and no padding; y may be x.
    """
    kind = y.dtype.type
    by, (lo, hi, first, last) = kind(scale), part
    for n in range(lo, hi):
        start = n * features
        row, mask, out = x[n, first:last], kept[start + first : start + last], y[n, first:last]
        for j in range(last - first):
            out[j] = row[j] * (kind(mask[j]) * by)


@compiled
def activate(how: int, slope: float, y: Array, features: int, lo: int, hi: int) -> None:
    """y ← activation(y)."""
    kind = y.dtype.type
    zero, one, leak = kind(0), kind(1), kind(slope)
    for n in range(lo, hi):
        row = y[n, :features]
        if how == RELU:
            for j in range(features):
                row[j] = zero if row[j] < zero else row[j]
        elif how == LEAKY_RELU:
            for j in range(features):
                row[j] = leak * row[j] if row[j] < zero else row[j]
        elif how == SIGMOID:
            for j in range(features):
                e = kind(math.exp(-abs(row[j])))
                row[j] = (e if row[j] < zero else one) / (one + e)
        else:
            for j in range(features):
                row[j] = kind(math.tanh(row[j]))


@compiled
def activate_back(
    how: int, slope: float, y: Array, dy: Array, features: int, lo: int, hi: int
) -> None:
    """dy ← dy · activation'(x), by the output y."""
    kind = y.dtype.type
    zero, one, leak = kind(0), kind(1), kind(slope)
    for n in range(lo, hi):
        out, d = y[n, :features], dy[n, :features]
        if how == RELU:
            for j in range(features):
                d[j] = d[j] if out[j] > zero else zero
        elif how == LEAKY_RELU:
            for j in range(features):
                d[j] = d[j] if out[j] > zero else leak * d[j]
        elif how == SIGMOID:
            for j in range(features):
                d[j] *= out[j] * (one - out[j])
        else:
            for j in range(features):
                d[j] *= one - out[j] * out[j]


@compiled
def keep(y: Array, lo: int, hi: int, outputs: Array) -> None:
    """Copy the rows lo … hi − 1 of what counts of y."""
    for n in range(lo, hi):
        for j in range(outputs.shape[1]):
            outputs[n, j] = y[n, j]


# -- running statistics -----------------------------------------------------------------------


@compiled
def remember(stats: Array, momentum: float, m: int, features: int, mean: Array, var: Array) -> None:
    """Running mean and variance after a batch of m rows, as `BatchNorm.new_state`."""
    kind = stats.dtype.type
    keep, fresh = kind(momentum), kind(1.0 - momentum)
    for j in range(features):
        mean[j] = keep * mean[j] + fresh * stats[0, j]
    if m > 1:
        correction = kind(m / (m - 1))
        for j in range(features):
            var[j] = keep * var[j] + fresh * (stats[1, j] * correction)


# -- parameters -------------------------------------------------------------------------------


@compiled
def finite(x: Array) -> bool:
    """Whether every number is: zero times anything else is not zero."""
    total = x.dtype.type(0)
    for i in range(len(x)):
        total += x[i] * x.dtype.type(0)
    return total == 0


@compiled
def scale(x: Array, factor: float) -> None:
    """x ← x · factor."""
    by = x.dtype.type(factor)
    for i in range(len(x)):
        x[i] *= by


@compiled
def descend(param: Array, grad: Array, learning_rate: float) -> None:
    """`ops.sgd_step`, entry by entry."""
    rate = param.dtype.type(learning_rate)
    for i in range(len(param)):
        param[i] -= rate * grad[i]
