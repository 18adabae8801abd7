"""Penalties, compiled: one pass over a parameter, where NumPy makes several and fills arrays.

A penalty is a sum over all entries, kept in float64: as vector instructions it takes about as long
as reading the parameter once. NumPy writes the magnitudes, or the squares, into an array first.
The gradient of the L1 penalty looks at signs, which NumPy's `sign` decides one at a time; here it
is two choices per entry, side by side. That of the L2 penalty is one product and has no twin.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.penalties import L1PenaltySaved, L2PenaltySaved


@compiled
def sum_of_magnitudes(weight: Array) -> float:
    """Σ |weight|."""
    total = 0.0
    for i in range(weight.size):
        total += abs(weight[i])
    return total


@compiled
def sum_of_squares(weight: Array) -> float:
    """Σ weight²."""
    total = 0.0
    for i in range(weight.size):
        total += weight[i] * weight[i]
    return total


@compiled
def along_signs(weight: Array, slope: float, dweight: Array) -> None:
    """dweight = slope sign(weight); 0 and NaN are their own signs."""
    up, down = weight.dtype.type(slope), weight.dtype.type(-slope)
    for i in range(weight.size):
        dweight[i] = up if weight[i] > 0 else (down if weight[i] < 0 else weight[i])


def l1_penalty_forward(weight: Array, *, strength: float) -> tuple[Array, L1PenaltySaved]:
    """The twin of `ops.l1_penalty_forward`."""
    penalty = weight.dtype.type(strength * sum_of_magnitudes(dense(weight).ravel()))
    return penalty, L1PenaltySaved(weight, strength)


def l1_penalty_backward(dpenalty: Array, saved: L1PenaltySaved) -> tuple[Array]:
    """The twin of `ops.l1_penalty_backward`."""
    weight, strength = saved
    require(np.ndim(dpenalty) == 0)
    dweight = np.empty(weight.shape, weight.dtype)
    along_signs(dense(weight).ravel(), float(dpenalty * strength), dweight.ravel())
    return (dweight,)


def l2_penalty_forward(weight: Array, *, strength: float) -> tuple[Array, L2PenaltySaved]:
    """The twin of `ops.l2_penalty_forward`."""
    penalty = weight.dtype.type(strength * sum_of_squares(dense(weight).ravel()) / 2)
    return penalty, L2PenaltySaved(weight, strength)
