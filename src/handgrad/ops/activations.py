"""Activations: functions of each entry by itself, which make a network more than one matrix.

All keep the shape of `x`, whatever it is. NaN stays NaN in all but the step, so that it is noticed.
GELU and SiLU are in `handgrad.ops.gates`.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.array import Array


class ReluSaved(NamedTuple):
    """What `relu_backward` needs from the forward pass."""

    positive: Annotated[Array, "..."]  # where x > 0


def relu_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], ReluSaved]:
    """Keep what is positive, replace the rest by zero.

        (1)  y = max(x, 0)

    Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010.

    >>> y, _ = relu_forward(np.array([-2.0, 0.0, 3.0]))
    >>> y
    array([0., 0., 3.])
    """
    y = np.maximum(x, 0)  # (1)
    return y, ReluSaved(x > 0)


def relu_backward(dy: Annotated[Array, "..."], saved: ReluSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) has slope 1 where x > 0 and slope 0 where x < 0. At x = 0 it has a kink, where every
    value between is a subgradient; like everyone else we take 0. With [x > 0] for 1 where that
    holds, else 0:

        dx = dy [x > 0]
    """
    dx = dy * saved.positive  # (1)
    return (dx,)


class LeakyReluSaved(NamedTuple):
    """What `leaky_relu_backward` needs from the forward pass."""

    positive: Annotated[Array, "..."]  # where x > 0
    slope: float  # of the other side


def leaky_relu_forward(
    x: Annotated[Array, "..."], *, slope: float = 0.01
) -> tuple[Annotated[Array, "..."], LeakyReluSaved]:
    """Keep what is positive, shrink the rest by `slope`: no entry's gradient dies.

        (1)  y = max(x, 0) + slope min(x, 0)

    Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013.

    >>> y, _ = leaky_relu_forward(np.array([-2.0, 0.0, 3.0]), slope=0.5)
    >>> y
    array([-1.,  0.,  3.])
    """
    y = np.maximum(x, 0) + slope * np.minimum(x, 0)  # (1)
    return y, LeakyReluSaved(x > 0, slope)


