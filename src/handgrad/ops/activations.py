"""Activations: functions of each entry by itself, which make a network more than one matrix."""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class ReluSaved(NamedTuple):
    """What `relu_backward` needs from the forward pass."""

    positive: Annotated[Array, "..."]  # where x > 0


def relu_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], ReluSaved]:
    """Keep what is positive, replace the rest by zero.

        (1)  y = x where x > 0, else 0

    Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010.

    >>> y, _ = relu_forward(np.array([-2.0, 0.0, 3.0]))
    >>> y
    array([0., 0., 3.])
    """
    positive = x > 0
    y = np.where(positive, x, np.zeros_like(x))  # (1)
    return y, ReluSaved(positive)


def relu_backward(dy: Annotated[Array, "..."], saved: ReluSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) has slope 1 where x > 0 and slope 0 where x < 0. At x = 0 it has a kink, where every
    value between is a subgradient; like everyone else we take 0:

        dx = dy where x > 0, else 0
    """
    dx = np.where(saved.positive, dy, np.zeros_like(dy))  # (1)
    return (dx,)
