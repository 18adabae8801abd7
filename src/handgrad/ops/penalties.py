"""Penalties: what large parameters cost, so that training prefers small ones."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class L1PenaltySaved(NamedTuple):
    """What `l1_penalty_backward` needs from the forward pass."""

    weight: Annotated[Array, "..."]  # whose signs are the slopes
    strength: float  # the factor before the sum


def l1_penalty_forward(
    weight: Annotated[Array, "..."], *, strength: float
) -> tuple[Annotated[Array, ""], L1PenaltySaved]:
    """The sum of the absolute values, times `strength`.

        (1)  penalty = strength Σ |weight|

    Every weight is pulled to zero with the same force, so that those which little depends on end
    near it.

    Tibshirani, "Regression shrinkage and selection via the lasso", J. R. Stat. Soc. B 58, 1996.

    >>> penalty, _ = l1_penalty_forward(np.array([3.0, -4.0]), strength=0.5)
    >>> print(f"{penalty} = 0.5 (3 + 4)")
    3.5 = 0.5 (3 + 4)
    """
    penalty = strength * np.maximum(weight, -weight).sum()  # (1)
    return penalty, L1PenaltySaved(weight, strength)


def l1_penalty_backward(
    dpenalty: Annotated[Array, ""], saved: L1PenaltySaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `weight`.

    In (1), |weight| has slope 1 above 0 and −1 below. At 0, a kink, we take 0, which leaves a
    weight that is exactly zero alone:

        dweight = dpenalty strength sign(weight)
    """
    weight, strength = saved
    dweight = dpenalty * strength * np.sign(weight)  # (1)
    return (dweight,)


class L2PenaltySaved(NamedTuple):
    """What `l2_penalty_backward` needs from the forward pass."""

    weight: Annotated[Array, "..."]  # which is its own slope
    strength: float  # the factor before the sum


def l2_penalty_forward(
    weight: Annotated[Array, "..."], *, strength: float
) -> tuple[Annotated[Array, ""], L2PenaltySaved]:
    """Half the sum of the squares, times `strength`.

        (1)  penalty = ½ strength Σ weight²

    With the ½, as in CS231n, the gradient is strength · weight, and one step of plain gradient
    descent shrinks every weight by the factor 1 − learning_rate · strength: weight decay.

    Krogh and Hertz, "A simple weight decay can improve generalization", NIPS 1991.

    >>> penalty, _ = l2_penalty_forward(np.array([3.0, -4.0]), strength=0.5)
    >>> print(f"{penalty} = 0.5 (9 + 16) / 2")
    6.25 = 0.5 (9 + 16) / 2
    """
    penalty = strength * (weight * weight).sum() / 2  # (1)
    return penalty, L2PenaltySaved(weight, strength)


def l2_penalty_backward(
    dpenalty: Annotated[Array, ""], saved: L2PenaltySaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `weight`.

    In (1), each ½ weight² has slope weight:

        dweight = dpenalty strength weight
    """
    weight, strength = saved
    dweight = dpenalty * strength * weight  # (1)
    return (dweight,)
