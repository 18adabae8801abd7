"""Losses over the rows of a batch, compiled: each row's loss, and the gradient of the logits.

As in `ops.losses` and `ops.regression_losses`, in one pass; rows lo … hi − 1, so that workers can
share a batch. Where the labels lie is said by `order`: row n of the batch is row order[n] of all.
A row's loss goes to `losses[n]` in float64; whoever adds them up does so in the rows' order.
"""

import math

import numpy as np

from handgrad.checks import Array
from handgrad.kernels.jit import compiled

LN_2_HIGH, LN_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
INVERSE_LN_2 = 1 / math.log(2)
SERIES = tuple(1 / math.factorial(k) for k in range(12, -1, -1))  # of exp, highest power first
ODD = tuple(1 / k for k in range(29, 0, -2))
SOFTMAX, YES_NO, SQUARED, HALF_SQUARED, ONE_ANSWER = range(5)


@compiled
def total_weight(order: Array, weight: Array) -> float:
    """The weights of a batch together; how many rows it has where there are none."""
    if len(weight) == 0:
        return float(len(order))
    total = 0.0
    for n in range(len(order)):
        total += float(weight[order[n]])
    return total


@compiled
def softmax_row(
    logits: Array, largest: float, target: Array, label: int, smoothing: float, d: Array
) -> float:
    """Softmax-cross-entropy of a row; `label` is its class, or K where `target` is the row.

    d holds exp(logits − largest), and becomes p − t.
    """
    count, total, loss = len(logits), 0.0, 0.0
    for k in range(count):
        total += d[k]
    logarithm, share = math.log(total), 1.0 / total
    for k in range(count):
        one_hot = (1.0 if k == label else 0.0) if label < count else target[k]
        asked = (1.0 - smoothing) * one_hot + smoothing / count
        loss += asked * (logarithm - (logits[k] - largest))
        d[k] = d[k] * share - asked
    return loss


@compiled
def exponentials(logits: Array, features: int, lo: int, hi: int, largest: Array, d: Array) -> None:
    """d = exp(logits − largest), where `largest` is that of each row; padding is of no account."""
    kind = d.dtype.type
    for n in range(lo, hi):
        top = logits[n, 0]
        for k in range(1, features):
            top = logits[n, k] if logits[n, k] > top else top
        largest[n] = top
        for k in range(features):
            d[n, k] = logits[n, k] - top
    numbers = d[lo:hi].reshape((hi - lo) * d.shape[1])
    for i in range(len(numbers)):
        numbers[i] = kind(exponential(float(numbers[i])))
    d[lo:hi, features:] = 0


@compiled
def yes_no_row(logits: Array, target: Array, d: Array) -> float:
    """Cross-entropy of yes/no answers in a row, summed; writes d = p − t."""
    loss = 0.0
    for k in range(len(logits)):
        x, t = float(logits[k]), float(target[k])
        e = math.exp(-abs(x))
        loss += max(x, 0.0) - x * t + math.log1p(e)
        d[k] = (e if x < 0.0 else 1.0) / (1.0 + e) - t
    return loss


@compiled
def exponential(x: float) -> float:
    """exp(x) for x ≤ 0, and NaN for NaN.

    It asks no library and takes no branch, so loops over it become vector instructions. With
    x = r − n ln 2, exp(x) is 2⁻ⁿ times the series of exp(r), and 2⁻ⁿ is the number whose bits say
    so: the exponent, 1023 − n, from bit 52 on, and nothing else. Below −700 it stays at exp(−700).
    """
    x = -700.0 if x < -700.0 else x
    n = np.int32(0.5 - x * INVERSE_LN_2)
    r = (x + n * LN_2_HIGH) + n * LN_2_LOW
    total = SERIES[0]
    for coefficient in SERIES[1:]:
        total = total * r + coefficient
    return total * np.int64((1023 - np.int64(n)) << 52).view(np.float64)


@compiled
def logarithm_of_one_plus(e: float) -> float:
    """log(1 + e) for 0 ≤ e ≤ 1: the series 2 (s + s³/3 + s⁵/5 + …) with s = e / (2 + e)."""
    s = e / (2.0 + e)
    square, total = s * s, ODD[0]
    for coefficient in ODD[1:]:
        total = total * square + coefficient
    return 2.0 * s * total


@compiled
def yes_no_column(
    logits: Array,
    labels: tuple[Array, Array, Array],
    order: Array,
    lo: int,
    hi: int,
    losses: Array,
    d: Array,
) -> None:
    """`loss_rows` for yes/no answers one per row: side by side, they become vector instructions."""
    _, targets, weight = labels
    kind, total = d.dtype.type, total_weight(order, weight)
    x, e = np.empty_like(losses[lo:hi]), np.empty_like(losses[lo:hi])
    for i in range(len(x)):
        x[i] = logits[lo + i, 0]
    for i in range(len(x)):
        e[i] = exponential(-x[i] if x[i] > 0.0 else x[i])
        losses[lo + i] = (x[i] if x[i] > 0.0 else 0.0) + logarithm_of_one_plus(e[i])
        e[i] = (e[i] if x[i] < 0.0 else 1.0) / (1.0 + e[i])
    for i in range(len(x)):
        row = order[lo + i]
        target, share = targets[row, 0], 1.0 / total if total > 0.0 else 0.0
        if len(weight):
            share *= weight[row]
        losses[lo + i] = share * (losses[lo + i] - x[i] * target)
        d[lo + i, 0] = kind(share * (e[i] - target))


@compiled
def squared_row(outputs: Array, target: Array, d: Array) -> float:
    """The squared differences of a row, summed; writes d = 2 (output − target)."""
    loss = 0.0
    for k in range(len(outputs)):
        residual = outputs[k] - target[k]
        loss += residual * residual
        d[k] = residual + residual
    return loss


@compiled
def loss_rows(
    how: int,
    smoothing: float,
    logits: Array,
    d: Array,
    features: int,
    labels: tuple[Array, Array, Array],
    order: Array,
    lo: int,
    hi: int,
    losses: Array,
) -> None:
    """The losses of the rows lo … hi − 1, each times its share, and d = ∂loss/∂logits.

    `labels` are classes (N,), targets (N, K) and weights (N,) of all examples; what a loss does
    not need is empty.
    """
    classes, targets, weight = labels
    kind, total = d.dtype.type, total_weight(order, weight)
    if how == SOFTMAX:
        exponentials(logits, features, lo, hi, losses, d)
    for n in range(lo, hi):
        i = order[n]
        row, slope = logits[n, :features], d[n, :features]
        target = targets[i] if len(targets) else logits[n]
        if how == SOFTMAX:
            label = int(classes[i]) if len(classes) else features
            losses[n] = softmax_row(row, losses[n], target, label, smoothing, slope)
        elif how == YES_NO:
            losses[n] = yes_no_row(row, target, slope)
        else:
            losses[n] = squared_row(row, target, slope)
        share = float(weight[i]) if len(weight) else 1.0
        if how == HALF_SQUARED:
            share *= 0.5
        elif total == 0.0:
            share = 0.0
        else:
            share /= total if how == SOFTMAX else total * features
        losses[n] *= share
        for k in range(features):
            slope[k] *= kind(share)
