"""Optimizers: an update rule of `ops.updates`, its options, and what it keeps per parameter.

Also here: clipping of gradients, and gradient descent on any function.
"""

from handgrad.optimizers.base import Optimizer
from handgrad.optimizers.clipping import all_finite, clip_by_norm
from handgrad.optimizers.descent import Descent, gradient_descent
from handgrad.optimizers.rules import (
    OPTIMIZERS,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    RMSprop,
    by_name,
)

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Descent",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "all_finite",
    "by_name",
    "clip_by_norm",
    "gradient_descent",
]
