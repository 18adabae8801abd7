"""Softmax and log softmax, compiled around NumPy's exponential.

Rows are short (ten classes, say), and NumPy's operations along short rows cost more than their
arithmetic. Kernels go row by row instead: one shifts each row by its maximum, one finishes it.
Between them stands np.exp on the whole array: it computes many exponentials at once, which
compiled code, calling the C library's for one number at a time, cannot.

Sums are kept in float64.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.softmax import LogSoftmaxSaved, SoftmaxSaved


@compiled
def shift_rows(logits: Array, z: Array) -> None:
    """z = logits − max(logits), row by row.

    A NaN is never the maximum here, as it would be in NumPy, but stays NaN in z. So does the
    whole row afterwards: the sum of its exponentials is NaN.
    """
    for n in range(len(logits)):
        largest = logits[n, 0]
        for k in range(1, logits.shape[1]):
            largest = logits[n, k] if logits[n, k] > largest else largest
        for k in range(logits.shape[1]):
            z[n, k] = logits[n, k] - largest


@compiled
def divide_rows(e: Array) -> None:
    """e ← e / Σ e, row by row."""
    for n in range(len(e)):
        total = 0.0
        for k in range(e.shape[1]):
            total += e[n, k]
        whole = e.dtype.type(total)
        for k in range(e.shape[1]):
            e[n, k] /= whole


@compiled
def subtract_logarithms(z: Array, e: Array) -> None:
    """z ← z − log Σ e, row by row."""
    for n in range(len(z)):
        total = 0.0
        for k in range(z.shape[1]):
            total += e[n, k]
        logarithm = z.dtype.type(np.log(total))
        for k in range(z.shape[1]):
            z[n, k] -= logarithm


@compiled
def softmax_dlogits(dprobs: Array, probs: Array, dlogits: Array) -> None:
    """`ops.softmax_backward`, row by row."""
    for n in range(len(probs)):
        total = 0.0
        for k in range(probs.shape[1]):
            total += dprobs[n, k] * probs[n, k]
        mean = probs.dtype.type(total)
        for k in range(probs.shape[1]):
            dlogits[n, k] = probs[n, k] * (dprobs[n, k] - mean)


@compiled
def log_softmax_dlogits(dlog_probs: Array, probs: Array, dlogits: Array) -> None:
    """`ops.log_softmax_backward`, row by row."""
    for n in range(len(probs)):
        total = 0.0
        for k in range(probs.shape[1]):
            total += dlog_probs[n, k]
        whole = probs.dtype.type(total)
        for k in range(probs.shape[1]):
            dlogits[n, k] = dlog_probs[n, k] - probs[n, k] * whole


def shifted(logits: Array) -> Array:
    """Each row less its maximum.

    Raises:
        Unsuitable: no rows, or rows without entries.
    """
    require(logits.ndim == 2)
    require(bool(logits.shape[1]))
    z = np.empty(logits.shape, logits.dtype)
    shift_rows(dense(logits), z)
    return z


def log_probabilities(logits: Array) -> Array:
    """log softmax(logits)."""
    z = shifted(logits)
    subtract_logarithms(z, np.exp(z))
    return z


def softmax_forward(logits: Array) -> tuple[Array, SoftmaxSaved]:
    """The twin of `ops.softmax_forward`."""
    probs = np.exp(shifted(logits))
    divide_rows(probs)
    return probs, SoftmaxSaved(probs)


def softmax_backward(dprobs: Array, saved: SoftmaxSaved) -> tuple[Array]:
    """The twin of `ops.softmax_backward`."""
    probs = saved.probs
    require(probs.ndim == 2)
    require(dprobs.shape == probs.shape)
    dlogits = np.empty(probs.shape, probs.dtype)
    softmax_dlogits(dense(dprobs), dense(probs), dlogits)
    return (dlogits,)


def log_softmax_forward(logits: Array) -> tuple[Array, LogSoftmaxSaved]:
    """The twin of `ops.log_softmax_forward`."""
    log_probs = log_probabilities(logits)
    return log_probs, LogSoftmaxSaved(log_probs)


def log_softmax_backward(dlog_probs: Array, saved: LogSoftmaxSaved) -> tuple[Array]:
    """The twin of `ops.log_softmax_backward`."""
    log_probs = saved.log_probs
    require(log_probs.ndim == 2)
    require(dlog_probs.shape == log_probs.shape)
    dlogits = np.empty(log_probs.shape, log_probs.dtype)
    log_softmax_dlogits(dense(dlog_probs), np.exp(dense(log_probs)), dlogits)
    return (dlogits,)
