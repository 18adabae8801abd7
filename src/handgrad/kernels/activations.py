"""Activations, compiled: all that is done to an entry in one pass, where NumPy makes several.

Exponentials and hyperbolic tangents are left to NumPy, which computes many at once; what stands
before and after them becomes a pass each. (Where nothing does, as in tanh's forward pass, there is
no twin.) Softplus's logarithm is NumPy's too.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense
from handgrad.ops.activations import (
    LeakyReluSaved,
    ReluSaved,
    SigmoidSaved,
    SoftplusSaved,
    TanhSaved,
)


@compiled
def relu_entries(x: Array, y: Array, positive: Array) -> None:
    """`ops.relu_forward`, entry by entry. NaN stays NaN."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]
        positive[i] = x[i] > zero


@compiled
def relu_dx(dy: Array, positive: Array, dx: Array) -> None:
    """`ops.relu_backward`, entry by entry."""
    kind = dy.dtype.type
    for i in range(dy.size):
        dx[i] = dy[i] * kind(positive[i])


def relu_forward(x: Array) -> tuple[Array, ReluSaved]:
    """The twin of `ops.relu_forward`."""
    y, positive = np.empty(x.shape, x.dtype), np.empty(x.shape, np.bool_)
    relu_entries(dense(x).ravel(), y.ravel(), positive.ravel())
    return y, ReluSaved(positive)


def relu_backward(dy: Array, saved: ReluSaved) -> tuple[Array]:
    """The twin of `ops.relu_backward`."""
    require(dy.shape == saved.positive.shape)
    require(saved.positive.dtype == np.bool_)
    dx = np.empty(dy.shape, dy.dtype)
    relu_dx(dense(dy).ravel(), dense(saved.positive).ravel(), dx.ravel())
    return (dx,)


@compiled
def leaky_relu_entries(x: Array, slope: float, y: Array, positive: Array) -> None:
    """`ops.leaky_relu_forward`, entry by entry."""
    leak = x.dtype.type(slope)
    for i in range(x.size):
        positive[i] = x[i] > 0
        y[i] = x[i] if x[i] > 0 else leak * x[i]


@compiled
def leaky_relu_dx(dy: Array, positive: Array, slope: float, dx: Array) -> None:
    """`ops.leaky_relu_backward`, entry by entry."""
    leak = dy.dtype.type(slope)
    for i in range(dy.size):
        dx[i] = dy[i] if positive[i] else leak * dy[i]


@compiled
def below_zero(x: Array, y: Array) -> None:
    """y = −|x|."""
    for i in range(x.size):
        y[i] = -x[i] if x[i] > 0 else x[i]


@compiled
def sigmoid_entries(x: Array, y: Array) -> None:
    """The sigmoid of x; y holds exp(−|x|)."""
    one = x.dtype.type(1)
    for i in range(x.size):
        y[i] = (one if x[i] > 0 else y[i]) / (one + y[i])


@compiled
def sigmoid_dx(dy: Array, y: Array, dx: Array) -> None:
    """`ops.sigmoid_backward`, entry by entry."""
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


@compiled
def add_positive(x: Array, y: Array) -> None:
    """y ← max(x, 0) + y. NaN stays NaN."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] += zero if x[i] < zero else x[i]


@compiled
def softplus_dx(dy: Array, x: Array, dx: Array) -> None:
    """`ops.softplus_backward`, entry by entry; dx holds exp(−|x|)."""
    one = x.dtype.type(1)
    for i in range(x.size):
        dx[i] = dy[i] * ((one if x[i] > 0 else dx[i]) / (one + dx[i]))


@compiled
def tanh_dx(dy: Array, y: Array, dx: Array) -> None:
    """`ops.tanh_backward`, entry by entry."""
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dx[i] = dy[i] * (one - y[i] * y[i])


def leaky_relu_forward(x: Array, *, slope: float = 0.01) -> tuple[Array, LeakyReluSaved]:
    """The twin of `ops.leaky_relu_forward`."""
    y, positive = np.empty(x.shape, x.dtype), np.empty(x.shape, np.bool_)
    leaky_relu_entries(dense(x).ravel(), float(slope), y.ravel(), positive.ravel())
    return y, LeakyReluSaved(positive, slope)


def leaky_relu_backward(dy: Array, saved: LeakyReluSaved) -> tuple[Array]:
    """The twin of `ops.leaky_relu_backward`."""
    positive, slope = saved
    require(dy.shape == positive.shape)
    require(positive.dtype == np.bool_)
    dx = np.empty(dy.shape, dy.dtype)
    leaky_relu_dx(dense(dy).ravel(), dense(positive).ravel(), float(slope), dx.ravel())
    return (dx,)


def decayed(entries: Array) -> Array:
    """exp(−|x|) of every entry of a dense array."""
    y = np.empty(entries.shape, entries.dtype)
    below_zero(entries.ravel(), y.ravel())
    return np.exp(y, out=y)


def sigmoid_of(x: Array) -> Array:
    """The sigmoid of every entry."""
    entries = dense(x)
    y = decayed(entries)
    sigmoid_entries(entries.ravel(), y.ravel())
    return y


def softness(entries: Array) -> Array:
    """log(1 + exp(−|x|)) of every entry of a dense array."""
    y = decayed(entries)
    return np.log1p(y, out=y)


def sigmoid_forward(x: Array) -> tuple[Array, SigmoidSaved]:
    """The twin of `ops.sigmoid_forward`."""
    y = sigmoid_of(x)
    return y, SigmoidSaved(y)


def sigmoid_backward(dy: Array, saved: SigmoidSaved) -> tuple[Array]:
    """The twin of `ops.sigmoid_backward`."""
    require(dy.shape == saved.y.shape)
    dx = np.empty(dy.shape, dy.dtype)
    sigmoid_dx(dense(dy).ravel(), dense(saved.y).ravel(), dx.ravel())
    return (dx,)


def softplus_forward(x: Array) -> tuple[Array, SoftplusSaved]:
    """The twin of `ops.softplus_forward`."""
    entries = dense(x)
    y = softness(entries)
    add_positive(entries.ravel(), y.ravel())
    return y, SoftplusSaved(x)


def softplus_backward(dy: Array, saved: SoftplusSaved) -> tuple[Array]:
    """The twin of `ops.softplus_backward`."""
    require(dy.shape == saved.x.shape)
    entries = dense(saved.x)
    dx = decayed(entries)
    softplus_dx(dense(dy).ravel(), entries.ravel(), dx.ravel())
    return (dx,)


def tanh_backward(dy: Array, saved: TanhSaved) -> tuple[Array]:
    """The twin of `ops.tanh_backward`."""
    require(dy.shape == saved.y.shape)
    dx = np.empty(dy.shape, dy.dtype)
    tanh_dx(dense(dy).ravel(), dense(saved.y).ravel(), dx.ravel())
    return (dx,)