def leaky_relu_backward(
    dy: Annotated[Array, "..."], saved: LeakyReluSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    In (1) only the first term moves where x > 0, with slope 1, and only the second elsewhere.
    At the kink x = 0 we take the left side's `slope`, as in ReLU. With [condition] for 1 where it
    holds, else 0:

        dx = dy [x > 0] + slope dy [x ≤ 0]
    """
    positive, slope = saved
    dx = dy * positive + slope * (dy * ~positive)  # (1)
    return (dx,)


class SigmoidSaved(NamedTuple):
    """What `sigmoid_backward` needs from the forward pass."""

    y: Annotated[Array, "..."]  # the output, which knows its own slope


def sigmoid_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], SigmoidSaved]:
    """Squeeze every number into (0, 1): y = 1 / (1 + exp(−x)).

    Where x < 0, multiply numerator and denominator by exp(x). Both cases in one line:

        (1)  y = exp(min(x, 0)) / (1 + exp(−|x|))

    No exponential exceeds 1, so nothing overflows, and small values keep all their digits.

    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986.

    >>> y, _ = sigmoid_forward(np.array([0.0, np.log(3.0)]))
    >>> y
    array([0.5 , 0.75])
    """
    magnitude = np.maximum(x, -x)  # |x|, and not np.abs, which a complex step could not pass
    y = np.exp(np.minimum(x, 0)) / (1 + np.exp(-magnitude))  # (1)
    return y, SigmoidSaved(y)


def sigmoid_backward(
    dy: Annotated[Array, "..."], saved: SigmoidSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    y = 1 / (1 + exp(−x)) gives ∂y/∂x = exp(−x) / (1 + exp(−x))² = y · exp(−x) / (1 + exp(−x)),
    and the last fraction is what y lacks to 1:

        dx = dy y (1 − y)
    """
    dx = dy * saved.y * (1 - saved.y)  # (1)
    return (dx,)


class SoftplusSaved(NamedTuple):
    """What `softplus_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the input


def softplus_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], SoftplusSaved]:
    """ReLU with a round corner: y = log(1 + exp(x)), positive everywhere.

    Where x > 0, take exp(x) out of the logarithm's argument, which leaves x + log(1 + exp(−x)).
    Both cases in one line:

        (1)  y = max(x, 0) + log(1 + exp(−|x|))

    The exponential is ≤ 1, so nothing overflows; log1p keeps the digits of a small one.

    Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating Second-Order Functional Knowledge for
    Better Option Pricing", NIPS 2000.

    >>> y, _ = softplus_forward(np.log(np.array([1.0, 3.0])))
    >>> np.exp(y)  # 1 + exp(x)
    array([2., 4.])
    """
    y = np.maximum(x, 0) + np.log1p(np.exp(np.minimum(x, -x)))  # (1)
    return y, SoftplusSaved(x)


def softplus_backward(
    dy: Annotated[Array, "..."], saved: SoftplusSaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) is log(1 + exp(x)), whose slope exp(x) / (1 + exp(x)) = 1 / (1 + exp(−x)) is the sigmoid:

        dx = dy σ(x)
    """
    slope, _ = sigmoid_forward(saved.x)  # (1)
    dx = dy * slope  # (1)
    return (dx,)


class TanhSaved(NamedTuple):
    """What `tanh_backward` needs from the forward pass."""

    y: Annotated[Array, "..."]  # the output, which knows its own slope


def tanh_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], TanhSaved]:
    """Squeeze every number into (−1, 1), symmetrically about 0.

        (1)  y = tanh(x) = (exp(x) − exp(−x)) / (exp(x) + exp(−x))

    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.4.

    >>> y, _ = tanh_forward(np.array([0.0, np.log(2.0)]))
    >>> y  # (2 − 1/2) / (2 + 1/2) = 3/5
    array([0. , 0.6])
    """
    y = np.tanh(x)  # (1)
    return y, TanhSaved(y)


def tanh_backward(dy: Annotated[Array, "..."], saved: TanhSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    In (1), call the numerator a and the denominator b. Each is the other's derivative, a' = b and
    b' = a, so by the quotient rule ∂y/∂x = (a' b − a b') / b² = (b² − a²) / b² = 1 − y²:

        dx = dy (1 − y²)
    """
    dx = dy * (1 - saved.y * saved.y)  # (1)
    return (dx,)


class IdentitySaved(NamedTuple):
    """What `identity_backward` needs from the forward pass: nothing."""


def identity_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], IdentitySaved]:
    """Return a copy of `x`: the output of a regression, or a place holder in a list of layers.

        (1)  y = x

    A copy, because no op hands back its own argument: who changes y must not change x.

    >>> y, _ = identity_forward(np.array([-2.0, 3.0]))
    >>> y
    array([-2.,  3.])
    """
    y = x.copy()  # (1)
    return y, IdentitySaved()


def identity_backward(
    dy: Annotated[Array, "..."], saved: IdentitySaved
) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (1) has slope 1 everywhere:

        dx = dy
    """
    del saved  # the slope is the same for every x
    dx = dy.copy()  # (1)
    return (dx,)


class StepSaved(NamedTuple):
    """What a backward pass would need of a step: nothing, and there is none."""


def step_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], StepSaved]:
    """Say whether each entry is positive: the perceptron's activation.

        (1)  y = 1 where x > 0, else 0

    There is no `step_backward`. The slope of (1) is 0 on both sides of the jump and does not exist
    at it, so gradient descent below a step would never move a weight, though the loss depends on
    it. The sigmoid is the smooth step that was put in its place. The saved value is empty, so that
    the step can be called like every other op.

    Rosenblatt, "The perceptron", Psychological Review 65, 1958.

    >>> y, _ = step_forward(np.array([-2.0, 0.0, 3.0]))
    >>> y
    array([0., 0., 1.])
    """
    y = (x > 0).astype(x.dtype)  # (1)
    return y, StepSaved()
