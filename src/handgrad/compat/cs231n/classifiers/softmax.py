"""`cs231n.classifiers.softmax`: the cross-entropy of a linear classifier, with its penalty."""

from typing import Any

from handgrad.checks import Array
from handgrad.compat.cs231n.conventions import penalty_factor
from handgrad.compat.cs231n.layers import softmax_loss


def softmax_loss_vectorized(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
    """The cross-entropy of softmax(X W), plus reg Σ W², and the gradient dW.

    Args:
        W: weights, shape (D, C).
        X: examples, shape (N, D).
        y: labels, shape (N,).
        reg: the penalty's strength (see `conventions` for the years that halve it).
    """
    loss, dscores = softmax_loss(X @ W, y)
    strength = penalty_factor() * reg
    return loss + strength * (W * W).sum(), X.T @ dscores + 2 * strength * W


def softmax_loss_naive(W: Array, X: Array, y: Array, reg: float) -> tuple[Any, Array]:
    """The same as `softmax_loss_vectorized`; in the course it is written with loops."""
    return softmax_loss_vectorized(W, X, y, reg)
