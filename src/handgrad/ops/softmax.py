"""Softmax: K numbers become K probabilities. The only activations that mix the entries of a row."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class SoftmaxSaved(NamedTuple):
    """What `softmax_backward` needs from the forward pass."""

    probs: Annotated[Array, "N K"]  # softmax(logits)


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

    In (3), zᵢ moves the numerator of pᵢ alone and the denominator of every pⱼ, so by (2)

        ∂pⱼ/∂zᵢ = pⱼ (δᵢⱼ − pᵢ)

    and summing dpⱼ ∂pⱼ/∂zᵢ over j gives dzᵢ = pᵢ (dpᵢ − Σⱼ dpⱼ pⱼ). The shift (1) subtracts one
    number from the whole row, and Σᵢ dzᵢ = 0 because Σᵢ pᵢ = 1, so it adds nothing:

        dlogits = p (dp − Σⱼ dpⱼ pⱼ)
    """
    probs = saved.probs
    mean = (dprobs * probs).sum(axis=1, keepdims=True)  # of dp under p: through (3)'s denominator
    dlogits = probs * (dprobs - mean)  # (3, 2, 1)
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

    and summing over j gives dzᵢ = d(log p)ᵢ − pᵢ Σⱼ d(log p)ⱼ. The shift (1) subtracts one number
    from the whole row, and Σᵢ dzᵢ = 0 because Σᵢ pᵢ = 1, so it adds nothing:

        dlogits = d(log p) − p Σⱼ d(log p)ⱼ
    """
    probs = np.exp(saved.log_probs)
    total = dlog_probs.sum(axis=1, keepdims=True)
    dlogits = dlog_probs - probs * total  # (2, 1)
    return (dlogits,)
