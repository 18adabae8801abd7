"""GELU and SiLU, compiled: one pass before NumPy's exponential or hyperbolic tangent, one after.

GELU's first pass holds x within its bound and computes the argument of the switch, its second the
output; SiLU takes the two passes of the sigmoid and one more. Each backward is one pass, where
NumPy makes five (SiLU) and twelve (GELU).
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.activations import sigmoid_of
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.gates import GELU_BOUND, GELU_CUBIC, GELU_SCALE, GeluSaved, SiluSaved


@compiled
def gelu_switch(x: Array, bound: float, held: Array, u: Array) -> None:
    """x held between −bound and bound, and the argument of the switch. NaN stays NaN."""
    kind = x.dtype.type
    low, high, scale, cubic = kind(-bound), kind(bound), kind(GELU_SCALE), kind(GELU_CUBIC)
    for i in range(x.size):
        z = low if x[i] < low else x[i]
        z = high if z > high else z
        held[i] = z
        u[i] = scale * (z + cubic * z * z * z)


@compiled
def gelu_entries(x: Array, t: Array, y: Array) -> None:
    """y = x (1 + t) / 2."""
    kind = x.dtype.type
    one, half = kind(1), kind(0.5)
    for i in range(x.size):
        y[i] = x[i] * (one + t[i]) * half


@compiled
def gelu_dx(dy: Array, x: Array, t: Array, dx: Array) -> None:
    """`ops.gelu_backward`, entry by entry."""
    kind = dy.dtype.type
    one, half, scale, cubic = kind(1), kind(0.5), kind(GELU_SCALE), kind(3 * GELU_CUBIC)
    for i in range(dy.size):
        slope = (one - t[i] * t[i]) * scale * (one + cubic * x[i] * x[i])
        dx[i] = dy[i] * ((one + t[i]) + x[i] * slope) * half


@compiled
def silu_entries(x: Array, gate: Array, y: Array) -> None:
    """y = x gate."""
    for i in range(x.size):
        y[i] = x[i] * gate[i]


@compiled
def silu_dx(dy: Array, x: Array, gate: Array, dx: Array) -> None:
    """`ops.silu_backward`, entry by entry."""
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dx[i] = dy[i] * gate[i] * (one + x[i] * (one - gate[i]))


def gelu_forward(x: Array) -> tuple[Array, GeluSaved]:
    """The twin of `ops.gelu_forward`."""
    held, t, y = (np.empty(x.shape, x.dtype) for _ in range(3))
    entries = dense(x).ravel()
    gelu_switch(entries, float(GELU_BOUND), held.ravel(), t.ravel())
    np.tanh(t, out=t)
    gelu_entries(entries, t.ravel(), y.ravel())
    return y, GeluSaved(held, t)


def gelu_backward(dy: Array, saved: GeluSaved) -> tuple[Array]:
    """The twin of `ops.gelu_backward`."""
    x, t = saved
    require(dy.shape == x.shape == t.shape)
    dx = np.empty(dy.shape, dy.dtype)
    gelu_dx(dense(dy).ravel(), dense(x).ravel(), dense(t).ravel(), dx.ravel())
    return (dx,)


def silu_forward(x: Array) -> tuple[Array, SiluSaved]:
    """The twin of `ops.silu_forward`."""
    gate, y = sigmoid_of(x), np.empty(x.shape, x.dtype)
    silu_entries(dense(x).ravel(), gate.ravel(), y.ravel())
    return y, SiluSaved(x, gate)


def silu_backward(dy: Array, saved: SiluSaved) -> tuple[Array]:
    """The twin of `ops.silu_backward`."""
    x, gate = saved
    require(dy.shape == x.shape == gate.shape)
    dx = np.empty(dy.shape, dy.dtype)
    silu_dx(dense(dy).ravel(), dense(x).ravel(), dense(gate).ravel(), dx.ravel())
    return (dx,)
