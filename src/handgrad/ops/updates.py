"""One optimizer step for one parameter, in place: the update rules of the optimizers.

These are the one exemption from the ops' contract: each changes its parameter and its slots in
place and has no backward. `learning_rate` is written η in the equations, the gradient g.
"""

from typing import Annotated

import numpy as np

from handgrad.ops.array import Array


def sgd_step(
    param: Annotated[Array, "..."], grad: Annotated[Array, "..."], *, learning_rate: float
) -> None:
    """One step against the gradient.

        (1)  param ← param − η g

    Robbins and Monro, "A Stochastic Approximation Method", 1951.

    >>> w = np.array([1.0])
    >>> sgd_step(w, np.array([2.0]), learning_rate=0.1)
    >>> w
    array([0.8])
    """
    param -= learning_rate * grad  # (1)


def adam_step(
    param: Annotated[Array, "..."],
    grad: Annotated[Array, "..."],
    m: Annotated[Array, "..."],
    v: Annotated[Array, "..."],
    *,
    learning_rate: float,
    step: int,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> None:
    """Momentum on the gradient, divided by the root of the mean squared gradient.

        (1)  m ← β₁ m + (1 − β₁) g
        (2)  v ← β₂ v + (1 − β₂) g²
        (3)  m̂ = m / (1 − β₁ᵗ)        v̂ = v / (1 − β₂ᵗ)        (t = 1, 2, …: the step)
        (4)  param ← param − η m̂ / (√v̂ + ε)

    (3) undoes the pull of the zeros that m and v start from.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1.

    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_step(w, np.array([5.0]), m, v, learning_rate=0.1, step=1)
    >>> w.round(6)
    array([0.9])
    """
    m += (1 - beta1) * (grad - m)  # (1)
    v += (1 - beta2) * (grad * grad - v)  # (2)
    m_hat = m / (1 - beta1**step)  # (3)
    v_hat = v / (1 - beta2**step)  # (3)
    param -= learning_rate * m_hat / (np.sqrt(v_hat) + eps)  # (4)
