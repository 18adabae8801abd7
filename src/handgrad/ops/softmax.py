"""Softmax: K numbers become K probabilities. The only activations that mix the entries of a row.

p stands for probs, dp for dprobs, and δᵢⱼ is 1 where i = j, else 0.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class SoftmaxSaved(NamedTuple):
    """What `softmax_backward` needs from the forward pass."""

    probs: Annotated[Array, "N K"]  # p = softmax(logits)


def softmax_forward(
    logits: Annotated[Array, "N K"],
) -> tuple[Annotated[Array, "N K"], SoftmaxSaved]:
    """Turn each row into probabilities: positive numbers of sum 1, in proportion to exp(logits).

    For one row, with K entries:

        (1)  z = logits − max(logits)
        (2)  e = exp(z)
        (3)  p = e / Σⱼ eⱼ

    (1) multiplies numerator and denominator of (3) by the same number, so it changes nothing; but
    it makes the largest e equal to 1: nothing overflows, and the sum is never 0.

    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    >>> probs, _ = softmax_forward(np.log(np.array([[1.0, 4.0, 5.0]])))
    >>> probs
    array([[0.1, 0.4, 0.5]])
    """
    z = logits - logits.max(axis=1, keepdims=True)  # (1)
    e = np.exp(z)  # (2)
    probs = e / e.sum(axis=1, keepdims=True)  # (3)
    return probs, SoftmaxSaved(probs)


def softmax_backward(
    dprobs: Annotated[Array, "N K"], saved: SoftmaxSaved
) -> tuple[Annotated[Array, "N K"]]:
    """Gradient with respect to `logits`.

    Write S for the sum in (3), so that pⱼ = eⱼ / S. By (2), ∂eⱼ/∂zᵢ = δᵢⱼ eᵢ: zᵢ moves the
    numerator of pᵢ alone; but it moves S, the denominator of every pⱼ, by ∂S/∂zᵢ = eᵢ. By the
    quotient rule

        ∂pⱼ/∂zᵢ = δᵢⱼ eᵢ / S − eⱼ eᵢ / S² = pᵢ (δᵢⱼ − pⱼ)

    and summing dpⱼ ∂pⱼ/∂zᵢ over j gives dzᵢ = pᵢ (dpᵢ − Σⱼ dpⱼ pⱼ).

    (1) subtracts max(logits) from the whole row, so that the largest logit is also moved by
    −Σᵢ dzᵢ. But Σᵢ dzᵢ = Σᵢ pᵢ dpᵢ − (Σᵢ pᵢ) Σⱼ dpⱼ pⱼ = 0, because Σᵢ pᵢ = 1: it adds nothing.

        dlogits = p (dp − Σⱼ dpⱼ pⱼ)
    """
    probs = saved.probs
    through_sum = (dprobs * probs).sum(axis=1, keepdims=True)  # (3), by way of S
    dlogits = probs * (dprobs - through_sum)  # (3, 2, 1)
    return (dlogits,)


class LogSoftmaxSaved(NamedTuple):
    """What `log_softmax_backward` needs from the forward pass."""

    log_probs: Annotated[Array, "N K"]  # log softmax(logits)


def log_softmax_forward(
    logits: Annotated[Array, "N K"],
) -> tuple[Annotated[Array, "N K"], LogSoftmaxSaved]:
    """The logarithm of softmax, exact where the probabilities themselves would round to 0.

    For one row, with K entries:

        (1)  z = logits − max(logits)
        (2)  log p = z − log Σⱼ exp(zⱼ)

    (1) changes nothing, as in `softmax_forward`, but keeps every exponential ≤ 1; and one of them
    is 1, so (2) takes no logarithm of a number below 1.

    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    >>> log_probs, _ = log_softmax_forward(np.array([[0.0, -1000.0]]))
    >>> log_probs
    array([[    0., -1000.]])
    """
    z = logits - logits.max(axis=1, keepdims=True)  # (1)
    log_probs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))  # (2)
    return log_probs, LogSoftmaxSaved(log_probs)


def log_softmax_backward(
    dlog_probs: Annotated[Array, "N K"], saved: LogSoftmaxSaved
) -> tuple[Annotated[Array, "N K"]]:
    """Gradient with respect to `logits`.

    The derivative of log Σⱼ exp(zⱼ) by zᵢ is exp(zᵢ) / Σⱼ exp(zⱼ) = pᵢ, so by (2)

        ∂(log pⱼ)/∂zᵢ = δᵢⱼ − pᵢ

    and summing gⱼ ∂(log pⱼ)/∂zᵢ over j, where g is short for dlog_probs, gives
    dzᵢ = gᵢ − pᵢ Σⱼ gⱼ. The shift (1) adds nothing, as in `softmax_backward`: here too Σᵢ dzᵢ = 0.

        dlogits = g − p Σⱼ gⱼ
    """
    probs = np.exp(saved.log_probs)  # (2), undone
    through_sum = probs * dlog_probs.sum(axis=1, keepdims=True)  # (2), by way of the sum
    dlogits = dlog_probs - through_sum  # (2, 1)
    return (dlogits,)
