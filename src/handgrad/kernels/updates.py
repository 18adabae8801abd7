"""The optimizers' steps, compiled: all equations of a rule for one entry, then the next entry.

NumPy makes one pass over memory for each operation, and most of a step's time goes into fetching
and storing: adam_step reads and writes its four arrays a dozen times. Here every number is fetched
once and stored once, and the arithmetic, as vector instructions, hides behind that.

The arrays are taken as flat ones, whatever their shape, and changed where they lie. Options come
as Python's floats and are brought to the arrays' dtype inside, so that a float32 step is float32
arithmetic throughout. `sgd_step` has no twin: it makes two passes only, and for the small arrays of
a network NumPy's call is the cheaper one.

Moving means that fell below the smallest normal number are set to 0. They can no longer move a
parameter, but processors need far longer for arithmetic with such numbers, and all
slots of a unit that died get there.
"""

import numpy as np

from handgrad.checks import Array
from handgrad.kernels import require
from handgrad.kernels.jit import compiled, dense


def in_place(param: Array, grad: Array, *slots: Array) -> list[Array]:
    """Flat views of `param`, `grad` and the slots: what is done to them is done to the arrays.

    Raises:
        Unsuitable: a shape differs, or an array that changes is not in one piece.
    """
    whole = grad.shape == param.shape and param.flags.carray
    for slot in slots:
        whole = whole and slot.shape == param.shape and slot.flags.carray
    require(whole)
    return [param.ravel(), dense(grad).ravel(), *[slot.ravel() for slot in slots]]


@compiled
def settled(value: float, smallest: float, zero: float) -> float:
    """The value, or 0 where it is too small to be a normal number. NaN stays NaN."""
    return zero if abs(value) < smallest else value


@compiled
def momentum_kernel(
    learning_rate: float, momentum: float, param: Array, grad: Array, v: Array
) -> None:
    """`ops.momentum_step`, entry by entry."""
    kind, smallest = param.dtype.type, np.finfo(param.dtype).tiny
    rate, friction, zero = kind(learning_rate), kind(momentum), kind(0)
    for i in range(param.size):
        v[i] = settled(friction * v[i] - rate * grad[i], smallest, zero)
        param[i] += v[i]


def momentum_step(
    param: Array, grad: Array, v: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """The twin of `ops.momentum_step`."""
    momentum_kernel(float(learning_rate), float(momentum), *in_place(param, grad, v))


@compiled
def nesterov_kernel(
    learning_rate: float, momentum: float, param: Array, grad: Array, v: Array
) -> None:
    """`ops.nesterov_step`, entry by entry."""
    kind, smallest = param.dtype.type, np.finfo(param.dtype).tiny
    rate, friction, zero = kind(learning_rate), kind(momentum), kind(0)
    for i in range(param.size):
        push = rate * grad[i]
        v[i] = settled(friction * v[i] - push, smallest, zero)
        param[i] += friction * v[i] - push


def nesterov_step(
    param: Array, grad: Array, v: Array, *, learning_rate: float, momentum: float = 0.9
) -> None:
    """The twin of `ops.nesterov_step`."""
    nesterov_kernel(float(learning_rate), float(momentum), *in_place(param, grad, v))


@compiled
def adagrad_kernel(learning_rate: float, eps: float, param: Array, grad: Array, h: Array) -> None:
    """`ops.adagrad_step`, entry by entry."""
    kind = param.dtype.type
    rate, floor = kind(learning_rate), kind(eps)
    for i in range(param.size):
        h[i] += grad[i] * grad[i]
        param[i] -= rate * grad[i] / (np.sqrt(h[i]) + floor)


def adagrad_step(
    param: Array, grad: Array, h: Array, *, learning_rate: float, eps: float = 1e-10
) -> None:
    """The twin of `ops.adagrad_step`."""
    adagrad_kernel(float(learning_rate), float(eps), *in_place(param, grad, h))


@compiled
def rmsprop_kernel(
    learning_rate: float, fresh: float, eps: float, param: Array, grad: Array, h: Array
) -> None:
    """`ops.rmsprop_step`, entry by entry; `fresh` is 1 − ρ."""
    kind, smallest = param.dtype.type, np.finfo(param.dtype).tiny
    rate, share, floor, zero = kind(learning_rate), kind(fresh), kind(eps), kind(0)
    for i in range(param.size):
        h[i] = settled(h[i] + share * (grad[i] * grad[i] - h[i]), smallest, zero)
        param[i] -= rate * grad[i] / (np.sqrt(h[i]) + floor)


def rmsprop_step(
    param: Array,
    grad: Array,
    h: Array,
    *,
    learning_rate: float,
    rho: float = 0.99,
    eps: float = 1e-8,
) -> None:
    """The twin of `ops.rmsprop_step`."""
    rmsprop_kernel(float(learning_rate), float(1 - rho), float(eps), *in_place(param, grad, h))


@compiled
def adadelta_kernel(
    learning_rate: float, fresh: float, eps: float, param: Array, grad: Array, h: Array, u: Array
) -> None:
    """`ops.adadelta_step`, entry by entry; `fresh` is 1 − ρ."""
    kind, smallest = param.dtype.type, np.finfo(param.dtype).tiny
    rate, share, floor, zero = kind(learning_rate), kind(fresh), kind(eps), kind(0)
    for i in range(param.size):
        h[i] = settled(h[i] + share * (grad[i] * grad[i] - h[i]), smallest, zero)
        delta = grad[i] * np.sqrt((u[i] + floor) / (h[i] + floor))
        u[i] = settled(u[i] + share * (delta * delta - u[i]), smallest, zero)
        param[i] -= rate * delta


def adadelta_step(
    param: Array,
    grad: Array,
    h: Array,
    u: Array,
    *,
    learning_rate: float,
    rho: float = 0.9,
    eps: float = 1e-6,
) -> None:
    """The twin of `ops.adadelta_step`."""
    adadelta_kernel(float(learning_rate), float(1 - rho), float(eps), *in_place(param, grad, h, u))


@compiled
def adam_kernel(
    corrected_rate: float,
    fresh1: float,
    fresh2: float,
    correction2: float,
    eps: float,
    param: Array,
    grad: Array,
    m: Array,
    v: Array,
) -> None:
    """`ops.adam_step`, entry by entry.

    `fresh1` and `fresh2` are 1 − β₁ and 1 − β₂. What (3) does to m is in `corrected_rate`,
    η / (1 − β₁ᵗ); `correction2` is 1 − β₂ᵗ.
    """
    kind, smallest = param.dtype.type, np.finfo(param.dtype).tiny
    rate, share1, share2, zero = kind(corrected_rate), kind(fresh1), kind(fresh2), kind(0)
    correction, floor = kind(correction2), kind(eps)
    for i in range(param.size):
        m[i] = settled(m[i] + share1 * (grad[i] - m[i]), smallest, zero)
        v[i] = settled(v[i] + share2 * (grad[i] * grad[i] - v[i]), smallest, zero)
        param[i] -= rate * m[i] / (np.sqrt(v[i] / correction) + floor)


def adam_step(
    param: Array,
    grad: Array,
    m: Array,
    v: Array,
    *,
    learning_rate: float,
    step: int,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> None:
    """The twin of `ops.adam_step`."""
    corrected_rate, correction2 = learning_rate / (1 - beta1**step), 1 - beta2**step
    adam_kernel(
        float(corrected_rate),
        float(1 - beta1),
        float(1 - beta2),
        float(correction2),
        float(eps),
        *in_place(param, grad, m, v),
    )
