"""Gates: activations that keep a share of each entry, and let the entry decide how large it is.

ReLU keeps all or nothing; these go smoothly from one to the other. They keep the shape of `x`,
whatever it is, and NaN stays NaN.
"""

from typing import Annotated, NamedTuple

import numpy as np

from handgrad.ops.activations import sigmoid_forward
from handgrad.ops.array import Array


class GeluSaved(NamedTuple):
    """What `gelu_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the input, held between −10 and 10
    t: Annotated[Array, "..."]  # tanh(u), the soft switch between −1 and 1


GELU_BOUND = 10  # from here on, tanh(u) is 1 to its last digit
GELU_SCALE = (2 / np.pi) ** 0.5  # tanh(√(2/π) z) has the slope of 2 Φ(z) − 1 at z = 0
GELU_CUBIC = 0.044715  # the paper's fit of the rest of the curve


def gelu_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], GeluSaved]:
    """Keep the share Φ(x) of x, where Φ is the Gaussian distribution function, in its tanh form.

        (1)  u = √(2/π) (x + 0.044715 x³)
        (2)  t = tanh(u)
        (3)  y = x (1 + t) / 2

    The share (1 + t) / 2 is nowhere further from Φ(x) than 0.0002. Beyond ±10 the switch stands at
    ±1, so that x may be held there in (1), and its powers never overflow.

    Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415, section 2.

    >>> y, _ = gelu_forward(np.array([-100.0, 0.0, 100.0]))
    >>> y
    array([ -0.,   0., 100.])
    """
    held = np.minimum(np.maximum(x, -GELU_BOUND), GELU_BOUND)
    u = GELU_SCALE * (held + GELU_CUBIC * held * held * held)  # (1)
    t = np.tanh(u)  # (2)
    y = x * (1 + t) / 2  # (3)
    return y, GeluSaved(held, t)


def gelu_backward(dy: Annotated[Array, "..."], saved: GeluSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (3) moves with x directly and through t. The slope of x³ is 3 x², that of tanh is 1 − tanh² (as
    `tanh_backward` derives). Each line is put into the next:

        by (1)  ∂u/∂x = √(2/π) (1 + 3 · 0.044715 x²)
        by (2)  ∂t/∂x = (1 − t²) ∂u/∂x
        by (3)  ∂y/∂x = ((1 + t) + x ∂t/∂x) / 2

        dx = dy ((1 + t) + x (1 − t²) √(2/π) (1 + 3 · 0.044715 x²)) / 2

    Beyond ±10, 1 − t² is 0, and with it all that x is multiplied with: there any x will do.
    """
    x, t = saved
    u_slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x)  # (1), ∂u/∂x
    t_slope = (1 - t * t) * u_slope  # (2), ∂t/∂x
    dx = dy * ((1 + t) + x * t_slope) / 2  # (3)
    return (dx,)


class SiluSaved(NamedTuple):
    """What `silu_backward` needs from the forward pass."""

    x: Annotated[Array, "..."]  # the input
    gate: Annotated[Array, "..."]  # σ(x)


def silu_forward(x: Annotated[Array, "..."]) -> tuple[Annotated[Array, "..."], SiluSaved]:
    """Keep the share σ(x) of x, where σ is the sigmoid (also called Swish).

        (1)  gate = σ(x)
        (2)  y = x gate

    Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units", arXiv:1702.03118, section 2.

    >>> y, _ = silu_forward(np.array([-100.0, 0.0, 100.0]))
    >>> print(y.round(6))
    [ -0.   0. 100.]
    """
    gate, _ = sigmoid_forward(x)  # (1)
    y = x * gate  # (2)
    return y, SiluSaved(x, gate)


def silu_backward(dy: Annotated[Array, "..."], saved: SiluSaved) -> tuple[Annotated[Array, "..."]]:
    """Gradient with respect to `x`.

    (2) moves with x directly and through the gate, which by (1) has the sigmoid's slope:

        by (1)  ∂gate/∂x = gate (1 − gate)
        by (2)  ∂y/∂x = gate + x ∂gate/∂x = gate (1 + x (1 − gate))

        dx = dy gate (1 + x (1 − gate))
    """
    x, gate = saved
    dx = dy * gate * (1 + x * (1 - gate))  # (2, 1)
    return (dx,)
